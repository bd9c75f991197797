//! From the staging tables into those that are read.

use gristmill_record::Table;

use super::load::Loading;
use super::quoted;
use super::schema::{NUMBER, key_columns};
use crate::server::{Pace, Pacing};
use crate::{OnConflict, SinkError, TableCount};

/// Rows that are merged by a statement, where there are to be rests in between.
const SLICE: u32 = 5_000;

/// The statement that inserts staged rows. Rows that are there and equal are not touched; of others the server changes the
/// columns that differ.
pub(super) fn merge_sql(
    table: &Table,
    source: &str,
    clause: &str,
    guard: Option<&str>,
    on_conflict: OnConflict,
) -> String {
    let target = quoted(table.name());
    let all: Vec<_> = table.columns().iter().map(|c| quoted(&c.name)).collect();
    let staged: Vec<_> = all.iter().map(|c| format!("staged.{c}")).collect();
    let key: Vec<_> = key_columns(table).map(|c| quoted(&c.name)).collect();
    let insert = format!(
        "INSERT INTO {target} ({}) SELECT {} FROM {source} AS staged {clause}",
        all.join(", "),
        staged.join(", ")
    );
    let Some(first) = key.first() else { return insert };
    // The row that was met has another key: it was met by another unique index, and is not ours to change.
    let mut set = vec![match guard.map(quoted) {
        Some(guard) => {
            let same: Vec<_> = key.iter().map(|k| format!("{target}.{k} <=> VALUES({k})")).collect();
            format!("{guard} = IF({}, {target}.{guard}, NULL)", same.join(" AND "))
        }
        None => format!("{first} = {target}.{first}"),
    }];
    if on_conflict == OnConflict::Update {
        let others = all.iter().enumerate().filter(|(i, _)| !table.key().contains(i));
        set.extend(others.map(|(_, c)| format!("{c} = VALUES({c})")));
    }
    format!("{insert} ON DUPLICATE KEY UPDATE {}", set.join(", "))
}

/// `ORDER BY` the key: rows come in the order in which the index has them.
fn in_order(table: &Table) -> String {
    let key: Vec<_> = key_columns(table).map(|c| format!("staged.{}", quoted(&c.name))).collect();
    if key.is_empty() { String::new() } else { format!("ORDER BY {}", key.join(", ")) }
}

/// The staging table of a table of the load.
pub(super) fn staging(index: usize) -> String {
    format!("`_gristmill_{index}`")
}

/// Its rows in order, by number.
fn sorted(index: usize) -> String {
    format!("`_gristmill_sorted_{index}`")
}

impl Loading {
    /// Where rests are asked for: puts rows in order and gives them numbers, so that they can be merged piece by piece. Before the
    /// transaction, as it touches nothing that is read.
    pub(super) async fn sort(&mut self, pacing: Pacing) -> Result<(), SinkError> {
        if pacing == Pacing::default() {
            return Ok(());
        }
        for (index, table) in self.load.tables.clone().iter().enumerate() {
            let doing = format!("sorting rows for table {}", table.name());
            self.connection.run(&doing, &format!("DROP TEMPORARY TABLE IF EXISTS {}", sorted(index))).await?;
            let sql = self.staging_sql(index, &sorted(index), true)?;
            self.connection.run(&doing, &sql).await?;
            let all: Vec<_> = table.columns().iter().map(|c| quoted(&c.name)).collect();
            let sql = format!(
                "INSERT INTO {} ({all}) SELECT {all} FROM {} AS staged {}",
                sorted(index),
                staging(index),
                in_order(table),
                all = all.join(", "),
            );
            self.connection.bring(&doing, &sql).await?;
        }
        Ok(())
    }

    /// Merges the rows of a table.
    pub(super) async fn merge_table(
        &mut self,
        index: usize,
        table: &Table,
        pacing: Pacing,
    ) -> Result<TableCount, SinkError> {
        let Some(state) = self.tables.get(index) else {
            return Err(SinkError::Order("the load has no table of this index"));
        };
        let (written, guard) = (state.written, state.checked.guard.clone());
        if state.repeated.is_some() {
            return Ok(TableCount { already: written, ..TableCount::default() });
        }
        let doing = format!("merging rows into table {}", table.name());
        let mut count = TableCount::default();
        let on_conflict = self.load.on_conflict;
        if pacing == Pacing::default() {
            let sql = merge_sql(table, &staging(index), &in_order(table), guard.as_deref(), on_conflict);
            self.merge_piece(&doing, &sql, written, &mut count).await?;
            return Ok(count);
        }
        let slice = u64::from(pacing.max_rate.unwrap_or(SLICE).clamp(1, SLICE));
        let (mut pace, mut from) = (Pace::new(pacing), 0);
        while from < written {
            let to = (from + slice).min(written);
            let clause = format!("WHERE {NUMBER} > {from} AND {NUMBER} <= {to} ORDER BY {NUMBER}");
            let sql = merge_sql(table, &sorted(index), &clause, guard.as_deref(), on_conflict);
            self.merge_piece(&doing, &sql, to - from, &mut count).await?;
            from = to;
            if from < written {
                pace.rest(slice).await;
            }
        }
        Ok(count)
    }

    /// Runs one statement. Its answer is the account: rows that it went through, those that it changed, and how often it wrote: once for a
    /// new row, twice for one that it changed, not at all for one that was equal. A count of our own could be wrong before it is used.
    async fn merge_piece(
        &mut self,
        doing: &str,
        sql: &str,
        rows: u64,
        count: &mut TableCount,
    ) -> Result<(), SinkError> {
        if rows == 0 {
            return Ok(());
        }
        let done = self.connection.bring(doing, sql).await?;
        let inserted = done.affected.checked_sub(done.duplicates * 2);
        let already = inserted.and_then(|n| rows.checked_sub(n + done.duplicates));
        let (Some(inserted), Some(already)) = (inserted, already) else {
            return Err(self.miscounted(doing, rows, done));
        };
        if done.records != rows {
            return Err(self.miscounted(doing, rows, done));
        }
        count.inserted += inserted;
        count.updated += done.duplicates;
        count.already += already;
        Ok(())
    }
}
