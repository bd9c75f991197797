//! `gristmill export ls` and `gristmill export cat`.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};

use gristmill_pipeline::documents::each_document;
use gristmill_source::ProofState;
use serde_json::json;

use crate::args::{CatArgs, Cli, ExportArgs};
use crate::error::CliError;
use crate::job::find;
use crate::text::{count, table};

/// Lists the collections of an export.
pub(crate) fn ls(cli: &Cli, args: &ExportArgs) -> Result<(), CliError> {
    let input = find(args, false)?;
    let mut collections: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let seen = each_document(&input, None, |document| {
        let (documents, bytes) = collections.entry(collection_of(document.name)).or_default();
        *documents += 1;
        *bytes += document.json.len() as u64;
        Ok(true)
    })?;
    let mut out = std::io::stdout().lock();
    if cli.json {
        let list: Vec<_> = collections
            .iter()
            .map(
                |(path, (documents, bytes))| json!({ "collection": path, "documents": documents, "json_bytes": bytes }),
            )
            .collect();
        let proofs: Vec<_> = seen
            .proofs
            .iter()
            .map(|p| json!({ "export": p.export, "documents": p.documents, "proven": p.is_proven() }))
            .collect();
        let all = json!({ "documents": seen.records, "files": input.files.len(), "bytes": input.bytes(),
            "collections": list, "exports": proofs });
        return writeln!(out, "{all}").map_err(CliError::Stdout);
    }
    let rows: Vec<_> = collections
        .iter()
        .map(|(path, (documents, bytes))| {
            vec![count(*documents), indicatif::HumanBytes(*bytes).to_string(), path.clone()]
        })
        .collect();
    let text = if rows.is_empty() {
        "  no documents\n".to_owned()
    } else {
        table(&["documents", "as JSON", "collection"], &rows, &[true, true, false])
    };
    out.write_all(text.as_bytes()).map_err(CliError::Stdout)?;
    let files = input.files.len();
    eprintln!("{} documents in {files} file{}", count(seen.records), if files == 1 { "" } else { "s" });
    for proof in &seen.proofs {
        match &proof.state {
            ProofState::Proven(_) => {
                eprintln!("complete: {}: documents and bytes are what its metadata says", proof.export)
            }
            ProofState::Unproven(why) => eprintln!("not proven complete: {}: {why}", proof.export),
        }
    }
    if seen.legacy_values > 0 {
        eprintln!("{} values of Datastore mode were read as plain values", count(seen.legacy_values));
    }
    Ok(())
}

/// The path of a document's collection with `*` for each document id: `teams/*/reports`.
fn collection_of(name: &str) -> String {
    let path = name.split_once("/documents/").map_or(name, |(_, path)| path);
    let segments: Vec<_> = path.split('/').enumerate().map(|(i, s)| if i % 2 == 0 { s } else { "*" }).collect();
    segments.get(..segments.len().saturating_sub(1)).unwrap_or_default().join("/")
}

/// Prints documents.
pub(crate) fn cat(args: &CatArgs) -> Result<(), CliError> {
    let input = find(&args.export, false)?;
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let limit = args.limit.unwrap_or(u64::MAX);
    let mut left = limit;
    let mut failed = None;
    if left == 0 {
        return Ok(());
    }
    let outcome = each_document(&input, args.documents.clone(), |document| {
        let written = out.write_all(document.json.as_bytes()).and_then(|()| out.write_all(b"\n"));
        if let Err(error) = written {
            failed = Some(error);
            return Ok(false);
        }
        left -= 1;
        Ok(left > 0)
    });
    // What was read before an error is shown all the same.
    let flushed = out.flush();
    match (outcome, failed, flushed) {
        (Ok(seen), None, Ok(())) => {
            if let (Some(pattern), true) = (&args.documents, left == limit) {
                eprintln!("none of {} documents matches {pattern}", count(seen.records));
            }
            Ok(())
        }
        (Err(error), ..) => Err(error.into()),
        (_, Some(error), _) | (_, _, Err(error)) => Err(CliError::Stdout(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collections_forget_ids() {
        let name = "projects/p/databases/(default)/documents/teams/a/reports/b";
        assert_eq!(collection_of(name), "teams/*/reports");
        assert_eq!(collection_of("projects/p/databases/d/documents/teams/a"), "teams");
    }
}
