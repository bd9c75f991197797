//! Properties of entities: one field, or one element of an array. Field numbers and meanings are those of App Engine's `EntityProto`
//! (proto2, with groups), of which Firestore's exports use a part.

use crate::key::{path_element, utf8};
use crate::name::Name;
use crate::value::{Halt, Plain};
use crate::wire::{BYTES, FIXED64, GROUP, GROUP_END, Span, VARINT, Wire, broken};

/// Meanings of properties.
pub(crate) const TIMESTAMP: u32 = 7;
pub(crate) const GEO_POINT: u32 = 9;
pub(crate) const BLOB: u32 = 14;
pub(crate) const INDEXED_BYTES: u32 = 16;
pub(crate) const MAP: u32 = 19;
pub(crate) const EMPTY_ARRAY: u32 = 24;
pub(crate) const VECTOR: u32 = 31;
pub(crate) const DECIMAL128: u32 = 32;
pub(crate) const BINARY: u32 = 33;
pub(crate) const OBJECT_ID: u32 = 34;
pub(crate) const REGEX: u32 = 35;
pub(crate) const INT32: u32 = 36;
pub(crate) const REQUEST_TIMESTAMP: u32 = 37;
pub(crate) const MIN_KEY: u32 = 38;
pub(crate) const MAX_KEY: u32 = 39;

/// No property; ends a chain.
pub(crate) const NONE: u32 = u32::MAX;

/// A property of an entity: a field, or one element of an array.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Property {
    pub(crate) name: Span,
    pub(crate) value: Span,
    pub(crate) meaning: u32,
    /// It is one element of an array.
    pub(crate) multiple: bool,
    /// It is not indexed: field 15, not 14.
    pub(crate) raw: bool,
    /// The next property of the same name.
    pub(crate) next: u32,
}

/// A property's value. The layout is that of [`Plain`], for the same reason.
#[repr(C)]
pub(crate) enum Value<'a> {
    Plain(Plain<'a>),
    /// The entity that is a map.
    Map(Span),
    /// A type of the Enterprise edition, by its meaning.
    Other(u32),
}

impl Property {
    /// Reads a property into this one: to return it would be to move it, in pieces that do not match how they were stored.
    #[inline(always)]
    pub(crate) fn read(&mut self, record: &[u8], part: Span, raw: bool) -> Result<(), Halt> {
        let mut wire = Wire::new(record, part);
        let (mut has_name, mut has_value) = (false, false);
        self.meaning = 0;
        self.multiple = false;
        self.raw = raw;
        self.next = NONE;
        // In the order in which exporters write them; in any other they come below.
        if wire.eat(1, VARINT) {
            self.read_meaning(&mut wire)?;
        }
        if wire.eat(3, BYTES) {
            self.name = wire.part()?;
            has_name = true;
        }
        if wire.eat(4, VARINT) {
            self.multiple = wire.varint()? != 0;
        }
        if wire.eat(5, BYTES) {
            self.value = wire.part()?;
            has_value = true;
        }
        while !wire.is_at_end() {
            match wire.tag()? {
                (1, VARINT) => self.read_meaning(&mut wire)?,
                (3, BYTES) => {
                    self.name = wire.part()?;
                    has_name = true;
                }
                (4, VARINT) => self.multiple = wire.varint()? != 0,
                (5, BYTES) => {
                    self.value = wire.part()?;
                    has_value = true;
                }
                (number, wire_type) => wire.skip(number, wire_type)?,
            }
        }
        if has_name && has_value { Ok(()) } else { Err(broken("a property has no name or no value")) }
    }

    #[inline(always)]
    fn read_meaning(&mut self, wire: &mut Wire<'_>) -> Result<(), Halt> {
        self.meaning = u32::try_from(wire.varint()?).map_err(|_| broken("a property has an unknown meaning"))?;
        Ok(())
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
    let mut name = Name::default();
    std::mem::swap(&mut name.text, text);
    name.begin(app.of(record), database.of(record));
    *text = name.text;
    text.extend_from_slice(&path.text);
    utf8(text, "a reference")?;
    Ok(Plain::Reference(text))
}

/// Reads a property's value. `text` is where a reference is put together.
#[inline]
pub(crate) fn value<'a>(
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
