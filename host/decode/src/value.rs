//! What a field can hold, whatever the format that it was read from, and why reading stops.

use gristmill_record::{Refusal, Stage};

/// The types of Firestore, as `field-type` in `wit/schema.wit` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
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
    Vector,
    /// A type of the Enterprise edition, which the REST API shows as a map with one reserved key.
    Other,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Timestamp => "timestamp",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Reference => "reference",
            Self::GeoPoint => "geoPoint",
            Self::Array => "array",
            Self::Map => "map",
            Self::Vector => "vector",
            Self::Other => "other",
        }
    }
}

/// A value without parts. Texts are UTF-8; who hands one over has checked it, or checks the whole document before the row counts.
///
/// The layout is that of C, in which every variant has its data at the same aligned place. Rust's own packs the one byte of a boolean beside the tag,
/// values are then moved in pieces that do not match how they were stored, and the processor waits: a quarter of the time of the decoder.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) enum Plain<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Double(f64),
    /// Microseconds since the epoch, years 1 to 9999.
    Timestamp(i64),
    String(&'a [u8]),
    /// Decoded.
    Bytes(&'a [u8]),
    /// A resource name.
    Reference(&'a [u8]),
    GeoPoint {
        latitude: f64,
        longitude: f64,
    },
}

impl Plain<'_> {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Boolean(_) => Kind::Boolean,
            Self::Integer(_) => Kind::Integer,
            Self::Double(_) => Kind::Double,
            Self::Timestamp(_) => Kind::Timestamp,
            Self::String(_) => Kind::String,
            Self::Bytes(_) => Kind::Bytes,
            Self::Reference(_) => Kind::Reference,
            Self::GeoPoint { .. } => Kind::GeoPoint,
        }
    }
}

/// Why the reading of a document stops. Kept small: it is in the result of every step.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The bytes end inside the document. JSON only.
    Incomplete,
    /// Not JSON; the cursor stands at the wrong byte and knows what was expected there.
    Syntax,
    /// The value has a type that the column cannot hold.
    Mismatch(Kind),
    /// The record is refused.
    Refuse(Box<Refusal>),
}

impl Halt {
    pub(crate) fn refuse(code: &str, field: Option<String>, message: impl Into<String>) -> Self {
        Self::Refuse(Box::new(Refusal { stage: Stage::Decode, code: code.to_owned(), field, message: message.into() }))
    }

    /// Values nest deeper than the limit.
    #[cold]
    pub(crate) fn too_deep(limit: usize) -> Self {
        Self::refuse("decode.too-deep", None, format!("its values nest deeper than {limit} levels"))
    }

    /// Puts a step before the path of a refusal that knows its place only from inside.
    #[cold]
    pub(crate) fn inside(mut self, step: &[u8]) -> Self {
        if let Self::Refuse(refusal) = &mut self {
            let step = String::from_utf8_lossy(step);
            refusal.field = Some(match refusal.field.take() {
                None => step.into_owned(),
                Some(rest) if rest.starts_with('[') => format!("{step}{rest}"),
                Some(rest) => format!("{step}.{rest}"),
            });
        }
        self
    }
}
