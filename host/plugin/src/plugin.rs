//! A plugin: loaded, told apart from what is none, and configured.

use std::sync::Arc;

use gristmill_record::arrow::table_schema;
use gristmill_record::{Description, Table};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::contract::Outline;
use crate::faults::Faults;
use crate::instance::{Maker, linker};
use crate::transform::{Transform, TransformWorker};
use crate::validator::{ConfiguredValidator, Judge};
use crate::worker::{Job, Worker};
use crate::{About, Engine, Limits, PluginError};

/// A component that was checked to be a plugin of this version of the contract.
pub struct Plugin {
    maker: Maker,
    about: About,
    digest: String,
    outline: Outline,
}

/// The same for every batch of a run, and for every rerun of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Names the run.
    pub run_id: String,
    /// The one time that a run knows: microseconds since the Unix epoch, UTC.
    pub started_at: i64,
}

impl Plugin {
    /// Loads a component and asks it what it is. `source_name` names it in messages: its path, say.
    ///
    /// # Errors
    /// When the bytes are no plugin of this version of the contract, or it fails to say what it is.
    pub fn load(engine: &Engine, source_name: &str, bytes: &[u8], limits: Limits) -> Result<Self, PluginError> {
        crate::contract::check_file(source_name, bytes)?;
        let digest = digest(bytes);
        let component = compile(engine, source_name, bytes, &digest)?;
        let outline = crate::contract::check(engine.wasmtime(), source_name, &component)?;
        let unfit = |e: wasmtime::Error| PluginError::Compile { plugin: source_name.to_owned(), why: format!("{e:#}") };
        let pre = linker(engine.wasmtime(), &component)
            .and_then(|linker| linker.instantiate_pre(&component))
            .map_err(unfit)?;
        let maker = Maker::new(engine, pre, outline.parts, limits, Arc::from(source_name)).map_err(unfit)?;

        let failed = |during| {
            move |f: crate::instance::Fault| PluginError::Failed {
                plugin: source_name.to_owned(),
                during,
                code: f.code,
                message: f.message,
            }
        };
        let mut instance = maker.make().map_err(failed("start"))?;
        let said = instance.identify(limits.call_time).map_err(failed("identify"))?;
        let about =
            crate::about::check(said).map_err(|what| PluginError::About { plugin: source_name.to_owned(), what })?;
        Ok(Self { maker, about, digest, outline })
    }

    /// What the plugin says of itself.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// SHA-256 of the component, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Names of the interfaces that it imports.
    pub fn imports(&self) -> &[String] {
        &self.outline.imports
    }

    /// Names of the interfaces that it exports.
    pub fn exports(&self) -> &[String] {
        &self.outline.exports
    }

    /// The version of the contract that it was built for; where it maps and judges in different ones, that in which it maps.
    pub fn contract(&self) -> &'static str {
        self.outline.parts.transform.or(self.outline.parts.validate).map_or(crate::CONTRACT, |version| version.number)
    }

    /// Whether it maps records.
    pub fn maps(&self) -> bool {
        self.maker.maps()
    }

    /// Whether it judges rows.
    pub fn judges(&self) -> bool {
        self.maker.judges()
    }

    /// Checks settings against those that the plugin declares, opens it with them for each of the tables and checks which columns it asks for.
    ///
    /// # Errors
    /// When it does not judge rows, when a setting is unknown, missing or of another type, or when its rules cannot be applied to a table.
    pub fn configure_validator(
        &self,
        settings: &Map<String, Value>,
        context: Context,
        tables: &[Table],
    ) -> Result<ConfiguredValidator, PluginError> {
        let plugin = &self.maker.plugin;
        if !self.judges() {
            let exports = crate::contract::list(&self.outline.exports);
            return Err(PluginError::NoValidate { plugin: plugin.to_string(), exports });
        }
        let config = crate::settings::resolve(&self.about, settings)
            .map_err(|what| PluginError::Settings { plugin: plugin.to_string(), what })?;
        let name = format!("{}@{}", self.about.name, self.about.version);
        let judge = Judge::open(
            self.maker.of_run(context.started_at, &config),
            name,
            self.digest.clone(),
            config,
            context,
            tables,
        )?;
        Ok(ConfiguredValidator(Arc::new(judge)))
    }

    /// Checks settings against those that the plugin declares, opens it with them and checks what it declares to read and write.
    ///
    /// # Errors
    /// When it does not map records, when a setting is unknown, missing or of another type, when the plugin refuses them, or when it breaks
    /// a rule.
    pub fn configure(&self, settings: &Map<String, Value>, context: Context) -> Result<ConfiguredPlugin, PluginError> {
        let plugin = &self.maker.plugin;
        if !self.maps() {
            let exports = crate::contract::list(&self.outline.exports);
            return Err(PluginError::NoTransform { plugin: plugin.to_string(), exports });
        }
        let config = crate::settings::resolve(&self.about, settings)
            .map_err(|what| PluginError::Settings { plugin: plugin.to_string(), what })?;
        let maker = self.maker.of_run(context.started_at, &config);
        let (_, said) = crate::worker::open(&maker, &config, &context.run_id, context.started_at)?;
        let description = crate::describe::check(plugin, said)?;
        let table_schemas = description.tables().iter().map(table_schema).collect();
        let job = Job {
            maker,
            config,
            run_id: context.run_id,
            started_at: context.started_at,
            description,
            table_schemas,
            faults: Faults::default(),
        };
        Ok(ConfiguredPlugin { job: Arc::new(job) })
    }
}

/// A plugin that is ready to map records.
pub struct ConfiguredPlugin {
    job: Arc<Job>,
}

impl ConfiguredPlugin {
    /// The configuration that the plugin was opened with: a JSON object with every declared setting, in the plugin's order.
    pub fn config(&self) -> &str {
        &self.job.config
    }
}

impl Transform for ConfiguredPlugin {
    fn description(&self) -> &Description {
        &self.job.description
    }

    fn refused_calls(&self) -> Vec<(String, u64)> {
        self.job.maker.refused()
    }

    fn worker(&self) -> Result<Box<dyn TransformWorker>, PluginError> {
        Ok(Box::new(Worker::new(Arc::clone(&self.job))?))
    }

    fn second_worker(&self) -> Result<Box<dyn TransformWorker>, PluginError> {
        Ok(Box::new(Worker::new(Arc::new(self.job.uncounted()))?))
    }
}

/// Compiles a component, or takes it from the cache.
fn compile(engine: &Engine, plugin: &str, bytes: &[u8], digest: &str) -> Result<Component, PluginError> {
    let fail = |e: wasmtime::Error| PluginError::Compile { plugin: plugin.to_owned(), why: format!("{e:#}") };
    let Some(cache) = engine.cache() else { return Component::new(engine.wasmtime(), bytes).map_err(fail) };
    let cached = || {
        cache
            .load(engine.wasmtime(), digest)
            .inspect(|_| tracing::debug!(plugin, digest, "the compiled plugin comes from the cache"))
    };
    if let Some(component) = cached() {
        return Ok(component);
    }
    let _lock = cache.lock(digest);
    if let Some(component) = cached() {
        return Ok(component);
    }
    let component = Component::new(engine.wasmtime(), bytes).map_err(fail)?;
    match component.serialize() {
        Ok(code) => cache.store(digest, &code),
        Err(error) => tracing::debug!(plugin, %error, "the compiled plugin cannot be kept"),
    }
    Ok(component)
}

/// SHA-256 in hex: of a component, the name of a plugin that cannot lie.
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::new(), |mut out, b| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{b:02x}");
        out
    })
}
