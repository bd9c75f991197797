//! What the sinks of database servers share: how they name what went wrong, and the runtime that they run in.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use gristmill_record::Blame;
use gristmill_storage::Credentials;

/// What a server, or the way to it, refused.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {doing}: {what}{}", code.as_ref().map(|c| format!(" ({c})")).unwrap_or_default())]
pub struct ServerFault {
    /// Which server and database, without a password.
    pub place: String,
    /// What was tried: `connecting`.
    pub doing: String,
    /// What was answered. Never holds values of rows.
    pub what: String,
    /// The server's own code for it, such as an SQLSTATE.
    pub code: Option<String>,
    /// Of what kind it is.
    pub kind: FaultKind,
    /// What to do.
    pub remedy: String,
}

/// Kinds of faults: each has a code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// No answer at the address.
    Unreachable,
    /// No encrypted connection as it was asked for.
    Tls,
    /// The server does not know who we are.
    Login,
    /// A database, dataset, schema or bucket is not there.
    Missing,
    /// We are known, but may not.
    Right,
    /// The server has no room left.
    Full,
    /// What may be used in some time has been used up.
    Quota,
    /// Another program is in the way: a lock, or too many connections.
    Busy,
    /// The connection or the server went away in the middle.
    Lost,
    /// Anything else.
    Refused,
}

impl FaultKind {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "sink.unreachable",
            Self::Tls => "sink.tls",
            Self::Login => "sink.login",
            Self::Missing => "sink.missing",
            Self::Right => "sink.right",
            Self::Full => "sink.full",
            Self::Quota => "sink.quota",
            Self::Busy => "sink.busy",
            Self::Lost => "sink.lost",
            Self::Refused => "sink.refused",
        }
    }

    pub(crate) fn blame(self) -> Blame {
        Blame::Destination
    }
}

/// How a destination is written to, besides where it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenOptions {
    /// Where in Cloud Storage rows wait for BigQuery.
    pub staging: Option<gristmill_storage::Address>,
    /// Where BigQuery's jobs run; where the dataset lies, if nothing is said.
    pub location: Option<String>,
    /// Who we are to Google Cloud.
    pub google_credentials: Credentials,
    /// What stands in for Google's services; what the environment names, if nothing is said.
    pub emulators: Option<Emulators>,
    /// Nothing but [`check`](crate::Sink::check) is going to be called.
    pub look_only: bool,
    /// Where files are made that go somewhere else; the system's folder for temporary files where nothing is said.
    pub work_dir: Option<PathBuf>,
    /// How long to rest after each batch that goes to a database server.
    pub pause: Option<Duration>,
    /// Rows a second that go to a database server at most.
    pub max_rate: Option<u32>,
}

/// What stands in for Google's services, each as `http://HOST:PORT` or `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emulators {
    /// In the place of BigQuery.
    pub bigquery: String,
    /// In the place of Cloud Storage.
    pub storage: String,
}

impl OpenOptions {
    pub(crate) fn pacing(&self) -> Pacing {
        Pacing { pause: self.pause, max_rate: self.max_rate }
    }
}

/// How fast a server is written to: as fast as it takes the rows where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Pacing {
    pub(crate) pause: Option<Duration>,
    pub(crate) max_rate: Option<u32>,
}

/// Keeps to the pauses and the rate that were asked for. One for a load.
#[derive(Debug)]
pub(crate) struct Pace {
    pacing: Pacing,
    began: Instant,
    rows: u64,
}

impl Pace {
    pub(crate) fn new(pacing: Pacing) -> Self {
        Self { pacing, began: Instant::now(), rows: 0 }
    }

    /// Rests after a batch of so many rows, as long as is due.
    pub(crate) async fn rest(&mut self, rows: u64) {
        self.rows += rows;
        let mut due = self.pacing.pause.unwrap_or_default();
        if let Some(rate) = self.pacing.max_rate {
            #[expect(clippy::cast_precision_loss, reason = "a rate does not need the last rows of 2^53")]
            let wanted = Duration::from_secs_f64(self.rows as f64 / f64::from(rate));
            due = due.max(wanted.saturating_sub(self.began.elapsed()));
        }
        if !due.is_zero() {
            tokio::time::sleep(due).await;
        }
    }
}

/// A runtime for sinks: it has a thread of its own, so that connections live on while the caller prepares rows.
pub fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("sink").enable_all().build()
}
