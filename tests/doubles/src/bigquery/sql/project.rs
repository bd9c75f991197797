//! The SELECT list.

use sqlparser::ast::{
    Expr as Ast, Ident, SelectItem, SelectItemQualifiedWildcardKind, Spanned, WildcardAdditionalOptions,
};

use super::bind::Binder;
use super::context::place;
use super::expr::Typed;
use super::keywords;
use crate::bigquery::refusal::Refusal;

/// A column of the result.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) typed: Typed,
}

/// The columns that a SELECT list gives.
pub(super) fn items(binder: &mut Binder<'_>, list: &[SelectItem]) -> Result<Vec<Item>, Refusal> {
    let mut items = Vec::new();
    let mut unnamed = 0;
    for item in list {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let name = implied(expr).unwrap_or_else(|| {
                    unnamed += 1;
                    format!("f{}_", unnamed - 1)
                });
                items.push(Item { name, typed: binder.bind(expr)? });
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                keywords::check(alias)?;
                items.push(Item { name: alias.value.clone(), typed: binder.bind(expr)? });
            }
            SelectItem::Wildcard(options) => star(binder, None, options, &mut items)?,
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                star(binder, Some(name.to_string().trim_matches('`')), options, &mut items)?;
            }
            other => return Err(Refusal::unsupported(other)),
        }
    }
    Ok(items)
}

/// The name that a column has without AS.
fn implied(expr: &Ast) -> Option<String> {
    match expr {
        Ast::Identifier(name) => Some(name.value.clone()),
        Ast::CompoundIdentifier(names) => names.last().map(|n| n.value.clone()),
        Ast::Nested(inner) => implied(inner),
        Ast::CompoundFieldAccess { access_chain, .. } => match access_chain.last() {
            Some(sqlparser::ast::AccessExpr::Dot(inner)) => implied(inner),
            _ => None,
        },
        _ => None,
    }
}

fn star(
    binder: &mut Binder<'_>,
    qualifier: Option<&str>,
    options: &WildcardAdditionalOptions,
    items: &mut Vec<Item>,
) -> Result<(), Refusal> {
    let WildcardAdditionalOptions {
        opt_ilike: None,
        opt_exclude: None,
        opt_rename: None,
        opt_alias: None,
        opt_except,
        opt_replace,
        ..
    } = options
    else {
        return Err(Refusal::unsupported(options));
    };
    let places = binder.scope.places(qualifier);
    if places.is_empty() {
        let what = qualifier
            .map_or_else(|| "SELECT * must have a FROM clause".to_owned(), |q| format!("Unrecognized name: {q}"));
        return Err(Refusal::invalid_query(format!("{what}{}", place(options.span()))));
    }
    let left_out: Vec<&Ident> =
        opt_except.iter().flat_map(|e| std::iter::once(&e.first_element).chain(&e.additional_elements)).collect();
    for at in places {
        let Some(column) = binder.scope.columns.get(at).cloned() else { continue };
        if left_out.iter().any(|l| l.value.eq_ignore_ascii_case(&column.name)) {
            continue;
        }
        let replaced =
            opt_replace.iter().flat_map(|r| &r.items).find(|r| r.column_name.value.eq_ignore_ascii_case(&column.name));
        let typed = match replaced {
            Some(replaced) => binder.bind(&replaced.expr)?,
            None => {
                // By name, so that a column of a group is looked up among its keys.
                let qualified = column.qualifier.iter().map(|q| Ident::new(q.as_str()));
                let mut names: Vec<_> = qualified.chain([Ident::new(column.name.as_str())]).collect();
                match (names.pop(), names.is_empty()) {
                    (Some(name), true) => binder.bind(&Ast::Identifier(name))?,
                    (Some(name), false) => {
                        names.push(name);
                        binder.bind(&Ast::CompoundIdentifier(names))?
                    }
                    (None, _) => continue,
                }
            }
        };
        items.push(Item { name: column.name, typed });
    }
    let known = |name: &Ident| {
        items.iter().any(|i| i.name.eq_ignore_ascii_case(&name.value))
            || binder.scope.columns.iter().any(|c| c.name.eq_ignore_ascii_case(&name.value))
    };
    match left_out.into_iter().find(|name| !known(name)) {
        Some(name) => Err(Refusal::invalid_query(format!(
            "Column {} in SELECT * EXCEPT list does not exist{}",
            name.value,
            place(name.span)
        ))),
        None => Ok(()),
    }
}

/// What stands at a place of the list, where it is an expression.
pub(super) fn expression(list: &[SelectItem], at: usize) -> Option<&Ast> {
    match list.get(at)? {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    }
}

/// What a name of the list stands for.
pub(super) fn alias<'a>(list: &'a [SelectItem], name: &str) -> Option<&'a Ast> {
    list.iter().find_map(|item| match item {
        SelectItem::ExprWithAlias { expr, alias } if alias.value.eq_ignore_ascii_case(name) => Some(expr),
        _ => None,
    })
}
