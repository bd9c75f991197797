//! All metrics: the one list of which the reference page, the text for Prometheus and the instruments of OpenTelemetry are made.

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows while a process works on the run, and begins anew with the next.
    Counter,
    /// It goes up and down.
    Gauge,
}

impl Kind {
    /// Its name in Prometheus.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// A metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name in Prometheus, by its conventions: the unit is at the end, and `_total` after it where it counts.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// Its name in OpenTelemetry, by its conventions, and its unit in UCUM. None where attributes of the resource or of the trace say the same.
    pub otel: Option<(&'static str, &'static str)>,
    /// What it is, in one sentence.
    pub help: &'static str,
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    otel: (&'static str, &'static str),
    help: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Counter, labels, otel: Some(otel), help }
}

const fn gauge(
    name: &'static str,
    labels: &'static [&'static str],
    otel: Option<(&'static str, &'static str)>,
    help: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, otel, help }
}

pub(crate) static BUILD_INFO: Metric = gauge(
    "gristmill_build_info",
    &["version", "contract"],
    None,
    "Always 1: the version of the program, and of its contract with plugins",
);
pub(crate) static RUN_INFO: Metric = gauge(
    "gristmill_run_info",
    &["run", "job", "plugin"],
    None,
    "Always 1: the id of the run, the name of its job where it has one, and the plugin that maps",
);
pub(crate) static START: Metric = gauge(
    "gristmill_run_start_timestamp_seconds",
    &[],
    None,
    "When this process began to work on the run, in seconds since the Unix epoch",
);
pub(crate) static DURATION: Metric = gauge(
    "gristmill_run_duration_seconds",
    &[],
    Some(("gristmill.run.duration", "s")),
    "How long this process has worked on the run",
);
pub(crate) static PHASE: Metric = gauge(
    "gristmill_run_phase",
    &["phase"],
    None,
    "1 for the phase that is under way, 0 for the others; all are 0 when the run has ended",
);
pub(crate) static PHASE_DURATION: Metric = gauge(
    "gristmill_run_phase_duration_seconds",
    &["phase"],
    Some(("gristmill.run.phase.duration", "s")),
    "How long each phase took, that under way until now",
);
pub(crate) static INPUT_SIZE: Metric = gauge(
    "gristmill_input_size_bytes",
    &[],
    Some(("gristmill.input.size", "By")),
    "Size of the input files as they are stored",
);
pub(crate) static INPUT_READ: Metric = counter(
    "gristmill_input_read_bytes_total",
    &[],
    ("gristmill.input.read", "By"),
    "Bytes of the input, as they are stored, that were read; compressed files count when they are done",
);
pub(crate) static SPLITS: Metric =
    gauge("gristmill_splits", &[], Some(("gristmill.splits", "{split}")), "Splits of the input");
pub(crate) static SPLITS_DONE: Metric = counter(
    "gristmill_splits_done_total",
    &[],
    ("gristmill.splits.done", "{split}"),
    "Splits that are mapped, those that were taken over among them",
);
pub(crate) static SPLITS_TAKEN_OVER: Metric = counter(
    "gristmill_splits_taken_over_total",
    &[],
    ("gristmill.splits.taken_over", "{split}"),
    "Splits that a process before this one had mapped",
);
pub(crate) static RECORDS_READ: Metric = counter(
    "gristmill_records_read_total",
    &[],
    ("gristmill.records.read", "{record}"),
    "Records that were read, documents that the plugin does not take among them",
);
pub(crate) static RECORDS_REFUSED: Metric = counter(
    "gristmill_records_refused_total",
    &[],
    ("gristmill.records.refused", "{record}"),
    "Records and rows that became dead letters as the input was mapped",
);
pub(crate) static RECORDS: Metric = counter(
    "gristmill_records_total",
    &["outcome"],
    ("gristmill.records", "{record}"),
    "Records by how they ended: mapped, filtered, refused, other (not taken by the plugin); known when the run has ended",
);
pub(crate) static DEAD_LETTERS: Metric = counter(
    "gristmill_dead_letters_total",
    &["code"],
    ("gristmill.dead_letters", "{record}"),
    "Dead letters by code, of splits that are done; those of duplicates and uniqueness are known when the run has ended",
);
pub(crate) static ROWS_MADE: Metric =
    counter("gristmill_rows_made_total", &[], ("gristmill.rows.made", "{row}"), "Rows that the plugin made");
pub(crate) static ROWS_TO_LOAD: Metric = gauge(
    "gristmill_rows_to_load",
    &[],
    Some(("gristmill.rows.to_load", "{row}")),
    "Rows that are to be handed to the destination; 0 before duplicates are removed",
);
pub(crate) static ROWS_SENT: Metric = counter(
    "gristmill_rows_sent_total",
    &[],
    ("gristmill.rows.sent", "{row}"),
    "Rows that were handed to the destination",
);
pub(crate) static ROWS: Metric = counter(
    "gristmill_rows_total",
    &["table", "outcome"],
    ("gristmill.rows", "{row}"),
    "Rows of each table by how they ended: inserted, updated, already (there before), elsewhere (loaded by the run that is replayed), duplicate, collision, invalid; known when the run has ended",
);
pub(crate) static SPILLED: Metric = counter(
    "gristmill_spill_written_bytes_total",
    &[],
    ("gristmill.spill.written", "By"),
    "Bytes of keys and rows that were written to the work folder as memory was full",
);
pub(crate) static SHUFFLED: Metric = counter(
    "gristmill_shuffle_written_bytes_total",
    &[],
    ("gristmill.shuffle.written", "By"),
    "Bytes of rows that were written so that the run can go on after a crash",
);
pub(crate) static PEAK_MEMORY: Metric = gauge(
    "gristmill_memory_peak_bytes",
    &[],
    Some(("gristmill.memory.peak", "By")),
    "The largest resident set of this process so far",
);
pub(crate) static SUCCESS: Metric =
    gauge("gristmill_run_success", &[], None, "1 if the run has ended well, 0 if not; there when the run has ended");
pub(crate) static EXIT_CODE: Metric =
    gauge("gristmill_run_exit_code", &[], None, "The exit code of the run; there when the run has ended");
pub(crate) static LAST_COMPLETION: Metric = gauge(
    "gristmill_run_last_completion_timestamp_seconds",
    &[],
    None,
    "When the run ended, well or not, in seconds since the Unix epoch",
);
pub(crate) static LAST_SUCCESS: Metric = gauge(
    "gristmill_run_last_success_timestamp_seconds",
    &[],
    None,
    "When a run of this job, or of this work where it has no name, last ended well, this one or one before it that the state folder knows, in seconds since the Unix epoch",
);

/// All of them, in the order in which they are told.
pub static METRICS: [&Metric; 26] = [
    &BUILD_INFO,
    &RUN_INFO,
    &START,
    &DURATION,
    &PHASE,
    &PHASE_DURATION,
    &INPUT_SIZE,
    &INPUT_READ,
    &SPLITS,
    &SPLITS_DONE,
    &SPLITS_TAKEN_OVER,
    &RECORDS_READ,
    &RECORDS_REFUSED,
    &RECORDS,
    &DEAD_LETTERS,
    &ROWS_MADE,
    &ROWS_TO_LOAD,
    &ROWS_SENT,
    &ROWS,
    &SPILLED,
    &SHUFFLED,
    &PEAK_MEMORY,
    &SUCCESS,
    &EXIT_CODE,
    &LAST_COMPLETION,
    &LAST_SUCCESS,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What Prometheus and OpenTelemetry ask of names and units.
    #[test]
    fn names_keep_to_the_conventions() {
        const UNITS: [(&str, &str); 2] = [("bytes", "By"), ("seconds", "s")];
        const OTHER_UNITS: [&str; 8] = ["_ms", "_milliseconds", "_minutes", "_kb", "_mb", "_kib", "_percent", "_ns"];
        let mut names = std::collections::BTreeSet::new();
        for metric in METRICS {
            let name = metric.name;
            assert!(names.insert(name), "{name} is there twice");
            assert!(name.starts_with("gristmill_"), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            assert!(OTHER_UNITS.iter().all(|unit| !name.contains(unit)), "{name} has no base unit");
            assert!(!metric.help.is_empty() && !metric.help.ends_with('.'), "{name}");
            let bare = name.trim_end_matches("_total");
            if let Some((otel, unit)) = metric.otel {
                assert!(otel.starts_with("gristmill.") && !otel.ends_with("total"), "{otel}");
                for (suffix, of_ucum) in UNITS {
                    assert_eq!(bare.ends_with(&format!("_{suffix}")), unit == of_ucum, "{name} and {unit}");
                }
                assert!(unit == "s" || unit == "By" || (unit.starts_with('{') && unit.ends_with('}')), "{unit}");
            }
        }
    }
}
