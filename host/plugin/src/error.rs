//! What can go wrong with a plugin, apart from what goes wrong with one record.

use gristmill_record::{Blame, Diagnose, SchemaError};

use crate::bindings::{TRANSFORM, VALIDATE, VERSION, numbers};

/// Why a plugin cannot be used, or cannot go on. `plugin` is the name by which it was loaded.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The file holds something else.
    #[error("{plugin} is not WebAssembly: it begins with {begins}")]
    NotWasm {
        /// The plugin's source.
        plugin: String,
        /// Its first bytes in hex, or that there are none.
        begins: String,
    },
    /// The file holds a core module.
    #[error("{plugin} is a core module of WebAssembly, not a component")]
    CoreModule {
        /// The plugin's source.
        plugin: String,
    },
    /// The compiler refuses it.
    #[error("{plugin} cannot be compiled: {why}")]
    Compile {
        /// The plugin's source.
        plugin: String,
        /// What the compiler says.
        why: String,
    },
    /// It needs what no plugin is given.
    #[error(
        "{plugin} imports `{import}`, which gristmill does not offer; a plugin may import gristmill:plugin/log, and of WASI 0.2 what has a stand-in here: cli, clocks, filesystem, io, random and sockets"
    )]
    Import {
        /// The plugin's source.
        plugin: String,
        /// The name of the import.
        import: String,
    },
    /// It was built for another version of the contract.
    #[error("{plugin} was built for version {theirs} of the plugin contract (`{item}`); this gristmill speaks {ours}")]
    Version {
        /// The plugin's source.
        plugin: String,
        /// The interface that tells.
        item: String,
        /// The plugin's version.
        theirs: String,
        /// The versions of this program.
        ours: String,
    },
    /// It exports no part of the contract.
    #[error("{plugin} is no plugin: it exports neither {TRANSFORM} nor {VALIDATE}; it exports {exports}")]
    NoPart {
        /// The plugin's source.
        plugin: String,
        /// What it does export.
        exports: String,
    },
    /// It does not map.
    #[error("{plugin} does not map records: it exports no {TRANSFORM}, but {exports}")]
    NoTransform {
        /// The plugin's source.
        plugin: String,
        /// What it does export.
        exports: String,
    },
    /// It does not judge.
    #[error("{plugin} does not judge rows: it exports no {VALIDATE}, but {exports}")]
    NoValidate {
        /// The plugin's source.
        plugin: String,
        /// What it does export.
        exports: String,
    },
    /// It exports an interface, but not as the contract says.
    #[error("{plugin} exports `{interface}` but not as the contract says: {why}")]
    Signature {
        /// The plugin's source.
        plugin: String,
        /// `transform` or `validate`.
        interface: &'static str,
        /// The function and what is wrong with it.
        why: String,
    },
    /// Its rules cannot be applied to a table, as it says.
    #[error("{plugin} cannot judge the table {table}: {why}")]
    NotApplicable {
        /// The plugin's source.
        plugin: String,
        /// The table.
        table: String,
        /// Its own words.
        why: String,
    },
    /// The columns that it asks for break a rule.
    #[error("{plugin} asks for columns of the table {table} wrongly: {what}")]
    Columns {
        /// The plugin's source.
        plugin: String,
        /// The table.
        table: String,
        /// The column and what is wrong with it.
        what: String,
    },
    /// A call for which no record is to blame failed.
    #[error("{plugin} failed in {during}: {message} ({code})")]
    Failed {
        /// The plugin's source.
        plugin: String,
        /// `start`, `identify` or `open`.
        during: &'static str,
        /// The code of the fault, like that of a record's: `plugin.trap`.
        code: &'static str,
        /// What happened.
        message: String,
    },
    /// What it says of itself breaks a rule.
    #[error("{plugin} describes itself wrongly: {what}")]
    About {
        /// The plugin's source.
        plugin: String,
        /// The item and what is wrong with it.
        what: String,
    },
    /// The configuration does not fit the declared settings.
    #[error("configuration of {plugin}: {what}")]
    Settings {
        /// The plugin's source.
        plugin: String,
        /// The setting and what is wrong with it.
        what: String,
    },
    /// The plugin refuses its configuration.
    #[error("{plugin} refuses its configuration: {why}")]
    Refused {
        /// The plugin's source.
        plugin: String,
        /// Its own words.
        why: String,
    },
    /// What it declares to read and write breaks a rule.
    #[error("{plugin} declares what it reads and writes wrongly: {source}")]
    Description {
        /// The plugin's source.
        plugin: String,
        /// The item and what is wrong with it.
        source: SchemaError,
    },
    /// The list of types that it declares breaks a rule.
    #[error("{plugin} declares what it reads and writes wrongly: {what}")]
    Types {
        /// The plugin's source.
        plugin: String,
        /// The item and what is wrong with it.
        what: String,
    },
    /// Two instances of it declare different things.
    #[error("{plugin} declares something else in each instance, for the same configuration")]
    Inconsistent {
        /// The plugin's source.
        plugin: String,
    },
    /// It fails too often to go on.
    #[error(
        "{plugin} fails too often by its own fault: on {records} records so far, the last time with {last_code}; it used up {limit}"
    )]
    TooManyFaults {
        /// The plugin's source.
        plugin: String,
        /// How many records, over all workers.
        records: u32,
        /// The code of the last fault.
        last_code: &'static str,
        /// The limit that it passed.
        limit: String,
    },
    /// The batch that it was to be handed is not the one that it declared.
    #[error("{plugin} was to be handed a batch that is not what it declared: {what}")]
    Batch {
        /// The plugin's source.
        plugin: String,
        /// The difference.
        what: String,
    },
    /// The sandbox cannot be set up on this machine.
    #[error("the sandbox cannot be started: {why}")]
    Engine {
        /// Why.
        why: String,
    },
}

impl Diagnose for PluginError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotWasm { .. } => "plugin.not-wasm",
            Self::CoreModule { .. } => "plugin.core-module",
            Self::Compile { .. } => "plugin.compile",
            Self::Import { .. } => "plugin.import",
            Self::Version { .. } => "plugin.version",
            Self::NoPart { .. } => "plugin.no-part",
            Self::NoTransform { .. } => "plugin.no-transform",
            Self::NoValidate { .. } => "plugin.no-validate",
            Self::NotApplicable { .. } => "plugin.not-applicable",
            Self::Columns { .. } => "plugin.columns",
            Self::Signature { .. } => "plugin.signature",
            Self::Failed { .. } => "plugin.failed",
            Self::About { .. } => "plugin.about",
            Self::Settings { .. } => "plugin.settings",
            Self::Refused { .. } => "plugin.refused",
            Self::Description { .. } | Self::Types { .. } => "plugin.description",
            Self::Inconsistent { .. } => "plugin.inconsistent",
            Self::TooManyFaults { .. } => "plugin.too-many-faults",
            Self::Batch { .. } => "plugin.batch",
            Self::Engine { .. } => "plugin.engine",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Settings { .. } | Self::Refused { .. } | Self::NotApplicable { .. } => Blame::Usage,
            Self::Batch { .. } => Blame::Bug,
            Self::Engine { .. } => Blame::Environment,
            _ => Blame::Plugin,
        }
    }

    fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::NotWasm { .. } => "Name the `.wasm` file of a plugin.",
            Self::CoreModule { .. } => {
                "Make a component of it with `wasm-tools component new MODULE -o PLUGIN.wasm`, or build the plugin with the SDK."
            }
            Self::Compile { .. } => {
                "Build the plugin again; it may use a feature of WebAssembly that gristmill does not turn on."
            }
            Self::Import { import, .. } if import.starts_with("wasi:") => {
                "Build the plugin without what needs the import, or for WASI 0.2: Rust for wasm32-unknown-unknown needs none, JavaScript none with every feature disabled."
            }
            Self::Import { .. } => "Remove what needs the import from the plugin, and build it again.",
            Self::Version { theirs, .. } => match numbers(theirs).cmp(&numbers(VERSION)) {
                std::cmp::Ordering::Greater => {
                    "The plugin is newer than this gristmill: update gristmill, or build the plugin with the SDK of this one."
                }
                _ => {
                    "The plugin is older than this gristmill: build it again with the SDK of this one, or run the gristmill of its time."
                }
            },
            Self::NoPart { .. } | Self::Signature { .. } => {
                "Build the plugin for the world `transformer` or `validator` of wit/plugin.wit, unchanged."
            }
            Self::NoTransform { .. } => "Give a plugin that judges to `--validate`, and one that maps to `--plugin`.",
            Self::NoValidate { .. } => "Give a plugin that maps to `--plugin`, and one that judges to `--validate`.",
            Self::NotApplicable { .. } => {
                "Leave the validator out, configure it for the table, or use one that is made for it."
            }
            Self::Failed { code: "plugin.timeout" | "plugin.memory" | "plugin.output-size", .. } => {
                "Raise the limit if the plugin is right to need more; else mend the plugin."
            }
            Self::Settings { .. } | Self::Refused { .. } => {
                "Correct the configuration; `gristmill plugin inspect` lists the settings."
            }
            Self::TooManyFaults { .. } => {
                "`gristmill plugin check FILE --conformance` shows what is wrong with the plugin where it fails on made-up records, too. With \
                 a higher --plugin-faults, and --max-rejected 0 so that nothing is loaded, the dead letters say what it fails on and why."
            }
            Self::Failed { .. }
            | Self::About { .. }
            | Self::Description { .. }
            | Self::Types { .. }
            | Self::Columns { .. }
            | Self::Inconsistent { .. } => "Mend the plugin, or ask those who made it.",
            Self::Batch { .. } => "Report this: it is a defect of gristmill.",
            Self::Engine { .. } => "Check that the process may map executable memory, and has some.",
        };
        Some(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_and_older_contracts_are_told_apart() {
        let remedy = |theirs: &str| {
            let error = PluginError::Version {
                plugin: "p".into(),
                item: "gristmill:plugin/log".into(),
                theirs: theirs.into(),
                ours: "version 0.1.0".into(),
            };
            error.remedy().unwrap_or_default()
        };
        assert!(remedy("0.10.0").contains("update gristmill") && remedy("1.0.0-rc").contains("update gristmill"));
        assert!(remedy("0.0.9").contains("build it again"));
    }
}
