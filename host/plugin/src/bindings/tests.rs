//! A version that was frozen is spoken beside the draft. The tests of the crate alone speak it, so these lie in it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use gristmill_record::arrow::input_schema;
use serde_json::Map;

use super::{VERSION, VERSIONS};
use crate::{ConfiguredPlugin, Context, Engine, Limits, Plugin, Transform, Validate};

fn load(name: &str) -> Plugin {
    let bytes = std::fs::read(gristmill_guest::fixture(name).unwrap()).unwrap();
    Plugin::load(&Engine::new(None).unwrap(), name, &bytes, Limits::default()).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn context() -> Context {
    Context { run_id: "run".into(), started_at: 7 }
}

fn configured(plugin: &Plugin) -> ConfiguredPlugin {
    plugin.configure(&Map::new(), context()).unwrap()
}

fn numbers(plugin: &ConfiguredPlugin, numbers: Vec<i64>) -> RecordBatch {
    let column: ArrayRef = Arc::new(Int64Array::from(numbers));
    RecordBatch::try_new(input_schema(plugin.description()), vec![column]).unwrap()
}

/// Built for the older version, it maps and judges, and is of that version; beside it, one of the draft judges its rows.
#[test]
fn a_plugin_of_a_frozen_version_runs_beside_one_of_the_draft() {
    let older = load("older-contract");
    assert_eq!((older.contract(), older.maps(), older.judges()), ("0.0.1", true, true));
    assert_eq!(older.exports(), ["gristmill:plugin/transform@0.0.1", "gristmill:plugin/validate@0.0.1"]);
    let plugin = configured(&older);
    let mapped = plugin.worker().unwrap().transform(&numbers(&plugin, vec![3, -1, 300, 291])).unwrap();
    let part = &mapped.parts[0];
    let refused = &part.rejections[0];
    assert_eq!((refused.row, refused.code.as_str(), refused.message.as_str()), (1, "marked", "it is marked"));
    let rows = &part.tables[0].rows;
    assert_eq!(rows.column(0).as_primitive::<Int64Type>().values()[..], [3, 300, 291]);

    let newer = load("judge");
    assert_eq!((newer.contract(), newer.maps(), newer.judges()), (VERSION, false, true));
    for judge in [&older, &newer] {
        let judge = judge.configure_validator(&Map::new(), context(), plugin.description().tables()).unwrap();
        let said = judge.worker().unwrap().validate(0, rows).unwrap();
        let errors: Vec<_> = said.iter().filter(|v| v.rule == "too-big").map(|v| v.row).collect();
        assert_eq!(errors, [1, 2], "{}", judge.name());
    }
}

/// What the draft is called here is what its files say.
#[test]
fn the_draft_has_the_number_of_its_files() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/plugin.wit")).unwrap();
    assert!(text.starts_with(&format!("package gristmill:plugin@{VERSION};")), "{VERSION}");
}

/// A version that was released is spoken, as long as there is this program.
#[test]
fn every_released_version_has_bindings() {
    let Ok(released) = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/released")) else { return };
    for entry in released.map(Result::unwrap).filter(|entry| entry.path().is_dir()) {
        let version = entry.file_name().into_string().unwrap();
        assert!(VERSIONS.iter().any(|spoken| spoken.number == version), "versions! has no line for {version}");
    }
}
