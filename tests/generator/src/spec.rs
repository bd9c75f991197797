//! What to make, and what was made.

use std::path::PathBuf;

use crate::Style;

/// A way for a quality report to be bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bad {
    /// `metrics.overallScore` is a string.
    WrongType,
    /// `metrics.overallScore` is above 1.
    OutOfRange,
    /// `createdAt` is missing.
    MissingCreatedAt,
}

impl Bad {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::WrongType, Self::OutOfRange, Self::MissingCreatedAt];
}

/// An export of quality reports: `teams/T…/reports/R…/qualityReports/TIMESTAMP` with `metrics` and `createdAt`.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// Records in all, duplicates among them.
    pub documents: u64,
    /// Files; each has as many records as the others, the last ones may have fewer or none.
    pub files: u32,
    /// Share of the records, 0 to 1, that repeat another one byte for byte.
    pub duplicates: f64,
    /// Another seed, other values in another order.
    pub seed: u64,
    /// Share of the distinct documents, 0 to 1, that are bad.
    pub bad: f64,
    /// In which ways, evenly; none is as if `bad` were 0.
    pub bad_kinds: Vec<Bad>,
    /// Who a binary export looks to come from.
    pub style: Style,
    /// Whether a binary export is of the collection group `qualityReports`, or of everything.
    pub by_collection: bool,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            documents: 1_000,
            files: 4,
            duplicates: 0.05,
            seed: 7,
            bad: 0.0,
            bad_kinds: Bad::ALL.to_vec(),
            style: Style::Managed,
            by_collection: false,
        }
    }
}

impl Spec {
    /// Good documents, in number.
    pub fn of(documents: u64) -> Self {
        Self { documents, ..Self::default() }
    }

    /// Distinct documents.
    pub(crate) fn unique(&self) -> u64 {
        if self.documents == 0 { 0 } else { (self.documents - share(self.documents, self.duplicates)).max(1) }
    }

    /// Records of each file but the last ones.
    pub(crate) fn per_file(&self) -> u64 {
        self.documents.div_ceil(u64::from(self.files.max(1)))
    }
}

/// A share of a number, cut to a whole.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the product lies between 0 and `of`, and `as` saturates"
)]
pub(crate) fn share(of: u64, share: f64) -> u64 {
    ((of as f64 * share.clamp(0.0, 1.0)) as u64).min(of)
}

/// How many are bad in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadCount {
    /// In which way.
    pub kind: Bad,
    /// Records, duplicates among them.
    pub records: u64,
    /// Distinct documents.
    pub documents: u64,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Made {
    /// Records in all.
    pub documents: u64,
    /// Distinct documents.
    pub unique: u64,
    /// Bad ones, for every way that was asked for.
    pub bad: Vec<BadCount>,
    /// Bytes of the data files.
    pub bytes: u64,
    /// Data files, in order.
    pub files: Vec<PathBuf>,
    /// The overall metadata file of a binary export.
    pub metadata: Option<PathBuf>,
}

impl Made {
    /// Records that are bad in a certain way, duplicates among them.
    pub fn bad_records(&self, kind: Bad) -> u64 {
        self.bad.iter().filter(|b| b.kind == kind).map(|b| b.records).sum()
    }

    /// Distinct documents that are bad in a certain way.
    pub fn bad_documents(&self, kind: Bad) -> u64 {
        self.bad.iter().filter(|b| b.kind == kind).map(|b| b.documents).sum()
    }
}
