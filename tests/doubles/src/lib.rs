//! Stands in for Cloud Storage and BigQuery in tests: their rules, and their faults on demand.

pub mod bigquery;
pub mod storage;

/// The two of one project: load jobs read what lies in the buckets.
impl bigquery::ObjectStore for storage::Objects {
    fn get(&self, bucket: &str, object: &str) -> Option<Vec<u8>> {
        self.get(bucket, object).map(Vec::from)
    }

    fn list(&self, bucket: &str, prefix: &str) -> Vec<String> {
        self.list(bucket, prefix)
    }
}
