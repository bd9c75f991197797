//! FROM: tables, subqueries and joins.

use std::collections::HashMap;

use sqlparser::ast::{Ident, JoinConstraint, JoinOperator, ObjectName, TableAlias, TableFactor, TableWithJoins};

use super::bind::Binder;
use super::context::Context;
use super::expr::{Comparison, Env, Expr, Space};
use super::scope::{Scope, ScopeColumn};
use super::select::{self, Relation};
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::{self, Type};
use crate::bigquery::table::Table;
use crate::bigquery::value::{Key, Row, Value};

/// What FROM gives.
#[derive(Debug, Default)]
pub(super) struct Input {
    pub(super) scope: Scope,
    pub(super) rows: Vec<Row>,
    /// Tables that want a filter: their name, and the place of the column.
    filters: Vec<(String, usize)>,
    /// The conditions of joins, which are filters as well.
    conditions: Vec<Expr>,
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
        left = join(context, left, right, kind, constraint)?;
    }
    Ok(left)
}

/// The alias of a table, where it has only that.
pub(super) fn alias(alias: Option<&TableAlias>) -> Result<Option<&str>, Refusal> {
    match alias {
        None => Ok(None),
        Some(TableAlias { name, columns, at: None, .. }) if columns.is_empty() => Ok(Some(&name.value)),
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

#[derive(Debug, Clone, Copy)]
struct Kind {
    keep_left: bool,
    keep_right: bool,
}

impl Kind {
    const INNER: Self = Self { keep_left: false, keep_right: false };
}

fn join(
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

/// The side of a join that an expression is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

impl Expr {
    /// The parts of an AND.
    fn conjuncts<'e>(&'e self, into: &mut Vec<&'e Self>) {
        match self {
            Self::And(a, b) => {
                a.conjuncts(into);
                b.conjuncts(into);
            }
            other => into.push(other),
        }
    }

    /// The side that it is about. `None`: both, none, or unclear.
    fn side(&self, width: usize) -> Option<Side> {
        let mut slots = Vec::new();
        if !self.slots(&mut slots) {
            return None;
        }
        let left = slots.iter().any(|at| *at < width);
        let right = slots.iter().any(|at| *at >= width);
        match (left, right) {
            (true, false) => Some(Side::Left),
            (false, true) => Some(Side::Right),
            _ => None,
        }
    }

    /// The columns that it names. False where a subquery may name others.
    pub(super) fn slots(&self, into: &mut Vec<usize>) -> bool {
        // Every one is looked at, also behind one that is unclear.
        let mut all = |exprs: &[&Self]| {
            let unclear = exprs.iter().filter(|e| !e.slots(into)).count();
            unclear == 0
        };
        match self {
            Self::Const(_) => true,
            Self::Slot(Space::Row, at) => {
                into.push(*at);
                true
            }
            Self::Slot(..) => true,
            Self::Field(a, _)
            | Self::Not(a)
            | Self::IsNull(a)
            | Self::Is(a, _)
            | Self::Negate(a)
            | Self::InSet(a, _)
            | Self::Cast { expr: a, .. }
            | Self::ToJson(a, _) => all(&[a]),
            Self::And(a, b)
            | Self::Or(a, b)
            | Self::Compare(_, a, b)
            | Self::Same(a, b)
            | Self::Arithmetic(_, a, b)
            | Self::Like(a, b)
            | Self::Element { array: a, at: b, .. } => all(&[a, b]),
            Self::Case(arms, default) => {
                let arms: Vec<_> = arms.iter().flat_map(|(when, then)| [when, then]).chain([&**default]).collect();
                all(&arms)
            }
            Self::In(a, list) => all(&std::iter::once(&**a).chain(list).collect::<Vec<_>>()),
            Self::Call(_, list) | Self::Struct(list) | Self::Array(list) => all(&list.iter().collect::<Vec<_>>()),
            Self::Correlated { .. } => false,
        }
    }
}
