//! Joins, and what finds the rows that belong together.

use std::collections::HashMap;

use sqlparser::ast::{Ident, JoinConstraint, ObjectName};

use super::bind::Binder;
use super::context::Context;
use super::expr::{Comparison, Env, Expr, Space};
use super::from::Input;
use super::refs::Side;
use super::scope::{Scope, ScopeColumn};
use crate::bigquery::refusal::Refusal;
use crate::bigquery::value::{Key, Row, Value};

/// Which rows without a counterpart stay.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) keep_left: bool,
    pub(super) keep_right: bool,
}

impl Kind {
    pub(super) const INNER: Self = Self { keep_left: false, keep_right: false };
}

/// The rows of both sides that go together.
pub(super) fn join(
    context: &Context<'_>,
    left: Input,
    right: Input,
    kind: Kind,
    constraint: &JoinConstraint,
) -> Result<Input, Refusal> {
    let mut scope = left.scope.and(&right.scope);
    let width = left.scope.columns.len();
    let on = match constraint {
        JoinConstraint::None => Expr::Const(Value::Bool(true)),
        JoinConstraint::On(on) => Binder::rows(context, &scope).condition(on, "JOIN ON clause")?,
        JoinConstraint::Using(names) if !kind.keep_right => using(&mut scope, width, names)?,
        other => return Err(Refusal::unsupported(format!("{other:?}"))),
    };
    let matcher = Matcher::new(context, &on, width, &right.rows)?;
    let mut rows = Vec::new();
    let mut used = vec![false; right.rows.len()];
    for row in &left.rows {
        let found = matcher.find(row)?;
        for (at, both) in &found {
            if let Some(used) = used.get_mut(*at) {
                *used = true;
            }
            rows.push(both.clone());
        }
        if found.is_empty() && kind.keep_left {
            rows.push(concat(row, &right.scope.nulls()));
        }
    }
    if kind.keep_right {
        let nulls = left.scope.nulls();
        rows.extend(right.rows.iter().zip(&used).filter(|(_, used)| !**used).map(|(row, _)| concat(&nulls, row)));
    }
    let shifted = right.filters.into_iter().map(|(table, at)| (table, at + width));
    let filters = left.filters.into_iter().chain(shifted).collect();
    let mut conditions = left.conditions;
    conditions.push(on);
    Ok(Input { scope, rows, filters, conditions })
}

/// Equality of the columns that both sides have; the right ones step back.
fn using(scope: &mut Scope, width: usize, names: &[ObjectName]) -> Result<Expr, Refusal> {
    let mut all = Expr::Const(Value::Bool(true));
    for name in names {
        let ident = name.0.first().and_then(|p| p.as_ident()).filter(|_| name.0.len() == 1);
        let ident: &Ident = ident.ok_or_else(|| Refusal::unsupported(name))?;
        let on_side = |right: bool| {
            let fits = |(at, c): &(usize, &ScopeColumn)| {
                (*at >= width) == right && c.name.eq_ignore_ascii_case(&ident.value) && !c.shadowed
            };
            scope.columns.iter().enumerate().find(fits).map(|(at, c)| (at, c.ty.clone()))
        };
        let (Some((a, a_type)), Some((b, b_type))) = (on_side(false), on_side(true)) else {
            return Err(Refusal::invalid_query(format!(
                "Column {} in USING clause not found on both sides of the join",
                ident.value
            )));
        };
        if a_type != b_type || !a_type.is_comparable() {
            return Err(Refusal::unsupported(format!("USING ({name}) of {a_type} and {b_type}")));
        }
        let equal =
            Expr::Compare(Comparison::Equal, Box::new(Expr::Slot(Space::Row, a)), Box::new(Expr::Slot(Space::Row, b)));
        all = Expr::And(Box::new(all), Box::new(equal));
        if let Some(column) = scope.columns.get_mut(b) {
            column.shadowed = true;
        }
    }
    Ok(all)
}

fn concat(left: &[Value], right: &[Value]) -> Row {
    left.iter().chain(right).cloned().collect()
}

/// Finds the right rows that go with a left one: by a table of keys where the condition has equalities, else one by one.
pub(super) struct Matcher<'a> {
    context: &'a Context<'a>,
    right: &'a [Row],
    width: usize,
    /// Of equalities, the sides that are about the left row.
    keys: Vec<Expr>,
    /// Places of right rows by the values of the other sides.
    places: HashMap<Vec<Key>, Vec<usize>>,
    /// What else has to hold.
    rest: Vec<Expr>,
}

impl<'a> Matcher<'a> {
    /// `width` is the number of columns of the left rows.
    pub(super) fn new(context: &'a Context<'a>, on: &Expr, width: usize, right: &'a [Row]) -> Result<Self, Refusal> {
        let mut conjuncts = Vec::new();
        on.conjuncts(&mut conjuncts);
        let (mut keys, mut others, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for conjunct in conjuncts {
            match conjunct {
                Expr::Compare(Comparison::Equal, a, b) => match (a.side(width), b.side(width)) {
                    (Some(Side::Left), Some(Side::Right)) => {
                        keys.push((**a).clone());
                        others.push((**b).clone());
                    }
                    (Some(Side::Right), Some(Side::Left)) => {
                        keys.push((**b).clone());
                        others.push((**a).clone());
                    }
                    _ => rest.push(conjunct.clone()),
                },
                other => rest.push(other.clone()),
            }
        }
        let mut places: HashMap<Vec<Key>, Vec<usize>> = HashMap::new();
        let nulls = vec![Value::Null; width];
        for (at, row) in right.iter().enumerate() {
            if keys.is_empty() {
                places.entry(Vec::new()).or_default().push(at);
                continue;
            }
            let both = concat(&nulls, row);
            if let Some(key) = values(&others, &Env::of(context, &both))? {
                places.entry(key).or_default().push(at);
            }
        }
        Ok(Self { context, right, width, keys, places, rest })
    }

    /// The places of the right rows that match, and both rows as one.
    pub(super) fn find(&self, left: &[Value]) -> Result<Vec<(usize, Row)>, Refusal> {
        debug_assert_eq!(left.len(), self.width, "a left row of another width");
        let Some(key) = values(&self.keys, &Env::of(self.context, left))? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for at in self.places.get(&key).into_iter().flatten() {
            let Some(right) = self.right.get(*at) else { continue };
            let both = concat(left, right);
            let env = Env::of(self.context, &both);
            let mut holds = true;
            for condition in &self.rest {
                if condition.truth(&env)? != Some(true) {
                    holds = false;
                    break;
                }
            }
            if holds {
                found.push((*at, both));
            }
        }
        Ok(found)
    }
}

/// The values of equalities. `None`: one is null or NaN, which equals nothing.
fn values(exprs: &[Expr], env: &Env<'_>) -> Result<Option<Vec<Key>>, Refusal> {
    let mut keys = Vec::with_capacity(exprs.len());
    for expr in exprs {
        match expr.eval(env)? {
            Value::Null => return Ok(None),
            Value::Float(f) if f.is_nan() => return Ok(None),
            value => keys.push(Key(value)),
        }
    }
    Ok(Some(keys))
}
