//! Expressions of the parser to expressions with types.

use std::sync::Arc;

use sqlparser::ast::{
    self, AccessExpr, BinaryOperator, CastKind, DateTimeField, Expr as Ast, Ident, SelectItem, Spanned, Subscript,
    UnaryOperator,
};

use super::aggregate::{self, AggregateCall};
use super::cast;
use super::context::{Context, place};
use super::expr::{Arithmetic, Comparison, Expr, Literal, Space, Subquery, Typed};
use super::functions;
use super::literal;
use super::project;
use super::scope::{self, Scope};
use super::select;
use super::types;
use super::window::{self, WindowCall};
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::{Field, Type};
use crate::bigquery::value::Value;

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
                let text = literal::value(&typed.value.value, typed.value.span)?;
                let value = match &text.expr {
                    Expr::Const(value) => cast::cast(value, &text.ty, &to)?,
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

    fn access(&mut self, root: &Ast, chain: &[AccessExpr]) -> Result<Typed, Refusal> {
        let mut typed = self.bind(root)?;
        for access in chain {
            typed = match access {
                AccessExpr::Dot(Ast::Identifier(name)) => scope::fields(typed, std::slice::from_ref(name))?,
                AccessExpr::Subscript(Subscript::Index { index }) => self.element(typed, index)?,
                other => return Err(Refusal::unsupported(other)),
            };
        }
        Ok(typed)
    }

    /// `array[OFFSET(0)]`, `array[SAFE_ORDINAL(1)]`, `array[0]`.
    fn element(&mut self, array: Typed, index: &Ast) -> Result<Typed, Refusal> {
        let Type::Array(item) = &array.ty else { return Err(unsupported(index)) };
        let call = match index {
            Ast::Function(f) => functions::plain(f).and_then(|(name, arguments)| match arguments.as_slice() {
                [one] => Some((name, (*one).clone())),
                _ => None,
            }),
            _ => None,
        };
        let (first, strict, at) = match &call {
            Some((name, at)) => match name.as_str() {
                "OFFSET" => (0, true, at),
                "SAFE_OFFSET" => (0, false, at),
                "ORDINAL" => (1, true, at),
                "SAFE_ORDINAL" => (1, false, at),
                _ => (0, true, index),
            },
            None => (0, true, index),
        };
        let at = Box::new(self.bind_as(at, &Type::Int64)?);
        let item = (**item).clone();
        Ok(Typed::new(Expr::Element { array: Box::new(array.expr), at, first, strict }, item))
    }

    fn unary(&mut self, op: UnaryOperator, expr: &Ast, ast: &Ast) -> Result<Typed, Refusal> {
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

    fn binary(&mut self, left: &Ast, op: &BinaryOperator, right: &Ast, ast: &Ast) -> Result<Typed, Refusal> {
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
    fn pair(&mut self, left: &Ast, right: &Ast, op: &str, ast: &Ast) -> Result<(Expr, Expr), Refusal> {
        let (a, b) = (self.bind(left)?, self.bind(right)?);
        let types = [a.ty.clone(), b.ty.clone()];
        let ty = cast::common(&[a.clone(), b.clone()]).ok_or_else(|| no_signature(op, &types, ast))?;
        check_comparable(&ty, op, ast)?;
        let as_type = |t| cast::coerce(t, &ty).map(|t| t.expr).ok_or_else(|| no_signature(op, &types, ast));
        Ok((as_type(a)?, as_type(b)?))
    }

    fn is(&mut self, ast: &Ast, what: bool) -> Result<Expr, Refusal> {
        Ok(Expr::Is(Box::new(self.condition(ast, "Operator IS's argument")?), what))
    }

    fn in_list(&mut self, expr: &Ast, list: &[Ast], negated: bool, ast: &Ast) -> Result<Typed, Refusal> {
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

    fn case(
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

    fn extract(&mut self, field: &DateTimeField, expr: &Ast, ast: &Ast) -> Result<Typed, Refusal> {
        let of = self.bind(expr)?;
        let part = Typed::literal(Value::string(field.to_string().to_ascii_uppercase()), Type::String);
        functions::bind("EXTRACT", vec![part, of], ast)
    }

    fn structure(&mut self, values: &[Ast], declared: &[ast::StructField], ast: &Ast) -> Result<Typed, Refusal> {
        let mut fields = Vec::new();
        let mut parts = Vec::new();
        for (i, value) in values.iter().enumerate() {
            let (inner, name) = match value {
                Ast::Named { expr, name } => (&**expr, name.value.clone()),
                Ast::Identifier(name) => (value, name.value.clone()),
                Ast::CompoundIdentifier(names) => (value, names.last().map(|n| n.value.clone()).unwrap_or_default()),
                other => (other, String::new()),
            };
            let typed = self.bind(inner)?;
            let (typed, name) = match declared.get(i) {
                None => (typed, name),
                Some(field) => {
                    let to = types::of(&field.field_type)?;
                    let name = field.field_name.as_ref().map(|n| n.value.clone()).unwrap_or_default();
                    let from = typed.ty.clone();
                    (cast::coerce(typed, &to).ok_or_else(|| no_signature("STRUCT", &[from, to], ast))?, name)
                }
            };
            fields.push(Field::nullable(name, typed.ty));
            parts.push(typed.expr);
        }
        Ok(Typed::new(Expr::Struct(parts), Type::Struct(fields)))
    }

    fn array(&mut self, items: &[Ast], ast: &Ast) -> Result<Typed, Refusal> {
        let items = items.iter().map(|i| self.bind(i)).collect::<Result<Vec<_>, _>>()?;
        let (items, ty) = unify(items, "ARRAY", ast)?;
        if matches!(ty, Type::Array(_)) {
            return Err(Refusal::invalid_query(format!(
                "Cannot construct array with element type ARRAY{}",
                place(ast.span())
            )));
        }
        Ok(Typed::new(Expr::Array(items), Type::Array(Box::new(ty))))
    }

    fn function(&mut self, function: &ast::Function, ast: &Ast) -> Result<Typed, Refusal> {
        if function.over.is_some() {
            let call = window::bind(self, function, ast)?;
            let ty = call.ty.clone();
            let Some(windows) = self.windows.as_mut() else {
                return Err(Refusal::invalid_query(format!("Analytic function not allowed here{}", place(ast.span()))));
            };
            windows.push(call);
            return Ok(Typed::new(Expr::Slot(Space::Window, windows.len() - 1), ty));
        }
        if aggregate::is_aggregate(function) {
            let call = aggregate::bind(self.context, self.scope, function, ast)?;
            let ty = call.ty.clone();
            let Some(aggregates) = self.aggregates.as_mut() else {
                return Err(Refusal::invalid_query(format!(
                    "Aggregate function {} not allowed here{}",
                    function.name,
                    place(ast.span())
                )));
            };
            aggregates.push(call);
            return Ok(Typed::new(Expr::Slot(Space::Aggregate, aggregates.len() - 1), ty));
        }
        let (name, arguments) = functions::plain(function).ok_or_else(|| unsupported(ast))?;
        let mut bound = Vec::new();
        for (i, argument) in arguments.into_iter().enumerate() {
            bound.push(match functions::date_part(&name, i, argument) {
                Some(part) => Typed::literal(Value::string(part), Type::String),
                None => self.bind(argument)?,
            });
        }
        functions::bind(&name, bound, ast)
    }

    /// A query within an expression. It is run at once where it names nothing of the row around it.
    fn subquery(&mut self, query: &ast::Query, kind: Subquery, value: Option<Typed>) -> Result<Typed, Refusal> {
        let span = query.span();
        // Seen without the row first, then with a row of nulls, for its types.
        let (relation, correlated) = match select::query(self.context, query) {
            Ok(relation) => (relation, false),
            Err(alone) => {
                let outer = scope::Outer { scope: self.scope, row: self.scope.nulls() };
                let inside = select::query(&self.context.inside(outer), query);
                (inside.map_err(|_| alone)?, true)
            }
        };
        if correlated && self.keys.is_some() {
            return Err(Refusal::unsupported(format!("a correlated subquery over groups{}", place(span))));
        }
        let one = |kind: &str| match relation.scope.columns.as_slice() {
            [one] => Ok(one.ty.clone()),
            _ => {
                Err(Refusal::invalid_query(format!("{kind} subquery cannot have more than one column{}", place(span))))
            }
        };
        let (ty, value) = match (kind, value) {
            (Subquery::Exists, _) => (Type::Bool, None),
            (Subquery::Scalar, _) => (one("Scalar")?, None),
            (Subquery::In, None) => return Err(Refusal::unsupported("IN without a value")),
            (Subquery::In, Some(value)) => {
                let item = one("IN")?;
                if !item.is_comparable() {
                    return Err(Refusal::invalid_query(format!(
                        "IN is not defined for arguments of type {item}{}",
                        place(span)
                    )));
                }
                let from = value.ty.clone();
                let value = cast::coerce(value, &item);
                let value = value.ok_or_else(|| {
                    Refusal::invalid_query(format!(
                        "Cannot execute IN subquery with types {from} and {item}{}",
                        place(span)
                    ))
                })?;
                (Type::Bool, Some(value.expr))
            }
        };
        if correlated {
            let (query, scope) = (Arc::new(query.clone()), Arc::new(self.scope.clone()));
            return Ok(Typed::new(Expr::Correlated { kind, query, scope, value: value.map(Box::new) }, ty));
        }
        Ok(match (kind, value) {
            (Subquery::In, Some(value)) => Typed::new(Expr::InSet(Box::new(value), Arc::new(relation.set())), ty),
            (Subquery::Scalar, _) => Typed::new(Expr::Const(relation.scalar()?), ty),
            _ => Typed::new(Expr::Const(Value::Bool(!relation.rows.is_empty())), ty),
        })
    }
}

/// Expressions as one type.
pub(super) fn unify(all: Vec<Typed>, what: &str, ast: &Ast) -> Result<(Vec<Expr>, Type), Refusal> {
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
pub(super) fn no_signature(what: &str, types: &[Type], ast: &Ast) -> Refusal {
    let is_function = what.chars().next().is_some_and(|c| c.is_ascii_alphabetic()) && !what.contains(' ');
    let types: Vec<_> = types.iter().map(Type::to_string).collect();
    let kind = if is_function { "function" } else { "operator" };
    Refusal::invalid_query(format!(
        "No matching signature for {kind} {what} for argument types: {}{}",
        types.join(", "),
        place(ast.span())
    ))
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
