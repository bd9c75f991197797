//! Tables: created, or compared with what is there.

use gristmill_record::{DataType, OutputColumn, Scalar, Table};
use tokio_postgres::Client;

use super::fault::Context;
use super::quoted;
use crate::limits::ColumnLimit;
use crate::{FaultKind, Mismatch, SinkError, TableState};

/// The table that loads are recorded in.
pub(super) const LOADS: &str = "_gristmill_loads";
const LOADS_COLUMNS: [(&str, &str); 10] = [
    ("run_id", "text NOT NULL"),
    ("job", "text NOT NULL"),
    ("plugin", "text NOT NULL"),
    ("plugin_digest", "text NOT NULL"),
    ("started_at", "timestamptz NOT NULL"),
    ("table_name", "text NOT NULL"),
    ("inserted", "bigint NOT NULL"),
    ("updated", "bigint NOT NULL"),
    ("already", "bigint NOT NULL"),
    ("loaded_at", "timestamptz NOT NULL DEFAULT now()"),
];
/// Longer names are cut short by the server, in silence: NAMEDATALEN - 1.
const NAME_BYTES: usize = 63;
/// The oldest whose catalogue has what is asked of it here.
const OLDEST: i32 = 120_000;

/// The type that a column is created with, and that rows are sent as.
pub(super) fn sql_type(ty: &DataType) -> &'static str {
    match ty {
        DataType::Scalar(Scalar::Boolean) => "boolean",
        DataType::Scalar(Scalar::Int64) => "bigint",
        DataType::Scalar(Scalar::Float64) => "double precision",
        DataType::Scalar(Scalar::Timestamp) => "timestamp with time zone",
        DataType::Scalar(Scalar::Date) => "date",
        DataType::Scalar(Scalar::String | Scalar::Reference) => "text",
        DataType::Scalar(Scalar::Bytes) => "bytea",
        DataType::Scalar(Scalar::Json) | DataType::List(_) | DataType::Struct(_) => "jsonb",
    }
}

/// What a column of this type (its name in the catalogue, its modifier) holds of a plugin's type; `None`: not every value as it is.
fn holds(name: &str, modifier: i32, ty: &DataType) -> Option<ColumnLimit> {
    // The modifiers of varchar(n) have the four bytes of a length added.
    let characters = || usize::try_from(modifier - 4).map_or(ColumnLimit::None, ColumnLimit::Characters);
    match (ty, name) {
        (DataType::Scalar(Scalar::Boolean), "bool")
        | (DataType::Scalar(Scalar::Int64), "int8")
        | (DataType::Scalar(Scalar::Float64), "float8")
        | (DataType::Scalar(Scalar::Date), "date")
        | (DataType::Scalar(Scalar::Bytes), "bytea")
        | (DataType::Scalar(Scalar::String | Scalar::Reference), "text")
        | (DataType::Scalar(Scalar::Json) | DataType::List(_) | DataType::Struct(_), "jsonb" | "json" | "text") => {
            Some(ColumnLimit::None)
        }
        (DataType::Scalar(Scalar::Int64), "int4") => Some(ColumnLimit::Integers(i32::MIN.into(), i32::MAX.into())),
        (DataType::Scalar(Scalar::Int64), "int2") => Some(ColumnLimit::Integers(i16::MIN.into(), i16::MAX.into())),
        // With a precision or a scale it could round.
        (DataType::Scalar(Scalar::Int64), "numeric") if modifier < 0 => Some(ColumnLimit::None),
        // Fewer than six digits of fraction would round.
        (DataType::Scalar(Scalar::Timestamp), "timestamptz") if !(0..6).contains(&modifier) => Some(ColumnLimit::None),
        (DataType::Scalar(Scalar::String | Scalar::Reference), "varchar") => Some(characters()),
        _ => None,
    }
}

/// The columns of the key.
pub(super) fn key_columns(table: &Table) -> impl Iterator<Item = &OutputColumn> {
    table.key().iter().filter_map(|i| table.columns().get(*i))
}

/// The statement that creates a table, without its key: an index is built faster over rows that are there. Text of a key compares bytes.
pub(super) fn create_sql(schema: &str, table: &Table) -> String {
    let column = |(i, c): (usize, &OutputColumn)| {
        let collate = if table.key().contains(&i) && sql_type(&c.ty) == "text" { " COLLATE \"C\"" } else { "" };
        let null = if c.required { " NOT NULL" } else { "" };
        format!("{} {}{collate}{null}", quoted(&c.name), sql_type(&c.ty))
    };
    let columns: Vec<_> = table.columns().iter().enumerate().map(column).collect();
    format!("CREATE TABLE {}.{} ({})", quoted(schema), quoted(table.name()), columns.join(", "))
}

/// The statement that creates the table of loads.
pub(super) fn create_loads_sql(schema: &str) -> String {
    let columns: Vec<_> = LOADS_COLUMNS.iter().map(|(name, ty)| format!("{name} {ty}")).collect();
    format!("CREATE TABLE IF NOT EXISTS {}.{LOADS} ({})", quoted(schema), columns.join(", "))
}

/// What is known of a destination before a load.
pub(super) struct Checked {
    /// Where tables are: the first schema of the search path that is there.
    pub(super) schema: String,
    /// One a table.
    pub(super) tables: Vec<CheckedTable>,
}

pub(super) struct CheckedTable {
    pub(super) state: TableState,
    /// One a column.
    pub(super) limits: Vec<ColumnLimit>,
    /// What is there for each column, as it is declared; the plugin's type where the table is not there.
    pub(super) types: Vec<String>,
    /// The collation of each column of the key as it stands after COLLATE, where it has one.
    pub(super) collations: Vec<Option<String>>,
}

/// Compares the tables that are there with those of the plugin.
pub(super) async fn check(client: &Client, context: Context<'_>, tables: &[Table]) -> Result<Checked, SinkError> {
    let fail = |e| context.error("looking at the tables", &e);
    let row = client.query_one(SERVER, &[]).await.map_err(fail)?;
    let (number, version): (i32, String) = (row.get(0), row.get(1));
    if number < OLDEST {
        let what = format!("the server is PostgreSQL {version}");
        return Err(context.fault(
            "looking at the server",
            what,
            None,
            FaultKind::Refused,
            "Use PostgreSQL 12 or newer.".into(),
        ));
    }
    let Some(schema) = row.get::<_, Option<String>>(2) else {
        let what = "no schema of the search path is there, or may be used".to_owned();
        let remedy = "Create one, or name another: …?options=-csearch_path%3DSCHEMA".to_owned();
        return Err(context.fault("looking for the schema of the tables", what, None, FaultKind::Missing, remedy));
    };
    let right = |what: &str, grant: &str| {
        let remedy = format!("Have it granted ({grant}), or connect as a user who has it.");
        context.fault("looking at our rights", what.to_owned(), None, FaultKind::Right, remedy)
    };
    let user = quoted(row.get(5));
    let (may_create, may_stage): (bool, bool) = (row.get(3), row.get(4));
    let create = || {
        right(
            &format!("no right to create tables in schema {schema}"),
            &format!("GRANT CREATE ON SCHEMA {} TO {user}", quoted(&schema)),
        )
    };
    if !may_stage {
        let database: &str = row.get(6);
        return Err(right(
            "no right to create temporary tables, which rows are staged in",
            &format!("GRANT TEMPORARY ON DATABASE {} TO {user}", quoted(database)),
        ));
    }
    let mut checked = Checked { schema: schema.clone(), tables: Vec::with_capacity(tables.len()) };
    if let Some(found) = Found::read(client, &checked.schema, LOADS).await.map_err(fail)? {
        found.check_loads(context)?;
    } else if !may_create {
        return Err(create());
    }
    for table in tables {
        check_names(context, table)?;
        let found = Found::read(client, &checked.schema, table.name()).await.map_err(fail)?;
        checked.tables.push(match found {
            None if !may_create => return Err(create()),
            None => CheckedTable {
                state: TableState::Absent,
                limits: vec![ColumnLimit::None; table.columns().len()],
                types: table.columns().iter().map(|c| sql_type(&c.ty).to_owned()).collect(),
                collations: key_columns(table)
                    .map(|c| (sql_type(&c.ty) == "text").then(|| "\"C\"".to_owned()))
                    .collect(),
            },
            Some(found) => {
                let checked = found.check(context, &schema, table)?;
                if !found.may_load {
                    let name = format!("{}.{}", quoted(&schema), quoted(table.name()));
                    let what = format!("no right to read and add rows of table {}", table.name());
                    return Err(right(&what, &format!("GRANT SELECT, INSERT, UPDATE ON {name} TO {user}")));
                }
                checked
            }
        });
    }
    Ok(checked)
}

fn mismatch(
    context: Context<'_>,
    table: &str,
    column: Option<&str>,
    found: String,
    expected: String,
    remedy: String,
) -> SinkError {
    let (place, table, column) = (context.place.to_owned(), table.to_owned(), column.map(str::to_owned));
    SinkError::from(Mismatch { place, table, column, found, expected, remedy })
}

/// Refuses names that we keep for ourselves, or that the server would cut short.
fn check_names(context: Context<'_>, table: &Table) -> Result<(), SinkError> {
    if table.name() == LOADS {
        let expected = format!("one that is not {LOADS}");
        return Err(mismatch(
            context,
            LOADS,
            None,
            "a name that is reserved".into(),
            expected,
            "Rename the table in the plugin.".into(),
        ));
    }
    let columns = table.columns().iter().map(|c| (Some(c.name.as_str()), c.name.as_str()));
    for (column, name) in std::iter::once((None, table.name())).chain(columns) {
        if name.len() > NAME_BYTES {
            let found = format!("a name of {} bytes", name.len());
            let expected = format!("{NAME_BYTES} bytes at most, as PostgreSQL cuts longer names short");
            return Err(mismatch(
                context,
                table.name(),
                column,
                found,
                expected,
                "Shorten the name in the plugin.".into(),
            ));
        }
    }
    Ok(())
}

struct FoundColumn {
    name: String,
    /// As a person would write it: `character varying(64)`.
    declared: String,
    /// Its name in the catalogue: `varchar`.
    type_name: String,
    modifier: i32,
    not_null: bool,
    filled: bool,
    generated: bool,
    /// As it stands after COLLATE.
    collation: Option<String>,
    deterministic: bool,
}

/// A table that is there.
struct Found {
    kind: &'static str,
    may_load: bool,
    columns: Vec<FoundColumn>,
    /// Column names of each unique index that covers all rows and is checked at once.
    unique: Vec<Vec<String>>,
}

const SERVER: &str = "SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_schema()::text, \
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), has_database_privilege(current_database(), 'TEMPORARY'), \
    current_user::text, current_database()::text";
const RELATION: &str = "SELECT c.oid, c.relkind::text, \
    has_any_column_privilege(c.oid, 'INSERT') AND has_any_column_privilege(c.oid, 'SELECT') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = $1 AND c.relname = $2";
const COLUMNS: &str = "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), t.typname::text, a.atttypmod, a.attnotnull, \
    a.atthasdef OR a.attidentity <> '', a.attgenerated <> '' OR a.attidentity = 'a', \
    quote_ident(cn.nspname) || '.' || quote_ident(co.collname), coalesce(co.collisdeterministic, true) \
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
    LEFT JOIN pg_collation co ON co.oid = a.attcollation LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace \
    WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
const UNIQUE: &str = "SELECT array_agg(a.attname::text) FROM pg_index i \
    CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, place) \
    LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
    WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL \
    AND k.place <= i.indnkeyatts GROUP BY i.indexrelid";

impl Found {
    async fn read(client: &Client, schema: &str, table: &str) -> Result<Option<Self>, tokio_postgres::Error> {
        let Some(relation) = client.query_opt(RELATION, &[&schema, &table]).await? else { return Ok(None) };
        let oid: u32 = relation.get(0);
        // Of a sequence or an index it is not asked.
        let may_load = relation.get::<_, Option<bool>>(2).unwrap_or_default();
        let kind = match relation.get::<_, String>(1).as_str() {
            "r" | "p" => "table",
            "v" => "view",
            "m" => "materialized view",
            "f" => "foreign table",
            "S" => "sequence",
            "i" | "I" => "index",
            _ => "relation of another kind",
        };
        let rows = client.query(COLUMNS, &[&oid]).await?;
        let columns = rows.iter().map(|row| FoundColumn {
            name: row.get(0),
            declared: row.get(1),
            type_name: row.get(2),
            modifier: row.get(3),
            not_null: row.get(4),
            filled: row.get(5),
            generated: row.get(6),
            collation: row.get(7),
            deterministic: row.get(8),
        });
        let columns = columns.collect();
        let unique = client.query(UNIQUE, &[&oid]).await?.iter().map(|row| row.get(0)).collect();
        Ok(Some(Self { kind, may_load, columns, unique }))
    }

    fn column(&self, name: &str) -> Option<&FoundColumn> {
        self.columns.iter().find(|c| c.name == name)
    }

    fn check(&self, context: Context<'_>, schema: &str, table: &Table) -> Result<CheckedTable, SinkError> {
        let elsewhere = "load into another schema or database, or rename the table that is there";
        let mismatch = |column: Option<&str>, found: String, expected: String, remedy: String| {
            mismatch(context, table.name(), column, found, expected, remedy)
        };
        if self.kind != "table" {
            let remedy = format!("Rename the {}, or load into another schema.", self.kind);
            return Err(mismatch(None, format!("a {}", self.kind), "a table".into(), remedy));
        }
        let target = format!("{}.{}", quoted(schema), quoted(table.name()));
        let (mut limits, mut types) = (Vec::new(), Vec::new());
        for column in table.columns() {
            let name = Some(column.name.as_str());
            let expected = || format!("{} for {}", sql_type(&column.ty), column.ty);
            let Some(found) = self.column(&column.name) else {
                let add = format!("ALTER TABLE {target} ADD COLUMN {} {}", quoted(&column.name), sql_type(&column.ty));
                return Err(mismatch(
                    name,
                    "no such column".into(),
                    expected(),
                    format!("Add it ({add}), {elsewhere}."),
                ));
            };
            if found.generated {
                let remedy = format!("Make it an ordinary column, {elsewhere}.");
                return Err(mismatch(name, "a generated column".into(), expected(), remedy));
            }
            let Some(limit) = holds(&found.type_name, found.modifier, &column.ty) else {
                let alter =
                    format!("ALTER TABLE {target} ALTER COLUMN {} TYPE {}", quoted(&column.name), sql_type(&column.ty));
                let remedy = format!("Change its type ({alter}), {elsewhere}.");
                return Err(mismatch(name, found.declared.clone(), expected(), remedy));
            };
            if found.not_null && !column.required {
                let remedy = format!("Allow NULL in it, have the plugin require it, {elsewhere}.");
                return Err(mismatch(name, "NOT NULL".into(), "a column that may be NULL".into(), remedy));
            }
            limits.push(limit);
            types.push(found.declared.clone());
        }
        let needed = |c: &&FoundColumn| {
            c.not_null && !c.filled && !c.generated && !table.columns().iter().any(|t| t.name == c.name)
        };
        if let Some(extra) = self.columns.iter().find(needed) {
            let found = "NOT NULL without a default, and the plugin does not write it".to_owned();
            let remedy = format!("Give it a default, {elsewhere}.");
            return Err(mismatch(Some(&extra.name), found, "no such column, or one with a default".into(), remedy));
        }
        let collations = self.check_key(&target, table, elsewhere, mismatch)?;
        Ok(CheckedTable { state: TableState::Present { rows: None }, limits, types, collations })
    }

    fn check_key(
        &self,
        target: &str,
        table: &Table,
        elsewhere: &str,
        mismatch: impl Fn(Option<&str>, String, String, String) -> SinkError,
    ) -> Result<Vec<Option<String>>, SinkError> {
        let key: Vec<_> = key_columns(table).map(|c| c.name.as_str()).collect();
        let found: Vec<_> = key.iter().filter_map(|name| self.column(name)).collect();
        if let Some(loose) = found.iter().find(|c| !c.deterministic) {
            let remedy = format!("Give it a deterministic collation, such as \"C\", {elsewhere}.");
            let collation = loose.collation.as_deref().unwrap_or("its collation");
            let what = format!("collation {collation}, which takes different texts for equal");
            return Err(mismatch(Some(&loose.name), what, "a key that compares bytes".into(), remedy));
        }
        let is_key = |names: &Vec<String>| names.len() == key.len() && names.iter().all(|n| key.contains(&n.as_str()));
        if !key.is_empty() && !self.unique.iter().any(is_key) {
            let columns = key.iter().map(|k| quoted(k)).collect::<Vec<_>>().join(", ");
            let remedy = format!("Create it (CREATE UNIQUE INDEX ON {target} ({columns})), {elsewhere}.");
            let expected = format!("a unique index on ({columns}), so that no row comes twice");
            return Err(mismatch(None, "none".into(), expected, remedy));
        }
        Ok(found.iter().map(|c| c.collation.clone()).collect())
    }

    fn check_loads(&self, context: Context<'_>) -> Result<(), SinkError> {
        match LOADS_COLUMNS.iter().find(|(name, _)| self.column(name).is_none()) {
            None => Ok(()),
            Some((column, _)) => Err(mismatch(
                context,
                LOADS,
                Some(column),
                "no such column".into(),
                "the table that gristmill keeps its loads in".into(),
                "Rename the table that is there; gristmill then creates its own.".into(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_would_change_a_value_are_refused() {
        let string: DataType = Scalar::String.into();
        assert_eq!(holds("varchar", 68, &string), Some(ColumnLimit::Characters(64)));
        assert_eq!(holds("varchar", -1, &string), Some(ColumnLimit::None));
        // Pads with spaces.
        assert_eq!(holds("bpchar", 68, &string), None);
        let int: DataType = Scalar::Int64.into();
        assert_eq!(holds("int2", -1, &int), Some(ColumnLimit::Integers(-32_768, 32_767)));
        assert_eq!(holds("numeric", 0x0a_0002, &int), None);
        let double: DataType = Scalar::Float64.into();
        for name in ["float4", "numeric", "int8"] {
            assert_eq!(holds(name, -1, &double), None, "{name}");
        }
        let at: DataType = Scalar::Timestamp.into();
        assert_eq!(holds("timestamptz", 3, &at), None);
        assert_eq!(holds("timestamp", -1, &at), None);
    }
}
