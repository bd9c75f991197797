//! CREATE and DROP.

use serde_json::json;
use sqlparser::ast::{
    ColumnOption, CreateTable, CreateTableOptions, Expr as Ast, ObjectName, Query, SqlOption, Value as Literal,
    WrappedCollection,
};

use super::context::Context;
use super::functions;
use super::keywords;
use super::select;
use super::types;
use crate::bigquery::names::TableName;
use crate::bigquery::partition::{Partitioning, Period};
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::{Field, Type};
use crate::bigquery::state::now;
use crate::bigquery::table::Table;

/// What a statement does to a table as a whole.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) name: TableName,
    /// CREATE, REPLACE, DROP or SKIP, as `ddlOperationPerformed` says.
    pub(super) operation: &'static str,
    /// The table as it is from now on; `None` where it is dropped or left as it is.
    pub(super) table: Option<Table>,
}

/// CREATE TABLE.
pub(super) fn create(context: &Context<'_>, ast: &CreateTable) -> Result<Definition, Refusal> {
    check(ast)?;
    let name = context.name(&ast.name)?;
    let dataset = context.state.dataset(&name.dataset)?;
    let there = dataset.tables.contains_key(&name.table);
    if there && ast.if_not_exists {
        return Ok(Definition { name, operation: "SKIP", table: None });
    }
    if there && !ast.or_replace {
        return Err(Refusal::new("duplicate", format!("Already Exists: Table {name}")));
    }
    let mut table = Table::parse(name.clone(), &json!({}), &dataset.location, now())?;
    table.fields = ast.columns.iter().map(column).collect::<Result<_, _>>()?;
    if let Some(query) = &ast.query {
        fill(context, &mut table, query)?;
    }
    table.partitioning = ast.partition_by.as_deref().map(|by| partitioning(by, &table.fields)).transpose()?;
    if let Some(by) = &ast.cluster_by {
        let (WrappedCollection::NoWrapping(by) | WrappedCollection::Parentheses(by)) = by;
        let column = |by: &Ast| match by {
            Ast::Identifier(name) => Ok(name.value.clone()),
            other => Err(Refusal::unsupported(other)),
        };
        table.clustering = by.iter().map(column).collect::<Result<_, _>>()?;
    }
    if let CreateTableOptions::Options(options) = &ast.table_options {
        for option in options {
            set_option(&mut table, option)?;
        }
    }
    table.check()?;
    Ok(Definition { name, operation: if there { "REPLACE" } else { "CREATE" }, table: Some(table) })
}

fn check(ast: &CreateTable) -> Result<(), Refusal> {
    let known = !ast.temporary
        && !ast.external
        && !ast.snapshot
        && ast.global.is_none()
        && ast.constraints.is_empty()
        && ast.like.is_none()
        && ast.clone.is_none()
        && ast.version.is_none()
        && ast.comment.is_none()
        && ast.file_format.is_none()
        && ast.location.is_none()
        && ast.order_by.is_none()
        && ast.primary_key.is_none()
        && ast.clustered_by.is_none()
        && ast.default_ddl_collation.is_none()
        && matches!(ast.table_options, CreateTableOptions::None | CreateTableOptions::Options(_));
    if known { Ok(()) } else { Err(Refusal::unsupported(ast)) }
}

fn column(ast: &sqlparser::ast::ColumnDef) -> Result<Field, Refusal> {
    keywords::check(&ast.name)?;
    let mut field = Field::nullable(&ast.name.value, types::of(&ast.data_type)?);
    for option in &ast.options {
        match &option.option {
            ColumnOption::NotNull => field.required = true,
            ColumnOption::Options(options) => {
                for option in options {
                    match key_value(option) {
                        Some((key, Literal::SingleQuotedString(text) | Literal::DoubleQuotedString(text)))
                            if key == "description" =>
                        {
                            field.extras.insert(key, json!(text));
                        }
                        _ => return Err(Refusal::unsupported(option)),
                    }
                }
            }
            other => return Err(Refusal::unsupported(other)),
        }
    }
    Ok(field)
}

/// Columns and rows of CREATE TABLE … AS SELECT.
fn fill(context: &Context<'_>, table: &mut Table, query: &Query) -> Result<(), Refusal> {
    let relation = select::query(context, query)?;
    if !table.fields.is_empty() {
        return Err(Refusal::unsupported("CREATE TABLE with both columns and a query"));
    }
    table.fields = relation.fields();
    table.rows = relation.rows;
    Ok(())
}

/// `PARTITION BY` a column, or a function that cuts it to a period.
fn partitioning(by: &Ast, fields: &[Field]) -> Result<Partitioning, Refusal> {
    let unknown = || {
        Refusal::invalid_query(format!(
            "PARTITION BY expression must be DATE(<timestamp_column>), DATE(<datetime_column>), DATETIME_TRUNC(<datetime_column>, DAY/HOUR/MONTH/YEAR), a DATE column, TIMESTAMP_TRUNC(<timestamp_column>, DAY/HOUR/MONTH/YEAR), DATE_TRUNC(<date_column>, MONTH/YEAR), or RANGE_BUCKET(<int64_column>, GENERATE_ARRAY(<int64_value>, <int64_value>[, <int64_value>])): {by}"
        ))
    };
    let (name, period) = match by {
        Ast::Identifier(name) => (name.value.clone(), Period::Day),
        Ast::Function(call) => match functions::plain(call) {
            Some((function, arguments)) => match (function.as_str(), arguments.as_slice()) {
                ("DATE", [Ast::Identifier(name)]) => (name.value.clone(), Period::Day),
                ("TIMESTAMP_TRUNC" | "DATE_TRUNC", [Ast::Identifier(name), Ast::Identifier(part)]) => {
                    (name.value.clone(), Period::parse(&part.value)?)
                }
                _ => return Err(unknown()),
            },
            None => return Err(unknown()),
        },
        _ => return Err(unknown()),
    };
    let is_plain = matches!(by, Ast::Identifier(_));
    let ty = fields.iter().find(|f| f.name.eq_ignore_ascii_case(&name)).map(|f| &f.ty);
    if is_plain && !matches!(ty, Some(Type::Date)) {
        return Err(unknown());
    }
    Ok(Partitioning { by: period, field: Some(name), extras: serde_json::Map::new() })
}

fn key_value(option: &SqlOption) -> Option<(String, Literal)> {
    match option {
        SqlOption::KeyValue { key, value: Ast::Value(value) } => {
            Some((key.value.to_ascii_lowercase(), value.value.clone()))
        }
        _ => None,
    }
}

fn set_option(table: &mut Table, option: &SqlOption) -> Result<(), Refusal> {
    match key_value(option) {
        Some((key, Literal::Boolean(on))) if key == "require_partition_filter" => table.require_filter = on,
        Some((key, Literal::SingleQuotedString(text) | Literal::DoubleQuotedString(text))) if key == "description" => {
            table.extras.insert(key, json!(text));
        }
        _ => return Err(Refusal::unsupported(option)),
    }
    Ok(())
}

/// DROP TABLE.
pub(super) fn drop(context: &Context<'_>, names: &[ObjectName], if_exists: bool) -> Result<Definition, Refusal> {
    let [name] = names else { return Err(Refusal::unsupported("DROP of several tables")) };
    let name = context.name(name)?;
    match context.table(&name) {
        Ok(_) => Ok(Definition { name, operation: "DROP", table: None }),
        Err(refusal) if if_exists && refusal.reason == "notFound" => {
            Ok(Definition { name, operation: "SKIP", table: None })
        }
        Err(refusal) => Err(refusal),
    }
}
