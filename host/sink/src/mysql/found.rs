//! A table that is there, compared with the plugin's.

use gristmill_record::Table;

use super::connect::{Connection, Server, text};
use super::fault::Context;
use super::schema::{CheckedTable, mismatch};
use super::types::{ColumnType, Declared};
use super::{quoted, schema};
use crate::{SinkError, TableState};

const TABLE: &str = "SELECT t.TABLE_TYPE, e.TRANSACTIONS, t.ENGINE FROM information_schema.TABLES t \
    LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_NAME = ?";
const COLUMNS: &str = "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, \
    DATETIME_PRECISION, CHARACTER_SET_NAME, COLLATION_NAME, IS_NULLABLE, COLUMN_DEFAULT, EXTRA \
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION";
const UNIQUE: &str = "SELECT INDEX_NAME, COLUMN_NAME, SUB_PART, INDEX_TYPE FROM information_schema.STATISTICS \
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX";

struct Column {
    name: String,
    declared: Declared,
    not_null: bool,
    /// Whether it has a value where none is given.
    filled: bool,
    generated: bool,
    counts: bool,
}

struct Unique {
    name: String,
    /// As they are written there; `None` for an expression.
    columns: Vec<Option<String>>,
    /// Whether it tells rows by all of their columns' values.
    whole: bool,
}

/// A table that is there.
pub(super) struct Found {
    is_table: bool,
    /// The engine, where a transaction does not hold its changes.
    loose_engine: Option<String>,
    columns: Vec<Column>,
    unique: Vec<Unique>,
}

/// Names of columns differ in more than upper and lower case.
fn same(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}

impl Found {
    pub(super) async fn read(connection: &mut Connection, table: &str) -> Result<Option<Self>, SinkError> {
        let doing = "looking at the tables";
        let rows = connection.rows(doing, TABLE, &[table]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let is_table = text(row, 0).is_some_and(|t| t == "BASE TABLE");
        let loose_engine = match text(row, 1) {
            Some(yes) if yes.eq_ignore_ascii_case("yes") => None,
            _ => Some(text(row, 2).unwrap_or_default()),
        };
        let rows = connection.rows(doing, COLUMNS, &[table]).await?;
        let columns = rows.iter().map(|row| {
            let lower = |i: usize| text(row, i).map(|t| t.to_ascii_lowercase());
            let number = |i: usize| text(row, i).and_then(|t| t.parse().ok());
            let extra = lower(11).unwrap_or_default();
            let counts = extra.contains("auto_increment");
            Column {
                name: text(row, 0).unwrap_or_default(),
                declared: Declared {
                    name: lower(1).unwrap_or_default(),
                    full: lower(2).unwrap_or_default(),
                    characters: text(row, 3).and_then(|t| t.parse().ok()),
                    precision: number(4),
                    scale: number(5),
                    fraction: number(6),
                    charset: lower(7),
                    collation: lower(8),
                },
                not_null: text(row, 9).is_some_and(|t| t.eq_ignore_ascii_case("no")),
                filled: counts || text(row, 10).is_some() || extra.contains("default_generated"),
                generated: extra.split(' ').any(|word| word == "generated"),
                counts,
            }
        });
        let columns = columns.collect();
        let mut unique: Vec<Unique> = Vec::new();
        for row in connection.rows(doing, UNIQUE, &[table]).await? {
            let name = text(&row, 0).unwrap_or_default();
            let column = text(&row, 1);
            let whole = column.is_some() && text(&row, 2).is_none() && text(&row, 3).is_some_and(|t| t == "BTREE");
            match unique.last_mut().filter(|last| last.name == name) {
                Some(last) => {
                    last.columns.push(column);
                    last.whole &= whole;
                }
                None => unique.push(Unique { name, columns: vec![column], whole }),
            }
        }
        Ok(Some(Self { is_table, loose_engine, columns, unique }))
    }

    fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| same(&c.name, name))
    }

    /// Whether all of these columns are there.
    pub(super) fn has(&self, names: &[&str]) -> Result<(), String> {
        names.iter().find(|n| self.column(n).is_none()).map_or(Ok(()), |n| Err((*n).to_owned()))
    }

    pub(super) fn check(
        &self,
        context: Context<'_>,
        server: &Server,
        table: &Table,
        types: &[ColumnType],
    ) -> Result<CheckedTable, SinkError> {
        let elsewhere = "load into another database, or rename the table that is there";
        let mismatch = |column: Option<&str>, found: String, expected: String, remedy: String| {
            mismatch(context, table.name(), column, found, expected, remedy)
        };
        if !self.is_table {
            let remedy = "Rename the view, or load into another database.".to_owned();
            return Err(mismatch(None, "a view".into(), "a table".into(), remedy));
        }
        let alter = format!("ALTER TABLE {}", quoted(table.name()));
        if let Some(engine) = &self.loose_engine {
            let expected = "one that has transactions, such as InnoDB".to_owned();
            let remedy = format!("Change it ({alter} ENGINE=InnoDB), {elsewhere}.");
            return Err(mismatch(None, format!("the engine {engine}"), expected, remedy));
        }
        let mut limits = Vec::new();
        for (index, (column, ty)) in table.columns().iter().zip(types).enumerate() {
            let name = Some(column.name.as_str());
            let expected = || format!("{} for {}", ty.sql, column.ty);
            let declaration = schema::declaration(table, index, types, server);
            let Some(found) = self.column(&column.name) else {
                let remedy = format!("Add it ({alter} ADD COLUMN {declaration}), {elsewhere}.");
                return Err(mismatch(name, "no such column".into(), expected(), remedy));
            };
            if found.generated {
                let remedy = format!("Make it an ordinary column, {elsewhere}.");
                return Err(mismatch(name, "a generated column".into(), expected(), remedy));
            }
            let Some(limit) = found.declared.holds(&column.ty, server) else {
                let charset = found.declared.charset.as_ref().filter(|c| *c != "utf8mb4");
                let charset = charset.map(|c| format!(" of the character set {c}")).unwrap_or_default();
                let remedy = format!("Change its type ({alter} MODIFY {declaration}), {elsewhere}.");
                return Err(mismatch(name, format!("{}{charset}", found.declared.full), expected(), remedy));
            };
            if found.not_null && !column.required {
                let remedy = format!("Allow NULL in it, have the plugin require it, {elsewhere}.");
                return Err(mismatch(name, "NOT NULL".into(), "a column that may be NULL".into(), remedy));
            }
            if table.key().contains(&index) && !found.declared.tells_apart() {
                let collation = found.declared.collation.clone().unwrap_or_default();
                let what = format!("the collation {collation}, which takes different texts for equal");
                let expected = format!("{}, which compares bytes and all spaces", server.collation());
                let found = &found.declared.full;
                let modify = format!(
                    "{} {found} CHARACTER SET utf8mb4 COLLATE {} NOT NULL",
                    quoted(&column.name),
                    server.collation()
                );
                let remedy = format!("Change it ({alter} MODIFY {modify}), {elsewhere}.");
                return Err(mismatch(name, what, expected, remedy));
            }
            limits.push(limit);
        }
        let written = |c: &Column| table.columns().iter().any(|t| same(&t.name, &c.name));
        if let Some(extra) = self.columns.iter().find(|c| c.not_null && !c.filled && !c.generated && !written(c)) {
            let found = "NOT NULL without a default, and the plugin does not write it".to_owned();
            let remedy = format!("Give it a default, {elsewhere}.");
            return Err(mismatch(Some(&extra.name), found, "no such column, or one with a default".into(), remedy));
        }
        let guard = self.check_key(&alter, table, elsewhere, mismatch)?;
        let state = TableState::Present { rows: None };
        let staged = table.columns().iter().zip(types).enumerate().map(|(i, (column, ty))| {
            // Texts of a key are sorted as they are there.
            match self.column(&column.name) {
                Some(found) if table.key().contains(&i) => found.declared.full.clone(),
                _ => ty.staged.clone(),
            }
        });
        Ok(CheckedTable { state, limits, staged: staged.collect(), guard })
    }

    /// That the key is unique; and the column of the key that a guard is put on where other indexes are unique, too.
    fn check_key(
        &self,
        alter: &str,
        table: &Table,
        elsewhere: &str,
        mismatch: impl Fn(Option<&str>, String, String, String) -> SinkError,
    ) -> Result<Option<String>, SinkError> {
        let key: Vec<_> = schema::key_columns(table).map(|c| c.name.as_str()).collect();
        if key.is_empty() {
            return Ok(None);
        }
        let has = |index: &Unique, name: &str| index.columns.iter().flatten().any(|c| same(c, name));
        let is_key = |index: &&Unique| {
            index.whole && index.columns.len() == key.len() && key.iter().all(|name| has(index, name))
        };
        if !self.unique.iter().any(|index| is_key(&index)) {
            let columns = key.iter().map(|k| quoted(k)).collect::<Vec<_>>().join(", ");
            let remedy = format!("Create it ({alter} ADD UNIQUE INDEX ({columns})), {elsewhere}.");
            let expected = format!("a unique index on ({columns}), so that no row comes twice");
            return Err(mismatch(None, "none".into(), expected, remedy));
        }
        // An index that has all of the key, or a number that the server counts up, is never broken by other rows than the key's.
        let counted = |index: &Unique| {
            let column = |c: &Option<String>| c.as_ref().and_then(|c| self.column(c));
            index
                .columns
                .iter()
                .any(|c| column(c).is_some_and(|c| c.counts && !table.columns().iter().any(|t| same(&t.name, &c.name))))
        };
        let of_key = |index: &Unique| index.whole && key.iter().all(|name| has(index, name));
        let Some(other) = self.unique.iter().find(|i| !(counted(i) || of_key(i))) else { return Ok(None) };
        match key.iter().find(|name| self.column(name).is_some_and(|c| c.not_null)) {
            Some(name) => Ok(Some((*name).to_owned())),
            None => {
                let found = format!("another unique index, {}, and no column of the key is NOT NULL", other.name);
                let remedy = format!("Make the columns of the key NOT NULL, drop the index, {elsewhere}.");
                Err(mismatch(None, found, "a key that tells rows apart".into(), remedy))
            }
        }
    }
}
