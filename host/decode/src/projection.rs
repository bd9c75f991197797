//! What of a document becomes columns: compiled once, used for every document.

use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use gristmill_record::arrow::{arrow_field, input_schema};
use gristmill_record::pattern::Segment;
use gristmill_record::{DataType, Description, OnMismatch, Origin, PathPattern, Scalar};

/// Which documents are taken, and which of their parts, into which columns.
#[derive(Debug)]
pub struct Projection {
    schema: SchemaRef,
    /// Keys the identity hash.
    pub(crate) seed: u64,
    /// `None` takes every document.
    pub(crate) pattern: Option<Vec<Segment>>,
    pub(crate) columns: Vec<ColumnSpec>,
    /// Columns that are segments of the path: column, index of the segment.
    pub(crate) captures: Vec<(usize, usize)>,
    /// Columns by what they hold of the document as a whole.
    pub(crate) names: Vec<usize>,
    pub(crate) documents: Vec<usize>,
    pub(crate) create_times: Vec<usize>,
    pub(crate) update_times: Vec<usize>,
    /// Field paths that share steps share nodes; the first is the root.
    nodes: Vec<Node>,
}

/// What an input asks of its column.
#[derive(Debug)]
pub(crate) struct ColumnSpec {
    pub(crate) ty: DataType,
    pub(crate) required: bool,
    pub(crate) null_on_mismatch: bool,
    /// The field path, or what else it is, for refusals.
    pub(crate) label: String,
}

/// The fields of one map that are asked for. `names` and `children` have the same length.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) names: Vec<Box<[u8]>>,
    pub(crate) children: Vec<usize>,
    /// Whether JSON would write every one of the names without an escape.
    pub(crate) are_plain: bool,
    /// Columns that hold the value of this field.
    pub(crate) values: Vec<usize>,
    /// Columns that hold the name of its type.
    pub(crate) types: Vec<usize>,
    /// For each name the one column that is all that is asked of the field, where that is so: commonly it is.
    pub(crate) only: Vec<Option<usize>>,
}

impl Projection {
    /// The columns of `description`'s inputs. `seed` keys the hashes in [`crate::Batch::identities`].
    pub fn new(description: &Description, seed: u64) -> Self {
        let mut projection = Self::empty(input_schema(description), Some(description.pattern()), seed);
        for input in description.inputs() {
            projection.add(
                &input.origin,
                input.ty.clone(),
                input.required,
                input.on_mismatch == OnMismatch::Null,
                Some(description.pattern()),
            );
        }
        projection
    }

    /// Whole documents: the columns `name` (the resource name) and `document` (REST JSON, one line). Every document where `pattern`
    /// is `None`.
    pub fn documents(pattern: Option<PathPattern>, seed: u64) -> Self {
        let (name, document) = (DataType::Scalar(Scalar::String), DataType::Scalar(Scalar::Json));
        let schema = Schema::new(vec![arrow_field("name", &name, true), arrow_field("document", &document, true)]);
        let mut projection = Self::empty(Arc::new(schema), pattern.as_ref(), seed);
        projection.add(&Origin::DocumentName, name, true, false, pattern.as_ref());
        projection.add(&Origin::Document, document, true, false, pattern.as_ref());
        projection
    }

    /// The schema of the batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    /// Whether any field is asked for.
    pub(crate) fn reads_fields(&self) -> bool {
        self.nodes.len() > 1
    }

    fn empty(schema: SchemaRef, pattern: Option<&PathPattern>, seed: u64) -> Self {
        Self {
            schema,
            seed,
            pattern: pattern.map(|p| p.segments().to_vec()),
            columns: Vec::new(),
            captures: Vec::new(),
            names: Vec::new(),
            documents: Vec::new(),
            create_times: Vec::new(),
            update_times: Vec::new(),
            nodes: vec![Node::default()],
        }
    }

    fn add(
        &mut self,
        origin: &Origin,
        ty: DataType,
        required: bool,
        null_on_mismatch: bool,
        pattern: Option<&PathPattern>,
    ) {
        let column = self.columns.len();
        let label = match origin {
            Origin::Field(steps) | Origin::FieldType(steps) => steps.join("."),
            other => other.to_string(),
        };
        self.columns.push(ColumnSpec { ty, required, null_on_mismatch, label });
        match origin {
            Origin::PathCapture(name) => {
                // A description names no capture that its pattern does not have.
                if let Some(segment) = pattern.and_then(|p| p.capture(name)) {
                    self.captures.push((column, segment));
                }
            }
            Origin::Field(steps) => {
                if let Some(node) = self.reach(steps) {
                    node.values.push(column);
                }
            }
            Origin::FieldType(steps) => {
                if let Some(node) = self.reach(steps) {
                    node.types.push(column);
                }
            }
            Origin::DocumentName => self.names.push(column),
            Origin::Document => self.documents.push(column),
            Origin::CreateTime => self.create_times.push(column),
            Origin::UpdateTime => self.update_times.push(column),
        }
        for at in 0..self.nodes.len() {
            let only = |child: &usize| match self.nodes.get(*child) {
                Some(Node { values, types, names, .. }) if types.is_empty() && names.is_empty() => match values[..] {
                    [column] => Some(column),
                    _ => None,
                },
                _ => None,
            };
            let only = self.nodes.get(at).map(|node| node.children.iter().map(only).collect());
            if let (Some(node), Some(only)) = (self.nodes.get_mut(at), only) {
                node.only = only;
            }
        }
    }

    /// The node at the end of a field path, made where it is missing.
    fn reach(&mut self, steps: &[String]) -> Option<&mut Node> {
        let mut at = 0;
        for step in steps {
            let new = self.nodes.len();
            let node = self.nodes.get_mut(at)?;
            let found = node.names.iter().position(|n| **n == *step.as_bytes());
            at = match found.and_then(|i| node.children.get(i)) {
                Some(child) => *child,
                None => {
                    node.are_plain =
                        (node.are_plain || node.names.is_empty()) && step.bytes().all(crate::json::is_plain);
                    node.names.push(step.as_bytes().into());
                    node.children.push(new);
                    self.nodes.push(Node::default());
                    new
                }
            };
        }
        self.nodes.get_mut(at)
    }
}
