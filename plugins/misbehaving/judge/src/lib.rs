//! A validator that breaks one rule of the contract: the one that its setting `mode` names. Without it, it judges the column `n`
//! (290 and above is an error, an odd number a warning), and behaves. It misbehaves on batches with n = -1, and where it depends on more than
//! the row, from its second batch on, or on batches of more than one row.
//!
//! It is written on the bare bindings, where everything is free-form and so can lie.

wit_bindgen::generate!({ path: "../../../wit", world: "validator" });

use std::hint::black_box;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use exports::gristmill::plugin::validate::{Guest, Severity, Violation};
use gristmill::plugin::columns::{Batch, Values};
use gristmill::plugin::schema::{About, ConfigField, Context, DataType, Scalar, Table};

struct Judge;

static MODE: OnceLock<String> = OnceLock::new();
/// Batches that this instance has judged.
static BATCHES: AtomicU32 = AtomicU32::new(0);

/// The value of a string setting; the host writes the object, and these values need no escapes.
fn setting(config: &str, name: &str) -> String {
    let after = config.split_once(&format!("\"{name}\":\"")).map_or("", |(_, after)| after);
    after.split('"').next().unwrap_or_default().to_owned()
}

fn violation(row: u32, rule: &str, severity: Severity) -> Violation {
    Violation { row, rule: rule.into(), column: Some("n".into()), severity, message: "for the test".into() }
}

fn honest(numbers: &[i64]) -> Vec<Violation> {
    let mut all = Vec::new();
    for (row, n) in (0..).zip(numbers) {
        if *n >= 290 {
            all.push(violation(row, "too-big", Severity::Error));
        }
        if n % 2 == 1 {
            all.push(violation(row, "odd", Severity::Warning));
        }
    }
    all
}

impl Guest for Judge {
    fn identify() -> About {
        let mode = ConfigField {
            name: "mode".into(),
            type_: Scalar::String,
            default: Some("\"ok\"".into()),
            description: "Which rule to break.".into(),
        };
        About {
            name: "judge".into(),
            version: "1.0.0".into(),
            summary: "Breaks one rule of the contract.".into(),
            config: vec![mode],
        }
    }

    fn open(config: String, _: Context, types: Vec<DataType>, table: Table) -> Result<Vec<String>, String> {
        let mode = setting(&config, "mode");
        let columns: Vec<String> = match mode.as_str() {
            "open-refuses" => return Err(format!("the table {} is none of mine", table.name)),
            "open-unknown-column" => vec!["there-is-none".into()],
            "open-twice" => vec!["n".into(), "n".into()],
            "no-columns" => Vec::new(),
            _ => {
                let column = table.columns.iter().find(|c| c.name == "n").ok_or("it has no column n")?;
                if !matches!(types.get(column.type_ as usize), Some(DataType::Scalar(Scalar::Int64))) {
                    return Err("its column n is no int64".into());
                }
                vec!["n".into()]
            }
        };
        let _ = MODE.set(mode);
        Ok(columns)
    }

    fn validate(rows: Batch) -> Result<Vec<Violation>, String> {
        let Some(Values::Int64s(numbers)) = rows.arrays.first().map(|a| &a.values) else {
            return Err("the batch has no column n".into());
        };
        let mut said = honest(numbers);
        let is_used = BATCHES.fetch_add(1, Ordering::Relaxed) > 0;
        match MODE.get().map(String::as_str).unwrap_or_default() {
            // What it found before, it says in the next batch as well.
            "remembers" if is_used => said.push(violation(0, "again", Severity::Warning)),
            // Who reads the message learns how many batches came before.
            "counts" if is_used => {
                for violation in &mut said {
                    violation.message.push_str(", again");
                }
            }
            // It compares rows, which no validator can: it does not see them all.
            "compares" if rows.rows > 1 => said.push(violation(rows.rows - 1, "not-first", Severity::Error)),
            _ => {}
        }
        if !numbers.contains(&-1) {
            return Ok(said);
        }
        let mut add = |change: &dyn Fn(&mut Violation)| {
            let mut lie = violation(0, "lie", Severity::Error);
            change(&mut lie);
            said.push(lie);
        };
        match MODE.get().map(String::as_str).unwrap_or_default() {
            "trap" => std::process::abort(),
            "endless-loop" => loop {
                black_box(());
            },
            "allocation-bomb" => {
                let mut all = Vec::new();
                loop {
                    all.push(black_box(vec![1_u8; 1 << 20]));
                }
            }
            "returns-error" => return Err("it cannot go on".into()),
            "row-out-of-range" => add(&|v| v.row = rows.rows),
            "bad-rule" => add(&|v| v.rule = "Not A Rule".into()),
            "rule-of-the-host" => add(&|v| v.rule = "plugin.trap".into()),
            "unread-column" => add(&|v| v.column = Some("x".into())),
            "long-message" => add(&|v| v.message = "x".repeat(5_000)),
            "flood-of-violations" => (0..rows.rows * 100).for_each(|i| add(&|v| v.row = i % rows.rows)),
            "flood-of-bytes" => add(&|v| v.message = "x".repeat(100 << 20)),
            _ => {}
        }
        Ok(said)
    }
}

export!(Judge);
