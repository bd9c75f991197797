//! The files below a folder, or that a pattern matches.

use std::io;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use walkdir::WalkDir;

use crate::store::{Entry, Store};
use crate::{SourceError, natural_cmp};

/// What no export contains, but archives and desktops leave behind: AppleDouble files, `__MACOSX`, `.DS_Store` and other dot files.
pub(crate) fn is_junk(name: &str) -> bool {
    name.starts_with('.') || name == "__MACOSX"
}

/// Whether a data file of a binary export has such a name: `output-0`, `output_x-12`, also compressed afterwards.
pub(crate) fn is_output(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy()).unwrap_or_default();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    name.starts_with("output")
        && name
            .rsplit_once('-')
            .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// A path relative to `root`, `/` separated: how files are named in order, results and reports.
pub(crate) fn relative_name(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = relative.components().map(|c| c.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

/// What a walk came upon.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) folders: Vec<PathBuf>,
}

impl Listing {
    /// Brings both into the order of names, whatever the file system's order is.
    pub(crate) fn sort(&mut self, root: &Path) {
        for paths in [&mut self.files, &mut self.folders] {
            paths.sort_by_cached_key(|p| Name(relative_name(root, p)));
        }
    }
}

#[derive(PartialEq, Eq)]
struct Name(String);

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        natural_cmp(&self.0, &other.0)
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Every file below `root` at any depth, without junk, in order of names. Links are followed; one that leads nowhere or in a circle is an error,
/// since it may stand for data.
pub(crate) fn walk(root: &Path) -> Result<Listing, SourceError> {
    walk_where(root, usize::MAX, |_| true)
}

fn walk_where(root: &Path, depth: usize, wanted: impl Fn(&str) -> bool) -> Result<Listing, SourceError> {
    let mut listing = Listing::default();
    let entries = WalkDir::new(root).follow_links(true).min_depth(1).max_depth(depth).into_iter();
    for entry in entries.filter_entry(|e| e.depth() == 0 || !is_junk(&e.file_name().to_string_lossy())) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(root).to_owned();
                let is_link = path.symlink_metadata().is_ok_and(|m| m.is_symlink());
                let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                if is_link && (is_junk(&name) || !wanted(&relative_name(root, &path))) {
                    continue;
                }
                return Err(SourceError::unreadable(path, walk_error(error)));
            }
        };
        if !wanted(&relative_name(root, entry.path())) {
            continue;
        }
        if entry.file_type().is_dir() {
            listing.folders.push(entry.into_path());
        } else if entry.file_type().is_file() {
            listing.files.push(entry.into_path());
        }
    }
    listing.sort(root);
    Ok(listing)
}

fn walk_error(error: walkdir::Error) -> io::Error {
    match error.loop_ancestor() {
        Some(ancestor) => io::Error::other(format!("it is a symbolic link in a circle: to {}", ancestor.display())),
        None => error.into_io_error().unwrap_or_else(|| io::Error::other("it cannot be listed")),
    }
}

/// Whether a specification can only be a pattern.
pub(crate) fn is_pattern(spec: &str) -> bool {
    spec.contains(['*', '?', '[', '{'])
}

/// A pattern without its wildcards: the folder in front of the first of them.
pub(crate) fn literal_folder(spec: &str) -> String {
    let segments: Vec<&str> = spec.split('/').take_while(|s| !is_pattern(s)).collect();
    segments.join("/")
}

/// The folder in front of a pattern's first wildcard, and what the pattern matches below it.
pub(crate) fn matching(store: &Store, spec: &str) -> Result<(PathBuf, Listing), SourceError> {
    let segments: Vec<&str> = spec.split('/').collect();
    let literal = segments.iter().take_while(|s| !is_pattern(s)).count();
    let (folder, pattern) = segments.split_at_checked(literal).unwrap_or((&[], &segments));
    let root = match folder {
        [] => PathBuf::from("."),
        [""] => PathBuf::from("/"),
        _ => PathBuf::from(folder.join("/")),
    };
    let matcher = matcher(spec, &pattern.join("/"))?;
    let entry = store.entry(&root).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => not_found(store, &root),
        _ => SourceError::unreadable(&root, e),
    })?;
    if entry != Entry::Folder {
        return Err(SourceError::unreadable(&root, io::Error::from(io::ErrorKind::NotADirectory)));
    }
    if let Store::Bucket(bucket) = store {
        let listing = bucket.below(&root, |name| matcher.is_match(name));
        return Ok((root, listing));
    }
    let depth = if pattern.iter().any(|s| s.contains("**")) { usize::MAX } else { pattern.len() };
    let listing = walk_where(&root, depth, |name| matcher.is_match(name))?;
    Ok((root, listing))
}

fn matcher(spec: &str, pattern: &str) -> Result<GlobMatcher, SourceError> {
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()
        .map(|g| g.compile_matcher())
        .map_err(|e| SourceError::Glob { spec: spec.to_owned(), what: e.kind().to_string() })
}

/// The error for a path that is not there.
pub(crate) fn not_found(store: &Store, path: &Path) -> SourceError {
    let nearest = path.ancestors().skip(1).find(|a| !a.as_os_str().is_empty() && store.is_folder(a));
    SourceError::NotFound { path: path.to_owned(), nearest: nearest.map(Path::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_files_are_known_by_name() {
        for name in ["output-0", "output-10", "output_x-3", "output-1.gz"] {
            assert!(is_output(Path::new(name)), "{name}");
        }
        for name in ["output", "output-", "output-x", "x-output-0", "output-0.json", "._output-0"] {
            assert!(!is_output(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn patterns_cross_folders_only_where_they_say_so() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "a/x.json",
            "a/b/x.json",
            "a/b/y.json",
            ".hidden/x.json",
            "a/._x.json",
            "__MACOSX/x.json",
            "x10.json",
            "x9.json",
        ] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "[]").unwrap();
        }
        let names = |pattern: &str| {
            let (root, listing) = matching(&Store::Local, &format!("{}/{pattern}", dir.path().display())).unwrap();
            listing.files.iter().map(|p| relative_name(&root, p)).collect::<Vec<_>>()
        };
        assert_eq!(names("**/x*.json"), ["a/b/x.json", "a/x.json", "x9.json", "x10.json"]);
        assert_eq!(names("*.json"), ["x9.json", "x10.json"]);
        assert_eq!(names("*/*.json"), ["a/x.json"]);
        assert_eq!(names("a/{x,y}.json"), ["x.json"]);
        assert_eq!(names("a/**"), ["b/x.json", "b/y.json", "x.json"]);
        assert!(matches!(matching(&Store::Local, "/nowhere/*.json"), Err(SourceError::NotFound { .. })));
        assert!(matches!(matching(&Store::Local, "/tmp/[x"), Err(SourceError::Glob { .. })));
    }
}
