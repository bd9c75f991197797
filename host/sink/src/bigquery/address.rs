//! `bigquery:PROJECT.DATASET` and `bigquery:PROJECT.DATASET.TABLE`.

use gristmill_record::Table;

use crate::SinkError;

/// Characters of a name of a dataset or table at most.
const NAME: usize = 1_024;

/// A dataset, and the one table of it that is written, where it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// As it was written, with the kind before it.
    pub(super) spec: String,
    pub(super) project: String,
    pub(super) dataset: String,
    /// The plugin's table goes there; otherwise its tables go to tables of their own names.
    pub(super) table: Option<String>,
}

impl Address {
    /// What stands after `bigquery:`; what is wrong with it otherwise.
    pub(super) fn parse(rest: &str) -> Result<Self, String> {
        const FORM: &str = "write bigquery:PROJECT.DATASET or bigquery:PROJECT.DATASET.TABLE";
        // Projects of organisations that came early have their domain before a colon: `example.com:project`.
        let (domain, path) = match rest.split_once(':') {
            Some((domain, path)) if domain.contains('.') => (format!("{domain}:"), path),
            Some((project, path)) => {
                return Err(format!("there is a colon after the project; {FORM}, such as bigquery:{project}.{path}"));
            }
            None => (String::new(), rest),
        };
        let mut parts = path.split('.');
        let (Some(project), Some(dataset), table, None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(format!("it is not two or three names with points between them; {FORM}"));
        };
        if project.is_empty() || !project.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return Err(format!(
                "`{project}` is no id of a project, which has lower-case letters, digits and `-`; {FORM}"
            ));
        }
        let fits = |name: &str, more: &[u8]| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || more.contains(&b);
            (1..=NAME).contains(&name.len()) && name.bytes().all(plain)
        };
        if !fits(dataset, b"") {
            return Err(format!("`{dataset}` is no name of a dataset, which has letters, digits and `_`; {FORM}"));
        }
        if let Some(table) = table.filter(|table| !fits(table, b"-")) {
            return Err(format!("`{table}` is no name of a table, which has letters, digits, `_` and `-`; {FORM}"));
        }
        Ok(Self {
            spec: format!("bigquery:{rest}"),
            project: format!("{domain}{project}"),
            dataset: dataset.to_owned(),
            table: table.map(str::to_owned),
        })
    }

    /// What it is, for people.
    pub(super) fn place(&self) -> String {
        let Self { project, dataset, .. } = self;
        match &self.table {
            Some(table) => format!("BigQuery table {project}.{dataset}.{table}"),
            None => format!("BigQuery dataset {project}.{dataset}"),
        }
    }

    /// A table in SQL.
    pub(super) fn quoted(&self, table: &str) -> String {
        format!("`{}.{}.{table}`", self.project, self.dataset)
    }

    /// The names of the tables that these tables of a plugin go to.
    pub(super) fn targets(&self, tables: &[Table]) -> Result<Vec<String>, SinkError> {
        match (&self.table, tables) {
            (None, tables) => Ok(tables.iter().map(|t| t.name().to_owned()).collect()),
            (Some(table), [_]) => Ok(vec![table.clone()]),
            (Some(_), tables) => {
                let names: Vec<_> = tables.iter().map(Table::name).collect();
                let what = format!(
                    "it names one table, and the plugin writes {}: {}; name the dataset alone, bigquery:{}.{}",
                    tables.len(),
                    names.join(", "),
                    self.project,
                    self.dataset
                );
                Err(SinkError::Spec { spec: self.spec.clone(), what })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_are_taken_apart() {
        let parts = |text: &str| Address::parse(text).map(|a| (a.project, a.dataset, a.table)).unwrap();
        let some = |t: &str| Some(t.to_owned());
        assert_eq!(parts("my-project.reports"), ("my-project".into(), "reports".into(), None));
        assert_eq!(parts("p1.d.quality_stream"), ("p1".into(), "d".into(), some("quality_stream")));
        assert_eq!(parts("example.com:p.d.t-1"), ("example.com:p".into(), "d".into(), some("t-1")));
        assert_eq!(Address::parse("p.d.t").unwrap().quoted("t"), "`p.d.t`");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, part) in [
            ("", "not two or three names"),
            ("p", "not two or three names"),
            ("p.d.t.x", "not two or three names"),
            ("p:d.t", "such as bigquery:p.d.t"),
            ("P.d", "no id of a project"),
            ("p.d-e", "no name of a dataset"),
            ("p.d.t$20240101", "no name of a table"),
            ("p.d.", "no name of a table"),
            ("p.`d`.t", "no name of a dataset"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
