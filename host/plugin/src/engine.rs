//! The WebAssembly engine and the clock that interrupts guests.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::Config;

use crate::PluginError;
use crate::cache::Cache;

/// How often a running guest is interrupted to look at its deadline.
const TICK: Duration = Duration::from_millis(5);

/// Stack of a guest in bytes. Threads that call plugins need twice as much: the host's own frames lie on the same stack.
const STACK: usize = 1 << 20;

/// Compiles and runs plugins. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    wasmtime: wasmtime::Engine,
    cache: Option<Cache>,
    ticker: Ticker,
}

impl Engine {
    /// An engine that keeps compiled plugins in `cache_dir`, where one is given. The folder is made when it is needed.
    ///
    /// # Errors
    /// [`PluginError::Engine`] where the machine does not allow it.
    pub fn new(cache_dir: Option<PathBuf>) -> Result<Self, PluginError> {
        let fail = |why: String| PluginError::Engine { why };
        let wasmtime = wasmtime::Engine::new(&config()).map_err(|e| fail(format!("{e:#}")))?;
        let cache = cache_dir.map(|folder| Cache::new(&folder, &wasmtime));
        let ticker = Ticker::start(&wasmtime).map_err(|e| fail(e.to_string()))?;
        Ok(Self(Arc::new(Inner { wasmtime, cache, ticker })))
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.0.wasmtime
    }

    pub(crate) fn cache(&self) -> Option<&Cache> {
        self.0.cache.as_ref()
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("cache", &self.0.cache).field("ticks", &self.0.ticker.thread.is_some()).finish()
    }
}

/// Instances are allocated on demand, not from a pool: a worker keeps its instance for the whole run, and a pool would reserve address
/// space for the most that there could be. Memory images are mapped copy-on-write either way.
fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // Without it a call costs a quarter. Nothing is asynchronous here.
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(STACK)
        // The same bits on every machine.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false);
    config
}

/// A thread that advances the engine's epoch until it is dropped.
struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: &wasmtime::Engine) -> std::io::Result<Self> {
        let (stop, stopped) = channel::<()>();
        let engine = engine.weak();
        let tick = move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => break,
                }
            }
        };
        let thread = std::thread::Builder::new().name("plugin-clock".into()).spawn(tick)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        // The thread sees the closed channel at once.
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_stops_with_its_engine() {
        let engine = Engine::new(None).unwrap();
        let weak = engine.wasmtime().weak();
        drop(engine);
        assert!(weak.upgrade().is_none());
    }
}
