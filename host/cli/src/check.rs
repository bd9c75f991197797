//! `gristmill plugin check`: a plugin without documents.

use std::fmt::Write as _;
use std::io::Write as _;

use gristmill_plugin::{ConfiguredPlugin, ConfiguredValidator, Context, Engine, Limits, Plugin, Transform};
use gristmill_record::Table;
use gristmill_sink::{OpenOptions, TableState};
use gristmill_source::Credentials;
use serde_json::{Map, Value, json};

use crate::args::{CheckArgs, Cli};
use crate::conformance::{self, CALL_TIME, Kept};
use crate::error::CliError;
use crate::job::{Component, engine, settings};
use crate::plugin::imports;
use crate::tables::{own_tables, tables_from};

/// A plugin, made ready for what it does.
struct Ready {
    mapping: Option<ConfiguredPlugin>,
    judging: Option<ConfiguredValidator>,
}

impl Ready {
    /// `tables` are what is to be judged, where anything is.
    fn new(plugin: &Plugin, settings: &Map<String, Value>, tables: &[Table]) -> Result<Self, CliError> {
        let mapping = plugin.maps().then(|| plugin.configure(settings, context())).transpose()?;
        let judges = !tables.is_empty();
        let judging = judges.then(|| plugin.configure_validator(settings, context(), tables)).transpose()?;
        Ok(Self { mapping, judging })
    }
}

fn context() -> Context {
    Context { run_id: "check".to_owned(), started_at: 0 }
}

pub(crate) fn check(cli: &Cli, args: &CheckArgs) -> Result<(), CliError> {
    let limits = Limits { call_time: CALL_TIME, ..Limits::default() };
    let engine = engine()?;
    let component = Component::read(args.plugin.as_ref(), &args.google.credentials)?;
    let plugin = component.load(&engine, limits)?;
    let settings = settings(&plugin, &args.config.config)?;
    let tables = tables(&engine, &plugin, &settings, args)?;
    let ready = Ready::new(&plugin, &settings, &tables)?;
    let mut facts = facts(&plugin, args.plugin.as_ref().map(|_| component.size()));
    if let (Some(mapping), Some(to)) = (&ready.mapping, &args.to) {
        facts.push(("destination", destination(mapping, to, &args.google.credentials)?));
    }
    if let Some(validator) = &ready.judging {
        facts.push(("judges", judged(validator)));
    }
    let mut broken = None;
    if args.conformance {
        if ready.judging.as_ref().is_some_and(|validator| validator.columns().all(|(_, columns)| columns.is_empty())) {
            let names: Vec<_> = tables.iter().map(Table::name).collect();
            let from = args
                .tables
                .as_ref()
                .map_or_else(|| plugin.about().name.clone(), |from| from.path.display().to_string());
            let what = format!("{} judges none of its tables: {}", plugin.about().name, names.join(", "));
            return Err(CliError::Tables { from, what });
        }
        let text = match conformance(&ready, &tables)? {
            Ok(text) => text,
            Err(what) => {
                let text = format!("BROKEN: {what}");
                broken = Some(what);
                text
            }
        };
        facts.push(("conformance", text));
    }
    if broken.is_none() {
        // What a plugin prints when its memory ends is not what is asked for here.
        let tried = || {
            memory(&ready, &tables, |memory| {
                let plugin = component.load(&engine, Limits { memory, ..limits }).ok()?;
                Ready::new(&plugin, &settings, &tables).ok()
            })
        };
        let memory = tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), tried);
        facts.extend(memory.map(|memory| ("memory", memory)));
    }
    let text = if cli.json {
        let facts: Map<String, Value> = facts.into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect();
        format!(
            "{}\n",
            json!({ "name": plugin.about().name, "version": plugin.about().version, "checks": facts, "ok": broken.is_none() })
        )
    } else {
        let mut out = format!("{} {}\n", plugin.about().name, plugin.about().version);
        for (name, fact) in facts {
            let _ = writeln!(out, "{name:<12} {fact}");
        }
        out
    };
    std::io::stdout().write_all(text.as_bytes()).map_err(CliError::Stdout)?;
    match broken {
        None => Ok(()),
        Some(what) => Err(CliError::Conformance { plugin: plugin.about().name.clone(), what }),
    }
}

/// The tables whose rows are to be judged: those that are named, or those of the plugin itself.
fn tables(
    engine: &Engine,
    plugin: &Plugin,
    settings: &Map<String, Value>,
    args: &CheckArgs,
) -> Result<Vec<Table>, CliError> {
    match &args.tables {
        Some(from) => tables_from(engine, from, &args.google.credentials),
        None if plugin.judges() && plugin.maps() => own_tables(plugin, settings, context()),
        None if plugin.judges() && args.conformance => Err(CliError::Tables {
            from: "--conformance".to_owned(),
            what: format!("{} judges rows, and without tables there is nothing to make rows of", plugin.about().name),
        }),
        None => Ok(Vec::new()),
    }
}

/// Which columns of which tables it asks for.
fn judged(validator: &ConfiguredValidator) -> String {
    let (some, none): (Vec<_>, Vec<_>) = validator.columns().partition(|(_, columns)| !columns.is_empty());
    let mut texts: Vec<_> =
        some.into_iter().map(|(table, columns)| format!("{table} by {}", columns.join(", "))).collect();
    texts.extend(none.into_iter().map(|(table, _)| format!("not {table}")));
    texts.join("; ")
}

/// Whether it keeps the contract in all that it does.
fn conformance(ready: &Ready, tables: &[Table]) -> Result<Kept, CliError> {
    let mut kept = Vec::new();
    if let Some(mapping) = &ready.mapping {
        kept.push(conformance::of_mapping(mapping)?);
    }
    if let Some(validator) = &ready.judging {
        kept.push(conformance::of_judging(validator, tables)?);
    }
    Ok(kept.into_iter().collect::<Result<Vec<_>, _>>().map(|texts| texts.join("; ")))
}

/// The memory that it needs for all that it does; `with` makes it ready with another ceiling.
fn memory(ready: &Ready, tables: &[Table], with: impl Fn(u64) -> Option<Ready>) -> Option<String> {
    let maps = |memory| conformance::maps_a_batch(&with(memory)?.mapping?).ok();
    let judges = |memory| conformance::judges_a_batch(&with(memory)?.judging?, tables).ok();
    let mut texts = Vec::new();
    if ready.mapping.is_some() {
        texts.push(conformance::smallest_memory("map", |memory| maps(memory) == Some(true)));
    }
    if ready.judging.is_some() {
        texts.push(conformance::smallest_memory("judge", |memory| judges(memory) == Some(true)));
    }
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// What is known without calling it.
fn facts(plugin: &Plugin, size: Option<u64>) -> Vec<(&'static str, String)> {
    let part = match (plugin.maps(), plugin.judges()) {
        (true, true) => "maps records and judges rows",
        (true, false) => "maps records",
        _ => "judges rows",
    };
    let mut facts = vec![
        ("contract", format!("gristmill:plugin@{}, as this gristmill speaks; it {part}", plugin.contract())),
        ("imports", imports(plugin)),
        ("sha256", plugin.digest().to_owned()),
    ];
    facts.extend(size.map(|size| ("size", indicatif::HumanBytes(size).to_string())));
    facts
}

/// Whether its tables fit a destination, as a run would see it first.
fn destination(configured: &ConfiguredPlugin, to: &str, google: &Credentials) -> Result<String, CliError> {
    let options = OpenOptions { look_only: true, google_credentials: google.clone(), ..OpenOptions::default() };
    let mut sink = gristmill_sink::open(to, options)?;
    let runtime = gristmill_sink::runtime().map_err(|e| CliError::Environment(e.to_string()))?;
    let tables = configured.description().tables();
    let states = runtime.block_on(sink.check(tables))?;
    let state = |(table, state): (&gristmill_record::Table, &TableState)| match state {
        TableState::Absent => format!("table {} would be created", table.name()),
        TableState::Present { .. } => format!("table {} is there, and its columns fit", table.name()),
    };
    let states: Vec<_> = tables.iter().zip(&states).map(state).collect();
    Ok(format!("{}: {}", sink.describe(), states.join("; ")))
}
