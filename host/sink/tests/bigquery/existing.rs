//! Tables that are there: which fit, and what is said of those that do not.

use gristmill_record::Diagnose;
use gristmill_sink::{SinkError, TableState};
use serde_json::json;

use crate::project::{PROJECT, Project, block_on, inserted, load_all, log, pairs, rows};
use crate::support::load;

/// What `check` says of a table made by this SQL; that `begin` says the same.
fn check(project: &Project, sql: &str) -> Result<TableState, (Option<String>, String)> {
    project.sql("DROP TABLE IF EXISTS d.pairs");
    project.sql(sql);
    let (tables, mut sink) = (pairs(), project.open(&format!("{PROJECT}.d")));
    block_on(async {
        let checked = sink.check(&tables).await;
        let begun = sink.begin(&load("run", "job", &tables)).await;
        assert_eq!(checked.is_ok(), begun.is_ok(), "{sql}");
        checked.map(|states| states[0]).map_err(|e| match &e {
            SinkError::Schema(mismatch) => (mismatch.column.clone(), format!("{e}. {}", e.remedy().unwrap())),
            _ => panic!("{e}"),
        })
    })
}

#[test]
fn tables_that_are_there_are_compared_column_by_column() {
    let project = Project::new();
    let rest = "x FLOAT64, `at` TIMESTAMP, j JSON";
    for fits in [
        format!("CREATE TABLE d.pairs (id STRING NOT NULL, n INT64, {rest})"),
        format!("CREATE TABLE d.pairs (id STRING, n INT64, {rest}) PARTITION BY DATE(`at`) CLUSTER BY id"),
        "CREATE TABLE d.pairs (J STRING, `AT` TIMESTAMP, X FLOAT64, N INT64, ID STRING, more STRING)".to_owned(),
    ] {
        assert_eq!(check(&project, &fits).unwrap(), TableState::Present { rows: Some(0) });
    }
    for (sql, column, parts) in [
        (format!("CREATE TABLE d.pairs (id STRING, {rest})"), Some("n"), ["no such column", "ADD COLUMN `n` INT64"]),
        (format!("CREATE TABLE d.pairs (id STRING, n STRING, {rest})"), Some("n"), ["found STRING", "INT64 for int64"]),
        (
            format!("CREATE TABLE d.pairs (id STRING, n FLOAT64, {rest})"),
            Some("n"),
            ["found FLOAT64", "have the plugin write FLOAT64"],
        ),
        (
            format!("CREATE TABLE d.pairs (id STRING, n ARRAY<INT64>, {rest})"),
            Some("n"),
            ["an array of INT64", "another column"],
        ),
        (
            format!("CREATE TABLE d.pairs (id STRING, n INT64 NOT NULL, {rest})"),
            Some("n"),
            ["REQUIRED", "DROP NOT NULL"],
        ),
        (
            format!("CREATE TABLE d.pairs (id STRING, n INT64, {rest}, k INT64 NOT NULL)"),
            Some("k"),
            ["does not write it", "Allow NULL"],
        ),
        (
            "CREATE TABLE d.pairs (id STRING, n INT64, x FLOAT64, `at` DATE, j JSON)".into(),
            Some("at"),
            ["found DATE", "TIMESTAMP for timestamp"],
        ),
    ] {
        let (found, said) = check(&project, &sql).unwrap_err();
        eprintln!("{said}");
        assert_eq!(found.as_deref(), column, "{sql}: {said}");
        assert!(parts.iter().all(|part| said.to_lowercase().contains(&part.to_lowercase())), "{sql}: {said}");
    }
}

#[test]
fn a_table_is_made_as_the_plugin_declares_it() {
    let project = Project::new();
    block_on(async {
        let mut sink = project.open(&format!("{PROJECT}.d.other_name"));
        let rows = rows(&pairs(), &[json!({"id": "a", "at": "2024-02-29T00:00:00Z"})]);
        assert_eq!(load_all(sink.as_mut(), &load("run", "job", &pairs()), rows).await.unwrap(), inserted(1));
    });
    let table = project.bigquery.table(PROJECT, "d", "other_name").unwrap();
    assert_eq!(table["timePartitioning"], json!({"type": "DAY", "field": "at"}));
    // A double cannot be clustered by.
    assert_eq!(table["clustering"], json!({"fields": ["n"]}));
    let modes: Vec<_> =
        table["schema"]["fields"].as_array().unwrap().iter().map(|f| (&f["name"], &f["type"], &f["mode"])).collect();
    assert_eq!(json!(modes[0]), json!(["id", "STRING", "REQUIRED"]));
    assert_eq!(json!(modes[4]), json!(["j", "JSON", "NULLABLE"]));
    assert_eq!(project.bigquery.tables(PROJECT, "d"), ["other_name"]);

    // Text divides no table: its rows are kept near each other.
    block_on(async {
        let mut sink = project.open(&format!("{PROJECT}.d"));
        load_all(sink.as_mut(), &load("run", "job", &log()), rows(&log(), &[json!({"text": "a"})])).await.unwrap();
    });
    let table = project.bigquery.table(PROJECT, "d", "log").unwrap();
    assert_eq!((&table["timePartitioning"], &table["clustering"]), (&json!(null), &json!({"fields": ["text"]})));
}

#[test]
fn one_named_table_takes_one_table_of_the_plugin() {
    let project = Project::new();
    let tables = crate::support::tables(vec![
        gristmill_record::TableDraft { name: "a".into(), columns: pairs()[0].columns().to_vec(), ..Default::default() },
        gristmill_record::TableDraft { name: "b".into(), columns: pairs()[0].columns().to_vec(), ..Default::default() },
    ]);
    let error = block_on(project.open(&format!("{PROJECT}.d.t")).check(&tables)).unwrap_err();
    assert_eq!(error.code(), "sink.spec");
    assert!(error.to_string().contains("the plugin writes 2: a, b"), "{error}");
}

#[test]
fn a_table_that_changes_under_way_is_told_and_nothing_is_loaded() {
    let project = Project::new();
    let (tables, to) = (pairs(), format!("{PROJECT}.d"));
    let all = || rows(&pairs(), &[json!({"id": "a", "n": 2}), json!({"id": "b", "j": {"x": [1]}})]);
    project.sql("CREATE TABLE d.pairs (id STRING, n INT64, x FLOAT64, `at` TIMESTAMP, j JSON)");
    block_on(async {
        let mut sink = project.open(&to);
        sink.begin(&load("run-2", "two", &tables)).await.unwrap();
        sink.write(0, all()).await.unwrap();
        project.sql("DROP TABLE d.pairs");
        project.sql("CREATE TABLE d.pairs (id STRING, n STRING, x FLOAT64, `at` TIMESTAMP, j JSON)");
        let error = sink.commit().await.unwrap_err();
        eprintln!("{error}: {}", error.remedy().unwrap());
        assert!(matches!(&error, SinkError::Schema(m) if m.column.as_deref() == Some("n")), "{error}");
        sink.abort().await.unwrap();
        assert_eq!(project.count("pairs"), 0);

        // Dropped on the way: it is made again.
        sink.begin(&load("run-2", "two", &tables)).await.unwrap_err();
        project.sql("DROP TABLE d.pairs");
        sink.begin(&load("run-2", "two", &tables)).await.unwrap();
        sink.write(0, all()).await.unwrap();
        assert_eq!(sink.commit().await.unwrap(), inserted(2));
    });
    assert_eq!(project.count("pairs"), 2);
    assert_eq!(project.bigquery.tables(PROJECT, "d"), ["pairs"]);
    assert!(project.storage.list("staging", "").is_empty());
}
