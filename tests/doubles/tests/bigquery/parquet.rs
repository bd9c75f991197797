//! Parquet files.

use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use crate::kit::{Kit, failure, load, schema, success};

/// A file with these columns.
fn file(columns: Vec<(Field, ArrayRef)>) -> Vec<u8> {
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn column(name: &str, array: impl arrow_array::Array + 'static) -> (Field, ArrayRef) {
    (Field::new(name, array.data_type().clone(), true), Arc::new(array))
}

/// Two rows of every type, the second of nulls where it may be.
fn every_type() -> Vec<u8> {
    let mut list = ListBuilder::new(Int64Builder::new());
    list.append_value([Some(1), Some(2)]);
    list.append_null();
    let parts = vec![
        (Arc::new(Field::new("x", DataType::Int64, true)), Arc::new(Int64Array::from(vec![Some(7), None])) as ArrayRef),
        (
            Arc::new(Field::new("y", DataType::Utf8, true)),
            Arc::new(StringArray::from(vec![Some("q"), None])) as ArrayRef,
        ),
    ];
    file(vec![
        column("i", Int64Array::from(vec![Some(i64::MIN), None])),
        column("f", Float64Array::from(vec![Some(f64::NAN), None])),
        column("s", StringArray::from(vec![Some("été"), None])),
        column("y", BinaryArray::from_opt_vec(vec![Some(&[0, 255]), None])),
        column("t", TimestampMicrosecondArray::from(vec![Some(-1), None]).with_timezone("UTC")),
        column("d", Date32Array::from(vec![Some(19_723), None])),
        column("b", BooleanArray::from(vec![Some(true), None])),
        column("l", list.finish()),
        column("r", StructArray::from(parts)),
    ])
}

const EVERY: [&str; 8] =
    ["i INT64", "f FLOAT64", "s STRING", "y BYTES", "t TIMESTAMP", "d DATE", "b BOOL", "l INT64 REPEATED"];

fn every_schema() -> Value {
    let mut schema = schema(&EVERY);
    let record = json!({"name": "r", "type": "RECORD", "fields": [{"name": "y", "type": "STRING"}, {"name": "x", "type": "INTEGER"}]});
    schema["fields"].as_array_mut().unwrap().push(record);
    schema
}

fn run(kit: &Kit, id: &str, table: &str, bytes: Vec<u8>, more: Value) -> Value {
    kit.objects.put("b", &format!("{id}.parquet"), bytes);
    kit.run(id, &load(table, &[&format!("gs://b/{id}.parquet")], "PARQUET", more))
}

fn inference() -> Value {
    json!({"enableListInference": true})
}

#[test]
fn every_type_goes_in_and_out_exactly() {
    let kit = Kit::new();
    let job = run(&kit, "all", "t", every_type(), json!({"schema": every_schema(), "parquetOptions": inference()}));
    success(&job);
    let statistics = &job["statistics"]["load"];
    assert_eq!(
        (&statistics["inputFiles"], &statistics["outputRows"], &statistics["badRecords"]),
        (&json!("1"), &json!("2"), &json!("0"))
    );
    assert_eq!(statistics["inputFileBytes"], json!(every_type().len().to_string()));
    let rows = kit.get("/datasets/d/tables/t/data").body;
    assert_eq!(rows["totalRows"], "2");
    let cell = |row: usize, column: usize| rows["rows"][row]["f"][column]["v"].clone();
    let first: Vec<_> = (0..9).map(|c| cell(0, c)).collect();
    // Fields of the struct in the order of the table, not of the file.
    let want = json!([
        "-9223372036854775808", "NaN", "été", "AP8=", "-1.0E-6", "2024-01-01", "true", [{"v": "1"}, {"v": "2"}],
        {"f": [{"v": "q"}, {"v": "7"}]}
    ]);
    assert_eq!(json!(first), want);
    let second: Vec<_> = (0..9).map(|c| cell(1, c)).collect();
    assert_eq!(json!(second), json!([null, null, null, null, null, null, null, [], {"f": [{"v": null}, {"v": null}]}]));
    let micros =
        kit.get("/datasets/d/tables/t/data?formatOptions.useInt64Timestamp=true&selectedFields=t,i&maxResults=1").body;
    assert_eq!(micros["rows"], json!([{"f": [{"v": "-1"}, {"v": "-9223372036854775808"}]}]));
}

#[test]
fn without_inference_a_list_is_a_struct_of_a_repeated_struct() {
    let kit = Kit::new();
    success(&run(&kit, "plain", "t", every_type(), json!({})));
    let fields = kit.double.table("test-project", "d", "t").unwrap()["schema"]["fields"].clone();
    let list = fields.as_array().unwrap().iter().find(|f| f["name"] == "l").unwrap().clone();
    assert_eq!(list["type"], "RECORD");
    assert_eq!((&list["fields"][0]["name"], &list["fields"][0]["mode"]), (&json!("list"), &json!("REPEATED")));
    let element = list["fields"][0]["fields"][0]["name"].as_str().unwrap();
    let rows = kit.rows(&format!("SELECT l.list[OFFSET(1)].{element} AS n FROM d.t WHERE i IS NOT NULL"));
    assert_eq!(rows, [json!({"n": 2})]);

    let refused = run(&kit, "refused", "u", every_type(), json!({"schema": every_schema()}));
    let (reason, message) = failure(&refused);
    assert_eq!(reason, "invalid");
    assert!(message.contains("Field 'l' is specified as REPEATED in provided schema which does not match NULLABLE as specified in the file."), "{message}");
    assert!(kit.double.table("test-project", "d", "u").is_none());
}

#[test]
fn an_explicit_schema_has_to_fit_the_columns() {
    let kit = Kit::new();
    let numbers = || file(vec![column("n", Int64Array::from(vec![Some(1), None]))]);
    let try_schema =
        |id: &str, fields: &[&str]| failure(&run(&kit, id, "t", numbers(), json!({"schema": schema(fields)}))).1;
    let text = try_schema("text", &["n STRING"]);
    assert!(text.contains("Parquet column 'n' has type INT64 which does not match the target cpp_type STRING. File: gs://b/text.parquet"), "{text}");
    assert!(try_schema("float", &["n FLOAT64"]).contains("target cpp_type DOUBLE"));
    assert!(try_schema("required", &["n INT64 REQUIRED"]).contains("Required field 'n' cannot be null."));
    assert!(try_schema("missing", &["n INT64", "m INT64 REQUIRED"]).contains("Field 'm' is specified as REQUIRED"));
    assert!(try_schema("extra", &["m INT64"]).contains("Field 'n' of the file is not in the schema."));
    assert_eq!(try_schema("json", &["n INT64", "j JSON"]), "Unsupported field type: JSON");
    assert!(kit.double.table("test-project", "d", "t").is_none());
    success(&run(&kit, "more", "t", numbers(), json!({"schema": schema(&["m STRING", "n INT64"])})));
    assert_eq!(kit.rows("SELECT * FROM d.t ORDER BY n"), [json!({"m": null, "n": null}), json!({"m": null, "n": 1})]);
    let unknown =
        json!({"schema": schema(&["m STRING"]), "ignoreUnknownValues": true, "writeDisposition": "WRITE_TRUNCATE"});
    success(&run(&kit, "ignored", "t", numbers(), unknown));
    assert_eq!(kit.rows("SELECT * FROM d.t LIMIT 1"), [json!({"m": null})]);
}

#[test]
fn what_is_no_parquet_is_refused() {
    let kit = Kit::new();
    let (reason, message) =
        failure(&run(&kit, "bad", "t", b"PAR1 nothing".to_vec(), json!({"schema": schema(&["n INT64"])})));
    assert_eq!(reason, "invalid");
    assert!(
        message.starts_with("Error while reading data, error message: Input file is not in Parquet format."),
        "{message}"
    );
}

#[test]
fn a_null_within_a_list_is_refused() {
    let kit = Kit::new();
    let mut list = ListBuilder::new(Int64Builder::new());
    list.append_value([Some(1), None]);
    let bytes = file(vec![column("l", list.finish())]);
    let job =
        run(&kit, "null", "t", bytes, json!({"schema": schema(&["l INT64 REPEATED"]), "parquetOptions": inference()}));
    assert!(failure(&job).1.contains("Only optional fields can be set to NULL. Field: l; Value: NULL"));
}

#[test]
fn required_columns_of_a_table_want_a_schema_that_says_so() {
    let kit = Kit::new();
    kit.create("t", &["n INT64 REQUIRED"]);
    let numbers = || file(vec![column("n", Int64Array::from(vec![1]))]);
    let job = run(&kit, "plain", "t", numbers(), json!({}));
    assert_eq!(
        failure(&job).1,
        "Provided Schema does not match Table test-project:d.t. Field n has changed mode from REQUIRED to NULLABLE"
    );
    success(&run(&kit, "said", "t", numbers(), json!({"schema": schema(&["n INT64 REQUIRED"])})));
}

#[test]
fn codecs_are_those_of_bigquery() {
    use parquet::basic::{Compression, GzipLevel, ZstdLevel};
    let kit = Kit::new();
    let numbers = column("n", Int64Array::from(vec![1; 1000]));
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![numbers.0])), vec![numbers.1]).unwrap();
    let good = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::LZ4_RAW,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
    ];
    for (i, codec) in good.into_iter().chain([Compression::LZ4]).enumerate() {
        let properties = parquet::file::properties::WriterProperties::builder().set_compression(codec).build();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let job = run(&kit, &format!("c{i}"), "t", bytes, json!({}));
        if codec == Compression::LZ4 {
            assert!(failure(&job).1.contains("Unsupported compression codec"), "{job}");
        } else {
            success(&job);
        }
    }
    assert_eq!(kit.rows("SELECT COUNT(*) AS n FROM d.t"), [json!({"n": 5000})]);
}
