//! Types of columns: which are created, and what others hold.

use gristmill_record::{DataType, Scalar, Table};

use super::connect::Server;
use crate::limits::ColumnLimit;

/// How deep MariaDB's check of JSON goes (`JSON_DEPTH_LIMIT` of its source), and MySQL's reader of JSON.
const JSON_DEPTH_MARIADB: usize = 31;
const JSON_DEPTH_MYSQL: usize = 100;

/// The type of a column of a table that is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnType {
    /// In SQL.
    pub(super) sql: String,
    /// The type of the column that its values are staged in: the same, but for JSON, which is text until it is merged.
    pub(super) staged: String,
    /// What it cannot hold.
    pub(super) limit: ColumnLimit,
}

/// The types of a table's columns. Text and bytes of a key are bounded, as an index is: what it has room for is shared among them.
pub(super) fn column_types(table: &Table, server: &Server) -> Vec<ColumnType> {
    let key = || table.key().iter().filter_map(|i| table.columns().get(*i));
    let fixed: usize = key().filter_map(|c| key_width(&c.ty)).sum();
    let bounded = key().filter(|c| key_width(&c.ty).is_none()).count();
    let share = server.key_bytes().saturating_sub(fixed).checked_div(bounded).unwrap_or_default();
    let column = |(i, ty): (usize, &DataType)| match (table.key().contains(&i), ty) {
        (true, DataType::Scalar(Scalar::Bytes)) => {
            let sql = format!("varbinary({share})");
            ColumnType { staged: sql.clone(), sql, limit: ColumnLimit::Bytes(share) }
        }
        (true, ty) if key_width(ty).is_none() => {
            // Four bytes at most each.
            let sql = format!("varchar({})", share / 4);
            ColumnType { staged: sql.clone(), sql, limit: ColumnLimit::Characters(share / 4) }
        }
        (_, ty) => {
            let sql = sql_type(ty);
            let (staged, limit) =
                if sql == "json" { ("longtext", json_limit(server)) } else { (sql, ColumnLimit::None) };
            ColumnType { sql: sql.to_owned(), staged: staged.to_owned(), limit }
        }
    };
    table.columns().iter().map(|c| &c.ty).enumerate().map(column).collect()
}

/// The type of a column outside a key.
fn sql_type(ty: &DataType) -> &'static str {
    match ty {
        DataType::Scalar(Scalar::Boolean) => "tinyint(1)",
        DataType::Scalar(Scalar::Int64) => "bigint",
        DataType::Scalar(Scalar::Float64) => "double",
        // Six digits: with fewer it rounds. TIMESTAMP ends in 2038.
        DataType::Scalar(Scalar::Timestamp) => "datetime(6)",
        DataType::Scalar(Scalar::Date) => "date",
        DataType::Scalar(Scalar::String | Scalar::Reference) => "longtext",
        DataType::Scalar(Scalar::Bytes) => "longblob",
        DataType::Scalar(Scalar::Json) | DataType::List(_) | DataType::Struct(_) => "json",
    }
}

/// Bytes in an index of types that have a width: <https://dev.mysql.com/doc/refman/8.4/en/storage-requirements.html>.
fn key_width(ty: &DataType) -> Option<usize> {
    match ty {
        DataType::Scalar(Scalar::Boolean) => Some(1),
        DataType::Scalar(Scalar::Int64 | Scalar::Float64 | Scalar::Timestamp) => Some(8),
        DataType::Scalar(Scalar::Date) => Some(3),
        _ => None,
    }
}

fn json_limit(server: &Server) -> ColumnLimit {
    ColumnLimit::Json(if server.mariadb { JSON_DEPTH_MARIADB } else { JSON_DEPTH_MYSQL })
}

/// A column that is there, as `information_schema.COLUMNS` has it, names in lower case.
#[derive(Debug, Clone, Default)]
pub(super) struct Declared {
    /// `varchar`.
    pub(super) name: String,
    /// `varchar(64)`.
    pub(super) full: String,
    pub(super) characters: Option<u64>,
    pub(super) precision: Option<u32>,
    pub(super) scale: Option<u32>,
    pub(super) fraction: Option<u32>,
    pub(super) charset: Option<String>,
    pub(super) collation: Option<String>,
}

impl Declared {
    /// What this column holds of a plugin's type; `None`: not every value as it is.
    pub(super) fn holds(&self, ty: &DataType, server: &Server) -> Option<ColumnLimit> {
        let unsigned = self.full.contains("unsigned");
        let integers = |bits: u32| {
            let most = 1_i64 << (bits - 1);
            if unsigned { ColumnLimit::Integers(0, most * 2 - 1) } else { ColumnLimit::Integers(-most, most - 1) }
        };
        let unicode = self.charset.as_deref() == Some("utf8mb4");
        let length = || self.characters.and_then(|n| usize::try_from(n).ok());
        match (ty, self.name.as_str()) {
            (DataType::Scalar(Scalar::Boolean), "tinyint")
            | (DataType::Scalar(Scalar::Float64), "double")
            | (DataType::Scalar(Scalar::Date), "date")
            | (DataType::Scalar(Scalar::Bytes), "longblob") => Some(ColumnLimit::None),
            (DataType::Scalar(Scalar::Int64), "bigint") if unsigned => Some(ColumnLimit::Integers(0, i64::MAX)),
            (DataType::Scalar(Scalar::Int64), "bigint") => Some(ColumnLimit::None),
            (DataType::Scalar(Scalar::Int64), "int") => Some(integers(32)),
            (DataType::Scalar(Scalar::Int64), "mediumint") => Some(integers(24)),
            (DataType::Scalar(Scalar::Int64), "smallint") => Some(integers(16)),
            (DataType::Scalar(Scalar::Int64), "tinyint") => Some(integers(8)),
            (DataType::Scalar(Scalar::Int64), "decimal") if self.scale == Some(0) => {
                let most = 10_i64.checked_pow(self.precision?).map_or(i64::MAX, |n| n - 1);
                let least = if unsigned {
                    0
                } else if most == i64::MAX {
                    i64::MIN
                } else {
                    -most
                };
                Some(ColumnLimit::Integers(least, most))
            }
            (DataType::Scalar(Scalar::Timestamp), "datetime") if self.fraction == Some(6) => Some(ColumnLimit::None),
            (DataType::Scalar(Scalar::String | Scalar::Reference), "longtext") if unicode => Some(ColumnLimit::None),
            (DataType::Scalar(Scalar::String | Scalar::Reference), "varchar") if unicode => {
                Some(ColumnLimit::Characters(length()?))
            }
            (DataType::Scalar(Scalar::String | Scalar::Reference), "mediumtext" | "text" | "tinytext") if unicode => {
                Some(ColumnLimit::Bytes(blob_bytes(&self.name)))
            }
            // Bytes compare as bytes, and text is bytes.
            (DataType::Scalar(Scalar::String | Scalar::Reference | Scalar::Bytes), "varbinary") => {
                Some(ColumnLimit::Bytes(length()?))
            }
            (DataType::Scalar(Scalar::Bytes), "mediumblob" | "blob" | "tinyblob") => {
                Some(ColumnLimit::Bytes(blob_bytes(&self.name)))
            }
            (DataType::Scalar(Scalar::Json), "varchar") if unicode => Some(ColumnLimit::Characters(length()?)),
            // MariaDB's JSON is text with a check.
            (DataType::Scalar(Scalar::Json) | DataType::List(_) | DataType::Struct(_), "json") => {
                Some(json_limit(server))
            }
            (DataType::Scalar(Scalar::Json) | DataType::List(_) | DataType::Struct(_), "longtext") if unicode => {
                Some(json_limit(server))
            }
            _ => None,
        }
    }

    /// Whether two different texts are never taken for equal.
    pub(super) fn tells_apart(&self) -> bool {
        self.collation.as_deref().is_none_or(|c| c.ends_with("_nopad_bin") || c == "utf8mb4_0900_bin" || c == "binary")
    }
}

/// Bytes of the types whose length is in their name.
fn blob_bytes(name: &str) -> usize {
    match name {
        "tinytext" | "tinyblob" => 255,
        "text" | "blob" => 65_535,
        _ => 16_777_215,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(full: &str) -> Declared {
        let name = full.split(['(', ' ']).next().unwrap_or_default().to_owned();
        Declared { name, full: full.to_owned(), charset: Some("utf8mb4".into()), ..Declared::default() }
    }

    #[test]
    fn columns_that_would_change_a_value_are_refused() {
        let server = Server { mariadb: true, ..Server::default() };
        let (string, int, double): (DataType, DataType, DataType) =
            (Scalar::String.into(), Scalar::Int64.into(), Scalar::Float64.into());
        let at: DataType = Scalar::Timestamp.into();
        let holds = |declared: Declared, ty: &DataType| declared.holds(ty, &server);
        let varchar = Declared { characters: Some(64), ..declared("varchar(64)") };
        assert_eq!(holds(varchar.clone(), &string), Some(ColumnLimit::Characters(64)));
        assert_eq!(holds(Declared { charset: Some("latin1".into()), ..varchar }, &string), None);
        // Loses spaces at the end.
        assert_eq!(holds(declared("char(64)"), &string), None);
        assert_eq!(holds(declared("smallint(6)"), &int), Some(ColumnLimit::Integers(-32_768, 32_767)));
        assert_eq!(holds(declared("int(10) unsigned"), &int), Some(ColumnLimit::Integers(0, 4_294_967_295)));
        assert_eq!(holds(declared("bigint(20) unsigned"), &int), Some(ColumnLimit::Integers(0, i64::MAX)));
        let decimal = |p, s| Declared { precision: Some(p), scale: Some(s), ..declared("decimal") };
        assert_eq!(holds(decimal(3, 0), &int), Some(ColumnLimit::Integers(-999, 999)));
        assert_eq!(holds(decimal(30, 0), &int), Some(ColumnLimit::Integers(i64::MIN, i64::MAX)));
        assert_eq!(holds(decimal(30, 2), &int), None);
        for full in ["float", "decimal(10,0)", "bigint(20)"] {
            assert_eq!(holds(declared(full), &double), None, "{full}");
        }
        assert_eq!(holds(Declared { fraction: Some(3), ..declared("datetime(3)") }, &at), None);
        assert_eq!(holds(Declared { fraction: Some(6), ..declared("timestamp(6)") }, &at), None);
    }

    #[test]
    fn collations_that_fill_with_spaces_take_texts_for_equal() {
        let with = |collation: &str| Declared { collation: Some(collation.into()), ..declared("varchar(64)") };
        for collation in ["utf8mb4_nopad_bin", "utf8mb4_0900_bin"] {
            assert!(with(collation).tells_apart(), "{collation}");
        }
        for collation in ["utf8mb4_bin", "ascii_bin", "utf8mb4_general_ci", "utf8mb4_nopad_ci", "utf8mb4_0900_ai_ci"] {
            assert!(!with(collation).tells_apart(), "{collation}");
        }
    }
}
