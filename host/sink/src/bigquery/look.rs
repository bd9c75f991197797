//! A look at a table: queries that change nothing.

use async_trait::async_trait;

use super::address::Address;
use super::client::{Column, FoundTable};
use super::jobs::Jobs;
use super::retry::Patience;
use super::sql::{every_partition, quoted};
use super::{BigQuery, connect};
use crate::inspect::{Cells, Counts, Findings, Inspect, Newest, Questions, Repeated};
use crate::{Mismatch, SinkError};

/// Values that are counted at most.
const VALUES: u32 = 100;

#[async_trait]
impl Inspect for BigQuery {
    async fn inspect(&mut self, questions: &Questions) -> Result<Findings, SinkError> {
        let Some(table) = self.address.table.clone() else {
            let what = "it names no table: bigquery:PROJECT.DATASET.TABLE".to_owned();
            return Err(SinkError::Spec { spec: self.address.spec.clone(), what });
        };
        let jobs = connect(&self.address, &self.options).await?;
        let found = Patience::default().call(|| jobs.service.table(&table)).await;
        let found = found.map_err(|e| jobs.context.call("looking at the table", &e))?;
        Look { jobs: &jobs, address: &self.address, table: &table, found: &found }.answer(questions).await
    }
}

struct Look<'a> {
    jobs: &'a Jobs,
    address: &'a Address,
    table: &'a str,
    found: &'a FoundTable,
}

impl Look<'_> {
    async fn answer(&self, questions: &Questions) -> Result<Findings, SinkError> {
        let some = |name: &str| self.found.column(name);
        let by = match &questions.by {
            Some(name) => Some(self.column(name)?),
            None => some("source"),
        };
        let time = match &questions.time {
            Some(name) => Some(self.column(name)?),
            None => self.found.partition.as_ref().and_then(|p| some(&p.column)).or_else(|| some("event_ts")),
        };
        let key = if !questions.key.is_empty() {
            questions.key.iter().map(|name| self.column(name)).collect::<Result<Vec<_>, _>>()?
        } else if !self.found.primary_key.is_empty() {
            self.found.primary_key.iter().filter_map(|name| some(name)).collect()
        } else {
            some("insert_id").into_iter().collect()
        };
        let rows = self.rows("counting rows", &format!("SELECT COUNT(*) AS n FROM {}", self.from())).await?;
        Ok(Findings {
            place: self.address.place(),
            rows: rows.first().map_or(0, |row| number(row, 0)),
            counts: match by {
                Some(by) => Some(self.counts(by).await?),
                None => None,
            },
            newest: match time {
                Some(time) => Some(self.newest(&key, time, by, questions.limit).await?),
                None => None,
            },
            repeated: match key.as_slice() {
                [] => None,
                key => Some(self.repeated(key, questions.limit).await?),
            },
        })
    }

    async fn counts(&self, by: &Column) -> Result<Counts, SinkError> {
        let sql = format!(
            "SELECT v, COUNT(*) AS n FROM (SELECT {} AS v FROM {}) GROUP BY v ORDER BY n DESC, v LIMIT {VALUES}",
            text(by),
            self.from()
        );
        let rows = self.rows(&format!("counting rows by {}", by.name), &sql).await?;
        let values = rows.into_iter().map(|row| (row.first().cloned().flatten(), number(&row, 1))).collect();
        Ok(Counts { column: by.name.clone(), values })
    }

    async fn newest(
        &self,
        key: &[&Column],
        time: &Column,
        by: Option<&Column>,
        limit: u32,
    ) -> Result<Newest, SinkError> {
        let mut columns: Vec<&Column> = Vec::new();
        for column in key.iter().copied().chain([time]).chain(by) {
            if !columns.iter().any(|c| c.name == column.name) {
                columns.push(column);
            }
        }
        let shown: Vec<_> = columns.iter().enumerate().map(|(i, c)| format!("{} AS c{i}", text(c))).collect();
        // The key settles rows of one time, so that the answer is always the same.
        let order: Vec<_> = key.iter().map(|c| format!(", {}", text(c))).collect();
        let sql = format!(
            "SELECT {} FROM {} ORDER BY {} DESC{} LIMIT {limit}",
            shown.join(", "),
            self.from(),
            quoted(&time.name),
            order.concat()
        );
        let rows = self.rows("looking for the newest rows", &sql).await?;
        Ok(Newest { columns: columns.into_iter().map(|c| c.name.clone()).collect(), rows })
    }

    async fn repeated(&self, key: &[&Column], limit: u32) -> Result<Repeated, SinkError> {
        let columns: Vec<_> = key.iter().enumerate().map(|(i, c)| format!("{} AS c{i}", text(c))).collect();
        let names: Vec<_> = (0..key.len()).map(|i| format!("c{i}")).collect();
        let names = names.join(", ");
        let groups = format!(
            "SELECT {names}, COUNT(*) AS n FROM (SELECT {} FROM {}) GROUP BY {names} HAVING COUNT(*) > 1",
            columns.join(", "),
            self.from()
        );
        let doing = "looking for keys that are there more than once";
        let totals = self.rows(doing, &format!("SELECT COUNT(*) AS k, SUM(n - 1) AS s FROM ({groups})")).await?;
        let (keys, surplus) = totals.first().map_or((0, 0), |row| (number(row, 0), number(row, 1)));
        let examples = if keys == 0 {
            Vec::new()
        } else {
            self.rows(doing, &format!("{groups} ORDER BY n DESC, {names} LIMIT {limit}")).await?
        };
        let example = |mut row: Cells| {
            let n = number(&row, key.len());
            row.truncate(key.len());
            (row, n)
        };
        Ok(Repeated {
            key: key.iter().map(|c| c.name.clone()).collect(),
            keys,
            surplus,
            examples: examples.into_iter().map(example).collect(),
        })
    }

    /// The table after FROM, with a condition where it wants one.
    fn from(&self) -> String {
        let target = self.address.quoted(self.table);
        match self.found.partition.as_ref().filter(|_| self.found.wants_filter) {
            Some(partition) => format!("{target} WHERE {}", every_partition("", self.found, partition)),
            None => target,
        }
    }

    async fn rows(&self, doing: &str, sql: &str) -> Result<Vec<Cells>, SinkError> {
        let rows = Patience::default().call(|| self.jobs.service.query(&self.jobs.location, sql)).await;
        rows.map_err(|e| self.jobs.context.call(doing, &e))
    }

    fn column(&self, name: &str) -> Result<&Column, SinkError> {
        self.found.column(name).ok_or_else(|| {
            let names: Vec<_> = self.found.columns.iter().map(|c| c.name.as_str()).collect();
            SinkError::from(Mismatch {
                place: format!("BigQuery dataset {}.{}", self.address.project, self.address.dataset),
                table: self.table.to_owned(),
                column: Some(name.to_owned()),
                found: "no such column".to_owned(),
                expected: format!("one of {}", names.join(", ")),
                remedy: "Name a column of the table.".to_owned(),
            })
        })
    }
}

/// A column as text.
fn text(column: &Column) -> String {
    let name = quoted(&column.name);
    match column.ty.as_str() {
        "STRING" => name,
        "BYTES" => format!("TO_BASE64({name})"),
        "JSON" | "STRUCT" => format!("TO_JSON_STRING({name})"),
        _ => format!("CAST({name} AS STRING)"),
    }
}

fn number(row: &Cells, at: usize) -> u64 {
    row.get(at).and_then(|cell| cell.as_ref()?.parse().ok()).unwrap_or_default()
}
