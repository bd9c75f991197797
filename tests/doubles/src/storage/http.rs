//! Reads requests of the JSON interface: <https://cloud.google.com/storage/docs/json_api/v1>.

use bytes::Bytes;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, RANGE};
use hyper::{Method, Uri};
use serde_json::{Map, Value};

use super::call::{Call, Span, Wanted};
use super::listing;
use super::multipart;
use super::object::{Attributes, Expected};
use super::query::{Parameters, decode};
use super::refusal::Refusal;
use super::store::Draft;
use super::upload::{Part, Place, Uploads};

/// A request that came over HTTP, with its body.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
}

impl Incoming<'_> {
    /// Whether it is for the bytes of an object, which the service refuses in plain text.
    pub(crate) fn is_media(&self) -> bool {
        self.method == Method::GET && self.uri.query().is_some_and(|query| query.split('&').any(|q| q == "alt=media"))
    }

    fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What is asked for.
    pub(crate) fn call(&self, uploads: &Uploads) -> Result<Call, Refusal> {
        let parameters = Parameters::new(self.uri.query().unwrap_or_default())?;
        let path: Vec<&str> = self.uri.path().trim_start_matches('/').split('/').collect();
        match path.as_slice() {
            ["upload" | "resumable", "storage", "v1", "b", bucket, "o"]
            | ["resumable", "upload", "storage", "v1", "b", bucket, "o"] => {
                self.upload(decode(bucket)?, &parameters, uploads)
            }
            ["storage", "v1", rest @ ..] | ["download", "storage", "v1", rest @ ..] => self.plain(rest, &parameters),
            _ => Err(Refusal::no_route()),
        }
    }

    fn plain(&self, path: &[&str], parameters: &Parameters) -> Result<Call, Refusal> {
        match (self.method.as_str(), path) {
            ("GET", ["b"]) => Ok(Call::ListBuckets),
            ("POST", ["b"]) => {
                let bucket =
                    text(&json(self.body)?, "name").ok_or_else(|| Refusal::invalid("A bucket needs a name."))?;
                Ok(Call::CreateBucket { bucket })
            }
            ("GET", ["b", bucket]) => Ok(Call::GetBucket { bucket: decode(bucket)? }),
            ("GET", ["b", bucket, "storageLayout"]) => Ok(Call::GetLayout { bucket: decode(bucket)? }),
            ("DELETE", ["b", bucket]) => Ok(Call::DeleteBucket { bucket: decode(bucket)? }),
            ("GET", ["b", bucket, "o"]) => Ok(Call::List { bucket: decode(bucket)?, query: list(parameters)? }),
            ("GET", ["b", bucket, "o", object]) => {
                let wanted = wanted(bucket, object, parameters)?;
                if parameters.get("alt") != Some("media") {
                    return Ok(Call::Get(wanted));
                }
                let accepts = self.header(ACCEPT_ENCODING).unwrap_or_default();
                let accepts_gzip = accepts.split(',').any(|e| e.trim().starts_with("gzip"));
                Ok(Call::Read { wanted, span: self.header(RANGE).and_then(Span::of_header), accepts_gzip })
            }
            ("DELETE", ["b", bucket, "o", object]) => Ok(Call::Delete(wanted(bucket, object, parameters)?)),
            (method, ["b", ..]) if method != "GET" => Err(Refusal::unimplemented(&format!("{method} of this path"))),
            _ => Err(Refusal::no_route()),
        }
    }

    fn upload(&self, bucket: String, parameters: &Parameters, uploads: &Uploads) -> Result<Call, Refusal> {
        if let Some(number) = parameters.get("upload_id") {
            let upload = number.parse().map_err(|_| Refusal::no_upload())?;
            let target = uploads.target(upload).ok_or_else(Refusal::no_upload)?;
            return match self.method.as_str() {
                "DELETE" => Ok(Call::Cancel { upload, target }),
                "PUT" | "POST" => {
                    let place = self.header(CONTENT_RANGE).map_or(Ok(Place::Whole), Place::of_header)?;
                    let part = Part { place, bytes: self.body.clone(), expected: self.expected() };
                    Ok(Call::Part { upload, target, part })
                }
                method => Err(Refusal::unimplemented(&format!("{method} of an upload"))),
            };
        }
        if self.method != Method::POST && self.method != Method::PUT {
            return Err(Refusal::no_route());
        }
        match parameters.get("uploadType") {
            Some("media") => {
                let draft = self.draft(bucket, &Map::new(), self.header(CONTENT_TYPE), parameters)?;
                Ok(Call::Insert { draft, bytes: self.body.clone() })
            }
            Some("multipart") => {
                let sections = multipart::sections(self.header(CONTENT_TYPE).unwrap_or_default(), self.body)?;
                let (about, media, after) = match sections.as_slice() {
                    [about, media] => (about, media, Map::new()),
                    [about, media, after] => (about, media, json(&after.bytes)?),
                    _ => return Err(Refusal::invalid("Multipart body is malformed: it needs two or three parts.")),
                };
                let mut draft = self.draft(bucket, &json(&about.bytes)?, media.content_type.as_deref(), parameters)?;
                draft.expected = draft.expected.and(expected(&after));
                Ok(Call::Insert { draft, bytes: media.bytes.clone() })
            }
            Some("resumable") => {
                let about = if self.body.is_empty() { Map::new() } else { json(self.body)? };
                let kind = HeaderName::from_static("x-upload-content-type");
                Ok(Call::Start(self.draft(bucket, &about, self.header(kind), parameters)?))
            }
            _ => Err(Refusal::invalid("Upload requests need uploadType=media, multipart or resumable.")),
        }
    }

    /// What `x-goog-hash` says.
    fn expected(&self) -> Expected {
        let header = self.header(HeaderName::from_static("x-goog-hash"));
        header.map_or_else(Expected::default, Expected::of_header)
    }

    fn draft(
        &self,
        bucket: String,
        about: &Map<String, Value>,
        content_type: Option<&str>,
        parameters: &Parameters,
    ) -> Result<Draft, Refusal> {
        let name = parameters.get("name").map(str::to_owned).or_else(|| text(about, "name"));
        let metadata = about.get("metadata").and_then(Value::as_object).into_iter().flatten();
        // What is sent compressed in one go is stored so, and said to be.
        let encoding = parameters.get("contentEncoding").or_else(|| self.header(CONTENT_ENCODING));
        Ok(Draft {
            bucket,
            name: name.ok_or_else(|| Refusal::invalid("Required parameter: name"))?,
            attributes: Attributes {
                content_type: text(about, "contentType").or_else(|| content_type.map(str::to_owned)),
                content_encoding: text(about, "contentEncoding").or_else(|| encoding.map(str::to_owned)),
                content_disposition: text(about, "contentDisposition"),
                content_language: text(about, "contentLanguage"),
                cache_control: text(about, "cacheControl"),
                metadata: metadata.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect(),
            },
            conditions: parameters.conditions()?,
            expected: expected(about).and(self.expected()),
            is_composite: false,
        })
    }
}

fn wanted(bucket: &str, object: &str, parameters: &Parameters) -> Result<Wanted, Refusal> {
    Ok(Wanted {
        bucket: decode(bucket)?,
        object: decode(object)?,
        generation: parameters.number("generation")?,
        conditions: parameters.conditions()?,
    })
}

fn list(parameters: &Parameters) -> Result<listing::Query, Refusal> {
    Ok(listing::Query {
        prefix: parameters.text("prefix"),
        delimiter: parameters.text("delimiter"),
        include_trailing_delimiter: parameters.flag("includeTrailingDelimiter"),
        match_glob: parameters.text("matchGlob"),
        start: parameters.text("startOffset"),
        end: parameters.text("endOffset"),
        page_size: parameters.number("maxResults")?.unwrap_or(0),
        page_token: parameters.text("pageToken"),
    })
}

fn json(bytes: &[u8]) -> Result<Map<String, Value>, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| Refusal::invalid(format!("Parse Error: {error}")))
}

fn text(about: &Map<String, Value>, name: &str) -> Option<String> {
    about.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn expected(about: &Map<String, Value>) -> Expected {
    Expected { crc32c: text(about, "crc32c"), md5: text(about, "md5Hash") }
}
