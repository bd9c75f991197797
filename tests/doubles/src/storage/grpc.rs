//! The gRPC interface: reads calls of `google.storage.v2.Storage`, and writes their answers. Format:
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{BufMut as _, Bytes, BytesMut};
use hyper::header::{HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use prost::Message;

use super::answer::Answer;
use super::call::{Call, Reply, Wanted};
use super::condition::Conditions;
use super::listing::Query;
use super::object::Object;
use super::proto::{
    Bucket, DeleteObjectRequest, GetBucketRequest, GetObjectRequest, ListObjectsRequest, ListObjectsResponse,
    Object as Message_, ObjectChecksums, Timestamp,
};
use super::refusal::Refusal;
use super::resource::{COMPONENTS, etag};

/// What must be written otherwise in `grpc-message`.
const MESSAGE: &AsciiSet = &CONTROLS.add(b'%');
/// What the names of buckets begin with.
const BUCKETS: &str = "projects/_/buckets/";

/// Reads a call.
pub(crate) fn call(path: &str, body: &Bytes) -> Result<Call, Refusal> {
    let method = path.strip_prefix("/google.storage.v2.Storage/").ok_or_else(Refusal::no_route)?;
    match method {
        "ListObjects" => {
            let request: ListObjectsRequest = read(body)?;
            let page_size = usize::try_from(request.page_size);
            let query = Query {
                prefix: request.prefix,
                delimiter: request.delimiter,
                include_trailing_delimiter: request.include_trailing_delimiter,
                match_glob: request.match_glob,
                start: request.lexicographic_start,
                end: request.lexicographic_end,
                page_size: page_size.map_err(|_| Refusal::invalid("The page size must not be negative."))?,
                page_token: request.page_token,
            };
            Ok(Call::List { bucket: bucket_id(&request.parent)?, query })
        }
        "GetObject" => {
            let request: GetObjectRequest = read(body)?;
            Ok(Call::Get(Wanted {
                bucket: bucket_id(&request.bucket)?,
                object: request.object,
                generation: Some(request.generation).filter(|generation| *generation != 0),
                conditions: Conditions {
                    generation_match: request.if_generation_match,
                    generation_not_match: request.if_generation_not_match,
                    metageneration_match: request.if_metageneration_match,
                    metageneration_not_match: request.if_metageneration_not_match,
                },
            }))
        }
        "DeleteObject" => {
            let request: DeleteObjectRequest = read(body)?;
            Ok(Call::Delete(Wanted {
                bucket: bucket_id(&request.bucket)?,
                object: request.object,
                generation: Some(request.generation).filter(|generation| *generation != 0),
                conditions: Conditions {
                    generation_match: request.if_generation_match,
                    generation_not_match: request.if_generation_not_match,
                    metageneration_match: request.if_metageneration_match,
                    metageneration_not_match: request.if_metageneration_not_match,
                },
            }))
        }
        "GetBucket" => {
            let request: GetBucketRequest = read(body)?;
            Ok(Call::GetBucket { bucket: bucket_id(&request.name)? })
        }
        other => Err(Refusal::unimplemented(&format!("{other} over gRPC"))),
    }
}

/// Writes an answer.
pub(crate) fn answer(reply: Reply) -> Answer {
    match reply {
        Reply::Page { bucket, page } => message(&ListObjectsResponse {
            objects: page.objects.iter().map(|o| object(&bucket, o)).collect(),
            prefixes: page.prefixes,
            next_page_token: page.next.unwrap_or_default(),
        }),
        Reply::Object { bucket, object: found } => message(&object(&bucket, &found)),
        Reply::Bucket { name, created } => message(&Bucket {
            name: format!("{BUCKETS}{name}"),
            bucket_id: name,
            project: "projects/1".into(),
            metageneration: 1,
            location: "US".into(),
            location_type: "multi-region".into(),
            storage_class: "STANDARD".into(),
            create_time: Some(timestamp(created)),
        }),
        Reply::Deleted => message(&()),
        _ => refusal(&Refusal::unimplemented("this answer over gRPC")),
    }
}

/// Writes a refusal, which has no body.
pub(crate) fn refusal(refusal: &Refusal) -> Answer {
    Answer::new(200)
        .header("content-type", "application/grpc")
        .header("grpc-status", refusal.grpc_code().to_string())
        .header("grpc-message", utf8_percent_encode(&refusal.message, MESSAGE).to_string())
}

fn message(message: &impl Message) -> Answer {
    let mut frame = BytesMut::new();
    // Not compressed; the length, the highest byte first.
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.encoded_len()).unwrap_or(u32::MAX));
    frame.put_slice(&message.encode_to_vec());
    let mut answer = Answer::new(200).header("content-type", "application/grpc");
    answer.bytes = frame.freeze();
    answer.trailers = Some(HeaderMap::from_iter([(
        hyper::header::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    )]));
    answer
}

fn read<M: Message + Default>(body: &Bytes) -> Result<M, Refusal> {
    let (flag, rest) = body.split_first().ok_or_else(|| Refusal::invalid("The call has no message."))?;
    if *flag != 0 {
        return Err(Refusal::unimplemented("compressed messages of gRPC"));
    }
    let (length, message) = rest.split_first_chunk::<4>().ok_or_else(|| Refusal::invalid("The message is cut."))?;
    if usize::try_from(u32::from_be_bytes(*length)) != Ok(message.len()) {
        return Err(Refusal::invalid("The call must have one whole message."));
    }
    M::decode(message).map_err(|error| Refusal::invalid(format!("The message cannot be decoded: {error}.")))
}

fn bucket_id(name: &str) -> Result<String, Refusal> {
    let id = name.strip_prefix(BUCKETS).filter(|id| !id.is_empty() && !id.contains('/'));
    id.map(str::to_owned)
        .ok_or_else(|| Refusal::invalid(format!("Invalid bucket name `{name}`: it must be {BUCKETS}….")))
}

fn object(bucket: &str, object: &Arc<Object>) -> Message_ {
    let about = object.attributes.clone();
    let created = Some(timestamp(object.created));
    Message_ {
        name: object.name.clone(),
        bucket: format!("{BUCKETS}{bucket}"),
        etag: etag(object),
        generation: object.generation,
        metageneration: object.metageneration,
        storage_class: "STANDARD".into(),
        size: i64::try_from(object.bytes.len()).unwrap_or(i64::MAX),
        content_encoding: about.content_encoding.unwrap_or_default(),
        content_disposition: about.content_disposition.unwrap_or_default(),
        cache_control: about.cache_control.unwrap_or_default(),
        content_language: about.content_language.unwrap_or_default(),
        content_type: about.content_type.unwrap_or_default(),
        create_time: created.clone(),
        component_count: if object.checksums.md5.is_some() { 0 } else { COMPONENTS },
        checksums: Some(ObjectChecksums {
            crc32c: Some(object.checksums.crc32c),
            md5_hash: object.checksums.md5.map(Vec::from).unwrap_or_default(),
        }),
        update_time: created.clone(),
        metadata: about.metadata.into_iter().collect(),
        finalize_time: created,
    }
}

fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default(),
    }
}
