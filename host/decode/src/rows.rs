//! The batch under construction: rows are begun, filled, and either counted or taken back.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use gristmill_record::Refusal;

use crate::columns::Column;
use crate::name::Name;
use crate::projection::Projection;
use crate::value::{Halt, Kind, Plain};
use crate::{Batch, DecodeError, RefusedRecord, Tally};

/// Where the bytes of a row's record are held, until more input is fed.
#[derive(Debug, Clone)]
pub(crate) enum Held {
    /// In the input: offset in the file, length.
    Input(u64, usize),
    /// Joined from fragments: bytes of the batch's joined records.
    Joined(Range<usize>),
}

/// Rows under construction.
#[derive(Debug)]
pub(crate) struct Rows {
    projection: Arc<Projection>,
    columns: Vec<Column>,
    /// The columns whose bytes have to be counted.
    varying: Vec<usize>,
    /// Bytes of a row in the other columns.
    fixed: usize,
    rows: usize,
    offsets: Vec<u64>,
    identities: Vec<u64>,
    pub(crate) held: Vec<Held>,
    refused: Vec<RefusedRecord>,
    /// Bytes of `refused`.
    refused_bytes: usize,
    pub(crate) tally: Tally,
}

impl Rows {
    pub(crate) fn new(projection: Arc<Projection>) -> Self {
        let columns: Vec<_> = projection.columns.iter().map(|spec| Column::new(&spec.ty)).collect();
        let varying: Vec<_> =
            columns.iter().enumerate().filter(|(_, column)| column.is_varying()).map(|(i, _)| i).collect();
        let fixed = 8 * (columns.len() - varying.len());
        Self {
            projection,
            columns,
            varying,
            fixed,
            rows: 0,
            offsets: Vec::new(),
            identities: Vec::new(),
            held: Vec::new(),
            refused: Vec::new(),
            refused_bytes: 0,
            tally: Tally::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is neither a row nor a refused record.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0 && self.refused.is_empty()
    }

    /// Bytes that the columns and the refused records take.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        let varying: usize = self.varying.iter().filter_map(|i| self.columns.get(*i)).map(Column::bytes).sum();
        self.fixed * self.rows + varying + self.refused_bytes
    }

    /// The column of an input, to be filled with what has parts; [`Self::settle`] must follow.
    #[inline]
    pub(crate) fn column(&mut self, index: usize) -> Option<&mut Column> {
        self.columns.get_mut(index)
    }

    /// Puts a value without parts into the row at hand. The caller knows the path of the field, and puts it into a refusal.
    #[inline]
    pub(crate) fn put(&mut self, index: usize, value: &Plain<'_>) -> Result<(), Halt> {
        let Some(column) = self.columns.get_mut(index) else { return Ok(()) };
        let fit = column.put(value);
        if fit.is_ok() && !matches!(value, Plain::Null) {
            return Ok(());
        }
        self.settle(index, fit)
    }

    /// Puts a text that is never null and of the declared type: a capture, a name, the name of a type.
    #[inline]
    pub(crate) fn put_text(&mut self, index: usize, text: &[u8]) {
        if let Some(column) = self.columns.get_mut(index) {
            column.put_text(text);
        }
    }

    /// Puts what the name of the document says.
    pub(crate) fn put_name(&mut self, name: &Name) {
        for (column, segment) in &self.projection.captures {
            if let Some(column) = self.columns.get_mut(*column) {
                column.put_text(name.get(*segment).unwrap_or_default());
            }
        }
        for column in &self.projection.names {
            if let Some(column) = self.columns.get_mut(*column) {
                column.put_text(&name.text);
            }
        }
    }

    /// Applies what the input says of mismatches and nulls to the result of filling its column.
    pub(crate) fn settle(&mut self, index: usize, fit: Result<(), Halt>) -> Result<(), Halt> {
        let (Some(column), Some(spec)) = (self.columns.get_mut(index), self.projection.columns.get(index)) else {
            return Ok(());
        };
        match fit {
            Ok(()) if column.len() <= self.rows => column.push_null(),
            Ok(()) => {}
            Err(Halt::Mismatch(_)) if spec.null_on_mismatch => {
                column.truncate(self.rows);
                column.push_null();
            }
            Err(Halt::Mismatch(found)) => {
                return Err(Halt::refuse("decode.type-mismatch", None, mismatch(&spec.ty.to_string(), found)));
            }
            Err(other) => return Err(other),
        }
        if spec.required && column.is_null(self.rows) {
            return Err(missing(None));
        }
        Ok(())
    }

    /// Fills the columns below a node of the projection whose field holds something else than a map: a mismatch for each of them.
    #[cold]
    pub(crate) fn lead_astray(&mut self, node: usize, found: Kind) -> Result<(), Halt> {
        let projection = Arc::clone(&self.projection);
        let Some(node) = projection.node(node) else { return Ok(()) };
        for (child, name) in node.children.iter().zip(&node.names) {
            for index in projection.node(*child).into_iter().flat_map(|child| &child.values) {
                let spec = projection.columns.get(*index);
                if spec.is_some_and(|spec| !spec.null_on_mismatch) {
                    let what = format!("its path leads through a value of type {}, which has no fields", found.name());
                    return Err(Halt::refuse("decode.type-mismatch", None, what).inside(name));
                }
                self.settle(*index, Err(Halt::Mismatch(found))).map_err(|halt| halt.inside(name))?;
            }
            self.lead_astray(*child, found).map_err(|halt| halt.inside(name))?;
        }
        Ok(())
    }

    /// Counts the row at hand; columns that got no value get null.
    #[inline]
    pub(crate) fn commit(&mut self, offset: u64, identity: u64, held: Held) -> Result<(), Halt> {
        for (column, spec) in self.columns.iter_mut().zip(&self.projection.columns) {
            if column.len() == self.rows {
                if spec.required {
                    return Err(missing(Some(&spec.label)));
                }
                column.push_null();
            }
        }
        self.rows += 1;
        self.tally.records += 1;
        self.offsets.push(offset);
        self.identities.push(identity);
        self.held.push(held);
        Ok(())
    }

    /// Takes back what a column of the row at hand has got.
    #[cold]
    pub(crate) fn take_back(&mut self, index: usize) {
        if let Some(column) = self.columns.get_mut(index).filter(|column| column.len() > self.rows) {
            column.truncate(self.rows);
        }
    }

    /// Takes back what the row at hand has got.
    pub(crate) fn roll_back(&mut self) {
        for column in &mut self.columns {
            if column.len() >= self.rows {
                column.truncate(self.rows);
            }
        }
    }

    /// Counts a refused record.
    pub(crate) fn refuse(&mut self, offset: u64, refusal: Refusal, document: Option<Vec<u8>>, raw: Vec<u8>) {
        self.tally.records += 1;
        self.refused_bytes += raw.len() + document.as_ref().map_or(0, Vec::len);
        self.refused.push(RefusedRecord { offset, refusal, document, raw });
    }

    /// Counts a document that is not taken.
    pub(crate) fn skip(&mut self) {
        self.tally.records += 1;
        self.tally.other_documents += 1;
    }

    /// The batch, and room for the next one.
    pub(crate) fn finish(&mut self) -> Result<Batch, DecodeError> {
        let fail = |error: arrow_schema::ArrowError| DecodeError::Columns(error.to_string());
        let schema = Arc::clone(self.projection.schema());
        let arrays = self
            .columns
            .iter_mut()
            .zip(schema.fields())
            .map(|(column, field)| column.finish(field.data_type()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(fail)?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let columns = RecordBatch::try_new_with_options(schema, arrays, &options).map_err(fail)?;
        let rows = std::mem::take(&mut self.rows);
        self.refused_bytes = 0;
        self.held.clear();
        Ok(Batch {
            columns,
            offsets: std::mem::replace(&mut self.offsets, Vec::with_capacity(rows)),
            identities: std::mem::replace(&mut self.identities, Vec::with_capacity(rows)),
            refused: std::mem::take(&mut self.refused),
            tally: std::mem::take(&mut self.tally),
        })
    }
}

/// What is said of a value whose type a column cannot hold. No values: the message may be shown where the record is not.
fn mismatch(declared: &str, found: Kind) -> String {
    format!("declared as {declared}, and it holds a value of type {} that this cannot hold", found.name())
}

#[cold]
fn missing(label: Option<&String>) -> Halt {
    Halt::refuse("decode.missing-field", label.cloned(), "required, and the document has no value there")
}
