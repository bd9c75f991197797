//! ORDER BY and LIMIT.

use std::cmp::Ordering;

use sqlparser::ast::{OrderByExpr, OrderBySort, Spanned};

use super::bind::Binder;
use super::context::{Context, place};
use super::expr::{Env, Expr};
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::Type;
use crate::bigquery::value::Value;

/// One key of an order.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) expr: Expr,
    descending: bool,
    nulls_first: bool,
}

impl Key {
    /// The key with the direction that `ast` gives it.
    pub(super) fn new(expr: Expr, ty: &Type, ast: &OrderByExpr) -> Result<Self, Refusal> {
        if !ty.is_comparable() {
            return Err(Refusal::invalid_query(format!(
                "ORDER BY does not support expressions of type {ty}{}",
                place(ast.span())
            )));
        }
        let descending = match &ast.options.sort {
            None | Some(OrderBySort::Asc) => false,
            Some(OrderBySort::Desc) => true,
            Some(OrderBySort::Using(_)) => return Err(Refusal::unsupported(ast)),
        };
        if ast.with_fill.is_some() {
            return Err(Refusal::unsupported(ast));
        }
        // Null is the least of all.
        Ok(Self { expr, descending, nulls_first: ast.options.nulls_first.unwrap_or(!descending) })
    }

    fn compare(&self, a: &Value, b: &Value) -> Ordering {
        match (a.is_null(), b.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) if self.nulls_first => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if self.nulls_first => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) if self.descending => b.sort(a),
            (false, false) => a.sort(b),
        }
    }
}

/// The keys of an order, without names and numbers of the SELECT list.
pub(super) fn bind(binder: &mut Binder<'_>, keys: &[OrderByExpr]) -> Result<Vec<Key>, Refusal> {
    let key = |ast: &OrderByExpr| {
        let typed = binder.bind(&ast.expr)?;
        Key::new(typed.expr, &typed.ty, ast)
    };
    keys.iter().map(key).collect()
}

/// How two rows stand to each other by the values of their keys.
pub(super) fn compare(keys: &[Key], a: &[Value], b: &[Value]) -> Ordering {
    let each = keys.iter().zip(a.iter().zip(b)).map(|(key, (a, b))| key.compare(a, b));
    each.fold(Ordering::Equal, Ordering::then)
}

/// The number of a LIMIT or OFFSET.
pub(super) fn count(expr: &Expr, context: &Context<'_>) -> Result<usize, Refusal> {
    match expr.eval(&Env::of(context, &[]))? {
        Value::Int(n) if n >= 0 => Ok(usize::try_from(n).unwrap_or(usize::MAX)),
        _ => Err(Refusal::invalid_query("LIMIT and OFFSET expect a non-negative integer")),
    }
}
