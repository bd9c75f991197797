//! Which folder a row goes to.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, TimestampMicrosecondType};
use arrow_schema::DataType as ArrowType;
use gristmill_record::{DataType, OutputColumn, Scalar, Table};

use crate::text::{NULL_FOLDER, folder_name};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// What stands before `=` in the names of a table's partition folders: the column's name and `_day`, or `_value` for strings, and as many `_`
/// as it takes to be no column's name. Engines refuse a partition that is named as a column of the files, and some take
/// its value for the column's.
pub(super) fn folder_key(table: &Table, column: &OutputColumn) -> String {
    let ending = if column.ty == DataType::Scalar(Scalar::String) { "value" } else { "day" };
    let mut key = format!("{}_{ending}", folder_name(&column.name));
    while table.columns().iter().any(|c| c.name.eq_ignore_ascii_case(&key)) {
        key.push('_');
    }
    key
}

/// Numbers the partitions of a table in the order in which they first occur.
pub(super) struct Partitions {
    key: String,
    /// The part after `=`, by number.
    names: Vec<Name>,
    days: HashMap<i64, u32, BuildHasherDefault<DayHasher>>,
    values: HashMap<Box<str>, u32>,
    null: Option<u32>,
}

enum Name {
    Null,
    Day(i64),
    Value(Box<str>),
}

impl Partitions {
    pub(super) fn new(key: String) -> Self {
        Self { key, names: Vec::new(), days: HashMap::default(), values: HashMap::new(), null: None }
    }

    /// How many there are by now.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Appends the number of each row's partition.
    pub(super) fn assign(&mut self, column: &dyn Array, numbers: &mut Vec<u32>) {
        numbers.reserve(column.len());
        match column.data_type() {
            ArrowType::Date32 => {
                for day in column.as_primitive::<Date32Type>() {
                    let number = self.day(day.map(i64::from));
                    numbers.push(number);
                }
            }
            ArrowType::Utf8 => {
                for value in column.as_string::<i32>() {
                    let number = self.value(value);
                    numbers.push(number);
                }
            }
            _ => {
                let mut last = None;
                for micros in column.as_primitive::<TimestampMicrosecondType>() {
                    let day = micros.map(|m| m.div_euclid(MICROS_PER_DAY));
                    let number = match last {
                        Some((known, number)) if known == day => number,
                        _ => self.day(day),
                    };
                    last = Some((day, number));
                    numbers.push(number);
                }
            }
        }
    }

    fn add(&mut self, name: Name) -> u32 {
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name);
        number
    }

    fn null(&mut self) -> u32 {
        let number = self.null.unwrap_or_else(|| self.add(Name::Null));
        self.null = Some(number);
        number
    }

    fn day(&mut self, day: Option<i64>) -> u32 {
        let Some(day) = day else { return self.null() };
        if let Some(number) = self.days.get(&day) {
            return *number;
        }
        let number = self.add(Name::Day(day));
        self.days.insert(day, number);
        number
    }

    /// The empty string shares the folder of null, as with Hive, and so does the name of that folder; the column in the files tells them
    /// apart.
    fn value(&mut self, value: Option<&str>) -> u32 {
        let Some(value) = value.filter(|v| !v.is_empty() && *v != NULL_FOLDER) else { return self.null() };
        if let Some(number) = self.values.get(value) {
            return *number;
        }
        let number = self.add(Name::Value(value.into()));
        self.values.insert(value.into(), number);
        number
    }

    /// The folder of a partition: `event_ts_day=2024-01-31`.
    pub(super) fn folder(&self, number: usize) -> String {
        let value = match self.names.get(number) {
            Some(Name::Day(day)) => gristmill_record::time::format_date(*day),
            Some(Name::Value(value)) => folder_name(value),
            Some(Name::Null) | None => NULL_FOLDER.to_owned(),
        };
        format!("{}={value}", self.key)
    }
}

/// Days are small numbers close to each other: one multiplication spreads them, where the default hasher takes as long as all the rest.
#[derive(Default)]
struct DayHasher(u64);

impl Hasher for DayHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.write_i64(i64::from(*b)));
    }

    fn write_i64(&mut self, day: i64) {
        // The fractional part of the golden ratio, Knuth's multiplicative hashing.
        let spread = (self.0 ^ day.cast_unsigned()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ (spread >> 32);
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{StringArray, TimestampMicrosecondArray};
    use gristmill_record::{Description, Input, OnMismatch, Origin, TableDraft};

    use super::*;

    #[test]
    fn the_folder_is_named_as_no_column() {
        let column = |name: &str| OutputColumn {
            name: name.into(),
            ty: Scalar::Timestamp.into(),
            required: false,
            description: String::new(),
        };
        let input = Input {
            name: "x".into(),
            origin: Origin::DocumentName,
            ty: Scalar::String.into(),
            required: true,
            on_mismatch: OnMismatch::Reject,
        };
        let draft = TableDraft {
            name: "t".into(),
            columns: vec![column("at"), column("AT_day"), column("at_day_")],
            partition_by: Some("at".into()),
            ..TableDraft::default()
        };
        let description = Description::new("a/{x}", vec![input], vec![draft]).unwrap();
        let table = &description.tables()[0];
        assert_eq!(folder_key(table, &table.columns()[0]), "at_day__");
    }

    #[test]
    fn days_are_of_utc_and_null_has_its_own() {
        let mut partitions = Partitions::new("d".into());
        let mut numbers = Vec::new();
        let column = TimestampMicrosecondArray::from(vec![Some(0), Some(-1), None, Some(86_399_999_999), None]);
        partitions.assign(&column, &mut numbers);
        assert_eq!(numbers, [0, 1, 2, 0, 2]);
        let folders: Vec<_> = (0..partitions.len()).map(|n| partitions.folder(n)).collect();
        assert_eq!(folders, ["d=1970-01-01", "d=1969-12-31", "d=__HIVE_DEFAULT_PARTITION__"]);
    }

    #[test]
    fn strings_are_escaped() {
        let mut partitions = Partitions::new("team_value".into());
        let mut numbers = Vec::new();
        let column = StringArray::from(vec![Some("a/b"), Some(""), None, Some("a/b")]);
        partitions.assign(&column, &mut numbers);
        assert_eq!(numbers, [0, 1, 1, 0]);
        assert_eq!(partitions.folder(0), "team_value=a%2Fb");
    }
}
