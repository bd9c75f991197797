//! SELECT and the smaller statements, and how their rows are answered.

use serde_json::{Value, json};

use crate::kit::{Kit, failure, query, success};

fn kit() -> Kit {
    let kit = Kit::new();
    kit.execute("CREATE TABLE d.t (k STRING, team STRING, n INT64, f FLOAT64, ts TIMESTAMP)");
    kit.execute(
        "INSERT INTO d.t (k, team, n, f, ts) VALUES ('a', 'x', 1, 0.5, '2024-01-01 00:00:00'), ('b', 'x', 2, CAST('inf' AS FLOAT64), \
         TIMESTAMP '2024-01-02T03:04:05.678Z'), ('c', 'y', 3, NULL, NULL), ('c', NULL, NULL, -0.0, '2023-12-31')",
    );
    kit
}

/// What a query gives in its only row.
fn one(kit: &Kit, expr: &str) -> Value {
    let rows = kit.rows(&format!("SELECT {expr} AS v"));
    rows[0]["v"].clone()
}

#[test]
fn filters_groups_and_orders() {
    let kit = kit();
    assert_eq!(
        kit.rows("SELECT team, COUNT(*) AS rows_, COUNT(n) AS ns, SUM(n) AS s, MIN(k) lo, MAX(ts) hi FROM d.t GROUP BY team ORDER BY team"),
        [
            json!({"team": null, "rows_": 1, "ns": 0, "s": null, "lo": "c", "hi": "2023-12-31T00:00:00Z"}),
            json!({"team": "x", "rows_": 2, "ns": 2, "s": 3, "lo": "a", "hi": "2024-01-02T03:04:05.678Z"}),
            json!({"team": "y", "rows_": 1, "ns": 1, "s": 3, "lo": "c", "hi": null}),
        ]
    );
    assert_eq!(kit.rows("SELECT COUNT(DISTINCT k) AS n FROM d.t WHERE n IS NOT NULL OR k = 'c'"), [json!({"n": 3})]);
    assert_eq!(kit.rows("SELECT k FROM d.t GROUP BY k HAVING COUNT(*) > 1"), [json!({"k": "c"})]);
    assert_eq!(kit.rows("SELECT COUNT(*), AVG(n) FROM d.t WHERE FALSE"), [json!({"f0_": 0, "f1_": null})]);
    assert_eq!(kit.rows("SELECT k FROM d.t WHERE FALSE GROUP BY k"), [] as [Value; 0]);
    let names = |sql: &str| kit.rows(sql).iter().map(|r| r["k"].as_str().unwrap().to_owned()).collect::<String>();
    assert_eq!(names("SELECT k FROM d.t ORDER BY n DESC, k LIMIT 2 OFFSET 1"), "ba");
    assert_eq!(names("SELECT k, n FROM d.t ORDER BY 2"), "cabc", "null comes first");
    assert_eq!(names("SELECT k, n FROM d.t ORDER BY n DESC NULLS FIRST"), "ccba");
    assert_eq!(names("SELECT DISTINCT k FROM d.t ORDER BY k DESC"), "cba");
    assert_eq!(names("SELECT k FROM d.t WHERE f IS NULL OR f < 0.5 ORDER BY k"), "cc", "-0.0 is less than a half");
    assert_eq!(
        names("SELECT k FROM d.t QUALIFY ROW_NUMBER() OVER (PARTITION BY team ORDER BY n DESC) = 1 ORDER BY k"),
        "bcc"
    );
    assert_eq!(names("SELECT k, COUNT(*) OVER (PARTITION BY k) AS c FROM d.t QUALIFY c > 1"), "cc");
    assert_eq!(
        kit.rows("SELECT * EXCEPT (f, ts) REPLACE (n + 1 AS n) FROM d.t WHERE k = 'a'"),
        [json!({"k": "a", "team": "x", "n": 2})]
    );
    assert_eq!(
        kit.rows("SELECT TO_JSON_STRING(r) AS j FROM d.t r WHERE k = 'a'")[0]["j"],
        "{\"k\":\"a\",\"team\":\"x\",\"n\":1,\"f\":0.5,\"ts\":\"2024-01-01T00:00:00Z\"}"
    );
}

#[test]
fn joins_and_subqueries() {
    let kit = kit();
    kit.execute("CREATE TABLE d.teams (team STRING, name STRING)");
    kit.execute("INSERT d.teams VALUES ('x', 'X'), ('z', 'Z')");
    assert_eq!(
        kit.rows("SELECT k, name FROM d.t LEFT JOIN d.teams USING (team) ORDER BY k, name"),
        [
            json!({"k": "a", "name": "X"}),
            json!({"k": "b", "name": "X"}),
            json!({"k": "c", "name": null}),
            json!({"k": "c", "name": null})
        ]
    );
    assert_eq!(
        kit.rows("SELECT COUNT(*) n FROM d.t a JOIN d.teams b ON a.team = b.team AND a.n > 1"),
        [json!({"n": 1})]
    );
    assert_eq!(
        kit.rows("SELECT b.name FROM d.t a FULL JOIN d.teams b ON a.team = b.team WHERE a.k IS NULL"),
        [json!({"name": "Z"})]
    );
    assert_eq!(kit.rows("SELECT k FROM d.t WHERE team NOT IN (SELECT team FROM d.teams)"), [json!({"k": "c"})]);
    assert_eq!(
        kit.rows("SELECT name FROM d.teams s WHERE NOT EXISTS (SELECT 1 FROM d.t WHERE t.team = s.team)"),
        [json!({"name": "Z"})]
    );
    assert_eq!(
        kit.rows("WITH w AS (SELECT MAX(n) AS m FROM d.t) SELECT k FROM d.t, w WHERE n = m"),
        [json!({"k": "c"})]
    );
    assert_eq!(kit.rows("SELECT (SELECT name FROM d.teams WHERE team = 'x') AS n"), [json!({"n": "X"})]);
    assert_eq!(
        kit.rows("SELECT 1 AS n UNION ALL SELECT 2.5 UNION ALL SELECT 1 ORDER BY n DESC"),
        [json!({"n": 2.5}), json!({"n": 1.0}), json!({"n": 1.0})]
    );
    assert_eq!(
        kit.rows("SELECT k FROM d.t EXCEPT DISTINCT SELECT 'c' ORDER BY k"),
        [json!({"k": "a"}), json!({"k": "b"})]
    );
    assert_eq!(kit.rows("SELECT s FROM UNNEST(['p', 'q']) AS s WHERE s > 'p'"), [json!({"s": "q"})]);
}

#[test]
fn expressions() {
    let kit = kit();
    for (expr, want) in [
        ("1 + 2 * 3", json!(7)),
        ("7 / 2", json!(3.5)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("NULL IS DISTINCT FROM 1", json!(true)),
        ("CAST('nan' AS FLOAT64) = CAST('nan' AS FLOAT64)", json!(false)),
        ("CAST('nan' AS FLOAT64) IS NOT DISTINCT FROM CAST('nan' AS FLOAT64)", json!(true)),
        ("NULL = 1", json!(null)),
        ("NULL AND FALSE", json!(false)),
        ("3 NOT IN (1, NULL)", json!(null)),
        ("'a_c' LIKE 'a\\\\_%'", json!(true)),
        ("CASE WHEN 1 > 2 THEN 'x' ELSE NULL END", json!(null)),
        ("COALESCE(NULL, 2, 3)", json!(2)),
        ("IF(TRUE, 1, 0.5)", json!(1.0)),
        ("SAFE_CAST('x' AS INT64)", json!(null)),
        ("CAST(2.5 AS INT64)", json!(3)),
        ("CAST(TIMESTAMP '2024-01-01 00:00:00.5+01' AS STRING)", json!("2023-12-31 23:00:00.500+00")),
        ("FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E6SZ', TIMESTAMP_MICROS(1))", json!("1970-01-01T00:00:00.000001Z")),
        ("TIMESTAMP_TRUNC(TIMESTAMP '2024-05-17 12:34:56', MONTH)", json!("2024-05-01T00:00:00Z")),
        ("DATE(TIMESTAMP '2024-05-17 23:59:59')", json!("2024-05-17")),
        ("EXTRACT(DAYOFWEEK FROM DATE '2024-05-19')", json!(1)),
        ("UNIX_MILLIS(TIMESTAMP '1969-12-31 23:59:59.9995')", json!(-1)),
        ("TO_JSON_STRING([1, 2])", json!("[1,2]")),
        ("TO_JSON_STRING(STRUCT(1 AS a, 'b' AS c, b'\\x00' AS d))", json!("{\"a\":1,\"c\":\"b\",\"d\":\"AA==\"}")),
        ("[10, 20][SAFE_ORDINAL(3)]", json!(null)),
        ("STRUCT(1 AS a, 2 AS b).b", json!(2)),
        ("JSON_VALUE(PARSE_JSON('{\"a\": {\"b\": [5]}}'), '$.a.b[0]')", json!("5")),
        ("CONCAT('a', 'b') || 'c'", json!("abc")),
        ("SUBSTR('hello', -3, 2)", json!("ll")),
        ("TO_HEX(b'\\xff\\x01')", json!("ff01")),
        ("r'\\n'", json!("\\n")),
        ("'it\\'s'", json!("it's")),
        ("GREATEST(1, 2.5)", json!(2.5)),
        ("5 BETWEEN 1 AND 5", json!(true)),
        ("TIMESTAMP_SUB(TIMESTAMP '2024-01-01', INTERVAL 90 MINUTE)", json!("2023-12-31T22:30:00Z")),
        ("TIMESTAMP_DIFF(TIMESTAMP '2024-01-02', TIMESTAMP '2024-01-01 12:00:01', HOUR)", json!(11)),
        ("DATE_ADD(DATE '2024-01-31', INTERVAL 1 MONTH)", json!("2024-02-29")),
        ("DATE_DIFF(DATE '2024-03-01', DATE '2024-02-01', DAY)", json!(29)),
        ("JSON '{\"b\": 1, \"a\": [true]}'", json!({"a": [true], "b": 1})),
    ] {
        assert_eq!(one(&kit, expr), want, "{expr}");
    }
}

#[test]
fn what_is_wrong_or_unknown_is_refused_with_its_place() {
    let kit = kit();
    for (sql, message) in [
        ("SELECT x FROM d.t", "Unrecognized name: x at [1:8]"),
        ("SELECT\n  k, z FROM d.t", "Unrecognized name: z at [2:6]"),
        (
            "SELECT k, COUNT(*) FROM d.t",
            "SELECT list expression references column k which is neither grouped nor aggregated at [1:8]",
        ),
        ("SELECT * FROM d.t WHERE COUNT(*) > 1", "Aggregate function COUNT not allowed here at [1:25]"),
        ("SELECT * FROM d.t WHERE k", "WHERE clause should return type BOOL, but returns type STRING at [1:25]"),
        ("SELECT 1 + 'a'", "No matching signature for operator + for argument types: INT64, STRING at [1:8]"),
        ("SELECT CAST(k AS WHAT) FROM d.t", "Type not found: WHAT"),
        ("SELECT CAST(DATE '2024-01-01' AS INT64)", "Invalid cast from DATE to INT64"),
        ("SELECT * FROM t", "Table \"t\" must be qualified with a dataset (e.g. dataset.table)."),
        ("SELECT 9223372036854775807 + 1", "int64 overflow: 9223372036854775807 + 1"),
        ("SELECT 1 / 0", "division by zero: 1 / 0"),
        ("SELECT CAST('12x' AS INT64)", "Bad int64 value: 12x"),
        ("SELECT 1 AS a, 2 AS A", "Duplicate column names in the result are not supported"),
        ("SELECT (SELECT k FROM d.t)", "Scalar subquery produced more than one element"),
        ("DELETE FROM d.t", "DELETE must have a WHERE clause at [1:1]"),
        (
            "INSERT d.t (k, n) VALUES (1, 2)",
            "Query column 1 has type INT64 which cannot be inserted into column k, which has type STRING at [1:27]",
        ),
        ("INSERT d.t (k) VALUES ('a', 2)", "Inserted row has wrong column count; Has 2, expected 1"),
        ("SELECT 'it''s'", "Syntax error: Illegal escape sequence or quote"),
        ("SELECT FARM_FINGERPRINT(k) FROM d.t", "The double of BigQuery cannot run this: FARM_FINGERPRINT(k) at [1:8]"),
        ("SELECT SUM(n) OVER (ORDER BY n) FROM d.t", "The double of BigQuery cannot run this"),
        ("SELECT 1; SELECT 2", "The double of BigQuery cannot run this: none or several statements"),
        ("CREATE VIEW d.v AS SELECT 1", "The double of BigQuery cannot run this"),
        ("SELECT k FROM d.t TABLESAMPLE SYSTEM (10 PERCENT)", "The double of BigQuery cannot run this"),
        ("SELECT * FROM d.t FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()", "The double of BigQuery cannot run this"),
        ("FROM d.t |> WHERE n > 1", "The double of BigQuery cannot run this"),
        ("SELEC 1", "Syntax error: "),
        ("SELECT k == 'a' FROM d.t", "Syntax error: Unexpected \"==\" at [1:10]"),
        ("SELECT COUNT(*) AS rows FROM d.t", "Syntax error: Unexpected keyword ROWS at [1:20]"),
        ("SELECT range FROM d.t", "Syntax error: Unexpected keyword RANGE at [1:8]"),
        ("INSERT d.t (k, hash) VALUES ('a', 1)", "Syntax error: Unexpected keyword HASH at [1:16]"),
        ("CREATE TABLE d.k (new INT64)", "Syntax error: Unexpected keyword NEW at [1:19]"),
        (
            "SELECT a.k FROM d.t a JOIN d.t b",
            "Syntax error: JOIN must have an immediately following ON or USING clause",
        ),
        ("TRUNCATE d.t", "The double of BigQuery cannot run this"),
        ("DROP TABLE d.t CASCADE", "The double of BigQuery cannot run this"),
    ] {
        let error = kit.error(sql);
        assert!(error.starts_with("invalidQuery: "), "{sql}: {error}");
        assert!(error.contains(message), "{sql}: {error}");
    }
}

#[test]
fn reserved_words_are_names_in_backticks_and_behind_a_dot() {
    let kit = Kit::new();
    kit.execute("CREATE TABLE d.t (`hash` STRING, `group` INT64)");
    kit.execute("INSERT d.t (`hash`, `group`) VALUES ('x', 1)");
    kit.execute("UPDATE d.t SET `group` = 2 WHERE `hash` = 'x'");
    kit.execute("MERGE d.t T USING d.t S ON T.hash = S.hash WHEN MATCHED THEN UPDATE SET `group` = S.group + 1");
    assert_eq!(kit.rows("SELECT t.group AS `rows` FROM d.t"), [json!({"rows": 3})]);
}

#[test]
fn smaller_statements() {
    let kit = kit();
    let job = kit.run("update", &query("UPDATE d.t SET n = n * 10, f = 1 WHERE team = 'x'"));
    success(&job);
    assert_eq!(job["statistics"]["query"]["dmlStats"], json!({"updatedRowCount": "2"}));
    let job = kit.run("delete", &query("DELETE FROM `d.t` WHERE n >= 10"));
    assert_eq!(
        (&job["statistics"]["query"]["numDmlAffectedRows"], &job["statistics"]["query"]["statementType"]),
        (&json!("2"), &json!("DELETE"))
    );
    let job = kit.run("insert", &query("INSERT INTO d.t (k, n) SELECT k, 5 FROM d.t"));
    assert_eq!(job["statistics"]["query"]["dmlStats"], json!({"insertedRowCount": "2"}));
    let create = "CREATE TABLE d.c (id STRING NOT NULL OPTIONS(description=\"x\"), ts TIMESTAMP, l ARRAY<STRUCT<a INT64, b STRING>>) \
        PARTITION BY DATE(ts) CLUSTER BY id OPTIONS(require_partition_filter=true)";
    let job = kit.run("create", &query(create));
    assert_eq!(
        (&job["statistics"]["query"]["ddlOperationPerformed"], &job["statistics"]["query"]["statementType"]),
        (&json!("CREATE"), &json!("CREATE_TABLE"))
    );
    let table = kit.double.table("test-project", "d", "c").unwrap();
    assert_eq!(
        table["schema"]["fields"][0],
        json!({"name": "id", "type": "STRING", "mode": "REQUIRED", "description": "x"})
    );
    assert_eq!(table["schema"]["fields"][2]["fields"][1], json!({"name": "b", "type": "STRING"}));
    assert_eq!(
        (&table["timePartitioning"], &table["clustering"]["fields"]),
        (&json!({"type": "DAY", "field": "ts"}), &json!(["id"]))
    );
    assert_eq!(kit.error(create), "duplicate: Already Exists: Table test-project:d.c");
    kit.execute("CREATE TABLE IF NOT EXISTS d.c (other INT64)");
    kit.execute("CREATE OR REPLACE TABLE d.c AS SELECT k, n FROM d.t");
    assert_eq!(kit.double.table("test-project", "d", "c").unwrap()["numRows"], "4");
    let job = kit.run("truncate", &query("TRUNCATE TABLE d.c"));
    assert_eq!(job["statistics"]["query"]["dmlStats"], json!({"deletedRowCount": "4"}));
    kit.execute("DROP TABLE d.c");
    assert!(kit.error("DROP TABLE d.c").contains("Not found: Table test-project:d.c"));
    let job = kit.run("drop", &query("DROP TABLE IF EXISTS d.c"));
    assert_eq!(job["statistics"]["query"]["ddlOperationPerformed"], "SKIP");
}

#[test]
fn answers_come_in_pages_with_their_schema() {
    let kit = kit();
    kit.double.limit_pages(3);
    let body =
        json!({"query": "SELECT k, n, f, ts FROM d.t ORDER BY k, n DESC", "useLegacySql": false, "maxResults": 2});
    let first = kit.post("/queries", &body).body;
    assert_eq!((&first["jobComplete"], &first["totalRows"]), (&json!(true), &json!("4")));
    assert_eq!(first["schema"]["fields"][3], json!({"name": "ts", "type": "TIMESTAMP", "mode": "NULLABLE"}));
    assert_eq!(first["rows"][1]["f"], json!([{"v": "b"}, {"v": "2"}, {"v": "Infinity"}, {"v": "1.704164645678E9"}]));
    let (id, token) = (first["jobReference"]["jobId"].as_str().unwrap(), first["pageToken"].as_str().unwrap());
    let path = format!("/queries/{id}?pageToken={token}&formatOptions.useInt64Timestamp=true");
    let second = kit.get(&path).body;
    assert_eq!(second["rows"][1]["f"], json!([{"v": "c"}, {"v": null}, {"v": "-0.0"}, {"v": "1703980800000000"}]));
    assert_eq!(second["pageToken"], Value::Null);
    assert_eq!(kit.get(&format!("/queries/{id}")).body["rows"].as_array().unwrap().len(), 3, "the limit of the double");
    assert_eq!(kit.get(&format!("/queries/{id}?startIndex=3")).body["rows"].as_array().unwrap().len(), 1);
    assert_eq!(kit.get("/datasets/d/tables/t/data").body["rows"].as_array().unwrap().len(), 3);
}

#[test]
fn a_request_id_makes_a_query_run_once() {
    let kit = kit();
    let body = json!({"query": "INSERT d.t (k) VALUES ('new')", "useLegacySql": false, "requestId": "r-1"});
    let first = kit.post("/queries", &body).body;
    assert_eq!((&first["numDmlAffectedRows"], &first["dmlStats"]), (&json!("1"), &json!({"insertedRowCount": "1"})));
    assert_eq!(kit.post("/queries", &body).body["jobReference"], first["jobReference"]);
    assert_eq!(kit.rows("SELECT COUNT(*) n FROM d.t WHERE k = 'new'"), [json!({"n": 1})]);
}

#[test]
fn parameters() {
    let kit = kit();
    let run = |sql: &str, mode: &str, parameters: Value| {
        let body = json!({"query": sql, "useLegacySql": false, "parameterMode": mode, "queryParameters": parameters});
        kit.post("/queries", &body)
    };
    let parameter = |ty: &str, value: &str| json!({"parameterType": {"type": ty}, "parameterValue": {"value": value}});
    let answer = run(
        "SELECT k FROM d.t WHERE n > ? AND team = ? ORDER BY k",
        "POSITIONAL",
        json!([parameter("INT64", "1"), parameter("STRING", "x")]),
    );
    assert_eq!(answer.body["rows"], json!([{"f": [{"v": "b"}]}]), "{}", answer.body);
    let mut named = parameter("TIMESTAMP", "2024-01-01T00:00:00Z");
    named["name"] = json!("since");
    let answer = run("SELECT COUNT(*) FROM d.t WHERE ts >= @since", "NAMED", json!([named]));
    assert_eq!(answer.body["rows"], json!([{"f": [{"v": "2"}]}]), "{}", answer.body);
    assert!(run("SELECT @other", "NAMED", json!([])).message().contains("Query parameter 'other' not found"));
}

#[test]
fn rows_go_into_a_destination() {
    let kit = kit();
    let run = |id: &str, sql: &str, write: Option<&str>| {
        let mut config = query(sql);
        config["query"]["destinationTable"] = crate::kit::reference("out");
        if let Some(write) = write {
            config["query"]["writeDisposition"] = json!(write);
        }
        kit.run(id, &config)
    };
    success(&run("one", "SELECT k, n FROM d.t", None));
    assert_eq!(failure(&run("two", "SELECT k, n FROM d.t", None)).0, "duplicate");
    success(&run("three", "SELECT k, n FROM d.t", Some("WRITE_APPEND")));
    assert_eq!(kit.rows("SELECT COUNT(*) n FROM d.out"), [json!({"n": 8})]);
    assert_eq!(failure(&run("four", "SELECT n FROM d.t", Some("WRITE_APPEND"))).0, "invalid");
    success(&run("five", "SELECT 1 AS x", Some("WRITE_TRUNCATE")));
    assert_eq!(kit.rows("SELECT * FROM d.out"), [json!({"x": 1})]);
}
