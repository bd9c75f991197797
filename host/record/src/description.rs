//! What a plugin reads and writes, checked.

use std::collections::HashSet;
use std::fmt;

use crate::types::MAX_DEPTH;
use crate::{DataType, PathPattern, PatternError, Scalar};

/// Where the value of an input comes from. See `origin` in `wit/schema.wit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A capture of the document pattern.
    PathCapture(String),
    /// A field, its steps from the root.
    Field(Vec<String>),
    /// The Firestore type of a field.
    FieldType(Vec<String>),
    /// The resource name of the document.
    DocumentName,
    /// The whole document in the REST form.
    Document,
    /// When it was created.
    CreateTime,
    /// When it was last written.
    UpdateTime,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PathCapture(name) => write!(f, "{{{name}}} of the path"),
            Self::Field(steps) => write!(f, "field {}", steps.join(".")),
            Self::FieldType(steps) => write!(f, "type of field {}", steps.join(".")),
            Self::DocumentName => f.write_str("document name"),
            Self::Document => f.write_str("whole document"),
            Self::CreateTime => f.write_str("create time"),
            Self::UpdateTime => f.write_str("update time"),
        }
    }
}

/// What becomes of a record whose field holds a value that the declared type cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMismatch {
    /// The record is refused.
    Reject,
    /// The input is null.
    Null,
}

/// What a plugin reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Unique among the inputs.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What it is.
    pub ty: DataType,
    /// Whether a record without it is refused.
    pub required: bool,
    /// Whether a record with another type in its place is refused.
    pub on_mismatch: OnMismatch,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputColumn {
    /// Unique in its table, regardless of case.
    pub name: String,
    /// What it holds.
    pub ty: DataType,
    /// Whether it is never null.
    pub required: bool,
    /// For people; may be empty.
    pub description: String,
}

/// A table as a plugin declares it, by names; [`Description::new`] checks it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableDraft {
    /// Letters, digits and `_`.
    pub name: String,
    /// For people; may be empty.
    pub description: String,
    /// At least one.
    pub columns: Vec<OutputColumn>,
    /// Columns that identify a row.
    pub key: Vec<String>,
    /// The input by which the newest is told.
    pub latest_by: Option<String>,
    /// The column by which rows are kept apart.
    pub partition_by: Option<String>,
    /// Columns by which rows are kept near.
    pub cluster_by: Vec<String>,
}

/// A checked table: names are resolved to indexes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    draft: TableDraft,
    key: Vec<usize>,
    latest_by: Option<usize>,
    partition_by: Option<usize>,
    cluster_by: Vec<usize>,
}

impl Table {
    /// Checks a table that belongs to no plugin that maps: there is no input for `latest_by`.
    ///
    /// # Errors
    /// Where it breaks a rule of the contract.
    pub fn new(draft: TableDraft) -> Result<Self, SchemaError> {
        check_table(draft, &[])
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.draft.name
    }
    /// For people; may be empty.
    pub fn description(&self) -> &str {
        &self.draft.description
    }
    /// Its columns, in order.
    pub fn columns(&self) -> &[OutputColumn] {
        &self.draft.columns
    }
    /// Indexes of the columns that identify a row; empty where nothing does.
    pub fn key(&self) -> &[usize] {
        &self.key
    }
    /// The name of the input by which the newest is told.
    pub fn latest_by_name(&self) -> Option<&str> {
        self.draft.latest_by.as_deref()
    }
    /// Index of the **input** by which the newest of rows with one key is told: a `timestamp` or an `int64`.
    pub fn latest_by(&self) -> Option<usize> {
        self.latest_by
    }
    /// Index of the column that keeps rows apart: a `timestamp` (by its UTC day), `date` or `string`.
    pub fn partition_by(&self) -> Option<usize> {
        self.partition_by
    }
    /// Indexes of the columns that rows are kept near by.
    pub fn cluster_by(&self) -> &[usize] {
        &self.cluster_by
    }
}

/// What a configured plugin reads and writes; every rule of `wit/schema.wit` holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    pattern: PathPattern,
    inputs: Vec<Input>,
    tables: Vec<Table>,
}

/// A rule of the contract that a description breaks.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SchemaError {
    /// The document pattern is no pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// An input is at fault.
    #[error("input `{input}`: {what}")]
    Input {
        /// Its name.
        input: String,
        /// What is wrong.
        what: String,
    },
    /// A table, or a column of it, is at fault.
    #[error("table `{table}`: {what}")]
    Table {
        /// Its name.
        table: String,
        /// What is wrong.
        what: String,
    },
    /// There is nothing to read, or nothing to write.
    #[error("the plugin declares no {0}")]
    Nothing(&'static str),
}

impl Description {
    /// Checks what a plugin declares.
    pub fn new(documents: &str, inputs: Vec<Input>, tables: Vec<TableDraft>) -> Result<Self, SchemaError> {
        let pattern = PathPattern::parse(documents)?;
        if inputs.is_empty() {
            return Err(SchemaError::Nothing("inputs"));
        }
        if tables.is_empty() {
            return Err(SchemaError::Nothing("tables"));
        }
        let mut names = HashSet::new();
        for input in &inputs {
            let fail = |what: String| SchemaError::Input { input: input.name.clone(), what };
            if input.name.is_empty() {
                return Err(fail("it has no name".into()));
            }
            if !names.insert(input.name.as_str()) {
                return Err(fail("it is declared twice".into()));
            }
            check_input(&pattern, input).map_err(fail)?;
        }
        let mut names = HashSet::new();
        let tables = tables
            .into_iter()
            .map(|t| {
                if names.insert(t.name.to_lowercase()) {
                    check_table(t, &inputs)
                } else {
                    Err(SchemaError::Table { table: t.name, what: "it is declared twice".into() })
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { pattern, inputs, tables })
    }

    /// Which documents the plugin takes.
    pub fn pattern(&self) -> &PathPattern {
        &self.pattern
    }
    /// What it reads, in the order of the columns that it is handed.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }
    /// What it writes.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }
}

fn check_type(ty: &DataType) -> Result<(), String> {
    if ty.depth() > MAX_DEPTH {
        return Err(format!("its type nests deeper than {MAX_DEPTH} levels"));
    }
    match ty {
        DataType::Scalar(_) => Ok(()),
        DataType::List(e) => check_type(e),
        DataType::Struct(fields) => {
            let mut names = HashSet::new();
            for f in fields {
                if f.name.is_empty() || !names.insert(f.name.as_str()) {
                    return Err(format!("its struct has the field `{}` twice, or without a name", f.name));
                }
                check_type(&f.ty)?;
            }
            Ok(())
        }
    }
}

fn check_input(pattern: &PathPattern, input: &Input) -> Result<(), String> {
    check_type(&input.ty)?;
    let expect = |scalar: Scalar| {
        if input.ty == DataType::Scalar(scalar) {
            Ok(())
        } else {
            Err(format!("the {} is a {}, not {}", input.origin, scalar.name(), input.ty))
        }
    };
    match &input.origin {
        Origin::PathCapture(name) => {
            if pattern.capture(name).is_none() {
                let captures: Vec<_> = pattern.captures().collect();
                return Err(format!(
                    "the pattern `{pattern}` captures no `{name}`; it captures {}",
                    if captures.is_empty() { "nothing".to_owned() } else { captures.join(", ") }
                ));
            }
            expect(Scalar::String)
        }
        Origin::Field(steps) | Origin::FieldType(steps) if steps.is_empty() || steps.iter().any(String::is_empty) => {
            Err("its field path is empty, or has an empty step".into())
        }
        Origin::Field(_) if input.ty.contains(Scalar::Date) => {
            Err("Firestore has no dates; read a timestamp or a string".into())
        }
        Origin::Field(_) => Ok(()),
        Origin::FieldType(_) | Origin::DocumentName => expect(Scalar::String),
        Origin::Document => expect(Scalar::Json),
        Origin::CreateTime | Origin::UpdateTime => expect(Scalar::Timestamp),
    }
}

fn is_table_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn check_table(draft: TableDraft, inputs: &[Input]) -> Result<Table, SchemaError> {
    let fail = |what: String| SchemaError::Table { table: draft.name.clone(), what };
    if !is_table_name(&draft.name) {
        return Err(fail("a table name has letters, digits and `_`, and does not begin with a digit".into()));
    }
    if draft.columns.is_empty() {
        return Err(fail("it has no columns".into()));
    }
    let mut names = HashSet::new();
    for column in &draft.columns {
        if column.name.is_empty() || !names.insert(column.name.to_lowercase()) {
            return Err(fail(format!(
                "column `{}` is declared twice (regardless of case), or has no name",
                column.name
            )));
        }
        check_type(&column.ty).map_err(|what| fail(format!("column `{}`: {what}", column.name)))?;
        if column.ty.contains(Scalar::Reference) {
            return Err(fail(format!("column `{}` is a reference; a table stores it as a string", column.name)));
        }
    }
    let find = |role: &str, name: &String| {
        draft
            .columns
            .iter()
            .position(|c| c.name == *name)
            .ok_or_else(|| fail(format!("its {role} names the column `{name}`, which it does not have")))
    };
    let mut key = Vec::new();
    for name in &draft.key {
        let i = find("key", name)?;
        let column = draft.columns.get(i);
        if !column.is_some_and(|c| c.required && matches!(c.ty, DataType::Scalar(_))) {
            return Err(fail(format!("the key column `{name}` must be required and a scalar")));
        }
        if key.contains(&i) {
            return Err(fail(format!("its key names `{name}` twice")));
        }
        key.push(i);
    }
    let partition_by = draft.partition_by.as_ref().map(|n| find("partition-by", n)).transpose()?;
    if let Some(column) = partition_by.and_then(|i| draft.columns.get(i))
        && !matches!(column.ty, DataType::Scalar(Scalar::Timestamp | Scalar::Date | Scalar::String))
    {
        return Err(fail(format!(
            "it is partitioned by `{}`, a {}; only timestamp, date and string can be",
            column.name, column.ty
        )));
    }
    let cluster_by = draft.cluster_by.iter().map(|n| find("cluster-by", n)).collect::<Result<_, _>>()?;
    let latest_by = match &draft.latest_by {
        None => None,
        Some(name) => {
            let i = inputs
                .iter()
                .position(|i| i.name == *name)
                .ok_or_else(|| fail(format!("its latest-by names the input `{name}`, which is not declared")))?;
            let ty = inputs.get(i).map(|i| &i.ty);
            if !matches!(ty, Some(DataType::Scalar(Scalar::Timestamp | Scalar::Int64))) {
                return Err(fail(format!("its latest-by `{name}` must be a timestamp or an int64")));
            }
            Some(i)
        }
    };
    Ok(Table { key, latest_by, partition_by, cluster_by, draft })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str, origin: Origin, scalar: Scalar) -> Input {
        Input { name: name.into(), origin, ty: scalar.into(), required: false, on_mismatch: OnMismatch::Reject }
    }

    fn table() -> TableDraft {
        let column = |name: &str, scalar: Scalar| OutputColumn {
            name: name.into(),
            ty: scalar.into(),
            required: true,
            description: String::new(),
        };
        TableDraft {
            name: "t".into(),
            columns: vec![column("id", Scalar::String), column("at", Scalar::Timestamp)],
            key: vec!["id".into()],
            partition_by: Some("at".into()),
            ..TableDraft::default()
        }
    }

    fn describe(inputs: Vec<Input>, table: TableDraft) -> Result<Description, String> {
        Description::new("a/{x}", inputs, vec![table]).map_err(|e| e.to_string())
    }

    fn captured() -> Vec<Input> {
        vec![input("x", Origin::PathCapture("x".into()), Scalar::String)]
    }

    #[test]
    fn resolves_names() {
        let d = describe(captured(), table()).unwrap();
        let t = &d.tables()[0];
        assert_eq!((t.key(), t.partition_by(), t.latest_by()), (&[0][..], Some(1), None));
    }

    #[test]
    fn each_broken_rule_has_its_message() {
        type Break = fn(&mut Vec<Input>, &mut TableDraft);
        let cases: [(Break, &str); 10] = [
            (|i, _| i.clear(), "declares no inputs"),
            (|i, _| i.extend(captured()), "input `x`: it is declared twice"),
            (|i, _| i[0].origin = Origin::PathCapture("y".into()), "captures no `y`; it captures x"),
            (|i, _| i[0].ty = Scalar::Int64.into(), "is a string, not int64"),
            (|i, _| i[0].origin = Origin::Field(vec![]), "field path is empty"),
            (|_, t| t.name = "1t".into(), "does not begin with a digit"),
            (|_, t| t.key = vec!["nope".into()], "its key names the column `nope`"),
            (|_, t| t.columns[0].required = false, "must be required"),
            (|_, t| t.columns[1].name = "ID".into(), "declared twice"),
            (|_, t| t.latest_by = Some("x".into()), "must be a timestamp or an int64"),
        ];
        for (break_it, part) in cases {
            let (mut inputs, mut table) = (captured(), table());
            break_it(&mut inputs, &mut table);
            let error = describe(inputs, table).unwrap_err();
            assert!(error.contains(part), "{error} does not say {part}");
        }
    }
}
