//! Values, and the order and equality that GoogleSQL gives them.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// One value of a column. Clones are cheap.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(Arc<str>),
    Bytes(Arc<[u8]>),
    /// Microseconds since the Unix epoch, UTC.
    Timestamp(i64),
    /// Days since the Unix epoch.
    Date(i32),
    /// A JSON text, as [`crate::bigquery::text::json_text`] writes it.
    Json(Arc<str>),
    Struct(Arc<[Value]>),
    Array(Arc<[Value]>),
}

/// A row: one value a column, in the order of the schema.
pub(crate) type Row = Arc<[Value]>;

impl Value {
    pub(crate) fn string(text: impl AsRef<str>) -> Self {
        Self::String(text.as_ref().into())
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Self::Bool(true))
    }

    /// Bytes that it takes as BigQuery counts them, roughly.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) | Self::Float(_) | Self::Timestamp(_) | Self::Date(_) => 8,
            Self::String(s) | Self::Json(s) => 2 + s.len() as u64,
            Self::Bytes(b) => 2 + b.len() as u64,
            Self::Struct(v) | Self::Array(v) => v.iter().map(Value::size).sum(),
        }
    }

    /// How two values of one type compare with `<`, `=` and `>`. `None` where one is null or NaN.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Int(b)) | (Self::Timestamp(a), Self::Timestamp(b)) => Some(a.cmp(b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b),
            (Self::String(a), Self::String(b)) | (Self::Json(a), Self::Json(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (Self::Bytes(a), Self::Bytes(b)) => Some(a.cmp(b)),
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// The order of ORDER BY: null first, then NaN, then the values.
    pub(crate) fn sort(&self, other: &Self) -> Ordering {
        let rank = |v: &Self| match v {
            Self::Null => 0,
            Self::Float(f) if f.is_nan() => 1,
            _ => 2,
        };
        rank(self).cmp(&rank(other)).then_with(|| self.compare(other).unwrap_or(Ordering::Equal))
    }
}

/// A value as GROUP BY, DISTINCT and IS NOT DISTINCT FROM see it: null is like null, NaN like NaN, 0.0 like -0.0.
#[derive(Debug, Clone)]
pub(crate) struct Key(pub(crate) Value);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Value::Null, Value::Null) => true,
            (Value::Float(a), Value::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            (a, b) => a.compare(b) == Some(Ordering::Equal),
        }
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Value::Null => 0_u8.hash(state),
            Value::Bool(b) => b.hash(state),
            Value::Int(i) | Value::Timestamp(i) => i.hash(state),
            Value::Float(f) if f.is_nan() => 1_u8.hash(state),
            // Both zeros are one key.
            Value::Float(f) => (f + 0.0).to_bits().hash(state),
            Value::String(s) | Value::Json(s) => s.hash(state),
            Value::Bytes(b) => b.hash(state),
            Value::Date(d) => d.hash(state),
            // Neither is a key: the binder refuses them.
            Value::Struct(_) | Value::Array(_) => 2_u8.hash(state),
        }
    }
}
