//! Plugins that judge rows: what they read of a table, and what they say of a row.

use std::borrow::Cow;
use std::cell::RefCell;

use crate::__private::{Batch, RunContext, SettingSpec, Violation, schema};
use crate::bindings::validator::exports::gristmill::plugin::validate::Severity;
use crate::config;
use crate::types::TypeSpec;
use crate::{Config, Context};

/// What a validator reads of a row, by `#[derive(Columns)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a validator reads",
    note = "add `#[derive(Columns)]` to the struct"
)]
pub trait Columns<'a>: Sized {
    /// The one table whose rows are judged; none: any table that has the columns.
    #[doc(hidden)]
    const TABLE: Option<&'static str>;
    /// The columns, in the order of the fields.
    #[doc(hidden)]
    const COLUMNS: &'static [ColumnRead];
    /// The opened columns.
    #[doc(hidden)]
    type Opened;
    /// Opens the columns of a batch.
    #[doc(hidden)]
    fn open(batch: &'a Batch) -> Result<Self::Opened, String>;
    /// The first column of a row with a part that is null and may not be. Such a row is not read.
    #[doc(hidden)]
    fn lacking(columns: &Self::Opened, row: usize) -> Option<&'static str>;
    /// The values of a row.
    #[doc(hidden)]
    fn read(columns: &Self::Opened, row: usize) -> Self;
}

/// A column that is read.
#[doc(hidden)]
#[derive(Debug)]
pub struct ColumnRead {
    /// Its name in the table.
    pub name: &'static str,
    /// What the field takes.
    pub ty: TypeSpec,
    /// Whether the field takes null.
    pub nullable: bool,
}

/// What a validator says of one row. Nothing: the row is as it should be.
#[derive(Debug)]
pub struct Verdict<'v> {
    row: u32,
    found: &'v mut Vec<Violation>,
}

/// A violation, as tests look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The rule.
    pub rule: String,
    /// The column at fault.
    pub column: Option<String>,
    /// Whether it refuses the row.
    pub is_error: bool,
    /// For people.
    pub message: String,
}

impl Verdict<'_> {
    /// What a judging function says of one row: for tests.
    ///
    /// ```
    /// # use gristmill_sdk::prelude::*;
    /// let said = Verdict::of(|verdict| verdict.warning("odd", "the number is odd").column("n"));
    /// assert_eq!((said[0].rule.as_str(), said[0].is_error), ("odd", false));
    /// ```
    pub fn of(judge: impl FnOnce(&mut Verdict<'_>)) -> Vec<Said> {
        let mut found = Vec::new();
        judge(&mut Verdict { row: 0, found: &mut found });
        let said = |v: Violation| Said {
            rule: v.rule,
            column: v.column,
            is_error: v.severity == Severity::Error,
            message: v.message,
        };
        found.into_iter().map(said).collect()
    }

    /// Refuses the row. `rule` is for counting: stable, lower-case letters, digits, `-` and `.`, at most 64. `message` is for people: what
    /// is wrong and what to do, at most 4,096 bytes.
    #[cold]
    pub fn error(&mut self, rule: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Finding<'_> {
        self.add(rule.into(), message.into(), Severity::Error)
    }

    /// Counts the row, which goes on. The texts are those of [`Self::error`].
    #[cold]
    pub fn warning(
        &mut self,
        rule: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Finding<'_> {
        self.add(rule.into(), message.into(), Severity::Warning)
    }

    fn add(&mut self, rule: Cow<'static, str>, message: Cow<'static, str>, severity: Severity) -> Finding<'_> {
        self.found.push(Violation {
            row: self.row,
            rule: rule.into_owned(),
            column: None,
            severity,
            message: message.into_owned(),
        });
        Finding(self.found.last_mut())
    }
}

/// A violation that was said, to which the column at fault can be added.
#[derive(Debug)]
pub struct Finding<'v>(Option<&'v mut Violation>);

impl Finding<'_> {
    /// The column at fault, by its name in the table; one that the validator reads.
    pub fn column(self, name: impl Into<String>) {
        if let Some(violation) = self.0 {
            violation.column = Some(name.into());
        }
    }
}

/// The rules of a configured validator: a batch in, violations out.
#[doc(hidden)]
pub struct Rules(Box<JudgeBatch>);

type JudgeBatch = dyn Fn(&Batch) -> Result<Vec<Violation>, String> + Send;

impl Rules {
    /// Judges a batch. An error is for what no row is to blame for.
    pub fn validate(&self, batch: &Batch) -> Result<Vec<Violation>, String> {
        (self.0)(batch)
    }
}

/// What `validator!` makes of a crate.
#[doc(hidden)]
pub trait Validator {
    /// What a person is told of it.
    fn about() -> schema::About;
    /// Configures it for a table; the columns that it reads, by name.
    fn open(
        config: &str,
        run: RunContext,
        types: &[schema::DataType],
        table: &schema::Table,
    ) -> Result<(Vec<String>, Rules), String>;
}

/// The settings that a judging function declares. The function is there for its type alone.
#[doc(hidden)]
pub fn judge_settings<R, C: Config>(
    _judge: impl Fn(R, &'static Context<C>, &mut Verdict<'_>),
) -> &'static [SettingSpec] {
    C::FIELDS
}

/// Configures a judging function for a table. `judge` is there for its types; `each` judges a batch by it.
#[doc(hidden)]
pub fn open_judge<R, C>(
    _judge: impl Fn(R, &'static Context<C>, &mut Verdict<'_>),
    each: impl Fn(&Batch, &Context<C>) -> Result<Vec<Violation>, String> + Send + 'static,
    config: &str,
    run: RunContext,
    types: &[schema::DataType],
    table: &schema::Table,
) -> Result<(Vec<String>, Rules), String>
where
    R: Columns<'static>,
    C: Config,
{
    let context = config::context::<C>(config, run)?;
    if R::TABLE.is_some_and(|name| name != table.name) {
        return Ok((Vec::new(), Rules(Box::new(|_| Ok(Vec::new())))));
    }
    for read in R::COLUMNS {
        let Some(column) = table.columns.iter().find(|c| c.name == read.name) else {
            return Err(format!("it has no column `{}`", read.name));
        };
        if !is_of(types, column.type_, &read.ty) {
            return Err(format!("its column `{}` is of another type than the validator reads", read.name));
        }
        if !column.required && !read.nullable {
            return Err(format!(
                "its column `{}` may be null, and the validator's field for it is no Option",
                read.name
            ));
        }
    }
    let names = R::COLUMNS.iter().map(|read| read.name.to_owned()).collect();
    Ok((names, Rules(Box::new(move |batch| each(batch, &context)))))
}

/// Judges a batch row by row.
#[doc(hidden)]
pub fn judge_each<'a, R, C>(
    batch: &'a Batch,
    context: &'a Context<C>,
    judge: impl Fn(R, &'a Context<C>, &mut Verdict<'_>),
) -> Result<Vec<Violation>, String>
where
    R: Columns<'a>,
{
    let columns = R::open(batch)?;
    let mut found = Vec::new();
    for row in 0..batch.rows {
        let mut verdict = Verdict { row, found: &mut found };
        match R::lacking(&columns, row as usize) {
            None => judge(R::read(&columns, row as usize), context, &mut verdict),
            Some(column) => {
                let what = "a list in it has a null element, or a struct in it a null field, where the validator needs a value";
                verdict.error("missing-part", what).column(column);
            }
        }
    }
    Ok(found)
}

/// Whether a type of the table is the one that a field takes.
fn is_of(types: &[schema::DataType], index: u32, wanted: &TypeSpec) -> bool {
    match (types.get(index as usize), wanted) {
        (Some(schema::DataType::Scalar(scalar)), TypeSpec::Scalar(wanted)) => scalar == wanted,
        (Some(schema::DataType::List(element)), TypeSpec::List(wanted)) => is_of(types, *element, wanted),
        (Some(schema::DataType::Struct(fields)), TypeSpec::Struct(wanted)) => {
            fields.len() == wanted.len()
                && fields.iter().zip(*wanted).all(|(f, w)| f.name == w.name && is_of(types, f.type_, &w.ty))
        }
        _ => false,
    }
}

thread_local! {
    static RULES: RefCell<Option<Rules>> = const { RefCell::new(None) };
}

/// Configures the validator of this instance.
#[doc(hidden)]
pub fn open_instance<V: Validator>(
    config: &str,
    run: RunContext,
    types: &[schema::DataType],
    table: &schema::Table,
) -> Result<Vec<String>, String> {
    let (columns, rules) = V::open(config, run, types, table)?;
    RULES.with_borrow_mut(|slot| *slot = Some(rules));
    Ok(columns)
}

/// Judges a batch by the validator of this instance.
#[doc(hidden)]
pub fn validate_instance(batch: &Batch) -> Result<Vec<Violation>, String> {
    RULES.with_borrow(|slot| match slot {
        Some(rules) => rules.validate(batch),
        None => Err("`validate` was called before `open`".into()),
    })
}
