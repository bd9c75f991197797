//! Documents in any spelling of REST JSON to one spelling: on one line, integers as strings, timestamps in UTC with as many digits as
//! they need, keys that a document does not have left out.

use crate::document::{Documents, Shape};
use crate::json::Cursor;
use crate::name::Name;
use crate::rest;
use crate::typed::{Tag, begin, close, duplicate, head, plain};
use crate::value::{Halt, Plain};

impl Documents {
    /// Writes the document here on one line.
    pub(crate) fn write(&mut self, cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), Halt> {
        let start = out.len();
        self.keys.clear();
        let mut places = [None; 4];
        let mut more = cursor.begin_object("`{`, the start of a document")?;
        while more {
            let key = cursor.key()?;
            let at = cursor.at;
            let place = match key.read(&mut self.room) {
                b"name" => places.get_mut(0),
                b"fields" => places.get_mut(1),
                b"createTime" => places.get_mut(2),
                b"updateTime" => places.get_mut(3),
                _ => None,
            };
            if let Some(place) = place
                && place.replace(at).is_some()
            {
                return Err(duplicate(key.written));
            }
            self.skip(cursor)?;
            more = cursor.more(b'}', "`,` or `}` after an entry of an object")?;
        }
        let [name, fields, create_time, update_time] = places;
        let key = |out: &mut Vec<u8>, key: &str| {
            out.push(if out.len() == start { b'{' } else { b',' });
            rest::string(out, key.as_bytes());
            out.push(b':');
        };
        if let Some(at) = name {
            cursor.at = at;
            key(out, "name");
            rest::string(out, cursor.string("the name of a document")?.read(&mut self.room));
        }
        if let Some(at) = fields {
            cursor.at = at;
            if cursor.begin_object("`{`, the start of the fields")? {
                key(out, "fields");
                self.write_fields(cursor, out, 0)?;
            }
        }
        for (name, at) in [("createTime", create_time), ("updateTime", update_time)] {
            let Some(at) = at else { continue };
            cursor.at = at;
            key(out, name);
            if let Some(Plain::Timestamp(micros)) = plain(cursor, Tag::Timestamp, &mut self.room)? {
                out.push(b'"');
                gristmill_record::time::push_rfc3339(out, micros);
                out.push(b'"');
            }
        }
        out.extend_from_slice(if out.len() == start { b"{}" } else { b"}" });
        Ok(())
    }

    /// Reads the name of the document here, and nothing else. The document has been read before, so it has one.
    pub(crate) fn find_name(&mut self, cursor: &mut Cursor<'_>, name: &mut Name) {
        let mut more = cursor.begin_object("");
        while let Ok(true) = more {
            let Ok(key) = cursor.key() else { return };
            if key.is(b"name", &mut self.room) {
                if let Ok(text) = cursor.string("") {
                    // Whatever is wrong with it, its text has been taken.
                    let _ = name.read(text.read(&mut self.room));
                }
                return;
            }
            if self.skip(cursor).is_err() {
                return;
            }
            more = cursor.more(b'}', "");
        }
    }

    /// Writes the entries of a map, whose first key is here, with the braces; reads their end.
    fn write_fields(&mut self, cursor: &mut Cursor<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), Halt> {
        let base = self.keys.len();
        out.push(b'{');
        loop {
            let key = cursor.key()?;
            let from = out.len();
            rest::string(out, key.read(&mut self.room));
            self.keys.push((from, out.len()));
            out.push(b':');
            self.write_value(cursor, out, depth + 1).map_err(|halt| {
                let name = key.read(&mut self.room);
                halt.inside(name)
            })?;
            if !cursor.more(b'}', "`,` or `}` after an entry of an object")? {
                break;
            }
            out.push(b',');
        }
        out.push(b'}');
        self.check_keys(base, out)?;
        self.keys.truncate(base);
        Ok(())
    }

    /// Whether the keys of the map at hand, as they were written, are all different.
    fn check_keys(&mut self, base: usize, out: &[u8]) -> Result<(), Halt> {
        let text = |(from, to): (usize, usize)| out.get(from..to).unwrap_or_default();
        let Some(keys) = self.keys.get_mut(base..) else { return Ok(()) };
        keys.sort_unstable_by(|a, b| text(*a).cmp(text(*b)));
        match keys.iter().zip(keys.iter().skip(1)).find(|(a, b)| text(**a) == text(**b)) {
            Some((key, _)) => {
                let quoted = text(*key);
                Err(duplicate(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default()))
            }
            None => Ok(()),
        }
    }

    /// Writes the value here.
    pub(crate) fn write_value(&mut self, cursor: &mut Cursor<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), Halt> {
        if depth > self.max_depth {
            return Err(Halt::too_deep(self.max_depth));
        }
        let tag = head(cursor)?;
        if let Some(plain) = plain(cursor, tag, &mut self.room)? {
            rest::plain(out, &plain);
            return close(cursor);
        }
        if tag == Tag::Array {
            out.extend_from_slice(b"{\"arrayValue\":{");
            let mut more = begin(cursor, b"values", b'[')?;
            if more {
                out.extend_from_slice(b"\"values\":[");
                let mut index = 0_usize;
                while more {
                    if index > 0 {
                        out.push(b',');
                    }
                    self.write_value(cursor, out, depth + 1)
                        .map_err(|halt| halt.inside(format!("[{index}]").as_bytes()))?;
                    index += 1;
                    more = cursor.more(b']', "`,` or `]` after an element of an array")?;
                }
                out.push(b']');
                close(cursor)?;
            }
        } else {
            out.extend_from_slice(b"{\"mapValue\":{");
            // A vector counts as one level, as it does in an entity.
            let depth = if matches!(self.shape(cursor)?, Shape::Vector(_)) { depth.saturating_sub(1) } else { depth };
            if begin(cursor, b"fields", b'{')? {
                out.extend_from_slice(b"\"fields\":");
                self.write_fields(cursor, out, depth)?;
                close(cursor)?;
            }
        }
        out.extend_from_slice(b"}}");
        close(cursor)
    }
}
