//! What a statement can see: tables, common tables, parameters, the rows around it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sqlparser::ast::{ObjectName, ObjectNamePart};
use sqlparser::tokenizer::Span;

use super::expr::Typed;
use super::scope::Outer;
use super::select::Relation;
use crate::bigquery::names::{DatasetName, TableName};
use crate::bigquery::refusal::Refusal;
use crate::bigquery::state::State;
use crate::bigquery::table::Table;

/// What a statement runs in.
#[derive(Clone)]
pub(super) struct Context<'a> {
    pub(super) state: &'a State,
    pub(super) project: &'a str,
    pub(super) default_dataset: Option<&'a DatasetName>,
    pub(super) location: &'a str,
    pub(super) parameters: &'a Parameters,
    /// Where each `?` of the statement stands: line and column.
    pub(super) placeholders: &'a [(u64, u64)],
    /// Microseconds since the epoch: one instant for the whole statement.
    pub(super) now: i64,
    /// What was read.
    pub(super) touched: &'a RefCell<Touched>,
    /// Tables of WITH, the innermost last.
    pub(super) common: Vec<(String, Arc<Relation>)>,
    /// Rows around, the innermost last.
    pub(super) outer: Vec<Outer<'a>>,
}

/// Parameters of a query.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    /// By lower-case name.
    pub(super) named: BTreeMap<String, Typed>,
    pub(super) positional: Vec<Typed>,
}

/// What a statement has read.
#[derive(Debug, Default)]
pub(super) struct Touched {
    pub(super) tables: BTreeSet<TableName>,
    pub(super) bytes: u64,
}

impl<'a> Context<'a> {
    /// The same, with a row around.
    pub(super) fn inside<'b>(&'b self, outer: Outer<'b>) -> Context<'b>
    where
        'a: 'b,
    {
        let mut inside: Context<'b> = self.clone();
        inside.outer.push(outer);
        inside
    }

    /// The table that a name means.
    pub(super) fn name(&self, name: &ObjectName) -> Result<TableName, Refusal> {
        let mut parts = Vec::new();
        for part in &name.0 {
            match part {
                // Backticks may be around each part or around all of them.
                ObjectNamePart::Identifier(ident) => parts.extend(ident.value.split('.').map(str::to_owned)),
                ObjectNamePart::Function(_) => return Err(Refusal::unsupported(format!("the table name {name}"))),
            }
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        if parts.iter().any(|p| p.contains(['*', '$']) || p.eq_ignore_ascii_case("INFORMATION_SCHEMA")) {
            return Err(Refusal::unsupported(format!("the table name {name}")));
        }
        match parts.as_slice() {
            [project, dataset, table] => Ok(TableName::new(project, dataset, table)),
            [dataset, table] => Ok(TableName::new(self.project, dataset, table)),
            [table] => match self.default_dataset {
                Some(dataset) => Ok(dataset.table(table)),
                None => Err(Refusal::invalid_query(format!(
                    "Table \"{table}\" must be qualified with a dataset (e.g. dataset.table)."
                ))),
            },
            _ => Err(Refusal::unsupported(format!("the table name {name}"))),
        }
    }

    /// The table, which is then counted as read.
    pub(super) fn table(&self, name: &TableName) -> Result<&'a Table, Refusal> {
        let table = self.find(name)?;
        let mut touched = self.touched.borrow_mut();
        if touched.tables.insert(name.clone()) {
            touched.bytes += table.bytes();
        }
        Ok(table)
    }

    fn find(&self, name: &TableName) -> Result<&'a Table, Refusal> {
        let elsewhere = |refusal: Refusal| Refusal {
            // A query says where it looked.
            message: format!("{} was not found in location {}", refusal.message, self.location),
            ..refusal
        };
        let dataset = self.state.dataset(&name.dataset).map_err(elsewhere)?;
        if !dataset.location.eq_ignore_ascii_case(self.location) {
            return Err(elsewhere(Refusal::new("notFound", format!("Not found: Dataset {}", name.dataset))));
        }
        Ok(self.state.table(name).map_err(elsewhere)?)
    }
}

/// Where something stands, as messages end: ` at [1:8]`.
pub(super) fn place(span: Span) -> String {
    if span.start.line == 0 { String::new() } else { format!(" at [{}:{}]", span.start.line, span.start.column) }
}

impl Context<'_> {
    /// A parameter `@name`.
    pub(super) fn named_parameter(&self, name: &str, at: &str) -> Result<Typed, Refusal> {
        let found = self.parameters.named.get(&name.to_ascii_lowercase()).cloned();
        found.ok_or_else(|| Refusal::invalid_query(format!("Query parameter '{name}' not found{at}")))
    }

    /// The parameter that a `?` stands for.
    pub(super) fn positional_parameter(&self, span: Span) -> Result<Typed, Refusal> {
        let written = (span.start.line, span.start.column);
        let at = self.placeholders.iter().position(|p| *p == written);
        let found = at.and_then(|at| self.parameters.positional.get(at)).cloned();
        found.ok_or_else(|| {
            Refusal::invalid_query(format!("Query has positional parameters without a value{}", place(span)))
        })
    }
}
