//! What is kept of the rows that a run put out: for each table a sketch, as its owner wrote it. It goes with the record of the run.

use rusqlite::TransactionBehavior;

use crate::{State, StateError};

impl State {
    /// Keeps what is known of the output of a run, by table, instead of what was.
    pub fn keep_outputs<'a>(
        &self,
        run: &str,
        outputs: impl IntoIterator<Item = (&'a str, Vec<u8>)>,
    ) -> Result<(), StateError> {
        let mut connection = self.lock();
        let keep = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM outputs WHERE run = ?1", [run])?;
            for (name, sketch) in outputs {
                transaction
                    .execute("INSERT INTO outputs (run, name, sketch) VALUES (?1, ?2, ?3)", (run, name, sketch))?;
            }
            transaction.commit()
        };
        keep().map_err(self.at().doing("recording the output of the run in"))
    }

    /// What is kept of the output of a run, by table.
    pub fn outputs(&self, run: &str) -> Result<Vec<(String, Vec<u8>)>, StateError> {
        let reading = self.at().doing("reading");
        let connection = self.lock();
        let mut statement =
            connection.prepare("SELECT name, sketch FROM outputs WHERE run = ?1 ORDER BY rowid").map_err(&reading)?;
        let found = statement.query_map([run], |row| Ok((row.get(0)?, row.get(1)?))).map_err(&reading)?;
        found.collect::<Result<_, _>>().map_err(&reading)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Prune, RunRecord, RunState, State};

    #[test]
    fn they_come_back_and_go_with_their_run() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let run = RunRecord { state: RunState::Done, ended_at: Some(1), ..RunRecord::new("r", 1) };
        state.begin(&run).unwrap();
        state.keep_outputs("r", [("b", vec![1, 0, 2]), ("a", vec![])]).unwrap();
        assert_eq!(state.outputs("r").unwrap(), [("b".to_owned(), vec![1, 0, 2]), ("a".to_owned(), vec![])]);
        state.keep_outputs("r", [("b", vec![3])]).unwrap();
        assert_eq!(state.outputs("r").unwrap(), [("b".to_owned(), vec![3])]);
        assert!(state.keep_outputs("none", [("b", vec![])]).is_err());
        let prune = Prune { older_than: Some(std::time::Duration::ZERO), ..Prune::default() };
        state.prune(&prune, 1_000_000).unwrap();
        assert_eq!(state.outputs("r").unwrap(), []);
    }
}
