//! A look at what a table holds: how many rows from where, the newest, and keys that are there more than once.

use async_trait::async_trait;

use crate::{BigQuery, OpenOptions, SinkError};

/// What is asked of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Questions {
    /// The column whose values are counted; `source` where nothing is said and it is there.
    pub by: Option<String>,
    /// The column that tells the newest rows; the one that divides the table, or `event_ts`, where nothing is said.
    pub time: Option<String>,
    /// The columns of the key; those of the table's primary key, or `insert_id`, where nothing is said.
    pub key: Vec<String>,
    /// How many rows, and keys, are shown.
    pub limit: u32,
}

/// A row of a result: values as text, `None` for null.
pub type Cells = Vec<Option<String>>;

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// Which table.
    pub place: String,
    /// All of its rows.
    pub rows: u64,
    /// Rows by the values of a column, the most first.
    pub counts: Option<Counts>,
    /// The newest rows, the newest first.
    pub newest: Option<Newest>,
    /// Keys that more than one row has.
    pub repeated: Option<Repeated>,
}

/// Rows by the values of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// The column.
    pub column: String,
    /// Values and numbers of rows.
    pub values: Vec<(Option<String>, u64)>,
}

/// The newest rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// The columns that are shown: key, time, and what is counted.
    pub columns: Vec<String>,
    /// Their values.
    pub rows: Vec<Cells>,
}

/// Keys that more than one row has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeated {
    /// The columns of the key.
    pub key: Vec<String>,
    /// How many keys.
    pub keys: u64,
    /// How many rows there are too many.
    pub surplus: u64,
    /// Some of the keys, with the number of their rows, the most first.
    pub examples: Vec<(Cells, u64)>,
}

/// A destination whose tables can be looked at.
#[async_trait]
pub trait Inspect: Send {
    /// Answers the questions. Changes nothing.
    async fn inspect(&mut self, questions: &Questions) -> Result<Findings, SinkError>;
}

/// What looks at the table of `bigquery:PROJECT.DATASET.TABLE`. Touches nothing.
///
/// # Errors
/// [`SinkError::Spec`] for other destinations, which their own tools look at.
pub fn inspector(spec: &str, mut options: OpenOptions) -> Result<Box<dyn Inspect>, SinkError> {
    let fail = |what: String| SinkError::Spec { spec: crate::spec::without_password(spec), what };
    let Some(rest) = spec.strip_prefix("bigquery:") else {
        return Err(fail("only tables of BigQuery can be looked at: bigquery:PROJECT.DATASET.TABLE".to_owned()));
    };
    options.look_only = true;
    BigQuery::new(rest, options).map(|it| Box::new(it) as Box<dyn Inspect>).map_err(fail)
}
