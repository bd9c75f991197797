//! From arguments to what judges the rows: plugins, files of rules, gates.

use std::sync::Arc;

use gristmill_pipeline::{Gate, MaxRejected};
use gristmill_plugin::{Context, Engine, Limits, Plugin, Validate};
use gristmill_record::Table;
use gristmill_rules::RulesFile;
use serde_json::{Map, Value};

use crate::args::JobArgs;
use crate::error::CliError;
use crate::files;
use crate::job::{file_error, load_plugin, settings};

/// What judges, loaded but not yet fitted to tables: plugins in their order, then rules in theirs.
pub(crate) struct Quality {
    plugins: Vec<Loaded>,
    rules: Vec<RulesFile>,
    pub(crate) gates: Vec<Gate>,
}

struct Loaded {
    plugin: Plugin,
    settings: Map<String, Value>,
    /// The settings as text.
    said: String,
}

impl Quality {
    pub(crate) fn read(args: &JobArgs, engine: &Engine, limits: Limits) -> Result<Self, CliError> {
        let mut plugins: Vec<Loaded> = Vec::with_capacity(args.validate.len());
        for file in &args.validate {
            let plugin = load_plugin(engine, Some(file), limits, &args.export.google.credentials)?;
            let mine = format!("{}.", plugin.about().name);
            let config: Vec<String> =
                args.validate_config.iter().filter_map(|text| text.strip_prefix(&mine)).map(str::to_owned).collect();
            let settings = settings(&plugin, &config)?;
            let said = Value::Object(settings.clone()).to_string();
            plugins.push(Loaded { plugin, settings, said });
        }
        let is_known = |text: &&String| {
            plugins.iter().any(|p| text.strip_prefix(&p.plugin.about().name).is_some_and(|rest| rest.starts_with('.')))
        };
        if let Some(text) = args.validate_config.iter().find(|text| !is_known(text)) {
            let names: Vec<_> = plugins.iter().map(|p| p.plugin.about().name.as_str()).collect();
            let names = if names.is_empty() { "there are none".to_owned() } else { names.join(", ") };
            let what = format!("it begins with the name of no validator; {names}");
            return Err(CliError::Config { text: text.clone(), what });
        }
        let mut rules = Vec::with_capacity(args.rules.len());
        let mut gates = args.gate.clone();
        for path in &args.rules {
            let text = String::from_utf8(files::read(path, &args.export.google.credentials)?);
            let text = text.map_err(|e| file_error(path, std::io::Error::new(std::io::ErrorKind::InvalidData, e)))?;
            let file = RulesFile::parse(&path.display().to_string(), &text)?;
            let read = |max: &str| max.parse::<MaxRejected>();
            let of_file = |(rule, max): (&str, MaxRejected)| Gate {
                validator: Some(path.display().to_string()),
                code: rule.to_owned(),
                max,
            };
            gates.extend(file.gates(read)?.into_iter().map(of_file));
            rules.push(file);
        }
        Ok(Self { plugins, rules, gates })
    }

    /// What the run's id is made of: digests and settings.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &str> {
        let plugins = self.plugins.iter().flat_map(|loaded| [loaded.plugin.digest(), loaded.said.as_str()]);
        plugins.chain(self.rules.iter().map(RulesFile::text))
    }

    /// Fits all to the tables.
    pub(crate) fn configure(&self, context: &Context, tables: &[Table]) -> Result<Vec<Arc<dyn Validate>>, CliError> {
        let mut all: Vec<Arc<dyn Validate>> = Vec::new();
        for Loaded { plugin, settings, .. } in &self.plugins {
            let validator = plugin.configure_validator(settings, context.clone(), tables)?;
            if validator.columns().all(|(_, columns)| columns.is_empty()) {
                let names: Vec<_> = tables.iter().map(Table::name).collect();
                tracing::warn!(
                    "{} judges none of the tables ({}): no row is refused by it",
                    validator.name(),
                    names.join(", ")
                );
            }
            all.push(Arc::new(validator));
        }
        for file in &self.rules {
            all.push(Arc::new(file.compile(tables, context.started_at)?));
        }
        Ok(all)
    }
}
