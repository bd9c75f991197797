//! Rules fitted to tables: columns are found, limits are of the column's type.

use std::sync::Arc;

use arrow_array::RecordBatch;
use gristmill_plugin::{PluginError, Severity, Unique, Validate, ValidateWorker, Violation};
use gristmill_record::time::{MAX_MICROS, MIN_MICROS, parse_rfc3339};
use gristmill_record::{DataType, Scalar, Table};
use regex::Regex;
use toml::{Spanned, Value};

use crate::RulesError;
use crate::check::{Check, Relation};
use crate::file::{CompareDraft, RuleDraft, RulesFile, SeverityDraft, UniqueDraft};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Rules that are ready to judge.
#[derive(Debug)]
pub struct Rules(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    name: String,
    digest: String,
    is_timed: bool,
    /// By table.
    tables: Vec<Vec<Rule>>,
    uniques: Vec<Unique>,
}

#[derive(Debug)]
struct Rule {
    name: String,
    column: usize,
    column_name: String,
    severity: Severity,
    message: String,
    check: Check,
}

impl RulesFile {
    /// Fits the rules to tables. `started_at` is the time of the run, against which freshness is told, in microseconds since the Unix epoch.
    ///
    /// # Errors
    /// When no table has a rule's column, or the rule does not go with the column's type.
    pub fn compile(&self, tables: &[Table], started_at: i64) -> Result<Rules, RulesError> {
        let mut compiled: Vec<Vec<Rule>> = tables.iter().map(|_| Vec::new()).collect();
        let mut uniques = Vec::new();
        for rule in &self.rules {
            let draft = rule.get_ref();
            let mut is_applied = false;
            for ((index, table), rules) in tables.iter().enumerate().zip(&mut compiled) {
                if draft.table.as_deref().is_some_and(|name| name != table.name()) {
                    continue;
                }
                if let Some(column) = find(table, &draft.column) {
                    match self.fit(rule, table, column, started_at)? {
                        Fitted::Rule(rule) => rules.push(rule),
                        Fitted::Unique(unique) => uniques.push(Unique { table: index, ..unique }),
                    }
                    is_applied = true;
                }
            }
            if !is_applied {
                return Err(self.wrong(rule, self.unknown(draft, tables)));
            }
        }
        let digest = gristmill_plugin::digest(self.text.as_bytes());
        // The same rows may be fresh in one run and not in another.
        let is_timed = self.rules.iter().any(|rule| rule.get_ref().freshness.is_some());
        Ok(Rules(Arc::new(Compiled { name: self.source.clone(), digest, is_timed, tables: compiled, uniques })))
    }

    fn unknown(&self, draft: &RuleDraft, tables: &[Table]) -> String {
        let names = |names: Vec<&str>| names.join("`, `");
        match &draft.table {
            Some(table) => match tables.iter().find(|t| t.name() == table) {
                None => format!(
                    "is for a table `{table}`, which the plugin does not write; it writes `{}`",
                    names(tables.iter().map(Table::name).collect())
                ),
                Some(found) => format!(
                    "is for a column `{}`, which the table `{table}` does not have; it has `{}`",
                    draft.column,
                    names(found.columns().iter().map(|c| c.name.as_str()).collect())
                ),
            },
            None => {
                let all = tables.iter().flat_map(Table::columns).map(|c| c.name.as_str()).collect();
                format!("is for a column `{}`, which no table has; there are `{}`", draft.column, names(all))
            }
        }
    }

    fn fit(
        &self,
        rule: &Spanned<RuleDraft>,
        table: &Table,
        column: usize,
        started_at: i64,
    ) -> Result<Fitted, RulesError> {
        let draft = rule.get_ref();
        let wrong = |what: String| self.wrong(rule, what);
        let Some(declared) = table.columns().get(column) else { return Err(wrong("has no column".into())) };
        let checks = [
            draft.required.is_some(),
            draft.range.is_some(),
            draft.one_of.is_some(),
            draft.pattern.is_some(),
            draft.length.is_some(),
            draft.freshness.is_some(),
            draft.compare.is_some(),
            draft.unique.is_some(),
        ];
        if checks.iter().filter(|is| **is).count() != 1 {
            return Err(wrong(
                "needs exactly one of required, range, one-of, pattern, length, freshness, compare and unique".into(),
            ));
        }
        let severity = match draft.severity {
            SeverityDraft::Warning => Severity::Warning,
            SeverityDraft::Error => Severity::Error,
        };
        let message =
            |says: &str| draft.message.clone().unwrap_or_else(|| format!("the column `{}` {says}", declared.name));
        if let Some(unique) = &draft.unique {
            let (columns, says) = fit_unique(unique, table, column).map_err(wrong)?;
            return Ok(Fitted::Unique(Unique {
                table: 0,
                columns,
                rule: draft.name.clone(),
                column: declared.name.clone(),
                severity,
                message: message(&says),
            }));
        }
        let (check, says) = fit_check(draft, table, &declared.ty, started_at).map_err(wrong)?;
        let (name, column_name) = (draft.name.clone(), declared.name.clone());
        Ok(Fitted::Rule(Rule { name, column, column_name, severity, message: message(&says), check }))
    }
}

/// A rule that fits a table.
enum Fitted {
    /// Told by the row.
    Rule(Rule),
    /// Told by all rows; the table is for the caller to fill in.
    Unique(Unique),
}

/// The columns of a unique rule, and what they must do in words.
fn fit_unique(draft: &UniqueDraft, table: &Table, column: usize) -> Result<(Vec<usize>, String), String> {
    let others = match draft {
        UniqueDraft::Alone(true) => &[][..],
        UniqueDraft::Alone(false) => return Err("has `unique = false`, which no row can break".into()),
        UniqueDraft::With(draft) if draft.with.is_empty() => {
            return Err("goes with no column; write `unique = true`".into());
        }
        UniqueDraft::With(draft) => &draft.with,
    };
    let mut columns = vec![column];
    for other in others {
        let index = find(table, other)
            .ok_or_else(|| format!("goes with a column `{other}`, which the table `{}` does not have", table.name()))?;
        if columns.contains(&index) {
            return Err(format!("names the column `{other}` twice"));
        }
        columns.push(index);
    }
    for column in columns.iter().filter_map(|i| table.columns().get(*i)) {
        if !matches!(column.ty, DataType::Scalar(_)) {
            return Err(format!("needs columns without parts, and `{}` is of type {}", column.name, column.ty));
        }
    }
    let says = match others {
        [] => "must have a value that no row before has".to_owned(),
        _ => format!("must have, together with `{}`, values that no row before has", others.join("`, `")),
    };
    Ok((columns, says))
}

fn find(table: &Table, name: &str) -> Option<usize> {
    table.columns().iter().position(|c| c.name == name)
}

/// The check of a rule for a column of this type, and what the column must do in words.
fn fit_check(draft: &RuleDraft, table: &Table, ty: &DataType, started_at: i64) -> Result<(Check, String), String> {
    let unfit = |what: &str| format!("has a {what}, which a column of type {ty} cannot have");
    let scalar = match ty {
        DataType::Scalar(scalar) => Some(*scalar),
        _ => None,
    };
    if let Some(required) = draft.required {
        return if required {
            Ok((Check::Required, "must have a value".into()))
        } else {
            Err("has `required = false`, which no row can break".into())
        };
    }
    if let Some(range) = &draft.range {
        let says = between("must be", range.min.as_ref(), range.max.as_ref(), shown).ok_or("has an empty range")?;
        let check = range_of(scalar.ok_or_else(|| unfit("range"))?, range.min.as_ref(), range.max.as_ref())
            .ok_or_else(|| unfit("range"))?;
        return Ok((check?, says));
    }
    if let Some(values) = &draft.one_of {
        let listed: Vec<_> = values.iter().map(shown).collect();
        let says = format!("must be one of {}", listed.join(", "));
        let misfit = || format!("lists a value that a column of type {ty} cannot hold");
        let check = match scalar {
            Some(Scalar::String) => {
                Check::OneOfStrings(all(values, |v| v.as_str().map(str::to_owned)).ok_or_else(misfit)?)
            }
            Some(Scalar::Int64) => Check::OneOfInt64s(all(values, Value::as_integer).ok_or_else(misfit)?),
            Some(Scalar::Boolean) => Check::OneOfBooleans(all(values, Value::as_bool).ok_or_else(misfit)?),
            _ => return Err(unfit("list of values")),
        };
        return Ok((check, says));
    }
    if let Some(pattern) = &draft.pattern {
        if scalar != Some(Scalar::String) {
            return Err(unfit("pattern"));
        }
        let regex = Regex::new(pattern).map_err(|e| format!("has a pattern that cannot be read: {e}"))?;
        return Ok((Check::Pattern(regex), format!("must match the pattern {pattern}")));
    }
    if let Some(length) = &draft.length {
        let what = match (scalar, ty) {
            (Some(Scalar::String | Scalar::Json), _) => "characters",
            (Some(Scalar::Bytes), _) => "bytes",
            (_, DataType::List(_)) => "elements",
            _ => return Err(unfit("length")),
        };
        let says = between("must have", length.min.as_ref(), length.max.as_ref(), u64::to_string)
            .ok_or("has a length without an end")?;
        if length.max.is_some() && length.min > length.max {
            return Err("has a length that ends before it begins".into());
        }
        return Ok((Check::Length(length.min.unwrap_or(0), length.max.unwrap_or(u64::MAX)), format!("{says} {what}")));
    }
    if let Some(freshness) = &draft.freshness {
        let micros = |text: &Option<String>| -> Result<Option<i64>, String> {
            let Some(text) = text else { return Ok(None) };
            let time = humantime::parse_duration(text)
                .map_err(|e| format!("has a time `{text}` that cannot be read: {e}; write `30 days` or `12h`"))?;
            Ok(Some(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
        };
        let (age, ahead) = (micros(&freshness.max_age)?, micros(&freshness.max_ahead)?);
        if age.is_none() && ahead.is_none() {
            return Err("has a freshness without max-age and without max-ahead".into());
        }
        let oldest = age.map_or(MIN_MICROS, |age| started_at.saturating_sub(age));
        let newest = ahead.map_or(MAX_MICROS, |ahead| started_at.saturating_add(ahead));
        let check = match scalar {
            Some(Scalar::Timestamp) => Check::Timestamps(oldest, newest),
            // A day counts as long as any of it is in the range.
            Some(Scalar::Date) => Check::Dates(day(oldest), day(newest)),
            _ => return Err(unfit("freshness")),
        };
        let age = freshness.max_age.as_ref().map(|age| format!("at most {age} before the run"));
        let ahead = freshness.max_ahead.as_ref().map(|ahead| format!("at most {ahead} after it"));
        let says: Vec<_> = age.into_iter().chain(ahead).collect();
        return Ok((check, format!("must be {}", says.join(" and "))));
    }
    let Some(compare) = &draft.compare else { return Err("has no check".into()) };
    let (relation, other, words) = match compare {
        CompareDraft::Equals(other) => (Relation::Equals, other, "equal"),
        CompareDraft::Differs(other) => (Relation::Differs, other, "differ from"),
        CompareDraft::AtLeast(other) => (Relation::AtLeast, other, "be at least"),
        CompareDraft::AtMost(other) => (Relation::AtMost, other, "be at most"),
        CompareDraft::Above(other) => (Relation::Above, other, "be above"),
        CompareDraft::Below(other) => (Relation::Below, other, "be below"),
    };
    let index = find(table, other)
        .ok_or_else(|| format!("compares with a column `{other}`, which the table `{}` does not have", table.name()))?;
    let other_ty = table.columns().get(index).map(|c| &c.ty);
    let is_comparable = !matches!(scalar, None | Some(Scalar::Bytes | Scalar::Json | Scalar::Reference));
    if !is_comparable || other_ty != Some(ty) {
        let other_ty = other_ty.map(ToString::to_string).unwrap_or_default();
        return Err(format!("compares a column of type {ty} with one of type {other_ty}"));
    }
    Ok((Check::Compare(index, relation), format!("must {words} the column `{other}`")))
}

fn day(micros: i64) -> i32 {
    i32::try_from(micros.div_euclid(MICROS_PER_DAY)).unwrap_or(if micros < 0 { i32::MIN } else { i32::MAX })
}

/// `must be from 0 to 1`; none where there is no end.
fn between<T>(verb: &str, min: Option<&T>, max: Option<&T>, show: impl Fn(&T) -> String) -> Option<String> {
    Some(match (min, max) {
        (Some(min), Some(max)) => format!("{verb} from {} to {}", show(min), show(max)),
        (Some(min), None) => format!("{verb} at least {}", show(min)),
        (None, Some(max)) => format!("{verb} at most {}", show(max)),
        (None, None) => return None,
    })
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Every value as `T`, or none where one is of another type.
fn all<T: Eq + std::hash::Hash>(
    values: &[Value],
    of: impl Fn(&Value) -> Option<T>,
) -> Option<std::collections::HashSet<T>> {
    values.iter().map(of).collect()
}

/// A range of a scalar type; none where the type has no order, an error where an end is of another type.
fn range_of(scalar: Scalar, min: Option<&Value>, max: Option<&Value>) -> Option<Result<Check, String>> {
    fn ends<T: Copy + PartialOrd>(
        min: Option<&Value>,
        max: Option<&Value>,
        (least, most): (T, T),
        what: &str,
        of: impl Fn(&Value) -> Option<T>,
        check: impl Fn(T, T) -> Check,
    ) -> Result<Check, String> {
        let end = |value: Option<&Value>, open: T| match value {
            None => Ok(open),
            Some(value) => of(value).ok_or_else(|| format!("has a range whose ends are not {what}")),
        };
        let (min, max) = (end(min, least)?, end(max, most)?);
        if min <= max { Ok(check(min, max)) } else { Err("has a range that ends before it begins".into()) }
    }
    #[expect(clippy::cast_precision_loss, reason = "an end of a range of doubles that is written as an integer")]
    let float = |v: &Value| v.as_float().or_else(|| v.as_integer().map(|i| i as f64)).filter(|v| !v.is_nan());
    let text = |v: &Value| match v {
        Value::String(text) => text.clone(),
        Value::Datetime(time) => time.to_string(),
        _ => String::new(),
    };
    let micros = |v: &Value| parse_rfc3339(text(v).as_bytes());
    let date = |v: &Value| parse_rfc3339(format!("{}T00:00:00Z", text(v)).as_bytes()).map(day);
    Some(match scalar {
        Scalar::Float64 => ends(min, max, (f64::NEG_INFINITY, f64::INFINITY), "numbers", float, Check::Floats),
        Scalar::Int64 => ends(min, max, (i64::MIN, i64::MAX), "whole numbers", Value::as_integer, Check::Int64s),
        Scalar::Timestamp => {
            let what = "times such as 2024-01-01T00:00:00Z";
            ends(min, max, (MIN_MICROS, MAX_MICROS), what, micros, Check::Timestamps)
        }
        Scalar::Date => ends(min, max, (i32::MIN, i32::MAX), "dates such as 2024-01-01", date, Check::Dates),
        _ => return None,
    })
}

impl Validate for Rules {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn digest(&self) -> &str {
        &self.0.digest
    }

    fn config(&self) -> &str {
        "{}"
    }

    fn is_timed(&self) -> bool {
        self.0.is_timed
    }

    fn is_about(&self, rule: &str, table: usize) -> bool {
        self.0.tables.get(table).is_some_and(|rules| rules.iter().any(|one| one.name == rule))
            || self.0.uniques.iter().any(|unique| unique.table == table && unique.rule == rule)
    }

    fn uniques(&self) -> &[Unique] {
        &self.0.uniques
    }

    fn worker(&self) -> Result<Box<dyn ValidateWorker>, PluginError> {
        Ok(Box::new(Worker(Arc::clone(&self.0))))
    }
}

struct Worker(Arc<Compiled>);

impl ValidateWorker for Worker {
    fn validate(&mut self, table: usize, rows: &RecordBatch) -> Result<Vec<Violation>, PluginError> {
        let mut violations = Vec::new();
        for rule in self.0.tables.get(table).into_iter().flatten() {
            rule.check.each_broken(rows, rule.column, |row| {
                violations.push(Violation {
                    row: u32::try_from(row).unwrap_or(u32::MAX),
                    rule: rule.name.clone(),
                    column: Some(rule.column_name.clone()),
                    severity: rule.severity,
                    message: rule.message.clone(),
                });
            });
        }
        Ok(violations)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::builder::{Int64Builder, ListBuilder};
    use arrow_array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
        TimestampMicrosecondArray,
    };
    use gristmill_record::{Description, Input, OnMismatch, Origin, OutputColumn, TableDraft};

    use super::*;

    /// 2024-01-01T00:00:00Z.
    const STARTED: i64 = 1_704_067_200_000_000;
    const HOUR: i64 = 3_600_000_000;

    /// A table with a column of each kind, by the letter of its kind.
    fn table() -> Table {
        let list = DataType::List(Box::new(Scalar::Int64.into()));
        let kinds: [(&str, DataType); 10] = [
            ("s", Scalar::String.into()),
            ("s2", Scalar::String.into()),
            ("i", Scalar::Int64.into()),
            ("i2", Scalar::Int64.into()),
            ("f", Scalar::Float64.into()),
            ("t", Scalar::Timestamp.into()),
            ("d", Scalar::Date.into()),
            ("b", Scalar::Boolean.into()),
            ("y", Scalar::Bytes.into()),
            ("l", list),
        ];
        let columns =
            kinds.map(|(name, ty)| OutputColumn { name: name.into(), ty, required: false, description: String::new() });
        let input = Input {
            name: "x".into(),
            origin: Origin::PathCapture("x".into()),
            ty: Scalar::String.into(),
            required: true,
            on_mismatch: OnMismatch::Reject,
        };
        let draft = TableDraft { name: "all".into(), columns: columns.into(), ..TableDraft::default() };
        Description::new("c/{x}", vec![input], vec![draft]).unwrap().tables()[0].clone()
    }

    /// Row 0 to 3: low, high, odd, null.
    fn rows() -> RecordBatch {
        let mut lists = ListBuilder::new(Int64Builder::new());
        for values in [Some(vec![1]), Some(vec![1, 2, 3]), Some(vec![]), None] {
            lists.append_option(values.map(|v| v.into_iter().map(Some)));
        }
        let times = TimestampMicrosecondArray::from(vec![
            Some(STARTED - 48 * HOUR),
            Some(STARTED + 2 * HOUR),
            Some(STARTED),
            None,
        ]);
        let columns: [(&str, ArrayRef); 10] = [
            ("s", Arc::new(StringArray::from(vec![Some("a"), Some("zzzz"), Some("é"), None]))),
            ("s2", Arc::new(StringArray::from(vec![Some("b"), Some("zzzz"), None, Some("x")]))),
            ("i", Arc::new(Int64Array::from(vec![Some(-1), Some(9), Some(3), None]))),
            ("i2", Arc::new(Int64Array::from(vec![Some(0), Some(0), Some(3), Some(0)]))),
            ("f", Arc::new(Float64Array::from(vec![Some(-0.5), Some(1.5), Some(f64::NAN), None]))),
            ("t", Arc::new(times.with_timezone("UTC"))),
            ("d", Arc::new(Date32Array::from(vec![Some(19_721), Some(19_724), Some(19_723), None]))),
            ("b", Arc::new(BooleanArray::from(vec![Some(true), Some(false), Some(true), None]))),
            ("y", Arc::new(BinaryArray::from(vec![Some(&b"1"[..]), Some(b"1234"), Some(b""), None]))),
            ("l", Arc::new(lists.finish())),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn compile(rule: &str) -> Result<Rules, RulesError> {
        let text = format!("[[rule]]\nname = \"r\"\n{rule}\n");
        RulesFile::parse("r.toml", &text).unwrap().compile(&[table()], STARTED)
    }

    fn broken(rule: &str) -> Vec<u32> {
        let violations = compile(rule).unwrap().worker().unwrap().validate(0, &rows()).unwrap();
        violations.into_iter().map(|v| v.row).collect()
    }

    #[test]
    fn each_check_on_each_type() {
        for (rule, rows) in [
            ("column = \"s\"\nrequired = true", vec![3]),
            ("column = \"f\"\nrange = { min = 0 }", vec![0, 2]),
            ("column = \"f\"\nrange = { min = -1, max = 1.5 }", vec![2]),
            ("column = \"i\"\nrange = { min = 0, max = 8 }", vec![0, 1]),
            ("column = \"t\"\nrange = { max = \"2024-01-01T00:00:00Z\" }", vec![1]),
            ("column = \"d\"\nrange = { min = \"2024-01-01\" }", vec![0]),
            ("column = \"s\"\none-of = [\"a\", \"é\"]", vec![1]),
            ("column = \"i\"\none-of = [9]", vec![0, 2]),
            ("column = \"b\"\none-of = [true]", vec![1]),
            ("column = \"s\"\npattern = \"^[a-y]$\"", vec![1, 2]),
            ("column = \"s\"\nlength = { max = 1 }", vec![1]),
            ("column = \"y\"\nlength = { min = 1, max = 3 }", vec![1, 2]),
            ("column = \"l\"\nlength = { min = 1 }", vec![2]),
            ("column = \"t\"\nfreshness = { max-age = \"1 day\" }", vec![0]),
            ("column = \"t\"\nfreshness = { max-ahead = \"1h\" }", vec![1]),
            ("column = \"d\"\nfreshness = { max-age = \"1 day\", max-ahead = \"0s\" }", vec![0, 1]),
            ("column = \"i\"\ncompare = { at-least = \"i2\" }", vec![0]),
            ("column = \"i\"\ncompare = { equals = \"i2\" }", vec![0, 1]),
            ("column = \"i\"\ncompare = { differs = \"i2\" }", vec![2]),
            ("column = \"s\"\ncompare = { below = \"s2\" }", vec![1]),
        ] {
            assert_eq!(broken(rule), rows, "{rule}");
        }
    }

    #[test]
    fn messages_say_the_rule_and_no_value() {
        let judged = |rule: &str| {
            let mut all = compile(rule).unwrap().worker().unwrap().validate(0, &rows()).unwrap();
            all.remove(0)
        };
        let found = judged("column = \"f\"\nrange = { min = 0, max = 1 }\nseverity = \"warning\"");
        assert_eq!(found.message, "the column `f` must be from 0 to 1");
        assert_eq!((found.severity, found.column.as_deref()), (Severity::Warning, Some("f")));
        assert_eq!(judged("column = \"i\"\nrequired = true\nmessage = \"say i\"").message, "say i");
        let said = judged("column = \"t\"\nfreshness = { max-age = \"1 day\" }").message;
        assert_eq!(said, "the column `t` must be at most 1 day before the run");
    }

    #[test]
    fn what_is_unique_is_told_to_the_run() {
        let rules = compile("column = \"s\"\nunique = { with = [\"i\"] }\nseverity = \"warning\"").unwrap();
        let [unique] = rules.uniques() else { panic!("{:?}", rules.uniques()) };
        assert_eq!((unique.table, unique.columns.as_slice(), unique.severity), (0, &[0, 2][..], Severity::Warning));
        assert_eq!(unique.message, "the column `s` must have, together with `i`, values that no row before has");
        assert_eq!(rules.worker().unwrap().validate(0, &rows()).unwrap(), []);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        for (rule, says) in [
            ("column = \"s\"\nrange = { min = 0 }", "has a range, which a column of type string cannot have"),
            ("column = \"f\"\nrange = {}", "has an empty range"),
            ("column = \"i\"\nrange = { min = 2, max = 1 }", "ends before it begins"),
            ("column = \"i\"\nrange = { min = 0.5 }", "whole numbers"),
            ("column = \"t\"\nrange = { min = \"yesterday\" }", "2024-01-01T00:00:00Z"),
            ("column = \"f\"\none-of = [1.0]", "list of values"),
            ("column = \"i\"\none-of = [\"a\"]", "cannot hold"),
            ("column = \"s\"\npattern = \"(\"", "pattern that cannot be read"),
            ("column = \"i\"\npattern = \"a\"", "has a pattern"),
            ("column = \"i\"\nlength = { min = 1 }", "has a length"),
            ("column = \"s\"\nlength = {}", "without an end"),
            ("column = \"s\"\nunique = false", "which no row can break"),
            ("column = \"l\"\nunique = true", "needs columns without parts"),
            ("column = \"s\"\nunique = { with = [] }", "goes with no column"),
            ("column = \"s\"\nunique = { with = [\"zz\"] }", "goes with a column `zz`"),
            ("column = \"s\"\nunique = { with = [\"i\", \"s\"] }", "names the column `s` twice"),
            ("column = \"s\"\nunique = true\nrequired = true", "exactly one of"),
            ("column = \"s\"\nlength = { min = 5, max = 1 }", "ends before it begins"),
            ("column = \"t\"\nfreshness = {}", "without max-age"),
            ("column = \"t\"\nfreshness = { max-age = \"soon\" }", "`soon`"),
            ("column = \"s\"\nfreshness = { max-age = \"1h\" }", "has a freshness"),
            ("column = \"i\"\ncompare = { above = \"z\" }", "`z`, which the table `all` does not have"),
            ("column = \"i\"\ncompare = { above = \"f\" }", "int64 with one of type float64"),
            ("column = \"l\"\ncompare = { equals = \"l\" }", "compares a column of type list<int64>"),
            ("column = \"i\"\nrequired = false", "no row can break"),
            ("column = \"i\"", "needs exactly one of"),
            ("column = \"i\"\ntable = \"none\"\nrequired = true", "does not write; it writes `all`"),
            ("column = \"zz\"\ntable = \"all\"\nrequired = true", "which the table `all` does not have; it has `s`"),
        ] {
            let error = compile(rule).unwrap_err().to_string();
            assert!(error.starts_with("r.toml, line 1: the rule `r` ") && error.contains(says), "{rule}: {error}");
        }
    }

    #[test]
    fn only_rules_of_time_depend_on_it() {
        assert!(!compile("column = \"i\"\nrequired = true").unwrap().is_timed());
        assert!(compile("column = \"t\"\nfreshness = { max-age = \"1h\" }").unwrap().is_timed());
    }
}
