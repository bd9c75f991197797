//! MERGE.

use serde_json::json;

use crate::kit::{Kit, PROJECT, failure, query, success};

const MERGE: &str = "MERGE INTO `test-project.d.t` AS T \
    USING (SELECT * FROM `test-project.d.s` QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) = 1) AS S \
    ON T.k = S.k \
    WHEN MATCHED AND (T.v IS DISTINCT FROM S.v OR T.ts IS DISTINCT FROM S.ts) THEN UPDATE SET v = S.v, ts = S.ts \
    WHEN NOT MATCHED THEN INSERT (k, v, ts) VALUES (S.k, S.v, S.ts)";

fn tables(kit: &Kit) {
    for table in ["t", "s"] {
        kit.execute(&format!("CREATE TABLE d.{table} (k STRING NOT NULL, v FLOAT64, ts TIMESTAMP)"));
    }
    kit.execute("INSERT INTO d.t (k, v, ts) VALUES ('a', 1, '2024-01-01'), ('b', NULL, NULL), ('n', CAST('nan' AS FLOAT64), NULL)");
}

#[test]
fn rows_are_updated_inserted_or_left_alone() {
    let kit = Kit::new();
    tables(&kit);
    kit.execute(
        "INSERT d.s VALUES ('a', 1, '2024-01-01'), ('b', 2.5, NULL), ('c', 3, '2024-03-01'), ('c', 4, '2024-04-01'), \
         ('n', CAST('nan' AS FLOAT64), NULL)",
    );
    let job = kit.run("m-1", &query(MERGE));
    success(&job);
    let statistics = &job["statistics"]["query"];
    assert_eq!(statistics["statementType"], "MERGE");
    assert_eq!(statistics["numDmlAffectedRows"], "2");
    assert_eq!(
        statistics["dmlStats"],
        json!({"insertedRowCount": "1", "updatedRowCount": "1", "deletedRowCount": "0"})
    );
    assert_eq!(
        kit.rows("SELECT * FROM d.t ORDER BY k"),
        [
            json!({"k": "a", "v": 1.0, "ts": "2024-01-01T00:00:00Z"}),
            json!({"k": "b", "v": 2.5, "ts": null}),
            json!({"k": "c", "v": 4.0, "ts": "2024-04-01T00:00:00Z"}),
            json!({"k": "n", "v": "NaN", "ts": null}),
        ]
    );
    // Once more changes nothing.
    let job = kit.run("m-2", &query(MERGE));
    assert_eq!(job["statistics"]["query"]["numDmlAffectedRows"], "0");
}

#[test]
fn two_source_rows_for_one_target_row_are_an_error_where_a_clause_applies() {
    let kit = Kit::new();
    tables(&kit);
    kit.execute("INSERT d.s VALUES ('a', 5, NULL), ('a', 6, NULL), ('z', 1, NULL), ('z', 2, NULL)");
    let merge = |condition: &str| {
        format!(
            "MERGE d.t T USING d.s S ON T.k = S.k WHEN MATCHED {condition} THEN UPDATE SET v = S.v \
             WHEN NOT MATCHED THEN INSERT (k, v) VALUES (S.k, S.v)"
        )
    };
    let before = kit.rows("SELECT * FROM d.t ORDER BY k");
    let job = kit.run("m", &query(&merge("")));
    let words = "UPDATE/MERGE must match at most one source row for each target row";
    assert_eq!(failure(&job), ("invalidQuery".into(), words.into()));
    assert_eq!(kit.rows("SELECT * FROM d.t ORDER BY k"), before, "nothing of it has taken effect");
    // One of the two applies: that is no error. Rows without a match may be alike.
    kit.execute(&merge("AND S.v > 5"));
    assert_eq!(kit.rows("SELECT k, v FROM d.t WHERE k IN ('a', 'z') ORDER BY k, v").len(), 3);
    assert_eq!(kit.rows("SELECT v FROM d.t WHERE k = 'a'"), [json!({"v": 6.0})]);
}

#[test]
fn every_kind_of_clause() {
    let kit = Kit::new();
    tables(&kit);
    kit.execute("INSERT d.s VALUES ('a', 5, NULL), ('c', 7, NULL)");
    kit.execute(
        "MERGE d.t T USING d.s S ON T.k = S.k WHEN MATCHED AND S.v > 100 THEN DELETE WHEN MATCHED THEN UPDATE SET T.v = T.v + S.v \
         WHEN NOT MATCHED BY TARGET AND S.v > 100 THEN INSERT ROW WHEN NOT MATCHED BY TARGET THEN INSERT ROW \
         WHEN NOT MATCHED BY SOURCE AND T.k = 'b' THEN DELETE WHEN NOT MATCHED BY SOURCE THEN UPDATE SET v = -1",
    );
    let rows = kit.rows("SELECT k, v FROM d.t ORDER BY k");
    assert_eq!(rows, [json!({"k": "a", "v": 6.0}), json!({"k": "c", "v": 7.0}), json!({"k": "n", "v": -1.0})]);
    // A condition that never holds appends.
    kit.execute("MERGE d.t USING d.s ON FALSE WHEN NOT MATCHED THEN INSERT ROW");
    assert_eq!(kit.rows("SELECT COUNT(*) AS n FROM d.t"), [json!({"n": 5})]);
}

#[test]
fn a_null_key_matches_nothing_and_a_required_column_takes_no_null() {
    let kit = Kit::new();
    kit.execute("CREATE TABLE d.t (k STRING, v INT64 NOT NULL)");
    kit.execute("CREATE TABLE d.s (k STRING, v INT64)");
    kit.execute("INSERT d.t VALUES (NULL, 1)");
    kit.execute("INSERT d.s VALUES (NULL, 2)");
    let merge =
        "MERGE d.t T USING d.s S ON T.k = S.k WHEN MATCHED THEN UPDATE SET v = S.v WHEN NOT MATCHED THEN INSERT ROW";
    kit.execute(merge);
    assert_eq!(kit.rows("SELECT v FROM d.t ORDER BY v"), [json!({"v": 1}), json!({"v": 2})]);
    kit.execute("INSERT d.s VALUES ('x', NULL)");
    assert_eq!(kit.error(merge), "invalidQuery: Required field v cannot be null");
    assert_eq!(kit.rows("SELECT COUNT(*) AS n FROM d.t"), [json!({"n": 2})]);
}

#[test]
fn what_cannot_be_compared_or_found_is_an_error_with_its_place() {
    let kit = Kit::new();
    kit.execute("CREATE TABLE d.t (k STRING, j JSON, l ARRAY<INT64>, n INT64)");
    kit.execute("INSERT d.t VALUES ('a', PARSE_JSON('{\"b\": 1}'), [1, 2], 1)");
    let merge = |condition: &str| {
        format!("MERGE d.t T USING d.t S ON T.k = S.k WHEN MATCHED AND {condition} THEN UPDATE SET n = S.n + 1")
    };
    assert!(kit.error(&merge("T.j = S.j")).contains("Equality is not defined for arguments of type JSON at [1:"));
    assert!(
        kit.error(&merge("T.j IS DISTINCT FROM S.j"))
            .contains("IS DISTINCT FROM is not defined for arguments of type JSON")
    );
    assert!(kit.error(&merge("T.l = S.l")).contains("Equality is not defined for arguments of type ARRAY<INT64>"));
    assert!(
        kit.error(&merge("T.k = S.n"))
            .contains("No matching signature for operator = for argument types: STRING, INT64 at [1:")
    );
    assert!(kit.error(&merge("T.nothing = 1")).contains("Name nothing not found inside T at [1:"));
    assert!(
        kit.error("MERGE d.t T USING d.none S ON T.k = S.k WHEN MATCHED THEN DELETE")
            .contains("Not found: Table test-project:d.none")
    );
    kit.execute(&merge("TO_JSON_STRING(T.j) = TO_JSON_STRING(S.j) AND TO_JSON_STRING(T.l) = '[1,2]'"));
    assert_eq!(kit.rows("SELECT n FROM d.t"), [json!({"n": 2})]);
    assert_eq!(kit.double.table(PROJECT, "d", "t").unwrap()["numRows"], "1");
}
