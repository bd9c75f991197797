//! Second opinions: queries against SQLite where both mean the same, MERGE against a model.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rusqlite::types::Value as Sqlite;
use serde_json::{Value, json};

use crate::kit::{Kit, PROJECT};

/// A key, a team, a number: few values, so that they meet.
type Row = (Option<i64>, Option<String>, Option<i64>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (prop::option::of(0..5_i64), prop::option::of("[ab]{1,2}"), prop::option::of(-3..3_i64));
    prop::collection::vec(row, 0..12)
}

/// Queries that mean the same to both. SQLite sorts null first as BigQuery does.
const QUERIES: [&str; 18] = [
    "SELECT * FROM a ORDER BY k, team, n",
    "SELECT k, team FROM a WHERE n > 0 OR team IS NULL ORDER BY k DESC, team",
    "SELECT team, COUNT(*) c, COUNT(n) m, SUM(n) s, MIN(n) lo, MAX(n) hi FROM a GROUP BY team ORDER BY team",
    "SELECT COUNT(DISTINCT team) d, COUNT(*) c FROM a",
    "SELECT k, n FROM a GROUP BY k, n HAVING COUNT(*) > 1 ORDER BY k, n",
    "SELECT DISTINCT team FROM a WHERE NOT (n = 1) ORDER BY team",
    "SELECT a.k, b.n FROM a JOIN b ON a.k = b.k AND a.n < b.n ORDER BY 1, 2",
    "SELECT a.k, b.team FROM a LEFT JOIN b ON a.k = b.k AND b.team = 'a' ORDER BY 1, 2",
    "SELECT a.k x, b.k y FROM a FULL JOIN b ON a.k = b.k ORDER BY x, y",
    "SELECT COUNT(*) c FROM a, b",
    "SELECT k FROM a WHERE k NOT IN (SELECT k FROM b) ORDER BY k",
    "SELECT k FROM a WHERE k IN (SELECT k FROM b WHERE n > 0) ORDER BY k",
    "SELECT k FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k) ORDER BY k",
    "SELECT k, n, ROW_NUMBER() OVER (PARTITION BY k ORDER BY n DESC, team, k) r FROM a ORDER BY k, n, r",
    "SELECT k, n, RANK() OVER (PARTITION BY k ORDER BY n) r, COUNT(*) OVER (PARTITION BY team) c FROM a ORDER BY k, n, r, c",
    "SELECT CASE WHEN n > 0 THEN team WHEN n IS NULL THEN 'none' END t, COALESCE(k, -1) k FROM a ORDER BY 1, 2",
    "WITH w AS (SELECT k, MAX(n) m FROM a GROUP BY k) SELECT w.k, w.m, b.n FROM w JOIN b ON w.k = b.k ORDER BY 1, 2, 3",
    "SELECT k FROM a WHERE n BETWEEN -1 AND 1 AND team LIKE 'a%' AND k IS NOT NULL ORDER BY k LIMIT 3 OFFSET 1",
];

fn literal(value: Option<&dyn std::fmt::Display>) -> String {
    value.map_or_else(|| "NULL".to_owned(), ToString::to_string)
}

fn insert(table: &str, rows: &[Row]) -> Option<String> {
    let row = |(k, team, n): &Row| {
        let team = team.as_ref().map(|t| format!("'{t}'"));
        let part = |v: &Option<i64>| literal(v.as_ref().map(|v| v as _));
        format!("({}, {}, {})", part(k), literal(team.as_ref().map(|t| t as _)), part(n))
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    (!rows.is_empty()).then(|| format!("INSERT INTO {table} (k, team, n) VALUES {}", rows.join(", ")))
}

fn of_sqlite(connection: &rusqlite::Connection, sql: &str) -> Vec<Value> {
    let mut statement = connection.prepare(sql).unwrap();
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let value = |v: Sqlite| match v {
        Sqlite::Null => Value::Null,
        Sqlite::Integer(i) => json!(i),
        Sqlite::Text(t) => json!(t),
        other => panic!("{other:?}"),
    };
    let row = |row: &rusqlite::Row<'_>| {
        let cells = names.iter().enumerate().map(|(i, name)| Ok((name.clone(), value(row.get(i)?))));
        cells.collect::<rusqlite::Result<serde_json::Map<_, _>>>().map(Value::Object)
    };
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn queries_give_what_sqlite_gives(a in rows(), b in rows()) {
        let kit = Kit::new();
        let sqlite = rusqlite::Connection::open_in_memory().unwrap();
        // A table that is called like none of its columns.
        for (table, rows) in [("a", &a), ("b", &b)] {
            kit.execute(&format!("CREATE TABLE d.{table} (k INT64, team STRING, n INT64)"));
            sqlite.execute_batch(&format!("CREATE TABLE {table} (k INTEGER, team TEXT, n INTEGER)")).unwrap();
            if let Some(insert) = insert(table, rows) {
                sqlite.execute_batch(&insert).unwrap();
                kit.execute(&insert.replace("INTO ", "INTO d."));
            }
        }
        for sql in QUERIES {
            let ours = sql.replace("FROM a, b", "FROM d.a, d.b").replace("FROM a", "FROM d.a").replace("FROM b", "FROM d.b");
            let ours = ours.replace("JOIN b", "JOIN d.b");
            prop_assert_eq!(kit.rows(&ours), of_sqlite(&sqlite, sql), "{}", sql);
        }
    }

    #[test]
    fn merge_does_what_the_model_does(target in rows(), source in rows(), condition in 0..3_usize) {
        let kit = Kit::new();
        for (table, rows) in [("t", &target), ("s", &source)] {
            kit.execute(&format!("CREATE TABLE d.{table} (k INT64, team STRING, n INT64)"));
            if let Some(insert) = insert(&format!("d.{table}"), rows) {
                kit.execute(&insert);
            }
        }
        let (when, applies): (_, fn(&Row, &Row) -> bool) = match condition {
            0 => ("", |_, _| true),
            1 => ("AND T.n IS DISTINCT FROM S.n", |t, s| t.2 != s.2),
            _ => ("AND T.n < S.n", |t, s| matches!((t.2, s.2), (Some(t), Some(s)) if t < s)),
        };
        let merge = format!(
            "MERGE d.t T USING d.s S ON T.k = S.k AND T.team = S.team WHEN MATCHED {when} THEN UPDATE SET n = S.n \
             WHEN NOT MATCHED THEN INSERT (k, team, n) VALUES (S.k, S.team, S.n) WHEN NOT MATCHED BY SOURCE AND T.n = 2 THEN DELETE"
        );
        let meets = |t: &Row, s: &Row| t.0.is_some() && t.1.is_some() && t.0 == s.0 && t.1 == s.1;
        let mut expected: Option<Vec<Row>> = Some(Vec::new());
        for t in &target {
            let acting: Vec<&Row> = source.iter().filter(|s| meets(t, s) && applies(t, s)).collect();
            let matched = source.iter().any(|s| meets(t, s));
            match (acting.as_slice(), matched) {
                ([], false) if t.2 == Some(2) => {}
                ([], _) => expected.iter_mut().for_each(|e| e.push(t.clone())),
                ([s], _) => expected.iter_mut().for_each(|e| e.push((t.0, t.1.clone(), s.2))),
                _ => expected = None,
            }
        }
        for s in source.iter().filter(|s| !target.iter().any(|t| meets(t, s))) {
            expected.iter_mut().for_each(|e| e.push(s.clone()));
        }
        let before = bag(&kit);
        match (kit.double.query(PROJECT, &merge), expected) {
            (Ok(_), Some(expected)) => prop_assert_eq!(bag(&kit), counted(expected)),
            (Err(e), None) => {
                prop_assert_eq!(e.message, "UPDATE/MERGE must match at most one source row for each target row");
                prop_assert_eq!(bag(&kit), before);
            }
            (got, want) => prop_assert!(false, "{:?} instead of {:?}", got, want),
        }
    }
}

/// The rows of `t`, each with how often it is there.
fn bag(kit: &Kit) -> BTreeMap<Row, usize> {
    let row = |r: &Value| (r["k"].as_i64(), r["team"].as_str().map(str::to_owned), r["n"].as_i64());
    counted(kit.rows("SELECT * FROM d.t").iter().map(row).collect())
}

fn counted(rows: Vec<Row>) -> BTreeMap<Row, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row).or_default() += 1;
    }
    counts
}
