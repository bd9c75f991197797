//! The statements that bring staged rows into their table.

use gristmill_record::time::format_date;
use gristmill_record::{DataType, OutputColumn, Scalar, Table};

use super::client::{FoundTable, Partition};
use super::schema::sql_type;
use crate::OnConflict;

/// Rows for some days of the column that divides the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Days {
    /// Since 1970-01-01, both included.
    pub(super) first: i32,
    pub(super) last: i32,
    /// Whether rows without a day are among them.
    pub(super) null: bool,
}

/// From where to where, and how.
pub(super) struct Merge<'a> {
    pub(super) table: &'a Table,
    pub(super) found: &'a FoundTable,
    /// Both quoted.
    pub(super) target: &'a str,
    pub(super) staging: &'a str,
    pub(super) on_conflict: OnConflict,
    /// Which of the staged rows; all where there are none.
    pub(super) days: Option<Days>,
}

impl Merge<'_> {
    /// One statement for the rows. Every column is named, so that no order of columns matters.
    pub(super) fn sql(&self) -> String {
        let columns: Vec<_> = self.table.columns().iter().map(|c| quoted(&c.name)).collect();
        let source = self.source();
        if self.table.key().is_empty() {
            return format!("INSERT INTO {} ({}) {source}", self.target, columns.join(", "));
        }
        let values: Vec<_> = columns.iter().map(|c| format!("S.{c}")).collect();
        format!(
            "MERGE INTO {} AS T USING ({source}) AS S ON {}{} WHEN NOT MATCHED THEN INSERT ({}) VALUES ({})",
            self.target,
            self.on(),
            self.update(),
            columns.join(", "),
            values.join(", ")
        )
    }

    fn source(&self) -> String {
        let column = |c: &OutputColumn| {
            let name = quoted(&c.name);
            if self.is_json(c) { format!("PARSE_JSON({name}) AS {name}") } else { name }
        };
        let columns: Vec<_> = self.table.columns().iter().map(column).collect();
        format!("SELECT {} FROM {}{}", columns.join(", "), self.staging, self.filter())
    }

    fn filter(&self) -> String {
        let divides = self.found.partition.as_ref().and_then(|p| self.column(&p.column));
        let (Some(days), Some(column)) = (self.days, divides) else { return String::new() };
        let name = quoted(&column.name);
        let day = if column.ty == DataType::Scalar(Scalar::Date) { name.clone() } else { format!("DATE({name})") };
        let (first, last) = (format_date(days.first.into()), format_date(days.last.into()));
        let null = if days.null { format!(" OR {name} IS NULL") } else { String::new() };
        format!(" WHERE {day} BETWEEN DATE '{first}' AND DATE '{last}'{null}")
    }

    /// The key alone: a row of the same key in another partition is the same row.
    fn on(&self) -> String {
        let equal = |c: &OutputColumn| {
            let name = quoted(&c.name);
            // NaN equals nothing, itself included.
            if sql_type(&c.ty) == "FLOAT64" {
                format!("T.{name} IS NOT DISTINCT FROM S.{name}")
            } else {
                format!("T.{name} = S.{name}")
            }
        };
        let mut on: Vec<_> = self.key().map(equal).collect();
        if let Some(partition) = self.found.partition.as_ref().filter(|_| self.found.wants_filter) {
            on.push(every_partition("T.", self.found, partition));
        }
        on.join(" AND ")
    }

    fn update(&self) -> String {
        let others = || {
            let columns = self.table.columns().iter().enumerate();
            columns.filter(|(i, _)| !self.table.key().contains(i)).map(|(_, c)| c)
        };
        if self.on_conflict == OnConflict::Keep || others().next().is_none() {
            return String::new();
        }
        let differs = |c: &OutputColumn| {
            let name = quoted(&c.name);
            if self.is_json(c) {
                // JSON has no equality, and a null of JSON is written as NULL is.
                return format!(
                    "(T.{name} IS NULL) != (S.{name} IS NULL) OR TO_JSON_STRING(T.{name}) != TO_JSON_STRING(S.{name})"
                );
            }
            format!("T.{name} IS DISTINCT FROM S.{name}")
        };
        let differs: Vec<_> = others().map(differs).collect();
        let set: Vec<_> = others().map(|c| format!("{0} = S.{0}", quoted(&c.name))).collect();
        format!(" WHEN MATCHED AND ({}) THEN UPDATE SET {}", differs.join(" OR "), set.join(", "))
    }

    fn key(&self) -> impl Iterator<Item = &OutputColumn> {
        self.table.key().iter().filter_map(|i| self.table.columns().get(*i))
    }

    fn column(&self, name: &str) -> Option<&OutputColumn> {
        self.table.columns().iter().find(|c| c.name.eq_ignore_ascii_case(name))
    }

    /// Whether the column there is JSON; it may be text.
    fn is_json(&self, column: &OutputColumn) -> bool {
        self.found.column(&column.name).is_some_and(|c| c.ty == "JSON")
    }
}

/// A condition that holds for every row, in a form that a table takes which wants its partitions named in each statement.
pub(super) fn every_partition(side: &str, found: &FoundTable, partition: &Partition) -> String {
    let is_date = found.column(&partition.column).is_some_and(|c| c.ty == "DATE");
    let first = if is_date { "DATE '0001-01-01'" } else { "TIMESTAMP '0001-01-01 00:00:00+00'" };
    let column = format!("{side}{}", quoted(&partition.column));
    format!("({column} >= {first} OR {column} IS NULL)")
}

/// A column in SQL. The name has letters, digits and `_` only.
pub(super) fn quoted(name: &str) -> String {
    format!("`{name}`")
}

/// Cuts days into runs of so many at most, none of which is left out. One run is as good as none.
pub(super) fn runs(days: &[i32], most: usize, null: bool) -> Vec<Days> {
    let mut runs: Vec<_> = days
        .chunks(most.max(1))
        .filter_map(|run| Some(Days { first: *run.first()?, last: *run.last()?, null: false }))
        .collect();
    if let Some(first) = runs.first_mut() {
        first.null = null;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_every_day_once() {
        assert_eq!(runs(&[], 2, true), []);
        let run = |first, last, null| Days { first, last, null };
        assert_eq!(runs(&[1, 3, 4, 9, 10], 2, true), [run(1, 3, true), run(4, 9, false), run(10, 10, false)]);
    }
}
