//! Rows into tables that hold some already; loads that come again.

use gristmill_sink::{OnConflict, SinkError, TableCount};
use serde_json::json;

use crate::project::{PROJECT, Project, already, block_on, inserted, load_all, log, numbered, pairs, rows};
use crate::support::load;

#[test]
fn rows_that_a_stream_brought_stay_or_are_updated() {
    let project = Project::new();
    project.sql(
        "CREATE TABLE d.pairs (id STRING NOT NULL, n INT64, x FLOAT64, `at` TIMESTAMP, j JSON, more STRING) PARTITION BY DATE(`at`)",
    );
    // Some in another partition than the load's row of that key; one twice.
    project.sql(
        "INSERT INTO d.pairs (id, n, `at`, j, more) VALUES ('k0', 0, '2024-01-01', NULL, 's'), ('k1', 7, '2020-05-05', PARSE_JSON('null'), 's'), \
         ('k2', 2, NULL, NULL, 's'), ('k3', 3, '2024-01-04', NULL, 's'), ('k3', 3, '2024-01-04', NULL, 's')",
    );
    let batch = || rows(&pairs(), &numbered(6));
    block_on(async {
        let mut sink = project.open(&format!("{PROJECT}.d"));
        let keep = load("run-1", "one", &pairs());
        let counts = load_all(sink.as_mut(), &keep, batch()).await.unwrap();
        assert_eq!(counts, [TableCount { inserted: 2, updated: 0, already: 4 }]);
        assert_eq!(project.count("pairs"), 7);
        let mut update = load("run-2", "one", &pairs());
        update.on_conflict = OnConflict::Update;
        // k1 has another number, day, and JSON's null; k2 another day. The others are equal.
        let counts = load_all(sink.as_mut(), &update, batch()).await.unwrap();
        assert_eq!(counts, [TableCount { inserted: 0, updated: 2, already: 4 }]);
    });
    let row = project.sql("SELECT n, `at`, j IS NULL AS j, more FROM d.pairs WHERE id = 'k1'").pop().unwrap();
    assert_eq!(json!(row), json!({"n": 1, "at": "2024-01-02T00:00:00Z", "j": true, "more": "s"}));
    assert_eq!(project.count("pairs"), 7);
}

#[test]
fn nan_is_equal_to_itself_and_json_by_its_value() {
    let project = Project::new();
    let some = [json!({"id": "a", "x": "NaN", "j": {"b": 1, "a": [1.0, "x"]}}), json!({"id": "b", "x": 0.5, "j": "t"})];
    block_on(async {
        let mut sink = project.open(&format!("{PROJECT}.d"));
        load_all(sink.as_mut(), &load("run-1", "one", &pairs()), rows(&pairs(), &some)).await.unwrap();
        let mut update = load("run-2", "two", &pairs());
        update.on_conflict = OnConflict::Update;
        let counts = load_all(sink.as_mut(), &update, rows(&pairs(), &some)).await.unwrap();
        assert_eq!(counts, already(2));
    });
}

#[test]
fn a_table_that_wants_its_partitions_named_is_merged_into() {
    let project = Project::new();
    project.sql(
        "CREATE TABLE d.pairs (id STRING, n INT64, x FLOAT64, `at` TIMESTAMP, j JSON) PARTITION BY DATE(`at`) \
         OPTIONS (require_partition_filter = true)",
    );
    block_on(async {
        let mut sink = project.open(&format!("{PROJECT}.d"));
        let some = [json!({"id": "a"}), json!({"id": "b", "at": "0001-01-01T00:00:00Z"})];
        for (run, counts) in [("run-1", inserted(2)), ("run-2", already(2))] {
            assert_eq!(
                load_all(sink.as_mut(), &load(run, "one", &pairs()), rows(&pairs(), &some)).await.unwrap(),
                counts
            );
        }
    });
}

#[test]
fn more_days_than_a_statement_may_change_are_merged_in_several() {
    let project = Project::new();
    let day = |i: i64| gristmill_record::time::format_rfc3339(i * 86_400_000_000);
    let mut all: Vec<_> = (0..4_500).map(|i| json!({"id": format!("k{i}"), "at": day(i * 2)})).collect();
    all.push(json!({"id": "none"}));
    block_on(async {
        let mut sink = project.open(&format!("{PROJECT}.d"));
        let counts = load_all(sink.as_mut(), &load("run-1", "one", &pairs()), rows(&pairs(), &all)).await.unwrap();
        assert_eq!(counts, inserted(4_501));
    });
    assert_eq!((project.count("pairs"), project.jobs("merge").len(), project.jobs("load").len()), (4_501, 3, 1));
}

#[test]
fn a_key_of_several_columns_and_of_doubles() {
    use gristmill_record::{Scalar, TableDraft};
    let project = Project::new();
    let column = crate::support::column;
    let tables = crate::support::tables(vec![TableDraft {
        name: "t".into(),
        columns: vec![
            column("x", Scalar::Float64, true),
            column("b", Scalar::Bytes, true),
            column("d", Scalar::Date, true),
        ],
        key: vec!["x".into(), "b".into(), "d".into()],
        ..TableDraft::default()
    }]);
    let some = [
        json!({"x": "NaN", "b": "AA==", "d": "2024-01-01"}),
        json!({"x": 1.5, "b": "", "d": "2024-01-01"}),
        json!({"x": 1.5, "b": "", "d": "2024-01-02"}),
    ];
    block_on(async {
        let mut sink = project.open(&format!("{PROJECT}.d"));
        for (run, on_conflict, counts) in [
            ("run-1", OnConflict::Keep, inserted(3)),
            ("run-2", OnConflict::Keep, already(3)),
            ("run-3", OnConflict::Update, already(3)),
        ] {
            let mut load = load(run, "one", &tables);
            load.on_conflict = on_conflict;
            assert_eq!(load_all(sink.as_mut(), &load, rows(&tables, &some)).await.unwrap(), counts);
        }
    });
}

#[test]
fn rows_without_a_key_are_there_once_for_one_input() {
    let project = Project::new();
    let batch = || rows(&log(), &[json!({"text": "a"}), json!({"text": "a"}), json!({"j": [1]})]);
    block_on(async {
        let mut sink = project.open(&format!("{PROJECT}.d"));
        for (run, job, counts, total) in [
            ("run-1", "one", inserted(3), 3),
            ("run-2", "one", already(3), 3),
            ("run-3", "two", inserted(3), 6),
            ("run-3", "two", already(3), 6),
        ] {
            assert_eq!(load_all(sink.as_mut(), &load(run, job, &log()), batch()).await.unwrap(), counts, "{run}");
            assert_eq!(project.count("log"), total);
        }
        // A table that is made anew has nothing of what its forerunner had.
        project.sql("DROP TABLE d.log");
        assert_eq!(load_all(sink.as_mut(), &load("run-4", "one", &log()), batch()).await.unwrap(), inserted(3));
        assert_eq!(load_all(sink.as_mut(), &load("run-5", "one", &log()), batch()).await.unwrap(), already(3));
    });
}

#[test]
fn numbers_that_json_of_bigquery_would_change_are_refused() {
    let project = Project::new();
    let tables = pairs();
    block_on(async {
        let mut sink = project.open(&format!("{PROJECT}.d"));
        sink.begin(&load("run-1", "one", &tables)).await.unwrap();
        let number: serde_json::Value = serde_json::from_str("1e400").unwrap_or(json!(null));
        assert!(number.is_null(), "serde_json keeps such a number");
        let text = arrow_array::StringArray::from(vec!["{\"a\": 0.12345678901234567890}"]);
        let batch = rows(&tables, &[json!({"id": "a"})]);
        let mut columns = batch.columns().to_vec();
        columns[4] = std::sync::Arc::new(text);
        let batch = arrow_array::RecordBatch::try_new(batch.schema(), columns).unwrap();
        match sink.write(0, batch).await {
            Err(SinkError::Unstorable { column, what, .. }) => {
                assert!(column == "j" && what.contains("number"), "{what}")
            }
            other => panic!("{other:?}"),
        }
        sink.abort().await.unwrap();
    });
}
