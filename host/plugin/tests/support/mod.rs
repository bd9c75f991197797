//! What the tests of this crate share: guests, engines, batches.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use gristmill_plugin::{ConfiguredPlugin, Context, Engine, Limits, Plugin, PluginError, Transform};
use gristmill_record::arrow::input_schema;
use serde_json::{Map, Value, json};

/// One engine for all tests of a binary; tests of the cache make their own.
pub(crate) static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(None).unwrap());

/// Short, so that endless loops do not hold up the tests. They count processor time, so that a busy machine does not matter.
pub(crate) const LIMITS: Limits =
    Limits { memory: 64 << 20, call_time: Duration::from_millis(200), output: 16 << 20, faults: 100 };

/// The component of a guest of `plugins/`, built once.
pub(crate) fn guest(name: &str) -> Arc<[u8]> {
    static BUILT: LazyLock<Mutex<HashMap<String, Arc<[u8]>>>> = LazyLock::new(Mutex::default);
    let mut built = BUILT.lock().unwrap();
    let build = || std::fs::read(gristmill_guest::fixture(name).unwrap()).unwrap().into();
    Arc::clone(built.entry(name.to_owned()).or_insert_with(build))
}

pub(crate) fn load(name: &str, limits: Limits) -> Result<Plugin, PluginError> {
    Plugin::load(&ENGINE, name, &guest(name), limits)
}

pub(crate) fn context() -> Context {
    Context { run_id: "run-1".into(), started_at: 1_700_000_000_000_000 }
}

pub(crate) fn settings(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// The guest `liar`, which breaks the rule `mode` on the records of `when`.
pub(crate) fn liar(mode: &str, when: &str, limits: Limits) -> Result<ConfiguredPlugin, PluginError> {
    static LIAR: LazyLock<Plugin> = LazyLock::new(|| load("liar", LIMITS).unwrap());
    let settings = settings(json!({"mode": mode, "when": when}));
    if limits == LIMITS {
        LIAR.configure(&settings, context())
    } else {
        load("liar", limits)?.configure(&settings, context())
    }
}

/// Records for `liar`: x = `x0`, `x1`, …
pub(crate) fn records(plugin: &ConfiguredPlugin, n: Vec<i64>) -> RecordBatch {
    let x: StringArray = (0..n.len()).map(|i| Some(format!("x{i}"))).collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(x), Arc::new(Int64Array::from(n))];
    RecordBatch::try_new(input_schema(plugin.description()), columns).unwrap()
}

/// 1,000 records, the one at `marked` with the mark n = -1.
pub(crate) fn marked_records(plugin: &ConfiguredPlugin, marked: usize) -> RecordBatch {
    records(plugin, (0..1_000).map(|i| if i == marked { -1 } else { i64::try_from(i).unwrap() }).collect())
}
