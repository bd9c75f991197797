//! Entities, as an export holds them, to columns. Field numbers and meanings are those of App Engine's `EntityProto` (proto2, with
//! groups), of which Firestore's exports use a part.

use crate::columns::{Column, Values};
use crate::name::Name;
use crate::projection::Projection;
use crate::rest;
use crate::rows::Rows;
use crate::value::{Halt, Kind, Plain};
use crate::wire::{BYTES, FIXED64, GROUP, GROUP_END, Span, VARINT, Wire, broken};

/// Meanings of properties.
const TIMESTAMP: u32 = 7;
const GEO_POINT: u32 = 9;
const BLOB: u32 = 14;
const INDEXED_BYTES: u32 = 16;
const MAP: u32 = 19;
const EMPTY_ARRAY: u32 = 24;
const VECTOR: u32 = 31;
const DECIMAL128: u32 = 32;
const BINARY: u32 = 33;
const OBJECT_ID: u32 = 34;
const REGEX: u32 = 35;
const INT32: u32 = 36;
const REQUEST_TIMESTAMP: u32 = 37;
const MIN_KEY: u32 = 38;
const MAX_KEY: u32 = 39;

/// No property; ends a chain.
const NONE: u32 = u32::MAX;

/// A property of an entity: a field, or one element of an array.
#[derive(Debug, Clone, Copy)]
struct Property {
    name: Span,
    value: Span,
    meaning: u32,
    /// It is one element of an array.
    multiple: bool,
    /// It is not indexed: field 15, not 14.
    raw: bool,
    /// The next property of the same name.
    next: u32,
}

/// The properties of one name, in the order of the record.
#[derive(Debug, Clone, Copy)]
struct Field {
    first: u32,
    last: u32,
}

const MISSING: Field = Field { first: NONE, last: NONE };

/// A property's value.
enum Value<'a> {
    Plain(Plain<'a>),
    /// The entity that is a map.
    Map(Span),
    /// A type of the Enterprise edition, by its meaning.
    Other(u32),
}

/// Reads entities. Its buffers are kept from one to the next.
#[derive(Debug)]
pub(crate) struct Entities {
    properties: Vec<Property>,
    fields: Vec<Field>,
    text: Vec<u8>,
    max_depth: usize,
    /// Values of legacy meanings in the record at hand.
    pub(crate) legacy: u64,
}

/// Where the key and, if it comes first, nothing before it lies: a record is the fields of an entity.
fn key_of(record: &[u8]) -> Result<Span, Halt> {
    let whole = Span::new(0, record.len()).ok_or_else(|| broken("it is larger than 4 GiB"))?;
    let mut wire = Wire::new(record, whole);
    while !wire.is_at_end() {
        match wire.tag()? {
            (13, BYTES) => return wire.part(),
            (number, wire_type) => wire.skip(number, wire_type)?,
        }
    }
    Err(broken("it has no key"))
}

fn utf8(bytes: &[u8], what: &str) -> Result<(), Halt> {
    match simdutf8::basic::from_utf8(bytes) {
        Ok(_) => Ok(()),
        Err(_) => Err(Halt::refuse("decode.utf8", None, format!("{what} is not UTF-8"))),
    }
}

/// Reads a key's parts into a name: `app` is like `s~project`, the database `(default)` where the key has none.
fn begin_name(name: &mut Name, app: &[u8], database: &[u8]) -> Result<(), Halt> {
    utf8(app, "the project of a key")?;
    utf8(database, "the database of a key")?;
    let project = memchr::memchr(b'~', app).and_then(|at| app.get(at + 1..)).unwrap_or(app);
    name.text.extend_from_slice(b"projects/");
    name.text.extend_from_slice(project);
    name.text.extend_from_slice(b"/databases/");
    name.text.extend_from_slice(if database.is_empty() { b"(default)" } else { database });
    name.begin_path();
    Ok(())
}

/// Reads one element of a path, a group whose start has been read: a collection, and a text or a number. The numbers of its fields differ
/// between keys and references.
fn path_element(wire: &mut Wire<'_>, record: &[u8], name: &mut Name, group: u32, at: [u32; 3]) -> Result<(), Halt> {
    let [collection_at, integer_at, text_at] = at;
    let (mut collection, mut integer, mut text) = (None, None, None);
    loop {
        match wire.tag()? {
            (number, BYTES) if number == collection_at => collection = Some(wire.part()?),
            (number, VARINT) if number == integer_at => integer = Some(wire.varint()?.cast_signed()),
            (number, BYTES) if number == text_at => text = Some(wire.part()?),
            (number, GROUP_END) if number == group => break,
            (number, wire_type) => wire.skip(number, wire_type)?,
        }
    }
    let Some(collection) = collection else { return Err(broken("an element of a path has no collection")) };
    let mut segment = |bytes: &[u8]| {
        utf8(bytes, "a path")?;
        if bytes.is_empty() {
            return Err(broken("a path has an empty segment"));
        }
        name.segment(|out| out.extend_from_slice(bytes));
        Ok(())
    };
    segment(collection.of(record))?;
    match (text, integer) {
        (Some(text), _) => segment(text.of(record)),
        (None, Some(id)) => {
            use std::io::Write;
            // Writing to a vector cannot fail.
            name.segment(|out| drop(write!(out, "__id{id}__")));
            Ok(())
        }
        (None, None) => Err(broken("an element of a path has no id")),
    }
}

/// Reads the name of a record's document.
pub(crate) fn read_name(record: &[u8], name: &mut Name) -> Result<(), Halt> {
    name.clear();
    let (mut app, mut database, mut path) = (Span::default(), Span::default(), None);
    let mut wire = Wire::new(record, key_of(record)?);
    while !wire.is_at_end() {
        match wire.tag()? {
            (13, BYTES) => app = wire.part()?,
            (14, BYTES) => path = Some(wire.part()?),
            (23, BYTES) => database = wire.part()?,
            (number, wire_type) => wire.skip(number, wire_type)?,
        }
    }
    begin_name(name, app.of(record), database.of(record))?;
    let Some(path) = path else { return Err(broken("its key has no path")) };
    let mut wire = Wire::new(record, path);
    while !wire.is_at_end() {
        match wire.tag()? {
            (1, GROUP) => path_element(&mut wire, record, name, 1, [2, 3, 4])?,
            (number, wire_type) => wire.skip(number, wire_type)?,
        }
    }
    if name.segments() == 0 {
        return Err(broken("its key has an empty path"));
    }
    Ok(())
}

/// Reads a property.
#[inline]
fn property(record: &[u8], part: Span, raw: bool) -> Result<Property, Halt> {
    let mut wire = Wire::new(record, part);
    let (mut name, mut value) = (None, None);
    let mut property =
        Property { name: Span::default(), value: Span::default(), meaning: 0, multiple: false, raw, next: NONE };
    while !wire.is_at_end() {
        match wire.tag()? {
            (1, VARINT) => {
                property.meaning =
                    u32::try_from(wire.varint()?).map_err(|_| broken("a property has an unknown meaning"))?;
            }
            (3, BYTES) => name = Some(wire.part()?),
            (4, VARINT) => property.multiple = wire.varint()? != 0,
            (5, BYTES) => value = Some(wire.part()?),
            (number, wire_type) => wire.skip(number, wire_type)?,
        }
    }
    match (name, value) {
        (Some(name), Some(value)) => Ok(Property { name, value, ..property }),
        _ => Err(broken("a property has no name or no value")),
    }
}

fn geo_point<'a>(wire: &mut Wire<'_>) -> Result<Plain<'a>, Halt> {
    let (mut latitude, mut longitude) = (0.0, 0.0);
    loop {
        match wire.tag()? {
            (6, FIXED64) => latitude = f64::from_bits(wire.fixed64()?),
            (7, FIXED64) => longitude = f64::from_bits(wire.fixed64()?),
            (5, GROUP_END) => return Ok(Plain::GeoPoint { latitude, longitude }),
            (number, wire_type) => wire.skip(number, wire_type)?,
        }
    }
}

/// Reads a reference, a group whose start has been read, as a resource name.
fn reference<'a>(wire: &mut Wire<'_>, record: &[u8], text: &'a mut Vec<u8>) -> Result<Plain<'a>, Halt> {
    let (mut app, mut database) = (Span::default(), Span::default());
    let mut path = Name::default();
    loop {
        match wire.tag()? {
            (13, BYTES) => app = wire.part()?,
            (23, BYTES) => database = wire.part()?,
            (14, GROUP) => path_element(wire, record, &mut path, 14, [15, 16, 17])?,
            (12, GROUP_END) => break,
            (number, wire_type) => wire.skip(number, wire_type)?,
        }
    }
    if path.segments() == 0 {
        return Err(broken("a reference has an empty path"));
    }
    let mut name = Name { text: std::mem::take(text), ..Name::default() };
    name.clear();
    begin_name(&mut name, app.of(record), database.of(record))?;
    *text = name.text;
    text.extend_from_slice(&path.text);
    Ok(Plain::Reference(text))
}

/// Reads a property's value. `text` is where a reference is put together.
#[inline]
fn value<'a>(
    record: &'a [u8],
    property: &Property,
    text: &'a mut Vec<u8>,
    legacy: &mut u64,
) -> Result<Value<'a>, Halt> {
    let meaning = property.meaning;
    if matches!(meaning, MIN_KEY | MAX_KEY) {
        return Ok(Value::Other(meaning));
    }
    let mut wire = Wire::new(record, property.value);
    if wire.is_at_end() {
        return match meaning {
            // A map, or bytes, with an empty body is written as a present but empty field 3, never as no field.
            DECIMAL128 | BINARY | OBJECT_ID | REGEX | INT32 | REQUEST_TIMESTAMP => {
                Err(broken("a value of an extended type is empty"))
            }
            _ => Ok(Value::Plain(Plain::Null)),
        };
    }
    let (number, wire_type) = wire.tag()?;
    let mut count_unless = |expected: bool| *legacy += u64::from(!expected);
    let plain = match (number, wire_type) {
        (1, VARINT) => {
            let integer = wire.varint()?.cast_signed();
            match meaning {
                INT32 => return Ok(Value::Other(INT32)),
                TIMESTAMP => {
                    let in_range =
                        (gristmill_record::time::MIN_MICROS..=gristmill_record::time::MAX_MICROS).contains(&integer);
                    count_unless(in_range);
                    // Datastore holds instants that no timestamp of Firestore can be: as a plain value, a number of microseconds.
                    if in_range { Plain::Timestamp(integer) } else { Plain::Integer(integer) }
                }
                _ => {
                    count_unless(meaning == 0);
                    Plain::Integer(integer)
                }
            }
        }
        (2, VARINT) => {
            count_unless(meaning == 0);
            Plain::Boolean(wire.varint()? != 0)
        }
        (3, BYTES) => {
            let part = wire.part()?;
            match meaning {
                MAP => return Ok(Value::Map(part)),
                BLOB | INDEXED_BYTES => Plain::Bytes(part.of(record)),
                DECIMAL128 | BINARY | OBJECT_ID | REGEX | REQUEST_TIMESTAMP => return Ok(Value::Other(meaning)),
                _ => {
                    count_unless(meaning == 0);
                    utf8(part.of(record), "a string")?;
                    Plain::String(part.of(record))
                }
            }
        }
        (4, FIXED64) => {
            count_unless(matches!(meaning, 0 | VECTOR));
            Plain::Double(f64::from_bits(wire.fixed64()?))
        }
        (5, GROUP) => {
            count_unless(matches!(meaning, 0 | GEO_POINT));
            geo_point(&mut wire)?
        }
        (12, GROUP) => {
            count_unless(meaning == 0);
            reference(&mut wire, record, text)?
        }
        (8, GROUP) => return Err(broken("a value is a user of App Engine, which Firestore does not have")),
        _ => return Err(broken("a value has an unknown type")),
    };
    Ok(Value::Plain(plain))
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

    /// Writes a document in the REST form, on one line.
    pub(crate) fn document(&mut self, record: &[u8], name: &Name, out: &mut Vec<u8>) -> Result<(), Halt> {
        let whole = Span::new(0, record.len()).ok_or_else(|| broken("it is larger than 4 GiB"))?;
        out.extend_from_slice(b"{\"name\":");
        rest::string(out, &name.text);
        let at = out.len();
        out.extend_from_slice(b",\"fields\":{");
        let empty = out.len();
        self.write_fields(record, whole, out, 0)?;
        if out.len() == empty {
            out.truncate(at);
        } else {
            out.push(b'}');
        }
        out.push(b'}');
        Ok(())
    }

    /// Finds the properties of the named fields of an entity. Returns where their [`Field`]s begin.
    fn collect(&mut self, record: &[u8], entity: Span, names: &[Box<[u8]>]) -> Result<usize, Halt> {
        let base = self.fields.len();
        self.fields.resize(base + names.len(), MISSING);
        // Documents of one kind tend to have their fields in one order.
        let mut guess = 0;
        let mut wire = Wire::new(record, entity);
        while !wire.is_at_end() {
            let raw = match wire.tag()? {
                (15, BYTES) => true,
                (14, BYTES) => false,
                (number, wire_type) => {
                    wire.skip(number, wire_type)?;
                    continue;
                }
            };
            let property = property(record, wire.part()?, raw)?;
            let name = property.name.of(record);
            let found = match names.get(guess) {
                Some(guessed) if **guessed == *name => Some(guess),
                _ => names.iter().position(|n| **n == *name),
            };
            let Some(found) = found else { continue };
            guess = if property.multiple { found } else { found + 1 };
            let index = u32::try_from(self.properties.len()).map_err(|_| broken("it has too many properties"))?;
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
        Ok(base)
    }

    fn get(&self, index: u32) -> Option<Property> {
        self.properties.get(index as usize).copied()
    }

    /// The property that is the whole value of a field, where it is no array and no vector.
    fn single(&self, field: Field) -> Option<Property> {
        if field.first != field.last {
            return None;
        }
        self.get(field.first).filter(|p| !p.multiple && !matches!(p.meaning, EMPTY_ARRAY | VECTOR))
    }

    /// Whether the properties of a field are the components of a vector.
    fn is_vector(&self, field: Field) -> bool {
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
    fn elements(
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
        let mark = self.properties.len();
        let base = self.collect(record, entity, &node.names)?;
        for (i, (child, name)) in node.children.iter().zip(&node.names).enumerate() {
            let Some(field) = self.fields.get(base + i).copied().filter(|f| f.first != NONE) else { continue };
            self.field(record, field, projection, *child, rows, depth + 1).map_err(|halt| match halt {
                // Where a column refused, it has put the whole path already.
                Halt::Refuse(refusal) if refusal.field.is_some() => Halt::Refuse(refusal),
                other => other.inside(name),
            })?;
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

    /// Writes the fields of an entity in the REST form, with commas between them, by name.
    fn write_fields(&mut self, record: &[u8], entity: Span, out: &mut Vec<u8>, depth: usize) -> Result<(), Halt> {
        if depth > self.max_depth {
            return Err(Halt::too_deep(self.max_depth));
        }
        let mut all = Vec::new();
        let mut wire = Wire::new(record, entity);
        while !wire.is_at_end() {
            match wire.tag()? {
                (number @ (14 | 15), BYTES) => all.push(property(record, wire.part()?, number == 15)?),
                (number, wire_type) => wire.skip(number, wire_type)?,
            }
        }
        // Stable: elements of an array stay in order. By name, so that what is written does not depend on the order of the record.
        all.sort_by(|a, b| a.name.of(record).cmp(b.name.of(record)));
        let mark = self.properties.len();
        for (i, group) in all.chunk_by(|a, b| a.name.of(record) == b.name.of(record)).enumerate() {
            let Some(first) = group.first() else { continue };
            let name = first.name.of(record);
            utf8(name, "the name of a field")?;
            if i > 0 {
                out.push(b',');
            }
            rest::string(out, name);
            out.push(b':');
            self.properties.truncate(mark);
            let too_many = |_| broken("it has too many properties");
            let first = u32::try_from(mark).map_err(too_many)?;
            let last = u32::try_from(mark + group.len() - 1).map_err(too_many)?;
            self.properties
                .extend((first..).zip(group).map(|(n, p)| Property { next: if n == last { NONE } else { n + 1 }, ..*p }));
            self.write_field(record, Field { first, last }, out, depth + 1).map_err(|halt| halt.inside(name))?;
        }
        self.properties.truncate(mark);
        Ok(())
    }

    /// Writes the value of a field in the REST form.
    fn write_field(&mut self, record: &[u8], field: Field, out: &mut Vec<u8>, depth: usize) -> Result<(), Halt> {
        if let Some(property) = self.single(field) {
            return self.write_one(record, property, out, depth);
        }
        let is_vector = self.is_vector(field);
        if is_vector {
            out.extend_from_slice(
                b"{\"mapValue\":{\"fields\":{\"__type__\":{\"stringValue\":\"__vector__\"},\"value\":",
            );
        }
        out.extend_from_slice(b"{\"arrayValue\":{");
        let mut count = 0_usize;
        self.elements(field, |entities, property| {
            out.extend_from_slice(if count == 0 { b"\"values\":[" } else { b"," });
            count += 1;
            entities
                .write_one(record, property, out, depth + 1)
                .map_err(|halt| halt.inside(format!("[{}]", count - 1).as_bytes()))
        })?;
        out.extend_from_slice(if count > 0 { b"]}}" } else { b"}}" });
        if is_vector {
            out.extend_from_slice(b"}}}");
        }
        Ok(())
    }

    /// Writes the value of one property in the REST form.
    fn write_one(&mut self, record: &[u8], property: Property, out: &mut Vec<u8>, depth: usize) -> Result<(), Halt> {
        if depth > self.max_depth {
            return Err(Halt::too_deep(self.max_depth));
        }
        let mut text = std::mem::take(&mut self.text);
        let found = value(record, &property, &mut text, &mut self.legacy)?;
        let found = match found {
            Value::Plain(plain) => {
                rest::plain(out, &plain);
                None
            }
            Value::Map(entity) => Some((MAP, entity)),
            Value::Other(meaning) => Some((meaning, property.value)),
        };
        self.text = text;
        match found {
            None => Ok(()),
            Some((MAP, entity)) => self.write_map(record, entity, out, depth),
            Some((meaning, part)) => self.write_other(record, meaning, part, out, depth),
        }
    }

    fn write_map(&mut self, record: &[u8], entity: Span, out: &mut Vec<u8>, depth: usize) -> Result<(), Halt> {
        out.extend_from_slice(b"{\"mapValue\":{");
        let at = out.len();
        out.extend_from_slice(b"\"fields\":{");
        let empty = out.len();
        self.write_fields(record, entity, out, depth)?;
        if out.len() == empty {
            out.truncate(at);
        } else {
            out.push(b'}');
        }
        out.extend_from_slice(b"}}");
        Ok(())
    }

    /// Writes a value of the Enterprise edition as the REST API shows it: a map with one reserved key.
    fn write_other(
        &mut self,
        record: &[u8],
        meaning: u32,
        part: Span,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), Halt> {
        let key: &[u8] = match meaning {
            DECIMAL128 => b"__decimal128__",
            BINARY => b"__binary__",
            OBJECT_ID => b"__oid__",
            REGEX => b"__regex__",
            INT32 => b"__int__",
            REQUEST_TIMESTAMP => b"__request_timestamp__",
            MIN_KEY => b"__min__",
            _ => b"__max__",
        };
        out.extend_from_slice(b"{\"mapValue\":{\"fields\":{\"");
        out.extend_from_slice(key);
        out.extend_from_slice(b"\":");
        if matches!(meaning, MIN_KEY | MAX_KEY) {
            rest::plain(out, &Plain::Null);
        } else {
            let mut wire = Wire::new(record, part);
            match wire.tag()? {
                (1, VARINT) => rest::plain(out, &Plain::Integer(wire.varint()?.cast_signed())),
                (3, BYTES) => {
                    let part = wire.part()?;
                    let bytes = part.of(record);
                    match meaning {
                        BINARY => rest::plain(out, &Plain::Bytes(bytes)),
                        REGEX | REQUEST_TIMESTAMP => self.write_map(record, part, out, depth + 1)?,
                        _ => {
                            utf8(bytes, "a string")?;
                            rest::plain(out, &Plain::String(bytes));
                        }
                    }
                }
                _ => return Err(broken("a value has an unknown type")),
            }
        }
        out.extend_from_slice(b"}}}");
        Ok(())
    }
}
