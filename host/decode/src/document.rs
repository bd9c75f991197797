//! Documents in REST JSON to columns.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gristmill_record::time::parse_rfc3339;

use crate::columns::{Column, Values};
use crate::json::{Cursor, Text};
use crate::name::Name;
use crate::projection::Projection;
use crate::rows::Rows;
use crate::value::{Halt, Kind, Plain};

/// The code of a refusal for JSON that is no value of the REST API.
const VALUE: &str = "decode.json-value";

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

/// The key of a value object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    Null,
    Boolean,
    Integer,
    Double,
    Timestamp,
    String,
    Bytes,
    Reference,
    GeoPoint,
    Array,
    Map,
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

#[cold]
fn bad_value(what: &str) -> Halt {
    Halt::refuse(VALUE, None, what)
}

#[cold]
pub(crate) fn duplicate(key: &[u8]) -> Halt {
    Halt::refuse("decode.duplicate-key", None, "the key occurs twice in one object").inside(key)
}

/// Reads the start of a value, `{"doubleValue":`.
#[inline]
pub(crate) fn head(cursor: &mut Cursor<'_>) -> Result<Tag, Halt> {
    if cursor.token()? != b'{' {
        return Err(bad_value("a value is an object with one key, which names its type"));
    }
    cursor.at += 1;
    if cursor.token()? == b'}' {
        return Err(bad_value("a value is an object with one key, which names its type; this has none"));
    }
    let key = cursor.key()?.written;
    Ok(match key {
        b"doubleValue" => Tag::Double,
        b"integerValue" => Tag::Integer,
        b"stringValue" => Tag::String,
        b"timestampValue" => Tag::Timestamp,
        b"mapValue" => Tag::Map,
        b"arrayValue" => Tag::Array,
        b"nullValue" => Tag::Null,
        b"booleanValue" => Tag::Boolean,
        b"referenceValue" => Tag::Reference,
        b"bytesValue" => Tag::Bytes,
        b"geoPointValue" => Tag::GeoPoint,
        _ => return Err(bad_value("the key of a value names no type of Firestore")),
    })
}

/// Reads the end of an object that has had its one key.
#[inline]
pub(crate) fn close(cursor: &mut Cursor<'_>) -> Result<(), Halt> {
    match cursor.token()? {
        b'}' => {
            cursor.at += 1;
            Ok(())
        }
        b',' => Err(bad_value("a value is an object with one key, which names its type; this has two")),
        _ => cursor.fail("`}` after a value"),
    }
}

/// Reads the start of what an array value or a map value holds: `{"values":[` or `{"fields":{`. Whether an element or an entry comes;
/// where none does, the end has been read too.
#[inline]
pub(crate) fn begin(cursor: &mut Cursor<'_>, key: &[u8], open: u8) -> Result<bool, Halt> {
    let what = if open == b'[' {
        "an array value is an object with the key `values`, an array, or without keys"
    } else {
        "a map value is an object with the key `fields`, an object, or without keys"
    };
    if cursor.token()? != b'{' {
        return Err(bad_value(what));
    }
    cursor.at += 1;
    if cursor.token()? == b'}' {
        cursor.at += 1;
        return Ok(false);
    }
    if cursor.key()?.written != key || cursor.token()? != open {
        return Err(bad_value(what));
    }
    cursor.at += 1;
    if cursor.token()? == open + 2 {
        cursor.at += 1;
        close(cursor)?;
        return Ok(false);
    }
    Ok(true)
}

/// A string, at a place where anything else is no value of the REST API.
#[inline]
fn string<'a>(cursor: &mut Cursor<'a>, what: &'static str) -> Result<Text<'a>, Halt> {
    if cursor.token()? != b'"' {
        return Err(bad_value(what));
    }
    cursor.at += 1;
    cursor.rest_of_string()
}

/// A double: a number, or a name of what JSON has no number for.
#[inline]
fn double(cursor: &mut Cursor<'_>) -> Result<f64, Halt> {
    match cursor.token()? {
        b'-' | b'0'..=b'9' => {
            cursor.number()?.double().ok_or_else(|| bad_value("the number is beyond the doubles"))
        }
        b'"' => match string(cursor, "")?.written {
            b"NaN" => Ok(f64::NAN),
            b"Infinity" => Ok(f64::INFINITY),
            b"-Infinity" => Ok(f64::NEG_INFINITY),
            _ => Err(bad_value("a double is a number, or one of the strings NaN, Infinity and -Infinity")),
        },
        _ => Err(bad_value("a double is a number, or one of the strings NaN, Infinity and -Infinity")),
    }
}

fn integer(cursor: &mut Cursor<'_>) -> Result<i64, Halt> {
    let what = "an integer is a whole number of 64 bits, as a string or as a number";
    let found = match cursor.token()? {
        b'-' | b'0'..=b'9' => cursor.number()?.integer(),
        b'"' => {
            let text = string(cursor, what)?.written;
            // `parse` takes a plus sign, which the API does not write.
            let is_signed_number = text.first().is_some_and(|b| *b != b'+');
            std::str::from_utf8(text).ok().filter(|_| is_signed_number).and_then(|t| t.parse().ok())
        }
        _ => None,
    };
    found.ok_or_else(|| bad_value(what))
}

fn geo_point<'a>(cursor: &mut Cursor<'_>) -> Result<Plain<'a>, Halt> {
    let what = "a geo point is an object with numbers `latitude` and `longitude`, of which one that is 0 may be left out";
    if cursor.token()? != b'{' {
        return Err(bad_value(what));
    }
    let (mut latitude, mut longitude) = (None, None);
    let mut more = cursor.begin_object(what)?;
    while more {
        let key = cursor.key()?.written;
        let place = match key {
            b"latitude" => &mut latitude,
            b"longitude" => &mut longitude,
            _ => return Err(bad_value(what)),
        };
        if place.replace(double(cursor)?).is_some() {
            return Err(duplicate(key));
        }
        more = cursor.more(b'}', "`,` or `}` after an entry of an object")?;
    }
    Ok(Plain::GeoPoint { latitude: latitude.unwrap_or(0.0), longitude: longitude.unwrap_or(0.0) })
}

/// Reads the content of a value that has no parts; `None` where it has.
#[inline]
pub(crate) fn plain<'a: 'b, 'b>(
    cursor: &mut Cursor<'a>,
    tag: Tag,
    room: &'b mut Vec<u8>,
) -> Result<Option<Plain<'b>>, Halt> {
    Ok(Some(match tag {
        Tag::Double => Plain::Double(double(cursor)?),
        Tag::Integer => Plain::Integer(integer(cursor)?),
        Tag::String => Plain::String(string(cursor, "a string value is a string")?.read(room)),
        Tag::Timestamp => {
            let what = "a timestamp is a string in the form of RFC 3339, from year 1 to 9999";
            Plain::Timestamp(parse_rfc3339(string(cursor, what)?.read(room)).ok_or_else(|| bad_value(what))?)
        }
        Tag::Null => match cursor.token()? {
            b'n' => {
                cursor.literal(b"null")?;
                Plain::Null
            }
            b'"' if string(cursor, "")?.written == b"NULL_VALUE" => Plain::Null,
            _ => return Err(bad_value("a null value is null")),
        },
        Tag::Boolean => match cursor.token()? {
            b't' => {
                cursor.literal(b"true")?;
                Plain::Boolean(true)
            }
            b'f' => {
                cursor.literal(b"false")?;
                Plain::Boolean(false)
            }
            _ => return Err(bad_value("a boolean is true or false")),
        },
        Tag::Reference => Plain::Reference(string(cursor, "a reference is a string")?.read(room)),
        Tag::Bytes => {
            let what = "bytes are a string in base64, the standard alphabet, padded";
            let text = string(cursor, what)?;
            let mut encoded = Vec::new();
            let encoded = text.read(&mut encoded);
            room.clear();
            STANDARD.decode_vec(encoded, room).map_err(|_| bad_value(what))?;
            Plain::Bytes(room)
        }
        Tag::GeoPoint => geo_point(cursor)?,
        Tag::Array | Tag::Map => return Ok(None),
    }))
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
            let known: Option<usize> = match key.written {
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
                    let text = string(cursor, "the name of a document is a string").map_err(|halt| halt.inside(b"name"))?;
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
                rows.put(*column, &found)?;
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
            let key = cursor.key()?;
            let name = key.read(&mut self.room);
            let found = match node.names.get(guess) {
                Some(guessed) if **guessed == *name => Some(guess),
                _ => node.names.iter().position(|n| **n == *name),
            };
            match found.and_then(|found| Some((found, *node.children.get(found)?))) {
                None => self.skip(cursor)?,
                Some((found, child)) => {
                    guess = found + 1;
                    if let Some(seen) = self.seen.get_mut(base + found)
                        && std::mem::replace(seen, true)
                    {
                        return Err(duplicate(name));
                    }
                    self.value(cursor, projection, child, rows, depth + 1).map_err(|halt| match halt {
                        Halt::Refuse(refusal) => match node.names.get(found) {
                            Some(name) => Halt::Refuse(refusal).inside(name),
                            None => Halt::Refuse(refusal),
                        },
                        other => other,
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
            for column in &target.types {
                rows.put_text(*column, plain.kind().name().as_bytes());
            }
            return Ok(());
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
        }
        close(cursor)
    }

    /// What the map value is whose content is here; the cursor stays.
    pub(crate) fn shape(&mut self, cursor: &mut Cursor<'_>) -> Result<Shape, Halt> {
        let start = cursor.at;
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
                b"__decimal128__" | b"__binary__" | b"__oid__" | b"__regex__" | b"__int__"
                | b"__request_timestamp__" | b"__min__" | b"__max__" => is_other = true,
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
