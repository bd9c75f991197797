//! What a job file can say: the flags of `run`, each under a name in a table. A flag that is not listed here fails a test.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, CommandFactory, Parser};
use gristmill_job::{Choice, Field, Kind, Setting};
use gristmill_sink::OpenOptions;

use crate::args::Cli;

/// How a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum As {
    Text,
    Number,
    Switch,
    Texts,
    Map,
    Maps,
}

/// A field, how it is written, and the flag that says the same, by its id.
type Line = (&'static str, As, &'static str);

/// The tables of a job, what each is about, and its fields.
const TABLES: [(&str, &str, &[Line]); 9] = [
    (
        "source",
        "What is read",
        &[
            ("export", As::Text, EXPORT),
            ("allow-partial", As::Switch, "allow_partial"),
            ("google-credentials", As::Text, "credentials"),
        ],
    ),
    (
        "plugin",
        "What maps it, and what that may take",
        &[
            ("file", As::Text, "plugin"),
            ("grant", As::Text, "grant"),
            ("config", As::Map, "config"),
            ("memory", As::Number, "plugin_memory"),
            ("time", As::Text, "plugin_time"),
            ("output", As::Number, "plugin_output"),
            ("faults", As::Number, "plugin_faults"),
            ("verify-determinism", As::Text, "verify_determinism"),
        ],
    ),
    (
        "destination",
        "Where the rows go",
        &[
            ("to", As::Text, TO),
            ("password", As::Text, PASSWORD),
            ("on-conflict", As::Text, "on_conflict"),
            ("staging", As::Text, "staging"),
            ("location", As::Text, "location"),
            ("write", As::Text, "write"),
            ("pause", As::Text, "pause"),
            ("max-rate", As::Number, "max_rate"),
        ],
    ),
    (
        "quality",
        "What judges the rows, and what may be refused",
        &[
            ("validate", As::Texts, "validate"),
            ("config", As::Maps, "validate_config"),
            ("rules", As::Texts, "rules"),
            ("gates", As::Map, "gate"),
            ("max-rejected", As::Number, "max_rejected"),
            ("dead-letters", As::Text, "dead_letters"),
            ("redact", As::Text, "redact"),
            ("dead-letters-max", As::Number, "dead_letters_max"),
        ],
    ),
    (
        "execution",
        "How it is run",
        &[
            ("started-at", As::Text, "started_at"),
            ("workers", As::Number, "workers"),
            ("batch-rows", As::Number, "batch_rows"),
            ("memory", As::Number, "memory"),
            ("work-dir", As::Text, "work_dir"),
            ("max-document", As::Number, "max_document"),
            ("state", As::Text, "state"),
            ("no-resume", As::Switch, "no_resume"),
            ("split-size", As::Number, "split_size"),
            ("comparable", As::Switch, "comparable"),
            ("profile", As::Switch, "profile"),
        ],
    ),
    (
        "monitoring",
        "Who is told how it goes, and by which name",
        &[
            ("job", As::Text, "job"),
            ("progress", As::Text, "progress"),
            ("metrics-listen", As::Text, "metrics_listen"),
            ("metrics-file", As::Text, "metrics_file"),
            ("otlp", As::Text, "otlp"),
        ],
    ),
    (
        "targets",
        "What the runs of the job are held against",
        &[
            ("duration-p95", As::Text, "target_duration_p95"),
            ("success-rate", As::Text, "target_success_rate"),
            ("freshness", As::Text, "target_freshness"),
            ("reprocess-count", As::Number, "target_reprocess_count"),
            ("fail", As::Switch, "fail_on_missed_target"),
        ],
    ),
    (
        "alarm",
        "Who is told when a run fails or a target is missed",
        &[("command", As::Texts, "alarm_command"), ("webhook", As::Text, "alarm_webhook")],
    ),
    (
        "retry",
        "How often a run is tried that fails of something that may pass",
        &[("attempts", As::Number, "retry_attempts"), ("wait", As::Text, "retry_wait")],
    ),
];

/// Flags of `run` that are about a job file, and so in none.
pub(crate) const ABOUT_JOB_FILES: [&str; 2] = ["set", "print_job"];

const EXPORT: &str = "export";
const TO: &str = "to";
const PASSWORD: &str = "password";

/// The command whose flags these are.
fn run_command() -> clap::Command {
    let mut root = Cli::command();
    root.build();
    root.find_subcommand("run").cloned().unwrap_or_default()
}

fn lines() -> impl Iterator<Item = (&'static str, &'static Line)> {
    TABLES.iter().flat_map(|(table, _, lines)| lines.iter().map(move |line| (*table, line)))
}

/// The fields of a job, each with what its flag says of itself.
pub(crate) fn fields() -> Vec<Field> {
    let run = run_command();
    let field = |(name, kind, id): &Line| {
        let kind = match kind {
            As::Text => Kind::Text,
            As::Number => Kind::Number,
            As::Switch => Kind::Switch,
            As::Texts => Kind::Texts,
            As::Map => Kind::Map,
            As::Maps => Kind::Maps,
        };
        let mut field = Field::new(name, "", kind);
        if let Some(arg) = run.get_arguments().find(|arg| arg.get_id() == id) {
            describe(&mut field, arg);
        }
        field.required = *id == EXPORT;
        field.is_secret = *id == PASSWORD;
        field
    };
    let table = |(name, help, lines): &(&str, &str, &[Line])| {
        Field::new(name, help, Kind::Table(lines.iter().map(field).collect()))
    };
    TABLES.iter().map(table).collect()
}

fn describe(field: &mut Field, arg: &Arg) {
    field.help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let takes_value = arg.get_action().takes_values();
    if takes_value {
        let values: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        field.default = (!values.is_empty()).then(|| values.join(","));
        let choice = |value: clap::builder::PossibleValue| Choice {
            name: value.get_name().to_owned(),
            help: value.get_help().map(ToString::to_string).unwrap_or_default(),
        };
        field.choices = arg.get_possible_values().into_iter().map(choice).collect();
    }
    let names: Vec<_> = arg.get_value_names().unwrap_or_default().iter().map(|name| name.to_string()).collect();
    field.flag = match arg.get_long() {
        Some(long) if takes_value => format!("--{long} <{}>", names.join(" ")),
        Some(long) => format!("--{long}"),
        None => format!("<{}>", names.join(" ")),
    };
    let long = arg.get_long().map(str::to_owned);
    let is_destination = arg.get_id() == TO;
    field.check = Some(Box::new(move |value| {
        takes(long.as_deref(), value)?;
        if is_destination {
            // It understands the address, and touches nothing.
            gristmill_sink::open(value, OpenOptions { look_only: true, ..OpenOptions::default() })
                .map_err(|e| e.to_string())?;
        }
        Ok(())
    }));
}

/// Whether a flag, or the argument that is none, takes a value: it is asked.
fn takes(long: Option<&str>, value: &str) -> Result<(), String> {
    let mut words = vec!["gristmill".to_owned(), "run".to_owned()];
    match long {
        Some(long) => words.extend([format!("--{long}={value}"), "--".to_owned(), "x".to_owned()]),
        None => words.extend(["--".to_owned(), value.to_owned()]),
    }
    Cli::try_parse_from(words).map(|_| ()).map_err(|error| match std::error::Error::source(&error) {
        Some(source) => source.to_string(),
        None => match error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(all)) => format!("it is none of {}", all.join(", ")),
            _ if value.is_empty() => "it is empty".to_owned(),
            _ => error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
        },
    })
}

/// What was typed of a job, as its settings.
pub(crate) fn typed(matches: &ArgMatches) -> Vec<Setting> {
    let setting = |(table, (name, kind, id)): (&str, &Line)| {
        let is_typed = matches.value_source(id) == Some(ValueSource::CommandLine);
        let values = match kind {
            As::Switch => vec![String::new()],
            _ => matches.get_raw(id)?.map(|value| value.to_string_lossy().into_owned()).collect(),
        };
        is_typed.then(|| Setting { path: vec![table.to_owned(), (*name).to_owned()], values })
    };
    lines().filter_map(setting).collect()
}

/// The settings of a job file, and over them what was typed beside it: values by name are added, and all else is replaced.
pub(crate) fn overridden(mut job: Vec<Setting>, typed: Vec<Setting>) -> Vec<Setting> {
    for theirs in typed {
        let is_map =
            lines().any(|(table, (name, kind, _))| matches!(kind, As::Map | As::Maps) && theirs.path == [table, *name]);
        match job.iter_mut().find(|ours| ours.path == theirs.path) {
            None => job.push(theirs),
            Some(_) if theirs.path == ["source", "export"] => {}
            Some(ours) if is_map => ours.values.extend(theirs.values),
            Some(ours) => *ours = theirs,
        }
    }
    job
}

/// The command line of settings, after the name of the command; and besides what was typed that is no setting.
pub(crate) fn words(settings: &[Setting], matches: &ArgMatches) -> Vec<OsString> {
    let run = run_command();
    let mut words = Vec::new();
    let mut export = None;
    for (table, (name, kind, id)) in lines() {
        let Some(setting) = settings.iter().find(|setting| setting.path == [table, *name]) else { continue };
        let Some(long) = run.get_arguments().find(|arg| arg.get_id() == id).and_then(Arg::get_long) else {
            export = setting.values.first();
            continue;
        };
        for value in &setting.values {
            words.push(if *kind == As::Switch { format!("--{long}") } else { format!("--{long}={value}") }.into());
        }
    }
    for arg in run.get_arguments() {
        let id = arg.get_id().as_str();
        let is_setting = lines().any(|(_, (_, _, of_field))| *of_field == id) || ABOUT_JOB_FILES.contains(&id);
        let Some(long) = arg.get_long().filter(|_| !is_setting && !arg.is_global_set()) else { continue };
        if matches.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        if !arg.get_action().takes_values() {
            words.push(format!("--{long}").into());
            continue;
        }
        for value in matches.get_raw(id).into_iter().flatten() {
            let mut word = OsString::from(format!("--{long}="));
            word.push(value);
            words.push(word);
        }
    }
    words.push("--".into());
    words.extend(export.map(OsString::from));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Flags of `run` that are about one run and not the next, and so in no job file either. They may be typed beside one.
    const ABOUT_ONE_RUN: [&str; 1] = ["fresh"];

    /// Whoever adds a flag to `run` says under which name a job file has it.
    #[test]
    fn every_flag_of_run_is_a_field_of_a_job() {
        let run = run_command();
        let flags: Vec<_> = (run.get_arguments())
            .filter(|arg| !arg.is_global_set() && !["help", "version"].contains(&arg.get_id().as_str()))
            .map(|arg| arg.get_id().to_string())
            .collect();
        for flag in &flags {
            let fields = lines().filter(|(_, (_, _, id))| id == flag).count();
            let is_in_none = ABOUT_JOB_FILES.iter().chain(&ABOUT_ONE_RUN).any(|id| *id == flag.as_str());
            let wanted = usize::from(!is_in_none);
            assert_eq!(
                fields, wanted,
                "`--{flag}`: give it a line of TABLES, under the table where a reader looks for it"
            );
        }
        for (table, (name, kind, id)) in lines() {
            let arg = run.get_arguments().find(|arg| arg.get_id() == id);
            let arg = arg.unwrap_or_else(|| panic!("{table}.{name}: `run` has no flag {id}"));
            assert_eq!(arg.get_action().takes_values(), *kind != As::Switch, "{table}.{name}");
            let takes_many = matches!(arg.get_action(), clap::ArgAction::Append);
            assert_eq!(takes_many, matches!(kind, As::Texts | As::Map | As::Maps), "{table}.{name}");
        }
    }

    fn matches(words: &[&str]) -> ArgMatches {
        let all = Cli::command().try_get_matches_from(["gristmill", "run"].iter().chain(words)).unwrap();
        all.subcommand().unwrap().1.clone()
    }

    #[test]
    fn what_is_typed_goes_before_the_file_and_names_are_added() {
        let job = typed(&matches(&["in", "--to", "sqlite:a", "--rules", "a", "--config", "x=1", "--workers", "2"]));
        let also = typed(&matches(&["job.toml", "--to=sqlite:b", "--rules", "b", "-c", "y=2", "--allow-partial"]));
        let all = overridden(job, also);
        let words = words(&all, &matches(&["job.toml", "--set", "a=b"]));
        let words: Vec<_> = words.iter().map(|word| word.to_str().unwrap()).collect();
        let wanted = [
            "--allow-partial",
            "--config=x=1",
            "--config=y=2",
            "--to=sqlite:b",
            "--rules=b",
            "--workers=2",
            "--",
            "in",
        ];
        assert_eq!(words, wanted);
    }

    #[test]
    fn values_are_those_of_the_flags() {
        assert_eq!(takes(Some("workers"), "0"), Err("0 is not in 1..=1024".to_owned()));
        assert!(takes(Some("memory"), "1 giraffe").is_err() && takes(Some("memory"), "1GiB").is_ok());
        assert_eq!(takes(Some("on-conflict"), "kep"), Err("it is none of keep, update".to_owned()));
    }
}
