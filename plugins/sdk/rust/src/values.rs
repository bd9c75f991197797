//! The values of columns that Rust has no type of its own for.

use crate::time;

/// An instant: microseconds since 1970-01-01T00:00:00Z, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first instant of year 1.
    pub const MIN: Self = Self(time::MIN_MICROS);
    /// The last microsecond of year 9999.
    pub const MAX: Self = Self(time::MAX_MICROS);

    /// The instant this many microseconds after 1970-01-01T00:00:00Z. Firestore and destinations take
    /// [`Timestamp::MIN`] to [`Timestamp::MAX`].
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339: `2024-01-01T00:00:00.123456Z`, or with an offset such as `+02:00`.
    ///
    /// Digits beyond microseconds are cut, as Firestore cuts them. `None` where the text is no instant from year 1 to
    /// 9999; a leap second is none, as Firestore has none.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        time::parse_rfc3339(text.as_bytes()).map(Self)
    }

    /// The day in UTC.
    pub fn date(self) -> Date {
        Date(i32::try_from(self.0.div_euclid(time::MICROS_PER_DAY)).unwrap_or(i32::MAX))
    }
}

/// A day: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Date(i32);

impl Date {
    /// The day this many days after 1970-01-01.
    pub const fn from_days(days: i32) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    pub const fn days(self) -> i32 {
        self.0
    }

    /// A day of the Gregorian calendar, `None` where there is no such day from year 1 to 9999.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        let days = time::days_of_date(i64::from(year), i64::from(month), i64::from(day))?;
        i32::try_from(days).ok().map(Self)
    }
}

/// A JSON text. As an input: a value in the typed form of Firestore's REST API, `{"integerValue":"7"}`.
///
/// `Json<&str>` borrows the text; `Json<String>` is for rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Json<T>(pub T);

/// The resource name that a Firestore reference holds: `projects/P/databases/D/documents/users/u1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reference<'a>(pub &'a str);

impl<'a> Reference<'a> {
    /// The whole resource name.
    pub fn name(self) -> &'a str {
        self.0
    }

    /// The path below the database, `users/u1`; the whole name where it is no name of a document.
    pub fn path(self) -> &'a str {
        self.0.split_once("/documents/").map_or(self.0, |(_, path)| path)
    }

    /// The last segment, `u1`.
    pub fn id(self) -> &'a str {
        self.0.rsplit_once('/').map_or(self.0, |(_, id)| id)
    }
}

/// The Firestore type of a field, for inputs with `type_of`: tells missing (`None` of an `Option`), null and mistyped apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are Firestore's own")]
pub enum FieldType {
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
    /// What only newer editions of Firestore have.
    Other,
}

impl FieldType {
    /// The type by the name that the contract gives it; [`FieldType::Other`] for a name not known here.
    pub fn from_name(name: &str) -> Self {
        match name {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "double" => Self::Double,
            "timestamp" => Self::Timestamp,
            "string" => Self::String,
            "bytes" => Self::Bytes,
            "reference" => Self::Reference,
            "geoPoint" => Self::GeoPoint,
            "array" => Self::Array,
            "map" => Self::Map,
            "vector" => Self::Vector,
            _ => Self::Other,
        }
    }

    /// The name that the contract gives it.
    pub fn name(self) -> &'static str {
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

/// Texts with a separator between them, for a column of strings: written into the column without a string of its own.
///
/// `Join("-", [team, report])` is `team-report`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Join<'a, const N: usize>(pub &'a str, pub [&'a str; N]);

impl<const N: usize> std::fmt::Display for Join<'_, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, part) in self.1.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { self.0 })?;
            f.write_str(part)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_has_a_path_and_an_id() {
        let reference = Reference("projects/p/databases/(default)/documents/users/u1");
        assert_eq!((reference.path(), reference.id()), ("users/u1", "u1"));
    }

    #[test]
    fn names_of_types_go_both_ways() {
        for name in [
            "null",
            "boolean",
            "integer",
            "double",
            "timestamp",
            "string",
            "bytes",
            "reference",
            "geoPoint",
            "array",
            "map",
            "vector",
            "other",
        ] {
            assert_eq!(FieldType::from_name(name).name(), name);
        }
        assert_eq!(FieldType::from_name("decimal128"), FieldType::Other);
    }

    #[test]
    fn days() {
        assert_eq!(Timestamp::from_micros(-1).date(), Date::from_days(-1));
        assert_eq!(Date::from_ymd(2024, 2, 29), Some(Date::from_days(19_782)));
        assert_eq!(Date::from_ymd(2023, 2, 29), None);
        assert_eq!(Timestamp::MAX.date(), Date::from_ymd(9999, 12, 31).unwrap());
    }

    #[test]
    fn joins() {
        assert_eq!(Join("-", ["a", "b", "c"]).to_string(), "a-b-c");
    }
}
