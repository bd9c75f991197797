//! Types of inputs and columns, as `wit/schema.wit` declares them.

use serde::{Deserialize, Serialize};

/// How deeply types may nest.
pub const MAX_DEPTH: usize = 32;

/// A type without parts. See `scalar` in `wit/schema.wit` for what each takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scalar {
    /// True or false.
    Boolean,
    /// Signed, 64 bits.
    Int64,
    /// IEEE 754 binary64.
    Float64,
    /// Microseconds since the Unix epoch, UTC.
    Timestamp,
    /// Days since the Unix epoch.
    Date,
    /// UTF-8.
    String,
    /// Any bytes.
    Bytes,
    /// UTF-8, one JSON text.
    Json,
    /// A resource name; inputs only.
    Reference,
}

impl Scalar {
    /// The name of the type as the contract spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Int64 => "int64",
            Self::Float64 => "float64",
            Self::Timestamp => "timestamp",
            Self::Date => "date",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Json => "json",
            Self::Reference => "reference",
        }
    }
}

/// A type, with the types of its parts inside it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataType {
    /// A type without parts.
    Scalar(Scalar),
    /// A list of elements of one type; elements may be null.
    List(Box<DataType>),
    /// Named fields, each of which may be null.
    Struct(Vec<Field>),
}

/// A field of a struct.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Field {
    /// Its name, unique in the struct.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: DataType,
}

impl DataType {
    /// Whether this is `struct { latitude: float64, longitude: float64 }` in either order, which takes geo points.
    pub fn is_geo_point(&self) -> bool {
        let Self::Struct(fields) = self else { return false };
        fields.len() == 2
            && ["latitude", "longitude"]
                .iter()
                .all(|n| fields.iter().any(|f| f.name == *n && f.ty == Self::Scalar(Scalar::Float64)))
    }

    /// Levels of nesting: 1 for a scalar.
    pub fn depth(&self) -> usize {
        match self {
            Self::Scalar(_) => 1,
            Self::List(e) => 1 + e.depth(),
            Self::Struct(fs) => 1 + fs.iter().map(|f| f.ty.depth()).max().unwrap_or(0),
        }
    }

    /// Whether `scalar` occurs anywhere in it.
    pub fn contains(&self, scalar: Scalar) -> bool {
        match self {
            Self::Scalar(s) => *s == scalar,
            Self::List(e) => e.contains(scalar),
            Self::Struct(fs) => fs.iter().any(|f| f.ty.contains(scalar)),
        }
    }
}

impl From<Scalar> for DataType {
    fn from(s: Scalar) -> Self {
        Self::Scalar(s)
    }
}

impl std::fmt::Display for DataType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Scalar(s) => f.write_str(s.name()),
            Self::List(e) => write!(f, "list<{e}>"),
            Self::Struct(fields) => {
                f.write_str("struct{")?;
                for (i, field) in fields.iter().enumerate() {
                    write!(f, "{}{}: {}", if i > 0 { ", " } else { "" }, field.name, field.ty)?;
                }
                f.write_str("}")
            }
        }
    }
}
