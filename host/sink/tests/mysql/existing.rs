//! Tables that are there before a load.

use std::sync::Arc;

use gristmill_record::{Diagnose, Scalar, Table, TableDraft};
use gristmill_servers::MariaDb;
use gristmill_sink::conformance::{Subject, rows_from_json};
use gristmill_sink::{OnConflict, SinkError, TableCount};
use serde_json::{Value, json};

use crate::block_on;
use crate::database::Database;
use crate::support::{column, load, tables};

pub(crate) fn pairs() -> Vec<Table> {
    tables(vec![TableDraft {
        name: "pairs".into(),
        columns: vec![
            column("id", Scalar::String, true),
            column("n", Scalar::Int64, false),
            column("x", Scalar::Float64, false),
            column("at", Scalar::Timestamp, false),
            column("j", Scalar::Json, false),
        ],
        key: vec!["id".into()],
        ..TableDraft::default()
    }])
}

pub(crate) fn counted(inserted: u64, updated: u64, already: u64) -> TableCount {
    TableCount { inserted, updated, already }
}

/// A whole load of rows into `pairs`.
pub(crate) fn bring(database: &Database, run: &str, rule: OnConflict, rows: &[Value]) -> Result<TableCount, SinkError> {
    let tables = pairs();
    let mut load = load(run, run, &tables);
    load.on_conflict = rule;
    let rows = rows_from_json(&tables[0], rows).unwrap();
    let mut sink = database.sink();
    block_on(async {
        sink.begin(&load).await?;
        let loaded = async {
            sink.write(0, rows).await?;
            sink.commit().await
        };
        match loaded.await {
            Ok(counts) => Ok(counts[0]),
            Err(error) => {
                sink.abort().await?;
                Err(error)
            }
        }
    })
}

/// What `check` says of a table made by this SQL; that `begin` says the same.
fn check(server: &Arc<MariaDb>, sql: &str) -> Result<(), (Option<String>, String)> {
    let database = Database::new(server);
    database.sql(sql);
    let tables = pairs();
    let mut sink = database.sink();
    block_on(async {
        let checked = sink.check(&tables).await;
        let begun = sink.begin(&load("run", "job", &tables)).await;
        assert_eq!(checked.is_ok(), begun.is_ok(), "{sql}");
        sink.abort().await.unwrap();
        checked.map(drop).map_err(|e| match &e {
            SinkError::Schema(mismatch) => (mismatch.column.clone(), format!("{e}. {}", e.remedy().unwrap())),
            _ => panic!("{sql}: {e}"),
        })
    })
}

const REST: &str = "x double, `at` datetime(6), j json";
const ID: &str = "id varchar(99) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin";

#[test]
fn tables_that_fit_are_taken() {
    let server = Arc::new(MariaDb::start());
    for sql in [
        format!("CREATE TABLE pairs ({ID} PRIMARY KEY, n bigint, {REST})"),
        "CREATE TABLE pairs (J longtext CHARACTER SET utf8mb4, AT datetime(6), x double, n smallint unsigned, ID varbinary(9) UNIQUE, more text)".to_owned(),
        format!(
            "CREATE TABLE pairs (k bigint AUTO_INCREMENT PRIMARY KEY, {ID} UNIQUE, n decimal(5,0), {REST}, t timestamp)"
        ),
        format!("CREATE TABLE pairs ({ID} PRIMARY KEY, n bigint, {REST}, UNIQUE (n, id))"),
        format!("CREATE TABLE pairs ({ID} PRIMARY KEY, n bigint, {REST}) PARTITION BY KEY (id) PARTITIONS 3"),
        format!("CREATE TABLE pairs ({ID} NOT NULL, n bigint, {REST}, d int AS (n + 1), UNIQUE (id), UNIQUE (n))"),
    ] {
        check(&server, &sql).unwrap();
    }
}

#[test]
fn tables_that_do_not_fit_are_told_column_by_column() {
    let server = Arc::new(MariaDb::start());
    for (sql, column, parts) in [
        ("CREATE VIEW pairs AS SELECT 1 AS id".to_owned(), None, ["a view", "Rename the view"]),
        (
            format!("CREATE TABLE pairs ({ID} PRIMARY KEY, {REST})"),
            Some("n"),
            ["no such column", "ADD COLUMN `n` bigint)"],
        ),
        (
            format!("CREATE TABLE pairs ({ID} PRIMARY KEY, n text, {REST})"),
            Some("n"),
            ["found text", "MODIFY `n` bigint)"],
        ),
        (
            format!("CREATE TABLE pairs ({ID} PRIMARY KEY, n int, x float, `at` datetime(6), j json)"),
            Some("x"),
            ["found float", "expected double for float64"],
        ),
        (
            format!("CREATE TABLE pairs ({ID} PRIMARY KEY, n int, x double, `at` datetime, j json)"),
            Some("at"),
            ["found datetime", "datetime(6)"],
        ),
        (
            format!("CREATE TABLE pairs ({ID} PRIMARY KEY, n int, x double, `at` timestamp(6) NULL, j json)"),
            Some("at"),
            ["timestamp(6)", "datetime(6)"],
        ),
        (
            format!("CREATE TABLE pairs ({ID} PRIMARY KEY, n int, x double, `at` datetime(6), j text)"),
            Some("j"),
            ["found text", "json"],
        ),
        (
            format!("CREATE TABLE pairs ({ID} PRIMARY KEY, n bigint NOT NULL, {REST})"),
            Some("n"),
            ["NOT NULL", "Allow NULL"],
        ),
        (
            format!("CREATE TABLE pairs ({ID} PRIMARY KEY, n bigint AS (1) STORED, {REST})"),
            Some("n"),
            ["a generated column", "ordinary"],
        ),
        (
            format!("CREATE TABLE pairs ({ID} PRIMARY KEY, n bigint, {REST}, k int NOT NULL)"),
            Some("k"),
            ["does not write it", "Give it a default"],
        ),
        (format!("CREATE TABLE pairs ({ID}, n bigint, {REST})"), None, ["found none", "ADD UNIQUE INDEX (`id`)"]),
        (
            format!("CREATE TABLE pairs ({ID}, n bigint, {REST}, UNIQUE (id(9)))"),
            None,
            ["found none", "no row comes twice"],
        ),
        (
            format!("CREATE TABLE pairs ({ID}, n bigint, {REST}, UNIQUE (id, n))"),
            None,
            ["found none", "no row comes twice"],
        ),
        (
            format!(
                "CREATE TABLE pairs (id varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY, n bigint, {REST})"
            ),
            Some("id"),
            [
                "utf8mb4_bin, which takes different texts for equal",
                "MODIFY `id` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL",
            ],
        ),
        (
            format!("CREATE TABLE pairs (id varchar(9) CHARACTER SET latin1 PRIMARY KEY, n bigint, {REST})"),
            Some("id"),
            ["character set latin1", "utf8mb4"],
        ),
        (
            format!("CREATE TABLE pairs (id char(9) CHARACTER SET utf8mb4 PRIMARY KEY, n bigint, {REST})"),
            Some("id"),
            ["found char(9)", "varchar(768)"],
        ),
        (
            format!("CREATE TABLE pairs ({ID} PRIMARY KEY, n bigint, {REST}) ENGINE=MyISAM"),
            None,
            ["the engine MyISAM", "ENGINE=InnoDB"],
        ),
        (
            format!("CREATE TABLE pairs ({ID} UNIQUE, n bigint UNIQUE, {REST})"),
            None,
            ["another unique index, n", "NOT NULL"],
        ),
        (
            format!("CREATE TABLE _gristmill_loads (a text); CREATE TABLE pairs ({ID} PRIMARY KEY, n bigint, {REST})"),
            Some("load_id"),
            ["keeps its loads in", "Rename"],
        ),
    ] {
        let Err((found, said)) = check(&server, &sql) else { panic!("{sql} was taken") };
        eprintln!("{said}");
        assert_eq!(found.as_deref(), column, "{sql}: {said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{sql}: {said}");
    }
}

/// A statement that mends a table, as the remedy has it, mends it.
#[test]
fn the_remedy_of_a_column_mends_it() {
    let server = Arc::new(MariaDb::start());
    for sql in [
        "CREATE TABLE pairs (id varchar(9) CHARACTER SET utf8mb4 PRIMARY KEY, n text, `at` datetime)",
        "CREATE TABLE pairs (id char(9) CHARACTER SET latin1) ENGINE=Aria",
    ] {
        let database = Database::new(&server);
        database.sql(sql);
        let mut sink = database.sink();
        let mut steps = 0;
        while let Err(error) = block_on(sink.check(&pairs())) {
            let remedy = error.remedy().unwrap();
            let begin = remedy.find("(ALTER").unwrap() + 1;
            let statement = remedy[begin..].rsplit_once("), load").unwrap().0;
            database.sql(statement);
            steps += 1;
            assert!(steps < 12, "{remedy}");
        }
        assert!(steps > 2, "{steps}");
        let row = json!({"id": "ä ", "n": 1, "x": 0.5, "at": "2024-02-29T12:34:56.789012Z", "j": {"a": [1]}});
        assert_eq!(bring(&database, "run", OnConflict::Keep, &[row]).unwrap(), counted(1, 0, 0));
    }
}

#[test]
fn names_that_the_server_does_not_tell_apart_are_refused() {
    let server = Arc::new(MariaDb::start());
    let long = "ä".repeat(65);
    for (names, part) in [
        ([long.as_str(), "b"], "a name of 65 characters"),
        (["a ", "b"], "ends in a space"),
        (["a🌾", "b"], "beyond U+FFFF"),
        (["_gristmill_row", "b"], "reserved"),
    ] {
        let tables = tables(vec![TableDraft {
            name: "t".into(),
            columns: names.map(|name| column(name, Scalar::String, false)).to_vec(),
            ..TableDraft::default()
        }]);
        let error = block_on(Database::new(&server).sink().check(&tables)).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let longest = tables(vec![TableDraft {
        name: "t".repeat(64),
        columns: vec![column(&"ö".repeat(64), Scalar::String, true)],
        key: vec!["ö".repeat(64)],
        ..TableDraft::default()
    }]);
    let database = Database::new(&server);
    let rows = rows_from_json(&longest[0], &[json!({"ö".repeat(64): "x".repeat(768)})]).unwrap();
    let mut sink = database.sink();
    block_on(async {
        sink.begin(&load("run", "job", &longest)).await.unwrap();
        sink.write(0, rows).await.unwrap();
        assert_eq!(sink.commit().await.unwrap(), [counted(1, 0, 0)]);
    });
}

/// A row that meets another one by an index that is not the key's is no row that is there already.
#[test]
fn another_unique_index_hides_no_row() {
    let server = Arc::new(MariaDb::start());
    let database = Database::new(&server);
    database.sql(&format!("CREATE TABLE pairs ({ID} PRIMARY KEY, n bigint UNIQUE, {REST})"));
    database.sql("INSERT INTO pairs (id, n) VALUES ('a', 1), ('b', 2)");
    let before = database.content("pairs");
    for rule in [OnConflict::Keep, OnConflict::Update] {
        let error =
            bring(&database, "run", rule, &[json!({"id": "c", "n": 3}), json!({"id": "d", "n": 2})]).unwrap_err();
        eprintln!("{error}: {}", error.remedy().unwrap());
        assert!(
            error.to_string().contains("1048") && error.remedy().unwrap().contains("nothing was loaded"),
            "{error}"
        );
        assert_eq!(database.content("pairs"), before);
    }
    let rows = [json!({"id": "a", "n": 1}), json!({"id": "b", "n": 9}), json!({"id": "c", "n": 2})];
    assert_eq!(bring(&database, "run", OnConflict::Update, &rows).unwrap(), counted(1, 1, 1));
    assert_eq!(bring(&database, "run", OnConflict::Keep, &rows).unwrap(), counted(0, 0, 3));
}

/// What changes between `begin` and `commit` is seen before anything is merged.
#[test]
fn a_table_that_changes_under_way_is_told_and_nothing_is_loaded() {
    let server = Arc::new(MariaDb::start());
    for (change, part) in [
        ("ALTER TABLE pairs RENAME COLUMN n TO m", "no such column"),
        ("ALTER TABLE pairs DROP PRIMARY KEY", "a unique index"),
        ("ALTER TABLE pairs MODIFY n varchar(9)", "found varchar(9)"),
        ("ALTER TABLE pairs ENGINE=MyISAM", "the engine MyISAM"),
        ("DROP TABLE pairs", "pairs"),
    ] {
        let database = Database::new(&server);
        database.sql(&format!("CREATE TABLE pairs ({ID} PRIMARY KEY, n bigint, {REST})"));
        bring(&database, "run-1", OnConflict::Keep, &[json!({"id": "a", "n": 1})]).unwrap();
        let tables = pairs();
        let rows = rows_from_json(&tables[0], &[json!({"id": "a", "n": 2}), json!({"id": "b"})]).unwrap();
        let mut sink = database.sink();
        block_on(async {
            sink.begin(&load("run-2", "two", &tables)).await.unwrap();
            sink.write(0, rows).await.unwrap();
            database.sql(change);
            let error = sink.commit().await.unwrap_err();
            eprintln!("{error}: {}", error.remedy().unwrap());
            assert!(error.to_string().contains(part), "{change}: {error}");
            sink.abort().await.unwrap();
        });
        if !change.starts_with("DROP TABLE") {
            assert_eq!(database.sql("SELECT COUNT(*) FROM pairs"), "1", "{change}");
        }
        assert_eq!(database.sql("SELECT COUNT(*) FROM _gristmill_loads"), "1", "{change}");
    }
}

#[test]
fn narrower_columns_limit_values() {
    let server = Arc::new(MariaDb::start());
    let database = Database::new(&server);
    database.sql(
        "CREATE TABLE pairs (id varbinary(5) PRIMARY KEY, n tinyint unsigned, x double, `at` datetime(6), j json)",
    );
    let deep = serde_json::from_str::<Value>(&format!("{}{}", "[".repeat(32), "]".repeat(32))).unwrap();
    let rows = [
        json!({"id": "ääa", "n": 255}),
        json!({"id": "äää", "n": 0}),
        json!({"id": "b", "n": 256}),
        json!({"id": "c", "n": -1}),
        json!({"id": "d", "j": deep[0]}),
        json!({"id": "e", "j": deep}),
        json!({"id": "f", "j": "half \\ud800 is text here"}),
    ];
    let tables = pairs();
    let batch = rows_from_json(&tables[0], &rows).unwrap();
    let mut sink = database.sink();
    block_on(sink.check(&tables)).unwrap();
    let breaches = sink.limits().breaches(&tables[0], &batch);
    let found: Vec<_> = breaches.iter().map(|b| (b.row, b.column.as_str())).collect();
    assert_eq!(found, [(1, "id"), (2, "n"), (3, "n"), (5, "j")], "{breaches:?}");
    let fitting: Vec<_> = [0, 4, 6].map(|i: usize| rows[i].clone()).to_vec();
    assert_eq!(bring(&database, "run", OnConflict::Keep, &fitting).unwrap(), counted(3, 0, 0));
}
