//! Bodies of several parts: what is known of an object, then its bytes, then perhaps their checksums.

use bytes::Bytes;
use memchr::memmem;

use super::refusal::Refusal;

/// One part of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    /// The part's own `Content-Type`.
    pub(crate) content_type: Option<String>,
    pub(crate) bytes: Bytes,
}

/// Takes a body apart at the boundary that its `Content-Type` names (RFC 2046, 5.1). Lines may end in a line feed alone,
/// as those of `gsutil` do.
pub(crate) fn sections(content_type: &str, body: &Bytes) -> Result<Vec<Section>, Refusal> {
    let boundary = boundary(content_type).ok_or_else(|| malformed("its Content-Type has no boundary"))?;
    let delimiter = format!("--{boundary}");
    let mut sections = Vec::new();
    let mut start: Option<usize> = None;
    for at in memmem::find_iter(body, &delimiter) {
        let before = body.get(..at).unwrap_or_default();
        if !(before.is_empty() || before.ends_with(b"\n")) {
            continue;
        }
        if let Some(start) = start {
            let end = before.len() - if before.ends_with(b"\r\n") { 2 } else { 1 };
            // Two boundaries in a row leave nothing between them.
            sections.push(section(&body.slice(start.min(end)..end))?);
        }
        let after = body.get(at + delimiter.len()..).unwrap_or_default();
        if after.starts_with(b"--") {
            return Ok(sections);
        }
        let line = memchr::memchr(b'\n', after).ok_or_else(|| malformed("it ends in a boundary"))?;
        start = Some(at + delimiter.len() + line + 1);
    }
    Err(malformed("its last boundary is missing"))
}

fn malformed(why: &str) -> Refusal {
    Refusal::invalid(format!("Multipart body is malformed: {why}."))
}

fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().to_ascii_lowercase().starts_with("multipart/") {
        return None;
    }
    let mut parameters = parameters.split(';').filter_map(|parameter| parameter.trim().split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?;
    Some(value.trim_matches(['"', '\'']))
}

/// The headers end at the first empty line, which is the first line of a part without any.
fn section(part: &Bytes) -> Result<Section, Refusal> {
    let mut content_type = None;
    let mut at = 0;
    loop {
        let rest = part.get(at..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).ok_or_else(|| malformed("the headers of a part do not end"))?;
        let line = rest.get(..end).unwrap_or_default().trim_ascii();
        at += end + 1;
        if line.is_empty() {
            return Ok(Section { content_type, bytes: part.slice(at..) });
        }
        let line = std::str::from_utf8(line).map_err(|_| malformed("a header of a part is not UTF-8"))?;
        if let Some((_, value)) = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            content_type = Some(value.trim().to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = (Option<String>, Vec<u8>);

    fn read(kind: &str, body: &'static [u8]) -> Result<Vec<Read>, String> {
        let sections = sections(kind, &Bytes::from_static(body)).map_err(|refusal| refusal.message)?;
        Ok(sections.into_iter().map(|s| (s.content_type, s.bytes.to_vec())).collect())
    }

    #[test]
    fn bytes_stay_as_they_are() {
        let body = b"--x\r\nContent-Type: application/json\r\n\r\n{}\r\n--x\r\n\r\n\r\n--y\r\nz--x\n\r\n--x--\r\n";
        let expected = [(Some("application/json".into()), b"{}".to_vec()), (None, b"\r\n--y\r\nz--x\n".to_vec())];
        assert_eq!(read("multipart/related; boundary=\"x\"", body).unwrap(), expected);
    }

    #[test]
    fn lines_may_end_in_a_line_feed_alone() {
        let body = b"--=a=\nContent-Type: text/plain\nMIME-Version: 1.0\n\nhello\r\n--=a=\n\n\n--=a=--";
        let expected = [(Some("text/plain".into()), b"hello".to_vec()), (None, Vec::new())];
        assert_eq!(read("multipart/related; boundary='=a='", body).unwrap(), expected);
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let kind = "multipart/related; boundary=x";
        for body in [&b""[..], b"--x", b"--x\r\n\r\n{}", b"--x\r\n\r\n{}\r\n--x\r\n", b"--x\r\nno empty line\r\n--x--"]
        {
            assert!(read(kind, body).unwrap_err().starts_with("Multipart body is malformed"));
        }
        assert!(read("multipart/related", b"--x--").is_err());
        assert!(read("text/plain; boundary=x", b"--x--").is_err());
    }
}
