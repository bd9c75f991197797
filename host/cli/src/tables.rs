//! Tables that rows are made up or read of where nothing is mapped: those that a plugin declares, or those that a file writes down.

use std::fmt;
use std::path::Path;

use gristmill_plugin::{Context, Engine, Limits, Plugin, Transform};
use gristmill_record::{DataType, OutputColumn, Table, TableDraft};
use gristmill_source::Credentials;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::args::ComponentFile;
use crate::case::CaseFile;
use crate::error::CliError;
use crate::files;
use crate::job::{BUILT_IN, load_plugin};

/// What every component begins with, and no text does.
const COMPONENT: &[u8] = b"\0asm";
/// After the type of a column that is never null.
const REQUIRED: &str = "required";

/// `tables` of a file: written down, or those of a plugin.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "`tables` is the file of a plugin that maps, or `builtin`; or it has a part for each table, `[tables.NAME]`, with its columns: `score = \"float64\"`, `id = \"string required\"`"
)]
pub(crate) enum TablesPart {
    /// A component, relative to the file, or `builtin`.
    Of(String),
    /// By name; the columns of each by name, with their types.
    Written(Ordered<Ordered<String>>),
}

/// A map in the order of the file.
#[derive(Debug)]
pub(crate) struct Ordered<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Entries<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Ordered<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    all.push(entry);
                }
                Ok(Ordered(all))
            }
        }

        from.deserialize_map(Entries(std::marker::PhantomData))
    }
}

impl TablesPart {
    /// The tables that a part of the file `at` stands for.
    pub(crate) fn tables(&self, engine: &Engine, at: &Path) -> Result<Vec<Table>, CliError> {
        let wrong = |what: String| CliError::Tables { from: at.display().to_string(), what };
        match self {
            Self::Of(name) if name == BUILT_IN => of_component(engine, None, &Credentials::Default),
            Self::Of(name) => {
                let path = at.parent().unwrap_or(Path::new("")).join(name);
                of_component(engine, Some(&ComponentFile { path, digest: None }), &Credentials::Default)
            }
            Self::Written(tables) => {
                let tables = tables.0.iter().map(|(name, columns)| written(name, columns).map_err(wrong));
                tables.collect()
            }
        }
    }
}

/// A table that is written down. The error says what is wrong with it.
fn written(name: &str, columns: &Ordered<String>) -> Result<Table, String> {
    let column = |(column, text): &(String, String)| {
        let (ty, required) = match text.trim().rsplit_once(char::is_whitespace) {
            Some((ty, REQUIRED)) => (ty, true),
            _ => (text.as_str(), false),
        };
        let ty: DataType = ty.parse().map_err(|what| format!("table `{name}`: column `{column}`: {what}"))?;
        Ok(OutputColumn { name: column.clone(), ty, required, description: String::new() })
    };
    let columns = columns.0.iter().map(column).collect::<Result<_, String>>()?;
    let draft = TableDraft { name: name.to_owned(), columns, ..TableDraft::default() };
    Table::new(draft).map_err(|e| e.to_string())
}

/// The tables that are named on the command line: of a component, `builtin`, or a file with a part `tables`.
pub(crate) fn tables_from(engine: &Engine, from: &ComponentFile, google: &Credentials) -> Result<Vec<Table>, CliError> {
    if from.path.as_os_str() == BUILT_IN {
        return of_component(engine, None, google);
    }
    let bytes = files::read(&from.path, google)?;
    if bytes.starts_with(COMPONENT) {
        return of_component(engine, Some(from), google);
    }
    let from = &from.path;
    let wrong = |what: &str| CliError::Tables { from: from.display().to_string(), what: what.to_owned() };
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is neither a component nor text"))?;
    let file: CaseFile = toml::from_str(&text).map_err(|e| wrong(e.to_string().trim_end()))?;
    let part = file.tables.ok_or_else(|| wrong("it has no `tables`"))?;
    part.tables(engine, from)
}

fn of_component(engine: &Engine, file: Option<&ComponentFile>, google: &Credentials) -> Result<Vec<Table>, CliError> {
    let plugin = load_plugin(engine, file, Limits::default(), google)?;
    own_tables(&plugin, &Map::new(), Context { run_id: "tables".to_owned(), started_at: 0 })
}

/// The tables that a plugin declares.
pub(crate) fn own_tables(
    plugin: &Plugin,
    settings: &Map<String, Value>,
    context: Context,
) -> Result<Vec<Table>, CliError> {
    Ok(plugin.configure(settings, context)?.description().tables().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Table>, String> {
        let file: CaseFile = toml::from_str(text).map_err(|e| e.to_string())?;
        let TablesPart::Written(tables) = file.tables.unwrap() else { panic!("{text}") };
        tables.0.iter().map(|(name, columns)| written(name, columns)).collect()
    }

    #[test]
    fn tables_in_the_order_of_the_file() {
        let text =
            "[tables.b]\nz = \"string required\"\na = \"list<struct{x: int64}>\"\n[tables.a]\nn = \" float64 \"\n";
        let tables = read(text).unwrap();
        let shown: Vec<_> = tables
            .iter()
            .flat_map(|t| t.columns().iter().map(move |c| format!("{}.{} {} {}", t.name(), c.name, c.ty, c.required)))
            .collect();
        assert_eq!(shown, ["b.z string true", "b.a list<struct{x: int64}> false", "a.n float64 false"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, what) in [
            ("[tables.t]\nx = \"text\"", "table `t`: column `x`: `text` is no type"),
            ("[tables.t]\nx = \"reference\"", "column `x` is a reference"),
            ("[tables.t]\n", "table `t`: it has no columns"),
            ("[tables.\"a b\"]\nx = \"string\"", "a table name has letters"),
            ("tables = 7", "`tables` is the file of a plugin that maps, or `builtin`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
    }
}
