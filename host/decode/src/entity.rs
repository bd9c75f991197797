//! Entities, as an export holds them, to columns.

use crate::columns::{Column, Values};
use crate::name::Name;
use crate::projection::Projection;
use crate::property::{EMPTY_ARRAY, MAP, NONE, Property, VECTOR, Value, value};
use crate::rows::Rows;
use crate::value::{Halt, Kind};
use crate::wire::{BYTES, Span, Wire, broken};

/// The properties of one name, in the order of the record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) first: u32,
    pub(crate) last: u32,
}

const MISSING: Field = Field { first: NONE, last: NONE };
/// Stands for a property whose value is in its column already.
const PUT: u32 = NONE - 1;

/// Whether a property needs not be collected.
enum Taken {
    Yes,
    No,
    /// It is the second of its name, and the first has been taken.
    Twice,
}

/// Whether two names are equal. Most have 4 to 16 bytes, for which a call of `memcmp` costs more than the comparison.
#[inline(always)]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        8..=16 => a.first_chunk::<8>() == b.first_chunk::<8>() && a.last_chunk::<8>() == b.last_chunk::<8>(),
        4..=7 => a.first_chunk::<4>() == b.first_chunk::<4>() && a.last_chunk::<4>() == b.last_chunk::<4>(),
        _ => a == b,
    }
}

/// Reads entities. Its buffers are kept from one to the next.
#[derive(Debug)]
pub(crate) struct Entities {
    pub(crate) properties: Vec<Property>,
    fields: Vec<Field>,
    pub(crate) text: Vec<u8>,
    pub(crate) max_depth: usize,
    /// Values of legacy meanings in the record at hand.
    pub(crate) legacy: u64,
}

impl Entities {
    pub(crate) fn new(max_depth: usize) -> Self {
        Self { properties: Vec::new(), fields: Vec::new(), text: Vec::new(), max_depth, legacy: 0 }
    }

    /// Fills the columns of a document's fields and of the document as a whole.
    pub(crate) fn read(
        &mut self,
        record: &[u8],
        name: &Name,
        projection: &Projection,
        rows: &mut Rows,
    ) -> Result<(), Halt> {
        self.properties.clear();
        self.fields.clear();
        self.legacy = 0;
        if projection.reads_fields() {
            let whole = Span::new(0, record.len()).ok_or_else(|| broken("it is larger than 4 GiB"))?;
            self.map(record, whole, projection, 0, rows, 0)?;
        }
        for index in &projection.documents {
            // The whole document has every value that has been counted so far.
            self.legacy = 0;
            if let Some(out) = rows.column(*index).and_then(Column::json) {
                self.document(record, name, out)?;
            }
            if let Some(column) = rows.column(*index) {
                column.end_json();
            }
        }
        Ok(())
    }
    /// Finds the properties of the named fields of an entity. Returns where their [`Field`]s begin.
    fn collect(&mut self, record: &[u8], entity: Span, names: &[Box<[u8]>]) -> Result<usize, Halt> {
        self.collect_or(record, entity, names, |_, _, _| Ok(Taken::No)).map(|(base, _)| base)
    }

    /// The same. Properties that `take` takes are not collected; where it cannot be decided whether one may be, the second is `false`, and
    /// nothing counts.
    #[inline(always)]
    fn collect_or(
        &mut self,
        record: &[u8],
        entity: Span,
        names: &[Box<[u8]>],
        mut take: impl FnMut(&mut Self, usize, &Property) -> Result<Taken, Halt>,
    ) -> Result<(usize, bool), Halt> {
        let base = self.fields.len();
        self.fields.resize(base + names.len(), MISSING);
        // Documents of one kind tend to have their fields in one order.
        let mut guess = 0;
        let mut property = Property::default();
        let mut wire = Wire::new(record, entity);
        while !wire.is_at_end() {
            let raw = if wire.eat(15, BYTES) {
                true
            } else if wire.eat(14, BYTES) {
                false
            } else {
                let (number, wire_type) = wire.tag()?;
                if wire_type != BYTES || !matches!(number, 14 | 15) {
                    wire.skip(number, wire_type)?;
                    continue;
                }
                number == 15
            };
            property.read(record, wire.part()?, raw)?;
            let name = property.name.of(record);
            let found = match names.get(guess) {
                Some(guessed) if is_same(guessed, name) => Some(guess),
                _ => names.iter().position(|n| is_same(n, name)),
            };
            let Some(found) = found else { continue };
            guess = if property.multiple { found } else { found + 1 };
            match take(self, base + found, &property)? {
                Taken::No => {}
                Taken::Yes => continue,
                Taken::Twice => return Ok((base, false)),
            }
            let index = u32::try_from(self.properties.len())
                .ok()
                .filter(|index| *index < PUT)
                .ok_or_else(|| broken("it has too many properties"))?;
            if let Some(field) = self.fields.get_mut(base + found) {
                if field.first == NONE {
                    field.first = index;
                } else if let Some(last) = self.properties.get_mut(field.last as usize) {
                    last.next = index;
                }
                field.last = index;
            }
            self.properties.push(property);
        }
        Ok((base, true))
    }

    fn get(&self, index: u32) -> Option<Property> {
        self.properties.get(index as usize).copied()
    }

    /// The property that is the whole value of a field, where it is no array and no vector.
    pub(crate) fn single(&self, field: Field) -> Option<Property> {
        if field.first != field.last {
            return None;
        }
        self.get(field.first).filter(|p| !p.multiple && !matches!(p.meaning, EMPTY_ARRAY | VECTOR))
    }

    /// Whether the properties of a field are the components of a vector.
    pub(crate) fn is_vector(&self, field: Field) -> bool {
        let mut at = field.first;
        while let Some(property) = self.get(at) {
            if property.meaning != VECTOR {
                return false;
            }
            at = property.next;
        }
        true
    }

    /// Calls `f` with the elements of an array: those of the indexed properties first, as Google's importer orders them.
    pub(crate) fn elements(
        &mut self,
        field: Field,
        mut f: impl FnMut(&mut Self, Property) -> Result<(), Halt>,
    ) -> Result<(), Halt> {
        for raw in [false, true] {
            let mut at = field.first;
            while let Some(property) = self.get(at) {
                // An empty array has no element; neither has it one beside others.
                let is_marker = property.value.is_empty() && matches!(property.meaning, EMPTY_ARRAY | VECTOR);
                if property.raw == raw && !is_marker {
                    f(self, property)?;
                }
                at = property.next;
            }
        }
        Ok(())
    }

    /// Fills the columns that a node of the projection asks for.
    fn map(
        &mut self,
        record: &[u8],
        entity: Span,
        projection: &Projection,
        node: usize,
        rows: &mut Rows,
        depth: usize,
    ) -> Result<(), Halt> {
        if depth > self.max_depth {
            return Err(Halt::too_deep(self.max_depth));
        }
        let Some(node) = projection.node(node) else { return Ok(()) };
        let (mark, fields, legacy) = (self.properties.len(), self.fields.len(), self.legacy);
        // A value that one column asks for is put there at once; that it is the whole value shows only at the end, when no other of its name
        // has come.
        let (mut base, is_all) = self.collect_or(record, entity, &node.names, |entities, at, property| {
            let Some(field) = entities.fields.get_mut(at) else { return Ok(Taken::No) };
            if field.first == PUT {
                return Ok(Taken::Twice);
            }
            let column = node.only.get(at - fields).copied().flatten();
            let (Some(column), NONE, false) = (column, field.first, property.multiple) else { return Ok(Taken::No) };
            if matches!(property.meaning, EMPTY_ARRAY | VECTOR | MAP) {
                return Ok(Taken::No);
            }
            let before = entities.legacy;
            *field = Field { first: PUT, last: PUT };
            if let Ok(Value::Plain(plain)) = &value(record, property, &mut entities.text, &mut entities.legacy)
                && rows.put(column, plain).is_ok()
            {
                return Ok(Taken::Yes);
            }
            // It cannot be read, or does not fit, or not yet: it may be the first of several. Read again when all are known, and refused then with
            // its path.
            *field = MISSING;
            entities.legacy = before;
            rows.take_back(column);
            Ok(Taken::No)
        })?;
        if !is_all {
            for column in node.only.iter().copied().flatten() {
                rows.take_back(column);
            }
            self.properties.truncate(mark);
            self.fields.truncate(fields);
            self.legacy = legacy;
            base = self.collect(record, entity, &node.names)?;
        }
        for (i, (child, name)) in node.children.iter().zip(&node.names).enumerate() {
            let Some(field) = self.fields.get(base + i).copied() else { continue };
            if !matches!(field.first, NONE | PUT) {
                self.field(record, field, projection, *child, rows, depth + 1).map_err(|halt| halt.inside(name))?;
            }
        }
        self.properties.truncate(mark);
        self.fields.truncate(base);
        Ok(())
    }

    fn field(
        &mut self,
        record: &[u8],
        field: Field,
        projection: &Projection,
        node: usize,
        rows: &mut Rows,
        depth: usize,
    ) -> Result<(), Halt> {
        let Some(target) = projection.node(node) else { return Ok(()) };
        let mut text = std::mem::take(&mut self.text);
        let single = match self.single(field) {
            Some(property) => Some(value(record, &property, &mut text, &mut self.legacy)?),
            None => None,
        };
        let (kind, map) = match &single {
            Some(Value::Plain(plain)) => {
                for column in &target.values {
                    rows.put(*column, plain)?;
                }
                (plain.kind(), None)
            }
            Some(Value::Map(entity)) => (Kind::Map, Some(*entity)),
            Some(Value::Other(_)) => (Kind::Other, None),
            None if self.is_vector(field) => (Kind::Vector, None),
            None => (Kind::Array, None),
        };
        let is_plain = matches!(single, Some(Value::Plain(_)));
        self.text = text;
        for column in &target.types {
            rows.put_text(*column, kind.name().as_bytes());
        }
        if !is_plain {
            let counted = self.legacy;
            for index in &target.values {
                let Some(column) = rows.column(*index) else { continue };
                // Each column reads the same values: they count once.
                self.legacy = counted;
                let fit = self.fill(record, field, column, depth);
                rows.settle(*index, fit)?;
            }
        }
        match map {
            Some(entity) if !target.names.is_empty() => self.map(record, entity, projection, node, rows, depth),
            None if !target.names.is_empty() && kind != Kind::Null => rows.lead_astray(node, kind),
            _ => Ok(()),
        }
    }

    /// Adds the value of a field to a column.
    fn fill(&mut self, record: &[u8], field: Field, column: &mut Column, depth: usize) -> Result<(), Halt> {
        if let Some(property) = self.single(field) {
            return self.fill_one(record, property, column, depth);
        }
        if let Some(out) = column.json() {
            self.write_field(record, field, out, depth)?;
            column.end_json();
            return Ok(());
        }
        let is_vector = self.is_vector(field);
        let Values::List { child, .. } = &mut column.values else {
            return Err(Halt::Mismatch(if is_vector { Kind::Vector } else { Kind::Array }));
        };
        if is_vector && !matches!(child.values, Values::Float64(_)) {
            return Err(Halt::Mismatch(Kind::Vector));
        }
        let mut count = 0_usize;
        self.elements(field, |entities, property| {
            let done = entities.fill_one(record, property, child, depth + 1);
            count += 1;
            done.map_err(|halt| halt.inside(format!("[{}]", count - 1).as_bytes()))
        })?;
        column.end_list();
        Ok(())
    }

    /// Adds the value of one property to a column.
    fn fill_one(&mut self, record: &[u8], property: Property, column: &mut Column, depth: usize) -> Result<(), Halt> {
        if depth > self.max_depth {
            return Err(Halt::too_deep(self.max_depth));
        }
        let mut text = std::mem::take(&mut self.text);
        let found = value(record, &property, &mut text, &mut self.legacy)?;
        let (entity, kind) = match found {
            Value::Plain(plain) => {
                let done = column.put(&plain);
                self.text = text;
                return done;
            }
            Value::Map(entity) => (Some(entity), Kind::Map),
            Value::Other(_) => (None, Kind::Other),
        };
        self.text = text;
        if let Some(out) = column.json() {
            self.write_one(record, property, out, depth)?;
            column.end_json();
            return Ok(());
        }
        let (Some(entity), Values::Struct { names, fields, .. }) = (entity, &mut column.values) else {
            return Err(Halt::Mismatch(kind));
        };
        let mark = self.properties.len();
        let base = self.collect(record, entity, names)?;
        for (i, (column, name)) in fields.iter_mut().zip(names.iter()).enumerate() {
            match self.fields.get(base + i).copied().filter(|f| f.first != NONE) {
                Some(field) => self.fill(record, field, column, depth + 1).map_err(|halt| halt.inside(name))?,
                None => column.push_null(),
            }
        }
        self.properties.truncate(mark);
        self.fields.truncate(base);
        column.end_struct();
        Ok(())
    }
}
