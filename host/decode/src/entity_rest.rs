//! Entities to documents in REST JSON.

use crate::entity::{Entities, Field};
use crate::key::utf8;
use crate::name::Name;
use crate::property::{
    BINARY, DECIMAL128, INT32, MAP, MAX_KEY, MIN_KEY, NONE, OBJECT_ID, Property, REGEX, REQUEST_TIMESTAMP, Value, value,
};
use crate::rest;
use crate::value::{Halt, Plain};
use crate::wire::{BYTES, Span, VARINT, Wire, broken};

impl Entities {
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
    /// Writes the fields of an entity in the REST form, with commas between them, by name.
    fn write_fields(&mut self, record: &[u8], entity: Span, out: &mut Vec<u8>, depth: usize) -> Result<(), Halt> {
        if depth > self.max_depth {
            return Err(Halt::too_deep(self.max_depth));
        }
        let mut all = Vec::new();
        let mut wire = Wire::new(record, entity);
        while !wire.is_at_end() {
            match wire.tag()? {
                (number @ (14 | 15), BYTES) => {
                    let mut property = Property::default();
                    property.read(record, wire.part()?, number == 15)?;
                    all.push(property);
                }
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
            self.properties.extend(
                (first..).zip(group).map(|(n, p)| Property { next: if n == last { NONE } else { n + 1 }, ..*p }),
            );
            self.write_field(record, Field { first, last }, out, depth + 1).map_err(|halt| halt.inside(name))?;
        }
        self.properties.truncate(mark);
        Ok(())
    }

    /// Writes the value of a field in the REST form.
    pub(crate) fn write_field(
        &mut self,
        record: &[u8],
        field: Field,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), Halt> {
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
    pub(crate) fn write_one(
        &mut self,
        record: &[u8],
        property: Property,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), Halt> {
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
