//! Cleaning up: what is kept of runs, by age and by size.

use std::time::Duration;

use crate::folder::size_of;
use crate::{Filter, RunRecord, RunState, State, StateError};

/// What is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Prune {
    /// Runs that ended longer ago: their records and what is kept of their work.
    pub older_than: Option<Duration>,
    /// Bytes that the kept work of all runs may have together; the oldest goes first, and its records stay.
    pub max_size: Option<u64>,
    /// Only say what would go.
    pub dry_run: bool,
}

/// Why something goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It was left behind by a run that is done, or of which nothing is known.
    Leftover,
    /// The run is too old.
    Age,
    /// All of them together are too large.
    Size,
}

/// What went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// The run.
    pub run: String,
    /// Bytes of its folder.
    pub bytes: u64,
    /// Whether its record went as well.
    pub record: bool,
    /// Why.
    pub why: Why,
}

impl State {
    /// Cleans up; `now` is microseconds since the Unix epoch. Runs that a process works on stay, whatever they are.
    pub fn prune(&self, prune: &Prune, now: i64) -> Result<Vec<Pruned>, StateError> {
        let mut pruned = self.leftovers(prune.dry_run)?;
        let mut runs = self.runs(&Filter::default())?;
        runs.retain(|run| run.state != RunState::Running);
        if let Some(age) = prune.older_than {
            let before = now.saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
            for run in runs.extract_if(.., |run| run.ended_at.unwrap_or(run.begun_at) < before) {
                self.take(&run, Why::Age, prune.dry_run, &mut pruned)?;
            }
        }
        if let Some(most) = prune.max_size {
            runs.retain(RunRecord::is_unfinished);
            let mut all: u64 = runs.iter().map(|run| size_of(&self.folder_of(&run.id))).sum();
            // The oldest are last.
            while all > most
                && let Some(run) = runs.pop()
            {
                all -= self.take(&run, Why::Size, prune.dry_run, &mut pruned)?;
            }
        }
        Ok(pruned)
    }

    /// Removes what is kept of a run's work, and its record where it is too old. Gives the bytes.
    fn take(&self, run: &RunRecord, why: Why, dry_run: bool, pruned: &mut Vec<Pruned>) -> Result<u64, StateError> {
        let folder = self.folder_of(&run.id);
        let bytes = size_of(&folder);
        let record = why == Why::Age;
        if !dry_run {
            let held = match folder.exists().then(|| self.hold(&run.id)).transpose() {
                // Somebody took it up since it was listed, or did more: it is not what was to go any more.
                Err(StateError::Held { .. }) => return Ok(0),
                held => held?,
            };
            if self.find(&run.id)?.is_none_or(|now| now.is_other_than(run)) {
                return Ok(0);
            }
            if record {
                let removed = self.lock().execute("DELETE FROM runs WHERE id = ?1", [&run.id]);
                removed.map_err(self.at().doing("removing a run from"))?;
                held.map_or(Ok(()), crate::RunFolder::remove)?;
            } else {
                self.abandon(run, held)?;
            }
        }
        pruned.push(Pruned { run: run.id.clone(), bytes, record, why });
        Ok(bytes)
    }

    /// Gives up the work that is kept of a run; its record stays.
    pub fn abandon(&self, run: &RunRecord, folder: Option<crate::RunFolder>) -> Result<(), StateError> {
        // What it looked like when it was found is not what is stored.
        let state =
            if matches!(run.state, RunState::Killed | RunState::Running) { RunState::Interrupted } else { run.state };
        self.finish(&RunRecord { resumable: false, state, ..run.clone() }, folder)
    }

    /// Removes folders that belong to no run that can be gone on with: a process that died while it removed its own leaves one.
    pub fn leftovers(&self, dry_run: bool) -> Result<Vec<Pruned>, StateError> {
        let folder = self.runs_folder();
        let entries = std::fs::read_dir(&folder).map_err(StateError::folder("reading", &folder))?;
        let mut pruned = Vec::new();
        for name in entries.flatten().map(|entry| entry.file_name()) {
            let Some(run) = name.to_str() else { continue };
            // Nobody waits for a run that is under way.
            if self.is_held(run) {
                continue;
            }
            // Held before its record is read: who begins a run takes hold of it first and records it then.
            let Ok(held) = self.hold(run) else { continue };
            if self.find(run)?.is_some_and(|run| run.is_unfinished()) {
                continue;
            }
            let bytes = size_of(held.path());
            if !dry_run {
                self.forget_splits(run)?;
                held.remove()?;
            }
            pruned.push(Pruned { run: run.to_owned(), bytes, record: false, why: Why::Leftover });
        }
        Ok(pruned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FinishedSplit;

    const DAY: i64 = 86_400_000_000;

    fn ended(state: &State, id: &str, day: i64, how: RunState, resumable: bool, bytes: usize) {
        let folder = state.hold(id).unwrap();
        std::fs::write(folder.path().join("rows"), vec![0; bytes]).unwrap();
        let mut run = RunRecord { resumable, work: id.into(), ..RunRecord::new(id, day * DAY) };
        state.begin(&run).unwrap();
        state.journal(id).unwrap().record(&[FinishedSplit { split: 0, made: "{}".into() }]).unwrap();
        run.state = how;
        run.ended_at = Some(run.begun_at);
        state.finish(&run, Some(folder)).unwrap();
    }

    #[test]
    fn age_and_size() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        ended(&state, "old-done", 1, RunState::Done, false, 0);
        ended(&state, "old", 1, RunState::Failed, true, 1_000);
        ended(&state, "middle", 50, RunState::Interrupted, true, 1_000);
        ended(&state, "new", 99, RunState::Interrupted, true, 1_000);
        std::fs::create_dir(state.folder_of("stray")).unwrap();
        let busy = state.hold("busy").unwrap();
        let ids = |found: &[Pruned]| found.iter().map(|p| format!("{} {:?}", p.run, p.why)).collect::<Vec<_>>();
        let prune = Prune { older_than: Some(Duration::from_secs(60 * 86_400)), max_size: Some(1_500), dry_run: true };
        let expected = ["stray Leftover", "old-done Age", "old Age", "middle Size"];
        assert_eq!(ids(&state.prune(&prune, 100 * DAY).unwrap()), expected);
        assert_eq!(state.runs(&Filter::default()).unwrap().len(), 4, "nothing went");
        let pruned = state.prune(&Prune { dry_run: false, ..prune }, 100 * DAY).unwrap();
        assert_eq!(ids(&pruned), expected);
        assert!(pruned.iter().any(|p| p.run == "middle" && p.bytes >= 1_000));
        let left: Vec<_> = state.runs(&Filter::default()).unwrap();
        assert_eq!(
            left.iter().map(|r| (r.id.as_str(), r.resumable)).collect::<Vec<_>>(),
            [("new", true), ("middle", false)]
        );
        assert_eq!((state.splits("middle").unwrap().len(), state.splits("new").unwrap().len()), (0, 1));
        assert!(!state.folder_of("old").exists() && !state.folder_of("middle").exists() && busy.path().exists());
        assert_eq!(ids(&state.prune(&Prune::default(), 100 * DAY).unwrap()), Vec::<String>::new());
    }
}
