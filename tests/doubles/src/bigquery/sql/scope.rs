//! The columns that names in a query can mean.

use sqlparser::ast::Ident;

use super::context::place;
use super::expr::{Expr, Literal, Space, Typed};
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::{self, Field, Type};
use crate::bigquery::value::{Row, Value};

/// A column of FROM.
#[derive(Debug, Clone)]
pub(super) struct ScopeColumn {
    /// The alias or name of its table.
    pub(super) qualifier: Option<String>,
    pub(super) name: String,
    pub(super) ty: Type,
    /// The right one of two that USING joins: only its qualified name finds it, and `*` passes over it.
    pub(super) shadowed: bool,
}

/// The columns of FROM, in the order of the row's values.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) columns: Vec<ScopeColumn>,
}

/// The row around a subquery.
#[derive(Debug, Clone)]
pub(super) struct Outer<'a> {
    pub(super) scope: &'a Scope,
    pub(super) row: Row,
}

impl Scope {
    /// The columns of one table.
    pub(super) fn of(qualifier: Option<&str>, fields: &[Field]) -> Self {
        let column = |f: &Field| ScopeColumn {
            qualifier: qualifier.map(str::to_owned),
            name: f.name.clone(),
            ty: f.ty.clone(),
            shadowed: false,
        };
        Self { columns: fields.iter().map(column).collect() }
    }

    /// The columns of both, first these.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self { columns: self.columns.iter().chain(&other.columns).cloned().collect() }
    }

    /// A row of nulls.
    pub(super) fn nulls(&self) -> Row {
        self.columns.iter().map(|_| Value::Null).collect()
    }

    /// Places of the columns of a table, or of all.
    pub(super) fn places(&self, qualifier: Option<&str>) -> Vec<usize> {
        let fits = |c: &ScopeColumn| match qualifier {
            None => !c.shadowed,
            Some(wanted) => c.qualifier.as_deref().is_some_and(|q| q.eq_ignore_ascii_case(wanted)),
        };
        self.columns.iter().enumerate().filter(|(_, c)| fits(c)).map(|(i, _)| i).collect()
    }

    /// The same columns, found by their own names alone.
    pub(super) fn unqualified(mut self) -> Self {
        for column in &mut self.columns {
            column.qualifier = None;
        }
        self
    }

    /// The column at a place.
    pub(super) fn slot(&self, at: usize) -> Option<Typed> {
        let column = self.columns.get(at)?;
        Some(Typed::new(Expr::Slot(Space::Row, at), column.ty.clone()))
    }

    /// What a name means. `None`: nothing here.
    pub(super) fn find(&self, parts: &[Ident]) -> Result<Option<Typed>, Refusal> {
        let Some((first, rest)) = parts.split_first() else { return Ok(None) };
        let named = |c: &ScopeColumn, name: &Ident| c.name.eq_ignore_ascii_case(&name.value);
        let of_table = self.places(Some(&first.value));
        // A column, and fields of it. Before a dot a table comes first.
        let found: Vec<_> = self.columns.iter().enumerate().filter(|(_, c)| !c.shadowed && named(c, first)).collect();
        if of_table.is_empty() || rest.is_empty() {
            match found.as_slice() {
                [] => {}
                // BigQuery reads it as a struct of the table's other columns, which nobody means
                // (<https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet#column_name_conversions>).
                [_] if !of_table.is_empty() => {
                    let name = &first.value;
                    return Err(Refusal::unsupported(format!(
                        "the name {name}, which is both a table and a column: write {name}.{name}{}",
                        place(first.span)
                    )));
                }
                [(at, _)] => return self.slot(*at).map(|typed| fields(typed, rest)).transpose(),
                _ => {
                    return Err(Refusal::invalid_query(format!(
                        "Column name {} is ambiguous{}",
                        first.value,
                        place(first.span)
                    )));
                }
            }
        }
        if of_table.is_empty() {
            return Ok(None);
        }
        // A table, and a column of it, and fields of that; or the table's row as a struct.
        let Some((column, rest)) = rest.split_first() else {
            let columns: Vec<_> = of_table.iter().filter_map(|at| self.columns.get(*at)).collect();
            let ty = Type::Struct(columns.iter().map(|c| Field::nullable(&c.name, c.ty.clone())).collect());
            let parts = of_table.iter().map(|at| Expr::Slot(Space::Row, *at)).collect();
            return Ok(Some(Typed::new(Expr::Struct(parts), ty)));
        };
        let at = of_table.into_iter().find(|at| self.columns.get(*at).is_some_and(|c| named(c, column)));
        match at.and_then(|at| self.slot(at)) {
            Some(typed) => fields(typed, rest).map(Some),
            None => Err(Refusal::invalid_query(format!(
                "Name {} not found inside {}{}",
                column.value,
                first.value,
                place(column.span)
            ))),
        }
    }
}

impl Outer<'_> {
    /// What a name means around the subquery: a value.
    pub(super) fn find(&self, parts: &[Ident]) -> Result<Option<Typed>, Refusal> {
        let Some(typed) = self.scope.find(parts)? else { return Ok(None) };
        Ok(Some(Typed { expr: constant(&typed.expr, &self.row), ty: typed.ty, literal: Literal::No }))
    }
}

/// The value of a name, of which there are columns, fields and rows.
fn constant(expr: &Expr, row: &[Value]) -> Expr {
    match expr {
        Expr::Slot(Space::Row, at) => Expr::Const(row.get(*at).cloned().unwrap_or(Value::Null)),
        Expr::Field(of, at) => Expr::Field(Box::new(constant(of, row)), *at),
        Expr::Struct(parts) => Expr::Struct(parts.iter().map(|p| constant(p, row)).collect()),
        other => other.clone(),
    }
}

/// Fields of a struct, one within the other.
pub(super) fn fields(of: Typed, names: &[Ident]) -> Result<Typed, Refusal> {
    names.iter().try_fold(of, |of, name| {
        let Type::Struct(fields) = &of.ty else {
            return Err(Refusal::invalid_query(format!(
                "Cannot access field {} on a value with type {}{}",
                name.value,
                of.ty,
                place(name.span)
            )));
        };
        let found = schema::position(fields, &name.value).and_then(|at| Some((at, fields.get(at)?)));
        let (at, field) = found.ok_or_else(|| {
            Refusal::invalid_query(format!("Field name {} does not exist in {}{}", name.value, of.ty, place(name.span)))
        })?;
        Ok(Typed::new(Expr::Field(Box::new(of.expr.clone()), at), field.ty.clone()))
    })
}
