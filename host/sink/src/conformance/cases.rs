//! The cases.

use arrow_array::RecordBatch;
use gristmill_record::{
    DataType, Description, Field, Input, OnMismatch, Origin, OutputColumn, Scalar, Table, TableDraft,
};
use serde_json::{Value, json};

use super::{Subject, lines, rows_from_json};
use crate::{Begun, Load, Mismatch, OnConflict, Sink, SinkError, TableCount};

type Outcome<T = ()> = Result<T, String>;

/// In the order in which they are run.
pub(super) const NAMES: [&str; 17] = [
    "first load",
    "check changes nothing",
    "same load again",
    "same load again without a key",
    "overlapping keys, keep",
    "overlapping keys, update",
    "abort of the first load",
    "abort of a later load",
    "dropped while open",
    "calls out of order",
    "empty load",
    "nulls and all types",
    "extreme values",
    "values that cannot be held",
    "many batches",
    "table with other columns",
    "unsafe run id",
];

/// A column whose name tries what names may have.
const ODD: &str = "a \"text\" Größe";
/// Its name where a destination has rules for names.
const PLAIN: &str = "a_text";

pub(super) struct Cases {
    /// What [`ODD`] is called.
    text: &'static str,
    everything: Table,
    pairs: Table,
    log: Table,
}

fn column(name: &str, ty: impl Into<DataType>, required: bool) -> OutputColumn {
    OutputColumn { name: name.into(), ty: ty.into(), required, description: String::new() }
}

/// The tables as a plugin would declare them.
pub(super) fn tables(drafts: Vec<TableDraft>) -> Outcome<Vec<Table>> {
    let input = Input {
        name: "name".into(),
        origin: Origin::DocumentName,
        ty: Scalar::String.into(),
        required: true,
        on_mismatch: OnMismatch::Reject,
    };
    Ok(Description::new("a/{x}", vec![input], drafts).map_err(text)?.tables().to_vec())
}

pub(super) fn load(run: &str, job: &str, on_conflict: OnConflict, tables: &[&Table]) -> Load {
    Load {
        run_id: run.into(),
        job: job.into(),
        started_at: 1_704_067_200_000_000,
        tables: tables.iter().map(|t| (*t).clone()).collect(),
        on_conflict,
        plugin: "conformance@1.0.0".into(),
        plugin_digest: "00".repeat(32),
    }
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(what()) }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The first difference, not all of a mebibyte.
fn same(have: &[String], want: &[String]) -> Outcome {
    let short = |line: Option<&String>| line.map_or("no row".to_owned(), |l| l.chars().take(600).collect());
    let at = (0..have.len().max(want.len())).find(|i| have.get(*i) != want.get(*i));
    ensure(at.is_none(), || {
        let at = at.unwrap_or_default();
        format!(
            "{} rows are there, {} were expected; the first that differs: found {}, expected {}",
            have.len(),
            want.len(),
            short(have.get(at)),
            short(want.get(at))
        )
    })
}

impl Cases {
    /// `any_name`: whether a column may have any name.
    pub(super) fn new(any_name: bool) -> Outcome<Self> {
        let text_column = if any_name { ODD } else { PLAIN };
        let nested = DataType::Struct(vec![
            Field { name: "a \"quoted\" name".into(), ty: Scalar::String.into() },
            Field { name: "list".into(), ty: DataType::List(Box::new(Scalar::Float64.into())) },
            Field { name: "at".into(), ty: Scalar::Timestamp.into() },
            Field { name: "json".into(), ty: Scalar::Json.into() },
        ]);
        let everything = TableDraft {
            name: "everything".into(),
            columns: vec![
                column("id", Scalar::String, true),
                column("flag", Scalar::Boolean, false),
                column("whole", Scalar::Int64, false),
                column("real", Scalar::Float64, false),
                column("at", Scalar::Timestamp, false),
                column("day", Scalar::Date, false),
                column(text_column, Scalar::String, false),
                column("raw", Scalar::Bytes, false),
                column("json", Scalar::Json, false),
                column("list", DataType::List(Box::new(Scalar::Int64.into())), false),
                column("nested", nested, false),
            ],
            key: vec!["id".into()],
            partition_by: Some("at".into()),
            ..TableDraft::default()
        };
        let pairs = TableDraft {
            name: "pairs".into(),
            columns: vec![
                column("value", Scalar::String, false),
                column("team", Scalar::String, true),
                column("number", Scalar::Int64, true),
            ],
            key: vec!["number".into(), "team".into()],
            ..TableDraft::default()
        };
        let log = TableDraft {
            name: "log".into(),
            columns: vec![column("day", Scalar::Date, false), column("text", Scalar::String, false)],
            partition_by: Some("text".into()),
            ..TableDraft::default()
        };
        match tables(vec![everything, pairs, log])?.as_slice() {
            [everything, pairs, log] => {
                Ok(Self { text: text_column, everything: everything.clone(), pairs: pairs.clone(), log: log.clone() })
            }
            _ => Err("three tables were declared".into()),
        }
    }

    pub(super) async fn run(&self, case: &str, subject: &dyn Subject) -> Outcome {
        match case {
            "first load" => self.first_load(subject).await,
            "check changes nothing" => self.check_changes_nothing(subject).await,
            "same load again" => self.same_load_again(subject).await,
            "same load again without a key" => self.without_key(subject).await,
            "overlapping keys, keep" => self.overlap(subject, OnConflict::Keep).await,
            "overlapping keys, update" => self.overlap(subject, OnConflict::Update).await,
            "abort of the first load" => self.abort(subject, false).await,
            "abort of a later load" => self.abort(subject, true).await,
            "dropped while open" => self.dropped(subject).await,
            "calls out of order" => self.order(subject).await,
            "empty load" => self.empty(subject).await,
            "nulls and all types" => self.all_types(subject).await,
            "extreme values" => self.extremes(subject).await,
            "values that cannot be held" => self.unstorable(subject).await,
            "many batches" => self.many_batches(subject).await,
            "table with other columns" => self.occupied(subject).await,
            "unsafe run id" => self.unsafe_run_id(subject).await,
            other => Err(format!("there is no case {other}")),
        }
    }

    fn everything(&self, rows: &[Value]) -> Outcome<RecordBatch> {
        let renamed = |row: &Value| {
            let mut row = row.clone();
            if let Some(columns) = row.as_object_mut()
                && let Some(value) = columns.remove(ODD)
            {
                columns.insert(self.text.to_owned(), value);
            }
            row
        };
        rows_from_json(&self.everything, &rows.iter().map(renamed).collect::<Vec<_>>()).map_err(text)
    }

    fn pairs(&self, rows: std::ops::Range<i64>, value: &str) -> Outcome<RecordBatch> {
        let row = |i| json!({"value": format!("{value}{i}"), "team": format!("t{}", i % 3), "number": i / 3});
        rows_from_json(&self.pairs, &rows.map(row).collect::<Vec<_>>()).map_err(text)
    }

    async fn first_load(&self, subject: &dyn Subject) -> Outcome {
        let ids = self.everything(&[json!({"id": "b", "whole": 1}), json!({"id": "a", "real": 0.5})])?;
        let batches = [(1, self.pairs(0..5, "v")?), (0, ids.clone()), (1, self.pairs(5..9, "v")?)];
        let mut sink = subject.sink();
        sink.check(&[self.everything.clone(), self.pairs.clone()]).await.map_err(text)?;
        let load = load("run-1", "job", OnConflict::Keep, &[&self.everything, &self.pairs]);
        let counts = commit(sink.as_mut(), &load, &batches).await?;
        let inserted = |n| TableCount { inserted: n, ..TableCount::default() };
        ensure(counts == [inserted(2), inserted(9)], || format!("the counts are {counts:?}"))?;
        expect(subject, &self.everything, &[ids])?;
        expect(subject, &self.pairs, &[self.pairs(0..9, "v")?])
    }

    async fn check_changes_nothing(&self, subject: &dyn Subject) -> Outcome {
        let before = subject.traces()?;
        let states = subject.sink().check(&[self.everything.clone(), self.pairs.clone()]).await.map_err(text)?;
        ensure(states.len() == 2, || format!("two tables have {} states", states.len()))?;
        let after = subject.traces()?;
        ensure(before == after, || format!("it left {after:?}, before there was {before:?}"))
    }

    async fn same_load_again(&self, subject: &dyn Subject) -> Outcome {
        let rows = self.pairs(0..20, "v")?;
        for run in ["run-1", "run-2", "run-2"] {
            let load = load(run, "job", OnConflict::Keep, &[&self.pairs]);
            let batches = [(0, rows.clone())];
            let counts = commit(subject.sink().as_mut(), &load, &batches).await?;
            let again = run != "run-1" && subject.ways().merges;
            let total: u64 = counts.iter().map(TableCount::rows).sum();
            let inserted: u64 = counts.iter().map(|c| c.inserted).sum();
            ensure(total == 20 && (inserted == 0 || !again), || format!("{run}: the counts are {counts:?}"))?;
            expect(subject, &self.pairs, std::slice::from_ref(&rows))?;
        }
        Ok(())
    }

    async fn without_key(&self, subject: &dyn Subject) -> Outcome {
        let row = json!({"day": "2024-02-29", "text": "a/b=c d"});
        let rows = rows_from_json(&self.log, &[row.clone(), row, json!({}), json!({"text": ""})]).map_err(text)?;
        for (run, job, times) in [("run-1", "one", 1), ("run-2", "one", 1), ("run-3", "two", 2)] {
            let load = load(run, job, OnConflict::Keep, &[&self.log]);
            let counts = commit(subject.sink().as_mut(), &load, &[(0, rows.clone())]).await?;
            let total: u64 = counts.iter().map(TableCount::rows).sum();
            ensure(total == 4, || format!("{run}: the counts are {counts:?}"))?;
            let times = if subject.ways().merges { times } else { 1 };
            expect(subject, &self.log, &vec![rows.clone(); times])?;
        }
        Ok(())
    }

    async fn overlap(&self, subject: &dyn Subject, on_conflict: OnConflict) -> Outcome {
        let first = load("run-1", "one", OnConflict::Keep, &[&self.pairs]);
        commit(subject.sink().as_mut(), &first, &[(0, self.pairs(0..10, "old")?)]).await?;
        // Rows 4 and 5 as they are, 6 to 9 changed, 10 to 14 new.
        let batches = [(0, self.pairs(4..6, "old")?), (0, self.pairs(6..15, "new")?)];
        let second = load("run-2", "two", on_conflict, &[&self.pairs]);
        let counts = commit(subject.sink().as_mut(), &second, &batches).await?;
        if !subject.ways().merges {
            return expect(subject, &self.pairs, &batches.map(|(_, rows)| rows));
        }
        let (updated, already) = if on_conflict == OnConflict::Update { (4, 2) } else { (0, 6) };
        ensure(counts == [TableCount { inserted: 5, updated, already }], || format!("the counts are {counts:?}"))?;
        let kept = if on_conflict == OnConflict::Update { 6 } else { 10 };
        expect(subject, &self.pairs, &[self.pairs(0..kept, "old")?, self.pairs(kept..15, "new")?])
    }

    async fn abort(&self, subject: &dyn Subject, later: bool) -> Outcome {
        if later {
            let first = load("run-1", "one", OnConflict::Keep, &[&self.pairs]);
            commit(subject.sink().as_mut(), &first, &[(0, self.pairs(0..10, "old")?)]).await?;
        }
        let (before, traces) = (subject.rows(&self.pairs)?, subject.traces()?);
        let mut sink = subject.sink();
        let second = load("run-2", "two", OnConflict::Update, &[&self.pairs]);
        begin(sink.as_mut(), &second).await?;
        sink.write(0, self.pairs(5..5_000, "new")?).await.map_err(text)?;
        sink.abort().await.map_err(text)?;
        unchanged(subject, &self.pairs, before.as_ref(), &traces)?;
        // The same sink can load what was taken back.
        commit(sink.as_mut(), &second, &[(0, self.pairs(10..20, "new")?)]).await?;
        let kept = if later && subject.ways().merges { 10 } else { 0 };
        expect(subject, &self.pairs, &[self.pairs(0..kept, "old")?, self.pairs(10..20, "new")?])
    }

    async fn dropped(&self, subject: &dyn Subject) -> Outcome {
        let traces = subject.traces()?;
        let mut sink = subject.sink();
        begin(sink.as_mut(), &load("run-1", "one", OnConflict::Keep, &[&self.pairs])).await?;
        sink.write(0, self.pairs(0..5_000, "new")?).await.map_err(text)?;
        drop(sink);
        unchanged(subject, &self.pairs, None, &traces)
    }

    async fn order(&self, subject: &dyn Subject) -> Outcome {
        let mut sink = subject.sink();
        let load = load("run-1", "one", OnConflict::Keep, &[&self.pairs]);
        let rows = self.pairs(0..3, "v")?;
        sink.abort().await.map_err(|e| format!("an abort without a load: {e}"))?;
        ensure(sink.write(0, rows.clone()).await.is_err(), || "a write without a load was taken".into())?;
        ensure(sink.commit().await.is_err(), || "a commit without a load was taken".into())?;
        begin(sink.as_mut(), &load).await?;
        ensure(sink.begin(&load).await.is_err(), || "a second begin was taken".into())?;
        ensure(sink.write(1, rows.clone()).await.is_err(), || {
            "rows for a table that is not in the load were taken".into()
        })?;
        sink.write(0, rows.clone()).await.map_err(text)?;
        sink.commit().await.map_err(text)?;
        ensure(sink.commit().await.is_err(), || "a second commit was taken".into())?;
        expect(subject, &self.pairs, &[rows])
    }

    async fn empty(&self, subject: &dyn Subject) -> Outcome {
        for run in ["run-1", "run-2"] {
            let load = load(run, "one", OnConflict::Keep, &[&self.everything, &self.pairs]);
            let counts = commit(subject.sink().as_mut(), &load, &[]).await?;
            ensure(counts == [TableCount::default(); 2], || format!("the counts are {counts:?}"))?;
        }
        expect(subject, &self.pairs, &[])?;
        expect(subject, &self.everything, &[])
    }

    async fn all_types(&self, subject: &dyn Subject) -> Outcome {
        let full = json!({
            "id": "full", "flag": true, "whole": -7, "real": 2.5, "at": "2024-02-29T12:34:56.789012Z", "day": "2024-02-29",
            "a \"text\" Größe": "Ärger, 日本 🌾", "raw": "AP+A", "json": {"a": [1, null, {"b": "c"}], "d": 1.5}, "list": [1, null, -3],
            "nested": {"a \"quoted\" name": "x", "list": [0.1, null], "at": "1969-12-31T23:59:59.999999Z", "json": ["y"]},
        });
        let sparse = json!({"id": "sparse", "flag": false, "list": [], "nested": {}, "json": "text", "raw": ""});
        let number = json!({"id": "number", "json": 7, "nested": {"list": [], "json": false}});
        let rows = self.everything(&[full, json!({"id": "nulls"}), sparse, number])?;
        self.load_and_expect(subject, &[rows]).await
    }

    async fn extremes(&self, subject: &dyn Subject) -> Outcome {
        let long = "x".repeat(1 << 20);
        let mut values = vec![
            json!({"whole": i64::MIN}),
            json!({"whole": i64::MAX}),
            json!({"real": f64::MAX}),
            json!({"real": f64::MIN_POSITIVE}),
            json!({"real": 5e-324}),
            json!({"real": "Infinity"}),
            json!({"real": "-Infinity"}),
            json!({"real": -0.0}),
            json!({"real": 9_007_199_254_740_993_i64 as f64}),
            json!({"at": "0001-01-01T00:00:00.000000Z", "day": "0001-01-01"}),
            json!({"at": "9999-12-31T23:59:59.999999Z", "day": "9999-12-31"}),
            json!({"a \"text\" Größe": ""}),
            json!({"a \"text\" Größe": "before\0after"}),
            json!({"a \"text\" Größe": "'\"`\\ \r\n\t\u{1}\u{7f}\u{2028}\u{2029}\u{feff}; DROP TABLE everything"}),
            json!({"a \"text\" Größe": "NULL", "json": null}),
            json!({"a \"text\" Größe": long, "raw": "AAECAwQFBgcICQ=="}),
            json!({"json": "a\u{2028}\"\\\n"}),
        ];
        let limits = subject.sink().limits();
        if limits.nan {
            values.push(json!({"real": "NaN"}));
        }
        for (i, value) in values.iter_mut().enumerate() {
            if let Some(row) = value.as_object_mut() {
                row.insert("id".into(), json!(format!("{i}")));
            }
        }
        // Keys of every kind, too.
        values.retain(|value| limits.infinite || !value["real"].is_string());
        values.extend(
            ["", "\0", "a\0b", "a\0c", "'", "\u{2028}", "é", "e\u{301}", "A", "a", " a", "a "]
                .map(|id| json!({"id": id})),
        );
        values.retain(|value| limits.any_text || !value.to_string().contains("\\u0000"));
        let rows = self.everything(&values)?;
        self.load_and_expect(subject, &[rows]).await
    }

    async fn load_and_expect(&self, subject: &dyn Subject, rows: &[RecordBatch]) -> Outcome {
        let load = load("run-1", "one", OnConflict::Keep, &[&self.everything]);
        let batches: Vec<_> = rows.iter().map(|r| (0, r.clone())).collect();
        let counts = commit(subject.sink().as_mut(), &load, &batches).await?;
        let total: usize = rows.iter().map(RecordBatch::num_rows).sum();
        ensure(counts.iter().map(|c| c.inserted).sum::<u64>() == total as u64, || {
            format!("the counts are {counts:?}")
        })?;
        expect(subject, &self.everything, rows)
    }

    async fn unstorable(&self, subject: &dyn Subject) -> Outcome {
        let limits = subject.sink().limits();
        let values = [
            (limits.nan, "real", json!("NaN")),
            (limits.infinite, "real", json!("-Infinity")),
            (limits.any_text, ODD, json!("a\0b")),
            (limits.any_text, "json", json!({"a": ["b\0"]})),
            (limits.any_text, "nested", json!({"a \"quoted\" name": "\0"})),
        ];
        for (_, column, value) in values.into_iter().filter(|(held, ..)| !held) {
            let traces = subject.traces()?;
            let mut sink = subject.sink();
            begin(sink.as_mut(), &load("run-1", "one", OnConflict::Keep, &[&self.everything])).await?;
            let rows = self.everything(&[json!({"id": "a", "real": 1.0}), json!({"id": "b", column: value})])?;
            let column = if column == ODD { self.text } else { column };
            let breaches = sink.limits().breaches(&self.everything, &rows);
            ensure(breaches.iter().map(|b| (b.row, b.column.as_str())).eq([(1, column)]), || format!("{breaches:?}"))?;
            match sink.write(0, rows).await {
                Err(SinkError::Unstorable { table, column: named, .. }) if table == "everything" && named == column => {
                }
                other => return Err(format!("{value} was answered with {other:?}")),
            }
            sink.abort().await.map_err(text)?;
            unchanged(subject, &self.everything, None, &traces)?;
        }
        Ok(())
    }

    async fn many_batches(&self, subject: &dyn Subject) -> Outcome {
        let day = |i: i64| format!("20{:02}-{:02}-{:02}T00:00:00Z", i % 20, i % 12 + 1, i % 28 + 1);
        let row =
            |i: i64| json!({"id": format!("{:08}", i * 7_919 % 100_000), "whole": i, "at": day(i), "list": [i, i + 1]});
        let (mut batches, mut next) = (Vec::new(), 0);
        for n in (0..40).chain([2_000, 0, 1]) {
            let rows: Vec<_> = (next..next + n).map(row).collect();
            next += n;
            batches.push(self.everything(&rows)?);
        }
        self.load_and_expect(subject, &batches).await
    }

    async fn occupied(&self, subject: &dyn Subject) -> Outcome {
        if !subject.occupy(&self.everything)? {
            return Ok(());
        }
        let traces = subject.traces()?;
        let mut sink = subject.sink();
        let load = load("run-1", "one", OnConflict::Keep, &[&self.pairs, &self.everything]);
        for found in [sink.check(&load.tables).await.map(drop), sink.begin(&load).await.map(drop)] {
            match found {
                Err(SinkError::Schema(mismatch)) => {
                    let Mismatch { table, found, expected, remedy, .. } = *mismatch;
                    let said = table == "everything" && [found, expected, remedy].iter().all(|s| !s.is_empty());
                    ensure(said, || "the error does not say table, found, expected and remedy".into())?;
                }
                other => return Err(format!("other columns were answered with {other:?}")),
            }
        }
        drop(sink);
        let after = subject.traces()?;
        ensure(traces == after, || format!("it left {after:?}, before there was {traces:?}"))
    }

    async fn unsafe_run_id(&self, subject: &dyn Subject) -> Outcome {
        let traces = subject.traces()?;
        for run in ["", "../out", "a/b", "a b"] {
            let begun = subject.sink().begin(&load(run, "one", OnConflict::Keep, &[&self.pairs])).await;
            ensure(matches!(begun, Err(SinkError::RunId { .. })), || format!("`{run}` was answered with {begun:?}"))?;
        }
        unchanged(subject, &self.pairs, None, &traces)
    }
}

async fn begin(sink: &mut dyn Sink, load: &Load) -> Outcome {
    match sink.begin(load).await.map_err(text)? {
        Begun::Ready => Ok(()),
        Begun::AlreadyLoaded(_) => Err("it says that the job is loaded already".into()),
    }
}

/// A whole load; where the destination holds its result already, what it says of it.
pub(super) async fn commit(
    sink: &mut dyn Sink,
    load: &Load,
    batches: &[(usize, RecordBatch)],
) -> Outcome<Vec<TableCount>> {
    if let Begun::AlreadyLoaded(counts) = sink.begin(load).await.map_err(text)? {
        return Ok(counts);
    }
    for (table, rows) in batches {
        sink.write(*table, rows.clone()).await.map_err(text)?;
    }
    sink.commit().await.map_err(text)
}

fn expect(subject: &dyn Subject, table: &Table, rows: &[RecordBatch]) -> Outcome {
    let strange = || format!("table `{}` has a column of a type that no table has", table.name());
    let mut want = Vec::new();
    for rows in rows {
        want.extend(lines(rows).ok_or_else(strange)?);
    }
    if !subject.ways().negative_zero {
        want.iter_mut().for_each(|line| *line = line.replace("\"real\":-0.0,", "\"real\":0.0,"));
    }
    want.sort();
    let have = subject.rows(table)?.ok_or_else(|| format!("table `{}` is not there", table.name()))?;
    same(&lines(&have).ok_or_else(strange)?, &want)
}

fn unchanged(subject: &dyn Subject, table: &Table, before: Option<&RecordBatch>, traces: &[String]) -> Outcome {
    let after = subject.traces()?;
    ensure(traces == after, || format!("it left {after:?}, before there was {traces:?}"))?;
    match (before, subject.rows(table)?) {
        (None, None) => Ok(()),
        (Some(before), Some(_)) => expect(subject, table, std::slice::from_ref(before)),
        _ => Err(format!("table `{}` is there now, or is no longer there", table.name())),
    }
}
