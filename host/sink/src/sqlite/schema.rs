//! Tables: what is created, and what is there already.

use gristmill_record::{DataType, OutputColumn, Scalar, Table};
use rusqlite::{Connection, OptionalExtension};

use super::{Context, quoted};
use crate::{Mismatch, SinkError, TableState};

/// The table of loads: a row for each load and table.
pub(super) const LOADS: &str = "_gristmill_loads";

const LOADS_COLUMNS: &str = "run_id TEXT NOT NULL, job TEXT NOT NULL, plugin TEXT NOT NULL, plugin_digest TEXT NOT NULL, started_at TEXT NOT NULL, \
     table_name TEXT NOT NULL, inserted INTEGER NOT NULL, updated INTEGER NOT NULL, already INTEGER NOT NULL";

pub(super) fn create_loads_sql() -> String {
    format!("CREATE TABLE IF NOT EXISTS {LOADS} ({LOADS_COLUMNS})")
}

/// How SQLite treats what is put into a column, <https://sqlite.org/datatype3.html> section 3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Affinity {
    Integer,
    Real,
    Text,
    Blob,
    Numeric,
}

impl Affinity {
    fn of(declared: &str, strict: bool) -> Self {
        let declared = declared.to_ascii_uppercase();
        let has = |part: &str| declared.contains(part);
        if has("INT") {
            Self::Integer
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Self::Text
        } else if has("BLOB") || declared.is_empty() || (strict && declared == "ANY") {
            Self::Blob
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Self::Real
        } else {
            Self::Numeric
        }
    }

    /// Whether a column of this affinity gives back every value of this type as it was put in.
    fn keeps(self, ty: &DataType) -> bool {
        match ty {
            DataType::Scalar(Scalar::Boolean | Scalar::Int64) => {
                matches!(self, Self::Integer | Self::Numeric | Self::Blob)
            }
            DataType::Scalar(Scalar::Float64) => matches!(self, Self::Real | Self::Blob),
            // No instant, date, list or struct looks like a number, so a column declared TIMESTAMP or JSON leaves its text alone.
            DataType::Scalar(Scalar::Timestamp | Scalar::Date) | DataType::List(_) | DataType::Struct(_) => {
                matches!(self, Self::Text | Self::Numeric | Self::Blob)
            }
            DataType::Scalar(Scalar::String | Scalar::Reference | Scalar::Json) => {
                matches!(self, Self::Text | Self::Blob)
            }
            DataType::Scalar(Scalar::Bytes) => self == Self::Blob,
        }
    }
}

/// The type that a column is created with.
fn sql_type(ty: &DataType) -> &'static str {
    match ty {
        DataType::Scalar(Scalar::Boolean | Scalar::Int64) => "INTEGER",
        DataType::Scalar(Scalar::Float64) => "REAL",
        DataType::Scalar(Scalar::Bytes) => "BLOB",
        DataType::Scalar(Scalar::Timestamp | Scalar::Date | Scalar::String | Scalar::Json | Scalar::Reference)
        | DataType::List(_)
        | DataType::Struct(_) => "TEXT",
    }
}

/// The columns of the key.
pub(super) fn key_columns(table: &Table) -> impl Iterator<Item = &OutputColumn> {
    table.key().iter().filter_map(|i| table.columns().get(*i))
}

pub(super) fn create_sql(table: &Table) -> String {
    let column = |c: &OutputColumn| {
        format!("{} {}{}", quoted(&c.name), sql_type(&c.ty), if c.required { " NOT NULL" } else { "" })
    };
    let mut parts: Vec<_> = table.columns().iter().map(column).collect();
    let key: Vec<_> = key_columns(table).map(|c| quoted(&c.name)).collect();
    if !key.is_empty() {
        parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
    }
    format!("CREATE TABLE {} ({})", quoted(table.name()), parts.join(", "))
}

/// Refuses names that SQLite or we keep for ourselves.
pub(super) fn check_name(place: &str, table: &Table) -> Result<(), SinkError> {
    let name = table.name().to_ascii_lowercase();
    if name.starts_with("sqlite_") || name == LOADS {
        return Err(SinkError::from(Mismatch {
            place: place.to_owned(),
            table: table.name().to_owned(),
            column: None,
            found: "a name that is reserved there".into(),
            expected: format!("one that is not {LOADS} and does not begin with sqlite_"),
            remedy: "Rename the table in the plugin.".into(),
        }));
    }
    Ok(())
}

/// Compares the tables that are there with those of the plugin. One answer a table.
pub(super) fn check(
    connection: &Connection,
    context: Context<'_>,
    tables: &[Table],
) -> Result<Vec<TableState>, SinkError> {
    if let Some(found) = Found::read(connection, LOADS).map_err(|e| context.error("reading the columns in", e))? {
        found.check_loads(context)?;
    }
    let check = |table: &Table| {
        let found = Found::read(connection, table.name()).map_err(|e| context.error("reading the columns in", e))?;
        let Some(found) = found else { return Ok(TableState::Absent) };
        found.check(context, table)?;
        Ok(TableState::Present { rows: None })
    };
    tables.iter().map(check).collect()
}

struct FoundColumn {
    name: String,
    declared: String,
    not_null: bool,
    has_default: bool,
    /// 1-based place in the primary key, 0 outside it.
    primary: u32,
    generated: bool,
}

/// A table that is there.
struct Found {
    kind: String,
    strict: bool,
    without_rowid: bool,
    columns: Vec<FoundColumn>,
    /// Column names of each unique index that covers all rows and compares bytes.
    unique: Vec<Vec<String>>,
}

impl Found {
    fn read(connection: &Connection, table: &str) -> rusqlite::Result<Option<Self>> {
        let found = connection
            .query_row("SELECT type, strict, wr FROM pragma_table_list(?1) WHERE schema = 'main'", [table], |r| {
                Ok((r.get::<_, String>(0)?, r.get(1)?, r.get(2)?))
            })
            .optional()?;
        let Some((kind, strict, without_rowid)) = found else { return Ok(None) };
        let columns = connection
            .prepare("SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, hidden FROM pragma_table_xinfo(?1)")?
            .query_map([table], |r| {
                Ok(FoundColumn {
                    name: r.get(0)?,
                    declared: r.get(1)?,
                    not_null: r.get(2)?,
                    has_default: r.get(3)?,
                    primary: r.get(4)?,
                    generated: r.get::<_, u32>(5)? >= 2,
                })
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let indexes = connection
            .prepare("SELECT name FROM pragma_index_list(?1) WHERE \"unique\" AND NOT partial")?
            .query_map([table], |r| r.get::<_, String>(0))?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let mut unique = Vec::new();
        for index in indexes {
            let parts = connection
                .prepare("SELECT name, coll FROM pragma_index_xinfo(?1) WHERE key")?
                .query_map([index], |r| Ok((r.get::<_, Option<String>>(0)?, r.get::<_, Option<String>>(1)?)))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            // No name: an expression. Another collation: two keys would be one.
            let binary = |(name, collation): (Option<String>, Option<String>)| {
                name.filter(|_| collation.is_none_or(|c| c.eq_ignore_ascii_case("binary")))
            };
            unique.extend(parts.into_iter().map(binary).collect::<Option<Vec<_>>>());
        }
        Ok(Some(Self { kind, strict, without_rowid, columns, unique }))
    }

    fn column(&self, name: &str) -> Option<&FoundColumn> {
        self.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name))
    }

    fn check(&self, context: Context<'_>, table: &Table) -> Result<(), SinkError> {
        let mismatch = |column: Option<&str>, found: String, expected: String, remedy: String| {
            let (place, table, column) = (context.place(), table.name().to_owned(), column.map(str::to_owned));
            SinkError::from(Mismatch { place, table, column, found, expected, remedy })
        };
        let elsewhere = "load into another file, or rename the table that is there";
        if self.kind != "table" {
            let remedy = format!("Rename the {}, or load into another file.", self.kind);
            return Err(mismatch(None, format!("a {}", self.kind), "a table".into(), remedy));
        }
        for column in table.columns() {
            let expected = || format!("{} for {}", sql_type(&column.ty), column.ty);
            let name = Some(column.name.as_str());
            let Some(found) = self.column(&column.name) else {
                let remedy = format!(
                    "Add it (ALTER TABLE {} ADD COLUMN {} {}), {elsewhere}.",
                    quoted(table.name()),
                    quoted(&column.name),
                    sql_type(&column.ty)
                );
                return Err(mismatch(name, "no such column".into(), expected(), remedy));
            };
            if found.generated {
                let remedy = format!("Make it an ordinary column, {elsewhere}.");
                return Err(mismatch(name, "a generated column".into(), expected(), remedy));
            }
            if !Affinity::of(&found.declared, self.strict).keeps(&column.ty) {
                let declared = if found.declared.is_empty() { "no type" } else { &found.declared };
                let remedy = format!("Change its type, {elsewhere}.");
                return Err(mismatch(name, declared.to_owned(), expected(), remedy));
            }
            if found.not_null && !column.required {
                let remedy = format!("Allow NULL in it, have the plugin require it, {elsewhere}.");
                return Err(mismatch(name, "NOT NULL".into(), "a column that may be NULL".into(), remedy));
            }
        }
        let needed = |c: &&FoundColumn| {
            let filled = c.has_default || c.generated || self.is_rowid(c);
            c.not_null && !filled && !table.columns().iter().any(|t| t.name.eq_ignore_ascii_case(&c.name))
        };
        if let Some(extra) = self.columns.iter().find(needed) {
            let remedy = format!("Give it a default, {elsewhere}.");
            let found = "NOT NULL without a default, and the plugin does not write it".to_owned();
            return Err(mismatch(Some(&extra.name), found, "no such column, or one with a default".into(), remedy));
        }
        self.check_key(table, elsewhere, mismatch)
    }

    fn check_key(
        &self,
        table: &Table,
        elsewhere: &str,
        mismatch: impl Fn(Option<&str>, String, String, String) -> SinkError,
    ) -> Result<(), SinkError> {
        let key: Vec<_> = key_columns(table).map(|c| c.name.as_str()).collect();
        let is_key = |names: &Vec<String>| {
            names.len() == key.len() && names.iter().all(|n| key.iter().any(|k| k.eq_ignore_ascii_case(n)))
        };
        let by_rowid = matches!(key.as_slice(), [one] if self.column(one).is_some_and(|c| self.is_rowid(c)));
        if key.is_empty() || by_rowid || self.unique.iter().any(is_key) {
            return Ok(());
        }
        let columns = key.iter().map(|k| quoted(k)).collect::<Vec<_>>().join(", ");
        let remedy = format!(
            "Create it (CREATE UNIQUE INDEX {} ON {} ({columns})), {elsewhere}.",
            quoted(&format!("{}_key", table.name())),
            quoted(table.name())
        );
        let expected = format!("a unique index on ({columns}) that compares bytes, so that no row comes twice");
        Err(mismatch(None, "none".into(), expected, remedy))
    }

    /// Whether the column is another name of the rowid, which is unique without an index.
    fn is_rowid(&self, column: &FoundColumn) -> bool {
        column.primary == 1
            && !self.without_rowid
            && column.declared.eq_ignore_ascii_case("INTEGER")
            && self.columns.iter().filter(|c| c.primary > 0).count() == 1
    }

    fn check_loads(&self, context: Context<'_>) -> Result<(), SinkError> {
        let missing = LOADS_COLUMNS.split(", ").filter_map(|c| c.split(' ').next()).find(|c| self.column(c).is_none());
        match missing {
            None => Ok(()),
            Some(column) => Err(SinkError::from(Mismatch {
                place: context.place(),
                table: LOADS.into(),
                column: Some(column.into()),
                found: "no such column".into(),
                expected: "the table that gristmill keeps its loads in".into(),
                remedy: "Rename the table that is there; gristmill then creates its own.".into(),
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn affinities_are_those_of_the_manual() {
        for (declared, want) in [
            ("INT", Affinity::Integer),
            ("CHARINT", Affinity::Integer),
            ("FLOATING POINT", Affinity::Integer),
            ("varchar(20)", Affinity::Text),
            ("", Affinity::Blob),
            ("double precision", Affinity::Real),
            ("DECIMAL(10,5)", Affinity::Numeric),
            ("TIMESTAMP", Affinity::Numeric),
            ("ANY", Affinity::Numeric),
        ] {
            assert_eq!(Affinity::of(declared, false), want, "{declared}");
        }
        assert_eq!(Affinity::of("ANY", true), Affinity::Blob);
    }
}
