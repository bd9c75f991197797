//! NDJSON: a JSON object a line, to a file or to standard output. See the module `json` for how values are written.
//!
//! A file is written aside, as `.NAME.tmp-RUN` in the same folder, and takes the place of what is there at commit: it holds the rows of the
//! last load and no others. Where a load has several tables, each has its own file, its name put before the ending:
//! `rows.ndjson` becomes `rows.TABLE.ndjson`; they are renamed one after the other. Standard output takes one table, and what
//! has been written to it cannot be taken back.

mod aside;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use async_trait::async_trait;
use gristmill_record::Table;

use self::aside::Aside;
use crate::json::Lines;
use crate::{Begun, Load, Sink, SinkError, TableCount, TableState, ValueLimits};

/// Bytes of text that are gathered before they are written.
const BUFFER: usize = 256 * 1024;

enum Target {
    Stdout,
    File(PathBuf),
}

/// A file, or standard output.
pub struct Ndjson {
    target: Target,
    /// Names of the tables that were checked, each of which has a file of its own where there are several.
    tables: Vec<String>,
    loading: Option<Loading>,
}

struct Loading {
    tables: Vec<Table>,
    outputs: Vec<Output>,
}

struct Output {
    /// `None`: standard output.
    aside: Option<Aside>,
    buffer: Vec<u8>,
    rows: u64,
}

impl Output {
    fn flush(&mut self) -> Result<(), SinkError> {
        let result = match &mut self.aside {
            Some(aside) => aside.write(&self.buffer),
            None => write_stdout(&self.buffer),
        };
        self.buffer.clear();
        result
    }
}

fn write_stdout(bytes: &[u8]) -> Result<(), SinkError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|e| match e.kind() {
        io::ErrorKind::BrokenPipe => SinkError::OutputClosed,
        _ => SinkError::io("writing to", Path::new("standard output"))(e),
    })
}

impl Ndjson {
    /// A sink for this file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { target: Target::File(path.into()), tables: Vec::new(), loading: None }
    }

    /// A sink for standard output.
    pub fn stdout() -> Self {
        Self { target: Target::Stdout, tables: Vec::new(), loading: None }
    }

    /// The file of each table; `None` for standard output.
    fn paths(&self, tables: &[Table]) -> Result<Vec<Option<PathBuf>>, SinkError> {
        match (&self.target, tables) {
            (Target::File(path), [_]) => Ok(vec![Some(path.clone())]),
            (Target::File(path), _) => Ok(tables.iter().map(|t| Some(with_table(path, t.name()))).collect()),
            (Target::Stdout, [_]) => Ok(vec![None]),
            (Target::Stdout, _) => Err(SinkError::Spec {
                spec: "ndjson:-".into(),
                what: format!("standard output takes one table, and the plugin writes {}", tables.len()),
            }),
        }
    }
}

/// `rows.ndjson` for the table `t`: `rows.t.ndjson`.
fn with_table(path: &Path, table: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(".");
    name.push(table);
    if let Some(ending) = path.extension() {
        name.push(".");
        name.push(ending);
    }
    path.with_file_name(name)
}

#[async_trait]
impl Sink for Ndjson {
    fn describe(&self) -> String {
        match &self.target {
            Target::Stdout => "NDJSON on standard output".into(),
            Target::File(path) => match self.tables.as_slice() {
                [] | [_] => format!("NDJSON file {}", path.display()),
                tables => {
                    let names: Vec<_> = tables.iter().map(|t| with_table(path, t).display().to_string()).collect();
                    format!("NDJSON files {}", names.join(", "))
                }
            },
        }
    }

    fn replaces(&self) -> bool {
        matches!(self.target, Target::File(_))
    }

    fn limits(&self) -> ValueLimits {
        ValueLimits { any_year: false, ..ValueLimits::default() }
    }

    async fn check(&mut self, tables: &[Table]) -> Result<Vec<TableState>, SinkError> {
        let paths = self.paths(tables)?;
        self.tables = tables.iter().map(|t| t.name().to_owned()).collect();
        paths.iter().map(|p| p.as_deref().map_or(Ok(TableState::Absent), aside::check)).collect()
    }

    async fn begin(&mut self, load: &Load) -> Result<Begun, SinkError> {
        if self.loading.is_some() {
            return Err(SinkError::Order("a load of NDJSON is open already"));
        }
        crate::sink::check_run_id(&load.run_id)?;
        let mut outputs = Vec::new();
        for path in self.paths(&load.tables)? {
            let aside = path.map(|p| aside::check(&p).and_then(|_| Aside::create(p, &load.run_id))).transpose()?;
            outputs.push(Output { aside, buffer: Vec::with_capacity(BUFFER), rows: 0 });
        }
        self.loading = Some(Loading { tables: load.tables.clone(), outputs });
        Ok(Begun::Ready)
    }

    async fn write(&mut self, table: usize, rows: RecordBatch) -> Result<(), SinkError> {
        let (limits, place) = (self.limits(), self.describe());
        let none = SinkError::Order("no load of NDJSON is open, or it has no table of this index");
        let Some(Loading { tables, outputs }) = &mut self.loading else { return Err(none) };
        let (Some(table), Some(output)) = (tables.get(table), outputs.get_mut(table)) else { return Err(none) };
        if let Some(breach) = limits.breaches(table, &rows).into_iter().next() {
            let table = table.name().to_owned();
            return Err(SinkError::Unstorable { place, table, column: breach.column, what: breach.what });
        }
        let mut lines = Lines::new(&rows).ok_or_else(|| SinkError::columns(table.name()))?;
        for row in 0..lines.len() {
            lines.write(row, &mut output.buffer);
            if output.buffer.len() >= BUFFER {
                output.flush()?;
            }
        }
        output.rows += rows.num_rows() as u64;
        // Who reads along sees whole batches as they come.
        if output.aside.is_none() { output.flush() } else { Ok(()) }
    }

    async fn commit(&mut self) -> Result<Vec<TableCount>, SinkError> {
        let Some(loading) = &mut self.loading else { return Err(SinkError::Order("no load of NDJSON is open")) };
        for output in &mut loading.outputs {
            output.flush()?;
            output.aside.as_mut().map_or(Ok(()), Aside::sync)?;
        }
        for output in &mut loading.outputs {
            output.aside.as_mut().map_or(Ok(()), Aside::publish)?;
        }
        let counts = loading.outputs.iter().map(|o| TableCount { inserted: o.rows, ..TableCount::default() }).collect();
        self.loading = None;
        Ok(counts)
    }

    async fn abort(&mut self) -> Result<(), SinkError> {
        // Files written aside are removed as they are dropped.
        self.loading = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_comes_before_the_ending() {
        for (path, want) in [("a/rows.ndjson", "a/rows.t.ndjson"), ("rows", "rows.t"), ("x.tar.gz", "x.tar.t.gz")] {
            assert_eq!(with_table(Path::new(path), "t"), Path::new(want));
        }
    }
}
