//! Window functions: numbers of rows, and aggregates over partitions.

use std::collections::HashMap;

use sqlparser::ast::{Expr as Ast, Function as Call, FunctionArguments, ObjectNamePart, WindowType};

use super::aggregate::{self, AggregateCall};
use super::bind::{Binder, no_signature, unsupported};
use super::expr::{Env, Expr};
use super::order;
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::Type;
use crate::bigquery::value::{Key, Row, Value};

/// A call of a window function.
#[derive(Debug, Clone)]
pub(super) struct WindowCall {
    function: Window,
    partition: Vec<Expr>,
    order: Vec<order::Key>,
    pub(super) ty: Type,
}

#[derive(Debug, Clone)]
enum Window {
    RowNumber,
    Rank,
    DenseRank,
    /// Over the whole partition.
    Aggregate(Box<AggregateCall>),
}

/// A call with its types.
pub(super) fn bind(binder: &mut Binder<'_>, call: &Call, ast: &Ast) -> Result<WindowCall, Refusal> {
    let [ObjectNamePart::Identifier(name)] = call.name.0.as_slice() else { return Err(unsupported(ast)) };
    let Some(WindowType::WindowSpec(spec)) = &call.over else { return Err(unsupported(ast)) };
    if spec.window_name.is_some() || spec.window_frame.is_some() {
        return Err(unsupported(ast));
    }
    // Windows do not stand in windows.
    let mut inner = Binder {
        context: binder.context,
        scope: binder.scope,
        keys: binder.keys,
        aggregates: binder.aggregates.as_deref_mut(),
        windows: None,
        aliases: binder.aliases,
    };
    let mut partition = Vec::new();
    for by in &spec.partition_by {
        let typed = inner.bind(by)?;
        if !typed.ty.is_comparable() {
            return Err(Refusal::invalid_query(format!(
                "Partitioning by expressions of type {} is not allowed",
                typed.ty
            )));
        }
        partition.push(typed.expr);
    }
    let order = order::bind(&mut inner, &spec.order_by)?;
    let numbering = match name.value.to_ascii_uppercase().as_str() {
        "ROW_NUMBER" => Some(Window::RowNumber),
        "RANK" => Some(Window::Rank),
        "DENSE_RANK" => Some(Window::DenseRank),
        _ => None,
    };
    let (function, ty) = match numbering {
        Some(function) => {
            let bare = matches!(&call.args, FunctionArguments::List(l) if l.args.is_empty() && l.clauses.is_empty());
            if !bare || call.filter.is_some() || call.null_treatment.is_some() {
                return Err(no_signature(&name.value, &[], ast));
            }
            if order.is_empty() && !matches!(function, Window::RowNumber) {
                return Err(Refusal::invalid_query(format!(
                    "Window ORDER BY is required for analytic function {}",
                    name.value
                )));
            }
            (function, Type::Int64)
        }
        // With an order the frame ends at the current row, which is not done here; over groups the arguments would be aggregates.
        None if aggregate::is_aggregate(call) && order.is_empty() && binder.keys.is_none() => {
            let made = aggregate::bind(binder.context, binder.scope, call, ast)?;
            let ty = made.ty.clone();
            (Window::Aggregate(Box::new(made)), ty)
        }
        None => return Err(unsupported(ast)),
    };
    Ok(WindowCall { function, partition, order, ty })
}

impl WindowCall {
    /// The value for each row, in the order of the rows. `rows` are those of FROM, for aggregates.
    pub(super) fn values(&self, envs: &[Env<'_>], rows: &[&Row]) -> Result<Vec<Value>, Refusal> {
        let mut partitions: HashMap<Vec<Key>, Vec<usize>> = HashMap::new();
        let mut sort_keys = Vec::with_capacity(envs.len());
        for (i, env) in envs.iter().enumerate() {
            let key = self.partition.iter().map(|e| e.eval(env).map(Key)).collect::<Result<Vec<_>, _>>()?;
            partitions.entry(key).or_default().push(i);
            sort_keys.push(self.order.iter().map(|k| k.expr.eval(env)).collect::<Result<Vec<_>, _>>()?);
        }
        let keys_of = |i: &usize| sort_keys.get(*i).map(Vec::as_slice).unwrap_or_default();
        let mut values = vec![Value::Null; envs.len()];
        for mut members in partitions.into_values() {
            // Stable: rows that are equal keep the order they came in, so that runs repeat.
            members.sort_by(|a, b| order::compare(&self.order, keys_of(a), keys_of(b)));
            let whole = match &self.function {
                Window::Aggregate(call) => {
                    let context = envs.first().map(|e| e.context);
                    let rows = members.iter().filter_map(|i| rows.get(*i).copied());
                    context.map(|context| call.of(context, rows)).transpose()?
                }
                _ => None,
            };
            let (mut rank, mut dense) = (0, 0);
            for (number, member) in (1..).zip(&members) {
                let previous = usize::try_from(number - 2).ok().and_then(|i| members.get(i));
                let tied = previous.is_some_and(|p| order::compare(&self.order, keys_of(p), keys_of(member)).is_eq());
                if !tied {
                    rank = number;
                    dense += 1;
                }
                if let Some(slot) = values.get_mut(*member) {
                    *slot = match &self.function {
                        Window::RowNumber => Value::Int(number),
                        Window::Rank => Value::Int(rank),
                        Window::DenseRank => Value::Int(dense),
                        Window::Aggregate(_) => whole.clone().unwrap_or(Value::Null),
                    };
                }
            }
        }
        Ok(values)
    }
}
