//! One instance of a plugin: a memory of its own, and the ceilings on each call.
//!
//! Which parts of the contract it has is told by what the component exports: it maps, judges, or both.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Component, InstancePre, Linker, WasmStr};
use wasmtime::{Store, StoreContextMut, Trap};

use crate::Engine;
use crate::bindings::{CallTransform, CallValidate, Find, Level, Output, VERSIONS, columns, schema, validate};
use crate::contract::Parts;
use crate::limits::{Ceiling, Deadline, Limits, Overrun};
use crate::log::Log;
use crate::text::tame;
use crate::wasi::{NotOffered, Random, Refused};

/// Why a call failed by the plugin's fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Stable: see [`crate::RecordFault`].
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Fault {
    /// It trapped.
    pub(crate) const TRAP: &str = "plugin.trap";
    /// It ran longer than it may.
    pub(crate) const TIMEOUT: &str = "plugin.timeout";
    /// It asked for more memory than it may have.
    pub(crate) const MEMORY: &str = "plugin.memory";
    /// It returned more than it may.
    pub(crate) const OUTPUT_SIZE: &str = "plugin.output-size";
    /// It returned an error.
    pub(crate) const ERROR: &str = "plugin.error";
    /// What it returned breaks a rule of the contract.
    pub(crate) const OUTPUT: &str = "plugin.output";

    pub(crate) fn output(message: String) -> Self {
        Self { code: Self::OUTPUT, message }
    }
}

/// What the host keeps with an instance.
pub(crate) struct State {
    ceiling: Ceiling,
    deadline: Deadline,
    log: Log,
    /// What it printed of lines that have not ended, on standard output and standard error.
    lines: [Vec<u8>; 2],
    random: Random,
    refused: Refused,
    started_at: i64,
    /// Whether it has been opened. What asks for the environment before that is a language's own start, in its first call.
    is_open: bool,
}

impl State {
    /// When the run was started, microseconds since the Unix epoch.
    pub(crate) fn started_at(&self) -> i64 {
        self.started_at
    }

    pub(crate) fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    pub(crate) fn refused(&self) -> &Refused {
        &self.refused
    }

    /// Passes what it prints on to the log, line by line.
    pub(crate) fn print(&mut self, is_error: bool, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let level = if is_error { Level::Warn } else { Level::Info };
            if self.log.is_full() {
                // Counted, and not kept.
                self.log.begin(level);
                continue;
            }
            let [out, err] = &mut self.lines;
            let line = if is_error { err } else { out };
            line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || line.len() > LONGEST_LINE {
                self.end_line(is_error);
            }
        }
    }

    fn end_line(&mut self, is_error: bool) {
        let [out, err] = &mut self.lines;
        let line = std::mem::take(if is_error { err } else { out });
        let text = String::from_utf8_lossy(&line);
        let (text, level) = (text.trim_end(), if is_error { Level::Warn } else { Level::Info });
        if !text.is_empty() && self.log.begin(level) {
            self.log.pass_on(level, text);
        }
    }
}

/// Bytes after which what is printed is passed on, though the line has not ended.
const LONGEST_LINE: usize = 4096;

/// The host's side of the world: `log`, the names of the interfaces that hold types alone, and what stands in for WASI where a component asks
/// for it.
pub(crate) fn linker(engine: &wasmtime::Engine, component: &Component) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    crate::wasi::link(&mut linker, component)?;
    // The draft has the number of the version that was released last until work on it goes on.
    linker.allow_shadowing(true);
    for version in VERSIONS {
        for name in version.types {
            linker.instance(name)?;
        }
        linker.instance(version.log)?.func_wrap(
            "log",
            |mut store: StoreContextMut<'_, State>, (level, text): (Level, WasmStr)| {
                if store.data_mut().log.begin(level) {
                    let text = text.to_str(&store)?;
                    store.data().log.pass_on(level, &text);
                }
                Ok(())
            },
        )?;
    }
    Ok(linker)
}

/// Makes instances.
#[derive(Clone)]
pub(crate) struct Maker {
    pre: InstancePre<State>,
    transform: Option<Find<dyn CallTransform>>,
    validate: Option<Find<dyn CallValidate>>,
    pub(crate) limits: Limits,
    pub(crate) plugin: Arc<str>,
    random: Random,
    refused: Refused,
    started_at: i64,
    /// Its clock must tick as long as there is an instance that may have to be interrupted.
    _engine: Engine,
}

impl Maker {
    pub(crate) fn new(
        engine: &Engine,
        pre: InstancePre<State>,
        parts: Parts,
        limits: Limits,
        plugin: Arc<str>,
    ) -> wasmtime::Result<Self> {
        let transform = parts.transform.map(|version| (version.transform.find)(&pre)).transpose()?;
        let validate = parts.validate.map(|version| (version.validate.find)(&pre)).transpose()?;
        let (random, refused) = (Random::of(""), Refused::default());
        Ok(Self { pre, transform, validate, limits, plugin, random, refused, started_at: 0, _engine: engine.clone() })
    }

    /// The same for the instances of a run: what stands in for the clock and for random numbers is of its start and its configuration.
    pub(crate) fn of_run(&self, started_at: i64, config: &str) -> Self {
        Self { random: Random::of(config), refused: Refused::default(), started_at, ..self.clone() }
    }

    /// What instances asked for and did not get, and how often.
    pub(crate) fn refused(&self) -> Vec<(String, u64)> {
        self.refused.all()
    }

    pub(crate) fn maps(&self) -> bool {
        self.transform.is_some()
    }

    pub(crate) fn judges(&self) -> bool {
        self.validate.is_some()
    }

    /// A fresh instance.
    pub(crate) fn make(&self) -> Result<Instance, Fault> {
        let limit = self.limits.call_time;
        let state = State {
            ceiling: Ceiling::new(self.limits.memory),
            deadline: Deadline::new(limit),
            log: Log::new(Arc::clone(&self.plugin)),
            lines: Default::default(),
            random: self.random.clone(),
            refused: self.refused.clone(),
            started_at: self.started_at,
            is_open: false,
        };
        let mut store = Store::new(self.pre.component().engine(), state);
        store.limiter(|state| &mut state.ceiling);
        store.epoch_deadline_callback(|store| store.data().deadline.at_tick());
        store.set_epoch_deadline(1);
        store.set_hostcall_fuel(self.limits.output);
        let parts = self.pre.instantiate(&mut store).and_then(|instance| {
            let transform = self.transform.as_ref().map(|part| part.load(&mut store, &instance)).transpose()?;
            let validate = self.validate.as_ref().map(|part| part.load(&mut store, &instance)).transpose()?;
            Ok((transform, validate))
        });
        match parts {
            Ok((transform, validate)) => {
                Ok(Instance { store, transform, validate, memory_limit: self.limits.memory, first_memory: None })
            }
            Err(error) => Err(classify(&mut store, &error)),
        }
    }
}

/// An instance. After a fault it must be thrown away.
pub(crate) struct Instance {
    store: Store<State>,
    transform: Option<Box<dyn CallTransform>>,
    validate: Option<Box<dyn CallValidate>>,
    memory_limit: u64,
    /// Bytes of its memories after it was first asked whether it is worn.
    first_memory: Option<u64>,
}

impl Instance {
    pub(crate) fn identify(&mut self, limit: Duration) -> Result<schema::About, Fault> {
        self.call(limit, |parts, store| match (parts.transform, parts.validate) {
            (Some(transform), _) => transform.identify(store),
            (None, Some(validate)) => validate.identify(store),
            (None, None) => Err(lacks("identify")),
        })
    }

    /// Opens it to map. `Ok(Err(…))` is the plugin's refusal.
    pub(crate) fn open(
        &mut self,
        limit: Duration,
        config: &str,
        context: schema::Context<'_>,
    ) -> Result<Result<schema::Description, String>, Fault> {
        let opened = self.call(limit, |parts, store| match parts.transform {
            Some(transform) => transform.open(store, config, context),
            None => Err(lacks("transform")),
        });
        self.store.data_mut().is_open = true;
        opened
    }

    pub(crate) fn transform(&mut self, limit: Duration, batch: columns::BatchParam<'_>) -> Result<Output, Fault> {
        self.call(limit, |parts, store| match parts.transform {
            Some(transform) => transform.transform(store, batch),
            None => Err(lacks("transform")),
        })?
        .map_err(|said| plugin_says(&said))
    }

    /// Opens it to judge the rows of a table. `Ok(Err(…))` is the plugin's refusal.
    pub(crate) fn open_validate(
        &mut self,
        limit: Duration,
        config: &str,
        context: schema::Context<'_>,
        types: &[schema::DataTypeParam<'_>],
        table: schema::TableParam<'_>,
    ) -> Result<Result<Vec<String>, String>, Fault> {
        let opened = self.call(limit, |parts, store| match parts.validate {
            Some(validate) => validate.open(store, config, context, types, table),
            None => Err(lacks("validate")),
        });
        self.store.data_mut().is_open = true;
        opened
    }

    pub(crate) fn validate(
        &mut self,
        limit: Duration,
        rows: columns::BatchParam<'_>,
    ) -> Result<Vec<validate::Violation>, Fault> {
        self.call(limit, |parts, store| match parts.validate {
            Some(validate) => validate.validate(store, rows),
            None => Err(lacks("validate")),
        })?
        .map_err(|said| plugin_says(&said))
    }

    /// Whether its memory has grown so far that a fresh instance had better make the next call: it takes more than half of what it may have, and
    /// twice of what it had after its first call, which is when this is to be asked first. What a language's run-time library forgets to free
    /// would end in a fault otherwise, after however many calls.
    pub(crate) fn is_worn(&mut self) -> bool {
        let now = self.memory();
        let first = *self.first_memory.get_or_insert(now);
        now > self.memory_limit / 2 && now / 2 >= first
    }

    /// Bytes of its memories.
    pub(crate) fn memory(&self) -> u64 {
        self.store.data().ceiling.memory()
    }

    /// Processor time that the last call took.
    pub(crate) fn elapsed(&self) -> Duration {
        self.store.data().deadline.elapsed()
    }

    fn call<R>(
        &mut self,
        limit: Duration,
        call: impl FnOnce(Exported<'_>, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> Result<R, Fault> {
        let state = self.store.data_mut();
        state.deadline = Deadline::new(limit);
        state.ceiling.take_refused();
        state.random.restart();
        self.store.set_epoch_deadline(1);
        let parts = Exported { transform: self.transform.as_deref(), validate: self.validate.as_deref() };
        let outcome = call(parts, &mut self.store);
        // What it printed belongs to this call, with or without an end of line.
        self.store.data_mut().end_line(false);
        self.store.data_mut().end_line(true);
        outcome.map_err(|error| classify(&mut self.store, &error))
    }
}

/// The parts of the contract that an instance has.
struct Exported<'a> {
    transform: Option<&'a dyn CallTransform>,
    validate: Option<&'a dyn CallValidate>,
}

/// Who asks has checked what the component exports.
fn lacks(part: &str) -> wasmtime::Error {
    wasmtime::Error::msg(format!("it does not export `{part}`"))
}

fn plugin_says(said: &str) -> Fault {
    Fault { code: Fault::ERROR, message: format!("the plugin says: {}", tame(said, 1024)) }
}

/// What wasmtime's error means. A guest that is refused memory commonly traps itself, so that is looked at before the trap.
fn classify(store: &mut Store<State>, error: &wasmtime::Error) -> Fault {
    let text = format!("{error:#}");
    let most_output = store.hostcall_fuel();
    let ceiling = &mut store.data_mut().ceiling;
    let (code, message) = if let Some(overrun) = error.downcast_ref::<Overrun>() {
        (Fault::TIMEOUT, overrun.to_string())
    } else if text.contains("fuel allocated for hostcalls") {
        (Fault::OUTPUT_SIZE, format!("it returned more than {most_output} bytes"))
    } else if ceiling.take_refused() {
        (Fault::MEMORY, format!("it asked for more than {} bytes of memory", ceiling.memory_limit()))
    } else if let Some(call) = error.downcast_ref::<NotOffered>() {
        (Fault::TRAP, call.to_string())
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        (Fault::TRAP, trap.to_string())
    } else {
        (Fault::OUTPUT, format!("what it returned cannot be read: {}", tame(&text, 512)))
    };
    Fault { code, message }
}
