//! Words that are no names unless they stand in backticks.

use sqlparser::ast::Ident;

use super::context::place;
use crate::bigquery::refusal::Refusal;

/// <https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#reserved_keywords>. The parser takes many of them as names.
const RESERVED: &str = " ALL AND ANY ARRAY AS ASC ASSERT_ROWS_MODIFIED AT BETWEEN BY CASE CAST COLLATE CONTAINS CREATE CROSS CUBE CURRENT \
    DEFAULT DEFINE DESC DISTINCT ELSE END ENUM ESCAPE EXCEPT EXCLUDE EXISTS EXTRACT FALSE FETCH FOLLOWING FOR FROM FULL GROUP GROUPING \
    GROUPS HASH HAVING IF IGNORE IN INNER INTERSECT INTERVAL INTO IS JOIN LATERAL LEFT LIKE LIMIT LOOKUP MERGE NATURAL NEW NO NOT NULL \
    NULLS OF ON OR ORDER OUTER OVER PARTITION PRECEDING PROTO QUALIFY RANGE RECURSIVE RESPECT RIGHT ROLLUP ROWS SELECT SET SOME STRUCT \
    TABLESAMPLE THEN TO TREAT TRUE UNBOUNDED UNION UNNEST USING WHEN WHERE WINDOW WITH WITHIN ";

/// Refuses a reserved word as the name of something. Behind a dot they are allowed.
pub(super) fn check(name: &Ident) -> Result<(), Refusal> {
    let upper = name.value.to_ascii_uppercase();
    if name.quote_style.is_none() && RESERVED.contains(&format!(" {upper} ")) {
        return Err(Refusal::invalid_query(format!("Syntax error: Unexpected keyword {upper}{}", place(name.span))));
    }
    Ok(())
}
