//! Queries within expressions.

use std::sync::Arc;

use sqlparser::ast::{self, Spanned};

use super::Binder;
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::Type;
use crate::bigquery::sql::context::place;
use crate::bigquery::sql::expr::{Expr, Subquery, Typed};
use crate::bigquery::sql::{cast, scope, select};
use crate::bigquery::value::Value;

impl Binder<'_> {
    /// A query within an expression. It is run at once where it names nothing of the row around it.
    pub(super) fn subquery(
        &mut self,
        query: &ast::Query,
        kind: Subquery,
        value: Option<Typed>,
    ) -> Result<Typed, Refusal> {
        let span = query.span();
        // Seen without the row first, then with a row of nulls, for its types.
        let (relation, correlated) = match select::query(self.context, query) {
            Ok(relation) => (relation, false),
            Err(alone) => {
                let outer = scope::Outer { scope: self.scope, row: self.scope.nulls() };
                let inside = select::query(&self.context.inside(outer), query);
                (inside.map_err(|_| alone)?, true)
            }
        };
        if correlated && self.keys.is_some() {
            return Err(Refusal::unsupported(format!("a correlated subquery over groups{}", place(span))));
        }
        let one = |kind: &str| match relation.scope.columns.as_slice() {
            [one] => Ok(one.ty.clone()),
            _ => {
                Err(Refusal::invalid_query(format!("{kind} subquery cannot have more than one column{}", place(span))))
            }
        };
        let (ty, value) = match (kind, value) {
            (Subquery::Exists, _) => (Type::Bool, None),
            (Subquery::Scalar, _) => (one("Scalar")?, None),
            (Subquery::In, None) => return Err(Refusal::unsupported("IN without a value")),
            (Subquery::In, Some(value)) => {
                let item = one("IN")?;
                if !item.is_comparable() {
                    return Err(Refusal::invalid_query(format!(
                        "IN is not defined for arguments of type {item}{}",
                        place(span)
                    )));
                }
                let from = value.ty.clone();
                let value = cast::coerce(value, &item);
                let value = value.ok_or_else(|| {
                    Refusal::invalid_query(format!(
                        "Cannot execute IN subquery with types {from} and {item}{}",
                        place(span)
                    ))
                })?;
                (Type::Bool, Some(value.expr))
            }
        };
        if correlated {
            let (query, scope) = (Arc::new(query.clone()), Arc::new(self.scope.clone()));
            return Ok(Typed::new(Expr::Correlated { kind, query, scope, value: value.map(Box::new) }, ty));
        }
        Ok(match (kind, value) {
            (Subquery::In, Some(value)) => Typed::new(Expr::InSet(Box::new(value), Arc::new(relation.set())), ty),
            (Subquery::Scalar, _) => Typed::new(Expr::Const(relation.scalar()?), ty),
            _ => Typed::new(Expr::Const(Value::Bool(!relation.rows.is_empty())), ty),
        })
    }
}
