//! `gristmill dead-letters replay`: refused records are run again, and the destination is as if they had never been refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches};
use gristmill_pipeline::{LetterBox, MaxRejected, Replayed, changed_files, versions_of};
use gristmill_sink::OpenOptions;
use gristmill_state::{Filter, RunRecord, RunState, State};
use serde::{Deserialize, Serialize};

use super::args::{LettersCommand, ReplayArgs, Source};
use super::taken::Taken;
use super::{in_folder, letters_of_run, run_with_letters};
use crate::args::{Cli, Command, ComponentFile, Conflict, JobArgs};
use crate::error::CliError;
use crate::job::{description, find, letter_box, now};
use crate::recorded::open_state;
use crate::run::{recorded_job, watched};
use crate::text::{count, print};

/// Under which name the record of a run says what it replays.
pub(crate) const REPLAYS: &str = "replays";

/// What a run replays, as its record and its summary have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replays {
    /// The run whose dead letters.
    pub(crate) run: String,
    /// The run that read the export: that run, or what it replays in turn.
    pub(crate) original: String,
    /// Where the records were taken from: `letters` or `export`.
    pub(crate) from: String,
    /// Whether all of the export is loaded again, and not the refused records alone.
    pub(crate) whole: bool,
    /// Dead letters of that run.
    pub(crate) letters: u64,
    /// Records that are replayed.
    pub(crate) records: u64,
    /// Those that are not.
    #[serde(default)]
    pub(crate) not_replayed: Vec<NotReplayed>,
}

/// Records, or letters that had no room, that cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NotReplayed {
    pub(crate) count: u64,
    pub(crate) why: String,
}

impl Replays {
    /// What a run replays according to its record.
    pub(crate) fn of(record: &RunRecord) -> Option<Self> {
        record.details.more.get(REPLAYS).and_then(|value| serde_json::from_value(value.clone()).ok())
    }

    /// In words.
    pub(crate) fn text(&self) -> String {
        let letters = several(self.letters, "dead letter");
        if self.whole {
            return format!("all of run {}, which has {letters}, from the export", self.run);
        }
        let records = several(self.records, "record");
        format!("{records} of run {}, which has {letters}, from the {}", self.run, self.from)
    }
}

fn several(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{} {what}s", count(n)) }
}

/// A replay, for what records it and sums it up.
#[derive(Debug, Clone)]
pub(crate) struct Replay {
    pub(crate) replays: Replays,
    /// Where the command was given.
    pub(crate) folder: PathBuf,
    /// What is read, in words.
    pub(crate) input: String,
    /// Where the rows of the run went.
    pub(crate) destination: String,
}

/// A replay that begins.
#[derive(Debug)]
pub(crate) struct Replaying {
    pub(crate) replay: Replay,
    pub(crate) records: Option<Replayed>,
    /// By the clock of the machine, microseconds since the Unix epoch.
    pub(crate) begun_at: i64,
}

pub(super) fn replay(cli: &Cli, args: &ReplayArgs) -> Result<(), CliError> {
    let here = std::env::current_dir().map_err(|e| crate::job::file_error(Path::new("."), e))?;
    let state = open_state(&args.state)?;
    let run = run_with_letters(&state, args.run.as_deref(), |run| !loaded_nothing_of(run))?;
    if loaded_nothing_of(&run) {
        let of = Replays::of(&run).map(|replays| replays.run).unwrap_or_default();
        return Err(CliError::Letters {
            what: format!(
                "run {} is a replay of run {of}, and loaded nothing: its dead letters are not all that there is to load",
                run.id
            ),
            remedy: "Replay the run that it replays",
        });
    }
    if run.is_unfinished() {
        return Err(CliError::Letters {
            what: format!("run {} is not done: it can go on where it was", run.id),
            remedy: "Let it go on first, with `gristmill resume`, and replay what it refuses then",
        });
    }
    let letters = match &args.file {
        Some(file) => letter_box(&in_folder(&here, file), &args.google.credentials)?,
        None => letters_of_run(&run, &args.google.credentials)?,
    };
    let (original, mut job) = job_of(&state, &run, args.to.as_deref())?;
    apply(&mut job, args, &here);
    job.started_at = Some(original.started_at);
    job.dead_letters = args.dead_letters.as_ref().map(|path| in_folder(&here, path));
    job.resume.state.state = Some(std::path::absolute(here.join(state.folder())).unwrap_or_default());
    job.resume.no_resume = true;
    job.resume.fresh = false;
    // It says when the job last loaded what was new.
    job.monitor.metrics_file = None;
    if let Some(path) = &job.dead_letters
        && is_same(path, Path::new(&letters.to_string()))
    {
        return Err(CliError::Letters {
            what: format!("{letters} has the letters that are replayed, and would be replaced by those of the replay"),
            remedy: "Name another file by --dead-letters",
        });
    }
    let work_dir = job.work_dir.clone().unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::Builder::new().prefix("gristmill-replay-").tempdir_in(&work_dir);
    let folder = folder.map_err(|e| crate::job::file_error(&work_dir, e))?;
    let taken = Taken::read(&letters, &run, &original, folder.path())?;
    let plan = Plan::of(&state, args, &run, &original, &job, &taken)?;
    drop(state);
    let (records, input) = match (plan.from, plan.whole) {
        (Source::Letters, _) => {
            let path = folder.path().join("letters.ndjson");
            let origins = taken.write(&path, plan.of_rows)?;
            job.export.export = path.display().to_string();
            // They are about the whole of an export, of which these are the bad part.
            job.max_rejected = None::<MaxRejected>;
            job.gate.clear();
            (Some(Replayed::Letters(Arc::new(origins))), format!("dead letters of run {}", run.id))
        }
        (Source::Export, false) if taken.left_out == 0 => {
            (Some(Replayed::Places(Arc::new(taken.places()))), job.export.export.clone())
        }
        (Source::Export, _) => (None, job.export.export.clone()),
    };
    let replays = Replays {
        run: run.id.clone(),
        original: original.id.clone(),
        from: match plan.from {
            Source::Letters => "letters".to_owned(),
            Source::Export => "export".to_owned(),
        },
        whole: records.is_none(),
        letters: taken.letters + taken.left_out,
        records: match &records {
            Some(Replayed::Letters(origins)) => origins.len() as u64,
            _ => taken.records(),
        },
        not_replayed: plan.not_replayed,
    };
    if args.dry_run {
        return tell(cli, &replays, &letters, &original.destination);
    }
    if replays.records == 0 && replays.from == "letters" {
        let why: Vec<String> =
            replays.not_replayed.iter().map(|not| format!("\n  {}: {}", count(not.count), not.why)).collect();
        let remedy = if args.from.is_some() && plan.is_in_export {
            "Leave --from out, so that they are taken from the export"
        } else if plan.is_in_export {
            "Put the export back as it was, or run the command of the run again on what there is now"
        } else {
            "Mend the export, and run the command of the run again"
        };
        return Err(CliError::Letters {
            what: format!("no dead letter of run {} can be replayed:{}", run.id, why.concat()),
            remedy,
        });
    }
    let replay = Replay { replays, folder: here, input, destination: original.destination.clone() };
    watched(cli, &job, None, Some(Replaying { replay, records, begun_at: now() }))
}

/// Whether two paths name one file, however they are written.
fn is_same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The newest run that put its rows where those of a run were, after it, and is no replay of it.
fn replaced_by(state: &State, run: &RunRecord, original: &RunRecord) -> Result<Option<RunRecord>, CliError> {
    let done = Filter { states: vec![RunState::Done], since: Some(run.begun_at + 1), ..Filter::default() };
    let is_other = |other: &RunRecord| match Replays::of(other) {
        // A replay loads from the folder of the run that it replays.
        Some(replays) => replays.original != original.id,
        None => other.command.folder == original.command.folder,
    };
    Ok(state.runs(&done)?.into_iter().find(|other| other.destination == run.destination && is_other(other)))
}

/// Whether a run is a replay that was stopped, so that what it replays is to be replayed in its place.
fn loaded_nothing_of(run: &RunRecord) -> bool {
    run.state != RunState::Done && Replays::of(run).is_some()
}

/// The run that read the export, and the job of the run that is replayed: the same, but for what replays in between changed.
fn job_of(state: &State, run: &RunRecord, to: Option<&str>) -> Result<(RunRecord, JobArgs), CliError> {
    let Some(replays) = Replays::of(run) else {
        let job = recorded_job(run, to, "dead-letters replay")?;
        return Ok((run.clone(), job));
    };
    let before = state.run(&replays.run)?;
    let (original, mut job) = job_of(state, &before, to)?;
    let bad = |what: String| CliError::Recorded { run: run.id.clone(), what };
    let words = std::iter::once("gristmill").chain(run.command.arguments.iter().map(String::as_str));
    let matches = Cli::command().try_get_matches_from(words).map_err(|e| bad(e.to_string()))?;
    let recorded = Cli::from_arg_matches(&matches).map_err(|e| bad(e.to_string()))?;
    let Command::DeadLetters(LettersCommand::Replay(args)) = recorded.command else {
        return Err(bad("it is no replay".to_owned()));
    };
    apply(&mut job, &args, &run.command.folder);
    Ok((original, job))
}

/// Puts what was said to a replay over the job. `folder`: where it was said.
fn apply(job: &mut JobArgs, args: &ReplayArgs, folder: &Path) {
    let component =
        |file: &ComponentFile| ComponentFile { path: in_folder(folder, &file.path), digest: file.digest.clone() };
    if let Some(plugin) = &args.plugin {
        job.plugin = Some(component(plugin));
    }
    job.config.config.extend(args.config.iter().map(|setting| match setting.strip_prefix('@') {
        Some(file) => format!("@{}", in_folder(folder, Path::new(file)).display()),
        None => setting.clone(),
    }));
    if !args.validate.is_empty() {
        job.validate = args.validate.iter().map(component).collect();
    }
    job.validate_config.extend(args.validate_config.iter().cloned());
    if !args.rules.is_empty() {
        job.rules = args.rules.iter().map(|path| in_folder(folder, path)).collect();
    }
}

/// How a replay goes about it.
struct Plan {
    from: Source,
    /// Whether all rows of the export are loaded, and not those of the refused records alone.
    whole: bool,
    /// Whether records are replayed of which rows were loaded.
    of_rows: bool,
    /// Whether the export had what the letters have not.
    is_in_export: bool,
    not_replayed: Vec<NotReplayed>,
}

impl Plan {
    fn of(
        state: &State,
        args: &ReplayArgs,
        run: &RunRecord,
        original: &RunRecord,
        job: &JobArgs,
        taken: &Taken,
    ) -> Result<Self, CliError> {
        let no = |what: String, remedy: &'static str| Err(CliError::Letters { what, remedy });
        let options = OpenOptions { look_only: true, ..job.destination.options(&job.export.google, None) };
        let replaces = gristmill_sink::open(&job.to, options)?.replaces();
        let loaded_nothing = run.state != RunState::Done;
        let whole = replaces || loaded_nothing;
        if whole && args.from == Some(Source::Letters) {
            let why = if replaces {
                format!(
                    "{} holds the rows of one run: those of the refused records alone would take the place of all others",
                    original.destination
                )
            } else {
                format!("run {} loaded nothing, so that all of its records are to be loaded", run.id)
            };
            return no(why, "Leave --from out: the export is read again as a whole");
        }
        if replaces && let Some(later) = replaced_by(state, run, original)? {
            return no(
                format!(
                    "{} has the rows of run {} by now, whose place those of run {} would take",
                    run.destination, later.id, run.id
                ),
                "Replay that run, by its id; or run the command of this one again if its rows are what is wanted",
            );
        }
        // The bytes of a record that is no document are the same as before: only another version of this program may read them otherwise.
        let other_program = original.program != env!("CARGO_PKG_VERSION");
        let incomplete = taken.redacted() + taken.left_out + if other_program { taken.raw() } else { 0 };
        let updates = job.on_conflict == Conflict::Update;
        let wants_export = args.from == Some(Source::Export) || whole || (args.from.is_none() && updates);
        let mut changed = None;
        if wants_export || (args.from.is_none() && incomplete > 0) {
            changed = other_export(original, job)?;
        }
        if let (true, Some(change)) = (wants_export, &changed) {
            let what =
                format!("the export of run {} is to be read again, and is not what it was: {change}", original.id);
            return no(
                what,
                if updates && !whole && args.from.is_none() {
                    "Put it back; or replay with --from letters, which does not know other copies of the same documents in the export: a newer one that was loaded would be replaced"
                } else {
                    "Put it back, or run the command of the run again on what there is now"
                },
            );
        }
        let from = if wants_export || (args.from.is_none() && incomplete > 0 && changed.is_none()) {
            Source::Export
        } else {
            Source::Letters
        };
        let of_rows = Self::keyless(state, run, job, from, replaces, whole)?;
        let mut not_replayed = Vec::new();
        let mut not = |count: u64, why: String| {
            if count > 0 {
                not_replayed.push(NotReplayed { count, why });
            }
        };
        if from == Source::Letters {
            let and =
                changed.as_ref().map_or_else(String::new, |c| format!(", and the export is not what it was: {c}"));
            not(taken.raw(), format!("no documents, and the same bytes are none again{and}"));
            not(taken.redacted(), format!("fields were left out of the letter, or could not be written to it{and}"));
            not(taken.left_out, format!("the letter had no room in the file{and}"));
            if let Some(table) = &of_rows {
                not(
                    taken.of_rows(),
                    format!("other rows of the record are in table {table}, which has no key to tell them by"),
                );
            }
        }
        Ok(Self { from, whole, of_rows: of_rows.is_none(), is_in_export: incomplete > 0, not_replayed })
    }

    /// A table of the plugin that has no key, where rows that are there would be doubled.
    fn keyless(
        state: &State,
        run: &RunRecord,
        job: &JobArgs,
        from: Source,
        replaces: bool,
        whole: bool,
    ) -> Result<Option<String>, CliError> {
        if replaces {
            return Ok(None);
        }
        let description = description(job)?;
        let Some(table) = description.tables().iter().find(|table| table.key().is_empty()) else { return Ok(None) };
        let table = table.name().to_owned();
        if from == Source::Export && !whole {
            return Err(CliError::Letters {
                what: format!("table {table} has no key: the rows that are there would be loaded once more"),
                remedy: "Replay with --from letters",
            });
        }
        let done = Filter { states: vec![RunState::Done], ..Filter::default() };
        let earlier = state.runs(&done)?.into_iter().find(|other| Replays::of(other).is_some_and(|r| r.run == run.id));
        match earlier {
            Some(earlier) => Err(CliError::Letters {
                what: format!(
                    "run {} was replayed by {} already, and table {table} has no key: its rows would be loaded once more",
                    run.id, earlier.id
                ),
                remedy: "Replay what that run refused again, by its id",
            }),
            // Of a run that loaded nothing no rows are there.
            None if whole => Ok(None),
            None => Ok(Some(table)),
        }
    }
}

/// What is not as it was of the export; none where it is the same.
fn other_export(original: &RunRecord, job: &JobArgs) -> Result<Option<String>, CliError> {
    let files = match find(&job.export, false) {
        Ok(input) => versions_of(&input)?,
        Err(error) => return Ok(Some(error.to_string())),
    };
    let changes = changed_files(&original.input.files, &files);
    Ok((!changes.is_empty()).then(|| changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))
}

/// What would be done.
fn tell(cli: &Cli, replays: &Replays, letters: &LetterBox, destination: &str) -> Result<(), CliError> {
    if cli.json {
        let object =
            serde_json::json!({ REPLAYS: replays, "dead_letters": letters.to_string(), "destination": destination });
        return print(&format!("{object}\n"));
    }
    let mut text = format!("would replay {}\ninto {destination}\n", replays.text());
    for not in &replays.not_replayed {
        text.push_str(&format!("not replayed  {}: {}\n", count(not.count), not.why));
    }
    print(&text)
}
