//! Where documents lie in a JSON file: `{"documents":[…]}`, an array, one document, or documents one after another, one a line or not.
//!
//! A syntax error ends the reading of a file, since nothing tells where the next document begins — except where lines do. Lines are
//! the frame, and a broken one is one refused record, where
//! * an earlier document began at the start of a line and ended, on the same line, at its end; or
//! * the reading began inside the file, which only a file with one document a line allows; or
//! * the error is on a line that begins with `{` and ends with `}`, and where a document was due.
//!
//! Inside an array, or an object that holds documents, lines are no frame.

use crate::DecodeError;
use crate::document::{Documents, Found};
use crate::json::Cursor;
use crate::name::Name;
use crate::projection::Projection;
use crate::rows::{Held, Rows};
use crate::value::Halt;

/// What a step leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// One record has been counted.
    Record,
    /// More bytes are needed.
    More,
    /// The range has been read, or the input has ended.
    Done,
}

/// Where the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the first byte of the file.
    Start,
    /// Inside a line that belongs to the split before.
    Inside,
    /// Between documents.
    Top,
    /// In an array, before an element. `first`: it may be empty.
    Element { first: bool },
    /// In an array, after an element.
    AfterElement,
    /// In an object that holds documents, after their array or a later entry.
    AfterArray,
}

/// Reads the documents that begin in a range of a JSON file.
#[derive(Debug)]
pub(crate) struct Frames {
    state: State,
    end: Option<u64>,
    max_document: usize,
    /// Whether the array is in an object.
    is_wrapped: bool,
    /// Where the array or object began that the reader is in.
    outer: u64,
    /// Where the line begins on which the next document would.
    line: u64,
    /// Whether nothing but white space has been on this line.
    is_fresh: bool,
    /// Whether the last document began at the start of a line and has no line break in it.
    is_line_so_far: bool,
    /// Whether lines are known to be the frame.
    are_lines: bool,
    /// With fewer bytes than up to this offset the document at hand is not tried again.
    enough: u64,
}

/// What is fed, and where in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) bytes: &'a [u8],
    /// The offset of its first byte.
    pub(crate) base: u64,
    /// No more will come.
    pub(crate) is_all: bool,
    /// Line breaks before its first byte.
    pub(crate) lines: u64,
    /// The offset at which the line begins that its first byte is on.
    pub(crate) line_start: u64,
    /// The offset from which lines are counted.
    pub(crate) lines_from: u64,
}

impl Input<'_> {
    fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// The error that another byte than this was `expected`.
    #[cold]
    fn syntax(&self, at: usize, expected: &'static str) -> DecodeError {
        let before = self.bytes.get(..at).unwrap_or_default();
        let offset = self.base + at as u64;
        let line_start = memchr::memrchr(b'\n', before).map_or(self.line_start, |n| self.base + n as u64 + 1);
        DecodeError::Json {
            offset,
            line: 1 + self.lines + memchr::memchr_iter(b'\n', before).count() as u64,
            column: 1 + offset.saturating_sub(line_start),
            lines_from: self.lines_from,
            expected,
        }
    }
}

/// What the reader fills.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) documents: &'a mut Documents,
    pub(crate) name: &'a mut Name,
    pub(crate) projection: &'a Projection,
    pub(crate) rows: &'a mut Rows,
}

/// Why a piece could not be read.
enum Stop {
    More,
    Error(DecodeError),
    /// A syntax error: place, what was expected.
    Syntax(usize, &'static str),
    /// The input ends.
    Cut,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// That all of a piece is UTF-8. Where it is not, the cursor is put there.
fn check_utf8(cursor: &mut Cursor<'_>, from: usize) -> Result<(), Halt> {
    let piece = cursor.slice(from, cursor.at);
    if simdutf8::basic::from_utf8(piece).is_ok() {
        return Ok(());
    }
    cursor.at = from + std::str::from_utf8(piece).err().map_or(0, |error| error.valid_up_to());
    cursor.fail("UTF-8")
}

impl Frames {
    pub(crate) fn new(start: u64, end: Option<u64>, max_document: usize) -> Self {
        Self {
            state: if start > 0 { State::Inside } else { State::Start },
            end,
            max_document,
            is_wrapped: false,
            outer: 0,
            line: start,
            is_fresh: true,
            is_line_so_far: false,
            are_lines: start > 0,
            enough: 0,
        }
    }

    /// Reads up to the end of the next record. `at` is the place in `input`.
    pub(crate) fn next(
        &mut self,
        input: Input<'_>,
        at: &mut usize,
        target: &mut Target<'_>,
    ) -> Result<Next, DecodeError> {
        loop {
            match self.state {
                State::Start => {
                    const MARK: &[u8] = b"\xef\xbb\xbf";
                    let begin = input.bytes.get(..MARK.len().min(input.bytes.len())).unwrap_or_default();
                    if begin == MARK {
                        *at += MARK.len();
                    } else if MARK.starts_with(begin) && !input.is_all {
                        return Ok(Next::More);
                    }
                    self.state = State::Top;
                }
                State::Inside => {
                    let Some(newline) = memchr::memchr(b'\n', input.bytes.get(*at..).unwrap_or_default()) else {
                        *at = input.bytes.len();
                        return Ok(if input.is_all { Next::Done } else { Next::More });
                    };
                    *at += newline + 1;
                    self.line = input.base + *at as u64;
                    self.state = State::Top;
                }
                State::Top => {
                    self.skip_space(input, at);
                    // The line, not the document: the next split begins with the first whole line.
                    if self.end.is_some_and(|end| self.line >= end) {
                        return Ok(Next::Done);
                    }
                    let Some(byte) = input.bytes.get(*at) else {
                        return Ok(if input.is_all { Next::Done } else { Next::More });
                    };
                    match byte {
                        b'[' => {
                            self.outer = input.base + *at as u64;
                            *at += 1;
                            self.is_wrapped = false;
                            self.state = State::Element { first: true };
                        }
                        b'{' => match self.object(input, at, target) {
                            Ok(Some(next)) => return Ok(next),
                            Ok(None) => {}
                            Err(stop) => return self.recover(stop, input, at, target),
                        },
                        _ => {
                            let stop =
                                Stop::Syntax(*at, "`{` or `[`, the start of a document or of an array of documents");
                            return self.recover(stop, input, at, target);
                        }
                    }
                }
                State::Element { .. } | State::AfterElement | State::AfterArray => {
                    match self.inside(input, at, target) {
                        Ok(Some(next)) => return Ok(next),
                        Ok(None) => {}
                        Err(Stop::More) => return Ok(Next::More),
                        Err(Stop::Error(error)) => return Err(error),
                        Err(Stop::Syntax(at, expected)) => return Err(input.syntax(at, expected)),
                        Err(Stop::Cut) => {
                            let what = if self.is_wrapped { "object" } else { "array" };
                            return Err(DecodeError::Truncated { offset: self.outer, end: input.end(), what });
                        }
                    }
                }
            }
        }
    }

    /// Passes over white space between documents.
    fn skip_space(&mut self, input: Input<'_>, at: &mut usize) {
        while let Some(byte) = input.bytes.get(*at).filter(|b| is_space(**b)) {
            *at += 1;
            if *byte == b'\n' {
                self.are_lines |= self.is_line_so_far;
                self.is_line_so_far = false;
                self.is_fresh = true;
                self.line = input.base + *at as u64;
            }
        }
    }

    /// Reads the object at the top that is here. `None` where it is one that holds documents.
    fn object(&mut self, input: Input<'_>, at: &mut usize, target: &mut Target<'_>) -> Result<Option<Next>, Stop> {
        let start = *at;
        let next = self.document(input, at, true, target)?;
        if next.is_none() {
            self.outer = input.base + start as u64;
            self.is_wrapped = true;
            self.state = State::Element { first: true };
        } else {
            self.is_line_so_far = self.is_fresh
                && !self.are_lines
                && memchr::memchr(b'\n', input.bytes.get(start..*at).unwrap_or_default()).is_none();
        }
        self.is_fresh = false;
        Ok(next)
    }

    /// Reads on inside an array, or an object that holds documents. `None`: the state has changed.
    fn inside(&mut self, input: Input<'_>, at: &mut usize, target: &mut Target<'_>) -> Result<Option<Next>, Stop> {
        while input.bytes.get(*at).is_some_and(|b| is_space(*b)) {
            *at += 1;
        }
        let Some(byte) = input.bytes.get(*at) else {
            return Err(if input.is_all { Stop::Cut } else { Stop::More });
        };
        match (self.state, byte) {
            (State::Element { first: true } | State::AfterElement, b']') => {
                *at += 1;
                self.state = if self.is_wrapped { State::AfterArray } else { State::Top };
            }
            (State::AfterElement, b',') => {
                *at += 1;
                self.state = State::Element { first: false };
            }
            (State::AfterElement, _) => return Err(Stop::Syntax(*at, "`,` or `]` after a document")),
            (State::Element { .. }, _) => {
                let next = self.document(input, at, false, target)?;
                self.state = State::AfterElement;
                return Ok(next);
            }
            (_, b'}') => {
                *at += 1;
                self.state = State::Top;
            }
            (_, b',') => {
                // A key with its value, all at once: they are small. A further array of documents is read as the first was.
                let is_documents = self.piece(input, *at, |cursor| {
                    let from = cursor.at;
                    cursor.at += 1;
                    let key = cursor.key()?;
                    let is_documents = key.is(b"documents", &mut target.documents.room) && cursor.token()? == b'[';
                    if is_documents {
                        cursor.at += 1;
                    } else {
                        target.documents.skip(cursor)?;
                    }
                    check_utf8(cursor, from)?;
                    Ok((is_documents, cursor.at))
                })?;
                *at = is_documents.1;
                if is_documents.0 {
                    self.state = State::Element { first: true };
                }
            }
            _ => return Err(Stop::Syntax(*at, "`,` or `}` after the documents")),
        }
        Ok(None)
    }

    /// Reads something of which nothing may be kept until its end is there.
    fn piece<T>(
        &mut self,
        input: Input<'_>,
        start: usize,
        read: impl FnOnce(&mut Cursor<'_>) -> Result<T, Halt>,
    ) -> Result<T, Stop> {
        let too_large =
            || Stop::Error(DecodeError::TooLarge { offset: input.base + start as u64, limit: self.max_document });
        let limit = start.saturating_add(self.max_document);
        let is_limited = input.bytes.len() >= limit;
        if !input.is_all && !is_limited && input.end() < self.enough {
            return Err(Stop::More);
        }
        let mut cursor = Cursor::new(input.bytes.get(..limit).unwrap_or(input.bytes), start);
        match read(&mut cursor) {
            Ok(done) => Ok(done),
            Err(Halt::Incomplete) if is_limited => Err(too_large()),
            Err(Halt::Incomplete) if input.is_all => Err(Stop::Cut),
            Err(Halt::Incomplete) => {
                // Half as many bytes again, so that all the tries of a large document together cost what a few of it cost.
                let have = (input.bytes.len() - start) as u64;
                self.enough = input.end() + have / 2;
                Err(Stop::More)
            }
            Err(Halt::Syntax | Halt::Mismatch(_) | Halt::Refuse(_)) => Err(Stop::Syntax(cursor.at, cursor.expected)),
        }
    }

    /// Reads the document that is here, or what stands in its place. `None` where it is an object that holds documents.
    fn document(
        &mut self,
        input: Input<'_>,
        at: &mut usize,
        may_wrap: bool,
        target: &mut Target<'_>,
    ) -> Result<Option<Next>, Stop> {
        let start = *at;
        let offset = input.base + start as u64;
        let Target { documents, name, projection, rows } = target;
        let read = |cursor: &mut Cursor<'_>| {
            let found = match cursor.token()? {
                b'{' => documents.read(cursor, may_wrap, name, projection, rows),
                _ => Err(Halt::refuse("decode.document", None, "a document is an object, and this is not")),
            };
            let found = match found {
                Err(Halt::Refuse(refusal)) => {
                    // Whatever is wrong with it: where it ends has to be known, and that it is JSON.
                    cursor.at = start;
                    documents.skip(cursor)?;
                    Err(refusal)
                }
                Err(other) => return Err(other),
                Ok(found) => Ok(found),
            };
            check_utf8(cursor, start)?;
            Ok((found, cursor.at))
        };
        let result = self.piece(input, start, read);
        let (found, end) = match result {
            Ok(done) => done,
            Err(stop) => {
                rows.roll_back();
                return Err(stop);
            }
        };
        *at = end;
        let refusal = match found {
            Ok(Found::Wrapper) => {
                rows.roll_back();
                return Ok(None);
            }
            Ok(Found::Other) => {
                rows.skip();
                return Ok(Some(Next::Record));
            }
            Ok(Found::Taken) => {
                match rows.commit(offset, name.identity(projection.seed), Held::Input(offset, end - start)) {
                    Ok(()) => return Ok(Some(Next::Record)),
                    Err(Halt::Refuse(refusal)) => refusal,
                    Err(_) => return Ok(Some(Next::Record)),
                }
            }
            Err(refusal) => refusal,
        };
        rows.roll_back();
        let bytes = input.bytes.get(start..end).unwrap_or_default();
        let mut document = Vec::new();
        match documents.write(&mut Cursor::new(bytes, 0), &mut document) {
            Ok(()) if refusal.code != "decode.document-name" => {
                rows.refuse(offset, *refusal, Some(document), Vec::new())
            }
            _ => rows.refuse(offset, *refusal, None, bytes.to_vec()),
        }
        Ok(Some(Next::Record))
    }

    /// What becomes of a document at the top that cannot be read: the line is refused where lines are the frame.
    #[cold]
    fn recover(
        &mut self,
        stop: Stop,
        input: Input<'_>,
        at: &mut usize,
        target: &mut Target<'_>,
    ) -> Result<Next, DecodeError> {
        let start = *at;
        let offset = input.base + start as u64;
        let rest = input.bytes.get(start..).unwrap_or_default();
        // A line is no longer than a document may be.
        let is_limited = rest.len() >= self.max_document;
        let rest = rest.get(..self.max_document).unwrap_or(rest);
        let newline = memchr::memchr(b'\n', rest);
        let (error, place) = match stop {
            Stop::More => return Ok(Next::More),
            Stop::Error(error) => return Err(error),
            Stop::Cut => {
                let error = DecodeError::Truncated { offset, end: input.end(), what: "document" };
                // A line without an end may be where the file was cut.
                if newline.is_none() {
                    return Err(error);
                }
                (error, None)
            }
            Stop::Syntax(place, expected) => (input.syntax(place, expected), Some((place, expected))),
        };
        let end = match newline {
            Some(newline) => newline,
            None if is_limited => return Err(error),
            None if input.is_all => rest.len(),
            // Whether it is a line cannot be told before its end is known.
            None => return Ok(Next::More),
        };
        let line = rest.get(..end).unwrap_or_default().trim_ascii_end();
        let is_object = self.is_fresh
            && line.first() == Some(&b'{')
            && line.last() == Some(&b'}')
            && place.is_some_and(|(place, _)| place <= start + end);
        if !self.are_lines && !is_object {
            return Err(error);
        }
        let message = match place {
            Some((place, expected)) if place <= start + end => {
                format!("the line is not JSON: at byte {} of it, expected {expected}", place - start + 1)
            }
            _ => "the line is not JSON: it ends inside the document".to_owned(),
        };
        if let Halt::Refuse(refusal) = Halt::refuse("decode.json-syntax", None, message) {
            target.rows.refuse(offset, *refusal, None, line.to_vec());
        }
        *at = start + end;
        self.is_fresh = false;
        self.is_line_so_far = false;
        Ok(Next::Record)
    }
}
