//! Stands in for Cloud Storage and BigQuery in tests: their rules, and their faults on demand.

pub mod bigquery;
pub mod storage;
