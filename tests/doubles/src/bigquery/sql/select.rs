//! Queries: WITH, set operations, SELECT.

use std::collections::HashSet;
use std::sync::Arc;

use sqlparser::ast::{
    Distinct, Expr as Ast, GroupByExpr, LimitClause, OrderBy, OrderByExpr, OrderByKind, Query, Select, SelectFlavor,
    SetExpr, Spanned,
};

use super::aggregate::AggregateCall;
use super::bind::Binder;
use super::context::{Context, place};
use super::expr::{Env, Expr, Typed};
use super::from;
use super::groups::{Group, groups};
use super::order;
use super::project::{self, Item};
use super::scope::{Scope, ScopeColumn};
use super::sets::{check_distinct, combined};
use super::window::WindowCall;
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::{Field, Type};
use crate::bigquery::value::{Key, Row, Value};

/// Columns and rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Relation {
    pub(super) scope: Scope,
    pub(super) rows: Vec<Row>,
}

impl Relation {
    /// The columns as fields.
    pub(super) fn fields(&self) -> Vec<Field> {
        self.scope.columns.iter().map(|c| Field::nullable(&c.name, c.ty.clone())).collect()
    }

    /// The only value; null where there is no row.
    pub(super) fn scalar(&self) -> Result<Value, Refusal> {
        match self.rows.as_slice() {
            [] => Ok(Value::Null),
            [row] => Ok(row.first().cloned().unwrap_or(Value::Null)),
            _ => Err(Refusal::invalid_query("Scalar subquery produced more than one element")),
        }
    }

    /// The values of the first column.
    pub(super) fn set(&self) -> HashSet<Key> {
        self.rows.iter().filter_map(|r| r.first()).map(|v| Key(v.clone())).collect()
    }

    /// The same columns under another table's name.
    pub(super) fn named(mut self, qualifier: Option<&str>) -> Self {
        for column in &mut self.scope.columns {
            column.qualifier = qualifier.map(str::to_owned);
            column.shadowed = false;
        }
        self
    }
}

/// Runs a query.
pub(super) fn query(context: &Context<'_>, ast: &Query) -> Result<Relation, Refusal> {
    let Query {
        with,
        body,
        order_by,
        limit_clause,
        fetch: None,
        for_clause: None,
        settings: None,
        format_clause: None,
        ..
    } = ast
    else {
        return Err(Refusal::unsupported(ast));
    };
    if !ast.locks.is_empty() || !ast.pipe_operators.is_empty() {
        return Err(Refusal::unsupported(ast));
    }
    let mut inside = context.clone();
    if let Some(with) = with {
        if with.recursive {
            return Err(Refusal::unsupported("WITH RECURSIVE"));
        }
        for common in &with.cte_tables {
            if !common.alias.columns.is_empty() || common.from.is_some() || common.materialized.is_some() {
                return Err(Refusal::unsupported(common));
            }
            let relation = query(&inside, &common.query)?;
            inside.common.push((common.alias.name.value.clone(), Arc::new(relation)));
        }
    }
    let mut relation = body_of(&inside, body, order_by.as_ref())?;
    if let Some(limit) = limit_clause {
        let LimitClause::LimitOffset { limit, offset, limit_by } = limit else { return Err(Refusal::unsupported(ast)) };
        if !limit_by.is_empty() {
            return Err(Refusal::unsupported(ast));
        }
        let scope = Scope::default();
        let number = |ast: &Ast| order::count(&Binder::rows(&inside, &scope).bind_as(ast, &Type::Int64)?, &inside);
        if let Some(offset) = offset {
            let skip = number(&offset.value)?.min(relation.rows.len());
            relation.rows.drain(..skip);
        }
        if let Some(limit) = limit {
            relation.rows.truncate(number(limit)?);
        }
    }
    Ok(relation)
}

fn body_of(context: &Context<'_>, body: &SetExpr, order: Option<&OrderBy>) -> Result<Relation, Refusal> {
    let order = match order {
        None => &[][..],
        Some(OrderBy { kind: OrderByKind::Expressions(keys), interpolate: None }) => keys,
        Some(other) => return Err(Refusal::unsupported(other)),
    };
    match body {
        SetExpr::Select(ast) => select(context, ast, order),
        SetExpr::Query(ast) if order.is_empty() => query(context, ast),
        SetExpr::Query(ast) => sorted(context, query(context, ast)?, order),
        SetExpr::SetOperation { left, op, set_quantifier, right } => {
            let left = body_of(context, left, None)?;
            let right = body_of(context, right, None)?;
            sorted(context, combined(left, *op, *set_quantifier, right)?, order)
        }
        other => Err(Refusal::unsupported(other)),
    }
}

/// A relation in an order of its columns, by name or number.
fn sorted(context: &Context<'_>, mut relation: Relation, keys: &[OrderByExpr]) -> Result<Relation, Refusal> {
    if keys.is_empty() {
        return Ok(relation);
    }
    let scope = relation.scope.clone().unqualified();
    let mut bound = Vec::new();
    for ast in keys {
        let typed = match ordinal(&ast.expr, scope.columns.len())? {
            Some(at) => scope.slot(at).ok_or_else(|| Refusal::unsupported(ast))?,
            None => Binder::rows(context, &scope).bind(&ast.expr)?,
        };
        bound.push(order::Key::new(typed.expr, &typed.ty, ast)?);
    }
    let mut rows = Vec::new();
    for row in relation.rows {
        let keys = bound.iter().map(|k| k.expr.eval(&Env::of(context, &row))).collect::<Result<Vec<_>, _>>()?;
        rows.push((keys, row));
    }
    rows.sort_by(|(a, _), (b, _)| order::compare(&bound, a, b));
    relation.rows = rows.into_iter().map(|(_, row)| row).collect();
    Ok(relation)
}

/// A place in the SELECT list by its number, from 1.
pub(super) fn ordinal(ast: &Ast, count: usize) -> Result<Option<usize>, Refusal> {
    let Ast::Value(value) = ast else { return Ok(None) };
    let sqlparser::ast::Value::Number(digits, _) = &value.value else { return Ok(None) };
    let at = digits.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|at| *at < count);
    at.map(Some)
        .ok_or_else(|| Refusal::invalid_query(format!("Column number is out of range: {digits}{}", place(ast.span()))))
}

/// A SELECT whose names have been given their meaning.
struct Bound {
    items: Vec<Item>,
    having: Option<Expr>,
    qualify: Option<Expr>,
    order: Vec<order::Key>,
    aggregates: Vec<AggregateCall>,
    windows: Vec<WindowCall>,
}

fn select(context: &Context<'_>, ast: &Select, order: &[OrderByExpr]) -> Result<Relation, Refusal> {
    let distinct = check(ast)?;
    let mut input = from::from(context, &ast.from)?;
    let condition = match &ast.selection {
        Some(condition) => Some(Binder::rows(context, &input.scope).condition(condition, "WHERE clause")?),
        None => None,
    };
    input.check_filters(condition.as_ref())?;
    if let Some(condition) = &condition {
        let mut kept = Vec::new();
        for row in input.rows {
            if condition.truth(&Env::of(context, &row))? == Some(true) {
                kept.push(row);
            }
        }
        input.rows = kept;
    }
    let scope = input.scope;
    let keys = group_keys(context, &scope, ast)?;
    // Whether rows are grouped shows when an aggregate is found.
    let mut bound = bind(context, &scope, ast, order, keys.as_deref(), distinct)?;
    let grouped = keys.is_some() || !bound.aggregates.is_empty();
    if keys.is_none() && grouped {
        bound = bind(context, &scope, ast, order, Some(&[]), distinct)?;
    }
    if !grouped && bound.having.is_some() {
        return Err(Refusal::invalid_query("The HAVING clause requires GROUP BY or aggregation to be present"));
    }
    let groups = if grouped {
        groups(context, &bound.aggregates, bound.having.as_ref(), keys.as_deref().unwrap_or_default(), &input.rows)?
    } else {
        input.rows.into_iter().map(Group::of_row).collect()
    };
    finish(context, bound, &groups, distinct)
}

/// Refuses what is not known; whether it is DISTINCT.
fn check(ast: &Select) -> Result<bool, Refusal> {
    let known = ast.optimizer_hints.is_empty()
        && ast.select_modifiers.is_none()
        && ast.top.is_none()
        && ast.exclude.is_none()
        && ast.into.is_none()
        && ast.lateral_views.is_empty()
        && ast.prewhere.is_none()
        && ast.connect_by.is_empty()
        && ast.cluster_by.is_empty()
        && ast.distribute_by.is_empty()
        && ast.sort_by.is_empty()
        && ast.named_window.is_empty()
        && ast.value_table_mode.is_none()
        && ast.flavor == SelectFlavor::Standard;
    match (&ast.distinct, known) {
        (None | Some(Distinct::All), true) => Ok(false),
        (Some(Distinct::Distinct), true) => Ok(true),
        _ => Err(Refusal::unsupported(ast)),
    }
}

/// The keys of GROUP BY, if there is one.
fn group_keys(context: &Context<'_>, scope: &Scope, ast: &Select) -> Result<Option<Vec<Typed>>, Refusal> {
    let by = match &ast.group_by {
        GroupByExpr::Expressions(by, modifiers) if modifiers.is_empty() => by,
        other => return Err(Refusal::unsupported(other)),
    };
    if by.is_empty() {
        return Ok(None);
    }
    let mut keys = Vec::new();
    for by in by {
        let meant = match ordinal(by, ast.projection.len())? {
            Some(at) => project::expression(&ast.projection, at).ok_or_else(|| Refusal::unsupported(by))?,
            None => by,
        };
        let mut binder = Binder::rows(context, scope);
        binder.aliases = &ast.projection;
        let typed = binder.bind(meant)?;
        if !typed.ty.is_comparable() {
            return Err(Refusal::invalid_query(format!(
                "Grouping by expressions of type {} is not allowed{}",
                typed.ty,
                place(by.span())
            )));
        }
        keys.push(typed);
    }
    Ok(Some(keys))
}

fn bind(
    context: &Context<'_>,
    scope: &Scope,
    ast: &Select,
    order: &[OrderByExpr],
    keys: Option<&[Typed]>,
    distinct: bool,
) -> Result<Bound, Refusal> {
    let (mut aggregates, mut windows) = (Vec::new(), Vec::new());
    let mut binder =
        Binder { keys, aggregates: Some(&mut aggregates), windows: Some(&mut windows), ..Binder::rows(context, scope) };
    let items = project::items(&mut binder, &ast.projection)?;
    binder.aliases = &ast.projection;
    let qualify = ast.qualify.as_ref().map(|q| binder.condition(q, "QUALIFY clause")).transpose()?;
    let mut bound_order = Vec::new();
    for key in order {
        // Names of the SELECT list come before those of FROM.
        let output = match ordinal(&key.expr, items.len())? {
            Some(at) => items.get(at),
            None => match &key.expr {
                Ast::Identifier(name) => items.iter().find(|i| i.name.eq_ignore_ascii_case(&name.value)),
                _ => None,
            },
        };
        let typed = match output {
            Some(item) => item.typed.clone(),
            None if distinct => {
                return Err(Refusal::unsupported(format!("ORDER BY {key} of what SELECT DISTINCT does not list")));
            }
            None => binder.bind(&key.expr)?,
        };
        bound_order.push(order::Key::new(typed.expr, &typed.ty, key)?);
    }
    binder.windows = None;
    let having = ast.having.as_ref().map(|h| binder.condition(h, "HAVING clause")).transpose()?;
    Ok(Bound { items, having, qualify, order: bound_order, aggregates, windows })
}

/// Windows, QUALIFY, the SELECT list, DISTINCT and ORDER BY.
fn finish(context: &Context<'_>, bound: Bound, groups: &[Group], distinct: bool) -> Result<Relation, Refusal> {
    let mut windows: Vec<Vec<Value>> = vec![Vec::new(); groups.len()];
    if !bound.windows.is_empty() {
        let envs: Vec<_> = groups.iter().map(|g| g.env(context, &[])).collect();
        let rows: Vec<_> = groups.iter().map(|g| &g.row).collect();
        for call in &bound.windows {
            for (values, value) in windows.iter_mut().zip(call.values(&envs, &rows)?) {
                values.push(value);
            }
        }
    }
    let mut rows = Vec::new();
    let mut seen = HashSet::new();
    for (group, windows) in groups.iter().zip(&windows) {
        let env = group.env(context, windows);
        if let Some(qualify) = &bound.qualify
            && qualify.truth(&env)? != Some(true)
        {
            continue;
        }
        let row = bound.items.iter().map(|i| i.typed.expr.eval(&env)).collect::<Result<Row, _>>()?;
        if distinct && !seen.insert(row.iter().map(|v| Key(v.clone())).collect::<Vec<_>>()) {
            continue;
        }
        let keys = bound.order.iter().map(|k| k.expr.eval(&env)).collect::<Result<Vec<_>, _>>()?;
        rows.push((keys, row));
    }
    if !bound.order.is_empty() {
        rows.sort_by(|(a, _), (b, _)| order::compare(&bound.order, a, b));
    }
    let column = |i: Item| ScopeColumn { qualifier: None, name: i.name, ty: i.typed.ty, shadowed: false };
    let columns: Vec<_> = bound.items.into_iter().map(column).collect();
    if distinct {
        check_distinct(&columns)?;
    }
    Ok(Relation { scope: Scope { columns }, rows: rows.into_iter().map(|(_, row)| row).collect() })
}
