//! The decoder: bytes are fed, batches are taken.

use std::sync::Arc;

use crate::document::Documents;
use crate::entity::Entities;
use crate::frames::{self, Frames};
use crate::json::Cursor;
use crate::key::read_name;
use crate::log::{self, Log};
use crate::name::Name;
use crate::rest;
use crate::rows::{Held, Rows};
use crate::value::Halt;
use crate::{Batch, DecodeError, Projection};

/// How the records of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// A LevelDB log of entity protobufs: Google's managed export, and the emulator's.
    Log,
    /// Documents in the JSON of Firestore's REST API, in any of its layouts.
    Json,
}

/// Ceilings on what a decoder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one encoded document; at most 64 MiB count.
    pub max_document: usize,
    /// Bytes after which a batch ends: of its columns and refused records, or of the input that it was made from. At most 512 MiB count.
    pub max_batch_bytes: usize,
    /// Levels of maps and arrays that a value may nest; at most 256 count. Firestore allows 20.
    pub max_depth: usize,
}

impl Default for Limits {
    /// 32 MiB a document, 4 MiB a batch, 64 levels.
    fn default() -> Self {
        Self { max_document: 32 << 20, max_batch_bytes: 4 << 20, max_depth: 64 }
    }
}

impl Limits {
    /// So that no column reaches the 2 GiB of Arrow's offsets, and no recursion the end of a stack.
    fn bounded(self) -> Self {
        Self {
            max_document: self.max_document.clamp(1, 64 << 20),
            max_batch_bytes: self.max_batch_bytes.clamp(1, 512 << 20),
            max_depth: self.max_depth.clamp(1, 256),
        }
    }
}

/// What the formats differ in.
#[derive(Debug)]
enum Reader {
    Log { log: Log, entities: Entities },
    Json { frames: Frames, documents: Documents },
}

/// What a step leads to.
enum Step {
    Record,
    More,
    Done,
}

/// Turns the bytes of one file, or of a part of one, into batches. It holds one batch, the input that the batch is made from, and one document
/// that is not yet complete.
#[derive(Debug)]
pub struct Decoder {
    projection: Arc<Projection>,
    limits: Limits,
    reader: Reader,
    name: Name,
    rows: Rows,
    /// The input, up to `end`; what comes after is room that has been used before.
    input: Vec<u8>,
    end: usize,
    /// The offset of the first byte of `input`.
    base: u64,
    /// The place in `input` up to which it has been read.
    at: usize,
    /// The place in `input` where the batch at hand begins.
    batch_at: usize,
    /// The last step ended with a record.
    is_between: bool,
    is_all: bool,
    is_done: bool,
    /// Line breaks before `input`, where the last of them ends, and where they are counted from. JSON only.
    lines: u64,
    line_start: u64,
    lines_from: u64,
    /// Records of the batch at hand that were joined from fragments.
    joined: Vec<u8>,
    /// The same of the batch that was last handed out, and where its rows' records are.
    last_joined: Vec<u8>,
    last: Vec<Held>,
}

impl Decoder {
    /// A decoder of the records that begin from `start` to before `end` (`None`: to the end of the file), both counted in bytes of the
    /// decompressed file.
    ///
    /// A log is cut at multiples of 32 KiB, and fed from `start`. JSON is cut anywhere, provided that it has one document a line: a line belongs
    /// to the range in which it begins; where `start` is above 0 it is fed from `start - 1`, so that the decoder can tell whether a
    /// line begins at `start`. Bytes past `end` are fed until [`Self::is_done`].
    pub fn new(format: Format, projection: Arc<Projection>, start: u64, end: Option<u64>, limits: Limits) -> Self {
        let limits = limits.bounded();
        let (reader, base) = match format {
            Format::Log => {
                let log = Log::new(start, end, limits.max_document);
                (Reader::Log { log, entities: Entities::new(limits.max_depth) }, start)
            }
            Format::Json => {
                let frames = Frames::new(start, end, limits.max_document);
                (Reader::Json { frames, documents: Documents::new(limits.max_depth) }, start.saturating_sub(1))
            }
        };
        Self {
            rows: Rows::new(Arc::clone(&projection)),
            projection,
            limits,
            reader,
            name: Name::default(),
            input: Vec::new(),
            end: 0,
            base,
            at: 0,
            batch_at: 0,
            is_between: false,
            is_all: false,
            is_done: false,
            lines: 0,
            line_start: base,
            lines_from: base,
            joined: Vec::new(),
            last_joined: Vec::new(),
            last: Vec::new(),
        }
    }

    /// The same decoder for another range, perhaps of another file, with the projection and the limits that it has. It keeps its buffers, which
    /// are some MiB that would have to be cleared for a new one.
    pub fn restart(&mut self, format: Format, start: u64, end: Option<u64>) {
        let fresh = Self::new(format, Arc::clone(&self.projection), start, end, self.limits);
        let used = std::mem::replace(self, fresh);
        self.input = used.input;
        self.joined = used.joined;
        self.joined.clear();
        self.last_joined = used.last_joined;
        self.last_joined.clear();
        // Rows that were begun and not handed out are gone.
        if used.rows.is_empty() && used.rows.tally == crate::Tally::default() {
            self.rows = used.rows;
        }
    }

    /// Adds bytes to the input. The rows of the last batch can no longer be written after it.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.fed(bytes.len());
    }

    /// Room for `len` more bytes of input, to be filled from its beginning, for one who reads them from somewhere: [`Self::fed`] then says
    /// how many there are. What is in it before is of no meaning. The rows of the last batch can no longer be written after it.
    pub fn room(&mut self, len: usize) -> &mut [u8] {
        self.last.clear();
        let dropped = self.batch_at;
        // Not for a few bytes: what stays is moved, and so each byte is moved about once.
        if dropped >= self.end - dropped {
            if let Reader::Json { .. } = self.reader {
                let gone = self.input.get(..dropped).unwrap_or_default();
                self.lines += memchr::memchr_iter(b'\n', gone).count() as u64;
                if let Some(last) = memchr::memrchr(b'\n', gone) {
                    self.line_start = self.base + last as u64 + 1;
                }
            }
            self.input.copy_within(dropped..self.end, 0);
            self.end -= dropped;
            self.base += dropped as u64;
            self.at -= dropped;
            self.batch_at = 0;
        }
        let end = self.end + len;
        if self.input.len() < end {
            self.input.resize(end, 0);
        }
        self.input.get_mut(self.end..end).unwrap_or_default()
    }

    /// Adds the first `len` bytes of the room that was last asked for to the input; no more than it has.
    pub fn fed(&mut self, len: usize) {
        if !self.is_done {
            self.end = self.input.len().min(self.end + len);
        }
    }

    /// Says that no more bytes will come.
    pub fn finish_input(&mut self) {
        self.is_all = true;
    }

    /// Whether everything has been read and handed out: nothing needs to be fed any more.
    pub fn is_done(&self) -> bool {
        self.is_done && self.rows.is_empty() && self.rows.tally.records == 0
    }

    /// The next batch, of up to `max_rows` rows; what it holds does not depend on how the input was cut into pieces. `None` where more
    /// bytes are needed, or where everything has been handed out. A batch may have no rows, where it has refused records, or only counts.
    ///
    /// After an error there is nothing more to be had; the rows before it that are not yet handed out are lost.
    pub fn next_batch(&mut self, max_rows: usize) -> Result<Option<Batch>, DecodeError> {
        let max_rows = max_rows.max(1);
        while !self.is_done {
            if self.is_full(max_rows) {
                return self.hand_out().map(Some);
            }
            match self.step()? {
                Step::Record => self.is_between = true,
                Step::More => {
                    self.is_between = false;
                    return Ok(None);
                }
                Step::Done => self.is_done = true,
            }
        }
        if self.rows.tally.records > 0 {
            return self.hand_out().map(Some);
        }
        Ok(None)
    }

    /// Writes the document of a row of the last batch in REST JSON, on one line, without a line break.
    ///
    /// Where a part of it that no input reads is broken, the line is an object with `name` and `raw`, the record's bytes in base64.
    pub fn write_document(&self, row: usize, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let missing = DecodeError::NoSuchRow { row, rows: self.last.len() };
        let held = match self.last.get(row) {
            Some(Held::Joined(range)) => self.last_joined.get(range.clone()),
            Some(Held::Input(offset, len)) => {
                let from = usize::try_from(offset.wrapping_sub(self.base)).unwrap_or(usize::MAX);
                from.checked_add(*len).and_then(|to| self.input.get(from..to))
            }
            None => None,
        };
        let Some(record) = held else { return Err(missing) };
        let (start, mut name) = (out.len(), Name::default());
        let written = match &self.reader {
            Reader::Log { .. } => write_entity(record, &mut name, self.limits, out),
            Reader::Json { .. } => {
                let mut documents = Documents::new(self.limits.max_depth);
                let written = documents.write(&mut Cursor::new(record, 0), out);
                if written.is_err() {
                    documents.find_name(&mut Cursor::new(record, 0), &mut name);
                }
                written
            }
        };
        if written.is_err() {
            out.truncate(start);
            rest::unreadable(out, &name.text, record);
        }
        Ok(())
    }

    /// Whether the batch at hand is to end before another record.
    ///
    /// Asked only right after a record: within one, or within what separates two, the answer would depend on how the input was cut into pieces.
    #[inline]
    fn is_full(&mut self, max_rows: usize) -> bool {
        if !self.is_between || self.rows.tally.records == 0 {
            return false;
        }
        let is_long = self.at - self.batch_at >= self.limits.max_batch_bytes;
        if is_long && self.rows.is_empty() {
            // Only documents that are not taken: they need not be held.
            self.batch_at = self.at;
            self.joined.clear();
            return false;
        }
        if is_long || self.rows.len() >= max_rows {
            return true;
        }
        // Columns have more bytes than the input they were made from only where several hold the same, so while that is far from the limit they
        // need not be added up for every record.
        (self.at - self.batch_at) * 4 >= self.limits.max_batch_bytes && self.rows.bytes() >= self.limits.max_batch_bytes
    }

    fn hand_out(&mut self) -> Result<Batch, DecodeError> {
        self.batch_at = self.at;
        self.last.clear();
        self.last.append(&mut self.rows.held);
        self.last_joined.clear();
        std::mem::swap(&mut self.joined, &mut self.last_joined);
        self.rows.finish()
    }

    /// Reads one record.
    #[inline]
    fn step(&mut self) -> Result<Step, DecodeError> {
        match &mut self.reader {
            Reader::Json { frames, documents } => {
                let input = frames::Input {
                    bytes: self.input.get(..self.end).unwrap_or_default(),
                    base: self.base,
                    is_all: self.is_all,
                    lines: self.lines,
                    line_start: self.line_start,
                    lines_from: self.lines_from,
                };
                let mut target = frames::Target {
                    documents,
                    name: &mut self.name,
                    projection: &self.projection,
                    rows: &mut self.rows,
                };
                Ok(match frames.next(input, &mut self.at, &mut target)? {
                    frames::Next::Record => Step::Record,
                    frames::Next::More => Step::More,
                    frames::Next::Done => Step::Done,
                })
            }
            Reader::Log { log, entities } => {
                let input = self.input.get(..self.end).unwrap_or_default();
                let next = log.next(input, self.base, &mut self.at, self.is_all, &mut self.joined)?;
                let (offset, record, held) = match next {
                    log::Next::More => return Ok(Step::More),
                    log::Next::Done => return Ok(Step::Done),
                    log::Next::Whole { offset, from, to } => {
                        let record = input.get(from..to).unwrap_or_default();
                        (offset, record, Held::Input(self.base + from as u64, record.len()))
                    }
                    log::Next::Joined { offset, from } => {
                        let record = self.joined.get(from..).unwrap_or_default();
                        (offset, record, Held::Joined(from..self.joined.len()))
                    }
                    log::Next::TooLarge { offset, len } => {
                        let limit = self.limits.max_document;
                        self.rows.tally.payload_bytes += len;
                        let message = format!("the record has {len} bytes; the limit is {limit}");
                        if let Halt::Refuse(refusal) = Halt::refuse("decode.too-large", None, message) {
                            self.rows.refuse(offset, *refusal, None, Vec::new());
                        }
                        return Ok(Step::Record);
                    }
                };
                self.rows.tally.payload_bytes += record.len() as u64;
                read_entity(
                    entities,
                    record,
                    offset,
                    held,
                    &mut self.name,
                    &self.projection,
                    &mut self.rows,
                    self.limits,
                );
                Ok(Step::Record)
            }
        }
    }
}

/// Reads an entity into a row, or refuses it.
#[expect(clippy::too_many_arguments, reason = "parts of the decoder, borrowed apart from its input")]
#[inline]
fn read_entity(
    entities: &mut Entities,
    record: &[u8],
    offset: u64,
    held: Held,
    name: &mut Name,
    projection: &Projection,
    rows: &mut Rows,
    limits: Limits,
) {
    let read = read_name(record, name).and_then(|()| {
        if !name.is_taken(projection) {
            rows.skip();
            return Ok(());
        }
        rows.put_name(name);
        let read = entities.read(record, name, projection, rows);
        rows.tally.legacy_values += entities.legacy;
        read.and_then(|()| rows.commit(offset, name.identity(projection.seed), held))
    });
    if let Err(halt) = read {
        refuse_entity(halt, record, offset, rows, limits);
    }
}

#[cold]
fn refuse_entity(halt: Halt, record: &[u8], offset: u64, rows: &mut Rows, limits: Limits) {
    rows.roll_back();
    // An entity is refused, or a column cannot hold it, which has become a refusal where the column is known.
    let halt = match halt {
        Halt::Refuse(refusal) => Halt::Refuse(refusal),
        _ => Halt::refuse("decode.entity", None, "the record is not an entity"),
    };
    let Halt::Refuse(refusal) = halt else { return };
    let mut document = Vec::new();
    match write_entity(record, &mut Name::default(), limits, &mut document) {
        Ok(()) => rows.refuse(offset, *refusal, Some(document), Vec::new()),
        Err(_) => rows.refuse(offset, *refusal, None, record.to_vec()),
    }
}

fn write_entity(record: &[u8], name: &mut Name, limits: Limits, out: &mut Vec<u8>) -> Result<(), Halt> {
    read_name(record, name)?;
    Entities::new(limits.max_depth).document(record, name, out)
}
