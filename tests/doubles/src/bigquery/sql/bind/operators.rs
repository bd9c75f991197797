//! Operators: comparisons, arithmetic, conditions.

use sqlparser::ast::{self, BinaryOperator, Expr as Ast, Spanned, UnaryOperator};

use super::{Binder, maybe_not, not, unsupported};
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::Type;
use crate::bigquery::sql::context::place;
use crate::bigquery::sql::expr::{Arithmetic, Comparison, Expr, Typed};
use crate::bigquery::sql::{cast, functions, literal};

impl Binder<'_> {
    pub(super) fn unary(&mut self, op: UnaryOperator, expr: &Ast, ast: &Ast) -> Result<Typed, Refusal> {
        match op {
            UnaryOperator::Not => Ok(not(self.condition(expr, "Operator NOT's argument")?)),
            UnaryOperator::Plus => self.bind(expr),
            UnaryOperator::Minus => {
                // The smallest INT64 has no positive to be made negative.
                if let Ast::Value(value) = expr
                    && let ast::Value::Number(digits, false) = &value.value
                {
                    return literal::number(&format!("-{digits}"), value.span);
                }
                let typed = self.bind(expr)?;
                match typed.ty {
                    Type::Int64 | Type::Float64 => Ok(Typed::new(Expr::Negate(Box::new(typed.expr)), typed.ty)),
                    ty => Err(no_signature("-", &[ty], ast)),
                }
            }
            _ => Err(unsupported(ast)),
        }
    }

    pub(super) fn binary(&mut self, left: &Ast, op: &BinaryOperator, right: &Ast, ast: &Ast) -> Result<Typed, Refusal> {
        let comparison = match op {
            BinaryOperator::Eq => Some(Comparison::Equal),
            BinaryOperator::NotEq => Some(Comparison::NotEqual),
            BinaryOperator::Lt => Some(Comparison::Less),
            BinaryOperator::LtEq => Some(Comparison::LessOrEqual),
            BinaryOperator::Gt => Some(Comparison::Greater),
            BinaryOperator::GtEq => Some(Comparison::GreaterOrEqual),
            _ => None,
        };
        if let Some(how) = comparison {
            let (a, b) = self.pair(left, right, &op.to_string(), ast)?;
            return Ok(Typed::new(Expr::Compare(how, Box::new(a), Box::new(b)), Type::Bool));
        }
        let arithmetic = match op {
            BinaryOperator::And | BinaryOperator::Or => {
                let what = format!("Operator {op}'s argument");
                let (a, b) = (Box::new(self.condition(left, &what)?), Box::new(self.condition(right, &what)?));
                let expr = if *op == BinaryOperator::And { Expr::And(a, b) } else { Expr::Or(a, b) };
                return Ok(Typed::new(expr, Type::Bool));
            }
            BinaryOperator::StringConcat => {
                let arguments = vec![self.bind(left)?, self.bind(right)?];
                return functions::bind("CONCAT", arguments, ast);
            }
            BinaryOperator::Plus => Arithmetic::Add,
            BinaryOperator::Minus => Arithmetic::Subtract,
            BinaryOperator::Multiply => Arithmetic::Multiply,
            BinaryOperator::Divide => Arithmetic::Divide,
            _ => return Err(unsupported(ast)),
        };
        let (a, b) = (self.bind(left)?, self.bind(right)?);
        let types = [a.ty.clone(), b.ty.clone()];
        let ty = match cast::common(&[a.clone(), b.clone()]) {
            Some(Type::Int64) if arithmetic != Arithmetic::Divide => Type::Int64,
            Some(Type::Int64 | Type::Float64) => Type::Float64,
            _ => return Err(no_signature(&op.to_string(), &types, ast)),
        };
        let as_type = |t| {
            cast::coerce(t, &ty).map(|t| Box::new(t.expr)).ok_or_else(|| no_signature(&op.to_string(), &types, ast))
        };
        Ok(Typed::new(Expr::Arithmetic(arithmetic, as_type(a)?, as_type(b)?), ty.clone()))
    }

    /// Two sides of a comparison as one type that can be compared.
    pub(super) fn pair(&mut self, left: &Ast, right: &Ast, op: &str, ast: &Ast) -> Result<(Expr, Expr), Refusal> {
        let (a, b) = (self.bind(left)?, self.bind(right)?);
        let types = [a.ty.clone(), b.ty.clone()];
        let ty = cast::common(&[a.clone(), b.clone()]).ok_or_else(|| no_signature(op, &types, ast))?;
        check_comparable(&ty, op, ast)?;
        let as_type = |t| cast::coerce(t, &ty).map(|t| t.expr).ok_or_else(|| no_signature(op, &types, ast));
        Ok((as_type(a)?, as_type(b)?))
    }

    pub(super) fn is(&mut self, ast: &Ast, what: bool) -> Result<Expr, Refusal> {
        Ok(Expr::Is(Box::new(self.condition(ast, "Operator IS's argument")?), what))
    }

    pub(super) fn in_list(&mut self, expr: &Ast, list: &[Ast], negated: bool, ast: &Ast) -> Result<Typed, Refusal> {
        let mut all = vec![self.bind(expr)?];
        for item in list {
            all.push(self.bind(item)?);
        }
        let types: Vec<_> = all.iter().map(|t| t.ty.clone()).collect();
        let ty = cast::common(&all).ok_or_else(|| no_signature("IN", &types, ast))?;
        check_comparable(&ty, "IN", ast)?;
        let all = all.into_iter().map(|t| cast::coerce(t, &ty).map(|t| t.expr)).collect::<Option<Vec<_>>>();
        let mut all = all.ok_or_else(|| no_signature("IN", &types, ast))?.into_iter();
        let value = all.next().ok_or_else(|| unsupported(ast))?;
        Ok(maybe_not(Expr::In(Box::new(value), all.collect()), negated))
    }

    pub(super) fn case(
        &mut self,
        operand: Option<&Ast>,
        arms: &[ast::CaseWhen],
        default: Option<&Ast>,
        ast: &Ast,
    ) -> Result<Typed, Refusal> {
        let mut conditions = Vec::new();
        let mut results = Vec::new();
        for arm in arms {
            conditions.push(match operand {
                None => self.condition(&arm.condition, "WHEN clause")?,
                Some(operand) => {
                    let (a, b) = self.pair(operand, &arm.condition, "CASE", ast)?;
                    Expr::Compare(Comparison::Equal, Box::new(a), Box::new(b))
                }
            });
            results.push(self.bind(&arm.result)?);
        }
        results.push(match default {
            Some(default) => self.bind(default)?,
            None => Typed::null(),
        });
        let (mut results, ty) = unify(results, "CASE", ast)?;
        let default = results.pop().ok_or_else(|| unsupported(ast))?;
        Ok(Typed::new(Expr::Case(conditions.into_iter().zip(results).collect(), Box::new(default)), ty))
    }
}

/// Expressions as one type.
pub(in crate::bigquery::sql) fn unify(all: Vec<Typed>, what: &str, ast: &Ast) -> Result<(Vec<Expr>, Type), Refusal> {
    let types: Vec<_> = all.iter().map(|t| t.ty.clone()).collect();
    let ty = cast::common(&all).ok_or_else(|| no_signature(what, &types, ast))?;
    let exprs = all.into_iter().map(|t| cast::coerce(t, &ty).map(|t| t.expr)).collect::<Option<Vec<_>>>();
    Ok((exprs.ok_or_else(|| no_signature(what, &types, ast))?, ty))
}

fn check_comparable(ty: &Type, op: &str, ast: &Ast) -> Result<(), Refusal> {
    if ty.is_comparable() {
        return Ok(());
    }
    if matches!(ty, Type::Struct(_)) {
        return Err(Refusal::unsupported(format!("a comparison of structs{}", place(ast.span()))));
    }
    let what = match op {
        "=" | "<>" | "!=" | "IN" | "CASE" => "Equality",
        "IS DISTINCT FROM" => op,
        "BETWEEN" => op,
        _ => "Inequality",
    };
    Err(Refusal::invalid_query(format!("{what} is not defined for arguments of type {ty}{}", place(ast.span()))))
}

/// The error for an operator or function that does not take these types.
pub(in crate::bigquery::sql) fn no_signature(what: &str, types: &[Type], ast: &Ast) -> Refusal {
    let is_function = what.chars().next().is_some_and(|c| c.is_ascii_alphabetic()) && !what.contains(' ');
    let types: Vec<_> = types.iter().map(Type::to_string).collect();
    let kind = if is_function { "function" } else { "operator" };
    Refusal::invalid_query(format!(
        "No matching signature for {kind} {what} for argument types: {}{}",
        types.join(", "),
        place(ast.span())
    ))
}
