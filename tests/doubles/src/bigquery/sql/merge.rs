//! MERGE.

use std::collections::HashSet;

use sqlparser::ast::{
    Merge, MergeAction, MergeClause, MergeClauseKind, MergeInsertKind, MergeUpdateKind, Spanned, TableFactor,
};

use super::bind::Binder;
use super::context::{Context, place};
use super::dml::{self, Changed};
use super::expr::{Env, Expr};
use super::from;
use super::join::Matcher;
use super::scope::Scope;
use super::select;
use crate::bigquery::refusal::Refusal;
use crate::bigquery::table::Table;
use crate::bigquery::value::{Row, Value};

/// What a clause does.
enum Action {
    /// Columns and their values.
    Update(Vec<(usize, Expr)>),
    Delete,
    /// Places of columns, and values for them.
    Insert(Vec<usize>, Vec<Expr>),
}

struct Clause {
    condition: Option<Expr>,
    action: Action,
}

impl Clause {
    fn applies(&self, env: &Env<'_>) -> Result<bool, Refusal> {
        match &self.condition {
            Some(condition) => Ok(condition.truth(env)? == Some(true)),
            None => Ok(true),
        }
    }
}

/// The clauses of a statement, in their order.
#[derive(Default)]
struct Clauses {
    matched: Vec<Clause>,
    /// Source rows without a target row.
    missing: Vec<Clause>,
    /// Target rows without a source row.
    left: Vec<Clause>,
}

/// MERGE: all of it or, where a row fails, nothing.
pub(super) fn merge(context: &Context<'_>, ast: &Merge) -> Result<Changed, Refusal> {
    if !ast.optimizer_hints.is_empty() || ast.output.is_some() {
        return Err(Refusal::unsupported(ast));
    }
    let (table, target) = dml::target(context, &ast.table)?;
    let (source, rows) = source(context, &ast.source)?;
    let both = target.and(&source);
    let on = Binder::rows(context, &both).condition(&ast.on, "MERGE ON clause")?;
    dml::check_filter(&table, &on)?;
    let mut clauses = Clauses::default();
    for clause in &ast.clauses {
        // What a row without a counterpart cannot name: the rows are laid side by side all the same, with nulls, so that places agree.
        let bound = bind(context, clause, &table, &target, &source, &both)?;
        match clause.clause_kind {
            MergeClauseKind::Matched => clauses.matched.push(bound),
            MergeClauseKind::NotMatched | MergeClauseKind::NotMatchedByTarget => clauses.missing.push(bound),
            MergeClauseKind::NotMatchedBySource => clauses.left.push(bound),
        }
    }
    run(context, table, &clauses, &on, &source, &rows)
}

/// The rows of USING: a table or a query, with an alias or without.
fn source(context: &Context<'_>, factor: &TableFactor) -> Result<(Scope, Vec<Row>), Refusal> {
    match factor {
        TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
            let relation = select::query(context, subquery)?.named(from::alias(alias.as_ref())?);
            Ok((relation.scope, relation.rows))
        }
        _ => {
            let (table, scope) = dml::target(context, factor)?;
            Ok((scope, table.rows))
        }
    }
}

fn bind(
    context: &Context<'_>,
    ast: &MergeClause,
    table: &Table,
    target: &Scope,
    source: &Scope,
    both: &Scope,
) -> Result<Clause, Refusal> {
    let width = target.columns.len();
    // Names of the other side are unknown here, but the places stay those of both.
    let hidden = |scope: &Scope, from: usize, to: usize| {
        let mut scope = scope.clone();
        for column in scope.columns.iter_mut().take(to).skip(from) {
            column.qualifier = None;
            column.shadowed = true;
        }
        scope
    };
    let scope = match ast.clause_kind {
        MergeClauseKind::Matched => both.clone(),
        MergeClauseKind::NotMatched | MergeClauseKind::NotMatchedByTarget => hidden(both, 0, width),
        MergeClauseKind::NotMatchedBySource => hidden(both, width, both.columns.len()),
    };
    let mut binder = Binder::rows(context, &scope);
    let condition = ast.predicate.as_ref().map(|p| binder.condition(p, "WHEN clause")).transpose()?;
    let inserts = matches!(ast.clause_kind, MergeClauseKind::NotMatched | MergeClauseKind::NotMatchedByTarget);
    let action = match (&ast.action, inserts) {
        (MergeAction::Update(update), false)
            if update.update_predicate.is_none() && update.delete_predicate.is_none() =>
        {
            let MergeUpdateKind::Set(set) = &update.kind else { return Err(Refusal::unsupported(ast)) };
            Action::Update(dml::assignments(&mut binder, table, set)?)
        }
        (MergeAction::Delete { .. }, false) => Action::Delete,
        (MergeAction::Insert(insert), true) if insert.insert_predicate.is_none() => {
            let places = dml::columns(table, &insert.columns)?;
            let at = place(insert.insert_token.0.span);
            let values = match &insert.kind {
                MergeInsertKind::Values(values) => match values.rows.as_slice() {
                    [row] => row.content.iter().map(|v| Ok((binder.bind(v)?, place(v.span())))).collect::<Result<
                        Vec<_>,
                        Refusal,
                    >>(
                    )?,
                    _ => return Err(Refusal::unsupported(ast)),
                },
                // The columns of the source, in their order.
                MergeInsertKind::Row => {
                    let slot = |i| scope.slot(width + i).map(|t| (t, at.clone()));
                    (0..source.columns.len()).filter_map(slot).collect()
                }
                MergeInsertKind::Wildcard => return Err(Refusal::unsupported(ast)),
            };
            if values.len() != places.len() {
                return Err(Refusal::invalid_query(format!(
                    "Inserted row has wrong column count; Has {}, expected {}{at}",
                    values.len(),
                    places.len()
                )));
            }
            let mut exprs = Vec::new();
            for (n, ((typed, at), place)) in values.into_iter().zip(&places).enumerate() {
                let field = table.fields.get(*place).ok_or_else(|| Refusal::unsupported(ast))?;
                exprs.push(dml::assign(typed, field, &at, n + 1)?);
            }
            Action::Insert(places, exprs)
        }
        _ => return Err(Refusal::unsupported(ast)),
    };
    Ok(Clause { condition, action })
}

fn run(
    context: &Context<'_>,
    mut table: Table,
    clauses: &Clauses,
    on: &Expr,
    source: &Scope,
    sources: &[Row],
) -> Result<Changed, Refusal> {
    let width = table.fields.len();
    let matcher = Matcher::new(context, on, width, sources)?;
    let (mut inserted, mut updated, mut deleted) = (0, 0, 0);
    let mut matched: HashSet<usize> = HashSet::new();
    let mut rows = Vec::with_capacity(table.rows.len());
    let mut touched = Vec::new();
    for row in &table.rows {
        let found = matcher.find(row)?;
        matched.extend(found.iter().map(|(at, _)| *at));
        // The clause and the rows side by side that it acts on.
        let mut acting: Option<(&Clause, Row)> = None;
        if found.is_empty() {
            let both: Row = row.iter().cloned().chain(source.nulls().iter().cloned()).collect();
            let env = Env::of(context, &both);
            for clause in &clauses.left {
                if clause.applies(&env)? {
                    acting = Some((clause, both.clone()));
                    break;
                }
            }
        }
        for (_, both) in &found {
            let env = Env::of(context, both);
            for clause in &clauses.matched {
                if clause.applies(&env)? {
                    if acting.is_some() {
                        return Err(Refusal::invalid_query(
                            "UPDATE/MERGE must match at most one source row for each target row",
                        ));
                    }
                    acting = Some((clause, both.clone()));
                    break;
                }
            }
        }
        match acting {
            None => rows.push(row.clone()),
            Some((Clause { action: Action::Delete, .. }, _)) => {
                deleted += 1;
                touched.push(row.clone());
            }
            Some((Clause { action: Action::Update(set), .. }, both)) => {
                updated += 1;
                let new = dml::apply(&table.fields, row, set, &Env::of(context, &both))?;
                touched.push(new.clone());
                rows.push(new);
            }
            // The binder sees to it that only rows of the source are inserted.
            Some((Clause { action: Action::Insert(..), .. }, _)) => rows.push(row.clone()),
        }
    }
    let nulls = vec![Value::Null; width];
    for (_, row) in sources.iter().enumerate().filter(|(at, _)| !matched.contains(at)) {
        let both: Row = nulls.iter().chain(row.iter()).cloned().collect();
        let env = Env::of(context, &both);
        for clause in &clauses.missing {
            if !clause.applies(&env)? {
                continue;
            }
            if let Action::Insert(places, values) = &clause.action {
                let values = values.iter().map(|v| v.eval(&env)).collect::<Result<Vec<_>, _>>()?;
                let new = dml::row(&table.fields, places, &values)?;
                inserted += 1;
                touched.push(new.clone());
                rows.push(new);
            }
            break;
        }
    }
    table.check_partitions(&touched, "query")?;
    table.rows = rows;
    Ok(Changed { table, inserted, updated, deleted })
}
