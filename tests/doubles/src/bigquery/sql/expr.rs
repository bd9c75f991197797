//! Expressions with their types, and their values for a row.

use std::collections::HashSet;
use std::sync::Arc;

use sqlparser::ast::Query;

use super::cast;
use super::compute::{arithmetic, compare, element, in_set, like, overflow};
use super::context::Context;
use super::functions::Function;
use super::scope::{Outer, Scope};
use super::select;
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::Type;
use crate::bigquery::text;
use crate::bigquery::value::{Key, Value};

/// An expression and what is known of it before it has a value.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub(super) expr: Expr,
    pub(super) ty: Type,
    pub(super) literal: Literal,
}

/// Literals become other types where others may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Literal {
    No,
    Yes,
    /// NULL, which is of any type.
    Null,
}

impl Typed {
    pub(super) fn new(expr: Expr, ty: Type) -> Self {
        Self { expr, ty, literal: Literal::No }
    }

    pub(super) fn literal(value: Value, ty: Type) -> Self {
        Self { expr: Expr::Const(value), ty, literal: Literal::Yes }
    }

    pub(super) fn null() -> Self {
        Self { expr: Expr::Const(Value::Null), ty: Type::Int64, literal: Literal::Null }
    }
}

/// Where a value stands while a query runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// A column of FROM.
    Row,
    /// A key of GROUP BY.
    Key,
    Aggregate,
    Window,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    /// Of FLOAT64 alone, as `/` is.
    Divide,
}

/// What a subquery in an expression is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subquery {
    Scalar,
    Exists,
    /// The value is in its rows; nothing to compare where it is null.
    In,
}

#[derive(Debug, Clone)]
pub(super) enum Expr {
    Const(Value),
    Slot(Space, usize),
    Field(Box<Expr>, usize),
    /// An element of an array by its offset; `strict` where a place outside is an error.
    Element {
        array: Box<Expr>,
        at: Box<Expr>,
        first: i64,
        strict: bool,
    },
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// IS NOT DISTINCT FROM.
    Same(Box<Expr>, Box<Expr>),
    IsNull(Box<Expr>),
    /// IS TRUE or IS FALSE.
    Is(Box<Expr>, bool),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Negate(Box<Expr>),
    Case(Vec<(Expr, Expr)>, Box<Expr>),
    In(Box<Expr>, Vec<Expr>),
    /// In the rows of a query that has been run.
    InSet(Box<Expr>, Arc<HashSet<Key>>),
    Like(Box<Expr>, Box<Expr>),
    Cast {
        expr: Box<Expr>,
        from: Type,
        to: Type,
        safe: bool,
    },
    Call(Function, Vec<Expr>),
    ToJson(Box<Expr>, Type),
    Struct(Vec<Expr>),
    Array(Vec<Expr>),
    /// A query that names columns of the row around it, and is run for each.
    Correlated {
        kind: Subquery,
        query: Arc<Query>,
        scope: Arc<Scope>,
        value: Option<Box<Expr>>,
    },
}

/// What slots stand for.
#[derive(Clone, Copy)]
pub(super) struct Env<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) row: &'a [Value],
    pub(super) keys: &'a [Value],
    pub(super) aggregates: &'a [Value],
    pub(super) windows: &'a [Value],
}

impl<'a> Env<'a> {
    /// For expressions over a row alone.
    pub(super) fn of(context: &'a Context<'a>, row: &'a [Value]) -> Self {
        Self { context, row, keys: &[], aggregates: &[], windows: &[] }
    }

    fn slot(&self, space: Space, at: usize) -> Result<Value, Refusal> {
        let values = match space {
            Space::Row => self.row,
            Space::Key => self.keys,
            Space::Aggregate => self.aggregates,
            Space::Window => self.windows,
        };
        let missing = || Refusal::new("internalError", format!("The double of BigQuery lost a value: {space:?} {at}"));
        values.get(at).cloned().ok_or_else(missing)
    }
}

impl Expr {
    pub(super) fn eval(&self, env: &Env<'_>) -> Result<Value, Refusal> {
        let truth = |b: Option<bool>| b.map_or(Value::Null, Value::Bool);
        Ok(match self {
            Self::Const(value) => value.clone(),
            Self::Slot(space, at) => env.slot(*space, *at)?,
            Self::Field(of, at) => match of.eval(env)? {
                Value::Struct(values) => values.get(*at).cloned().unwrap_or(Value::Null),
                _ => Value::Null,
            },
            Self::Element { array, at, first, strict } => element(&array.eval(env)?, &at.eval(env)?, *first, *strict)?,
            Self::And(a, b) => match a.truth(env)? {
                Some(false) => Value::Bool(false),
                a => match (a, b.truth(env)?) {
                    (_, Some(false)) => Value::Bool(false),
                    (Some(true), b) => truth(b),
                    _ => Value::Null,
                },
            },
            Self::Or(a, b) => match a.truth(env)? {
                Some(true) => Value::Bool(true),
                a => match (a, b.truth(env)?) {
                    (_, Some(true)) => Value::Bool(true),
                    (Some(false), b) => truth(b),
                    _ => Value::Null,
                },
            },
            Self::Not(a) => truth(a.truth(env)?.map(|b| !b)),
            Self::Compare(how, a, b) => truth(compare(*how, &a.eval(env)?, &b.eval(env)?)),
            Self::Same(a, b) => Value::Bool(Key(a.eval(env)?) == Key(b.eval(env)?)),
            Self::IsNull(a) => Value::Bool(a.eval(env)?.is_null()),
            Self::Is(a, what) => Value::Bool(a.truth(env)? == Some(*what)),
            Self::Arithmetic(how, a, b) => arithmetic(*how, &a.eval(env)?, &b.eval(env)?)?,
            Self::Negate(a) => match a.eval(env)? {
                Value::Int(i) => Value::Int(i.checked_neg().ok_or_else(|| overflow(format!("-{i}")))?),
                Value::Float(f) => Value::Float(-f),
                _ => Value::Null,
            },
            Self::Case(arms, default) => {
                for (when, then) in arms {
                    if when.truth(env)? == Some(true) {
                        return then.eval(env);
                    }
                }
                default.eval(env)?
            }
            Self::In(value, list) => {
                let value = value.eval(env)?;
                let mut found = Some(false);
                for item in list {
                    match compare(Comparison::Equal, &value, &item.eval(env)?) {
                        Some(true) => return Ok(Value::Bool(true)),
                        Some(false) => {}
                        None => found = None,
                    }
                }
                truth(found)
            }
            Self::InSet(value, set) => truth(in_set(&value.eval(env)?, set)),
            Self::Like(value, pattern) => match (value.eval(env)?, pattern.eval(env)?) {
                (Value::String(value), Value::String(pattern)) => Value::Bool(like(&value, &pattern)?),
                _ => Value::Null,
            },
            Self::Cast { expr, from, to, safe } => match cast::cast(&expr.eval(env)?, from, to) {
                Err(_) if *safe => Value::Null,
                cast => cast?,
            },
            Self::Call(function, arguments) => {
                let values = arguments.iter().map(|a| a.eval(env)).collect::<Result<Vec<_>, _>>()?;
                function.call(&values, env.context)?
            }
            Self::ToJson(value, ty) => Value::string(text::to_json_string(&value.eval(env)?, ty)),
            Self::Struct(parts) => Value::Struct(parts.iter().map(|p| p.eval(env)).collect::<Result<_, _>>()?),
            Self::Array(items) => Value::Array(items.iter().map(|i| i.eval(env)).collect::<Result<_, _>>()?),
            Self::Correlated { kind, query, scope, value } => {
                let outer = Outer { scope, row: env.row.into() };
                let relation = select::query(&env.context.inside(outer), query)?;
                match kind {
                    Subquery::Exists => Value::Bool(!relation.rows.is_empty()),
                    Subquery::Scalar => relation.scalar()?,
                    Subquery::In => match value {
                        Some(value) => truth(in_set(&value.eval(env)?, &relation.set())),
                        None => Value::Null,
                    },
                }
            }
        })
    }

    /// The value of a condition. `None`: null.
    pub(super) fn truth(&self, env: &Env<'_>) -> Result<Option<bool>, Refusal> {
        Ok(match self.eval(env)? {
            Value::Bool(b) => Some(b),
            _ => None,
        })
    }
}
