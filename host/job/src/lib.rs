//! Job files: a description of a run, in TOML, with parameters.
//!
//! [`load`] reads a file and those that it includes, fills in the parameters, and checks all of it against the [`Field`]s that a job has. What comes of
//! it is a [`Job`], whose settings are as text as they would be typed on the command line, or every [`Finding`] at once. The fields are the caller's, and
//! so is what their values may be: the program makes them of its flags, so that a job file and a command line cannot say different things. Of the same fields
//! come the JSON Schema ([`schema`]), the reference page ([`page`]) and the job of a command line ([`print()`]).
//!
//! Nothing is read but files that [`Files`] gives.

mod check;
mod field;
mod finding;
mod include;
mod page;
mod parameters;
mod print;
mod schema;
mod suggest;
mod tree;

pub use check::Setting;
pub use field::{Check, Choice, Field, Kind};
pub use finding::{Finding, Findings};
pub use include::Files;
pub use page::page;
pub use parameters::{Parameter, ParameterType};
pub use print::print;
pub use schema::schema;

/// What becomes of parameters without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The job is looked at: what they stand for is not.
    Check,
    /// The job is run: each must have one.
    Run,
}

/// A job: a file with all that it includes, filled in.
#[derive(Debug)]
pub struct Job {
    /// What it is for; may be empty.
    pub description: String,
    /// Parameters, in the order of the files.
    pub parameters: Vec<Parameter>,
    /// What it says, in the order of the fields.
    pub settings: Vec<Setting>,
}

/// Reads a job file. `set` are values of parameters, `NAME=VALUE` each.
///
/// # Errors
/// Everything that is wrong with it, in the order of the files and their lines.
pub fn load(
    name: &str,
    files: &dyn Files,
    set: &[String],
    fields: &[Field],
    purpose: Purpose,
) -> Result<Job, Findings> {
    let mut findings = Findings::default();
    let mut root = include::read(name, files, &mut findings);
    let description = tree::take_text(&mut root, field::DESCRIPTION, &mut findings);
    let parameters = parameters::fill_in(&mut root, set, purpose, &mut findings);
    let settings = check::check(&root, fields, &mut findings);
    if findings.is_empty() { Ok(Job { description, parameters, settings }) } else { Err(findings.sorted()) }
}
