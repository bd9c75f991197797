//! Values in the JSON of Firestore's REST API.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gristmill_record::time::push_rfc3339;

use crate::value::Plain;

/// A JSON string. `text` is UTF-8.
pub(crate) fn string(out: &mut Vec<u8>, text: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.iter().position(|b| *b < 0x20 || *b == b'"' || *b == b'\\') {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        let Some((byte, after)) = after.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                let digit = |n: u8| HEX.get(usize::from(n)).copied().unwrap_or(b'0');
                out.extend([digit(byte >> 4), digit(byte & 15)]);
            }
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Bytes in base64, with the quotes.
fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let at = out.len();
    out.resize(at + bytes.len().div_ceil(3) * 4, b'=');
    if let Some(room) = out.get_mut(at..) {
        // The room is what the encoding of these bytes takes.
        let _ = STANDARD.encode_slice(bytes, room);
    }
    out.push(b'"');
}

/// A number, or the name of what JSON has no number for. The shortest digits that read back as the same double.
fn double(out: &mut Vec<u8>, value: f64) {
    // Writing to a vector cannot fail.
    let _ = if value.is_nan() {
        out.write_all(b"\"NaN\"")
    } else if value.is_infinite() {
        out.write_all(if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" })
    } else {
        write!(out, "{value:?}")
    };
}

/// A value without parts.
pub(crate) fn plain(out: &mut Vec<u8>, value: &Plain<'_>) {
    match value {
        Plain::Null => out.extend_from_slice(b"{\"nullValue\":null"),
        Plain::Boolean(true) => out.extend_from_slice(b"{\"booleanValue\":true"),
        Plain::Boolean(false) => out.extend_from_slice(b"{\"booleanValue\":false"),
        Plain::Integer(value) => {
            let _ = write!(out, "{{\"integerValue\":\"{value}\"");
        }
        Plain::Double(value) => {
            out.extend_from_slice(b"{\"doubleValue\":");
            double(out, *value);
        }
        Plain::Timestamp(micros) => {
            out.extend_from_slice(b"{\"timestampValue\":\"");
            push_rfc3339(out, *micros);
            out.push(b'"');
        }
        Plain::String(text) => {
            out.extend_from_slice(b"{\"stringValue\":");
            string(out, text);
        }
        Plain::Bytes(bytes) => {
            out.extend_from_slice(b"{\"bytesValue\":");
            base64(out, bytes);
        }
        Plain::Reference(name) => {
            out.extend_from_slice(b"{\"referenceValue\":");
            string(out, name);
        }
        Plain::GeoPoint { latitude, longitude } => {
            out.extend_from_slice(b"{\"geoPointValue\":{");
            let mut separator = "";
            for (name, value) in [("latitude", latitude), ("longitude", longitude)] {
                // The REST API leaves out a coordinate that is 0; a negative zero is one that it shows.
                if value.to_bits() != 0 {
                    let _ = write!(out, "{separator}\"{name}\":");
                    double(out, *value);
                    separator = ",";
                }
            }
            out.push(b'}');
        }
    }
    out.push(b'}');
}

/// A document that cannot be written in the REST form, because a part of it that no column needed is broken: its name where it has
/// one, and its bytes.
pub(crate) fn unreadable(out: &mut Vec<u8>, name: &[u8], raw: &[u8]) {
    out.extend_from_slice(b"{\"name\":");
    string(out, String::from_utf8_lossy(name).as_bytes());
    out.extend_from_slice(b",\"raw\":");
    base64(out, raw);
    out.push(b'}');
}
