//! Puts exports together from their metadata, and the input from its exports.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::metadata::{self, KindMetadata, Pointer};
use crate::scan::{is_output, relative_name};
use crate::sniff::{Content, Sniffed};
use crate::store::{Entry, Store};
use crate::{Collection, DiscoverOptions, Export, Format, Input, InputFile, SourceError, natural_cmp};

/// An export before its files have their places in the input.
struct Draft {
    metadata: PathBuf,
    sets: Vec<Set>,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    is_partial: bool,
}

/// A [`Collection`] with its files.
struct Set {
    collection: Collection,
    files: Vec<InputFile>,
}

/// An input that grows.
pub(crate) struct Builder<'a> {
    store: Store,
    root: &'a Path,
    options: DiscoverOptions,
    drafts: Vec<Draft>,
    loose: Vec<InputFile>,
    warnings: Vec<String>,
    /// Canonical paths of the files that are taken, each with the metadata file that named it.
    taken: HashMap<PathBuf, PathBuf>,
}

impl<'a> Builder<'a> {
    /// Names will be relative to `root`.
    pub(crate) fn new(store: &Store, root: &'a Path, options: &DiscoverOptions) -> Self {
        Self {
            store: store.clone(),
            root,
            options: options.clone(),
            drafts: Vec::new(),
            loose: Vec::new(),
            warnings: Vec::new(),
            taken: HashMap::new(),
        }
    }

    pub(crate) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// An error, or a warning where an export may be partial.
    pub(crate) fn incomplete(&mut self, what: String) -> Result<(), SourceError> {
        if !self.options.allow_partial {
            return Err(SourceError::Incomplete { what });
        }
        self.warn(format!("the export is incomplete: {what}"));
        Ok(())
    }

    /// Whether a metadata file named this file.
    pub(crate) fn is_taken(&self, path: &Path) -> bool {
        self.taken.contains_key(&self.store.canonical(path))
    }

    pub(crate) fn has_exports(&self) -> bool {
        !self.drafts.is_empty()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.drafts.is_empty() && self.loose.is_empty()
    }

    fn take(&mut self, path: &Path, by: &Path) -> Result<(), SourceError> {
        match self.taken.insert(self.store.canonical(path), by.to_owned()) {
            None => Ok(()),
            Some(first) => Err(SourceError::NamedTwice { path: path.to_owned(), first, second: by.to_owned() }),
        }
    }

    /// Adds the export that an overall metadata file describes.
    pub(crate) fn overall(&mut self, path: &Path) -> Result<(), SourceError> {
        let overall = metadata::read_overall(&self.store, path)?;
        self.take(path, path)?;
        let mut draft = Draft::new(path);
        for pointer in &overall.sets {
            let kind_path = metadata::relative(path, &pointer.metadata)?;
            if self.store.is_file(&kind_path) {
                self.set(&mut draft, &kind_path, path, pointer)?;
            } else {
                self.lost_set(&mut draft, &kind_path, path, pointer)?;
            }
        }
        self.drafts.push(draft);
        Ok(())
    }

    /// Adds what one kind metadata file describes, as an export of its own.
    pub(crate) fn kind(&mut self, path: &Path) -> Result<(), SourceError> {
        let totals = self.totals_of(path).unwrap_or_default();
        let mut draft = Draft::new(path);
        self.set(&mut draft, path, path, &totals)?;
        self.drafts.push(draft);
        Ok(())
    }

    /// What the overall metadata beside a kind metadata file says of it: `PREFIX/all_namespaces/kind_X/….export_metadata` lies
    /// two folders below it.
    fn totals_of(&mut self, kind_path: &Path) -> Option<Pointer> {
        let absolute = self.store.canonical(kind_path);
        let prefix = absolute.ancestors().nth(3)?;
        for path in self.store.names_in(prefix) {
            if !path.to_string_lossy().ends_with(metadata::OVERALL_SUFFIX) {
                continue;
            }
            match metadata::read_overall(&self.store, &path) {
                Ok(overall) => {
                    let is_it = |p: &Pointer| {
                        metadata::relative(&path, &p.metadata).is_ok_and(|m| self.store.canonical(&m) == absolute)
                    };
                    if let Some(found) = overall.sets.into_iter().find(is_it) {
                        return Some(found);
                    }
                }
                Err(error) => self.warn(format!("the completeness of {} is not checked: {error}", kind_path.display())),
            }
        }
        None
    }

    fn set(&mut self, draft: &mut Draft, path: &Path, by: &Path, pointer: &Pointer) -> Result<(), SourceError> {
        let KindMetadata { started_at, ended_at, kinds } = metadata::read_kind(&self.store, path)?;
        self.take(path, by)?;
        draft.started_at = draft.started_at.into_iter().chain(started_at).min();
        draft.ended_at = draft.ended_at.max(ended_at);
        let mut set = self.empty_set(path, pointer);
        for kind in kinds {
            if kind.is_partial {
                self.incomplete(format!("{} says of itself that it is partial", path.display()))?;
                draft.is_partial = true;
            }
            set.collection.kind = set.collection.kind.or(kind.kind);
            for name in &kind.files {
                let file = metadata::relative(path, name)?;
                if self.store.is_missing(&file) {
                    self.incomplete(format!("{} is missing, which {} names", file.display(), path.display()))?;
                    draft.is_partial = true;
                    continue;
                }
                self.take(&file, path)?;
                set.files.push(self.log_file(&file)?);
            }
        }
        draft.sets.push(set);
        Ok(())
    }

    /// A set whose kind metadata is missing: refused, or its folder is searched for what looks like its files.
    fn lost_set(&mut self, draft: &mut Draft, path: &Path, by: &Path, pointer: &Pointer) -> Result<(), SourceError> {
        self.incomplete(format!("the metadata file {} is missing, which {} names", path.display(), by.display()))?;
        draft.is_partial = true;
        let mut set = self.empty_set(path, pointer);
        if let Some(folder) = path.parent().filter(|f| self.store.is_folder(f)) {
            for file in self.store.walk(folder)?.files.iter().filter(|f| f.parent() == Some(folder) && is_output(f)) {
                self.take(file, by)?;
                set.files.push(self.log_file(file)?);
            }
        }
        draft.sets.push(set);
        Ok(())
    }

    fn empty_set(&self, path: &Path, pointer: &Pointer) -> Set {
        let collection = Collection {
            kind: pointer.kind.clone(),
            path: relative_name(self.root, path),
            documents: pointer.documents,
            bytes: pointer.bytes,
            files: 0..0,
        };
        Set { collection, files: Vec::new() }
    }

    /// A file that metadata names, or whose place says that it belongs to a binary export.
    pub(crate) fn log_file(&self, path: &Path) -> Result<InputFile, SourceError> {
        let sniffed = regular(&self.store, path).and_then(|()| self.store.sniff(path))?;
        match sniffed.content {
            // Where the damage is, the decoder says with the exact offset.
            Content::Known(Format::Log) | Content::Empty | Content::DamagedLog(_) => {
                Ok(self.file(path, Format::Log, &sniffed))
            }
            Content::Known(Format::Json) | Content::Unknown => Err(SourceError::NotAnExport {
                path: path.to_owned(),
                what: "it belongs to a binary export, but does not begin with a record of a LevelDB log",
            }),
        }
    }

    pub(crate) fn file(&self, path: &Path, format: Format, sniffed: &Sniffed) -> InputFile {
        let Sniffed { compression, splittable, size, .. } = *sniffed;
        let name = relative_name(self.root, path);
        InputFile { path: path.to_owned(), name, format, compression, size, export: None, splittable }
    }

    /// Adds a file that belongs to no export.
    pub(crate) fn loose(&mut self, file: InputFile) -> Result<(), SourceError> {
        let path = file.path.clone();
        self.take(&path, &path)?;
        self.loose.push(file);
        Ok(())
    }

    /// Brings everything into input order.
    pub(crate) fn finish(mut self) -> Input {
        let mut input = Input {
            store: self.store,
            warnings: self.warnings,
            allow_partial: self.options.allow_partial,
            ..Input::default()
        };
        let root = self.root;
        self.drafts.sort_by(|a, b| natural_cmp(&relative_name(root, &a.metadata), &relative_name(root, &b.metadata)));
        for draft in self.drafts {
            let export = draft.place(root, input.exports.len(), &mut input.files);
            input.exports.push(export);
        }
        self.loose.sort_by(|a, b| natural_cmp(&a.name, &b.name));
        input.files.append(&mut self.loose);
        input
    }
}

impl Draft {
    fn new(metadata: &Path) -> Self {
        let metadata = metadata.to_owned();
        Self { metadata, sets: Vec::new(), started_at: None, ended_at: None, is_partial: false }
    }

    fn place(mut self, root: &Path, index: usize, files: &mut Vec<InputFile>) -> Export {
        let begin = files.len();
        self.sets.sort_by(|a, b| natural_cmp(&a.collection.path, &b.collection.path));
        let sum = |part: fn(&Collection) -> Option<u64>| {
            self.sets.iter().try_fold(0_u64, |sum, s| part(&s.collection).and_then(|n| sum.checked_add(n)))
        };
        let (documents, bytes) = (sum(|c| c.documents), sum(|c| c.bytes));
        let mut collections = Vec::new();
        for Set { mut collection, files: mut of_set } in self.sets {
            of_set.sort_by(|a, b| natural_cmp(&a.name, &b.name));
            let from = files.len();
            files.extend(of_set.into_iter().map(|f| InputFile { export: Some(index), ..f }));
            collection.files = from..files.len();
            collections.push(collection);
        }
        Export {
            path: relative_name(root, &self.metadata),
            metadata: self.metadata,
            documents,
            bytes,
            files: begin..files.len(),
            collections,
            started_at: self.started_at,
            ended_at: self.ended_at,
            is_partial: self.is_partial,
        }
    }
}

/// Refuses what would block or has no bytes: a folder in a file's place, a pipe, a link that leads nowhere.
pub(crate) fn regular(store: &Store, path: &Path) -> Result<(), SourceError> {
    let what = match store.entry(path).map_err(|e| SourceError::unreadable(path, e))? {
        Entry::File(_) => return Ok(()),
        Entry::Folder => "it is a folder where a file is expected",
        Entry::Other => "it is no regular file",
    };
    Err(SourceError::unreadable(path, std::io::Error::other(what)))
}
