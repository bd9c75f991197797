//! FROM: tables, subqueries and joins.

use sqlparser::ast::{JoinConstraint, JoinOperator, ObjectName, TableAlias, TableFactor, TableWithJoins};

use super::bind::Binder;
use super::context::Context;
use super::expr::{Env, Expr};
use super::join::{Kind, join};
use super::keywords;
use super::scope::{Scope, ScopeColumn};
use super::select::{self, Relation};
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::{self, Type};
use crate::bigquery::table::Table;
use crate::bigquery::value::{Row, Value};

/// What FROM gives.
#[derive(Debug, Default)]
pub(super) struct Input {
    pub(super) scope: Scope,
    pub(super) rows: Vec<Row>,
    /// Tables that want a filter: their name, and the place of the column.
    pub(super) filters: Vec<(String, usize)>,
    /// The conditions of joins, which are filters as well.
    pub(super) conditions: Vec<Expr>,
}

impl Input {
    /// Refuses a table that wants a filter over its partitions and has none. Which filters BigQuery can use is not looked at: any that
    /// names the column will do.
    pub(super) fn check_filters(&self, condition: Option<&Expr>) -> Result<(), Refusal> {
        let mut named = Vec::new();
        for condition in self.conditions.iter().chain(condition) {
            condition.slots(&mut named);
        }
        match self.filters.iter().find(|(_, at)| !named.contains(at)) {
            Some((table, at)) => {
                Err(missing_filter(table, self.scope.columns.get(*at).map_or("", |c| c.name.as_str())))
            }
            None => Ok(()),
        }
    }
}

pub(super) fn missing_filter(table: &str, column: &str) -> Refusal {
    Refusal::invalid_query(format!(
        "Cannot query over table '{table}' without a filter over column(s) '{column}' that can be used for partition elimination"
    ))
}

/// The place of the column over which a table wants a filter.
pub(super) fn wanted_filter(table: &Table) -> Option<usize> {
    let field = table.partitioning.as_ref().filter(|_| table.require_filter)?.field.as_ref()?;
    schema::position(&table.fields, field)
}

/// The rows of FROM; one without columns where there is none.
pub(super) fn from(context: &Context<'_>, tables: &[TableWithJoins]) -> Result<Input, Refusal> {
    let mut all = Input { rows: vec![[].into()], ..Input::default() };
    for table in tables {
        let one = joined(context, table)?;
        all = join(context, all, one, Kind::INNER, &JoinConstraint::None)?;
    }
    Ok(all)
}

fn joined(context: &Context<'_>, table: &TableWithJoins) -> Result<Input, Refusal> {
    let mut left = factor(context, &table.relation)?;
    for step in &table.joins {
        let right = factor(context, &step.relation)?;
        let (kind, constraint) = match &step.join_operator {
            JoinOperator::Join(c) | JoinOperator::Inner(c) | JoinOperator::CrossJoin(c) => (Kind::INNER, c),
            JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => (Kind { keep_left: true, keep_right: false }, c),
            JoinOperator::Right(c) | JoinOperator::RightOuter(c) => (Kind { keep_left: false, keep_right: true }, c),
            JoinOperator::FullOuter(c) => (Kind { keep_left: true, keep_right: true }, c),
            _ => return Err(Refusal::unsupported(step)),
        };
        if matches!((constraint, &step.join_operator), (JoinConstraint::None, operator) if !matches!(operator, JoinOperator::CrossJoin(_)))
        {
            return Err(Refusal::invalid_query(format!(
                "Syntax error: JOIN must have an immediately following ON or USING clause: {step}"
            )));
        }
        left = join(context, left, right, kind, constraint)?;
    }
    Ok(left)
}

/// The alias of a table, where it has only that.
pub(super) fn alias(alias: Option<&TableAlias>) -> Result<Option<&str>, Refusal> {
    match alias {
        None => Ok(None),
        Some(TableAlias { name, columns, at: None, .. }) if columns.is_empty() => {
            keywords::check(name)?;
            Ok(Some(&name.value))
        }
        Some(other) => Err(Refusal::unsupported(other)),
    }
}

/// Name and alias of a table that is nothing but that.
pub(super) fn plain_table(factor: &TableFactor) -> Result<(&ObjectName, Option<&str>), Refusal> {
    match factor {
        TableFactor::Table {
            name,
            alias: named,
            args: None,
            with_hints,
            version: None,
            with_ordinality: false,
            partitions,
            json_path: None,
            sample: None,
            index_hints,
        } if with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty() => {
            Ok((name, alias(named.as_ref())?))
        }
        other => Err(Refusal::unsupported(other)),
    }
}

fn factor(context: &Context<'_>, ast: &TableFactor) -> Result<Input, Refusal> {
    match ast {
        TableFactor::Derived { lateral: false, subquery, alias: named, sample: None } => {
            let relation = select::query(context, subquery)?;
            Ok(input(relation.named(alias(named.as_ref())?)))
        }
        TableFactor::NestedJoin { table_with_joins, alias: None } => joined(context, table_with_joins),
        TableFactor::UNNEST {
            alias: named,
            array_exprs,
            with_offset: false,
            with_offset_alias: None,
            with_ordinality: false,
        } => {
            let [array] = array_exprs.as_slice() else { return Err(Refusal::unsupported(ast)) };
            let scope = Scope::default();
            let typed = Binder::rows(context, &scope).bind(array)?;
            let Type::Array(item) = typed.ty else { return Err(Refusal::unsupported(ast)) };
            let rows = match typed.expr.eval(&Env::of(context, &[]))? {
                Value::Array(values) => values.iter().map(|v| [v.clone()].into()).collect(),
                _ => Vec::new(),
            };
            let name = alias(named.as_ref())?.unwrap_or("f0_").to_owned();
            // A struct's fields would be columns by themselves.
            if matches!(*item, Type::Struct(_)) {
                return Err(Refusal::unsupported(ast));
            }
            let columns = vec![ScopeColumn { qualifier: None, name, ty: *item, shadowed: false }];
            Ok(Input { scope: Scope { columns }, rows, ..Input::default() })
        }
        _ => {
            let (name, alias) = plain_table(ast)?;
            if let [part] = name.0.as_slice()
                && let Some(part) = part.as_ident()
                && let Some((_, common)) =
                    context.common.iter().rev().find(|(n, _)| n.eq_ignore_ascii_case(&part.value))
            {
                let relation = Relation::clone(common);
                return Ok(input(relation.named(Some(alias.unwrap_or(&part.value)))));
            }
            let name = context.name(name)?;
            let table = context.table(&name)?;
            let scope = Scope::of(Some(alias.unwrap_or(&name.table)), &table.fields);
            let dotted = format!("{}.{}.{}", name.dataset.project, name.dataset.dataset, name.table);
            let filters = wanted_filter(table).map(|at| (dotted, at)).into_iter().collect();
            Ok(Input { scope, rows: table.rows.clone(), filters, conditions: Vec::new() })
        }
    }
}

fn input(relation: Relation) -> Input {
    Input { scope: relation.scope, rows: relation.rows, ..Input::default() }
}
