//! INSERT, UPDATE, DELETE and TRUNCATE.

use sqlparser::ast::{
    Assignment, AssignmentTarget, Delete, FromTable, Insert, ObjectName, SetExpr, Spanned, TableObject, Truncate,
    Update,
};

use super::bind::Binder;
use super::cast;
use super::context::{Context, place};
use super::expr::{Env, Expr, Literal, Space, Typed};
use super::from;
use super::keywords;
use super::scope::Scope;
use super::select;
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::{self, Field, Type};
use crate::bigquery::table::Table;
use crate::bigquery::value::{Row, Value};

/// A table as a statement leaves it, and what the statement did.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) table: Table,
    pub(super) inserted: u64,
    pub(super) updated: u64,
    pub(super) deleted: u64,
}

/// The expression as the type of a column.
pub(super) fn assign(typed: Typed, field: &Field, at: &str, n: usize) -> Result<Expr, Refusal> {
    let from = typed.ty.clone();
    cast::coerce(typed, &field.ty).map(|t| t.expr).ok_or_else(|| {
        Refusal::invalid_query(format!(
            "Query column {n} has type {from} which cannot be inserted into column {}, which has type {}{at}",
            field.name, field.ty
        ))
    })
}

/// The value as a column holds it.
pub(super) fn store(value: Value, field: &Field) -> Result<Value, Refusal> {
    match (&value, &field.ty) {
        (Value::Null, Type::Array(_)) => Ok(Value::Array([].into())),
        (Value::Null, _) if field.required => {
            Err(Refusal::invalid_query(format!("Required field {} cannot be null", field.name)))
        }
        _ => Ok(value),
    }
}

/// The places of named columns, each once; of all where none is named.
pub(super) fn columns(table: &Table, names: &[ObjectName]) -> Result<Vec<usize>, Refusal> {
    if names.is_empty() {
        return Ok((0..table.fields.len()).collect());
    }
    let mut places = Vec::new();
    for name in names {
        let ident = name.0.first().and_then(|p| p.as_ident()).filter(|_| name.0.len() == 1);
        let ident = ident.ok_or_else(|| Refusal::unsupported(name))?;
        keywords::check(ident)?;
        let at = schema::position(&table.fields, &ident.value).ok_or_else(|| {
            Refusal::invalid_query(format!(
                "Column {} is not present in table {}{}",
                ident.value,
                table.name.short(),
                place(ident.span)
            ))
        })?;
        if places.contains(&at) {
            return Err(Refusal::invalid_query(format!(
                "INSERT has columns with duplicate name: {}{}",
                ident.value,
                place(ident.span)
            )));
        }
        places.push(at);
    }
    Ok(places)
}

/// A row of a table from values of some of its columns.
pub(super) fn row(fields: &[Field], places: &[usize], values: &[Value]) -> Result<Row, Refusal> {
    let value = |(at, field): (usize, &Field)| {
        let given = places.iter().position(|p| *p == at).and_then(|i| values.get(i));
        store(given.cloned().unwrap_or(Value::Null), field)
    };
    fields.iter().enumerate().map(value).collect()
}

/// INSERT.
pub(super) fn insert(context: &Context<'_>, ast: &Insert) -> Result<Changed, Refusal> {
    let known = ast.optimizer_hints.is_empty()
        && ast.or.is_none()
        && !ast.ignore
        && ast.table_alias.is_none()
        && !ast.overwrite
        && ast.assignments.is_empty()
        && ast.partitioned.is_none()
        && ast.after_columns.is_empty()
        && ast.on.is_none()
        && ast.returning.is_none()
        && ast.output.is_none()
        && !ast.replace_into
        && !ast.has_table_keyword
        && ast.multi_table_insert_type.is_none();
    let (TableObject::TableName(name), Some(source), true) = (&ast.table, &ast.source, known) else {
        return Err(Refusal::unsupported(ast));
    };
    let mut table = context.table(&context.name(name)?)?.clone();
    let places = columns(&table, &ast.columns)?;
    let fields: Vec<_> = places.iter().filter_map(|at| table.fields.get(*at)).cloned().collect();
    let at = place(ast.insert_token.0.span);
    let wrong_count = |n: usize| {
        Refusal::invalid_query(format!("Inserted row has wrong column count; Has {n}, expected {}{at}", fields.len()))
    };
    let mut rows = Vec::new();
    match &*source.body {
        SetExpr::Values(values) if source.with.is_none() => {
            let scope = Scope::default();
            for given in &values.rows {
                if given.content.len() != fields.len() {
                    return Err(wrong_count(given.content.len()));
                }
                let mut binder = Binder::rows(context, &scope);
                let mut values = Vec::new();
                for (i, (ast, field)) in given.content.iter().zip(&fields).enumerate() {
                    let typed = binder.bind(ast)?;
                    let expr = assign(typed, field, &place(ast.span()), i + 1)?;
                    values.push(expr.eval(&Env::of(context, &[]))?);
                }
                rows.push(row(&table.fields, &places, &values)?);
            }
        }
        _ => {
            let relation = select::query(context, source)?;
            if relation.scope.columns.len() != fields.len() {
                return Err(wrong_count(relation.scope.columns.len()));
            }
            let mut exprs = Vec::new();
            for (i, (column, field)) in relation.scope.columns.iter().zip(&fields).enumerate() {
                let typed = Typed { expr: Expr::Slot(Space::Row, i), ty: column.ty.clone(), literal: Literal::No };
                exprs.push(assign(typed, field, &at, i + 1)?);
            }
            for given in &relation.rows {
                let values = exprs.iter().map(|e| e.eval(&Env::of(context, given))).collect::<Result<Vec<_>, _>>()?;
                rows.push(row(&table.fields, &places, &values)?);
            }
        }
    }
    table.check_partitions(&rows, "query")?;
    let inserted = rows.len() as u64;
    table.rows.extend(rows);
    Ok(Changed { table, inserted, updated: 0, deleted: 0 })
}

/// DELETE. There has to be a WHERE.
pub(super) fn delete(context: &Context<'_>, ast: &Delete) -> Result<Changed, Refusal> {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &ast.from;
    let known = ast.optimizer_hints.is_empty()
        && ast.tables.is_empty()
        && ast.using.is_none()
        && ast.returning.is_none()
        && ast.output.is_none()
        && ast.order_by.is_empty()
        && ast.limit.is_none();
    let (Some(table), true) = (single(from), known) else { return Err(Refusal::unsupported(ast)) };
    let Some(condition) = &ast.selection else {
        return Err(Refusal::invalid_query(format!(
            "DELETE must have a WHERE clause{}",
            place(ast.delete_token.0.span)
        )));
    };
    let (mut table, scope) = target(context, table)?;
    let condition = Binder::rows(context, &scope).condition(condition, "WHERE clause")?;
    check_filter(&table, &condition)?;
    let mut kept = Vec::new();
    let before = table.rows.len();
    for row in std::mem::take(&mut table.rows) {
        if condition.truth(&Env::of(context, &row))? != Some(true) {
            kept.push(row);
        }
    }
    let deleted = (before - kept.len()) as u64;
    table.rows = kept;
    Ok(Changed { table, inserted: 0, updated: 0, deleted })
}

/// UPDATE. There has to be a WHERE.
pub(super) fn update(context: &Context<'_>, ast: &Update) -> Result<Changed, Refusal> {
    let known = ast.optimizer_hints.is_empty()
        && ast.from.is_none()
        && ast.returning.is_none()
        && ast.output.is_none()
        && ast.or.is_none()
        && ast.order_by.is_empty()
        && ast.limit.is_none();
    let (Some(table), true) = (single(std::slice::from_ref(&ast.table)), known) else {
        return Err(Refusal::unsupported(ast));
    };
    let Some(condition) = &ast.selection else {
        return Err(Refusal::invalid_query(format!(
            "UPDATE must have a WHERE clause{}",
            place(ast.update_token.0.span)
        )));
    };
    let (mut table, scope) = target(context, table)?;
    let mut binder = Binder::rows(context, &scope);
    let condition = binder.condition(condition, "WHERE clause")?;
    check_filter(&table, &condition)?;
    let set = assignments(&mut binder, &table, &ast.assignments)?;
    let mut updated = 0;
    let mut rows = Vec::with_capacity(table.rows.len());
    for row in &table.rows {
        let env = Env::of(context, row);
        if condition.truth(&env)? == Some(true) {
            updated += 1;
            rows.push(apply(&table.fields, row, &set, &env)?);
        } else {
            rows.push(row.clone());
        }
    }
    table.rows = rows;
    Ok(Changed { table, inserted: 0, updated, deleted: 0 })
}

/// The columns that SET names, with their new values.
pub(super) fn assignments(
    binder: &mut Binder<'_>,
    table: &Table,
    set: &[Assignment],
) -> Result<Vec<(usize, Expr)>, Refusal> {
    let mut made: Vec<(usize, Expr)> = Vec::new();
    for assignment in set {
        let AssignmentTarget::ColumnName(name) = &assignment.target else {
            return Err(Refusal::unsupported(assignment));
        };
        // The table's own name or alias may stand before the column.
        let last = name.0.last().cloned().filter(|_| name.0.len() <= 2);
        let column = ObjectName(last.into_iter().collect());
        let at =
            *columns(table, std::slice::from_ref(&column))?.first().ok_or_else(|| Refusal::unsupported(assignment))?;
        let field = table.fields.get(at).ok_or_else(|| Refusal::unsupported(assignment))?;
        if made.iter().any(|(other, _)| *other == at) {
            return Err(Refusal::invalid_query(format!(
                "Update item {} assigned more than once{}",
                field.name,
                place(assignment.span())
            )));
        }
        let typed = binder.bind(&assignment.value)?;
        let from = typed.ty.clone();
        let expr = cast::coerce(typed, &field.ty).ok_or_else(|| {
            Refusal::invalid_query(format!(
                "Value of type {from} cannot be assigned to {}, which has type {}{}",
                field.name,
                field.ty,
                place(assignment.value.span())
            ))
        })?;
        made.push((at, expr.expr));
    }
    Ok(made)
}

/// A row with new values of some columns.
pub(super) fn apply(fields: &[Field], row: &Row, set: &[(usize, Expr)], env: &Env<'_>) -> Result<Row, Refusal> {
    let value = |(at, (old, field)): (usize, (&Value, &Field))| match set.iter().find(|(place, _)| *place == at) {
        Some((_, expr)) => store(expr.eval(env)?, field),
        None => Ok(old.clone()),
    };
    row.iter().zip(fields).enumerate().map(value).collect()
}

/// TRUNCATE TABLE.
pub(super) fn truncate(context: &Context<'_>, ast: &Truncate) -> Result<Changed, Refusal> {
    let [target] = ast.table_names.as_slice() else { return Err(Refusal::unsupported(ast)) };
    if !ast.table
        || ast.partitions.is_some()
        || ast.if_exists
        || ast.identity.is_some()
        || ast.cascade.is_some()
        || target.only
        || target.has_asterisk
    {
        return Err(Refusal::unsupported(ast));
    }
    let mut table = context.table(&context.name(&target.name)?)?.clone();
    let deleted = std::mem::take(&mut table.rows).len() as u64;
    Ok(Changed { table, inserted: 0, updated: 0, deleted })
}

fn single(from: &[sqlparser::ast::TableWithJoins]) -> Option<&sqlparser::ast::TableFactor> {
    match from {
        [one] if one.joins.is_empty() => Some(&one.relation),
        _ => None,
    }
}

/// The table that a statement changes, and its columns.
pub(super) fn target(context: &Context<'_>, factor: &sqlparser::ast::TableFactor) -> Result<(Table, Scope), Refusal> {
    let (name, alias) = from::plain_table(factor)?;
    let name = context.name(name)?;
    let table = context.table(&name)?.clone();
    let scope = Scope::of(Some(alias.unwrap_or(&name.table)), &table.fields);
    Ok((table, scope))
}

/// Refuses a condition without the filter that the table wants. The table's columns come first.
pub(super) fn check_filter(table: &Table, condition: &Expr) -> Result<(), Refusal> {
    let mut named = Vec::new();
    condition.slots(&mut named);
    match from::wanted_filter(table).filter(|at| !named.contains(at)) {
        Some(at) => {
            let name = &table.name;
            let dotted = format!("{}.{}.{}", name.dataset.project, name.dataset.dataset, name.table);
            Err(from::missing_filter(&dotted, table.fields.get(at).map_or("", |f| f.name.as_str())))
        }
        None => Ok(()),
    }
}
