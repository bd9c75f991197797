//! Runs: recorded, changed, found.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, TransactionBehavior, params_from_iter};

use crate::error::Context;
use crate::folder::{RunFolder, is_held};
use crate::journal::Journal;
use crate::row::{INSERT, NAMES, UPDATE, cells, parameters, record};
use crate::{FinishedSplit, RunRecord, RunState, StateError, schema};

/// The name of the database.
const DATABASE: &str = "runs.db";
/// The name of the folder of folders of runs.
const RUNS: &str = "runs";
/// Ids that a message about an ambiguous one lists at most.
const LISTED: usize = 5;

/// Which runs are wanted. Empty: all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only runs in one of these states; none is all.
    pub states: Vec<RunState>,
    /// Only runs of the job of this name.
    pub job: Option<String>,
    /// Only runs of this work; see [`RunRecord::work`].
    pub work: Option<String>,
    /// Only runs that began then or later, microseconds since the Unix epoch.
    pub since: Option<i64>,
    /// Only runs that can be gone on with, or are under way.
    pub unfinished: bool,
    /// So many at most.
    pub limit: Option<usize>,
}

/// The state folder. May be shared by threads; other processes may use it at the same time.
#[derive(Debug)]
pub struct State {
    folder: PathBuf,
    database: PathBuf,
    connection: Mutex<Connection>,
}

impl State {
    /// Opens the state folder, which is created where it is not there.
    ///
    /// # Errors
    /// When it cannot be written, its database is damaged, another program's, or of a newer version of this one.
    pub fn open(folder: &Path) -> Result<Self, StateError> {
        let runs = folder.join(RUNS);
        std::fs::create_dir_all(&runs).map_err(StateError::folder("creating", &runs))?;
        let database = folder.join(DATABASE);
        let connection = schema::open(&database)?;
        Ok(Self { folder: folder.to_owned(), database, connection: Mutex::new(connection) })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the folder of a run is, if it has one.
    pub fn folder_of(&self, run: &str) -> PathBuf {
        self.folder.join(RUNS).join(run)
    }

    pub(crate) fn runs_folder(&self) -> PathBuf {
        self.folder.join(RUNS)
    }

    pub(crate) fn at(&self) -> Context<'_> {
        Context(&self.database)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Connection> {
        // A connection is whole at any time.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes hold of a run, new or not: nobody else may work on it until the folder is dropped, or the process ends in any way.
    ///
    /// # Errors
    /// [`StateError::Held`] where another process works on it; nobody waits.
    pub fn hold(&self, run: &str) -> Result<RunFolder, StateError> {
        RunFolder::hold(self.folder_of(run), run)
    }

    /// Whether a process holds a run.
    pub fn is_held(&self, run: &str) -> bool {
        is_held(&self.folder_of(run))
    }

    /// Records a run that begins. Of one with its id, which was given the same time, nothing stays but the new record.
    pub fn begin(&self, run: &RunRecord) -> Result<(), StateError> {
        let cells = cells(run)?;
        let mut connection = self.lock();
        let mut record = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM runs WHERE id = ?1", [&run.id])?;
            transaction.execute(&INSERT, parameters(&cells).as_slice())?;
            transaction.commit()
        };
        record().map_err(self.at().doing("recording the run in"))
    }

    /// Replaces the record of a run by what is known of it now.
    pub fn update(&self, run: &RunRecord) -> Result<(), StateError> {
        let cells = cells(run)?;
        let changed = self.lock().execute(&UPDATE, parameters(&cells).as_slice());
        match changed.map_err(self.at().doing("recording the run in"))? {
            0 => Err(StateError::NoRun { id: run.id.clone(), path: self.database.clone() }),
            _ => Ok(()),
        }
    }

    /// Records how a run ended, durably. Where it cannot be gone on with, what was kept of its work is removed.
    pub fn finish(&self, run: &RunRecord, folder: Option<RunFolder>) -> Result<(), StateError> {
        let doing = |e| self.at().doing("recording the run in")(e);
        self.lock().execute_batch("PRAGMA synchronous = FULL").map_err(doing)?;
        let updated = self.update(run);
        self.lock().execute_batch("PRAGMA synchronous = NORMAL").map_err(doing)?;
        updated?;
        if run.is_unfinished() {
            return Ok(());
        }
        self.forget_splits(&run.id)?;
        folder.map_or(Ok(()), RunFolder::remove)
    }

    /// Removes what the journal has of a run.
    pub(crate) fn forget_splits(&self, run: &str) -> Result<(), StateError> {
        let removed = self.lock().execute("DELETE FROM splits WHERE run = ?1", [run]);
        removed.map(|_| ()).map_err(self.at().doing("removing splits from"))
    }

    /// The runs that are wanted, newest first.
    pub fn runs(&self, filter: &Filter) -> Result<Vec<RunRecord>, StateError> {
        let (mut conditions, mut values) = (vec!["1"], Vec::<rusqlite::types::Value>::new());
        if let Some(job) = &filter.job {
            conditions.push("job = ?");
            values.push(job.clone().into());
        }
        if let Some(work) = &filter.work {
            conditions.push("work = ?");
            values.push(work.clone().into());
        }
        if let Some(since) = filter.since {
            conditions.push("begun_at >= ?");
            values.push(since.into());
        }
        if filter.unfinished {
            conditions.push("resumable AND state NOT IN ('done', 'refused')");
        }
        let sql =
            format!("SELECT {} FROM runs WHERE {} ORDER BY begun_at DESC, id DESC", *NAMES, conditions.join(" AND "));
        let mut found = self.select(&sql, values)?;
        if !filter.states.is_empty() {
            found.retain(|run| filter.states.contains(&run.state));
        }
        found.truncate(filter.limit.unwrap_or(usize::MAX));
        Ok(found)
    }

    /// The run with this id, or the only one whose id begins so.
    ///
    /// # Errors
    /// [`StateError::NoRun`] or [`StateError::Ambiguous`] where there is none, or more than one.
    pub fn run(&self, id: &str) -> Result<RunRecord, StateError> {
        if let Some(exact) = self.find(id)? {
            return Ok(exact);
        }
        let sql = format!("SELECT {} FROM runs WHERE substr(id, 1, length(?1)) = ?1 ORDER BY begun_at DESC", *NAMES);
        let mut found = if id.is_empty() { Vec::new() } else { self.select(&sql, vec![id.to_owned().into()])? };
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => Ok(only),
            (None, _) => Err(StateError::NoRun { id: id.to_owned(), path: self.database.clone() }),
            (Some(last), false) => {
                let runs = found.into_iter().chain([last]).take(LISTED).map(|run| run.id).collect();
                Err(StateError::Ambiguous { id: id.to_owned(), runs })
            }
        }
    }

    /// The run with exactly this id, if there is one.
    pub fn find(&self, id: &str) -> Result<Option<RunRecord>, StateError> {
        let sql = format!("SELECT {} FROM runs WHERE id = ?1", *NAMES);
        Ok(self.select(&sql, vec![id.to_owned().into()])?.pop())
    }

    fn select(&self, sql: &str, values: Vec<rusqlite::types::Value>) -> Result<Vec<RunRecord>, StateError> {
        let reading = self.at().doing("reading");
        let damaged = |what| StateError::Damaged { path: self.database.clone(), what };
        let connection = self.lock();
        let mut statement = connection.prepare(sql).map_err(&reading)?;
        let mut rows = statement.query(params_from_iter(values)).map_err(&reading)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(&reading)? {
            let mut run = record(row).map_err(damaged)?;
            if run.state == RunState::Running && !self.is_held(&run.id) {
                run.state = RunState::Killed;
            }
            found.push(run);
        }
        Ok(found)
    }

    /// The finished splits of a run, by number.
    pub fn splits(&self, run: &str) -> Result<Vec<FinishedSplit>, StateError> {
        let reading = self.at().doing("reading");
        let connection = self.lock();
        let mut statement =
            connection.prepare("SELECT split, made FROM splits WHERE run = ?1 ORDER BY split").map_err(&reading)?;
        let split = |row: &rusqlite::Row<'_>| Ok(FinishedSplit { split: row.get(0)?, made: row.get(1)? });
        let found = statement.query_map([run], split).map_err(&reading)?;
        found.collect::<Result<_, _>>().map_err(&reading)
    }

    /// How many splits of a run are finished.
    pub fn finished_splits(&self, run: &str) -> Result<u64, StateError> {
        let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        let found = self.lock().query_row("SELECT count(*) FROM splits WHERE run = ?1", [run], count);
        let found = found.map_err(self.at().doing("reading"))?;
        Ok(u64::try_from(found).unwrap_or_default())
    }

    /// Opens the journal of a run, for a thread of its own.
    pub fn journal(&self, run: &str) -> Result<Journal, StateError> {
        Journal::open(&self.database, run)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{CommandLine, FileVersion, InputSummary, PhaseTime, PluginRecord, RunFailure, Sample};

    fn full() -> RunRecord {
        let plugin = PluginRecord {
            name: "p@1".into(),
            digest: "d".into(),
            config: json!({ "a": 1 }),
            config_digest: "c".into(),
        };
        let mut run = RunRecord {
            job: Some("nightly".into()),
            resumable: true,
            work: "w".into(),
            attempts: 2,
            started_at: -5,
            ended_at: Some(7),
            seconds: 1.5,
            contract: "0.1.0".into(),
            command: CommandLine { arguments: vec!["run".into(), "x".into()], folder: "/somewhere".into() },
            input: InputSummary {
                name: "x".into(),
                bytes: 3,
                files: vec![FileVersion {
                    name: "f".into(),
                    size: 3,
                    modified: Some(1),
                    generation: None,
                    crc32c: Some(u32::MAX),
                }],
            },
            destination: "SQLite database q.db".into(),
            plugin: plugin.clone(),
            validators: vec![plugin],
            facts: [("limits".to_owned(), "…".to_owned())].into(),
            seed: i64::MAX,
            split_bytes: 1 << 25,
            splits: 4,
            splits_taken_over: 1,
            ledger: Some(json!({ "records": { "read": 9 } })),
            refusals: [("decode.utf8".to_owned(), 2)].into(),
            dead_letters: Some("dead.jsonl".into()),
            shuffled_bytes: 5,
            peak_memory: Some(6),
            error: Some(RunFailure { code: "c".into(), message: "m".into(), remedy: None }),
            exit_code: Some(130),
            ..RunRecord::new("r-1", 1_000)
        };
        run.state = RunState::Interrupted;
        run.details.phases.push(PhaseTime { phase: "map".into(), seconds: 0.25 });
        run.details.samples.push(Sample { at: 1.0, records: 9, ..Sample::default() });
        run.details.more.insert("columns".into(), json!([1, 2]));
        run
    }

    /// Every field has a column, and comes back as it was.
    #[test]
    fn a_record_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let run = full();
        state.begin(&run).unwrap();
        assert_eq!(state.run("r-1").unwrap(), run);
        let other = RunRecord { seconds: 2.0, ledger: None, peak_memory: None, ..run };
        state.update(&other).unwrap();
        drop(state);
        assert_eq!(State::open(folder.path()).unwrap().run("r").unwrap(), other);
        assert_eq!(serde_json::to_value(full()).unwrap().as_object().unwrap().len(), cells(&full()).unwrap().len());
    }

    #[test]
    fn runs_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        for (id, at) in [("a-1", 1), ("a-2", 2), ("b-1", 3)] {
            let mut run = RunRecord { work: id[..1].into(), ..RunRecord::new(id, at) };
            state.begin(&run).unwrap();
            if id == "a-1" {
                run.state = RunState::Done;
                state.finish(&run, None).unwrap();
            }
        }
        let ids = |filter: Filter| state.runs(&filter).unwrap().into_iter().map(|r| r.id).collect::<Vec<_>>();
        assert_eq!(ids(Filter::default()), ["b-1", "a-2", "a-1"]);
        assert_eq!(ids(Filter { limit: Some(1), ..Filter::default() }), ["b-1"]);
        assert_eq!(ids(Filter { since: Some(2), work: Some("a".into()), ..Filter::default() }), ["a-2"]);
        assert_eq!(ids(Filter { states: vec![RunState::Done], ..Filter::default() }), ["a-1"]);
        assert_eq!(state.run("b").unwrap().state, RunState::Killed, "no process holds it");
        assert!(matches!(state.run("a"), Err(StateError::Ambiguous { runs, .. }) if runs.len() == 2));
        assert!(matches!(state.run("c"), Err(StateError::NoRun { .. })));
        assert!(matches!(state.run(""), Err(StateError::NoRun { .. })));
        assert!(matches!(state.run("%"), Err(StateError::NoRun { .. })));
    }

    #[test]
    fn one_process_a_run() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let held = state.hold("r").unwrap();
        state.begin(&RunRecord { resumable: true, ..RunRecord::new("r", 1) }).unwrap();
        assert_eq!(state.run("r").unwrap().state, RunState::Running);
        match state.hold("r") {
            Err(StateError::Held { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(held);
        assert_eq!(state.run("r").unwrap().state, RunState::Killed);
        let again = state.hold("r").unwrap();
        let path = again.path().to_owned();
        state.finish(&RunRecord { state: RunState::Done, ..state.run("r").unwrap() }, Some(again)).unwrap();
        assert!(!path.exists());
    }

    /// A split counts from its transaction on, for this connection and any other.
    #[test]
    fn finished_splits() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        state.begin(&RunRecord { resumable: true, ..RunRecord::new("r", 1) }).unwrap();
        let mut journal = state.journal("r").unwrap();
        let split = |split, made: &str| FinishedSplit { split, made: made.into() };
        journal.record(&[split(3, "c"), split(1, "a")]).unwrap();
        journal.record(&[split(1, "b")]).unwrap();
        journal.sync().unwrap();
        assert_eq!(State::open(folder.path()).unwrap().splits("r").unwrap(), [split(1, "b"), split(3, "c")]);
        assert!(state.journal("x").unwrap().record(&[split(1, "b")]).is_err(), "of no run");
        state.begin(&RunRecord::new("r", 1)).unwrap();
        assert_eq!(state.finished_splits("r").unwrap(), 0, "begun anew");
    }

    #[test]
    fn databases_that_cannot_be_used() {
        use gristmill_record::Diagnose;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(DATABASE);
        let code = || State::open(folder.path()).err().map(|e| format!("{} {e}", e.code())).unwrap_or_default();
        std::fs::write(&file, "not a database, and long enough to have a header of a hundred bytes".repeat(9)).unwrap();
        assert!(code().starts_with("state.damaged") && code().contains("runs.db"), "{}", code());
        std::fs::remove_file(&file).unwrap();
        Connection::open(&file).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
        assert!(code().starts_with("state.foreign"), "{}", code());
        std::fs::remove_file(&file).unwrap();
        drop(State::open(folder.path()).unwrap());
        Connection::open(&file).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
        assert!(code().starts_with("state.newer") && code().contains("99"), "{}", code());
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        assert!(code().starts_with("state.read-only"), "{}", code());
        let below = State::open(&file.join("x/y")).map(|_| ());
        assert!(below.is_ok());
        assert_eq!(State::open(&Path::new("/proc/self/nope").join("x")).err().map(|e| e.code()), Some("state.folder"));
    }

    /// Many processes come at once where there is no database yet, and none takes the half of it for somebody else's.
    #[test]
    fn many_create_it_at_once() {
        for _ in 0..50 {
            let folder = tempfile::tempdir().unwrap();
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| drop(State::open(folder.path()).unwrap()));
                }
            });
        }
    }

    /// Many processes begin at once, and none of them is told that the database is busy.
    #[test]
    fn many_at_once() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for i in 0..8 {
                let folder = folder.path();
                scope.spawn(move || {
                    let state = State::open(folder).unwrap();
                    let id = format!("r-{i}");
                    let held = state.hold(&id).unwrap();
                    state.begin(&RunRecord { resumable: true, ..RunRecord::new(&id, i) }).unwrap();
                    let mut journal = state.journal(&id).unwrap();
                    for split in 0..20 {
                        journal.record(&[FinishedSplit { split, made: "{}".into() }]).unwrap();
                    }
                    let run = RunRecord { state: RunState::Interrupted, ..state.run(&id).unwrap() };
                    state.finish(&run, Some(held)).unwrap();
                });
            }
        });
        let state = State::open(folder.path()).unwrap();
        assert_eq!(state.runs(&Filter { unfinished: true, ..Filter::default() }).unwrap().len(), 8);
        assert_eq!(state.finished_splits("r-7").unwrap(), 20);
    }
}
