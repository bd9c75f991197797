//! URIs of a load job to the objects they name.

use crate::bigquery::ObjectStore;
use crate::bigquery::refusal::Refusal;

/// A file to load.
#[derive(Debug)]
pub(super) struct Source {
    /// `None`: it came with the request.
    pub(super) uri: Option<String>,
    pub(super) bytes: Vec<u8>,
}

/// The objects behind URIs, in order, a wildcard's by name.
///
/// A `*` stands for any characters, also slashes; there is at most one, and none in the bucket
/// (<https://cloud.google.com/bigquery/docs/batch-loading-data#load-wildcards>). An object that two URIs name is loaded twice.
pub(super) fn resolve(uris: &[String], objects: &dyn ObjectStore) -> Result<Vec<Source>, Refusal> {
    let mut sources = Vec::new();
    for uri in uris {
        let (bucket, object) = split(uri)?;
        let missing = |kind: &str| Refusal::new("notFound", format!("Not found: {kind} {uri}")).at(uri.as_str());
        let source = |name: &str| {
            let uri = format!("gs://{bucket}/{name}");
            objects.get(bucket, name).map(|bytes| Source { uri: Some(uri), bytes })
        };
        match object.split_once('*') {
            None => sources.push(source(&object).filter(|_| !has_generation(&object)).ok_or_else(|| missing("URI"))?),
            Some((prefix, suffix)) => {
                let names = objects.list(bucket, prefix);
                let fits = |name: &&String| name.len() >= prefix.len() + suffix.len() && name.ends_with(suffix);
                let before = sources.len();
                sources.extend(names.iter().filter(fits).filter_map(|name| source(name)));
                if sources.len() == before {
                    return Err(missing("Uris"));
                }
            }
        }
    }
    Ok(sources)
}

/// Bucket and object of a URI. BigQuery reads several slashes in a row as one.
fn split(uri: &str) -> Result<(&str, String), Refusal> {
    let invalid = |what: &str| Refusal::invalid(format!("Invalid source URI {uri}: {what}")).at(uri);
    let path = uri.strip_prefix("gs://").ok_or_else(|| invalid("only gs:// is supported."))?;
    let (bucket, object) = path
        .split_once('/')
        .filter(|(b, o)| !b.is_empty() && !o.is_empty())
        .ok_or_else(|| invalid("it names no object."))?;
    if bucket.contains('*') {
        return Err(invalid("wildcards in the bucket name are not supported."));
    }
    if object.matches('*').count() > 1 {
        return Err(invalid("only one wildcard is supported."));
    }
    let parts: Vec<_> = object.split('/').collect();
    let last = parts.len() - 1;
    let parts = parts.iter().enumerate().filter(|(i, p)| !p.is_empty() || *i == last).map(|(_, p)| *p);
    Ok((bucket, parts.collect::<Vec<_>>().join("/")))
}

/// Whether a name ends in `#` and a number. BigQuery knows no generations: such a load fails.
fn has_generation(object: &str) -> bool {
    object.rsplit_once('#').is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}
