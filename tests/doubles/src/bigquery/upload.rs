//! Uploads of local files with a job: in one request of two parts, or by pieces.

use serde_json::Value as Json;

use super::http::{Answer, Request, parse_json};
use super::refusal::Refusal;
use super::state::State;

/// An upload by pieces that has begun.
#[derive(Debug)]
pub(crate) struct Upload {
    /// The `Job`.
    job: Json,
    bytes: Vec<u8>,
    /// The answer once the job is there: the last piece may come twice.
    answer: Option<Vec<u8>>,
}

/// What a piece did.
pub(crate) enum Piece {
    /// More is to come.
    More(Answer),
    /// All is there.
    Complete { id: String, job: Json, media: Vec<u8> },
}

/// The `Job` and the bytes of a `multipart/related` body.
pub(crate) fn multipart(request: &Request) -> Result<(Json, Vec<u8>), Refusal> {
    let wrong = |what: &str| Refusal::invalid(format!("Bad multipart body: {what}."));
    let content = request.header("content-type").unwrap_or_default();
    let boundary = content.split(';').find_map(|p| p.trim().strip_prefix("boundary="));
    let boundary = boundary.ok_or_else(|| wrong("no boundary"))?.trim_matches('"');
    let mut parts = Vec::new();
    let mut rest = request.body.as_slice();
    let dashes = format!("--{boundary}");
    let mut at = find(rest, dashes.as_bytes()).ok_or_else(|| wrong("the boundary does not occur"))?;
    loop {
        rest = rest.get(at + dashes.len()..).unwrap_or_default();
        if rest.starts_with(b"--") {
            break;
        }
        // What follows is the headers of a part, an empty line, and the part up to the line break before the next boundary.
        let next = find(rest, format!("\r\n{dashes}").as_bytes()).map(|n| (n, 2)).or(find(
            rest,
            format!("\n{dashes}").as_bytes(),
        )
        .map(|n| (n, 1)));
        let (end, line_break) = next.ok_or_else(|| wrong("a part does not end"))?;
        let part = rest.get(..end).unwrap_or_default();
        let head = find(part, b"\r\n\r\n").map(|n| n + 4).or(find(part, b"\n\n").map(|n| n + 2));
        let head = head.ok_or_else(|| wrong("a part has no empty line behind its headers"))?;
        parts.push(part.get(head..).unwrap_or_default());
        at = end + line_break;
    }
    match parts.as_slice() {
        [job, media] => Ok((parse_json(job)?, media.to_vec())),
        other => Err(wrong(&format!("{} parts instead of two", other.len()))),
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    // A byte that is rare in both, so that large files are passed over quickly.
    let first = what.first()?;
    let mut from = 0;
    loop {
        let rest = bytes.get(from..)?;
        let at = from + rest.iter().position(|b| b == first)?;
        if bytes.get(at..)?.starts_with(what) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// Begins an upload by pieces: the answer says where they go.
pub(crate) fn start(state: &mut State, project: &str, job: Json) -> Result<Answer, Refusal> {
    state.check_project_of_job(project)?;
    let id = state.make_id("upload");
    let root = state.base.trim_end_matches("/bigquery/v2");
    let location = format!("{root}/upload/bigquery/v2/projects/{project}/jobs?uploadType=resumable&upload_id={id}");
    state.uploads.insert(id, Upload { job, bytes: Vec::new(), answer: None });
    Ok(Answer { status: 200, headers: vec![("location", location)], body: Vec::new() })
}

/// Takes a piece, or a question of how far the upload is.
pub(crate) fn piece(state: &mut State, request: &Request) -> Result<Piece, Refusal> {
    let id = request.param("upload_id").unwrap_or_default().to_owned();
    let upload = state.uploads.get_mut(&id).ok_or_else(|| Refusal::new("notFound", "Not found: the upload"))?;
    if let Some(body) = &upload.answer {
        return Ok(Piece::More(Answer {
            status: 200,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.clone(),
        }));
    }
    let range = request
        .header("content-range")
        .map(|r| ContentRange::parse(r).ok_or_else(|| Refusal::invalid(format!("Bad Content-Range: {r}"))));
    let range = range.transpose()?.unwrap_or(ContentRange { from: Some(0), total: Some(request.body.len()) });
    if let Some(from) = range.from {
        if from > upload.bytes.len() {
            return Err(Refusal::invalid(format!(
                "Piece from byte {from}, but only {} bytes are there",
                upload.bytes.len()
            )));
        }
        // A piece may come again.
        upload.bytes.truncate(from);
        upload.bytes.extend_from_slice(&request.body);
    }
    if range.total == Some(upload.bytes.len()) {
        // They are kept until the job is there: a lost answer makes the client send the last piece again.
        let media = upload.bytes.clone();
        return Ok(Piece::Complete { id, job: upload.job.clone(), media });
    }
    let mut headers = Vec::new();
    if let Some(last) = upload.bytes.len().checked_sub(1) {
        headers.push(("range", format!("bytes=0-{last}")));
    }
    Ok(Piece::More(Answer { status: 308, headers, body: Vec::new() }))
}

/// Takes note of the answer to a complete upload.
pub(crate) fn done(state: &mut State, id: &str, answer: &Answer) {
    if let Some(upload) = state.uploads.get_mut(id) {
        upload.answer = Some(answer.body.clone());
        upload.bytes = Vec::new();
    }
}

/// `bytes 0-99/1000`, `bytes 0-99/*` or `bytes */1000`.
struct ContentRange {
    from: Option<usize>,
    total: Option<usize>,
}

impl ContentRange {
    fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
        let from = match range {
            "*" => None,
            range => Some(range.split_once('-')?.0.parse().ok()?),
        };
        let total = match total {
            "*" => None,
            total => Some(total.parse().ok()?),
        };
        Some(Self { from, total })
    }
}
