//! Writes entities, and the log that holds them, as an export does: the inverse of the decoder, for the tests.

pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn tag(out: &mut Vec<u8>, number: u32, wire_type: u32) {
    varint(out, u64::from(number << 3 | wire_type));
}

pub(crate) fn part(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    tag(out, number, 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(crate) fn number(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, 0);
    varint(out, value);
}

pub(crate) fn double(out: &mut Vec<u8>, field: u32, value: f64) {
    tag(out, field, 1);
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// An id of a path segment.
#[derive(Debug, Clone)]
pub(crate) enum Id {
    Text(String),
    Number(i64),
}

/// A key's path: collections and ids.
pub(crate) fn key(app: &str, database: &str, path: &[(&str, Id)]) -> Vec<u8> {
    let (mut key, mut elements) = (Vec::new(), Vec::new());
    part(&mut key, 13, app.as_bytes());
    for (collection, id) in path {
        tag(&mut elements, 1, 3);
        part(&mut elements, 2, collection.as_bytes());
        match id {
            Id::Text(text) => part(&mut elements, 4, text.as_bytes()),
            Id::Number(n) => number(&mut elements, 3, *n as u64),
        }
        tag(&mut elements, 1, 4);
    }
    part(&mut key, 14, &elements);
    if !database.is_empty() {
        part(&mut key, 23, database.as_bytes());
    }
    key
}

/// A document's value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Timestamp(i64),
    String(String),
    Bytes(Vec<u8>),
    /// A collection and an id below `projects/p/databases/(default)/documents`.
    Reference(String, String),
    GeoPoint(f64, f64),
    Array(Vec<Value>),
    Vector(Vec<f64>),
    Map(Vec<(String, Value)>),
    /// A value with this meaning and these bytes as its value.
    Raw(u64, Vec<u8>),
}

/// The meaning of a value's property, and the bytes of the value.
fn plain(value: &Value) -> (u64, Vec<u8>) {
    let mut out = Vec::new();
    let meaning = match value {
        Value::Null => 0,
        Value::Boolean(v) => {
            number(&mut out, 2, u64::from(*v));
            0
        }
        Value::Integer(v) => {
            number(&mut out, 1, *v as u64);
            0
        }
        Value::Double(v) => {
            double(&mut out, 4, *v);
            0
        }
        Value::Timestamp(v) => {
            number(&mut out, 1, *v as u64);
            7
        }
        Value::String(v) => {
            part(&mut out, 3, v.as_bytes());
            0
        }
        Value::Bytes(v) => {
            part(&mut out, 3, v);
            14
        }
        Value::Reference(collection, id) => {
            tag(&mut out, 12, 3);
            part(&mut out, 13, b"s~p");
            tag(&mut out, 14, 3);
            part(&mut out, 15, collection.as_bytes());
            part(&mut out, 17, id.as_bytes());
            tag(&mut out, 14, 4);
            tag(&mut out, 12, 4);
            0
        }
        Value::GeoPoint(latitude, longitude) => {
            tag(&mut out, 5, 3);
            double(&mut out, 6, *latitude);
            double(&mut out, 7, *longitude);
            tag(&mut out, 5, 4);
            9
        }
        Value::Map(fields) => {
            part(&mut out, 3, &embedded(fields));
            19
        }
        Value::Raw(meaning, bytes) => {
            out.extend_from_slice(bytes);
            *meaning
        }
        Value::Array(_) | Value::Vector(_) => unreachable!("written as several properties"),
    };
    (meaning, out)
}

/// One property. `field` is 14 (indexed) or 15.
pub(crate) fn property(out: &mut Vec<u8>, field: u32, name: &str, multiple: bool, meaning: u64, value: &[u8]) {
    let mut bytes = Vec::new();
    if meaning != 0 {
        number(&mut bytes, 1, meaning);
    }
    part(&mut bytes, 3, name.as_bytes());
    number(&mut bytes, 4, u64::from(multiple));
    part(&mut bytes, 5, value);
    part(out, field, &bytes);
}

/// The properties of a field.
pub(crate) fn field(out: &mut Vec<u8>, name: &str, value: &Value) {
    match value {
        Value::Array(elements) if elements.is_empty() => property(out, 14, name, false, 24, &[]),
        Value::Array(elements) => {
            for element in elements {
                let (meaning, bytes) = plain(element);
                property(out, 15, name, true, meaning, &bytes);
            }
        }
        Value::Vector(components) => {
            for component in components {
                let mut bytes = Vec::new();
                double(&mut bytes, 4, *component);
                property(out, 15, name, true, 31, &bytes);
            }
        }
        value => {
            let (meaning, bytes) = plain(value);
            property(out, 15, name, false, meaning, &bytes);
        }
    }
}

/// A map as an entity: with an empty key and an empty entity group.
pub(crate) fn embedded(fields: &[(String, Value)]) -> Vec<u8> {
    let mut out = vec![0x6a, 4, 0x6a, 0, 0x72, 0];
    for (name, value) in fields {
        field(&mut out, name, value);
    }
    part(&mut out, 16, &[]);
    out
}

/// A document in the database `(default)` of the project `p`.
pub(crate) fn entity(path: &[(&str, Id)], fields: &[(String, Value)]) -> Vec<u8> {
    let mut out = Vec::new();
    part(&mut out, 13, &key("s~p", "", path));
    for (name, value) in fields {
        field(&mut out, name, value);
    }
    out
}

/// A document `c/ID`.
pub(crate) fn document(id: &str, fields: &[(&str, Value)]) -> Vec<u8> {
    let fields: Vec<_> = fields.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    entity(&[("c", Id::Text(id.to_owned()))], &fields)
}

/// A fragment with its header.
pub(crate) fn fragment(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut checked = vec![kind];
    checked.extend_from_slice(data);
    let crc = crc32c::crc32c(&checked).rotate_right(15).wrapping_add(0xa282_ead8);
    let mut out = crc.to_le_bytes().to_vec();
    out.extend_from_slice(&(data.len() as u16).to_le_bytes());
    out.extend_from_slice(&checked);
    out
}

/// A log of records, as LevelDB's writer writes it.
pub(crate) fn log(records: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records {
        let (mut rest, mut first) = (&record[..], true);
        loop {
            let left = 32_768 - out.len() % 32_768;
            if left < 7 {
                out.resize(out.len() + left, 0);
                continue;
            }
            let (now, later) = rest.split_at(rest.len().min(left - 7));
            let kind = match (first, later.is_empty()) {
                (true, true) => 1,
                (true, false) => 2,
                (false, false) => 3,
                (false, true) => 4,
            };
            out.extend(fragment(kind, now));
            (rest, first) = (later, false);
            if kind == 1 || kind == 4 {
                break;
            }
        }
    }
    out
}
