//! Writes answers of the JSON interface.

use std::net::SocketAddr;
use std::time::SystemTime;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hyper::header::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use prost::Message as _;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::call::{Content, Reply};
use super::object::Object;
use super::proto;
use super::refusal::Refusal;

/// What stands for itself in a part of a path (RFC 3986, 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Objects that a composed one was made of.
pub(crate) const COMPONENTS: i32 = 2;

/// Writes an answer.
pub(crate) fn answer(address: SocketAddr, reply: Reply) -> Answer {
    match reply {
        Reply::Buckets(buckets) => {
            let items: Vec<Value> = buckets.iter().map(|(name, created)| bucket(address, name, *created)).collect();
            json_answer(200, &json!({ "kind": "storage#buckets", "items": items }))
        }
        Reply::Bucket { name, created } => json_answer(200, &bucket(address, &name, created)),
        Reply::Layout { bucket } => {
            let layout = json!({
                "kind": "storage#storageLayout",
                "bucket": bucket,
                "location": "US",
                "locationType": "multi-region",
                "hierarchicalNamespace": { "enabled": false },
            });
            json_answer(200, &layout)
        }
        Reply::Page { bucket, page } => {
            let mut list = Map::new();
            list.insert("kind".into(), "storage#objects".into());
            if let Some(next) = page.next {
                list.insert("nextPageToken".into(), next.into());
            }
            if !page.prefixes.is_empty() {
                list.insert("prefixes".into(), page.prefixes.into());
            }
            if !page.objects.is_empty() {
                let items = page.objects.iter().map(|o| object(address, &bucket, o));
                list.insert("items".into(), items.collect());
            }
            json_answer(200, &list.into())
        }
        Reply::Object { bucket, object: written } => {
            json_answer(200, &object(address, &bucket, &written)).header("etag", etag(&written))
        }
        Reply::Content(content) => media(content),
        Reply::Started { bucket, upload } => {
            let path = upload_path(&bucket);
            let location = format!("http://{address}{path}?uploadType=resumable&upload_id={upload}");
            Answer::new(200).header("location", location).header("x-guploader-uploadid", upload.to_string())
        }
        Reply::Kept(0) => Answer::new(308),
        Reply::Kept(bytes) => Answer::new(308).header("range", format!("bytes=0-{}", bytes - 1)),
        // Not a code of HTTP, but what the service says of an upload that its client has given up.
        Reply::Cancelled => Answer::new(499),
        Reply::Deleted => Answer::new(204),
    }
}

/// Writes a refusal; of a request for bytes, in plain text.
pub(crate) fn refusal(refusal: &Refusal, is_media: bool) -> Answer {
    match refusal.status {
        304 => Answer::new(304),
        status if is_media => {
            let mut answer = Answer::new(status).header("content-type", "text/html; charset=UTF-8");
            answer.bytes = refusal.message.clone().into();
            answer
        }
        status => json_answer(status, &refusal.json()),
    }
}

fn json_answer(status: u16, value: &Value) -> Answer {
    let mut answer = Answer::new(status).header("content-type", "application/json; charset=UTF-8");
    answer.bytes = value.to_string().into();
    answer
}

/// The bytes, and in headers what is known of the object.
fn media(content: Content) -> Answer {
    let Content { object, bytes, range, is_decompressed } = content;
    let about = &object.attributes;
    let md5 = object.checksums.md5_text().map(|md5| format!(",md5={md5}")).unwrap_or_default();
    let hashes = format!("crc32c={}{md5}", object.checksums.crc32c_text());
    let mut answer = Answer::new(if range.is_some() { 206 } else { 200 })
        .header("content-type", about.content_type.as_deref().unwrap_or("application/octet-stream"))
        .header("etag", etag(&object))
        .header("last-modified", httpdate::fmt_http_date(object.created))
        .header("x-goog-generation", object.generation.to_string())
        .header("x-goog-metageneration", object.metageneration.to_string())
        .header("x-goog-hash", hashes)
        .header("x-goog-storage-class", "STANDARD")
        .header("x-goog-stored-content-encoding", about.content_encoding.as_deref().unwrap_or("identity"))
        .header("x-goog-stored-content-length", object.bytes.len().to_string());
    if is_decompressed {
        answer = answer.header("warning", "214 UploadServer gunzipped");
    } else {
        answer = answer.header("accept-ranges", "bytes");
        if let Some(encoding) = &about.content_encoding {
            answer = answer.header("content-encoding", encoding);
        }
    }
    if let Some((first, last)) = range {
        answer = answer.header("content-range", format!("bytes {first}-{last}/{}", object.bytes.len()));
    }
    let more = [
        ("content-disposition", &about.content_disposition),
        ("content-language", &about.content_language),
        ("cache-control", &about.cache_control),
    ];
    for (name, value) in more {
        if let Some(value) = value {
            answer = answer.header(name, value);
        }
    }
    for (name, value) in &about.metadata {
        let name = HeaderName::from_bytes(format!("x-goog-meta-{name}").as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            answer.headers.insert(name, value);
        }
    }
    answer.bytes = bytes;
    answer
}

fn bucket(address: SocketAddr, name: &str, created: SystemTime) -> Value {
    json!({
        "kind": "storage#bucket",
        "id": name,
        "selfLink": format!("http://{address}{}", bucket_path(name)),
        "name": name,
        "projectNumber": "1",
        "metageneration": "1",
        "location": "US",
        "locationType": "multi-region",
        "storageClass": "STANDARD",
        "etag": "CAE=",
        "timeCreated": time(created),
        "updated": time(created),
        "iamConfiguration": { "uniformBucketLevelAccess": { "enabled": true } },
    })
}

fn object(address: SocketAddr, bucket: &str, object: &Object) -> Value {
    let path = format!("{}/o/{}", bucket_path(bucket), utf8_percent_encode(&object.name, UNRESERVED));
    let mut value = json!({
        "kind": "storage#object",
        "id": format!("{bucket}/{}/{}", object.name, object.generation),
        "selfLink": format!("http://{address}{path}"),
        "mediaLink": format!("http://{address}/download{path}?generation={}&alt=media", object.generation),
        "name": object.name,
        "bucket": bucket,
        "generation": object.generation.to_string(),
        "metageneration": object.metageneration.to_string(),
        "storageClass": "STANDARD",
        "size": object.bytes.len().to_string(),
        "crc32c": object.checksums.crc32c_text(),
        "etag": etag(object),
        "timeCreated": time(object.created),
        "updated": time(object.created),
        "timeStorageClassUpdated": time(object.created),
        "timeFinalized": time(object.created),
    });
    let about = &object.attributes;
    let more = [
        ("contentType", &about.content_type),
        ("contentEncoding", &about.content_encoding),
        ("contentDisposition", &about.content_disposition),
        ("contentLanguage", &about.content_language),
        ("cacheControl", &about.cache_control),
    ];
    if let Some(fields) = value.as_object_mut() {
        for (name, text) in more {
            if let Some(text) = text {
                fields.insert(name.into(), text.as_str().into());
            }
        }
        match object.checksums.md5_text() {
            Some(md5) => fields.insert("md5Hash".into(), md5.into()),
            None => fields.insert("componentCount".into(), COMPONENTS.into()),
        };
        if !about.metadata.is_empty() {
            let metadata = about.metadata.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
            fields.insert("metadata".into(), Value::Object(metadata.collect()));
        }
    }
    value
}

/// A message of the generation and the metageneration, in base 64.
pub(crate) fn etag(object: &Object) -> String {
    let message = proto::Etag { generation: object.generation, metageneration: object.metageneration };
    BASE64_STANDARD.encode(message.encode_to_vec())
}

fn bucket_path(bucket: &str) -> String {
    format!("/storage/v1/b/{}", utf8_percent_encode(bucket, UNRESERVED))
}

fn upload_path(bucket: &str) -> String {
    format!("/upload{}/o", bucket_path(bucket))
}

fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}
