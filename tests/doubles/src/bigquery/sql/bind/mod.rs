//! Expressions of the parser to expressions with types.

mod operators;
mod parts;
mod subquery;

use sqlparser::ast::{self, CastKind, DateTimeField, Expr as Ast, Ident, SelectItem, Spanned};

use super::aggregate::AggregateCall;
use super::context::{Context, place};
use super::expr::{Comparison, Expr, Literal, Space, Subquery, Typed};
use super::scope::Scope;
use super::window::WindowCall;
use super::{cast, functions, keywords, literal, project, types};
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::Type;
use crate::bigquery::text;
use crate::bigquery::value::Value;
pub(super) use operators::{no_signature, unify};

/// Gives names and operators their meaning.
pub(super) struct Binder<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) scope: &'a Scope,
    /// The keys of GROUP BY, where the expression is about groups.
    pub(super) keys: Option<&'a [Typed]>,
    /// Aggregates found so far; `None` where there may be none.
    pub(super) aggregates: Option<&'a mut Vec<AggregateCall>>,
    /// Window functions found so far; `None` where there may be none.
    pub(super) windows: Option<&'a mut Vec<WindowCall>>,
    /// The SELECT list, where its names count.
    pub(super) aliases: &'a [SelectItem],
}

impl<'a> Binder<'a> {
    /// For expressions about single rows.
    pub(super) fn rows(context: &'a Context<'a>, scope: &'a Scope) -> Self {
        Self { context, scope, keys: None, aggregates: None, windows: None, aliases: &[] }
    }

    /// An expression that has to be a condition.
    pub(super) fn condition(&mut self, ast: &Ast, of: &str) -> Result<Expr, Refusal> {
        let typed = self.bind(ast)?;
        let ty = typed.ty.clone();
        cast::coerce(typed, &Type::Bool).map(|t| t.expr).ok_or_else(|| {
            Refusal::invalid_query(format!("{of} should return type BOOL, but returns type {ty}{}", place(ast.span())))
        })
    }

    /// An expression that has to be of a type.
    pub(super) fn bind_as(&mut self, ast: &Ast, to: &Type) -> Result<Expr, Refusal> {
        let typed = self.bind(ast)?;
        let ty = typed.ty.clone();
        cast::coerce(typed, to).map(|t| t.expr).ok_or_else(|| {
            Refusal::invalid_query(format!("Expected an expression of type {to}, found {ty}{}", place(ast.span())))
        })
    }

    pub(super) fn bind(&mut self, ast: &Ast) -> Result<Typed, Refusal> {
        if let Some(typed) = self.key(ast)? {
            return Ok(typed);
        }
        match ast {
            Ast::Nested(inner) => self.bind(inner),
            Ast::Identifier(ident) => self.name(std::slice::from_ref(ident)),
            Ast::CompoundIdentifier(idents) => self.name(idents),
            Ast::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain),
            Ast::Value(value) => match &value.value {
                ast::Value::Placeholder(name) => self.parameter(name, ast),
                other => literal::value(other, value.span),
            },
            Ast::TypedString(typed) if !typed.uses_odbc_syntax => {
                let to = types::of(&typed.data_type)?;
                let literal = literal::value(&typed.value.value, typed.value.span)?;
                let value = match (&literal.expr, &to) {
                    (Expr::Const(Value::String(json)), Type::Json) => {
                        let json = text::json_text(json).ok_or_else(|| {
                            Refusal::invalid_query(format!("Invalid JSON literal{}", place(typed.value.span)))
                        })?;
                        Value::Json(json.into())
                    }
                    (Expr::Const(value), _) => cast::cast(value, &literal.ty, &to)?,
                    _ => return Err(unsupported(ast)),
                };
                Ok(Typed::literal(value, to))
            }
            Ast::UnaryOp { op, expr } => self.unary(*op, expr, ast),
            Ast::BinaryOp { left, op, right } => self.binary(left, op, right, ast),
            Ast::IsNull(e) => Ok(Typed::new(Expr::IsNull(Box::new(self.bind(e)?.expr)), Type::Bool)),
            Ast::IsNotNull(e) => Ok(not(Expr::IsNull(Box::new(self.bind(e)?.expr)))),
            Ast::IsTrue(e) => Ok(Typed::new(self.is(e, true)?, Type::Bool)),
            Ast::IsNotTrue(e) => Ok(not(self.is(e, true)?)),
            Ast::IsFalse(e) => Ok(Typed::new(self.is(e, false)?, Type::Bool)),
            Ast::IsNotFalse(e) => Ok(not(self.is(e, false)?)),
            Ast::IsDistinctFrom(a, b) => {
                let (a, b) = self.pair(a, b, "IS DISTINCT FROM", ast)?;
                Ok(not(Expr::Same(Box::new(a), Box::new(b))))
            }
            Ast::IsNotDistinctFrom(a, b) => {
                let (a, b) = self.pair(a, b, "IS DISTINCT FROM", ast)?;
                Ok(Typed::new(Expr::Same(Box::new(a), Box::new(b)), Type::Bool))
            }
            Ast::Between { expr, negated, low, high } => {
                let (value, low) = self.pair(expr, low, "BETWEEN", ast)?;
                let (again, high) = self.pair(expr, high, "BETWEEN", ast)?;
                let compare = |how, a, b| Box::new(Expr::Compare(how, Box::new(a), Box::new(b)));
                let between = Expr::And(
                    compare(Comparison::GreaterOrEqual, value, low),
                    compare(Comparison::LessOrEqual, again, high),
                );
                Ok(maybe_not(between, *negated))
            }
            Ast::InList { expr, list, negated } => self.in_list(expr, list, *negated, ast),
            Ast::InSubquery { expr, subquery, negated } => {
                let value = self.bind(expr)?;
                let found = self.subquery(subquery, Subquery::In, Some(value))?;
                Ok(maybe_not(found.expr, *negated))
            }
            Ast::Exists { subquery, negated } => {
                Ok(maybe_not(self.subquery(subquery, Subquery::Exists, None)?.expr, *negated))
            }
            Ast::Subquery(query) => self.subquery(query, Subquery::Scalar, None),
            Ast::Like { negated, any: false, expr, pattern, escape_char: None } => {
                let value = self.bind_as(expr, &Type::String)?;
                let pattern = self.bind_as(pattern, &Type::String)?;
                Ok(maybe_not(Expr::Like(Box::new(value), Box::new(pattern)), *negated))
            }
            Ast::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), ast)
            }
            Ast::Cast { kind: kind @ (CastKind::Cast | CastKind::SafeCast), expr, data_type, format: None } => {
                let to = types::of(data_type)?;
                let typed = self.bind(expr)?;
                if let Some(typed) = Some(&typed).filter(|t| t.literal == Literal::Null) {
                    return Ok(Typed::new(typed.expr.clone(), to));
                }
                if !types::castable(&typed.ty, &to) {
                    return Err(Refusal::invalid_query(format!(
                        "Invalid cast from {} to {to}{}",
                        typed.ty,
                        place(expr.span())
                    )));
                }
                let safe = *kind == CastKind::SafeCast;
                Ok(Typed::new(Expr::Cast { expr: Box::new(typed.expr), from: typed.ty, to: to.clone(), safe }, to))
            }
            Ast::Extract { field, expr, .. } => self.extract(field, expr, ast),
            Ast::Interval(interval) => self.interval(interval, ast),
            Ast::Struct { values, fields } => self.structure(values, fields, ast),
            Ast::Array(array) => self.array(&array.elem, ast),
            Ast::Function(function) => self.function(function, ast),
            Ast::Substring { expr, substring_from: Some(from), substring_for, special: true, .. } => {
                let arguments = [Some(&**expr), Some(&**from), substring_for.as_deref()];
                let arguments = arguments.into_iter().flatten().map(|a| self.bind(a)).collect::<Result<_, _>>()?;
                functions::bind("SUBSTR", arguments, ast)
            }
            Ast::Trim { trim_where: None, trim_what: None, expr, trim_characters } => {
                let arguments = std::iter::once(&**expr).chain(trim_characters.iter().flatten());
                let arguments = arguments.map(|a| self.bind(a)).collect::<Result<_, _>>()?;
                functions::bind("TRIM", arguments, ast)
            }
            Ast::Ceil { expr, field: ast::CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                let argument = self.bind(expr)?;
                functions::bind("CEIL", vec![argument], ast)
            }
            Ast::Floor { expr, field: ast::CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                let argument = self.bind(expr)?;
                functions::bind("FLOOR", vec![argument], ast)
            }
            _ => Err(unsupported(ast)),
        }
    }

    /// The expression as a key of GROUP BY, or as one that needs no row, where the expression is about groups.
    fn key(&mut self, ast: &Ast) -> Result<Option<Typed>, Refusal> {
        let Some(keys) = self.keys else { return Ok(None) };
        let Ok(typed) = Binder::rows(self.context, self.scope).bind(ast) else { return Ok(None) };
        let written = format!("{:?}", typed.expr);
        let found = keys.iter().position(|k| format!("{:?}", k.expr) == written);
        Ok(match found {
            Some(at) => Some(Typed::new(Expr::Slot(Space::Key, at), typed.ty)),
            // Nothing in it is of a row.
            None => Some(typed).filter(|_| !written.contains("Slot(") && !written.contains("Correlated")),
        })
    }

    fn name(&mut self, idents: &[Ident]) -> Result<Typed, Refusal> {
        idents.first().map_or(Ok(()), keywords::check)?;
        let full = || idents.iter().map(|i| i.value.as_str()).collect::<Vec<_>>().join(".");
        let at = place(idents.first().map_or_else(sqlparser::tokenizer::Span::empty, |i| i.span));
        if let Some(found) = self.scope.find(idents)? {
            if self.keys.is_some() {
                return Err(Refusal::invalid_query(format!(
                    "SELECT list expression references column {} which is neither grouped nor aggregated{at}",
                    full()
                )));
            }
            return Ok(found);
        }
        if let [one] = idents
            && let Some(meant) = project::alias(self.aliases, &one.value)
        {
            // Names of the list do not stand for each other.
            let aliases = std::mem::take(&mut self.aliases);
            let typed = self.bind(meant);
            self.aliases = aliases;
            return typed;
        }
        for outer in self.context.outer.iter().rev() {
            if let Some(found) = outer.find(idents)? {
                return Ok(found);
            }
        }
        let named = idents.first().map(|i| i.value.clone()).unwrap_or_default();
        if named.starts_with('@') {
            return self.context.named_parameter(named.trim_start_matches('@'), &at);
        }
        Err(Refusal::invalid_query(format!("Unrecognized name: {named}{at}")))
    }

    fn parameter(&mut self, name: &str, ast: &Ast) -> Result<Typed, Refusal> {
        let at = place(ast.span());
        match name.strip_prefix('@') {
            Some(name) => self.context.named_parameter(name, &at),
            None if name == "?" => self.context.positional_parameter(ast.span()),
            None => Err(unsupported(ast)),
        }
    }
}

pub(super) fn unsupported(ast: &Ast) -> Refusal {
    Refusal::unsupported(format!("{ast}{}", place(ast.span())))
}

fn not(expr: Expr) -> Typed {
    Typed::new(Expr::Not(Box::new(expr)), Type::Bool)
}

fn maybe_not(expr: Expr, negated: bool) -> Typed {
    if negated { not(expr) } else { Typed::new(expr, Type::Bool) }
}
