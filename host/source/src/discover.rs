//! From what a person names to what is read.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gristmill_storage::{Address, Credentials, StorageError};

use crate::bucket::Bucket;
use crate::export::{Builder, regular};
use crate::metadata::{FIREBASE_NAME, KIND_SUFFIX, OVERALL_SUFFIX, is_metadata, read_firebase};
use crate::scan::{self, is_output, relative_name};
use crate::sniff::Content;
use crate::store::{Entry, Store};
use crate::{Format, Input, SourceError};

/// Skipped files that are named one by one in warnings.
const NAMED_WARNINGS: usize = 5;

/// How strict [`discover`] is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DiscoverOptions {
    /// Take an export that is not complete, or cannot be shown to be, with a warning instead of an error.
    pub allow_partial: bool,
    /// Who we are to Cloud Storage.
    pub credentials: Credentials,
    /// All of it is going to be read, by [`Ahead`](crate::Ahead): objects are fetched while they are looked at.
    pub whole: bool,
}

/// Finds what `spec` names: a metadata file, a data file, a folder, or a glob pattern.
///
/// * An `.overall_export_metadata` file, the folder that holds it, or the folder (or `firebase-export-metadata.json`) of `firebase emulators:export`: that export.
/// * An `.export_metadata` file or its folder: that set of documents.
/// * A folder with exports anywhere below it: all of them, and nothing else that lies there.
/// * A folder without exports: the JSON files anywhere below it.
/// * A pattern: the files that it matches, or all that is below the folders that it matches where it matches no file.
/// * Any other file: that file, if it is a LevelDB log or JSON.
///
/// Every file's beginning is looked at, but for objects that are many and named alike: those are looked at when they are read. No record is decoded.
pub fn discover(spec: &str, options: &DiscoverOptions) -> Result<Input, SourceError> {
    if Address::is_one(spec) {
        return in_bucket(spec, options);
    }
    if let Some((scheme, _)) = spec.split_once("://")
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric())
    {
        return Err(SourceError::Scheme { spec: spec.to_owned() });
    }
    within(&Store::Local, spec, options)
}

/// The same for objects, which are listed first.
fn in_bucket(spec: &str, options: &DiscoverOptions) -> Result<Input, SourceError> {
    let bad = |what| StorageError::Address { spec: spec.to_owned(), what };
    // Of a pattern the bucket lists what is below the folder in front of it; of a metadata file what lies around it, as its data does.
    let listed = if scan::is_pattern(spec) {
        format!("{}/", scan::literal_folder(spec))
    } else if [OVERALL_SUFFIX, KIND_SUFFIX, FIREBASE_NAME].iter().any(|end| spec.ends_with(end)) {
        format!("{}/", spec.rsplit_once('/').map_or(spec, |(folder, _)| folder))
    } else {
        spec.trim_end_matches('/').to_owned()
    };
    let prefix: Address = listed.parse().map_err(bad)?;
    let (bucket, mut warnings) = Bucket::list(&options.credentials, &prefix)?;
    let bucket = Arc::new(bucket);
    let store = Store::Bucket(Arc::clone(&bucket));
    bucket.look(&store, candidates(&store, &bucket, spec), options.whole);
    let input = within(&store, spec.trim_end_matches('/'), options);
    bucket.looks().metadata.clear();
    let mut input = input?;
    input.warnings.append(&mut warnings);
    Ok(input)
}

/// What of the listed objects may be read, in the order of their names. Whatever is wrong with the specification is told by whoever reads it.
fn candidates(store: &Store, bucket: &Bucket, spec: &str) -> Vec<PathBuf> {
    let path = Path::new(spec.trim_end_matches('/'));
    let listed = || bucket.below(Path::new(Address::SCHEME), |_| true).files;
    // The data of an export lies around its metadata.
    if is_metadata(path) {
        return listed();
    }
    if !scan::is_pattern(spec) {
        return if store.is_file(path) { vec![path.to_owned()] } else { bucket.below(path, |_| true).files };
    }
    let matched = scan::matching(store, spec).map(|(_, matched)| matched).unwrap_or_default();
    if matched.files.iter().any(|path| is_metadata(path)) {
        return listed();
    }
    if !matched.files.is_empty() {
        return matched.files;
    }
    let folders: HashSet<_> = matched.folders.iter().map(PathBuf::as_path).collect();
    listed().into_iter().filter(|path| path.ancestors().any(|folder| folders.contains(folder))).collect()
}

fn within(store: &Store, spec: &str, options: &DiscoverOptions) -> Result<Input, SourceError> {
    let path = Path::new(spec);
    match store.entry(path) {
        Ok(Entry::Folder) => {
            let files = store.walk(path)?.files;
            let mut scan = Scan::new(store, path, options);
            scan.add(files, Scope::Folder)?;
            scan.finish("there is no data file below", path)
        }
        Ok(_) => file(store, path, options),
        // Something is there, but it leads nowhere.
        Err(error) if !store.is_missing(path) => Err(SourceError::unreadable(path, error)),
        Err(_) if scan::is_pattern(spec) => pattern(store, spec, options),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(scan::not_found(store, path))
        }
        Err(error) => Err(SourceError::unreadable(path, error)),
    }
}

fn pattern(store: &Store, spec: &str, options: &DiscoverOptions) -> Result<Input, SourceError> {
    let (root, matched) = scan::matching(store, spec)?;
    let mut scan = Scan::new(store, &root, options);
    if !matched.files.is_empty() {
        let scope = if spec.ends_with(KIND_SUFFIX) { Scope::KindFiles } else { Scope::Files };
        scan.add(matched.files, scope)?;
    } else {
        let mut files = Vec::new();
        for folder in matched.folders {
            files.append(&mut store.walk(&folder)?.files);
        }
        // A folder and one below it may both match.
        files.sort();
        files.dedup();
        scan.add(files, Scope::Folder)?;
    }
    scan.finish("no data file matches", Path::new(spec))
}

fn file(store: &Store, path: &Path, options: &DiscoverOptions) -> Result<Input, SourceError> {
    regular(store, path)?;
    let root = path.parent().unwrap_or(Path::new(""));
    let mut builder = Builder::new(store, root, options);
    let name = name_of(path);
    if name.ends_with(OVERALL_SUFFIX) {
        builder.overall(path)?;
    } else if name.ends_with(KIND_SUFFIX) {
        builder.kind(path)?;
    } else if name == FIREBASE_NAME {
        let overall = read_firebase(store, path)?;
        if !store.is_file(&overall) {
            // Without it not even the names of the files are known: it is no use to go on.
            return Err(SourceError::Incomplete { what: lost(&overall, path) });
        }
        builder.overall(&overall)?;
    } else {
        let sniffed = store.sniff(path)?;
        let format = match sniffed.content {
            Content::Known(format) => format,
            Content::Empty if is_output(path) => Format::Log,
            Content::Empty => Format::Json,
            Content::DamagedLog(_) if is_output(path) => Format::Log,
            Content::DamagedLog(what) => return Err(SourceError::NotAnExport { path: path.to_owned(), what }),
            Content::Unknown => return Err(unknown(path)),
        };
        let file = builder.file(path, format, &sniffed);
        builder.loose(file)?;
    }
    Ok(builder.finish())
}

fn unknown(path: &Path) -> SourceError {
    let what = "it begins neither with a record of a LevelDB log nor with a JSON object or array";
    SourceError::NotAnExport { path: path.to_owned(), what }
}

fn lost(overall: &Path, firebase: &Path) -> String {
    format!("{} is missing, which {} names", overall.display(), firebase.display())
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Where the files of a scan come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// All that lies below a folder: exports win over whatever else is there.
    Folder,
    /// A pattern: a person chose these files.
    Files,
    /// A pattern for kind metadata files.
    KindFiles,
}

/// Files sorted into exports and others.
struct Scan<'a> {
    store: Store,
    root: &'a Path,
    builder: Builder<'a>,
    skipped: Vec<String>,
}

impl<'a> Scan<'a> {
    fn new(store: &Store, root: &'a Path, options: &DiscoverOptions) -> Self {
        Self { store: store.clone(), root, builder: Builder::new(store, root, options), skipped: Vec::new() }
    }

    fn add(&mut self, files: Vec<PathBuf>, scope: Scope) -> Result<(), SourceError> {
        let mut overall = Vec::new();
        let mut kinds = Vec::new();
        let mut others = Vec::new();
        // Folders whose other files are companions of an export.
        let mut companions: Vec<PathBuf> = Vec::new();
        let mut prefixes: Vec<PathBuf> = Vec::new();
        for path in files {
            let name = name_of(&path);
            let folder = path.parent().unwrap_or(Path::new("")).to_owned();
            if name.ends_with(OVERALL_SUFFIX) {
                prefixes.push(folder);
                overall.push(path);
            } else if name.ends_with(KIND_SUFFIX) {
                kinds.push((folder, path));
            } else if name == FIREBASE_NAME {
                let named = read_firebase(&self.store, &path)?;
                if self.store.is_file(&named) {
                    companions.push(folder);
                    overall.push(named);
                } else {
                    self.builder.incomplete(lost(&named, &path))?;
                }
            } else {
                others.push(path);
            }
        }
        for path in &overall {
            // A firebase file and a scan may both come upon it.
            if !self.builder.is_taken(path) {
                self.builder.overall(path)?;
            }
        }
        for (folder, path) in kinds {
            if self.builder.is_taken(&path) {
                continue;
            }
            if scope != Scope::KindFiles && !(scope == Scope::Folder && folder == self.root) {
                self.builder.incomplete(format!("no overall metadata file names {}", path.display()))?;
            }
            self.builder.kind(&path)?;
            prefixes.push(folder);
        }
        others.retain(|p| !self.builder.is_taken(p) && !companions.iter().any(|c| p.starts_with(c)));
        self.others(others, &prefixes, scope)
    }

    /// Files that no metadata names.
    fn others(&mut self, others: Vec<PathBuf>, prefixes: &[PathBuf], scope: Scope) -> Result<(), SourceError> {
        let exports_win = scope == Scope::Folder && self.builder.has_exports();
        let mut logs = Vec::new();
        for path in others {
            let within_export = prefixes.iter().any(|p| path.starts_with(p));
            let looks_like_log = is_output(&path);
            if within_export || (exports_win && !looks_like_log) {
                self.skipped.push(format!("{} belongs to no export", relative_name(self.root, &path)));
                continue;
            }
            let sniffed = self.store.sniff(&path)?;
            match sniffed.content {
                Content::Known(Format::Json) => {
                    let file = self.builder.file(&path, Format::Json, &sniffed);
                    self.builder.loose(file)?;
                }
                Content::Known(Format::Log) => logs.push(self.builder.file(&path, Format::Log, &sniffed)),
                Content::DamagedLog(_) | Content::Empty if looks_like_log => {
                    logs.push(self.builder.file(&path, Format::Log, &sniffed));
                }
                Content::Empty if name_of(&path).contains("json") => {
                    let file = self.builder.file(&path, Format::Json, &sniffed);
                    self.builder.loose(file)?;
                }
                Content::Empty => {}
                Content::DamagedLog(_) | Content::Unknown => {
                    self.skipped.push(format!("{} is neither a LevelDB log nor JSON", relative_name(self.root, &path)));
                }
            }
        }
        if let Some(first) = logs.first() {
            let more = match logs.len() {
                1 => String::new(),
                n => format!(" and {} more files", n - 1),
            };
            let what = format!("no metadata file names {}{more}", first.path.display());
            self.builder.incomplete(what)?;
        }
        for file in logs {
            self.builder.loose(file)?;
        }
        Ok(())
    }

    fn finish(mut self, what: &'static str, place: &Path) -> Result<Input, SourceError> {
        if self.builder.is_empty() {
            return Err(SourceError::NoFiles { what, place: place.to_owned() });
        }
        for skipped in self.skipped.iter().take(NAMED_WARNINGS) {
            self.builder.warn(format!("{skipped}: it is not read"));
        }
        if let Some(more @ 1..) = self.skipped.len().checked_sub(NAMED_WARNINGS) {
            self.builder.warn(format!("{more} more files are not read"));
        }
        Ok(self.builder.finish())
    }
}
