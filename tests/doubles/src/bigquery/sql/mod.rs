//! GoogleSQL: a statement is parsed, its names and types are checked, and it is run over the rows in memory.
//!
//! What is not known here is refused with the place where it stands; nothing is passed over.

mod aggregate;
mod bind;
mod calendar;
mod cast;
mod compute;
mod config;
mod context;
mod ddl;
mod dml;
mod expr;
mod from;
mod functions;
mod groups;
mod join;
mod keywords;
mod literal;
mod merge;
mod order;
mod project;
mod refs;
mod scope;
mod select;
mod sets;
mod types;
mod window;

use std::cell::RefCell;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use sqlparser::ast::{ObjectType, Statement};
use sqlparser::dialect::BigQueryDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::job::{Outcome, ResultRows};
use super::names::{JobName, TableName};
use super::refusal::Refusal;
use super::schema::{self, Field};
use super::state::{State, now};
use super::table::Table;
use super::wire;
use config::Destination;
pub(crate) use config::QueryJob;
use context::{Context, Touched};
use ddl::Definition;
use dml::Changed;
use select::Relation;

/// What a statement gave, before it takes effect.
enum Done {
    Rows(Relation),
    Changed(Changed),
    Defined(Definition),
}

/// A statement that has been run and not taken effect.
struct Run {
    kind: &'static str,
    done: Done,
    touched: Touched,
}

/// Runs a query job.
pub(crate) fn run(state: &mut State, job: &QueryJob, name: &JobName) -> Outcome {
    match try_run(state, job, &name.location) {
        Ok(outcome) => outcome,
        Err(error) => Outcome { error: Some(error), ..Outcome::default() },
    }
}

/// Runs a statement past all jobs, for a test. The rows.
pub(crate) fn run_now(state: &mut State, project: &str, sql: &str) -> Result<Vec<Map<String, Json>>, Refusal> {
    let job = QueryJob::plain(sql, project);
    let dataset = job.dataset().and_then(|d| state.datasets.get(&d));
    let location = dataset.map_or(super::state::DEFAULT_LOCATION, |d| d.location.as_str()).to_owned();
    let outcome = try_run(state, &job, &location)?;
    let rows = |r: ResultRows| r.rows.iter().map(|row| wire::plain_row(&r.fields, row)).collect();
    Ok(outcome.result.map(rows).unwrap_or_default())
}

/// Checks a statement: its form, its names and types, and that its tables are there. As it is run to no effect, values of rows
/// may be refused as well, which BigQuery finds only in earnest.
pub(crate) fn dry_run(state: &State, job: &QueryJob, location: &str) -> Result<(), Refusal> {
    if job.legacy {
        return Err(Refusal::unsupported("legacy SQL; set useLegacySql to false"));
    }
    statement(state, job, location).map(drop)
}

fn try_run(state: &mut State, job: &QueryJob, location: &str) -> Result<Outcome, Refusal> {
    if job.legacy {
        return Err(Refusal::unsupported("legacy SQL; set useLegacySql to false"));
    }
    let run = statement(state, job, location)?;
    let mut statistics = Map::new();
    let mut put = |key: &str, value: Json| drop(statistics.insert(key.to_owned(), value));
    put("statementType", json!(run.kind));
    put("totalBytesProcessed", json!(run.touched.bytes.to_string()));
    put("totalBytesBilled", json!(run.touched.bytes.to_string()));
    put("cacheHit", json!(false));
    put("referencedTables", run.touched.tables.iter().map(TableName::reference).collect());
    let mut result = None;
    match run.done {
        Done::Rows(relation) => {
            let fields = result_fields(&relation)?;
            put("schema", schema::schema_json(&fields));
            let rows = Arc::new(relation.rows);
            if let Some(destination) = &job.destination {
                write(state, destination, &fields, &rows)?;
            }
            result = Some(ResultRows { fields, rows });
        }
        Done::Changed(Changed { table, inserted, updated, deleted }) => {
            put("numDmlAffectedRows", json!((inserted + updated + deleted).to_string()));
            let counts = [("insertedRowCount", inserted), ("updatedRowCount", updated), ("deletedRowCount", deleted)];
            let of_kind = |name: &str| match run.kind {
                "INSERT" => name == "insertedRowCount",
                "UPDATE" => name == "updatedRowCount",
                "DELETE" | "TRUNCATE_TABLE" => name == "deletedRowCount",
                _ => true,
            };
            let counts = counts.into_iter().filter(|(name, _)| of_kind(name));
            put("dmlStats", counts.map(|(name, n)| (name.to_owned(), json!(n.to_string()))).collect());
            state.put_table(table)?;
        }
        Done::Defined(Definition { name, operation, table }) => {
            put("ddlOperationPerformed", json!(operation));
            put("ddlTargetTable", name.reference());
            match (table, operation) {
                (Some(table), _) => state.put_table(table)?,
                (None, "DROP") => drop(state.dataset_mut(&name.dataset)?.tables.remove(&name.table)),
                (None, _) => {}
            }
        }
    }
    Ok(Outcome { statistics, bytes: run.touched.bytes, result, ..Outcome::default() })
}

/// The columns of a result: each name once, and every type one that an answer can hold.
fn result_fields(relation: &Relation) -> Result<Vec<Field>, Refusal> {
    let mut fields = relation.fields();
    for (i, field) in fields.iter().enumerate() {
        if fields.iter().take(i).any(|f| f.name.eq_ignore_ascii_case(&field.name)) {
            return Err(Refusal::invalid_query(format!(
                "Duplicate column names in the result are not supported when a destination table is present. Found duplicate(s): {}",
                field.name
            )));
        }
    }
    for field in &mut fields {
        field.extras.insert("mode".into(), json!("NULLABLE"));
    }
    Ok(fields)
}

/// Puts the rows of a query into a table.
fn write(state: &mut State, to: &Destination, fields: &[Field], rows: &[super::value::Row]) -> Result<(), Refusal> {
    let dataset = state.dataset(&to.table.dataset)?;
    let there = dataset.tables.get(&to.table.table).map(|t| Table::clone(t));
    let mut table = match there {
        Some(table) => table,
        None if to.create => Table::parse(to.table.clone(), &json!({}), &dataset.location, now())?,
        None => return Err(Refusal::new("notFound", format!("Not found: Table {}", to.table))),
    };
    match to.write.as_str() {
        "WRITE_EMPTY" if !table.rows.is_empty() => {
            return Err(Refusal::new("duplicate", format!("Already Exists: Table {}", to.table)));
        }
        "WRITE_TRUNCATE" => {
            table.rows.clear();
            table.fields = fields.to_vec();
        }
        "WRITE_EMPTY" | "WRITE_APPEND" if table.fields.is_empty() => table.fields = fields.to_vec(),
        "WRITE_EMPTY" | "WRITE_APPEND" => {
            let fits = table.fields.len() == fields.len()
                && table
                    .fields
                    .iter()
                    .zip(fields)
                    .all(|(a, b)| a.name.eq_ignore_ascii_case(&b.name) && cast::same(&a.ty, &b.ty) && !a.required);
            if !fits {
                return Err(Refusal::invalid(format!("Provided Schema does not match Table {}.", to.table)));
            }
        }
        other => {
            return Err(Refusal::invalid(format!("Invalid value for writeDisposition: {other} is not a valid value")));
        }
    }
    table.check()?;
    table.check_partitions(rows, "query")?;
    table.rows.extend_from_slice(rows);
    state.put_table(table)
}

fn statement(state: &State, job: &QueryJob, location: &str) -> Result<Run, Refusal> {
    let syntax = |message: String| {
        // The parser ends with `at Line: 1, Column: 8`.
        let message = message.trim_start_matches("sql parser error: ").to_owned();
        let message = match message.rsplit_once(" at Line: ") {
            Some((what, place)) => format!("{what} at [{}]", place.replace(", Column: ", ":")),
            None => message,
        };
        Refusal::invalid_query(format!("Syntax error: {message}"))
    };
    let dialect = BigQueryDialect;
    // Escapes are taken apart by `literal`: the tokenizer knows only some.
    let tokens = Tokenizer::new(&dialect, &job.text).with_unescape(false).tokenize_with_location();
    let tokens = tokens.map_err(|e| syntax(e.to_string()))?;
    if let Some(equals) = tokens.iter().find(|t| t.token == Token::DoubleEq) {
        // The parser takes it for `=`.
        return Err(Refusal::invalid_query(format!("Syntax error: Unexpected \"==\"{}", context::place(equals.span))));
    }
    let question = |t: &&sqlparser::tokenizer::TokenWithSpan| matches!(&t.token, Token::Placeholder(p) if p == "?");
    let placeholders: Vec<_> =
        tokens.iter().filter(question).map(|t| (t.span.start.line, t.span.start.column)).collect();
    let mut statements = Parser::new(&dialect)
        .with_tokens_with_locations(tokens)
        .parse_statements()
        .map_err(|e| syntax(e.to_string()))?;
    let (Some(statement), true) = (statements.pop(), statements.is_empty()) else {
        return Err(Refusal::unsupported("none or several statements at once"));
    };
    let touched = RefCell::new(Touched::default());
    let context = Context {
        state,
        project: &job.project,
        default_dataset: job.default_dataset.as_ref(),
        location,
        parameters: &job.parameters,
        placeholders: &placeholders,
        now: now().saturating_mul(1_000),
        touched: &touched,
        common: Vec::new(),
        outer: Vec::new(),
    };
    let (kind, done) = match &statement {
        Statement::Query(ast) => ("SELECT", Done::Rows(select::query(&context, ast)?)),
        Statement::Insert(ast) => ("INSERT", Done::Changed(dml::insert(&context, ast)?)),
        Statement::Update(ast) => ("UPDATE", Done::Changed(dml::update(&context, ast)?)),
        Statement::Delete(ast) => ("DELETE", Done::Changed(dml::delete(&context, ast)?)),
        Statement::Merge(ast) => ("MERGE", Done::Changed(merge::merge(&context, ast)?)),
        Statement::Truncate(ast) => ("TRUNCATE_TABLE", Done::Changed(dml::truncate(&context, ast)?)),
        Statement::CreateTable(ast) => {
            let kind = if ast.query.is_some() { "CREATE_TABLE_AS_SELECT" } else { "CREATE_TABLE" };
            (kind, Done::Defined(ddl::create(&context, ast)?))
        }
        Statement::Drop {
            object_type: ObjectType::Table,
            if_exists,
            names,
            cascade: false,
            restrict: false,
            purge: false,
            temporary: false,
            table: None,
        } => ("DROP_TABLE", Done::Defined(ddl::drop(&context, names, *if_exists)?)),
        other => return Err(Refusal::unsupported(other)),
    };
    drop(context);
    Ok(Run { kind, done, touched: touched.into_inner() })
}
