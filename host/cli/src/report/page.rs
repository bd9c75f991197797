//! The page from top to bottom.

use base64::Engine as _;
use gristmill_pipeline::Ledger;
use gristmill_record::time::format_rfc3339;
use gristmill_state::{PluginRecord, RunRecord, RunState};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::history::{ledger_of, shell_words, state_text};
use crate::letters::Replays;
use crate::report::charts::{self, seconds, size};
use crate::report::flow::{self, data};
use crate::report::html::Html;
use crate::report::letters::Samples;
use crate::report::tables::{self, percent};
use crate::text::{count, per_second, sentence};

/// How every page begins: what begins otherwise is somebody else's.
pub(crate) const BEGINS: &str = "<!doctype html><!-- gristmill report -->";
const STYLE: &str = include_str!("style.css");
/// Codes that are listed at most.
const CODES: usize = 60;
/// Files of the input that are listed at most.
const FILES: usize = 200;

/// The page of a run, of whose splits so many are kept as finished.
pub(crate) fn page(run: &RunRecord, finished_splits: u64, samples: &Samples) -> String {
    let ledger = ledger_of(run);
    let mut html = Html::default();
    head(&mut html, run);
    html.raw("<body>");
    top(&mut html, run, finished_splits, ledger.as_ref());
    html.raw("<main>");
    outcome(&mut html, run, ledger.as_ref());
    times(&mut html, run);
    refused(&mut html, run, ledger.as_ref(), samples);
    let more = &run.details.more;
    // The least and the greatest value of a column are of documents too.
    let profile = more.get("profile").filter(|_| samples.are_wanted);
    tables::section(&mut html, more.get("tables").unwrap_or(&Value::Null), profile);
    plugin(&mut html, run);
    input(&mut html, run);
    about(&mut html, run);
    html.raw("</main><footer>").text(&format!("gristmill {} · run {}", env!("CARGO_PKG_VERSION"), run.id));
    html.raw("</footer></body></html>\n");
    html.into_string()
}

fn head(html: &mut Html, run: &RunRecord) {
    let style = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
    // No network, no scripts, nothing but this one style.
    let policy = format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'");
    html.raw("<!doctype html><!-- gristmill report --><html lang=\"en\"><head><meta charset=\"utf-8\">");
    html.raw("<meta http-equiv=\"Content-Security-Policy\"").attribute("content", &policy).raw(">");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><meta name=\"referrer\" content=\"no-referrer\">");
    html.raw("<title>").text(&format!("Run {}: {}", run.id, run.state.name())).raw("</title><style>");
    html.raw(STYLE).raw("</style></head>");
}

/// Rows that came into the destination.
fn loaded(ledger: &Ledger) -> u64 {
    ledger.rows.iter().map(|r| r.inserted + r.updated).sum()
}

fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// Seconds that the run took, or had taken when it was last looked at.
fn taken(run: &RunRecord) -> Option<f64> {
    let last = run.details.samples.last().map(|sample| sample.at);
    Some(run.seconds).filter(|seconds| *seconds > 0.0).or(last)
}

/// What happened, in one sentence.
pub(crate) fn in_a_sentence(run: &RunRecord, ledger: Option<&Ledger>) -> String {
    let took = seconds(run.seconds);
    match (run.state, ledger) {
        (RunState::Done, Some(ledger)) if ledger.records.read == 0 => {
            format!("The input holds no documents, so nothing was loaded into {}.", run.destination)
        }
        (RunState::Done, Some(_)) if run.details.more.get("already_loaded").and_then(Value::as_bool) == Some(true) => {
            format!("Nothing had to be done: {} held the result of this very job.", run.destination)
        }
        (RunState::Done, Some(ledger)) => {
            let dead = ledger.dead_letters();
            let rows = loaded(ledger);
            let already: u64 = ledger.rows.iter().map(|r| r.already).sum();
            let were = if rows == 1 { "was" } else { "were" };
            let there = if already > 0 { format!("; {} there already", count(already)) } else { String::new() };
            let refused = match dead {
                0 => "nothing was refused".to_owned(),
                1 => "1 record was refused".to_owned(),
                n => format!("{} were refused", count(n)),
            };
            if rows == 0 && already > 0 {
                return format!(
                    "Nothing was new: {} held all {} rows already, and {refused}.",
                    run.destination,
                    count(already)
                );
            }
            format!(
                "{} {were} loaded into {} in {took}{there}, and {refused}.",
                plural(rows, "row", "rows"),
                run.destination
            )
        }
        (RunState::Done, None) => format!("The run is done: its rows are in {}.", run.destination),
        (RunState::Refused, ledger) => {
            let n = ledger.map_or_else(|| run.refusals.values().sum(), Ledger::dead_letters);
            format!("A gate stopped the run after {took}, with {} refused: nothing was loaded.", count(n))
        }
        (RunState::Failed, _) => format!("The run failed after {took}."),
        (RunState::Interrupted, _) => format!("The run was interrupted after {took}; nothing was loaded."),
        (RunState::Killed, _) => "The process of the run is gone without a word.".to_owned(),
        (RunState::Running, _) => "The run is under way; this is what was known when the page was written.".to_owned(),
    }
}

fn tile(html: &mut Html, class: &'static str, label: &str, figure: impl FnOnce(&mut Html), note: &str) {
    html.raw("<div class=\"tile ").raw(class).raw("\">");
    if !note.is_empty() {
        html.element("dd class=\"note\"", note);
    }
    html.raw("<dd>");
    figure(html);
    html.raw("</dd>").element("dt", label).raw("</div>");
}

fn top(html: &mut Html, run: &RunRecord, finished_splits: u64, ledger: Option<&Ledger>) {
    html.raw("<header><p class=\"brand\"><span>gristmill</span><span class=\"state ").raw(run.state.name()).raw("\">");
    html.text(run.state.name()).raw("</span>").element("span class=\"mono\"", &run.id).raw("</p>");
    html.element("h1", &in_a_sentence(run, ledger));
    let began = at(run.begun_at);
    let again = if run.attempts > 1 { format!(", in {} processes", run.attempts) } else { String::new() };
    html.element("p class=\"lead\"", &format!("{} · began {began}{again}", run.input.name));
    if let Some(error) = &run.error {
        html.raw("<div class=\"error\" role=\"note\"><p><strong>").text(&error.code).raw("</strong> ");
        html.text(&sentence(&error.message)).raw("</p>");
        if let Some(remedy) = &error.remedy {
            html.raw("<p class=\"soft\">To do: ").text(&sentence(remedy)).raw("</p>");
        }
        html.raw("</div>");
    } else if run.state == RunState::Killed && run.is_unfinished() {
        html.raw("<div class=\"error\" role=\"note\"><p>");
        html.text(&format!("{} of {} splits are finished and kept. ", count(finished_splits), count(run.splits)));
        html.raw("Go on with <code>");
        html.text(&format!("gristmill resume {}", run.id)).raw("</code></p></div>");
    }
    let last = run.details.samples.last().copied().unwrap_or_default();
    let read = ledger.map_or(last.records, |l| l.records.read);
    let refused = ledger.map_or(last.refused, Ledger::dead_letters);
    html.raw("<dl class=\"tiles\">");
    let of = format!("{} in {}", size(run.input.bytes), plural(run.input.files.len() as u64, "file", "files"));
    tile(html, "", "records read", |h| data(h, "top.read", read), &of);
    let rows = ledger.map_or(0, loaded);
    let (made, already) = (
        ledger.map_or(last.rows, |l| l.rows.iter().map(|r| r.made).sum()),
        ledger.map_or(0, |l| l.rows.iter().map(|r| r.already).sum::<u64>()),
    );
    let note = match already {
        0 => format!("of {} made", count(made)),
        n => format!("of {} made; {} there already", count(made), count(n)),
    };
    let good = if rows > 0 && run.state == RunState::Done { "good" } else { "" };
    tile(
        html,
        good,
        "rows loaded",
        |h| data(h, "top.loaded", if run.state == RunState::Done { rows } else { 0 }),
        &note,
    );
    let bad = if refused > 0 { "bad" } else { "" };
    tile(
        html,
        bad,
        "refused",
        |h| data(h, "top.refused", refused),
        &format!("{} of what was read", percent(refused, read)),
    );
    let taken = taken(run);
    let rate = taken.map_or_else(String::new, |taken| format!("{} records/s", count(per_second(read, taken))));
    tile(
        html,
        "",
        "taken",
        |h| {
            h.text(&taken.map_or_else(|| "unknown".to_owned(), seconds));
        },
        &rate,
    );
    if let Some(peak) = run.peak_memory {
        let note = format!("{} of rows shuffled", size(run.shuffled_bytes));
        tile(
            html,
            "",
            "memory at most",
            |h| {
                h.text(&size(peak));
            },
            &note,
        );
    }
    html.raw("</dl></header>");
}

/// A time for people, to the second.
fn at(micros: i64) -> String {
    let text = format_rfc3339(micros.div_euclid(1_000_000) * 1_000_000);
    let text = text.split_once('.').map_or(text.trim_end_matches('Z'), |(seconds, _)| seconds);
    format!("{} UTC", text.replacen('T', " ", 1))
}

fn outcome(html: &mut Html, run: &RunRecord, ledger: Option<&Ledger>) {
    html.raw("<section aria-labelledby=\"outcome\"><h2 id=\"outcome\">What became of it</h2>");
    let Some(ledger) = ledger else {
        let last = run.details.samples.last().copied().unwrap_or_default();
        html.raw("<p class=\"soft\">The run has no account: it did not come to the end of its input. When it was last looked at, it had come so far.</p><table><tbody>");
        for (label, name, n) in [
            ("records read", "last.records", last.records),
            ("rows made", "last.rows", last.rows),
            ("refused", "last.refused", last.refused),
            ("rows handed to the destination", "last.loaded", last.loaded),
        ] {
            html.raw("<tr>").element("th scope=\"row\"", label).raw("<td class=\"n\">");
            data(html, name, n);
            html.raw("</td></tr>");
        }
        html.raw("</tbody></table></section>");
        return;
    };
    html.raw("<p class=\"soft\">Every record and every row is in one of these, and they add up.</p>");
    if let Some(drawing) = flow::drawing(ledger) {
        html.raw("<figure class=\"wide\">").add(&drawing).raw("</figure>");
    }
    html.add(&flow::as_table(ledger)).raw("</section>");
}

fn times(html: &mut Html, run: &RunRecord) {
    html.raw("<section aria-labelledby=\"times\"><h2 id=\"times\">How long it took</h2>");
    if run.details.phases.is_empty() {
        html.raw("<p class=\"soft\">How long each phase took is not known.</p>");
    } else {
        html.add(&charts::phases(&run.details.phases));
    }
    html.raw("<h3>Over time</h3>");
    match charts::throughput(&run.details.samples) {
        Some(chart) => html.add(&chart),
        None => html.raw(
            "<p class=\"soft\">The run was over before it could be watched: counters are looked at once a second.</p>",
        ),
    };
    html.raw("</section>");
}

fn refused(html: &mut Html, run: &RunRecord, ledger: Option<&Ledger>, samples: &Samples) {
    html.raw("<section aria-labelledby=\"refused\"><h2 id=\"refused\">What was refused</h2>");
    let all: u64 = run.refusals.values().sum();
    if all == 0 {
        let seen = run.details.samples.last().map_or(0, |sample| sample.refused);
        match ledger {
            Some(_) => html.raw("<p class=\"soft\">Nothing.</p>"),
            None if seen == 0 => html.raw("<p class=\"soft\">Not known: the run has no account.</p>"),
            None => html.element(
                "p class=\"soft\"",
                &format!(
                    "{} when the run was last looked at; by which code is known when its input is mapped.",
                    plural(seen, "record", "records")
                ),
            ),
        };
    } else {
        match &run.dead_letters {
            Some(letters) => html
                .raw("<p class=\"soft\">With the reason and the document, in <code>")
                .text(letters)
                .raw("</code>.</p>"),
            None => html.raw("<p class=\"soft\">The run has no file of dead letters.</p>"),
        };
        if let Some(note) = &samples.note {
            html.element("p class=\"soft\"", note);
        }
        codes(html, run, all, samples);
    }
    let rules = ledger.map(|l| l.rules.as_slice()).unwrap_or_default();
    if !rules.is_empty() {
        html.raw("<h3>Rules that rows broke</h3><table><thead><tr><th scope=\"col\">Rule</th><th scope=\"col\" class=\"n\">Rows</th><th scope=\"col\" class=\"n\">Share</th><th scope=\"col\">Weight</th></tr></thead><tbody>");
        for rule in rules {
            html.raw("<tr><th scope=\"row\">").element("span class=\"mono\"", &rule.rule).raw(" <span class=\"soft\">");
            html.text(&rule.validator).raw("</span></th><td class=\"n\">");
            data(html, &format!("rules.{}", rule.rule), rule.rows);
            html.raw("</td>").element("td class=\"n\"", &percent(rule.rows, rule.of)).element("td", rule.severity);
            html.raw("</tr>");
        }
        html.raw("</tbody></table>");
    }
    html.raw("</section>");
}

fn codes(html: &mut Html, run: &RunRecord, all: u64, samples: &Samples) {
    let mut codes: Vec<_> = run.refusals.iter().collect();
    codes.sort_by_key(|(code, n)| (std::cmp::Reverse(**n), *code));
    html.raw("<table><thead><tr><th scope=\"col\">Code</th><th scope=\"col\" class=\"n\">How many</th><th scope=\"col\"><span class=\"wide\">Share</span></th></tr></thead><tbody>");
    for (code, n) in codes.iter().take(CODES) {
        html.raw("<tr><th scope=\"row\">").element("span class=\"mono\"", code).raw("</th><td class=\"n\">");
        data(html, &format!("refused.{code}"), **n);
        html.raw("</td><td class=\"bar\">").add(&charts::bar(**n, all, "f-bad")).raw("</td></tr>");
    }
    html.raw("</tbody></table>");
    if codes.len() > CODES {
        let rest: u64 = codes.iter().skip(CODES).map(|(_, n)| **n).sum();
        let more = (codes.len() - CODES) as u64;
        html.element("p class=\"soft\"", &format!("And {} more codes, with {} together.", count(more), count(rest)));
    }
    for (code, _) in codes.iter().take(CODES) {
        let Some(letters) = samples.by_code.get(*code).filter(|letters| !letters.is_empty()) else { continue };
        html.raw("<details><summary>").text(&plural(letters.len() as u64, "sample", "samples")).raw(" of ");
        html.element("span class=\"mono\"", code).raw("</summary>");
        for letter in letters {
            html.raw("<div class=\"letter\"><p>").text(&sentence(&letter.message)).raw("</p><p class=\"soft\">");
            let field = letter.field.as_ref().map(|field| format!("field {field}"));
            let place = match letter.offset {
                Some(offset) => format!("{} at byte {}", letter.file, count(offset)),
                None => letter.file.clone(),
            };
            let by = letter.validator.as_ref().map(|validator| format!("by {validator}"));
            let left_out = Some(letter.redacted.join(", ")).filter(|fields| !fields.is_empty());
            let left_out = left_out.map(|fields| format!("left out of the letter: {fields}"));
            let stage = format!("stage {}", letter.stage);
            let parts: Vec<String> = [field, Some(place), Some(stage), by, left_out].into_iter().flatten().collect();
            html.text(&parts.join(" · ")).raw("</p>");
            match &letter.document {
                Some(document) => html.element("pre tabindex=\"0\"", document),
                None => html.raw("<p class=\"soft\">The document is not in the letter.</p>"),
            };
            html.raw("</div>");
        }
        html.raw("</details>");
    }
}

fn fact(html: &mut Html, label: &str, text: &str) {
    html.element("dt", label).element("dd", text);
}

fn fact_code(html: &mut Html, label: &str, text: &str) {
    html.element("dt", label).element("dd class=\"mono\"", text);
}

fn settings(html: &mut Html, of: &PluginRecord) {
    for (name, value) in of.config.as_object().into_iter().flatten() {
        fact_code(html, name, &value.to_string());
    }
}

fn plugin(html: &mut Html, run: &RunRecord) {
    html.raw("<section aria-labelledby=\"plugin\"><h2 id=\"plugin\">What mapped and judged</h2><dl class=\"facts\">");
    fact(html, "Plugin", &run.plugin.name);
    fact_code(html, "SHA-256", &run.plugin.digest);
    if let Some(documents) = run.details.more.get("documents").and_then(Value::as_str) {
        fact_code(html, "Takes", documents);
    }
    settings(html, &run.plugin);
    html.raw("</dl>");
    if let Some(inputs) = run.details.more.get("inputs").and_then(Value::as_array) {
        html.raw("<h3>What it read</h3><p class=\"soft\">It was shown this of each document and nothing else.</p>");
        html.raw("<table class=\"stack\"><thead><tr><th scope=\"col\">Input</th><th scope=\"col\">From</th><th scope=\"col\">Type</th><th scope=\"col\">Where it is not there or another type</th></tr></thead><tbody>");
        for input in inputs {
            let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
            let required = input.get("required").and_then(Value::as_bool) == Some(true);
            let absent = if required { "refused where it is not there" } else { "null where it is not there" };
            let other = match text("on_mismatch") {
                "null" => "null where it is of another type",
                _ => "refused where it is of another type",
            };
            html.raw("<tr><th scope=\"row\">").element("span class=\"mono\"", text("name")).raw("</th>");
            html.element("td", text("from")).element("td", text("type"));
            html.element("td class=\"soft\"", &format!("{absent}, {other}")).raw("</tr>");
        }
        html.raw("</tbody></table>");
    }
    for validator in &run.validators {
        html.raw("<h3>").text(&format!("Validator {}", validator.name)).raw("</h3><dl class=\"facts\">");
        fact_code(html, "SHA-256", &validator.digest);
        settings(html, validator);
        html.raw("</dl>");
    }
    html.raw("</section>");
}

fn input(html: &mut Html, run: &RunRecord) {
    html.raw("<section aria-labelledby=\"input\"><h2 id=\"input\">What was read</h2><dl class=\"facts\">");
    fact_code(html, "Input", &run.input.name);
    let files = run.input.files.len() as u64;
    fact(html, "Size", &format!("{} in {}", size(run.input.bytes), plural(files, "file", "files")));
    for proof in run.details.more.get("proofs").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| proof.get(name).and_then(Value::as_str).unwrap_or_default();
        let documents = proof.get("documents").and_then(Value::as_u64).unwrap_or_default();
        let found = match text("why_not") {
            "" => format!("{}: {}, as its metadata says", text("export"), plural(documents, "document", "documents")),
            why => format!("{}: {why}", text("export")),
        };
        fact(html, if text("why_not").is_empty() { "Complete" } else { "Not proven" }, &found);
    }
    let legacy = run.details.more.get("legacy_values").and_then(Value::as_u64).unwrap_or_default();
    if legacy > 0 {
        fact(html, "Legacy", &format!("{} values of Datastore mode were read as plain values", count(legacy)));
    }
    html.raw("</dl>");
    if files > 0 {
        html.raw("<details><summary>").text(&plural(files, "file", "files")).raw("</summary><table class=\"stack\"><thead><tr><th scope=\"col\">File</th><th scope=\"col\" class=\"n\">Bytes</th><th scope=\"col\">Which</th></tr></thead><tbody>");
        for file in run.input.files.iter().take(FILES) {
            html.raw("<tr>")
                .element("th scope=\"row\" class=\"mono\"", &file.name)
                .element("td class=\"n\"", &count(file.size));
            let which = match (file.generation, file.crc32c, file.modified) {
                (Some(generation), Some(sum), _) => format!("generation {generation}, CRC-32C {sum:08x}"),
                (Some(generation), None, _) => format!("generation {generation}"),
                (None, _, Some(nanos)) => format!("written {}", at(nanos.div_euclid(1_000))),
                _ => String::new(),
            };
            html.element("td class=\"soft\"", &which).raw("</tr>");
        }
        html.raw("</tbody></table>");
        if run.input.files.len() > FILES {
            html.element("p class=\"soft\"", &format!("And {} more.", count((run.input.files.len() - FILES) as u64)));
        }
        html.raw("</details>");
    }
    html.raw("</section>");
}

fn about(html: &mut Html, run: &RunRecord) {
    html.raw("<section aria-labelledby=\"run\"><h2 id=\"run\">The run</h2><dl class=\"facts\">");
    fact_code(html, "Id", &run.id);
    if let Some(job) = &run.job {
        fact(html, "Job", job);
    }
    fact(html, "State", &state_text(run));
    if let Some(replays) = Replays::of(run) {
        fact(html, "Replays", &replays.text());
        for not in &replays.not_replayed {
            fact(html, "Not replayed", &format!("{}: {}", count(not.count), not.why));
        }
    }
    fact(html, "Began", &at(run.begun_at));
    if let Some(ended) = run.ended_at {
        fact(html, "Ended", &at(ended));
    }
    fact(html, "Its time", &format!("{}, the one that its rows know", format_rfc3339(run.started_at)));
    if run.splits > 0 {
        let taken = match run.splits_taken_over {
            0 => String::new(),
            n => format!("; {} of them the last process took over as finished", count(n)),
        };
        fact(html, "Splits", &format!("{}{taken}", count(run.splits)));
    }
    fact(html, "Processes", &count(u64::from(run.attempts)));
    fact(html, "Destination", &run.destination);
    fact_code(html, "Command", &format!("gristmill {}", shell_words(&run.command.arguments)));
    fact_code(html, "In folder", &run.command.folder.display().to_string());
    if let Some(spilled) = run.details.more.get("spilled_bytes").and_then(Value::as_u64).filter(|n| *n > 0) {
        fact(html, "Spilled", &format!("{} did not fit into --memory", size(spilled)));
    }
    fact(html, "Program", &format!("gristmill {}, contract {}", run.program, run.contract));
    if let Some(code) = run.exit_code {
        fact(html, "Exit code", &code.to_string());
    }
    for (name, value) in run.facts.iter().filter(|(name, _)| name.starts_with("--")) {
        fact_code(html, name, value);
    }
    html.raw("</dl></section>");
}
