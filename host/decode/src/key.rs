//! Keys of entities: which document a record is.

use crate::append::append;
use crate::name::Name;
use crate::value::Halt;
use crate::wire::{BYTES, GROUP, GROUP_END, Span, VARINT, Wire, broken};

/// The key of a record, which commonly is its first field.
fn key_of(record: &[u8]) -> Result<Span, Halt> {
    let whole = Span::new(0, record.len()).ok_or_else(|| broken("it is larger than 4 GiB"))?;
    let mut wire = Wire::new(record, whole);
    if wire.eat(13, BYTES) {
        return Ok(wire.part()?);
    }
    while !wire.is_at_end() {
        match wire.tag()? {
            (13, BYTES) => return Ok(wire.part()?),
            (number, wire_type) => wire.skip(number, wire_type)?,
        }
    }
    Err(broken("it has no key"))
}

pub(crate) fn utf8(bytes: &[u8], what: &str) -> Result<(), Halt> {
    match simdutf8::basic::from_utf8(bytes) {
        Ok(_) => Ok(()),
        Err(_) => Err(Halt::refuse("decode.utf8", None, format!("{what} is not UTF-8"))),
    }
}

/// The numbers of the fields of an element in a key: collection, number, text.
const KEY: [u32; 3] = [2, 3, 4];

/// Reads one element of a path, a group whose start has been read: a collection, and a text or a number. The numbers of its fields differ
/// between keys and references.
#[inline]
pub(crate) fn path_element(
    wire: &mut Wire<'_>,
    record: &[u8],
    name: &mut Name,
    group: u32,
    at: [u32; 3],
) -> Result<(), Halt> {
    let [collection_at, integer_at, text_at] = at;
    let (mut collection, mut integer, mut text) = (None, None, None);
    // As it is written nearly always; everything else comes below.
    if at == KEY && wire.eat(2, BYTES) {
        collection = Some(wire.part()?);
        if wire.eat(4, BYTES) {
            text = Some(wire.part()?);
        }
    }
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
        if bytes.is_empty() {
            return Err(broken("a path has an empty segment"));
        }
        name.segment(|out| append(out, bytes));
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
    let (mut app, mut database, mut path) = (Span::default(), Span::default(), None);
    let mut wire = Wire::new(record, key_of(record)?);
    if wire.eat(13, BYTES) {
        app = wire.part()?;
    }
    while !wire.is_at_end() {
        match wire.tag()? {
            (13, BYTES) => app = wire.part()?,
            (14, BYTES) => path = Some(wire.part()?),
            (23, BYTES) => database = wire.part()?,
            (number, wire_type) => wire.skip(number, wire_type)?,
        }
    }
    name.begin(app.of(record), database.of(record));
    let Some(path) = path else { return Err(broken("its key has no path")) };
    let mut wire = Wire::new(record, path);
    while !wire.is_at_end() {
        match wire.tag()? {
            (1, GROUP) => path_element(&mut wire, record, name, 1, KEY)?,
            (number, wire_type) => wire.skip(number, wire_type)?,
        }
    }
    if name.segments() == 0 {
        return Err(broken("its key has an empty path"));
    }
    // All at once: between the parts stands ASCII, so that no part can complete another.
    utf8(name.unchecked(), "the key")?;
    name.check();
    Ok(())
}
