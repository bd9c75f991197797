//! A transformer that breaks one rule of the contract: the one that its setting `mode` names. Without it, it maps `things/{x}` with
//! the field `n` to a row each, and behaves.
//!
//! It is written on the bare bindings, where every list is free-form and so can lie.

mod description;
mod lies;

wit_bindgen::generate!({ path: "../../../wit", world: "transformer" });

use std::cell::Cell;
use std::sync::OnceLock;

use exports::gristmill::plugin::transform::{Guest, Output};
use gristmill::plugin::columns::{Batch, Values};
use gristmill::plugin::log::{Level, log};
use gristmill::plugin::schema::{About, ConfigField, Context, Description, Scalar};

struct Liar;

struct Settings {
    mode: String,
    when: String,
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();

thread_local! {
    /// Records that this instance has been handed.
    static SEEN: Cell<u64> = const { Cell::new(0) };
}

/// The value of a string setting; the host writes the object, and these values need no escapes.
fn setting(config: &str, name: &str) -> String {
    let after = config.split_once(&format!("\"{name}\":\"")).map_or("", |(_, after)| after);
    after.split('"').next().unwrap_or_default().to_owned()
}

/// Whether this batch is one to misbehave on.
fn is_due(input: &Batch, when: &str) -> bool {
    let seen_before = SEEN.get();
    SEEN.set(seen_before + u64::from(input.rows));
    let has = |value: i64| input.arrays.iter().any(|a| matches!(&a.values, Values::Int64s(n) if n.contains(&value)));
    match when {
        "always" => true,
        // The record with n = -1.
        "marked" => has(-1),
        // Every tenth record.
        "often" => matches!(&input.arrays[1].values, Values::Int64s(n) if n.iter().any(|n| n % 10 == 0)),
        // The third record that an instance sees, whichever it is.
        "third" => seen_before < 3 && seen_before + u64::from(input.rows) >= 3,
        _ => false,
    }
}

impl Guest for Liar {
    fn identify() -> About {
        let field = |name: &str, default: &str, description: &str| ConfigField {
            name: name.into(),
            type_: Scalar::String,
            default: Some(format!("\"{default}\"")),
            description: description.into(),
        };
        About {
            name: "liar".into(),
            version: "1.0.0".into(),
            summary: "Breaks one rule of the contract.".into(),
            config: vec![
                field("mode", "ok", "Which rule to break."),
                field("when", "always", "On which records: always, marked (n = -1), often, third."),
            ],
        }
    }

    fn open(config: String, _: Context) -> Result<Description, String> {
        let settings = Settings { mode: setting(&config, "mode"), when: setting(&config, "when") };
        match settings.mode.as_str() {
            "open-loops" => lies::run_for_ever(),
            "open-traps" => lies::trap(),
            "open-refuses" => return Err("this setting cannot be used".into()),
            _ => {}
        }
        let description = description::of(&settings.mode);
        let _ = SETTINGS.set(settings);
        Ok(description)
    }

    fn transform(input: Batch) -> Result<Output, String> {
        let settings = SETTINGS.get().ok_or("it was not opened")?;
        let is_due = is_due(&input, &settings.when);
        let rows = input.rows;
        let output = lies::honest(input);
        if !is_due {
            return Ok(output);
        }
        match settings.mode.as_str() {
            "endless-loop" => lies::run_for_ever(),
            "trap" => lies::trap(),
            "deep-recursion" => {
                lies::recurse(u64::from(rows));
            }
            "allocation-bomb" => lies::take_memory(),
            "returns-error" => return Err("the plugin cannot go on".into()),
            "log-flood" => (0..1_000_000).for_each(|i| log(Level::Warn, &format!("message {i}"))),
            "log-long" => log(Level::Info, &format!("first\nsecond \u{1b}[31m{}", "x".repeat(100_000))),
            "leaks" => lies::leak(),
            "remembers" => return Ok(lies::remembering(output, SEEN.get())),
            mode => return Ok(lies::broken(mode, output, rows)),
        }
        Ok(output)
    }
}

export!(Liar);
