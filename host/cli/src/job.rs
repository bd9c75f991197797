//! From arguments to a job: the input is found, the plugin opened.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use gristmill_pipeline::output::Keeps;
use gristmill_pipeline::{Job, LetterBox, Options, PluginIdentity, run_id, split_bytes};
use gristmill_plugin::{ConfiguredPlugin, Context, Engine, Limits, Plugin, Transform};
use gristmill_record::{Description, Scalar};
use gristmill_sink::{OnConflict, Sink};
use gristmill_source::{Credentials, DiscoverOptions, Format, Input, discover};
use serde_json::{Map, Value};

use crate::args::{ComponentFile, ConfigArgs, Conflict, ExportArgs, JobArgs};
use crate::error::CliError;
use crate::files;
use crate::letters::{Replay, Replaying};
use crate::quality::Quality;

/// The plugin that is used where none is named, as a component.
const DEFAULT_PLUGIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/default.wasm"));
/// Its name in messages.
const DEFAULT_PLUGIN_NAME: &str = "the built-in plugin";

/// The word for it where a component is named.
pub(crate) const BUILT_IN: &str = "builtin";

/// A job, and what else the commands want to show of it.
pub(crate) struct Prepared {
    pub(crate) job: Job,
    pub(crate) sink: Box<dyn Sink>,
    /// Where it runs again what another run refused.
    pub(crate) replay: Option<Replay>,
}

/// Which run it is.
pub(crate) enum Identity {
    /// One of its own.
    New,
    /// One that goes on: its id, and its time.
    Unfinished(String, i64),
    /// One that runs again what another one refused. Plugins and rows know that one's id and time.
    Replay(Replaying),
}

/// Finds the input, loads and opens the plugin, opens the destination. `whole`: a run is about to read all of the input.
pub(crate) fn prepare(args: &JobArgs, identity: Identity, whole: bool) -> Result<Prepared, CliError> {
    let to = match &args.destination.password {
        Some(password) => gristmill_sink::with_password(&args.to, &password.read()?)?,
        None => args.to.clone(),
    };
    let sink = gristmill_sink::open(&to, args.destination.options(&args.export.google, args.work_dir.as_ref()))?;
    let input = find(&args.export, whole)?;
    let limits = limits(args);
    let engine = engine()?;
    let plugin = load_plugin(&engine, args.plugin.as_ref(), limits, &args.export.google.credentials)?;
    let settings = settings(&plugin, &args.config.config)?;
    let quality = Quality::read(args, &engine, limits)?;
    let earlier_time = match &identity {
        Identity::Unfinished(_, time) => Some(*time),
        _ => None,
    };
    let started_at = args.started_at.or(earlier_time).unwrap_or_else(now);
    let digest = plugin.digest().to_owned();
    // The id is part of the plugin's context, so what it is made of must be known before the plugin is opened.
    let said = Value::Object(settings.clone()).to_string();
    let (earlier_id, replaying) = match identity {
        Identity::New => (None, None),
        Identity::Unfinished(id, _) => (Some(id), None),
        Identity::Replay(replaying) => (None, Some(replaying)),
    };
    // A replay has the time of the run that it makes whole, and an id of its own.
    let id_time = replaying.as_ref().map_or(started_at, |r| r.begun_at);
    let of = replaying.iter().flat_map(|r| ["replay", r.replay.replays.run.as_str()]);
    let parts = [digest.as_str(), &said].into_iter().chain(quality.parts()).chain(of);
    let run_id = earlier_id.unwrap_or_else(|| run_id(id_time, &input, parts));
    // What plugins see of a replay is the run that it makes whole.
    let known_as = replaying.as_ref().map_or(&run_id, |r| &r.replay.replays.original).clone();
    let about = plugin.about();
    let name = format!("{}@{}", about.name, about.version);
    let context = Context { run_id: known_as.clone(), started_at };
    let configured = plugin.configure(&settings, context.clone())?;
    if let Some(grant) = &args.grant {
        let wanted = grant.exceeded(configured.description());
        if !wanted.is_empty() {
            return Err(CliError::Grant { plugin: name, grant: grant.clone(), wanted: wanted.join(", ") });
        }
    }
    let config = configured.config().to_owned();
    let validators = quality.configure(&context, configured.description().tables())?;
    let dead_letters = match &args.dead_letters {
        Some(path) => letter_box(path, &args.export.google.credentials)?,
        None => {
            let path = Path::new("dead-letters").join(format!("{run_id}.jsonl"));
            // Whoever replays a run may be in another folder, and looks there for what is not absolute.
            let path = if replaying.is_some() { std::path::absolute(&path).unwrap_or(path) } else { path };
            LetterBox::File(path)
        }
    };
    let (replay, replayed) = replaying.map(|r| (r.replay, r.records)).unzip();
    let split_bytes = args.resume.split_size.map_or_else(|| split_bytes(&input), |size| size.as_u64());
    let job = Job {
        input,
        transform: Arc::new(configured),
        plugin: PluginIdentity { name, digest, config, limits },
        validators,
        run_id,
        known_as,
        started_at,
        replayed: replayed.flatten(),
        options: Options {
            workers: workers(args),
            batch_rows: usize::try_from(args.batch_rows).unwrap_or(usize::MAX),
            memory: args.memory.as_u64(),
            max_rejected: args.max_rejected.unwrap_or_default(),
            gates: quality.gates,
            verify: args.verify_determinism,
            on_conflict: match args.on_conflict {
                Conflict::Keep => OnConflict::Keep,
                Conflict::Update => OnConflict::Update,
            },
            dead_letters,
            redact: args.kept_letters.redact.clone(),
            dead_letters_max: args.kept_letters.dead_letters_max.map(|size| size.as_u64()),
            work_dir: args.work_dir.clone().unwrap_or_else(std::env::temp_dir),
            max_document: usize::try_from(args.max_document.as_u64()).unwrap_or(usize::MAX),
            split_bytes,
            // A destination that is replaced holds the rows of the run and no others; everywhere else they are lost among them.
            keeps: Keeps { sketch: args.output.comparable || !sink.replaces(), profile: args.output.profile },
        },
    };
    Ok(Prepared { job, sink, replay })
}

/// What the plugins of a job may take.
fn limits(args: &JobArgs) -> Limits {
    Limits {
        memory: args.plugin_memory.as_u64(),
        call_time: args.plugin_time,
        output: usize::try_from(args.plugin_output.as_u64()).unwrap_or(usize::MAX),
        faults: args.plugin_faults,
    }
}

/// What the plugin of a job says of itself.
pub(crate) fn description(args: &JobArgs) -> Result<Description, CliError> {
    let plugin = load_plugin(&engine()?, args.plugin.as_ref(), limits(args), &args.export.google.credentials)?;
    Ok(open_for_inspection(&plugin, &args.config)?.description().clone())
}

/// A place for dead letters: a file, or an object where the path is an address.
pub(crate) fn letter_box(path: &Path, google: &Credentials) -> Result<LetterBox, CliError> {
    Ok(match files::address(path) {
        Some(text) => LetterBox::Object { address: files::parse(text)?, credentials: google.clone() },
        None => LetterBox::File(path.to_owned()),
    })
}

/// The files that an argument names; what a person should know of them goes to the log.
///
/// `whole`: a run is about to read all of them.
pub(crate) fn find(args: &ExportArgs, whole: bool) -> Result<Input, CliError> {
    let options =
        DiscoverOptions { allow_partial: args.allow_partial, credentials: args.google.credentials.clone(), whole };
    let input = discover(&args.export, &options)?;
    if let Some(file) = input.files.iter().find(|f| f.format == Format::Log && f.export.is_none()) {
        tracing::warn!("{} is read without its export's metadata, so it cannot be proved complete", file.name);
    }
    for warning in &input.warnings {
        tracing::warn!("{warning}");
    }
    Ok(input)
}

/// An engine with the user's cache of compiled plugins.
pub(crate) fn engine() -> Result<Engine, CliError> {
    Ok(Engine::new(cache_dir())?)
}

/// A component that was read, to be loaded as often as it takes.
pub(crate) struct Component {
    /// In messages.
    name: String,
    bytes: Cow<'static, [u8]>,
}

impl Component {
    /// Of a file, or the built-in plugin.
    pub(crate) fn read(file: Option<&ComponentFile>, google: &Credentials) -> Result<Self, CliError> {
        Ok(match file {
            None => Self { name: DEFAULT_PLUGIN_NAME.to_owned(), bytes: Cow::Borrowed(DEFAULT_PLUGIN) },
            Some(file) => {
                let bytes = files::read_component(file, google)?;
                Self { name: file.path.display().to_string(), bytes: Cow::Owned(bytes) }
            }
        })
    }

    /// Loads and checks it.
    pub(crate) fn load(&self, engine: &Engine, limits: Limits) -> Result<Plugin, CliError> {
        Ok(Plugin::load(engine, &self.name, &self.bytes, limits)?)
    }

    /// Its bytes.
    pub(crate) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// Reads, loads and checks a component, or the built-in plugin.
pub(crate) fn load_plugin(
    engine: &Engine,
    file: Option<&ComponentFile>,
    limits: Limits,
    google: &Credentials,
) -> Result<Plugin, CliError> {
    Component::read(file, google)?.load(engine, limits)
}

/// Opens a plugin for a look at it: no run, so a time and an id that mean nothing.
pub(crate) fn open_for_inspection(plugin: &Plugin, config: &ConfigArgs) -> Result<ConfiguredPlugin, CliError> {
    let settings = settings(plugin, &config.config)?;
    Ok(plugin.configure(&settings, Context { run_id: "inspect".to_owned(), started_at: 0 })?)
}

/// Where compiled components are kept. Without a home there is no cache.
fn cache_dir() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "gristmill").map(|dirs| dirs.cache_dir().join("plugins"))
}

fn workers(args: &JobArgs) -> usize {
    args.workers
        .map(usize::from)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

/// Microseconds since the Unix epoch, by the clock of the machine.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

pub(crate) fn file_error(path: &Path, source: io::Error) -> CliError {
    CliError::File { path: path.to_owned(), source }
}

/// The settings of the command line, each of the type that the plugin declares.
pub(crate) fn settings(plugin: &Plugin, config: &[String]) -> Result<Map<String, Value>, CliError> {
    let mut settings = Map::new();
    for text in config {
        let fail = |what: String| CliError::Config { text: text.clone(), what };
        if let Some(path) = text.strip_prefix('@') {
            let path = Path::new(path);
            let bytes = std::fs::read(path).map_err(|e| file_error(path, e))?;
            match serde_json::from_slice(&bytes) {
                Ok(Value::Object(object)) => settings.extend(object),
                Ok(_) => return Err(fail("the file holds no JSON object".to_owned())),
                Err(e) => return Err(fail(format!("the file is not JSON: {e}"))),
            }
            continue;
        }
        let (key, value) = text.split_once('=').ok_or_else(|| fail("it is not KEY=VALUE or @FILE".to_owned()))?;
        let declared = plugin.about().config.iter().find(|f| f.name == key).map(|f| f.ty);
        let value = match declared {
            Some(Scalar::String) => Value::String(value.to_owned()),
            // An unknown key is refused by the plugin's check, which lists those that exist.
            None => Value::Null,
            Some(ty) => {
                serde_json::from_str(value).map_err(|_| fail(format!("`{key}` takes a value of type {}", ty.name())))?
            }
        };
        settings.insert(key.to_owned(), value);
    }
    Ok(settings)
}
