//! Job files with their parts: what comes of them, and what is said of those that are wrong.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use gristmill_job::{Choice, Field, Files, Finding, Findings, Job, Kind, Purpose, load, print, schema};

struct Memory(BTreeMap<&'static str, &'static str>);

impl Files for Memory {
    fn read(&self, name: &str) -> Result<String, String> {
        self.0.get(name).map(|text| (*text).to_owned()).ok_or_else(|| "there is none".to_owned())
    }
}

fn fields() -> Vec<Field> {
    let mut export = Field::new("export", "What is read", Kind::Text);
    export.required = true;
    let mut conflict = Field::new("on-conflict", "What stays", Kind::Text);
    conflict.choices =
        ["keep", "update"].map(|name| Choice { name: name.to_owned(), help: String::new() }).into_iter().collect();
    let mut password = Field::new("password", "Where it is", Kind::Text);
    password.is_secret = true;
    password.check =
        Some(Box::new(
            |text| {
                if text.starts_with("env:") { Ok(()) } else { Err("name where it is, env:NAME".to_owned()) }
            },
        ));
    let mut workers = Field::new("workers", "Threads", Kind::Number);
    workers.check = Some(Box::new(|text| text.parse::<u8>().map(|_| ()).map_err(|_| format!("`{text}` is no count"))));
    let table = |name, fields| Field::new(name, "", Kind::Table(fields));
    vec![
        table("source", vec![export, Field::new("partial", "", Kind::Switch)]),
        table("plugin", vec![Field::new("config", "", Kind::Map)]),
        table("destination", vec![Field::new("to", "", Kind::Text), conflict, password]),
        table("quality", vec![Field::new("rules", "", Kind::Texts), Field::new("config", "", Kind::Maps)]),
        table("execution", vec![workers]),
    ]
}

fn read(files: &[(&'static str, &'static str)], set: &[&str], purpose: Purpose) -> Result<Job, Findings> {
    let set: Vec<_> = set.iter().map(|text| (*text).to_owned()).collect();
    load(files[0].0, &Memory(files.iter().copied().collect()), &set, &fields(), purpose)
}

fn values(job: &Job) -> Vec<(String, Vec<String>)> {
    job.settings.iter().map(|setting| (setting.path.join("."), setting.values.clone())).collect()
}

fn one(text: &'static str, set: &[&str]) -> Findings {
    read(&[("job.toml", text)], set, Purpose::Run).unwrap_err()
}

fn only(findings: &Findings) -> &Finding {
    let all: Vec<_> = findings.iter().collect();
    assert_eq!(all.len(), 1, "{}", findings.to_text());
    all[0]
}

#[test]
fn a_job_is_its_parts_filled_in() {
    let job = "description = \"It loads.\"\ninclude = [\"parts/a.toml\", \"gs://b/b.toml\"]\n\
               parameters.day = { required = true, help = \"the day\" }\nparameters.n = { type = \"integer\", default = 2 }\n\
               parameters.note.required = false\n\
               source.export = \"exports/${day}\"\nexecution.workers = \"${n}\"\n\
               destination.to = \"${note}\"\nplugin.config = { a = 1, b = \"$${x}\", c = [1, \"y\"] }\n";
    let a = "[source]\nexport = \"never\"\npartial = true\n[quality]\nrules = \"${folder}/r.toml\"\nconfig.v = { x = 1.50, y = true }\n";
    let b = "[quality]\nrules = [\"b\", \"${note}${day}\"]\n[plugin.config]\nb = \"from b\"\nz = -1\n";
    let files = [("jobs/job.toml", job), ("jobs/parts/a.toml", a), ("gs://b/b.toml", b)];
    let read = |set: &[&str], purpose| read(&files, set, purpose);
    let said = read(&["day=monday"], Purpose::Run).unwrap();
    let wanted = [
        ("source.export", vec!["exports/monday"]),
        ("source.partial", vec![""]),
        ("plugin.config", vec!["b=${x}", "z=-1", "a=1", "c=[1,\"y\"]"]),
        ("quality.rules", vec!["b", "monday"]),
        ("quality.config", vec!["v.x=1.5", "v.y=true"]),
        ("execution.workers", vec!["2"]),
    ];
    let wanted: Vec<_> = wanted
        .into_iter()
        .map(|(path, values)| (path.to_owned(), values.into_iter().map(str::to_owned).collect::<Vec<_>>()))
        .collect();
    assert_eq!(values(&said), wanted);
    assert_eq!((said.description.as_str(), said.parameters[0].help.as_str()), ("It loads.", "the day"));
    let given = read(&["day=x", "n=7", "note=hello=you"], Purpose::Run).unwrap();
    assert!(values(&given).contains(&("destination.to".to_owned(), vec!["hello=you".to_owned()])));
    assert!(values(&given).contains(&("execution.workers".to_owned(), vec!["7".to_owned()])));

    // What is printed says the same.
    let text = print(&said.settings, &fields());
    let again = load("p", &Memory([("p", &*text.leak())].into()), &[], &fields(), Purpose::Run).unwrap();
    assert_eq!(again.settings, said.settings);

    // Without the day it can be looked at, and not be run.
    let looked = read(&[], Purpose::Check).unwrap();
    assert!(values(&looked).iter().all(|(path, _)| path != "source.export"));
    let missing = read(&[], Purpose::Run).unwrap_err();
    assert_eq!(only(&missing).message, "the parameter `day` has no value");
    assert!(missing.to_text().contains("jobs/job.toml:3:12") && missing.to_text().contains("--set day=VALUE"));
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = "parameters.day = { type = \"date\" }\nparameters.spare.default = 1\n[sorce]\nexport = 1\n[destination]\n\
                on-conflct = \"keep\"\non-conflict = \"kep\"\npassword = \"hunter2\"\nto = 5\nworkers = 3\n\
                [execution]\nworkers = \"many\"\n[quality]\nrules = [1]\n[plugin]\nconfig.a = \"${dya}\"\nbad = = 1\n";
    let findings = one(text, &["dya=1"]);
    let said = findings.to_text();
    let mut codes: Vec<_> = findings.iter().map(|f| (f.code, f.pointer.join("."))).collect();
    codes.sort();
    let wanted = [
        ("job.missing-field", "source.export"),
        ("job.parameter-missing", "parameters.day"),
        ("job.parameter-type", "parameters.spare.default"),
        ("job.parameter-unknown", ""),
        ("job.parameter-unknown", "plugin.config.a"),
        ("job.parameter-unused", "parameters.spare"),
        ("job.syntax", ""),
        ("job.type", "destination.to"),
        ("job.type", "quality.rules.0"),
        ("job.unknown-field", "destination.on-conflct"),
        ("job.unknown-field", "destination.workers"),
        ("job.unknown-field", "sorce"),
        ("job.value", "destination.on-conflict"),
        ("job.value", "destination.password"),
        ("job.value", "execution.workers"),
        ("job.value", "parameters.day.type"),
    ];
    let wanted = wanted.map(|(code, pointer)| (code, pointer.to_owned()));
    assert_eq!(codes, wanted, "{said}");
    for part in [
        "job.toml:6:1",
        "did you mean `on-conflict`?",
        "did you mean `source`?",
        "did you mean `keep`?",
        "`workers` stands in [execution]",
        "`many` is no count",
        "did you mean `${day}`?",
        "did you mean `day`?",
        "write it between quotes",
        "--set dya=…",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
    let json = findings.to_json();
    let conflict = json.as_array().unwrap().iter().find(|f| f["pointer"] == "/destination/on-conflct").unwrap();
    assert_eq!((&conflict["place"]["line"], &conflict["code"]), (&6.into(), &"job.unknown-field".into()));
}

#[test]
fn includes_that_cannot_be() {
    let round = [("a.toml", "include = \"b.toml\"\nsource.export = \"x\"\n"), ("b.toml", "include = \"a.toml\"\n")];
    let findings = read(&round, &[], Purpose::Run).unwrap_err();
    assert!(only(&findings).message.contains("`a.toml`, which includes `b.toml`, which includes `a.toml`"));
    assert!(findings.to_text().contains("b.toml:1:11"), "{}", findings.to_text());
    let gone = one("include = \"none.toml\"\nsource.export = \"x\"\n", &[]);
    assert_eq!(only(&gone).message, "`none.toml` cannot be read: there is none");
    assert!(read(&[("a.toml", ""), ("b", "")], &[], Purpose::Check).is_err());
    // A file that two of the parts include is read twice, and is no round.
    let twice = [
        ("a.toml", "include = [\"b.toml\", \"c.toml\"]\n"),
        ("b.toml", "include = \"d.toml\"\n"),
        ("c.toml", "include = \"d.toml\"\n"),
        ("d.toml", "source.export = \"x\"\n"),
    ];
    assert_eq!(values(&read(&twice, &[], Purpose::Run).unwrap()).len(), 1);
}

/// The places are those of characters, and passwords of addresses are shown to nobody.
#[test]
fn places_and_passwords() {
    let text = "source.export = \"x\"\ndestination = { to = 'ä', on-conflict = 'mysql://a:s3cret@h/d' }\n";
    let findings = one(text, &[]);
    let said = findings.to_text();
    assert!(said.contains("job.toml:2:41") && !said.contains("s3cret@"), "{said}");
}

#[test]
fn parameters_are_of_their_types() {
    let declared = "parameters.n = { type = \"integer\", default = 1 }\nparameters.b = { type = \"boolean\", default = false }\n\
                    source.export = \"${n}${b}\"\nsource.partial = \"${b}\"\n";
    for (set, ok) in [("n=1", true), ("n=x", false), ("b=true", true), ("b=yes", false), ("n", false)] {
        let job = read(&[("job.toml", declared)], &[set], Purpose::Run);
        assert_eq!(job.is_ok(), ok, "{set}");
        if let Err(findings) = job {
            assert_eq!(only(&findings).code, "job.parameter-type");
        }
    }
    for (text, code) in [
        ("parameters.folder.default = \"x\"", "job.parameter-name"),
        ("parameters.\"a b\".default = \"x\"", "job.parameter-name"),
        ("parameters.a = { default = \"x\", required = true }", "job.parameter-type"),
        ("parameters.a = 1", "job.type"),
        ("parameters = 1", "job.type"),
        ("parameters.a.defalt = 1", "job.unknown-field"),
    ] {
        let text = format!("{text}\nsource.export = \"${{a}}\"\n").leak();
        let findings = load("j", &Memory([("j", &*text)].into()), &["a=1".to_owned()], &fields(), Purpose::Run);
        assert!(findings.unwrap_err().iter().any(|f| f.code == code), "{text}");
    }
    assert_eq!(only(&one("source.export = \"${n\"", &[])).code, "job.parameter-unknown");
}

#[test]
fn the_schema_knows_every_field() {
    let schema = schema(&fields(), "A job");
    let destination = &schema["properties"]["destination"];
    assert_eq!(destination["properties"]["on-conflict"]["anyOf"][0]["enum"][1], "update");
    assert_eq!((&destination["additionalProperties"], &schema["title"]), (&false.into(), &"A job".into()));
}
