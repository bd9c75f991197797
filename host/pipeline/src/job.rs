//! What a run is to do.

use std::path::PathBuf;
use std::sync::Arc;

use gristmill_plugin::{Limits, Transform, Validate};
use gristmill_record::Grant;
use gristmill_sink::OnConflict;
use gristmill_source::Input;
use sha2::{Digest, Sha256};

use crate::gate::{Gate, MaxRejected};
use crate::letterbox::LetterBox;
use crate::origins::Replayed;
use crate::output::Keeps;

/// How a run goes about its work. None of it changes the rows.
#[derive(Debug, Clone)]
pub struct Options {
    /// Threads that read, decode and transform; at least 1.
    pub workers: usize,
    /// Rows in a batch at most.
    pub batch_rows: usize,
    /// Bytes that rows and keys may hold in memory between map and load.
    pub memory: u64,
    /// Dead letters that a run may have and still load.
    pub max_rejected: MaxRejected,
    /// The same for single rules and codes.
    pub gates: Vec<Gate>,
    /// The share of batches, 0 to 1, that are mapped and judged a second time in fresh instances, to see that they come to the same.
    pub verify: f64,
    /// What becomes of rows whose key the destination holds.
    pub on_conflict: OnConflict,
    /// Where dead letters go.
    pub dead_letters: LetterBox,
    /// Fields of documents that are left out of dead letters.
    pub redact: Option<Grant>,
    /// Bytes that the dead letters may have; those beyond are counted.
    pub dead_letters_max: Option<u64>,
    /// Where rows and keys go when memory is full: a folder of the run's own is made in it, and removed at the end.
    pub work_dir: PathBuf,
    /// Largest encoded document, in bytes.
    pub max_document: usize,
    /// Bytes of input that a worker takes on at a time, where the format allows cutting a file: the unit of work, and of what is done again after a
    /// crash.
    pub split_bytes: u64,
    /// What is kept of the rows that the run puts out.
    pub keeps: Keeps,
}

/// Which plugin maps, as the ledger and the dead letters name it.
#[derive(Debug, Clone)]
pub struct PluginIdentity {
    /// `name@version`.
    pub name: String,
    /// SHA-256 of the component, hexadecimal.
    pub digest: String,
    /// The settings it was opened with, defaults included: a JSON object.
    pub config: String,
    /// Its ceilings.
    pub limits: Limits,
}

/// A job whose parts are all checked: an input that was found, a plugin that was opened.
pub struct Job {
    /// What is read.
    pub input: Input,
    /// What maps it.
    pub transform: Arc<dyn Transform>,
    /// Who that is.
    pub plugin: PluginIdentity,
    /// What judges the rows, in order.
    pub validators: Vec<Arc<dyn Validate>>,
    /// See [`run_id`].
    pub run_id: String,
    /// The id that plugins see: of a replay that of the run which it makes whole.
    pub known_as: String,
    /// The one time that the run knows, microseconds since the Unix epoch.
    pub started_at: i64,
    /// What of it another run read and refused, where this one replays that.
    pub replayed: Option<Replayed>,
    /// How.
    pub options: Options,
}

/// The id of a run: its time, and a digest of what it reads (names and sizes) and with what: `parts` are the digests and configurations of its
/// plugins. The same command with the same `--started-at` has the same id.
pub fn run_id<'a>(started_at: i64, input: &Input, parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for file in &input.files {
        hash.update((file.name.len() as u64).to_le_bytes());
        hash.update(&file.name);
        hash.update(file.size.to_le_bytes());
    }
    for text in parts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.update(started_at.to_le_bytes());
    let digest = hash.finalize();
    let stamp: String = gristmill_record::time::format_rfc3339(started_at)
        .chars()
        .take_while(|c| *c != '.')
        .filter(|c| c.is_ascii_digit() || *c == 'T')
        .collect();
    let short: String = digest.iter().take(5).map(|b| format!("{b:02x}")).collect();
    format!("{stamp}Z-{short}")
}
