//! The plugin as a host sees it: what it declares, and a batch through it.

use gristmill_sdk::native::schema::{DataType, OnMismatch, Origin, Scalar};
use gristmill_sdk::native::{Array, Batch, Description, NativeTransform, Output, Values, Varlen};

use crate::native;

const STARTED: i64 = 1_700_000_000_000_000;
const CREATED: i64 = 1_704_067_200_000_000;
const UPDATED: i64 = 1_704_067_300_000_000;

fn open(config: &str) -> Result<(Description, NativeTransform), String> {
    native::open(config, "run", STARTED)
}

fn strings(texts: &[Option<&str>]) -> Array {
    let mut varlen = Varlen { offsets: vec![0], data: Vec::new() };
    for text in texts {
        varlen.data.extend_from_slice(text.unwrap_or_default().as_bytes());
        varlen.offsets.push(u32::try_from(varlen.data.len()).unwrap());
    }
    Array { values: Values::Strings(varlen), validity: bits(texts) }
}

fn bits<T>(all: &[Option<T>]) -> Option<Vec<u8>> {
    let mut bytes = vec![0; all.len().div_ceil(8)];
    for (i, _) in all.iter().enumerate().filter(|(_, value)| value.is_some()) {
        bytes[i / 8] |= 1 << (i % 8);
    }
    all.iter().any(Option::is_none).then_some(bytes)
}

fn fixed<T: Copy + Default>(all: &[Option<T>], wrap: fn(Vec<T>) -> Values) -> Array {
    Array { values: wrap(all.iter().map(|v| v.unwrap_or_default()).collect()), validity: bits(all) }
}

/// Five reports: good; score too high; createdAt missing; createdAt an integer; createdAt a string and no metrics.
fn batch() -> Batch {
    let arrays = vec![
        strings(&["a", "b", "c", "d", "é"].map(Some)),
        strings(&["r"; 5].map(Some)),
        strings(&["1", "2", "3", "4", "5"].map(Some)),
        fixed(&[Some(CREATED), Some(CREATED), None, None, None], Values::Timestamps),
        strings(&[None, None, None, None, Some("2024-01-01T00:00:00Z")]),
        strings(&[Some("timestamp"), Some("timestamp"), None, Some("integer"), Some("string")]),
        fixed(&[Some(UPDATED); 5], Values::Timestamps),
        fixed(&[Some(0.5), Some(1.5), Some(1.0), Some(0.0), None], Values::Float64s),
        fixed(&[Some(0.25), None, None, None, None], Values::Float64s),
        fixed(&[Some(1), None, Some(3), None, None], Values::Int64s),
        fixed(&[Some(2), Some(2), Some(2), Some(2), None], Values::Int64s),
        fixed(&[Some(2.5), None, None, None, None], Values::Float64s),
    ];
    Batch { rows: 5, columns: (0..12).collect(), arrays }
}

fn texts(array: &Array) -> Vec<&str> {
    let Values::Strings(varlen) = &array.values else { panic!("no strings: {array:?}") };
    let cut = |w: &[u32]| std::str::from_utf8(&varlen.data[w[0] as usize..w[1] as usize]).unwrap();
    varlen.offsets.windows(2).map(cut).collect()
}

fn run(config: &str, batch: Batch) -> Output {
    open(config).unwrap().1.transform(batch).unwrap()
}

#[test]
fn maps_a_batch() {
    let output = run("{}", batch());
    let rows = &output.tables[0];
    assert_eq!((output.tables.len(), rows.batch.rows), (1, 3));
    assert_eq!(rows.origins, Some(vec![0, 2, 4]));
    let columns: Vec<&Array> = rows.batch.columns.iter().map(|i| &rows.batch.arrays[*i as usize]).collect();
    assert_eq!(columns.len(), 11);
    assert_eq!(texts(columns[0]), ["a-r-1", "c-r-3", "é-r-5"]);
    assert_eq!(texts(columns[1]), ["a", "c", "é"]);
    assert_eq!(texts(columns[2]), ["r"; 3]);
    assert!(matches!(&columns[3].values, Values::Timestamps(t) if *t == [CREATED, UPDATED, CREATED]));
    assert!(matches!(&columns[4].values, Values::Float64s(v) if *v == [0.5, 1.0, 0.0]));
    assert!(matches!(&columns[6].values, Values::Int64s(v) if *v == [1, 3, 0]));
    let validity: Vec<_> = columns.iter().map(|c| c.validity.clone()).collect();
    let (all, first, two) = (None, Some(vec![0b001]), Some(vec![0b011]));
    assert_eq!(validity[..4], [const { None }; 4]);
    assert_eq!(validity[4..], [two.clone(), first.clone(), two.clone(), two, first, all.clone(), all]);
    assert_eq!(texts(columns[9]), ["backfill"; 3]);
    assert!(matches!(&columns[10].values, Values::Timestamps(t) if *t == [STARTED; 3]));

    let refused: Vec<_> =
        output.rejections.iter().map(|r| (r.row, r.code.as_str(), r.input.as_deref().unwrap_or_default())).collect();
    assert_eq!(refused, [(1, "overall-score-range", "overall_score"), (3, "created-at-type", "created_at")]);
}

#[test]
fn rows_one_to_one_need_no_origins() {
    let mut config_batch = batch();
    config_batch.rows = 1;
    for array in &mut config_batch.arrays {
        array.validity = array.validity.take().map(|bits| vec![bits[0] & 1]);
        match &mut array.values {
            Values::Strings(v) => {
                v.offsets.truncate(2);
                v.data.truncate(v.offsets[1] as usize);
            }
            Values::Timestamps(v) | Values::Int64s(v) => v.truncate(1),
            Values::Float64s(v) => v.truncate(1),
            other => panic!("{other:?}"),
        }
    }
    let output = run("{}", config_batch);
    assert_eq!((output.tables[0].batch.rows, &output.tables[0].origins), (1, &None));
    assert!(output.rejections.is_empty());
}

#[test]
fn settings_reach_the_mapping() {
    let output = run(r#"{"overall-score-max":100.0,"coverage-max":1.0,"source":"again"}"#, batch());
    assert_eq!(output.rejections.len(), 1);
    let rows = &output.tables[0].batch;
    assert_eq!(texts(&rows.arrays[9]), ["again"; 4]);
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    let error = |config| open(config).err().unwrap();
    assert!(error(r#"{"overall-score-max":-1.0}"#).contains("`overall-score-max` must be 0 or more"));
    assert!(error(r#"{"coverage-max":"x"}"#).contains("setting `coverage-max` is not a number"));
}

#[test]
fn a_batch_that_does_not_fit_is_an_error() {
    let transform = |batch| open("{}").unwrap().1.transform(batch).err().unwrap();
    let mut short = batch();
    short.columns.pop();
    assert!(transform(short).contains("input `avg_dur`"));
    let mut mistyped = batch();
    mistyped.arrays[9] = strings(&["x"; 5].map(Some));
    assert!(transform(mistyped).contains("input `gaps` as the host handed it over breaks the contract"));
}

#[test]
fn declares_the_table_of_the_stream() {
    let (description, _) = open("{}").unwrap();
    assert_eq!(description.documents, "teams/{team}/reports/{report}/qualityReports/{timestamp}");
    let table = &description.tables[0];
    assert_eq!((table.name.as_str(), &table.key), ("quality_stream", &vec!["insert_id".to_owned()]));
    assert_eq!(table.latest_by.as_deref(), Some("update_time"));
    assert_eq!(table.partition_by.as_deref(), Some("event_ts"));
    assert_eq!(table.cluster_by, ["team_id", "report_id"]);
    let scalar = |index: u32| match &description.types[index as usize] {
        DataType::Scalar(scalar) => *scalar,
        other => panic!("{other:?}"),
    };
    let columns: Vec<_> = table.columns.iter().map(|c| (c.name.as_str(), scalar(c.type_), c.required)).collect();
    let want = [
        ("insert_id", Scalar::String, true),
        ("team_id", Scalar::String, true),
        ("report_id", Scalar::String, true),
        ("event_ts", Scalar::Timestamp, true),
        ("overallScore", Scalar::Float64, false),
        ("coverage", Scalar::Float64, false),
        ("gaps", Scalar::Int64, false),
        ("overlaps", Scalar::Int64, false),
        ("avgDur", Scalar::Float64, false),
        ("source", Scalar::String, false),
        ("load_ts", Scalar::Timestamp, false),
    ];
    assert_eq!(columns, want);
    assert!(table.columns.iter().all(|c| !c.description.is_empty()));
}

#[test]
fn declares_what_it_reads() {
    let (description, _) = open("{}").unwrap();
    let of = |name: &str| description.inputs.iter().find(|i| i.name == name).unwrap();
    for metric in ["overall_score", "coverage", "gaps", "overlaps", "avg_dur"] {
        let input = of(metric);
        assert_eq!((input.required, input.on_mismatch), (false, OnMismatch::Reject), "{metric}");
        assert!(matches!(&input.origin, Origin::Field(steps) if steps[0] == "metrics" && steps.len() == 2));
    }
    for created_at in ["created_at", "created_at_text"] {
        let input = of(created_at);
        assert_eq!((input.required, input.on_mismatch), (false, OnMismatch::Null));
        assert!(matches!(&input.origin, Origin::Field(steps) if *steps == ["createdAt"]));
    }
    assert!(matches!(&of("created_at_type").origin, Origin::FieldType(steps) if *steps == ["createdAt"]));
    assert!(matches!(of("update_time").origin, Origin::UpdateTime));
    assert!(matches!(&of("timestamp").origin, Origin::PathCapture(name) if name == "timestamp"));
    assert!(of("team").required);
}

#[test]
fn says_what_it_is() {
    let about = native::identify();
    assert_eq!((about.name.as_str(), about.version.as_str()), ("firestore-quality-stream", env!("CARGO_PKG_VERSION")));
    let config: Vec<_> = about.config.iter().map(|c| (c.name.as_str(), c.type_, c.default.as_deref())).collect();
    let want = [
        ("overall-score-max", Scalar::Float64, Some("1.0")),
        ("coverage-max", Scalar::Float64, Some("1.0")),
        ("source", Scalar::String, Some("\"backfill\"")),
    ];
    assert_eq!(config, want);
    assert!(about.config.iter().all(|c| c.description.ends_with('.')));
}
