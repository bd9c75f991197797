//! GROUP BY and HAVING.

use std::collections::HashMap;

use super::aggregate::AggregateCall;
use super::context::Context;
use super::expr::{Env, Expr, Typed};
use crate::bigquery::refusal::Refusal;
use crate::bigquery::value::{Key, Row, Value};

/// What one row of the result comes from: a row of FROM, or a group of them.
pub(super) struct Group {
    pub(super) row: Row,
    keys: Vec<Value>,
    aggregates: Vec<Value>,
}

/// The groups of rows with the same keys that HAVING keeps, in the order of their first rows.
pub(super) fn groups(
    context: &Context<'_>,
    calls: &[AggregateCall],
    having: Option<&Expr>,
    keys: &[Typed],
    rows: &[Row],
) -> Result<Vec<Group>, Refusal> {
    let mut places: HashMap<Vec<Key>, usize> = HashMap::new();
    let mut members: Vec<(Vec<Key>, Vec<&Row>)> = Vec::new();
    for row in rows {
        let env = Env::of(context, row);
        let key = keys.iter().map(|k| k.expr.eval(&env).map(Key)).collect::<Result<Vec<_>, _>>()?;
        let at = *places.entry(key.clone()).or_insert(members.len());
        match members.get_mut(at) {
            Some((_, rows)) => rows.push(row),
            None => members.push((key, vec![row])),
        }
    }
    // Without keys all rows are one group, also none.
    if keys.is_empty() && members.is_empty() {
        members.push((Vec::new(), Vec::new()));
    }
    let mut groups = Vec::new();
    for (key, rows) in members {
        let aggregates = calls.iter().map(|a| a.of(context, rows.iter().copied())).collect::<Result<Vec<_>, _>>()?;
        let keys: Vec<_> = key.into_iter().map(|k| k.0).collect();
        let group = Group { row: [].into(), keys, aggregates };
        let kept = match having {
            Some(having) => having.truth(&group.env(context, &[]))? == Some(true),
            None => true,
        };
        if kept {
            groups.push(group);
        }
    }
    Ok(groups)
}

impl Group {
    /// A row of FROM by itself.
    pub(super) fn of_row(row: Row) -> Self {
        Self { row, keys: Vec::new(), aggregates: Vec::new() }
    }

    /// Where its values stand.
    pub(super) fn env<'a>(&'a self, context: &'a Context<'a>, windows: &'a [Value]) -> Env<'a> {
        Env { context, row: &self.row, keys: &self.keys, aggregates: &self.aggregates, windows }
    }
}
