//! Exports of any size, one record in memory at a time.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::order::Order;
use crate::report::{Report, Reports};
use crate::spec::{BadCount, Made, Spec};
use crate::{ExportWriter, Form, Layout, json};

const BUFFER: usize = 1 << 20;

/// Draws records in order, and counts them.
struct Drawing {
    order: Order,
    reports: Reports,
    made: Made,
}

impl Drawing {
    fn new(spec: &Spec) -> Self {
        let unique = spec.unique();
        let bad = spec.bad_kinds.iter().map(|kind| BadCount { kind: *kind, records: 0, documents: 0 });
        Self {
            order: Order::new(spec.documents, unique, spec.seed),
            reports: Reports::new(spec),
            made: Made { unique, bad: bad.collect(), ..Made::default() },
        }
    }

    fn draw(&mut self, place: u64) -> Report {
        let (index, is_original) = self.order.at(place);
        let report = self.reports.at(index);
        self.made.documents += 1;
        if report.bad.is_some()
            && let Some(count) = self.made.bad.iter_mut().find(|b| Some(b.kind) == report.bad)
        {
            count.records += 1;
            count.documents += u64::from(is_original);
        }
        report
    }
}

/// The places of each file.
fn ranges(spec: &Spec) -> impl Iterator<Item = std::ops::Range<u64>> + use<> {
    let (per_file, documents) = (spec.per_file(), spec.documents);
    let at = move |n: u64| n.saturating_mul(per_file).min(documents);
    (0..u64::from(spec.files.max(1))).map(move |n| at(n)..at(n + 1))
}

/// Writes a binary export into `dir`, which is made and becomes the export's prefix.
pub fn write_binary(dir: &Path, spec: &Spec) -> io::Result<Made> {
    let mut export = ExportWriter::create(dir, "export", spec.style)?;
    export.set(spec.by_collection.then_some("qualityReports"))?;
    let mut drawing = Drawing::new(spec);
    let mut entity = Vec::new();
    for range in ranges(spec) {
        export.file()?;
        for place in range {
            entity.clear();
            drawing.draw(place).encode(&mut entity);
            export.record(&entity)?;
        }
    }
    let written = export.finish()?;
    Ok(Made { bytes: written.bytes, files: written.files, metadata: Some(written.metadata), ..drawing.made })
}

/// Writes JSON files into `dir`, which is made: `qualityReports-00000.json` and so on, or `.ndjson` for [`Layout::Lines`].
pub fn write_json(dir: &Path, form: impl Into<Form>, spec: &Spec) -> io::Result<Made> {
    let form = form.into();
    let (head, between, tail, extension): (&[u8], &[u8], &[u8], _) = match (form.layout, form.pretty) {
        (Layout::Documents, false) => (b"{\"documents\":[", b",", b"]}", "json"),
        (Layout::Documents, true) => (b"{\n  \"documents\": [\n    ", b",\n    ", b"\n  ]\n}\n", "json"),
        (Layout::Array, false) => (b"[", b",", b"]", "json"),
        (Layout::Array, true) => (b"[\n  ", b",\n  ", b"\n]\n", "json"),
        (Layout::Lines, _) => (b"", b"\n", b"\n", "ndjson"),
    };
    let level = match form.layout {
        Layout::Documents => 2,
        Layout::Array => 1,
        Layout::Lines => 0,
    };
    fs::create_dir_all(dir)?;
    let mut drawing = Drawing::new(spec);
    let (mut text, mut line) = (Vec::new(), Vec::new());
    for (index, range) in ranges(spec).enumerate() {
        let path = dir.join(format!("qualityReports-{index:05}.{extension}"));
        let mut file = BufWriter::with_capacity(BUFFER, File::create(&path)?);
        file.write_all(head)?;
        let begin = range.start;
        let is_empty = range.is_empty();
        for place in range {
            text.clear();
            if place > begin {
                text.extend_from_slice(between);
            }
            let report = drawing.draw(place);
            if form.pretty {
                line.clear();
                report.json(&form, &mut line);
                json::pretty(&line, level, &mut text);
            } else {
                report.json(&form, &mut text);
            }
            file.write_all(&text)?;
        }
        if !(is_empty && form.layout == Layout::Lines) {
            file.write_all(tail)?;
        }
        drawing.made.bytes += file.into_inner().map_err(|e| e.into_error())?.metadata()?.len();
        drawing.made.files.push(path);
    }
    Ok(drawing.made)
}
