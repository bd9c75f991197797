//! Whether a plugin keeps the contract on records and rows that are made up, and how much memory it needs for them.

use std::time::Duration;

use gristmill_pipeline::Outcome;
use gristmill_pipeline::judging::SampleRows;
use gristmill_pipeline::trial::{Calls, PROPERTIES, Samples, Traced};
use gristmill_plugin::{Transform, Validate, Violation};
use gristmill_record::Table;

use crate::cases::EXCEPTION;
use crate::error::CliError;

/// Records that are made up, and rows of each table: as many as edges of types meet in.
const ROWS: usize = 504;
/// Rows of a batch as a run has them, for the memory that it takes.
const BATCH_ROWS: usize = 4_096;
/// Least and greatest ceiling of memory that is tried.
const MEMORY: [u64; 2] = [64 << 10, 1 << 30];
/// That of a run: under load a machine takes long to give out memory, and what asks for much of it is not to be taken for a loop.
pub(crate) const CALL_TIME: Duration = Duration::from_secs(2);
/// Called once, with everything.
const AT_ONCE: Calls = Calls { rows: ROWS, reversed: false, fresh: true };

/// What is to be said of a plugin that keeps the contract; the error is what it breaks.
pub(crate) type Kept = Result<String, String>;

/// Whether what maps keeps the contract.
pub(crate) fn of_mapping(mapping: &dyn Transform) -> Result<Kept, CliError> {
    // One alone first: a plugin that fails on every record is to be told by its first fault, not by their number.
    let alone = Samples::made_up(mapping, 1)?.map(mapping, AT_ONCE)?;
    if let Some(what) = alone.iter().find_map(fault) {
        return Ok(Err(what));
    }
    let samples = Samples::made_up(mapping, ROWS)?;
    let made = samples.map(mapping, AT_ONCE)?;
    if let Some(what) = made.iter().find_map(fault) {
        return Ok(Err(what));
    }
    for (property, calls) in PROPERTIES {
        let again = samples.map(mapping, calls)?;
        if let Some((first, _)) = made.iter().zip(&again).find(|(a, b)| a != b) {
            return Ok(Err(format!("{}: not the same {property}", first.document)));
        }
    }
    let raised = made.iter().filter_map(|record| match &record.outcome {
        Outcome::Refused(refusal) if refusal.code == EXCEPTION => Some(refusal.message.as_str()),
        _ => None,
    });
    let raised = exceptions(raised);
    Ok(Ok(format!("keeps the contract over {ROWS} made-up records, however they are called{raised}")))
}

/// Whether what judges keeps the contract on rows of the tables.
pub(crate) fn of_judging(validator: &dyn Validate, tables: &[Table]) -> Result<Kept, CliError> {
    let samples = SampleRows::made_up(tables, ROWS)?;
    let name = |row: usize| {
        let table = samples.tables().nth(row).and_then(|table| tables.get(table)).map(Table::name).unwrap_or_default();
        format!("made-up row {} of {table}", row % ROWS)
    };
    let fault = |row: usize, fault: &Violation| format!("{}: {} ({})", name(row), fault.message, fault.rule);
    // One by one first: what fails on many rows is to be told by the first, not by what all of them cost.
    if let Some((row, violation)) = samples.first_fault(validator)? {
        return Ok(Err(fault(row, &violation)));
    }
    let said = samples.judge(validator, AT_ONCE)?;
    let is_fault = |violation: &&Violation| violation.rule.starts_with("plugin.");
    let found = said.iter().enumerate().find_map(|(row, said)| Some((row, said.iter().find(is_fault)?)));
    if let Some((row, violation)) = found {
        return Ok(Err(fault(row, violation)));
    }
    for (property, calls) in PROPERTIES {
        let again = samples.judge(validator, calls)?;
        if let Some(row) = said.iter().zip(&again).position(|(a, b)| a != b) {
            return Ok(Err(format!("{}: not the same verdict {property}", name(row))));
        }
    }
    let raised = said.iter().filter_map(|said| said.iter().find(|v| v.rule == EXCEPTION));
    let raised = exceptions(raised.map(|violation| violation.message.as_str()));
    let judged: Vec<_> = tables.iter().enumerate().filter(|(i, _)| validator.is_about("", *i)).collect();
    let names: Vec<_> = judged.into_iter().map(|(_, table)| table.name()).collect();
    let names = names.join(", ");
    Ok(Ok(format!(
        "keeps the contract over {ROWS} made-up rows of each table ({names}), however they are called{raised}"
    )))
}

/// The plugin's own fault by which a record ended.
fn fault(made: &Traced) -> Option<String> {
    match &made.outcome {
        Outcome::Refused(refusal) if refusal.code.starts_with("plugin.") => {
            Some(format!("{}: {} ({})", made.document, refusal.message, refusal.code))
        }
        _ => None,
    }
}

/// Of those that it refuses because its own code raised an exception: how many, and what the first one was.
fn exceptions<'a>(raised: impl Iterator<Item = &'a str>) -> String {
    let raised: Vec<_> = raised.collect();
    match raised.first() {
        None => String::new(),
        Some(first) => format!("; on {} of them its code raised an exception, first: {first}", raised.len()),
    }
}

/// Whether a whole batch is mapped in one call.
pub(crate) fn maps_a_batch(mapping: &dyn Transform) -> Result<bool, CliError> {
    Ok(Samples::made_up(mapping, BATCH_ROWS)?.maps_at_once(mapping)?)
}

/// Whether a whole batch of each table is judged in one call.
pub(crate) fn judges_a_batch(validator: &dyn Validate, tables: &[Table]) -> Result<bool, CliError> {
    Ok(SampleRows::made_up(tables, BATCH_ROWS)?.are_judged_at_once(validator)?)
}

/// The smallest ceiling of memory under which `runs` is true, to a tenth. `does` is what it is to do with a batch.
pub(crate) fn smallest_memory(does: &str, runs: impl Fn(u64) -> bool) -> String {
    let [mut low, mut high] = MEMORY;
    if !runs(high) {
        return format!(
            "does not {does} {BATCH_ROWS} made-up rows in one call within {}, {} s and the limit of output",
            indicatif::HumanBytes(high),
            CALL_TIME.as_secs()
        );
    }
    while high - low > high / 10 {
        let middle = low + (high - low) / 2;
        if runs(middle) { high = middle } else { low = middle }
    }
    format!("{} are enough to {does} batches of {BATCH_ROWS} made-up rows", indicatif::HumanBytes(high))
}
