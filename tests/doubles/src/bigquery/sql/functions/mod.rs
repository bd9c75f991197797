//! Functions of single values.

mod call;

use sqlparser::ast::{Expr as Ast, Function as Call, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart};

use super::bind::{no_signature, unify, unsupported};
use super::cast;
use super::expr::{Expr, Typed};
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::{Field, Type};
use crate::bigquery::value::Value;

/// A function that is called with values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Abs,
    ArrayLength,
    Ceil,
    Concat,
    CurrentDate,
    CurrentTimestamp,
    DateAdd,
    DateDiff,
    DateSub,
    DateTrunc,
    EndsWith,
    Extract,
    Floor,
    FormatDate,
    FormatTimestamp,
    FromBase64,
    Greatest,
    IsInf,
    IsNan,
    JsonValue,
    Least,
    Length,
    Lower,
    Mod,
    ParseJson,
    RegexpContains,
    Replace,
    StartsWith,
    Substr,
    TimestampAdd,
    TimestampDiff,
    TimestampMicros,
    TimestampMillis,
    TimestampSeconds,
    TimestampSub,
    TimestampTrunc,
    ToBase64,
    ToHex,
    Trim,
    UnixMicros,
    UnixMillis,
    UnixSeconds,
    Upper,
}

/// Name and arguments of a call that has nothing else; names of functions in capitals.
pub(super) fn plain(call: &Call) -> Option<(String, Vec<&Ast>)> {
    let Call {
        name,
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        filter: None,
        null_treatment: None,
        ..
    } = call
    else {
        return None;
    };
    let [ObjectNamePart::Identifier(name)] = name.0.as_slice() else { return None };
    let arguments = match &call.args {
        FunctionArguments::None => Vec::new(),
        FunctionArguments::List(list) if list.duplicate_treatment.is_none() && list.clauses.is_empty() => {
            list.args.iter().map(expression).collect::<Option<_>>()?
        }
        _ => return None,
    };
    call.within_group.is_empty().then(|| (name.value.to_ascii_uppercase(), arguments))
}

/// An argument that is an expression and nothing else.
fn expression(argument: &FunctionArg) -> Option<&Ast> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(e),
        _ => None,
    }
}

/// The argument as a part of a date, as `DAY`, where the function has one there.
pub(super) fn date_part(name: &str, at: usize, argument: &Ast) -> Option<String> {
    let takes = matches!((name, at), ("DATE_TRUNC" | "TIMESTAMP_TRUNC", 1) | ("DATE_DIFF" | "TIMESTAMP_DIFF", 2));
    match argument {
        Ast::Identifier(part) if takes => Some(part.value.to_ascii_uppercase()),
        _ => None,
    }
}

/// A call with its types.
pub(super) fn bind(name: &str, arguments: Vec<Typed>, ast: &Ast) -> Result<Typed, Refusal> {
    use Type::{Bool, Bytes, Date, Float64, Int64, Json, String, Timestamp};
    let types: Vec<_> = arguments.iter().map(|a| a.ty.clone()).collect();
    let wrong = || no_signature(name, &types, ast);
    // The arguments as these types.
    let take = |wanted: &[Type]| -> Result<Vec<Expr>, Refusal> {
        if wanted.len() != arguments.len() {
            return Err(wrong());
        }
        let all = arguments.iter().zip(wanted).map(|(a, ty)| cast::coerce(a.clone(), ty).map(|t| t.expr));
        all.collect::<Option<_>>().ok_or_else(wrong)
    };
    let call =
        |function: Function, wanted: &[Type], gives: Type| Ok(Typed::new(Expr::Call(function, take(wanted)?), gives));
    let same = |function: Function| {
        let (exprs, ty) = unify(arguments.clone(), name, ast)?;
        if exprs.is_empty() || !ty.is_comparable() {
            Err(wrong())
        } else {
            Ok(Typed::new(Expr::Call(function, exprs), ty))
        }
    };
    let first = types.first().cloned();
    let is = |ty: &Type| first.as_ref() == Some(ty);
    // Functions that do the same for two types.
    let either = |a: Type, b: Type| if is(&b) { b } else { a };
    match name {
        "COALESCE" | "IFNULL" if name == "COALESCE" || types.len() == 2 => {
            let (exprs, ty) = unify(arguments, name, ast)?;
            let filled = exprs.into_iter().rev().reduce(|rest, one| {
                let missing = Expr::IsNull(Box::new(one.clone()));
                Expr::Case(vec![(Expr::Not(Box::new(missing)), one)], Box::new(rest))
            });
            filled.map(|e| Typed::new(e, ty)).ok_or_else(wrong)
        }
        "IF" => {
            let mut arguments = arguments.into_iter();
            let (Some(when), Some(then), Some(other), None) =
                (arguments.next(), arguments.next(), arguments.next(), arguments.next())
            else {
                return Err(no_signature(name, &types, ast));
            };
            let when = cast::coerce(when, &Bool).ok_or_else(|| no_signature(name, &types, ast))?;
            let (exprs, ty) = unify(vec![then, other], name, ast)?;
            match <[Expr; 2]>::try_from(exprs) {
                Ok([then, other]) => Ok(Typed::new(Expr::Case(vec![(when.expr, then)], Box::new(other)), ty)),
                Err(_) => Err(no_signature(name, &types, ast)),
            }
        }
        "NULLIF" => {
            let (exprs, ty) = unify(arguments, name, ast)?;
            match <[Expr; 2]>::try_from(exprs) {
                Ok([value, other]) if ty.is_comparable() => {
                    let equal = Expr::Compare(super::expr::Comparison::Equal, Box::new(value.clone()), Box::new(other));
                    Ok(Typed::new(Expr::Case(vec![(equal, Expr::Const(Value::Null))], Box::new(value)), ty))
                }
                _ => Err(no_signature(name, &types, ast)),
            }
        }
        "TO_JSON_STRING" => match <[Typed; 1]>::try_from(arguments) {
            Ok([one]) => Ok(Typed::new(Expr::ToJson(Box::new(one.expr), one.ty), String)),
            Err(_) => Err(no_signature(name, &types, ast)),
        },
        "TIMESTAMP" if is(&Date) || is(&String) => {
            one_cast(arguments, Timestamp).ok_or_else(|| no_signature(name, &types, ast))
        }
        "TIMESTAMP" if is(&Timestamp) && types.len() == 1 => {
            arguments.into_iter().next().ok_or_else(|| no_signature(name, &types, ast))
        }
        "DATE" if is(&Timestamp) || is(&String) => {
            one_cast(arguments, Date).ok_or_else(|| no_signature(name, &types, ast))
        }
        "DATE" if is(&Date) && types.len() == 1 => {
            arguments.into_iter().next().ok_or_else(|| no_signature(name, &types, ast))
        }
        "STRING" => one_cast(arguments, String).ok_or_else(|| no_signature(name, &types, ast)),
        "CONCAT" => {
            let ty = either(String, Bytes);
            call(Function::Concat, &vec![ty.clone(); types.len()], ty)
        }
        "GREATEST" => same(Function::Greatest),
        "LEAST" => same(Function::Least),
        "ABS" => call(Function::Abs, &[either(Float64, Int64)], either(Float64, Int64)),
        "CEIL" | "CEILING" => call(Function::Ceil, &[Float64], Float64),
        "FLOOR" => call(Function::Floor, &[Float64], Float64),
        "MOD" => call(Function::Mod, &[Int64, Int64], Int64),
        "LENGTH" | "CHAR_LENGTH" | "CHARACTER_LENGTH" => call(Function::Length, &[either(String, Bytes)], Int64),
        "LOWER" => call(Function::Lower, &[String], String),
        "UPPER" => call(Function::Upper, &[String], String),
        "TRIM" if types.len() == 1 => call(Function::Trim, &[String], String),
        "TRIM" => call(Function::Trim, &[String, String], String),
        "REPLACE" => call(Function::Replace, &[String, String, String], String),
        "STARTS_WITH" => call(Function::StartsWith, &[String, String], Bool),
        "ENDS_WITH" => call(Function::EndsWith, &[String, String], Bool),
        "SUBSTR" | "SUBSTRING" if types.len() == 2 => call(Function::Substr, &[String, Int64], String),
        "SUBSTR" | "SUBSTRING" => call(Function::Substr, &[String, Int64, Int64], String),
        "REGEXP_CONTAINS" => call(Function::RegexpContains, &[String, String], Bool),
        "IS_NAN" => call(Function::IsNan, &[Float64], Bool),
        "IS_INF" => call(Function::IsInf, &[Float64], Bool),
        "PARSE_JSON" => call(Function::ParseJson, &[String], Json),
        "JSON_VALUE" | "JSON_EXTRACT_SCALAR" if is(&String) => call(Function::JsonValue, &[String, String], String),
        "JSON_VALUE" | "JSON_EXTRACT_SCALAR" => call(Function::JsonValue, &[Json, String], String),
        "TO_BASE64" => call(Function::ToBase64, &[Bytes], String),
        "FROM_BASE64" => call(Function::FromBase64, &[String], Bytes),
        "TO_HEX" => call(Function::ToHex, &[Bytes], String),
        "CURRENT_TIMESTAMP" => call(Function::CurrentTimestamp, &[], Timestamp),
        "CURRENT_DATE" => call(Function::CurrentDate, &[], Date),
        "FORMAT_TIMESTAMP" => call(Function::FormatTimestamp, &[String, Timestamp], String),
        "FORMAT_DATE" => call(Function::FormatDate, &[String, Date], String),
        "TIMESTAMP_TRUNC" => call(Function::TimestampTrunc, &[Timestamp, String], Timestamp),
        "DATE_TRUNC" => call(Function::DateTrunc, &[Date, String], Date),
        "TIMESTAMP_DIFF" => call(Function::TimestampDiff, &[Timestamp, Timestamp, String], Int64),
        "DATE_DIFF" => call(Function::DateDiff, &[Date, Date, String], Int64),
        "TIMESTAMP_ADD" => call(Function::TimestampAdd, &[Timestamp, interval()], Timestamp),
        "TIMESTAMP_SUB" => call(Function::TimestampSub, &[Timestamp, interval()], Timestamp),
        "DATE_ADD" => call(Function::DateAdd, &[Date, interval()], Date),
        "DATE_SUB" => call(Function::DateSub, &[Date, interval()], Date),
        "EXTRACT" => {
            let ty = match types.get(1) {
                Some(Date) => Date,
                _ => Timestamp,
            };
            call(Function::Extract, &[String, ty], Int64)
        }
        "TIMESTAMP_MICROS" => call(Function::TimestampMicros, &[Int64], Timestamp),
        "TIMESTAMP_MILLIS" => call(Function::TimestampMillis, &[Int64], Timestamp),
        "TIMESTAMP_SECONDS" => call(Function::TimestampSeconds, &[Int64], Timestamp),
        "UNIX_MICROS" => call(Function::UnixMicros, &[Timestamp], Int64),
        "UNIX_MILLIS" => call(Function::UnixMillis, &[Timestamp], Int64),
        "UNIX_SECONDS" => call(Function::UnixSeconds, &[Timestamp], Int64),
        "ARRAY_LENGTH" => match first {
            Some(ty @ Type::Array(_)) => call(Function::ArrayLength, &[ty], Int64),
            _ => Err(wrong()),
        },
        _ => Err(unsupported(ast)),
    }
}

/// The type of an INTERVAL as the binder makes it: a number and a part.
fn interval() -> Type {
    Type::Struct(vec![Field::nullable("count", Type::Int64), Field::nullable("part", Type::String)])
}

/// A function that is a CAST by another name.
fn one_cast(arguments: Vec<Typed>, to: Type) -> Option<Typed> {
    let [one] = <[Typed; 1]>::try_from(arguments).ok()?;
    let castable = super::types::castable(&one.ty, &to);
    castable.then(|| Typed::new(Expr::Cast { expr: Box::new(one.expr), from: one.ty, to: to.clone(), safe: false }, to))
}
