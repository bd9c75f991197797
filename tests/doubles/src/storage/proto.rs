//! Messages of `google.storage.v2`, as far as the double speaks it. Names and numbers of the fields:
//! <https://github.com/googleapis/googleapis/blob/master/google/storage/v2/storage.proto>. Written by hand, so that no
//! compiler of protocol buffers is needed; fields that the double does not use are left out, and passed over.
#![allow(missing_docs, reason = "the fields are described in the file they are from")]

use std::collections::HashMap;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ListObjectsRequest {
    #[prost(string, tag = "1")]
    pub(crate) parent: String,
    #[prost(int32, tag = "2")]
    pub(crate) page_size: i32,
    #[prost(string, tag = "3")]
    pub(crate) page_token: String,
    #[prost(string, tag = "4")]
    pub(crate) delimiter: String,
    #[prost(bool, tag = "5")]
    pub(crate) include_trailing_delimiter: bool,
    #[prost(string, tag = "6")]
    pub(crate) prefix: String,
    #[prost(string, tag = "10")]
    pub(crate) lexicographic_start: String,
    #[prost(string, tag = "11")]
    pub(crate) lexicographic_end: String,
    #[prost(string, tag = "14")]
    pub(crate) match_glob: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ListObjectsResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) objects: Vec<Object>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) prefixes: Vec<String>,
    #[prost(string, tag = "3")]
    pub(crate) next_page_token: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetObjectRequest {
    #[prost(string, tag = "1")]
    pub(crate) bucket: String,
    #[prost(string, tag = "2")]
    pub(crate) object: String,
    #[prost(int64, tag = "3")]
    pub(crate) generation: i64,
    #[prost(int64, optional, tag = "4")]
    pub(crate) if_generation_match: Option<i64>,
    #[prost(int64, optional, tag = "5")]
    pub(crate) if_generation_not_match: Option<i64>,
    #[prost(int64, optional, tag = "6")]
    pub(crate) if_metageneration_match: Option<i64>,
    #[prost(int64, optional, tag = "7")]
    pub(crate) if_metageneration_not_match: Option<i64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DeleteObjectRequest {
    #[prost(string, tag = "1")]
    pub(crate) bucket: String,
    #[prost(string, tag = "2")]
    pub(crate) object: String,
    #[prost(int64, tag = "4")]
    pub(crate) generation: i64,
    #[prost(int64, optional, tag = "5")]
    pub(crate) if_generation_match: Option<i64>,
    #[prost(int64, optional, tag = "6")]
    pub(crate) if_generation_not_match: Option<i64>,
    #[prost(int64, optional, tag = "7")]
    pub(crate) if_metageneration_match: Option<i64>,
    #[prost(int64, optional, tag = "8")]
    pub(crate) if_metageneration_not_match: Option<i64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetBucketRequest {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Bucket {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) bucket_id: String,
    #[prost(string, tag = "3")]
    pub(crate) project: String,
    #[prost(int64, tag = "4")]
    pub(crate) metageneration: i64,
    #[prost(string, tag = "5")]
    pub(crate) location: String,
    #[prost(string, tag = "6")]
    pub(crate) location_type: String,
    #[prost(string, tag = "7")]
    pub(crate) storage_class: String,
    #[prost(message, optional, tag = "11")]
    pub(crate) create_time: Option<Timestamp>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ObjectChecksums {
    #[prost(fixed32, optional, tag = "1")]
    pub(crate) crc32c: Option<u32>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) md5_hash: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Object {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) bucket: String,
    #[prost(string, tag = "27")]
    pub(crate) etag: String,
    #[prost(int64, tag = "3")]
    pub(crate) generation: i64,
    #[prost(int64, tag = "4")]
    pub(crate) metageneration: i64,
    #[prost(string, tag = "5")]
    pub(crate) storage_class: String,
    #[prost(int64, tag = "6")]
    pub(crate) size: i64,
    #[prost(string, tag = "7")]
    pub(crate) content_encoding: String,
    #[prost(string, tag = "8")]
    pub(crate) content_disposition: String,
    #[prost(string, tag = "9")]
    pub(crate) cache_control: String,
    #[prost(string, tag = "11")]
    pub(crate) content_language: String,
    #[prost(string, tag = "13")]
    pub(crate) content_type: String,
    #[prost(message, optional, tag = "14")]
    pub(crate) create_time: Option<Timestamp>,
    #[prost(int32, tag = "15")]
    pub(crate) component_count: i32,
    #[prost(message, optional, tag = "16")]
    pub(crate) checksums: Option<ObjectChecksums>,
    #[prost(message, optional, tag = "17")]
    pub(crate) update_time: Option<Timestamp>,
    #[prost(map = "string, string", tag = "22")]
    pub(crate) metadata: HashMap<String, String>,
    #[prost(message, optional, tag = "36")]
    pub(crate) finalize_time: Option<Timestamp>,
}

/// What the service's `etag` holds.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Etag {
    #[prost(int64, tag = "1")]
    pub(crate) generation: i64,
    #[prost(int64, tag = "2")]
    pub(crate) metageneration: i64,
}
