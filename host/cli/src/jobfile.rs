//! Job files: a command line from a file, and a file from a command line.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use clap::{ArgMatches, CommandFactory, FromArgMatches};
use gristmill_job::{Files, Job, Purpose, load};
use gristmill_source::Credentials;
use serde_json::json;

use crate::args::{Cli, Command, JobCheckArgs};
use crate::error::CliError;
use crate::fields::{fields, overridden, typed, words};
use crate::text::table;

/// What the name of a job file ends with. No export has such a name.
const ENDING: &str = ".toml";

/// What was typed, where a job file is named with what that says in its place.
pub(crate) fn expand(cli: Cli, matches: ArgMatches) -> Result<(Cli, ArgMatches), CliError> {
    let (Command::Run(args) | Command::Plan(args)) = &cli.command else { return Ok((cli, matches)) };
    let Some((command, of_command)) = matches.subcommand() else { return Ok((cli, matches)) };
    let name = args.export.export.clone();
    if !name.ends_with(ENDING) {
        if let Some(set) = args.file.set.first() {
            let what = format!(
                "--set gives a parameter of a job file, and {name} is none: its name does not end with {ENDING}"
            );
            return Err(CliError::Config { text: set.clone(), what });
        }
        return Ok((cli, matches));
    }
    let job = read(&name, &args.export.google.credentials, &args.file.set, Purpose::Run)?;
    let settings = overridden(job.settings, typed(of_command));
    let mut line: Vec<OsString> = vec!["gristmill".into(), command.into()];
    line.extend(words(&settings, of_command));
    // All of it was checked by itself; what is left are flags that do not go together.
    let matches = Cli::command().try_get_matches_from(line).unwrap_or_else(|e| e.exit());
    let expanded = Cli::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
    let mut expanded =
        Cli { json: cli.json, quiet: cli.quiet, verbose: cli.verbose, log_format: cli.log_format, ..expanded };
    if let (Command::Run(new) | Command::Plan(new), Command::Run(old) | Command::Plan(old)) =
        (&mut expanded.command, cli.command)
    {
        new.file = old.file;
        // Not in the job that is printed: it is not said there.
        let stem = name.rsplit('/').next().unwrap_or(&name).trim_end_matches(ENDING);
        new.monitor.job.get_or_insert_with(|| stem.to_owned());
    }
    Ok((expanded, matches))
}

/// Reads a job file and those that it includes, from disks and buckets.
fn read(name: &str, credentials: &Credentials, set: &[String], purpose: Purpose) -> Result<Job, CliError> {
    let files = Stored { credentials };
    load(name, &files, set, &fields(), purpose).map_err(|findings| CliError::Job { name: name.to_owned(), findings })
}

/// Files of disks and buckets.
struct Stored<'a> {
    credentials: &'a Credentials,
}

impl Files for Stored<'_> {
    fn read(&self, name: &str) -> Result<String, String> {
        let bytes = match crate::files::read(Path::new(name), self.credentials) {
            Ok(bytes) => bytes,
            // Where it was named is said already.
            Err(CliError::File { source, .. }) => return Err(source.to_string()),
            Err(CliError::NoObject { .. }) => return Err("there is no such object".to_owned()),
            Err(error) => return Err(error.to_string()),
        };
        String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
    }
}

/// Prints the job file that says what was typed.
pub(crate) fn print(matches: &ArgMatches) -> Result<(), CliError> {
    let settings = matches.subcommand().map(|(_, of_command)| typed(of_command)).unwrap_or_default();
    let text = gristmill_job::print(&settings, &fields());
    std::io::stdout().write_all(text.as_bytes()).map_err(CliError::Stdout)
}

/// `gristmill job check`.
pub(crate) fn check(cli: &Cli, args: &JobCheckArgs) -> Result<(), CliError> {
    let outcome = read(&args.file, &args.google.credentials, &args.set, Purpose::Check);
    let text = match outcome {
        Ok(job) if cli.json => format!("{}\n", as_json(&args.file, &job)),
        Ok(job) => as_text(&args.file, &job),
        Err(CliError::Job { name, findings }) if cli.json => {
            let object = json!({ "file": name, "ok": false, "findings": findings.to_json() });
            writeln!(std::io::stdout(), "{object}").map_err(CliError::Stdout)?;
            return Err(CliError::Job { name, findings });
        }
        Err(error) => return Err(error),
    };
    std::io::stdout().write_all(text.as_bytes()).map_err(CliError::Stdout)
}

fn as_json(file: &str, job: &Job) -> serde_json::Value {
    let parameters: Vec<_> = (job.parameters.iter())
        .map(|p| {
            json!({ "name": p.name, "type": p.ty.name(), "required": p.required, "default": p.default, "help": p.help })
        })
        .collect();
    json!({ "file": file, "ok": true, "description": job.description, "parameters": parameters, "findings": [] })
}

fn as_text(file: &str, job: &Job) -> String {
    let mut out = format!("{file}: nothing is wrong with it\n");
    // Writing to a string cannot fail.
    if !job.description.is_empty() {
        let _ = writeln!(out, "{}", job.description.trim_end());
    }
    if !job.parameters.is_empty() {
        let rows: Vec<Vec<String>> = (job.parameters.iter())
            .map(|p| {
                let given = match &p.default {
                    Some(default) => format!("default {default}"),
                    None if p.required => "required".to_owned(),
                    None => String::new(),
                };
                vec![p.name.clone(), p.ty.name().to_owned(), given, p.help.clone()]
            })
            .collect();
        let _ = write!(out, "parameters, by --set NAME=VALUE\n{}", table(&["", "", "", ""], &rows, &[]));
    }
    out
}
