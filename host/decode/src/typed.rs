//! The typed values of REST JSON, `{"doubleValue":0.5}`: what begins and ends one, and those without parts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gristmill_record::time::parse_rfc3339;

use crate::json::{Cursor, Text};
use crate::value::{Halt, Plain};

/// The code of a refusal for JSON that is no value of the REST API.
const VALUE: &str = "decode.json-value";

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

#[cold]
pub(crate) fn bad_value(what: &str) -> Halt {
    Halt::refuse(VALUE, None, what)
}

#[cold]
pub(crate) fn duplicate(key: &[u8]) -> Halt {
    Halt::refuse("decode.duplicate-key", None, "the key occurs twice in one object").inside(key)
}

/// Reads the start of a value, `{"doubleValue":`.
#[inline]
pub(crate) fn head(cursor: &mut Cursor<'_>) -> Result<Tag, Halt> {
    let quick = match cursor.ahead(2) {
        Some(b'd') if cursor.eat(b"{\"doubleValue\":") => Some(Tag::Double),
        Some(b'i') if cursor.eat(b"{\"integerValue\":") => Some(Tag::Integer),
        Some(b's') if cursor.eat(b"{\"stringValue\":") => Some(Tag::String),
        Some(b't') if cursor.eat(b"{\"timestampValue\":") => Some(Tag::Timestamp),
        Some(b'm') if cursor.eat(b"{\"mapValue\":") => Some(Tag::Map),
        _ => None,
    };
    match quick {
        Some(tag) => Ok(tag),
        None => any_head(cursor),
    }
}

/// [`head`], in any spelling.
fn any_head(cursor: &mut Cursor<'_>) -> Result<Tag, Halt> {
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
    if cursor.eat(if open == b'{' { b"{\"fields\":{\"" } else { b"{\"values\":[{" }) {
        // The start of the first key or element belongs to it.
        cursor.at -= 1;
        return Ok(true);
    }
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
pub(crate) fn string<'a>(cursor: &mut Cursor<'a>, what: &'static str) -> Result<Text<'a>, Halt> {
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
        b'-' | b'0'..=b'9' => cursor.number()?.double().ok_or_else(|| bad_value("the number is beyond the doubles")),
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
    let what =
        "a geo point is an object with numbers `latitude` and `longitude`, of which one that is 0 may be left out";
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
