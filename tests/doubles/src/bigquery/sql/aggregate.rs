//! Functions over groups of rows.

use std::collections::HashSet;

use sqlparser::ast::{
    DuplicateTreatment, Expr as Ast, Function as Call, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, NullTreatment, ObjectNamePart,
};

use super::bind::{Binder, no_signature, unsupported};
use super::cast;
use super::context::Context;
use super::expr::{Env, Expr};
use super::literal;
use super::order::{self, Key as OrderKey};
use super::scope::Scope;
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::Type;
use crate::bigquery::value::{Key, Row, Value};

/// A function over the rows of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aggregate {
    /// Rows, or values that are not null.
    Count,
    CountIf,
    Sum,
    Avg,
    Min,
    Max,
    AnyValue,
    LogicalAnd,
    LogicalOr,
    ArrayAgg,
    StringAgg,
}

/// A call of one.
#[derive(Debug, Clone)]
pub(super) struct AggregateCall {
    pub(super) function: Aggregate,
    /// `None`: of the rows, as `COUNT(*)`.
    pub(super) argument: Option<Expr>,
    pub(super) ty: Type,
    distinct: bool,
    ignore_nulls: bool,
    order: Vec<OrderKey>,
    limit: Option<usize>,
    separator: String,
}

fn named(call: &Call) -> Option<Aggregate> {
    let [ObjectNamePart::Identifier(name)] = call.name.0.as_slice() else { return None };
    Some(match name.value.to_ascii_uppercase().as_str() {
        "COUNT" | "APPROX_COUNT_DISTINCT" => Aggregate::Count,
        "COUNTIF" => Aggregate::CountIf,
        "SUM" => Aggregate::Sum,
        "AVG" => Aggregate::Avg,
        "MIN" => Aggregate::Min,
        "MAX" => Aggregate::Max,
        "ANY_VALUE" => Aggregate::AnyValue,
        "LOGICAL_AND" => Aggregate::LogicalAnd,
        "LOGICAL_OR" => Aggregate::LogicalOr,
        "ARRAY_AGG" => Aggregate::ArrayAgg,
        "STRING_AGG" => Aggregate::StringAgg,
        _ => return None,
    })
}

/// Whether a call is of a function over groups.
pub(super) fn is_aggregate(call: &Call) -> bool {
    named(call).is_some()
}

/// A call with its types. Its argument is about the rows of FROM.
pub(super) fn bind(context: &Context<'_>, scope: &Scope, call: &Call, ast: &Ast) -> Result<AggregateCall, Refusal> {
    let function = named(call).ok_or_else(|| unsupported(ast))?;
    let FunctionArguments::List(list) = &call.args else { return Err(unsupported(ast)) };
    if call.uses_odbc_syntax
        || call.filter.is_some()
        || !call.within_group.is_empty()
        || call.parameters != FunctionArguments::None
    {
        return Err(unsupported(ast));
    }
    let mut rows = Binder::rows(context, scope);
    let approximate = call.name.to_string().eq_ignore_ascii_case("APPROX_COUNT_DISTINCT");
    let mut made = AggregateCall {
        function,
        argument: None,
        ty: Type::Int64,
        distinct: approximate || list.duplicate_treatment == Some(DuplicateTreatment::Distinct),
        ignore_nulls: call.null_treatment == Some(NullTreatment::IgnoreNulls),
        order: Vec::new(),
        limit: None,
        separator: ",".to_owned(),
    };
    for clause in &list.clauses {
        match (function, clause) {
            (Aggregate::ArrayAgg | Aggregate::StringAgg, FunctionArgumentClause::OrderBy(keys)) => {
                made.order = order::bind(&mut rows, keys)?;
            }
            (Aggregate::ArrayAgg | Aggregate::StringAgg, FunctionArgumentClause::Limit(limit)) => {
                made.limit = Some(order::count(&rows.bind_as(limit, &Type::Int64)?, context)?);
            }
            (Aggregate::ArrayAgg, FunctionArgumentClause::IgnoreOrRespectNulls(treatment)) => {
                made.ignore_nulls = *treatment == NullTreatment::IgnoreNulls;
            }
            _ => return Err(unsupported(ast)),
        }
    }
    let (argument, separator) = match (function, list.args.as_slice()) {
        (Aggregate::Count, [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]) if !made.distinct => return Ok(made),
        (_, [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))]) => (argument, None),
        (
            Aggregate::StringAgg,
            [
                FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)),
                FunctionArg::Unnamed(FunctionArgExpr::Expr(Ast::Value(separator))),
            ],
        ) => (argument, Some(separator)),
        _ => return Err(unsupported(ast)),
    };
    if let Some(separator) = separator {
        match literal::value(&separator.value, separator.span)?.expr {
            Expr::Const(Value::String(text)) => made.separator = text.to_string(),
            _ => return Err(unsupported(ast)),
        }
    }
    let typed = rows.bind(argument)?;
    let name = call.name.to_string().to_ascii_uppercase();
    let ty = typed.ty.clone();
    let wrong = || no_signature(&name, std::slice::from_ref(&ty), ast);
    if made.distinct && !ty.is_comparable() {
        return Err(Refusal::invalid_query(format!(
            "Aggregate functions with DISTINCT cannot be used with arguments of type {ty}"
        )));
    }
    let wanted = match function {
        Aggregate::Count | Aggregate::AnyValue => ty.clone(),
        Aggregate::CountIf | Aggregate::LogicalAnd | Aggregate::LogicalOr => Type::Bool,
        Aggregate::Sum if matches!(ty, Type::Int64 | Type::Float64) => ty.clone(),
        Aggregate::Avg if matches!(ty, Type::Int64 | Type::Float64) => Type::Float64,
        Aggregate::Min | Aggregate::Max if ty.is_comparable() => ty.clone(),
        Aggregate::ArrayAgg if !matches!(ty, Type::Array(_)) => ty.clone(),
        Aggregate::StringAgg => Type::String,
        _ => return Err(wrong()),
    };
    made.argument = Some(cast::coerce(typed, &wanted).ok_or_else(wrong)?.expr);
    made.ty = match function {
        Aggregate::Count | Aggregate::CountIf => Type::Int64,
        Aggregate::ArrayAgg => Type::Array(Box::new(wanted)),
        _ => wanted,
    };
    Ok(made)
}

impl AggregateCall {
    /// The value for the rows of a group.
    pub(super) fn of<'r>(&self, context: &Context<'_>, rows: impl Iterator<Item = &'r Row>) -> Result<Value, Refusal> {
        let Some(argument) = &self.argument else { return Ok(count(rows.count())) };
        let mut values = Vec::new();
        let mut seen = HashSet::new();
        for row in rows {
            let env = Env::of(context, row);
            let value = argument.eval(&env)?;
            if self.distinct && !seen.insert(Key(value.clone())) {
                continue;
            }
            let keys = self.order.iter().map(|k| k.expr.eval(&env)).collect::<Result<Vec<_>, _>>()?;
            values.push((keys, value));
        }
        if !self.order.is_empty() {
            values.sort_by(|(a, _), (b, _)| order::compare(&self.order, a, b));
        }
        self.fold(values.into_iter().map(|(_, v)| v))
    }

    fn fold(&self, values: impl Iterator<Item = Value>) -> Result<Value, Refusal> {
        let keep_nulls = self.function == Aggregate::ArrayAgg && !self.ignore_nulls;
        let mut values = values.filter(|v| keep_nulls || !v.is_null());
        let limit = self.limit.unwrap_or(usize::MAX);
        Ok(match self.function {
            Aggregate::Count => count(values.count()),
            Aggregate::CountIf => count(values.filter(Value::is_true).count()),
            Aggregate::Sum | Aggregate::Avg => return sum(values, self.function == Aggregate::Avg),
            Aggregate::Min | Aggregate::Max => extreme(values, self.function == Aggregate::Max),
            Aggregate::AnyValue => values.next().unwrap_or(Value::Null),
            Aggregate::LogicalAnd | Aggregate::LogicalOr => {
                let all: Vec<_> = values.collect();
                match (all.is_empty(), self.function) {
                    (true, _) => Value::Null,
                    (false, Aggregate::LogicalAnd) => Value::Bool(all.iter().all(Value::is_true)),
                    (false, _) => Value::Bool(all.iter().any(Value::is_true)),
                }
            }
            Aggregate::ArrayAgg => {
                let all: Vec<_> = values.take(limit).collect();
                if all.iter().any(Value::is_null) {
                    // BigQuery lets such an array live within the query only; here it ends at once.
                    return Err(Refusal::invalid_query("Array cannot have a null element; error in writing field"));
                }
                if all.is_empty() { Value::Null } else { Value::Array(all.into()) }
            }
            Aggregate::StringAgg => {
                let texts: Vec<_> = values.take(limit).collect();
                let texts: Vec<&str> =
                    texts.iter().filter_map(|v| if let Value::String(s) = v { Some(&**s) } else { None }).collect();
                if texts.is_empty() { Value::Null } else { Value::string(texts.join(&self.separator)) }
            }
        })
    }
}

fn count(n: usize) -> Value {
    i64::try_from(n).map_or(Value::Null, Value::Int)
}

fn sum(values: impl Iterator<Item = Value>, average: bool) -> Result<Value, Refusal> {
    let (mut whole, mut float, mut n, mut is_float) = (0_i128, 0.0, 0_u32, false);
    for value in values {
        n += 1;
        match value {
            Value::Int(i) => whole += i128::from(i),
            Value::Float(f) => {
                is_float = true;
                float += f;
            }
            _ => {}
        }
    }
    Ok(match (n, is_float, average) {
        (0, ..) => Value::Null,
        (_, _, true) => Value::Float(float / f64::from(n)),
        (_, true, false) => Value::Float(float),
        _ => Value::Int(i64::try_from(whole).map_err(|_| Refusal::invalid_query("int64 overflow in SUM"))?),
    })
}

/// MIN and MAX: NaN among the values is the answer.
fn extreme(values: impl Iterator<Item = Value>, max: bool) -> Value {
    let is_nan = |v: &Value| matches!(v, Value::Float(f) if f.is_nan());
    let best = values.reduce(|a, b| {
        let b_wins =
            is_nan(&b) || (!is_nan(&a) && b.compare(&a).is_some_and(|o| if max { o.is_gt() } else { o.is_lt() }));
        if b_wins { b } else { a }
    });
    best.unwrap_or(Value::Null)
}
