//! Entity protobufs, written straight into a buffer. Field numbers as Google's exporters write them.

/// Property that is indexed; empty arrays and Datastore-mode exports use it.
pub(crate) const INDEXED: u32 = 14;
/// Property that is not indexed: nearly everything in native exports.
pub(crate) const RAW: u32 = 15;

/// Meanings: how Firestore's types are told apart that share a representation.
pub(crate) mod meaning {
    pub(crate) const NONE: u64 = 0;
    pub(crate) const TIMESTAMP: u64 = 7;
    pub(crate) const POINT: u64 = 9;
    pub(crate) const BYTES: u64 = 14;
    pub(crate) const BYTES_INDEXED: u64 = 16;
    pub(crate) const MAP: u64 = 19;
    pub(crate) const EMPTY_ARRAY: u64 = 24;
    pub(crate) const VECTOR: u64 = 31;
}

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const BEGIN_GROUP: u32 = 3;
const END_GROUP: u32 = 4;

pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn tag(out: &mut Vec<u8>, field: u32, wire: u32) {
    varint(out, u64::from(field << 3 | wire));
}

pub(crate) fn number(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, VARINT);
    varint(out, value);
}

pub(crate) fn double(out: &mut Vec<u8>, field: u32, value: f64) {
    tag(out, field, FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    tag(out, field, LENGTH);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// A length-delimited field whose content `write` appends.
pub(crate) fn message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    tag(out, field, LENGTH);
    let begin = out.len();
    // Most messages are short: their length takes one byte.
    out.push(0);
    write(out);
    let length = out.len() - begin - 1;
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => {
            if let Some(place) = out.get_mut(begin) {
                *place = short;
            }
        }
        _ => {
            let mut prefix = Vec::with_capacity(10);
            varint(&mut prefix, length as u64);
            out.splice(begin..=begin, prefix);
        }
    }
}

pub(crate) fn group(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    tag(out, field, BEGIN_GROUP);
    write(out);
    tag(out, field, END_GROUP);
}

/// A property: `field` is [`INDEXED`] or [`RAW`]; `write` appends the fields of its value.
pub(crate) fn property(
    out: &mut Vec<u8>,
    field: u32,
    meaning: u64,
    name: &str,
    multiple: bool,
    write: impl FnOnce(&mut Vec<u8>),
) {
    message(out, field, |out| {
        if meaning != meaning::NONE {
            number(out, 1, meaning);
        }
        bytes(out, 3, name.as_bytes());
        number(out, 4, u64::from(multiple));
        message(out, 5, write);
    });
}

/// The value of a map: an entity with an empty key, whose properties `write` appends.
pub(crate) fn embedded(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    message(out, 3, |out| {
        out.extend_from_slice(&[0x6a, 0x04, 0x6a, 0x00, 0x72, 0x00]);
        write(out);
        out.extend_from_slice(&[0x82, 0x01, 0x00]);
    });
}

/// One element of a key's path: collection, and document by name or by number.
pub(crate) fn element(out: &mut Vec<u8>, collection: &str, id: Result<&str, i64>) {
    group(out, 1, |out| {
        bytes(out, 2, collection.as_bytes());
        match id {
            Ok(name) => bytes(out, 4, name.as_bytes()),
            Err(integer) => number(out, 3, integer.cast_unsigned()),
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_any_size() {
        for size in [0, 1, 127, 128, 16_383, 16_384, 70_000] {
            let mut built = Vec::new();
            message(&mut built, 5, |out| out.resize(out.len() + size, b'x'));
            let mut direct = Vec::new();
            bytes(&mut direct, 5, &vec![b'x'; size]);
            assert!(built == direct, "{size}");
        }
    }
}
