//! Documents in REST JSON to columns.

use crate::columns::{Column, Values};
use crate::json::Cursor;
use crate::name::Name;
use crate::projection::Projection;
use crate::rows::Rows;
use crate::typed::{Tag, bad_value, begin, close, duplicate, head, plain, string};
use crate::value::{Halt, Kind};

/// What an object at the place of a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// A document that the projection takes; the row at hand has its values.
    Taken,
    /// A document that it does not take.
    Other,
    /// An object that holds documents; the cursor stands behind the `[` of its array.
    Wrapper,
}

/// What the `fields` of a map say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Map,
    /// A vector; its components are the array value that begins here.
    Vector(usize),
    Other,
}

/// Reads documents. Its buffers are kept from one to the next.
#[derive(Debug)]
pub(crate) struct Documents {
    /// For strings with escapes, and for bytes.
    pub(crate) room: Vec<u8>,
    /// For what is open in a value that is skipped.
    pub(crate) open: Vec<u8>,
    /// Which of the fields that are asked for a map has had.
    seen: Vec<bool>,
    pub(crate) max_depth: usize,
    /// Where the keys of the maps at hand were written, for [`crate::transcode`].
    pub(crate) keys: Vec<(usize, usize)>,
}

impl Documents {
    pub(crate) fn new(max_depth: usize) -> Self {
        Self { room: Vec::new(), open: Vec::new(), seen: Vec::new(), max_depth, keys: Vec::new() }
    }

    pub(crate) fn skip(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Halt> {
        cursor.skip(&mut self.open)
    }

    /// Reads the object here into the row at hand. `may_wrap`: it may be one that holds documents.
    pub(crate) fn read(
        &mut self,
        cursor: &mut Cursor<'_>,
        may_wrap: bool,
        name: &mut Name,
        projection: &Projection,
        rows: &mut Rows,
    ) -> Result<Found, Halt> {
        let start = cursor.at;
        self.seen.clear();
        let mut taken = None;
        let mut waiting = None;
        let mut seen = [false; 4];
        let mut more = cursor.begin_object("`{`, the start of a document")?;
        while more {
            let key = cursor.key()?;
            let known: Option<usize> = match key.read(&mut self.room) {
                b"name" => Some(0),
                b"fields" => Some(1),
                b"createTime" => Some(2),
                b"updateTime" => Some(3),
                _ => None,
            };
            if let Some(place) = known.and_then(|known| seen.get_mut(known))
                && std::mem::replace(place, true)
            {
                return Err(duplicate(key.written));
            }
            match known {
                Some(0) => {
                    let text =
                        string(cursor, "the name of a document is a string").map_err(|halt| halt.inside(b"name"))?;
                    name.read(text.read(&mut self.room))?;
                    taken = Some(name.is_taken(projection));
                }
                Some(1) if taken == Some(true) => self.fields(cursor, projection, rows)?,
                Some(1) if taken.is_none() => {
                    waiting = Some(cursor.at);
                    self.skip(cursor)?;
                }
                Some(2) if taken != Some(false) => self.time(cursor, b"createTime", &projection.create_times, rows)?,
                Some(3) if taken != Some(false) => self.time(cursor, b"updateTime", &projection.update_times, rows)?,
                None if may_wrap && seen == [false; 4] && key.is(b"documents", &mut self.room) => {
                    if cursor.token()? == b'[' {
                        cursor.at += 1;
                        return Ok(Found::Wrapper);
                    }
                    return cursor.fail("`[`, the start of the documents");
                }
                _ => self.skip(cursor)?,
            }
            more = cursor.more(b'}', "`,` or `}` after an entry of an object")?;
        }
        match taken {
            None => Err(Halt::refuse(
                "decode.document-name",
                Some("name".into()),
                "the object has no `name`, which every document has",
            )),
            Some(false) => {
                rows.roll_back();
                Ok(Found::Other)
            }
            Some(true) => {
                let end = cursor.at;
                if let Some(fields) = waiting {
                    cursor.at = fields;
                    self.fields(cursor, projection, rows)?;
                }
                rows.put_name(name);
                for index in &projection.documents {
                    let Some(column) = rows.column(*index) else { continue };
                    if let Some(out) = column.json() {
                        cursor.at = start;
                        self.write(cursor, out)?;
                    }
                    column.end_json();
                }
                cursor.at = end;
                Ok(Found::Taken)
            }
        }
    }

    /// Reads when the document was created or last written. Firestore says so in a string.
    fn time(&mut self, cursor: &mut Cursor<'_>, key: &[u8], columns: &[usize], rows: &mut Rows) -> Result<(), Halt> {
        if columns.is_empty() {
            return self.skip(cursor);
        }
        let found = plain(cursor, Tag::Timestamp, &mut self.room).map_err(|halt| halt.inside(key))?;
        if let Some(found) = found {
            for column in columns {
                rows.put(*column, &found).map_err(|halt| halt.inside(key))?;
            }
        }
        Ok(())
    }

    /// Reads the fields of a document.
    fn fields(&mut self, cursor: &mut Cursor<'_>, projection: &Projection, rows: &mut Rows) -> Result<(), Halt> {
        if cursor.token()? != b'{' {
            return Err(bad_value("the fields of a document are an object").inside(b"fields"));
        }
        if !projection.reads_fields() {
            return self.skip(cursor);
        }
        cursor.at += 1;
        if cursor.token()? == b'}' {
            cursor.at += 1;
            return Ok(());
        }
        self.map(cursor, projection, 0, rows, 0)
    }

    /// Reads the entries of a map up to its end into the columns that a node of the projection asks for.
    fn map(
        &mut self,
        cursor: &mut Cursor<'_>,
        projection: &Projection,
        node: usize,
        rows: &mut Rows,
        depth: usize,
    ) -> Result<(), Halt> {
        if depth > self.max_depth {
            return Err(Halt::too_deep(self.max_depth));
        }
        let Some(node) = projection.node(node) else { return Ok(()) };
        let base = self.seen.len();
        self.seen.resize(base + node.names.len(), false);
        // Documents of one kind tend to have their fields in one order.
        let mut guess = 0;
        loop {
            let found = match node.names.get(guess) {
                Some(name) if node.are_plain && cursor.eat_key(name) => Some(guess),
                _ => {
                    let key = cursor.key()?;
                    let name = key.read(&mut self.room);
                    node.names.iter().position(|n| **n == *name)
                }
            };
            match found.and_then(|found| Some((found, *node.children.get(found)?))) {
                None => self.skip(cursor)?,
                Some((found, child)) => {
                    guess = found + 1;
                    if let Some(seen) = self.seen.get_mut(base + found)
                        && std::mem::replace(seen, true)
                    {
                        return Err(duplicate(node.names.get(found).map_or(b"", |n| &**n)));
                    }
                    self.value(cursor, projection, child, rows, depth + 1).map_err(|halt| {
                        match node.names.get(found) {
                            Some(name) => halt.inside(name),
                            None => halt,
                        }
                    })?;
                }
            }
            if !cursor.more(b'}', "`,` or `}` after an entry of an object")? {
                break;
            }
        }
        self.seen.truncate(base);
        Ok(())
    }

    /// Reads the value of a field that is asked for.
    #[inline]
    fn value(
        &mut self,
        cursor: &mut Cursor<'_>,
        projection: &Projection,
        node: usize,
        rows: &mut Rows,
        depth: usize,
    ) -> Result<(), Halt> {
        let Some(target) = projection.node(node) else { return Ok(()) };
        let start = cursor.at;
        let tag = head(cursor)?;
        if let Some(plain) = plain(cursor, tag, &mut self.room)? {
            close(cursor)?;
            for column in &target.values {
                rows.put(*column, &plain)?;
            }
            let kind = plain.kind();
            for column in &target.types {
                rows.put_text(*column, kind.name().as_bytes());
            }
            return if target.names.is_empty() || kind == Kind::Null { Ok(()) } else { rows.lead_astray(node, kind) };
        }
        let content = cursor.at;
        let shape = if tag == Tag::Array { None } else { Some(self.shape(cursor)?) };
        let kind = match shape {
            None => Kind::Array,
            Some(Shape::Map) => Kind::Map,
            Some(Shape::Vector(_)) => Kind::Vector,
            Some(Shape::Other) => Kind::Other,
        };
        for column in &target.types {
            rows.put_text(*column, kind.name().as_bytes());
        }
        for index in &target.values {
            let Some(column) = rows.column(*index) else { continue };
            cursor.at = start;
            let fit = self.fill(cursor, column, depth);
            rows.settle(*index, fit)?;
        }
        cursor.at = content;
        if kind == Kind::Map && !target.names.is_empty() {
            if begin(cursor, b"fields", b'{')? {
                self.map(cursor, projection, node, rows, depth)?;
                close(cursor)?;
            }
        } else {
            self.skip(cursor)?;
            if kind != Kind::Map && !target.names.is_empty() {
                rows.lead_astray(node, kind)?;
            }
        }
        close(cursor)
    }

    /// What the map value is whose content is here; the cursor stays.
    pub(crate) fn shape(&mut self, cursor: &mut Cursor<'_>) -> Result<Shape, Halt> {
        let start = cursor.at;
        // The first key tells nearly always that it is a map.
        if cursor.eat(b"{\"fields\":{\"") {
            let first = cursor.peek();
            cursor.at = start;
            if !matches!(first?, b'_' | b'v' | b'\\') {
                return Ok(Shape::Map);
            }
        }
        let shape = self.read_shape(cursor);
        cursor.at = start;
        shape
    }

    fn read_shape(&mut self, cursor: &mut Cursor<'_>) -> Result<Shape, Halt> {
        if !begin(cursor, b"fields", b'{')? {
            return Ok(Shape::Map);
        }
        let (mut count, mut is_vector, mut is_other, mut components) = (0, false, false, None);
        loop {
            let key = cursor.key()?.written;
            count += 1;
            // Names between double underscores are reserved, so nobody's map can be taken for one of these.
            if !key.starts_with(b"__") && key != b"value" || count > 2 {
                return Ok(Shape::Map);
            }
            cursor.token()?;
            let start = cursor.at;
            self.skip(cursor)?;
            let mut part = Cursor::new(cursor.slice(0, cursor.at), start);
            match key {
                b"__type__" => {
                    is_vector = head(&mut part).is_ok_and(|tag| tag == Tag::String)
                        && string(&mut part, "").is_ok_and(|t| t.written == b"__vector__");
                }
                b"value" => components = head(&mut part).is_ok_and(|tag| tag == Tag::Array).then_some(start),
                b"__decimal128__"
                | b"__binary__"
                | b"__oid__"
                | b"__regex__"
                | b"__int__"
                | b"__request_timestamp__"
                | b"__min__"
                | b"__max__" => is_other = true,
                _ => return Ok(Shape::Map),
            }
            if !cursor.more(b'}', "`,` or `}` after an entry of an object")? {
                break;
            }
        }
        Ok(match components {
            Some(at) if is_vector => Shape::Vector(at),
            None if is_other && count == 1 => Shape::Other,
            _ => Shape::Map,
        })
    }

    /// Adds the value here to a column. Where the column cannot hold it, the cursor stands anywhere.
    fn fill(&mut self, cursor: &mut Cursor<'_>, column: &mut Column, depth: usize) -> Result<(), Halt> {
        if depth > self.max_depth {
            return Err(Halt::too_deep(self.max_depth));
        }
        let start = cursor.at;
        let tag = head(cursor)?;
        if let Some(plain) = plain(cursor, tag, &mut self.room)? {
            close(cursor)?;
            return column.put(&plain);
        }
        if let Some(out) = column.json() {
            cursor.at = start;
            self.write_value(cursor, out, depth)?;
            column.end_json();
            return Ok(());
        }
        if tag == Tag::Array {
            let Values::List { child, .. } = &mut column.values else { return Err(Halt::Mismatch(Kind::Array)) };
            self.fill_list(cursor, child, depth)?;
            column.end_list();
            return close(cursor);
        }
        match self.shape(cursor)? {
            Shape::Map => {
                let Values::Struct { names, fields, .. } = &mut column.values else {
                    return Err(Halt::Mismatch(Kind::Map));
                };
                self.fill_struct(cursor, names, fields, depth)?;
                column.end_struct();
            }
            Shape::Vector(components) => {
                let Values::List { child, .. } = &mut column.values else {
                    return Err(Halt::Mismatch(Kind::Vector));
                };
                if !matches!(child.values, Values::Float64(_)) {
                    return Err(Halt::Mismatch(Kind::Vector));
                }
                let content = cursor.at;
                cursor.at = components;
                head(cursor)?;
                self.fill_list(cursor, child, depth)?;
                column.end_list();
                cursor.at = content;
                self.skip(cursor)?;
            }
            Shape::Other => return Err(Halt::Mismatch(Kind::Other)),
        }
        close(cursor)
    }

    fn fill_list(&mut self, cursor: &mut Cursor<'_>, child: &mut Column, depth: usize) -> Result<(), Halt> {
        let mut more = begin(cursor, b"values", b'[')?;
        if !more {
            return Ok(());
        }
        let mut index = 0_usize;
        while more {
            self.fill(cursor, child, depth + 1).map_err(|halt| halt.inside(format!("[{index}]").as_bytes()))?;
            index += 1;
            more = cursor.more(b']', "`,` or `]` after an element of an array")?;
        }
        close(cursor)
    }

    fn fill_struct(
        &mut self,
        cursor: &mut Cursor<'_>,
        names: &[Box<[u8]>],
        fields: &mut [Column],
        depth: usize,
    ) -> Result<(), Halt> {
        let base = self.seen.len();
        self.seen.resize(base + names.len(), false);
        let mut more = begin(cursor, b"fields", b'{')?;
        let closed = !more;
        while more {
            let key = cursor.key()?;
            let name = key.read(&mut self.room);
            let found = names.iter().position(|n| **n == *name);
            match found.and_then(|found| Some((found, names.get(found)?, fields.get_mut(found)?))) {
                None => self.skip(cursor)?,
                Some((found, name, column)) => {
                    if let Some(seen) = self.seen.get_mut(base + found)
                        && std::mem::replace(seen, true)
                    {
                        return Err(duplicate(name));
                    }
                    self.fill(cursor, column, depth + 1).map_err(|halt| halt.inside(name))?;
                }
            }
            more = cursor.more(b'}', "`,` or `}` after an entry of an object")?;
        }
        if !closed {
            close(cursor)?;
        }
        for (field, seen) in fields.iter_mut().zip(self.seen.iter().skip(base)) {
            if !seen {
                field.push_null();
            }
        }
        self.seen.truncate(base);
        Ok(())
    }
}
