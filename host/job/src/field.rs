//! What a job can say.

use std::fmt;

/// The table of parameters.
pub(crate) const PARAMETERS: &str = "parameters";
/// Files that a file includes.
pub(crate) const INCLUDE: &str = "include";
/// What a job is for.
pub(crate) const DESCRIPTION: &str = "description";

/// What is asked whether a field takes a value; the error says why not.
pub type Check = Box<dyn Fn(&str) -> Result<(), String>>;

/// Something that a job can say: a value, or a table of more fields.
pub struct Field {
    /// Its key, in kebab case.
    pub name: String,
    /// What it is, for people: one or more sentences.
    pub help: String,
    /// What its value is.
    pub kind: Kind,
    /// What goes where it is not said, as text.
    pub default: Option<String>,
    /// Whether a job must say it.
    pub required: bool,
    /// The values that there are; empty where any will do that `check` takes.
    pub choices: Vec<Choice>,
    /// How it is said on the command line: `--on-conflict <RULE>`; may be empty.
    pub flag: String,
    /// Whether its value must not be shown where something is wrong with it.
    pub is_secret: bool,
    /// Why a value will not do, which is given as on the command line.
    pub check: Option<Check>,
}

/// One of the values that a field can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The value.
    pub name: String,
    /// What it means; may be empty.
    pub help: String,
}

/// What the value of a field is.
pub enum Kind {
    /// A string, or a time.
    Text,
    /// A number, or a string such as `0.5%`.
    Number,
    /// `true` or `false`.
    Switch,
    /// Strings, or one.
    Texts,
    /// A table of values by name, or strings like `NAME=VALUE`.
    Map,
    /// A table of such tables, whose names come first: `NAME.KEY=VALUE`.
    Maps,
    /// More fields.
    Table(Vec<Field>),
}

impl Field {
    /// A field without a default or a check.
    pub fn new(name: &str, help: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            help: help.to_owned(),
            kind,
            default: None,
            required: false,
            choices: Vec::new(),
            flag: String::new(),
            is_secret: false,
            check: None,
        }
    }

    /// Fields of a table; none where it is no table.
    pub fn fields(&self) -> &[Self] {
        match &self.kind {
            Kind::Table(fields) => fields,
            _ => &[],
        }
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field").field("name", &self.name).field("flag", &self.flag).finish_non_exhaustive()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "a string",
            Self::Number => "a number or a string",
            Self::Switch => "`true` or `false`",
            Self::Texts => "a string, or a list of them",
            Self::Map => "a table of values by name",
            Self::Maps => "a table of tables",
            Self::Table(_) => "a table",
        })
    }
}
