//! What is asked of BigQuery, and what it answers: the seam behind which the client library stands.

use async_trait::async_trait;

/// The calls that a load and a look at a table need. Each is one request; nothing is repeated in here.
#[async_trait]
pub(super) trait Service: Send + Sync {
    /// Where the dataset lies: `US`.
    async fn location(&self) -> Result<String, CallError>;
    /// A table of the dataset.
    async fn table(&self, name: &str) -> Result<FoundTable, CallError>;
    async fn create_table(&self, table: &NewTable) -> Result<(), CallError>;
    async fn delete_table(&self, name: &str) -> Result<(), CallError>;
    /// Begins a job under an id.
    async fn insert_job(&self, id: &JobId, work: &Work) -> Result<(), CallError>;
    async fn job(&self, id: &JobId) -> Result<Job, CallError>;
    /// Asks whether a statement could be run, and runs nothing.
    async fn dry_run(&self, location: &str, sql: &str) -> Result<(), CallError>;
    /// The rows of a query that gives few, each value as the API writes it.
    async fn query(&self, location: &str, sql: &str) -> Result<Vec<Vec<Option<String>>>, CallError>;
}

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallError {
    /// Nobody says who we are.
    Credentials(String),
    /// No connection could be made.
    Unreachable(String),
    /// No answer came, or one that is not of the API: whether the request took effect is not known.
    NoAnswer(String),
    /// The API refused.
    Refused {
        status: u16,
        /// Its word for why: `notFound`.
        reason: String,
        /// May hold values of rows.
        message: String,
    },
}

impl CallError {
    pub(super) fn is(&self, wanted: u16) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == wanted)
    }

    /// Whether it is the table that is not there, and not its dataset or project.
    pub(super) fn is_missing_table(&self) -> bool {
        // `Table p:d.t`, in Google's words; emulators do not all write it so.
        let is_table = |message: &str| message.to_ascii_lowercase().contains("not found: table");
        matches!(self, Self::Refused { status: 404, message, .. } if is_table(message))
    }

    /// Whether the same request may go well in a moment. <https://cloud.google.com/bigquery/docs/error-messages>
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Credentials(_) => false,
            Self::Unreachable(_) | Self::NoAnswer(_) => true,
            Self::Refused { status, reason, .. } => matches!(status, 408 | 429 | 500..=599) || is_rate(reason),
        }
    }
}

fn is_rate(reason: &str) -> bool {
    matches!(reason, "rateLimitExceeded" | "jobRateLimitExceeded" | "userRateLimitExceeded")
}

/// A job's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JobId {
    pub(super) id: String,
    /// Of the dataset.
    pub(super) location: String,
    /// Tells the jobs of this process from those of others: its label.
    pub(super) process: String,
}

/// What a job is to do.
#[derive(Debug, Clone)]
pub(super) enum Work {
    /// Puts Parquet objects in the place of a table's rows.
    Load { table: String, columns: Vec<Column>, uris: Vec<String> },
    /// Runs a statement.
    Query(String),
}

/// A job as it is by now.
#[derive(Debug, Clone, Default)]
pub(super) struct Job {
    pub(super) is_done: bool,
    pub(super) error: Option<JobError>,
    /// The label of the process that began it.
    pub(super) process: Option<String>,
    /// When it was done, milliseconds since 1970.
    pub(super) ended: i64,
    /// Rows that a load has written.
    pub(super) loaded: Option<u64>,
    /// Rows that a statement has inserted and updated.
    pub(super) changed: Option<(u64, u64)>,
    /// Rows that it has inserted, updated or deleted.
    pub(super) affected: Option<u64>,
}

/// How a job failed.
#[derive(Debug, Clone, Default)]
pub(super) struct JobError {
    pub(super) reason: String,
    /// May hold values of rows.
    pub(super) message: String,
}

impl JobError {
    /// Whether the same work may go well under another id.
    pub(super) fn is_passing(&self) -> bool {
        const PASSING: [&str; 5] =
            ["backendError", "internalError", "jobBackendError", "jobInternalError", "tableUnavailable"];
        // Others changed the table at the same time: BigQuery gives up after some attempts of its own.
        let raced = self.message.contains("Could not serialize access") || self.message.contains("concurrent update");
        PASSING.contains(&self.reason.as_str()) || is_rate(&self.reason) || raced
    }
}

/// A column, as it is there or is to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Column {
    pub(super) name: String,
    /// As GoogleSQL calls it: `INT64`.
    pub(super) ty: String,
    pub(super) mode: Mode,
    pub(super) description: String,
    /// Characters of a STRING(n), bytes of a BYTES(n).
    pub(super) longest: Option<usize>,
    /// Whether it is filled where a row says nothing of it.
    pub(super) has_default: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mode {
    #[default]
    Nullable,
    Required,
    Repeated,
}

impl Mode {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nullable => "NULLABLE",
            Self::Required => "REQUIRED",
            Self::Repeated => "REPEATED",
        }
    }
}

/// A table that is there.
#[derive(Debug, Clone, Default)]
pub(super) struct FoundTable {
    /// `TABLE`, `VIEW` and so on.
    pub(super) kind: String,
    pub(super) columns: Vec<Column>,
    /// Without those that a stream has brought in the last minutes.
    pub(super) rows: Option<u64>,
    /// Milliseconds since 1970.
    pub(super) created: i64,
    pub(super) partition: Option<Partition>,
    /// Whether every statement has to name the partitions it looks at.
    pub(super) wants_filter: bool,
    /// Columns of the key that the table says it has; BigQuery does not see to it.
    pub(super) primary_key: Vec<String>,
}

impl FoundTable {
    /// Names of columns do not differ by case alone.
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name))
    }
}

/// How a table is divided by a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) column: String,
    /// `HOUR`, `DAY`, `MONTH` or `YEAR`.
    pub(super) by: String,
}

/// A table to be made.
#[derive(Debug, Clone, Default)]
pub(super) struct NewTable {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) columns: Vec<Column>,
    /// By the day of this column.
    pub(super) partition_by: Option<String>,
    pub(super) cluster_by: Vec<String>,
    /// When it is to be dropped by itself, milliseconds since 1970.
    pub(super) expires: Option<i64>,
}
