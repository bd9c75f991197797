//! Bad records of files of records, and how they are reported.

use crate::bigquery::refusal::Refusal;
use crate::bigquery::value::Row;

use super::uris::Source;

/// Errors that a job lists.
const LISTED: usize = 5;

/// Rows read from files, and what was wrong with others.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) rows: Vec<Row>,
    pub(super) bad: u64,
    /// The first few.
    pub(super) errors: Vec<Refusal>,
    seen: u64,
}

impl Records {
    /// Rows without a bad one among them.
    pub(super) fn good(rows: Vec<Row>) -> Self {
        Self { rows, ..Self::default() }
    }

    /// Takes a record, or what is wrong with it. Fails when there are more bad ones than the job allows.
    pub(super) fn push(
        &mut self,
        record: Result<Row, String>,
        most: u64,
        what: &str,
        source: &Source,
    ) -> Result<(), (Refusal, Vec<Refusal>)> {
        self.seen += 1;
        let wrong = match record {
            Ok(row) => {
                self.rows.push(row);
                return Ok(());
            }
            Err(wrong) => wrong,
        };
        self.bad += 1;
        let error = |message: String| {
            let error = Refusal::invalid(format!("Error while reading data, error message: {message}"));
            match &source.uri {
                Some(uri) => error.at(uri.as_str()),
                None => error,
            }
        };
        if self.errors.len() < LISTED {
            self.errors.push(error(wrong));
        }
        if self.bad <= most {
            return Ok(());
        }
        let (seen, bad) = (self.seen, self.bad);
        let result = error(format!(
            "{what} table encountered too many errors, giving up. Rows: {seen}; errors: {bad}. Please look into the errors[] \
             collection for more details."
        ));
        let mut errors = vec![error(format!(
            "{what} processing encountered too many errors, giving up. Rows: {seen}; errors: {bad}; max bad: {most}; error percent: 0"
        ))];
        errors.append(&mut self.errors);
        Err((result, errors))
    }
}
