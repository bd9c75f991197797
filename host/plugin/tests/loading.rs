//! What is loaded, what is not, and the cache of compiled plugins.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where it stands")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use gristmill_plugin::{Engine, Limits, Plugin, PluginError, Transform};
use gristmill_record::{Blame, Diagnose};
use serde_json::json;
use support::{ENGINE, LIMITS, context, guest, liar, load, marked_records, settings};

#[test]
fn a_plugin_says_what_it_is() {
    let plugin = load("liar", LIMITS).unwrap();
    assert_eq!((plugin.about().name.as_str(), plugin.about().version.as_str()), ("liar", "1.0.0"));
    assert_eq!(plugin.about().config.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["mode", "when"]);
    assert_eq!(plugin.about().config[0].default, Some(json!("ok")));
    assert_eq!(plugin.exports(), ["gristmill:plugin/transform@0.1.0"]);
    assert!(plugin.imports().contains(&"gristmill:plugin/log@0.1.0".to_owned()), "{:?}", plugin.imports());
    assert_eq!(plugin.digest().len(), 64);
    let configured = plugin.configure(&settings(json!({})), context()).unwrap();
    assert_eq!(configured.config(), r#"{"mode":"ok","when":"always"}"#);
    assert_eq!(configured.description().pattern().as_str(), "things/{x}");
}

#[test]
fn an_import_that_is_not_offered_is_named() {
    let error = load("stranger", LIMITS).err().unwrap();
    assert!(matches!(&error, PluginError::Import { import, .. } if import == "test:stranger/clock"), "{error}");
    assert_eq!(error.blame(), Blame::Plugin);
}

#[test]
fn another_version_is_told_from_this_one() {
    let error = load("foreign-version", LIMITS).err().unwrap();
    assert!(matches!(&error, PluginError::Version { .. }), "{error}");
    assert!(error.to_string().contains("version 0.2.0") && error.to_string().contains("version 0.1.0"), "{error}");
}

#[test]
fn what_is_no_component_is_told() {
    let load = |bytes: &[u8]| Plugin::load(&ENGINE, "p.wasm", bytes, LIMITS).err().unwrap();
    let error = load(b"\0asm\x01\0\0\0");
    assert!(matches!(error, PluginError::CoreModule { .. }), "{error}");
    assert!(error.remedy().unwrap().contains("wasm-tools component new"));
    assert!(matches!(load(b"#!/bin/sh"), PluginError::NotWasm { .. }));
    assert!(matches!(load(b""), PluginError::NotWasm { .. }));
    // A component that ends too early, and one without anything in it.
    let bytes = guest("liar");
    assert!(matches!(load(&bytes[..bytes.len() / 2]), PluginError::Compile { .. }));
    assert!(matches!(load(b"\0asm\x0d\0\x01\0"), PluginError::NoPart { .. }));
}

#[test]
fn settings_are_checked_before_the_plugin_sees_them() {
    let plugin = load("liar", LIMITS).unwrap();
    for (given, words) in [
        (json!({"modus": "ok"}), "there is no setting `modus`; it has `mode`, `when`"),
        (json!({"mode": 7}), "`mode` is of type string"),
    ] {
        let error = plugin.configure(&settings(given), context()).err().unwrap();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.blame(), Blame::Usage);
    }
    let echo = load("echo", LIMITS).unwrap();
    let error = echo.configure(&settings(json!({})), context()).err().unwrap();
    assert!(error.to_string().contains("`types`, of type string, has no default"), "{error}");
}

#[test]
fn a_plugin_that_needs_more_memory_than_it_may_have_does_not_start() {
    let error = load("liar", Limits { memory: 64 << 10, ..LIMITS }).err().unwrap();
    assert!(matches!(&error, PluginError::Failed { during: "start", code: "plugin.memory", .. }), "{error}");
}

/// Compiled plugins; beside each lies the file by which one process waits for another that compiles it.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let files = folders.flat_map(|f| std::fs::read_dir(f).unwrap().map(|e| e.unwrap().path()));
    files.filter(|path| path.extension().is_some_and(|e| e == "cwasm")).collect()
}

/// Two that load it at the same time compile it once.
#[test]
fn whoever_comes_second_waits_for_what_the_first_compiles() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = guest("liar");
    let load = || {
        let engine = Engine::new(Some(folder.path().to_owned())).unwrap();
        Plugin::load(&engine, "liar", &bytes, LIMITS).unwrap();
    };
    let from_cache = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| heard(&load).1.contains("from the cache"))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).filter(|heard| *heard).count()
    });
    assert_eq!(from_cache, 3);
}

#[test]
fn a_compiled_plugin_is_read_back_and_a_damaged_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let bytes = guest("liar");
    let load = || {
        let engine = Engine::new(Some(cache.clone())).unwrap();
        let plugin = Plugin::load(&engine, "liar", &bytes, LIMITS).unwrap();
        let plugin = plugin.configure(&settings(json!({})), context()).unwrap();
        plugin.worker().unwrap().transform(&marked_records(&plugin, 7)).unwrap();
    };
    // A file that is read keeps its inode; one that is compiled again is replaced.
    let (_, fresh) = heard(&load);
    assert!(!fresh.contains("from the cache"), "{fresh}");
    let [entry] = entries(&cache).try_into().unwrap();
    let whole = std::fs::read(&entry).unwrap();
    assert!(entry.to_str().unwrap().ends_with(".cwasm"));

    let (_, second) = heard(&load);
    assert!(second.contains("from the cache"), "{second}");

    for at in [3, 20, 60, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        std::fs::write(&entry, &damaged).unwrap();
        let (_, third) = heard(&load);
        assert!(third.contains("is damaged") && !third.contains("from the cache"), "{third}");
        assert_eq!(std::fs::read(&entry).unwrap(), whole, "byte {at}");
    }

    // What another engine compiled lies elsewhere; brought here under the right name it is still not taken.
    let foreign = cache.join("0123456789abcdef");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::rename(&entry, foreign.join(entry.file_name().unwrap())).unwrap();
    let (_, fourth) = heard(&load);
    assert!(!fourth.contains("from the cache"), "{fourth}");
    assert_eq!(std::fs::read(&entry).unwrap(), whole);
}

#[test]
fn messages_are_few_short_and_harmless() {
    for (mode, shown, more) in [("log-flood", 100, true), ("log-long", 1, false)] {
        let plugin = liar(mode, "always", Limits { call_time: std::time::Duration::from_secs(5), ..LIMITS }).unwrap();
        let ((), text) = heard(&|| {
            let mut worker = plugin.worker().unwrap();
            let mapped = worker.transform(&marked_records(&plugin, 7)).unwrap();
            assert_eq!(mapped.faults, []);
        });
        let messages: Vec<_> = text.lines().filter(|l| l.contains("gristmill::plugin")).collect();
        assert_eq!(messages.len(), shown + usize::from(more), "{text}");
        assert_eq!(text.contains("999900 more messages"), more, "{text}");
        assert!(messages.iter().all(|m| m.len() < 1_300), "{text}");
        if mode == "log-long" {
            assert!(text.contains("first\\nsecond \\u{1b}[31mxxx") && text.contains('…'), "{text}");
        }
    }
}

/// What `f` says through `tracing`, a line an event.
fn heard<R>(f: &dyn Fn() -> R) -> (R, String) {
    let text = Arc::new(Mutex::new(String::new()));
    let result = tracing::subscriber::with_default(Ear(Arc::clone(&text)), f);
    let text = text.lock().unwrap().clone();
    (result, text)
}

struct Ear(Arc<Mutex<String>>);

impl tracing::Subscriber for Ear {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("gristmill")
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Line(String);
        impl tracing::field::Visit for Line {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!(" {field}={value:?}"));
            }
        }
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        let mut text = self.0.lock().unwrap();
        text.push_str(&line.0);
        text.push('\n');
    }
}
