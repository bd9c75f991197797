//! What a plugin is written in.

use std::path::Path;

use crate::{GuestError, c, javascript, python, rust};

/// A language that plugins are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// A package of cargo.
    Rust,
    /// A module `plugin` or `validator`, made a component by componentize-py.
    Python,
    /// A package of npm, made a component by componentize-js.
    JavaScript,
    /// Files of C with a `plugin.c` or a `validator.c` among them, compiled by clang.
    C,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rust, Self::Python, Self::JavaScript, Self::C];

    /// The language of the plugin in a folder, by the files that lie there.
    pub fn of(folder: &Path) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.marks().iter().any(|file| folder.join(file).is_file()))
    }

    /// Files of which a plugin has one.
    fn marks(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &["Cargo.toml"],
            Self::Python => &python::MODULES,
            Self::JavaScript => &[javascript::MANIFEST],
            Self::C => &c::FILES,
        }
    }

    /// Gets what compiles the language, where it is not there: in a fraction of a second where it is. What belongs to no system's
    /// folders goes into `tools_dir`. `progress` is told, in a line each, what is done.
    ///
    /// # Errors
    /// [`GuestError::Install`] with every attempt and why it failed.
    pub fn install(self, tools_dir: &Path, progress: &mut dyn FnMut(&str)) -> Result<(), GuestError> {
        match self {
            Self::Rust => rust::install(progress),
            Self::Python => python::install(tools_dir, progress),
            Self::JavaScript => javascript::install(tools_dir, progress),
            Self::C => c::install(progress),
        }
    }
}
