//! Columns of every type there and back: `echo` returns what it is handed, so that both directions are checked against each other.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on says where it stands")]

mod support;

use std::sync::{Arc, LazyLock};

use arrow_array::builder::{Int64Builder, ListBuilder, StringBuilder, StructBuilder};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::Field;
use gristmill_plugin::{ConfiguredPlugin, Limits, Plugin, Transform, TransformWorker};
use gristmill_record::arrow::{input_schema, table_schema};
use proptest::prelude::*;
use serde_json::json;
use support::{LIMITS, context, load, settings};

const TYPES: &str = "b=boolean;i=int64;f=float64;t=timestamp;s=string;y=bytes;j=json;l=list<string>;\
                     r=struct{n: int64, l: list<int64>}";

fn echo() -> ConfiguredPlugin {
    static ECHO: LazyLock<Plugin> = LazyLock::new(|| load("echo", LIMITS).unwrap());
    ECHO.configure(&settings(json!({"types": TYPES})), context()).unwrap()
}

/// A struct of an int64 and a list of int64.
type Structure = (Option<i64>, Option<Vec<Option<i64>>>);

/// One record; none stands for null.
#[derive(Debug, Clone)]
struct Record {
    flag: Option<bool>,
    int: Option<i64>,
    float: Option<f64>,
    micros: Option<i64>,
    text: Option<String>,
    bytes: Option<Vec<u8>>,
    list: Option<Vec<Option<String>>>,
    structure: Option<Structure>,
}

fn record() -> impl Strategy<Value = Record> {
    let year_range = gristmill_record::time::MIN_MICROS..=gristmill_record::time::MAX_MICROS;
    let ints = proptest::option::of(proptest::collection::vec(any::<Option<i64>>(), 0..4));
    (
        any::<Option<bool>>(),
        any::<Option<i64>>(),
        any::<Option<f64>>(),
        proptest::option::of(year_range),
        proptest::option::of(".{0,12}"),
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..9)),
        proptest::option::of(proptest::collection::vec(proptest::option::of(".{0,5}"), 0..4)),
        proptest::option::of((any::<Option<i64>>(), ints)),
    )
        .prop_map(|(flag, int, float, micros, text, bytes, list, structure)| Record {
            flag,
            int,
            float,
            micros,
            text,
            bytes,
            list,
            structure,
        })
}

fn batch(plugin: &ConfiguredPlugin, records: &[Record]) -> RecordBatch {
    let schema = input_schema(plugin.description());
    let mut lists = ListBuilder::new(StringBuilder::new());
    let arrow_schema::DataType::Struct(fields) = schema.field(8).data_type() else { unreachable!("{schema}") };
    let item = Field::new("item", arrow_schema::DataType::Int64, true);
    let mut structs = StructBuilder::new(
        fields.clone(),
        vec![Box::new(Int64Builder::new()), Box::new(ListBuilder::new(Int64Builder::new()).with_field(item))],
    );
    for r in records {
        match &r.list {
            None => lists.append_null(),
            Some(list) => lists.append_value(list.iter().cloned()),
        }
        let (n, l) = r.structure.clone().unwrap_or_default();
        structs.field_builder::<Int64Builder>(0).unwrap().append_option(n);
        structs.field_builder::<ListBuilder<Int64Builder>>(1).unwrap().append_option(l);
        structs.append(r.structure.is_some());
    }
    let json = |r: &Record| r.text.as_ref().map(|t| json!({"stringValue": t}).to_string());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(records.iter().map(|r| r.flag).collect::<BooleanArray>()),
        Arc::new(records.iter().map(|r| r.int).collect::<Int64Array>()),
        Arc::new(records.iter().map(|r| r.float).collect::<Float64Array>()),
        Arc::new(records.iter().map(|r| r.micros).collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        Arc::new(records.iter().map(|r| r.text.as_deref()).collect::<StringArray>()),
        Arc::new(records.iter().map(|r| r.bytes.as_deref()).collect::<BinaryArray>()),
        Arc::new(records.iter().map(json).collect::<StringArray>()),
        Arc::new(lists.finish()),
        Arc::new(structs.finish()),
    ];
    RecordBatch::try_new(schema, columns).unwrap()
}

fn check(worker: &mut dyn TransformWorker, plugin: &ConfiguredPlugin, input: &RecordBatch) {
    let mapped = worker.transform(input).unwrap();
    if input.num_rows() == 0 {
        assert!(mapped.parts.is_empty());
        return;
    }
    assert_eq!((mapped.parts.len(), mapped.faults.as_slice()), (1, &[][..]));
    let table = &mapped.parts[0].tables[0];
    assert_eq!(table.origins, None);
    assert_eq!(table.rows.schema(), table_schema(&plugin.description().tables()[0]));
    assert_eq!(table.rows.columns(), input.columns());
}

#[test]
fn every_type_with_and_without_nulls() {
    let plugin = echo();
    let mut worker = plugin.worker().unwrap();
    let empty = Record {
        flag: None,
        int: None,
        float: None,
        micros: None,
        text: None,
        bytes: None,
        list: None,
        structure: None,
    };
    let full = Record {
        flag: Some(true),
        int: Some(i64::MIN),
        float: Some(-0.0),
        micros: Some(gristmill_record::time::MAX_MICROS),
        text: Some("grüße 🌾\0".into()),
        bytes: Some(vec![0, 255]),
        list: Some(vec![Some("ä".into()), None, Some(String::new())]),
        structure: Some((Some(1), Some(vec![None, Some(2)]))),
    };
    for records in [vec![empty.clone(); 9], vec![full.clone(); 17], vec![full, empty]] {
        check(worker.as_mut(), &plugin, &batch(&plugin, &records));
    }
}

#[test]
fn a_large_batch_within_the_limits_passes() {
    let plugin = load("echo", Limits { memory: 256 << 20, output: 64 << 20, ..LIMITS }).unwrap();
    let plugin = plugin.configure(&settings(json!({"types": "s=string"})), context()).unwrap();
    let text: StringArray = (0..20).map(|_| Some("x".repeat(1 << 20))).collect();
    let batch = RecordBatch::try_new(input_schema(plugin.description()), vec![Arc::new(text)]).unwrap();
    check(plugin.worker().unwrap().as_mut(), &plugin, &batch);
}

#[test]
fn a_batch_that_was_not_declared_is_refused() {
    let plugin = echo();
    let text = StringArray::from(vec!["a"]);
    let batch = RecordBatch::try_from_iter([("b", Arc::new(text) as ArrayRef)]).unwrap();
    let error = plugin.worker().unwrap().transform(&batch).unwrap_err().to_string();
    assert!(error.contains("1 columns where 9 are declared"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn any_slice_of_any_batch(records in proptest::collection::vec(record(), 0..40), start in 0_usize..40, length in 0_usize..40) {
        let plugin = echo();
        let input = batch(&plugin, &records);
        let start = start.min(input.num_rows());
        let slice = input.slice(start, length.min(input.num_rows() - start));
        check(plugin.worker().unwrap().as_mut(), &plugin, &slice);
    }
}
