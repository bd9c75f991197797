//! Structs, arrays, and calls.

use sqlparser::ast::{self, AccessExpr, DateTimeField, Expr as Ast, Spanned, Subscript};

use super::{Binder, no_signature, unify, unsupported};
use crate::bigquery::refusal::Refusal;
use crate::bigquery::schema::{Field, Type};
use crate::bigquery::sql::context::place;
use crate::bigquery::sql::expr::{Expr, Space, Typed};
use crate::bigquery::sql::{aggregate, cast, functions, keywords, scope, types, window};
use crate::bigquery::value::Value;

impl Binder<'_> {
    pub(super) fn access(&mut self, root: &Ast, chain: &[AccessExpr]) -> Result<Typed, Refusal> {
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
    pub(super) fn element(&mut self, array: Typed, index: &Ast) -> Result<Typed, Refusal> {
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

    pub(super) fn extract(&mut self, field: &DateTimeField, expr: &Ast, ast: &Ast) -> Result<Typed, Refusal> {
        let of = self.bind(expr)?;
        let part = Typed::literal(Value::string(field.to_string().to_ascii_uppercase()), Type::String);
        functions::bind("EXTRACT", vec![part, of], ast)
    }

    /// `INTERVAL 5 MINUTE`, of one part.
    pub(super) fn interval(&mut self, interval: &ast::Interval, ast: &Ast) -> Result<Typed, Refusal> {
        let ast::Interval { value, leading_field: Some(field), leading_precision: None, last_field: None, .. } =
            interval
        else {
            return Err(unsupported(ast));
        };
        let count = self.bind_as(value, &Type::Int64)?;
        let part = Expr::Const(Value::string(field.to_string().to_ascii_uppercase()));
        let fields = vec![Field::nullable("count", Type::Int64), Field::nullable("part", Type::String)];
        // It stands only where a function takes it apart.
        Ok(Typed::new(Expr::Struct(vec![count, part]), Type::Struct(fields)))
    }

    pub(super) fn structure(
        &mut self,
        values: &[Ast],
        declared: &[ast::StructField],
        ast: &Ast,
    ) -> Result<Typed, Refusal> {
        let mut fields = Vec::new();
        let mut parts = Vec::new();
        for (i, value) in values.iter().enumerate() {
            let (inner, name) = match value {
                Ast::Named { expr, name } => {
                    keywords::check(name)?;
                    (&**expr, name.value.clone())
                }
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

    pub(super) fn array(&mut self, items: &[Ast], ast: &Ast) -> Result<Typed, Refusal> {
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

    pub(super) fn function(&mut self, function: &ast::Function, ast: &Ast) -> Result<Typed, Refusal> {
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
}
