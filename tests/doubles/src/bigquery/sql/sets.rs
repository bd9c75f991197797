//! UNION, EXCEPT and INTERSECT.

use std::collections::HashSet;

use sqlparser::ast::{SetOperator, SetQuantifier};

use super::cast;
use super::expr::{Expr, Space, Typed};
use super::scope::{Scope, ScopeColumn};
use super::select::Relation;
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::Type;
use crate::bigquery::value::{Key, Row};

/// Two relations as one.
pub(super) fn combined(
    left: Relation,
    op: SetOperator,
    quantifier: SetQuantifier,
    right: Relation,
) -> Result<Relation, Refusal> {
    let (have, other) = (left.scope.columns.len(), right.scope.columns.len());
    if have != other {
        return Err(Refusal::invalid_query(format!(
            "Queries in {op} have mismatched column count; query 1 has {have} columns, query 2 has {other} columns"
        )));
    }
    let all = match (op, quantifier) {
        (SetOperator::Union, SetQuantifier::All) => true,
        (SetOperator::Union | SetOperator::Except | SetOperator::Intersect, SetQuantifier::Distinct) => false,
        _ => return Err(Refusal::unsupported(format!("{op} {quantifier}"))),
    };
    let mut columns = Vec::new();
    for (i, (a, b)) in left.scope.columns.iter().zip(&right.scope.columns).enumerate() {
        let slot = |ty: &Type| Typed::new(Expr::Slot(Space::Row, i), ty.clone());
        let ty = cast::common(&[slot(&a.ty), slot(&b.ty)]).ok_or_else(|| {
            Refusal::invalid_query(format!("Column {} in {op} has incompatible types: {}, {}", i + 1, a.ty, b.ty))
        })?;
        columns.push(ScopeColumn { ty, ..a.clone() });
    }
    let convert = |relation: Relation| {
        let row = |row: &Row| {
            let values = row.iter().zip(relation.scope.columns.iter().zip(&columns));
            values.map(|(v, (from, to))| cast::cast(v, &from.ty, &to.ty)).collect::<Result<Row, _>>()
        };
        relation.rows.iter().map(row).collect::<Result<Vec<_>, _>>()
    };
    let (mut rows, other) = (convert(left)?, convert(right)?);
    let keys = |row: &Row| row.iter().map(|v| Key(v.clone())).collect::<Vec<_>>();
    match op {
        SetOperator::Union => rows.extend(other),
        _ => {
            let others: HashSet<_> = other.iter().map(keys).collect();
            rows.retain(|row| others.contains(&keys(row)) == (op == SetOperator::Intersect));
        }
    }
    if !all {
        check_distinct(&columns)?;
        let mut seen = HashSet::new();
        rows.retain(|row| seen.insert(keys(row)));
    }
    Ok(Relation { scope: Scope { columns }, rows })
}

/// Refuses columns that cannot be compared.
pub(super) fn check_distinct(columns: &[ScopeColumn]) -> Result<(), Refusal> {
    match columns.iter().find(|c| !c.ty.is_comparable()) {
        Some(column) => Err(Refusal::invalid_query(format!(
            "Column {} of type {} cannot be used in SELECT DISTINCT",
            column.name, column.ty
        ))),
        None => Ok(()),
    }
}
