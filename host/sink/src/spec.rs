//! `--to`: text to sink.

use gristmill_storage::Address;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{BigQuery, MySql, Ndjson, OpenOptions, Parquet, Postgres, Sink, SinkError, Sqlite};

/// The destination where nothing is said.
pub const DEFAULT_SPEC: &str = "sqlite:";

/// The database of `sqlite:` alone.
const DEFAULT_DATABASE: &str = "gristmill.db";

/// The sink of `sqlite:FILE`, `parquet:DIR`, `parquet:gs://BUCKET/PREFIX`, `ndjson:FILE`, `ndjson:-`, `postgresql://…`, `mysql://…` or
/// `bigquery:…`; `sqlite:` alone is `sqlite:gristmill.db`. Touches nothing.
pub fn open(spec: &str, options: OpenOptions) -> Result<Box<dyn Sink>, SinkError> {
    let fail = |what: String| SinkError::Spec { spec: without_password(spec), what };
    let known = "the kinds are sqlite, parquet, ndjson, postgresql, mysql and bigquery";
    let Some((scheme, rest)) = spec.split_once(':') else {
        return Err(fail(match spec {
            "sqlite" | "parquet" | "ndjson" => "after the kind comes `:` and where to write".into(),
            _ => format!("it has no kind before a `:`; {known}"),
        }));
    };
    if rest.contains('\0') {
        return Err(fail("a path cannot have a NUL byte".into()));
    }
    match (scheme, rest) {
        ("sqlite", "") => Ok(Box::new(Sqlite::new(DEFAULT_DATABASE))),
        ("sqlite", ":memory:") => Err(fail("a database in memory is gone when the run ends".into())),
        ("sqlite" | "ndjson", path) if Address::is_one(path) => Err(fail(format!(
            "{scheme} is written to files of this machine; parquet:gs://BUCKET/PREFIX goes to a bucket"
        ))),
        ("sqlite", file) => Ok(Box::new(Sqlite::new(file))),
        ("parquet", "") => Err(fail("the folder is missing: parquet:DIR".into())),
        ("parquet", address) if Address::is_one(address) => {
            let sink = address.parse().and_then(|address| Parquet::in_bucket(address, None, &options));
            sink.map(|sink| Box::new(sink) as Box<dyn Sink>).map_err(fail)
        }
        ("parquet", dir) => Ok(Box::new(Parquet::new(dir))),
        ("ndjson", "") => Err(fail("the file is missing: ndjson:FILE, or ndjson:- for standard output".into())),
        ("ndjson", "-") => Ok(Box::new(Ndjson::stdout())),
        ("ndjson", file) => Ok(Box::new(Ndjson::file(file))),
        ("postgresql" | "postgres", _) => {
            Postgres::new(spec, &options).map(|sink| Box::new(sink) as Box<dyn Sink>).map_err(fail)
        }
        ("bigquery", "") => Err(fail("the table is missing: bigquery:PROJECT.DATASET.TABLE".into())),
        ("bigquery", rest) => BigQuery::new(rest, options).map(|sink| Box::new(sink) as Box<dyn Sink>).map_err(fail),
        ("mysql" | "mariadb", _) => {
            MySql::new(spec, &options).map(|sink| Box::new(sink) as Box<dyn Sink>).map_err(fail)
        }
        _ => Err(fail(format!("there is no kind `{scheme}`; {known}"))),
    }
}

/// The address of a database server with a password in it, which [`open`] shows to nobody.
///
/// # Errors
/// Where the destination is no server, has a password, or names no user that it could be of.
pub fn with_password(spec: &str, password: &str) -> Result<String, SinkError> {
    let fail = |what: &str| SinkError::Spec { spec: without_password(spec), what: what.to_owned() };
    let (scheme, rest) = spec.split_once("://").ok_or_else(|| fail("it takes no password"))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, host) = authority.rsplit_once('@').ok_or_else(|| fail("a password needs a user: USER@HOST"))?;
    if user.contains(':') {
        return Err(fail("it has a password already, and another one is given"));
    }
    let password = utf8_percent_encode(password, NON_ALPHANUMERIC);
    Ok(format!("{scheme}://{user}:{password}@{host}{path}"))
}

/// What was written, as it may be shown: with `…` in the place of a password.
pub fn without_password(spec: &str) -> String {
    let Some((scheme, rest)) = spec.split_once("://") else { return spec.to_owned() };
    // Words such as `--to=mysql://…` are shown as well.
    let is_server = SERVERS.iter().any(|server| scheme.ends_with(server));
    let (before, query) = rest.split_once('?').map_or((rest, None), |(before, query)| (before, Some(query)));
    let end = before.find('/').unwrap_or(before.len());
    let authority = before.get(..end).unwrap_or_default();
    // Drivers take what stands before the `@` for the user and the password, also where a `/` or a `?` in it should have been written as %2F or %3F.
    let at = authority.rfind('@').or_else(|| rest.find('@').filter(|_| is_server && rest.contains(':')));
    let hidden = at.and_then(|at| {
        let (user, _) = rest.get(..at)?.split_once(':')?;
        Some(format!("{scheme}://{user}:{HIDDEN}{}", rest.get(at..)?))
    });
    let shown = hidden.unwrap_or_else(|| spec.to_owned());
    match (is_server && query.is_some()).then(|| shown.split_once('?')).flatten() {
        Some((before, query)) => {
            let pair = |pair: &str| match pair.split_once('=') {
                Some((name, _)) if name.eq_ignore_ascii_case("password") => format!("{name}={HIDDEN}"),
                _ => pair.to_owned(),
            };
            format!("{before}?{}", query.split('&').map(pair).collect::<Vec<_>>().join("&"))
        }
        None => shown,
    }
}

/// Whether a password stood in what [`without_password`] made this of.
pub fn lacks_password(shown: &str) -> bool {
    shown.contains(&format!(":{HIDDEN}@")) || shown.contains(&format!("={HIDDEN}"))
}

/// What stands in the place of a password.
const HIDDEN: char = '…';
/// Schemes of addresses that may have one.
const SERVERS: [&str; 4] = ["postgresql", "postgres", "mysql", "mariadb"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_it_opens() {
        for (spec, text) in [
            ("sqlite:", "SQLite database gristmill.db"),
            ("sqlite:a:b.db", "SQLite database a:b.db"),
            ("parquet:out", "Parquet folder out"),
            ("parquet:gs://my-bucket/reports/", "Parquet data set gs://my-bucket/reports"),
            ("ndjson:rows.ndjson", "NDJSON file rows.ndjson"),
            ("ndjson:-", "NDJSON on standard output"),
        ] {
            assert_eq!(open(spec, OpenOptions::default()).map(|s| s.describe()).unwrap(), text, "{spec}");
        }
    }

    #[test]
    fn a_password_becomes_a_part_of_the_address() {
        let with = |spec: &str| with_password(spec, "a/b@c:d é").map_err(|e| e.to_string());
        let wanted = "mysql://ann:a%2Fb%40c%3Ad%20%C3%A9@h:1/d?ssl-mode=REQUIRED";
        assert_eq!(with("mysql://ann@h:1/d?ssl-mode=REQUIRED").unwrap(), wanted);
        for (spec, part) in [
            ("sqlite:a.db", "takes no password"),
            ("postgresql://h/d", "needs a user"),
            ("postgresql://ann:secret@h/d", "`postgresql://ann:…@h/d` is no destination: it has a password already"),
        ] {
            let error = with(spec).unwrap_err();
            assert!(error.contains(part) && !error.contains("secret") && !error.contains("a/b"), "{spec}: {error}");
        }
    }

    #[test]
    fn no_password_is_shown() {
        for (spec, shown) in [
            ("postgresql://ann:se@cret@h:1/d", "postgresql://ann:…@h:1/d"),
            ("postgresql://ann:se/cret@h/d", "postgresql://ann:…@h/d"),
            ("--to=postgres://ann:se?cret@h/d?sslmode=require", "--to=postgres://ann:…@h/d?sslmode=require"),
            ("postgresql://h/d?user=ann&password=secret", "postgresql://h/d?user=ann&password=…"),
            ("mysql://ann:secret@h/d?Password=secret&x=1", "mysql://ann:…@h/d?Password=…&x=1"),
        ] {
            assert_eq!(without_password(spec), shown);
            assert!(lacks_password(shown));
        }
        for spec in ["postgresql://ann@h:5/d", "postgresql://h:5/d", "https://h/a?password=b", "a:b@c", "sqlite:q.db"] {
            assert_eq!(without_password(spec), spec);
            assert!(!lacks_password(spec));
        }
    }

    #[test]
    fn says_what_is_missing() {
        for (spec, part) in [
            ("oracle:x", "no kind `oracle`; the kinds are sqlite, parquet, ndjson, postgresql, mysql and bigquery"),
            ("bigquery:x", "not two or three names"),
            ("bigquery:", "bigquery:PROJECT.DATASET.TABLE"),
            ("bigquery:p.d.t", "--staging gs://BUCKET/FOLDER"),
            ("reports.db", "no kind before"),
            ("parquet", "comes `:`"),
            ("parquet:", "parquet:DIR"),
            ("ndjson:", "ndjson:FILE"),
            ("parquet:gs://", "`` is no name of a bucket"),
            ("parquet:gs://bucket/a/../b", "a part of its name is empty, `.` or `..`"),
            ("sqlite:gs://bucket/a.db", "sqlite is written to files of this machine"),
            ("sqlite::memory:", "gone when the run ends"),
            ("sqlite:a\0b", "NUL"),
            ("mysql://ann:secret@h", "`mysql://ann:…@h` is no destination: it names no database"),
            ("postgresql://ann:secret@/d", "`postgresql://ann:…@/d` is no destination"),
        ] {
            let error = open(spec, OpenOptions::default()).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(error.contains(part) && !error.contains("secret"), "{spec}: {error}");
        }
    }
}
