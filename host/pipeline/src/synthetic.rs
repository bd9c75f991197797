//! Records and rows that were made up: every declared input or column with values at the edges of its type, for plugins that are looked at
//! without documents.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, StructArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::ArrowError;
use arrow_select::take::take;
use gristmill_record::arrow::{arrow_field, input_schema, table_schema};
use gristmill_record::time::{MAX_MICROS, MIN_MICROS};
use gristmill_record::{DataType, Description, Origin, Scalar, Table};

/// A batch of the inputs of a description. Inputs that may be null are so in some rows.
pub(crate) fn batch(description: &Description, rows: usize) -> Result<RecordBatch, ArrowError> {
    let columns = description
        .inputs()
        .iter()
        .enumerate()
        .map(|(i, input)| {
            // Each column cycles by a step of its own, so that edges meet in many combinations.
            let cycle = Cycle { step: 2 * i + 1, rows, nulls: !input.required, json: &TYPED_JSON };
            match &input.origin {
                Origin::PathCapture(_) => {
                    cycle.texts(&["a", "b-c", "2024-01-01T00:00:00Z", "ü", "x".repeat(1_500).as_str()])
                }
                Origin::DocumentName => cycle.texts(&["projects/p/databases/(default)/documents/c/x"]),
                Origin::FieldType(_) => cycle.texts(&[
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
                ]),
                Origin::Document => {
                    cycle.texts(&[r#"{"name":"projects/p/databases/(default)/documents/c/x","fields":{}}"#])
                }
                _ => cycle.values(&input.ty),
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(input_schema(description), columns)
}

/// Rows of a table. Columns that may be null are so in some rows.
pub(crate) fn rows(table: &Table, rows: usize) -> Result<RecordBatch, ArrowError> {
    let columns = table.columns().iter().enumerate();
    let columns = columns.map(|(i, column)| {
        Cycle { step: 2 * i + 1, rows, nulls: !column.required, json: &ANY_JSON }.values(&column.ty)
    });
    RecordBatch::try_new(table_schema(table), columns.collect::<Result<_, _>>()?)
}

/// Of an input: a value in the typed form of Firestore's REST API.
const TYPED_JSON: [&str; 5] = [
    r#"{"nullValue":null}"#,
    r#"{"integerValue":"7"}"#,
    r#"{"stringValue":"ü"}"#,
    r#"{"mapValue":{"fields":{}}}"#,
    r#"{"arrayValue":{"values":[{"booleanValue":true}]}}"#,
];

/// Of a column: any JSON text.
const ANY_JSON: [&str; 7] =
    ["null", "7", "-1.50e3", r#""ü""#, "{}", r#"[true, {"a": [null]}]"#, r#"{"nullValue":null}"#];

/// How values follow one another.
#[derive(Clone, Copy)]
struct Cycle {
    step: usize,
    rows: usize,
    nulls: bool,
    /// What a JSON value may be.
    json: &'static [&'static str],
}

impl Cycle {
    fn is_null(self, row: usize) -> bool {
        self.nulls && (row + self.step) % 7 == 3
    }

    /// `edges` one after another.
    fn of(self, edges: &dyn Array) -> Result<ArrayRef, ArrowError> {
        let index = |row: usize| {
            // A step that has a factor in common with the number of edges would leave some out; the second term shifts each round.
            let edges = edges.len().max(1);
            u32::try_from((row * self.step + row / edges) % edges).unwrap_or_default()
        };
        let indices: UInt32Array = (0..self.rows).map(|row| (!self.is_null(row)).then(|| index(row))).collect();
        take(edges, &indices, None)
    }

    fn texts(self, edges: &[&str]) -> Result<ArrayRef, ArrowError> {
        self.of(&StringArray::from(edges.to_vec()))
    }

    fn nulls(self) -> Option<NullBuffer> {
        self.nulls.then(|| (0..self.rows).map(|row| !self.is_null(row)).collect())
    }

    fn values(self, ty: &DataType) -> Result<ArrayRef, ArrowError> {
        match ty {
            DataType::Scalar(scalar) => self.scalars(*scalar),
            DataType::List(element) => {
                let lengths: Vec<usize> =
                    (0..self.rows).map(|row| if self.is_null(row) { 0 } else { (row + self.step) % 4 }).collect();
                let child = Self { rows: lengths.iter().sum(), ..self }.values(element)?;
                let field = Arc::new(arrow_field("item", element, true));
                let list = ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), child, self.nulls())?;
                Ok(Arc::new(list))
            }
            DataType::Struct(fields) => {
                let columns = fields
                    .iter()
                    .enumerate()
                    .map(|(i, f)| Self { step: self.step + 2 * i, nulls: true, ..self }.values(&f.ty))
                    .collect::<Result<Vec<_>, _>>()?;
                let fields = fields.iter().map(|f| arrow_field(&f.name, &f.ty, true)).collect();
                Ok(Arc::new(StructArray::try_new_with_length(fields, columns, self.nulls(), self.rows)?))
            }
        }
    }

    fn scalars(self, scalar: Scalar) -> Result<ArrayRef, ArrowError> {
        const ZONE: &str = "UTC";
        match scalar {
            Scalar::Boolean => self.of(&BooleanArray::from(vec![true, false])),
            Scalar::Int64 => self.of(&Int64Array::from(vec![0, 1, -1, 1 << 53, i64::MAX, i64::MIN])),
            Scalar::Float64 => {
                let edges = vec![0.0, -0.0, 0.5, 1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 5e-324];
                self.of(&Float64Array::from(edges))
            }
            Scalar::Timestamp => {
                let edges = vec![0, 1_704_067_200_000_000, MIN_MICROS, MAX_MICROS, -1];
                self.of(&TimestampMicrosecondArray::from(edges).with_timezone(ZONE))
            }
            Scalar::Date => self.of(&Date32Array::from(vec![0, 19_723, -719_162, 2_932_896])),
            Scalar::String => {
                let long = "x".repeat(10_000);
                self.texts(&["", "a", "ünïcödé 🙂", "2024-01-01T00:00:00Z", "\u{0}\n\"\\", long.as_str()])
            }
            Scalar::Reference => self.texts(&["projects/p/databases/(default)/documents/c/x"]),
            Scalar::Json => self.texts(self.json),
            Scalar::Bytes => self.of(&BinaryArray::from(vec![&b""[..], b"\0", b"\xff\xfe", b"bytes"])),
        }
    }
}

#[cfg(test)]
mod tests {
    use gristmill_record::{OutputColumn, TableDraft};

    use super::*;

    /// Every type, each null where it may be and nowhere else.
    #[test]
    fn rows_of_every_type() {
        let types =
            "boolean int64 float64 timestamp date string bytes json list<float64> struct{a:json,b:list<string>}";
        let both = [false, true];
        let column = |(i, (ty, required)): (usize, (&str, bool))| OutputColumn {
            name: format!("c{i}"),
            ty: ty.parse().unwrap(),
            required,
            description: String::new(),
        };
        let columns = types.split(' ').flat_map(|ty| both.map(|required| (ty, required))).enumerate().map(column);
        let draft = TableDraft { name: "all".into(), columns: columns.collect(), ..TableDraft::default() };
        let table = Table::new(draft).unwrap();
        let made = rows(&table, 504).unwrap();
        assert_eq!(made.num_rows(), 504);
        for (column, array) in table.columns().iter().zip(made.columns()) {
            assert_eq!(array.null_count() > 0, !column.required, "{}", column.ty);
        }
        let json = gristmill_sink::json_rows(&made).unwrap();
        assert!(json.iter().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
        assert!(json.iter().collect::<std::collections::BTreeSet<_>>().len() > 400, "edges meet in many combinations");
    }
}
