//! A request as it came, and an answer before it goes out.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::Value as Json;

use super::refusal::Refusal;

/// A request whose body has been read.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) verb: String,
    /// Parts between slashes, decoded.
    pub(crate) path: Vec<String>,
    pub(crate) query: BTreeMap<String, String>,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Takes a request target apart.
    pub(crate) fn target(target: &str) -> (Vec<String>, BTreeMap<String, String>) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let pairs = query.split('&').filter(|p| !p.is_empty());
        let pairs =
            pairs.map(|p| p.split_once('=').unwrap_or((p, ""))).map(|(k, v)| (decode(k), decode(&v.replace('+', " "))));
        (path.split('/').filter(|p| !p.is_empty()).map(decode).collect(), pairs.collect())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// A parameter that is a number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let parse =
            |text: &str| text.parse().map_err(|_| Refusal::invalid(format!("Invalid value '{text}' for {name}")));
        self.param(name).map(parse).transpose()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.param(name).is_some_and(|v| v.eq_ignore_ascii_case("true"))
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Json, Refusal> {
        parse_json(&self.body)
    }
}

/// Reads a body; one that is empty is an empty object.
pub(crate) fn parse_json(body: &[u8]) -> Result<Json, Refusal> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Json::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(body).map_err(|e| Refusal::new("parseError", format!("Invalid JSON payload received. {e}")))
}

/// What goes out.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(body: &Json) -> Self {
        let headers = vec![("content-type", "application/json; charset=UTF-8".to_owned())];
        Self { status: 200, headers, body: body.to_string().into_bytes() }
    }

    /// Success without a body.
    pub(crate) fn empty() -> Self {
        Self { status: 204, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn refusal(refusal: &Refusal) -> Self {
        Self { status: refusal.status, ..Self::json(&refusal.body()) }
    }
}
