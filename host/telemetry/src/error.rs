//! Why something cannot be told.

use std::io;
use std::path::PathBuf;

use gristmill_record::diagnose::blame_io;
use gristmill_record::{Blame, Diagnose};

/// Why a run cannot be watched as it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// Nobody can be answered at the address.
    #[error("metrics cannot be served at {address}: {source}")]
    Listen {
        /// As it was given.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The file of metrics cannot be written.
    #[error("metrics cannot be written to {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nothing can be sent to the receiver of OpenTelemetry.
    #[error("`{endpoint}` is no receiver of OpenTelemetry: {what}")]
    Endpoint {
        /// As it was given.
        endpoint: String,
        /// What is wrong with it.
        what: String,
    },
    /// Threads cannot be started.
    #[error("what serves and sends metrics cannot be started: {0}")]
    Runtime(io::Error),
}

impl Diagnose for TelemetryError {
    fn code(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "telemetry.listen",
            Self::File { .. } => "telemetry.file",
            Self::Endpoint { .. } => "telemetry.endpoint",
            Self::Runtime(_) => "telemetry.runtime",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Listen { .. } | Self::Endpoint { .. } => Blame::Usage,
            Self::File { source, .. } => blame_io(source, Blame::Usage),
            Self::Runtime(_) => Blame::Environment,
        }
    }

    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                "Name another port, or port 0 for one that is free; another run may be listening there".to_owned()
            }
            Self::Listen { .. } => "Name an address of this machine, such as 127.0.0.1:9464".to_owned(),
            Self::File { .. } => "Name a file in a folder that is there and can be written".to_owned(),
            Self::Endpoint { .. } => {
                "Name it like http://127.0.0.1:4318; `/v1/traces` and `/v1/metrics` are added to it".to_owned()
            }
            Self::Runtime(_) => return None,
        })
    }
}
