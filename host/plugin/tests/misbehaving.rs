//! Each way to break a rule: always, and on one record among a thousand.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on says where it stands")]

mod support;

use std::time::Duration;

use arrow_array::cast::AsArray;
use gristmill_plugin::{Limits, Mapped, PluginError, Transform};
use gristmill_record::Diagnose;
use support::{LIMITS, liar, marked_records, records};

/// Modes and the code that their fault has.
const MODES: &[(&str, &str)] = &[
    ("endless-loop", "plugin.timeout"),
    ("trap", "plugin.trap"),
    ("deep-recursion", "plugin.trap"),
    ("allocation-bomb", "plugin.memory"),
    ("output-flood", "plugin.output-size"),
    ("returns-error", "plugin.error"),
    ("offsets-backwards", "plugin.output"),
    ("offsets-first", "plugin.output"),
    ("offsets-last", "plugin.output"),
    ("offsets-beyond", "plugin.output"),
    ("offsets-missing", "plugin.output"),
    ("wrong-lengths", "plugin.output"),
    ("wrong-rows", "plugin.output"),
    ("invalid-utf8", "plugin.output"),
    ("split-character", "plugin.output"),
    ("validity-length", "plugin.output"),
    ("wrong-type", "plugin.output"),
    ("null-in-required", "plugin.output"),
    ("timestamp-out-of-range", "plugin.output"),
    ("array-unused", "plugin.output"),
    ("array-twice", "plugin.output"),
    ("array-out-of-range", "plugin.output"),
    ("columns-missing", "plugin.output"),
    ("tables-missing", "plugin.output"),
    ("tables-extra", "plugin.output"),
    ("origin-out-of-range", "plugin.output"),
    ("origins-backwards", "plugin.output"),
    ("origins-length", "plugin.output"),
    ("origins-absent", "plugin.output"),
    ("rejection-out-of-range", "plugin.output"),
    ("rejected-and-mapped", "plugin.output"),
    ("rejected-twice", "plugin.output"),
    ("rejection-code", "plugin.output"),
    ("rejection-message", "plugin.output"),
    ("rejection-input", "plugin.output"),
];

/// Room for the flood of 80 MiB, which must be stopped at the output's ceiling and not at the memory's, and time to fill memory on a slow
/// machine.
fn limits_of(mode: &str) -> Limits {
    match mode {
        "output-flood" => Limits { memory: 256 << 20, call_time: Duration::from_secs(2), ..LIMITS },
        "allocation-bomb" => Limits { call_time: Duration::from_secs(2), ..LIMITS },
        _ => LIMITS,
    }
}

/// The values of the column x with the input row each was made from.
fn rows(mapped: &Mapped) -> Vec<(u32, String)> {
    let mut all = Vec::new();
    for part in &mapped.parts {
        assert_eq!(part.tables.len(), 1);
        let table = &part.tables[0];
        for (i, x) in table.rows.column(0).as_string::<i32>().iter().enumerate() {
            let origin = table.origins.as_ref().map_or(u32::try_from(i).unwrap(), |o| o[i]);
            all.push((part.first_row + origin, x.unwrap().to_owned()));
        }
    }
    all
}

fn expected_rows(count: u32, without: Option<u32>) -> Vec<(u32, String)> {
    (0..count).filter(|i| Some(*i) != without).map(|i| (i, format!("x{i}"))).collect()
}

#[test]
fn the_honest_guest_maps_every_record() {
    let plugin = liar("ok", "always", LIMITS).unwrap();
    let mut worker = plugin.worker().unwrap();
    for _ in 0..3 {
        let mapped = worker.transform(&marked_records(&plugin, 7)).unwrap();
        assert_eq!((mapped.parts.len(), mapped.faults.len()), (1, 0));
        assert_eq!(rows(&mapped), expected_rows(1_000, None));
        assert_eq!(mapped.parts[0].tables[0].rows.column(1).len(), 1_000);
    }
    assert!(worker.transform(&marked_records(&plugin, 0).slice(0, 0)).unwrap().parts.is_empty());
}

#[test]
fn a_fault_on_one_record_is_that_record_s_alone() {
    for (mode, code) in MODES {
        let plugin = liar(mode, "marked", limits_of(mode)).unwrap();
        let mut worker = plugin.worker().unwrap();
        for marked in [0, 381, 999] {
            let mapped = worker.transform(&marked_records(&plugin, marked)).unwrap();
            let marked = u32::try_from(marked).unwrap();
            let faults: Vec<_> = mapped.faults.iter().map(|f| (f.row, f.code)).collect();
            assert_eq!(faults, [(marked, *code)], "{mode}: {:?}", mapped.faults);
            assert_eq!(rows(&mapped), expected_rows(1_000, Some(marked)), "{mode}");
            let parts: Vec<_> = mapped.parts.iter().map(|p| p.first_row).collect();
            assert!(parts.is_sorted(), "{mode}: {parts:?}");
            // The slow ones once, in the middle: each place costs a dozen calls.
            if matches!(*code, "plugin.timeout" | "plugin.memory" | "plugin.output-size") {
                break;
            }
        }
    }
}

#[test]
fn a_fault_on_every_record_ends_the_run() {
    for (mode, code) in MODES {
        let plugin = liar(mode, "always", Limits { faults: 3, ..limits_of(mode) }).unwrap();
        let mut worker = plugin.worker().unwrap();
        let error = worker.transform(&marked_records(&plugin, 7)).unwrap_err();
        let PluginError::TooManyFaults { plugin: name, last_code, records, .. } = &error else {
            panic!("{mode}: {error}")
        };
        assert_eq!((name.as_str(), *last_code), ("liar", *code), "{mode}");
        assert!(*records <= 4, "{mode}: {error}");
        assert!(error.to_string().contains(code) && error.remedy().is_some(), "{error}");
    }
}

#[test]
fn an_endless_loop_on_every_record_ends_in_bounded_time() {
    let limits = Limits { faults: u32::MAX, call_time: Duration::from_millis(50), ..LIMITS };
    let plugin = liar("endless-loop", "always", limits).unwrap();
    let (mut worker, batch) = (plugin.worker().unwrap(), marked_records(&plugin, 7));
    // The clock goes on for a worker that outlives its plugin.
    drop(plugin);
    let start = cpu_time::ThreadTime::now();
    let error = worker.transform(&batch).unwrap_err();
    assert!(matches!(&error, PluginError::TooManyFaults { .. }), "{error}");
    assert!(error.to_string().contains("1.5 s of processor time"), "{error}");
    // 30 limits of 50 ms, and what the last call took.
    assert!(start.elapsed().as_secs_f64() < 3.0, "{:?}", start.elapsed());
}

#[test]
fn too_much_output_is_told_from_too_much_memory() {
    // The guest is refused the memory for a larger flood first, and then sends a smaller one.
    let limits = Limits { memory: 32 << 20, output: 8 << 20, ..LIMITS };
    let plugin = liar("output-flood", "marked", limits).unwrap();
    let mapped = plugin.worker().unwrap().transform(&marked_records(&plugin, 3).slice(3, 1)).unwrap();
    assert_eq!(mapped.faults[0].code, "plugin.output-size", "{:?}", mapped.faults);
}

#[test]
fn the_limit_on_faults_is_shared_by_workers() {
    let plugin = liar("trap", "often", Limits { faults: 10, ..LIMITS }).unwrap();
    let batch = |first: i64| records(&plugin, (first..first + 60).collect());
    let (mut one, mut two) = (plugin.worker().unwrap(), plugin.worker().unwrap());
    assert_eq!(one.transform(&batch(0)).unwrap().faults.len(), 6);
    let faults: Vec<_> = one.transform(&batch(1_005).slice(0, 30)).unwrap().faults.iter().map(|f| f.row).collect();
    assert_eq!(faults, [5, 15, 25]);
    assert!(matches!(two.transform(&batch(0)), Err(PluginError::TooManyFaults { records: 11, .. })));
}

#[test]
fn what_an_instance_remembers_blames_no_record() {
    // It traps on the third record that an instance sees: every record is innocent.
    let plugin = liar("trap", "third", LIMITS).unwrap();
    let mut worker = plugin.worker().unwrap();
    for count in [1_000_u32, 1, 1, 1, 1, 2, 2, 1_000] {
        let batch = marked_records(&plugin, 7).slice(0, usize::try_from(count).unwrap());
        let mapped = worker.transform(&batch).unwrap();
        assert_eq!(mapped.faults, [], "{count}");
        assert_eq!(rows(&mapped), expected_rows(count, None));
    }
}

#[test]
fn rejections_are_passed_on() {
    let plugin = liar("reject-all", "always", LIMITS).unwrap();
    let mapped = plugin.worker().unwrap().transform(&marked_records(&plugin, 7).slice(990, 10)).unwrap();
    assert_eq!((mapped.parts.len(), mapped.faults.len()), (1, 0));
    assert_eq!(mapped.parts[0].tables[0].rows.num_rows(), 0);
    assert_eq!(mapped.parts[0].rejections.iter().map(|r| r.row).collect::<Vec<_>>(), (0..10).rev().collect::<Vec<_>>());
    let first = &mapped.parts[0].rejections[0];
    assert_eq!((first.code.as_str(), first.message.as_str()), ("refused", "for the test"));
}

#[test]
fn a_failing_open_is_the_plugin_s() {
    for (mode, words) in [("open-loops", "plugin.timeout"), ("open-traps", "plugin.trap")] {
        let error = liar(mode, "always", LIMITS).err().unwrap();
        assert!(matches!(&error, PluginError::Failed { during: "open", .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = liar("open-refuses", "always", LIMITS).err().unwrap();
    assert!(matches!(&error, PluginError::Refused { why, .. } if why == "this setting cannot be used"), "{error}");
}

#[test]
fn a_wrong_description_names_the_item() {
    for (fault, words) in [
        ("type-cycle", "type 3 refers to type 3"),
        ("type-forward", "type 0 refers to type 2"),
        ("type-out-of-range", "input `n`: its type is number 99"),
        ("column-type-out-of-range", "table `things`, column `n`: its type is number 4294967295"),
        ("deep-type", "nests deeper than 32"),
        ("wide-type", "has more than 10000 parts"),
        ("bushy-type", "has more than 10000 parts"),
        ("duplicate-input", "input `x`"),
        ("no-tables", "declares no tables"),
        ("unknown-key", "`y`"),
        ("unknown-capture", "captures no `y`"),
        ("date-input", "input `n`"),
        ("pattern", "ends with a collection"),
    ] {
        let error = liar(&format!("bad-description-{fault}"), "always", LIMITS).err().unwrap();
        assert!(matches!(&error, PluginError::Types { .. } | PluginError::Description { .. }), "{fault}: {error}");
        let text = error.to_string();
        assert!(text.contains(words) && text.starts_with("liar "), "{fault}: {text}");
    }
}

/// A run-time library that does not free what it took, a mebibyte a call: the instance is replaced before it is refused memory.
#[test]
fn an_instance_that_grows_is_replaced_before_it_fails() {
    let limits = Limits { memory: 64 << 20, ..LIMITS };
    let plugin = liar("leaks", "always", limits).unwrap();
    let mut worker = plugin.worker().unwrap();
    let mut most = 0;
    let mut replaced = 0;
    for _ in 0..200 {
        let mapped = worker.transform(&records(&plugin, (0..10).collect())).unwrap();
        assert_eq!((mapped.faults.len(), mapped.parts.len()), (0, 1));
        match worker.memory() {
            Some(memory) => most = most.max(memory),
            None => replaced += 1,
        }
    }
    assert!((5..20).contains(&replaced), "{replaced}");
    assert!(most > 30 << 20 && most <= limits.memory / 2, "{most}");

    // One that is large from the beginning, and stays as it is, is kept.
    let plugin = liar("ok", "always", Limits { memory: 2 << 20, ..LIMITS }).unwrap();
    let mut worker = plugin.worker().unwrap();
    for _ in 0..20 {
        worker.transform(&records(&plugin, (0..10).collect())).unwrap();
        assert!(worker.memory().is_some_and(|memory| memory > 1 << 20));
    }
}
