//! Why Cloud Storage refuses a request, in the words and codes of its two interfaces.

use serde_json::{Value, json};

/// A refused request. Codes and reasons: <https://cloud.google.com/storage/docs/json_api/v1/status-codes>.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    /// The status of HTTP; the code of gRPC follows from it.
    pub(crate) status: u16,
    /// `errors[].reason` of the JSON form.
    reason: &'static str,
    /// What the caller is told.
    pub(crate) message: String,
    /// `errors[].locationType` and `errors[].location`: what in the request the refusal is about.
    place: Option<(&'static str, &'static str)>,
}

impl Refusal {
    fn new(status: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { status, reason, message: message.into(), place: None }
    }

    /// There is no such bucket.
    pub(crate) fn no_bucket() -> Self {
        Self::new(404, "notFound", "The specified bucket does not exist.")
    }

    /// There is no such object, or it has another generation.
    pub(crate) fn no_object(bucket: &str, object: &str) -> Self {
        Self::new(404, "notFound", format!("No such object: {bucket}/{object}"))
    }

    /// There is nothing at this path.
    pub(crate) fn no_route() -> Self {
        Self::new(404, "notFound", "Not Found")
    }

    /// There is no such upload: it was never begun, or it has been cancelled.
    pub(crate) fn no_upload() -> Self {
        Self::new(404, "notFound", "Upload session not found. Begin a new one.")
    }

    /// The bucket is there already.
    pub(crate) fn bucket_exists() -> Self {
        Self::new(409, "conflict", "Your previous request to create the named bucket succeeded and you already own it.")
    }

    /// The bucket that should go still has objects in it.
    pub(crate) fn bucket_not_empty() -> Self {
        Self::new(409, "conflict", "The bucket you tried to delete is not empty.")
    }

    /// A condition on the generation or metageneration does not hold.
    pub(crate) fn condition(name: &'static str) -> Self {
        let mut refusal =
            Self::new(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.");
        refusal.place = Some(("header", name));
        refusal
    }

    /// What is asked for has not changed since: `304`, which has no body.
    pub(crate) fn not_modified() -> Self {
        Self::new(304, "notModified", "The object has the generation that the request excludes.")
    }

    /// No bytes of the object are in the range.
    pub(crate) fn range() -> Self {
        Self::new(416, "requestedRangeNotSatisfiable", "Request range not satisfiable")
    }

    /// The request has no credentials.
    pub(crate) fn anonymous(permission: &str, noun: &str) -> Self {
        let mut refusal = Self::new(401, "required", denied_message("Anonymous caller", permission, noun));
        refusal.place = Some(("header", "Authorization"));
        refusal
    }

    /// The request has credentials that are not valid, or no longer.
    pub(crate) fn invalid_token() -> Self {
        let mut refusal = Self::new(401, "authError", "Invalid Credentials");
        refusal.place = Some(("header", "Authorization"));
        refusal
    }

    /// The caller lacks a permission.
    pub(crate) fn denied(caller: &str, permission: &str, noun: &str) -> Self {
        Self::new(403, "forbidden", denied_message(caller, permission, noun))
    }

    /// The request says something that cannot be.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid", message)
    }

    /// The bytes that came are not those of the checksum that came with them. Both in base 64.
    pub(crate) fn checksum(kind: &str, provided: &str, calculated: &str) -> Self {
        Self::invalid(format!("Provided {kind} \"{provided}\" doesn't match calculated {kind} \"{calculated}\"."))
    }

    /// More bytes than the double holds for one request.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(413, "uploadTooLarge", format!("The double takes at most {limit} bytes in one request."))
    }

    /// The real service does this; the double does not.
    pub(crate) fn unimplemented(what: &str) -> Self {
        Self::new(501, "notImplemented", format!("The double of Cloud Storage does not do this: {what}"))
    }

    /// A status that a test asked for.
    pub(crate) fn fault(status: u16) -> Self {
        match status {
            408 => Self::new(status, "requestTimeout", "Request Timeout"),
            429 => Self::new(status, "rateLimitExceeded", "The rate of requests is over the limit of the bucket."),
            500 => Self::new(status, "internalError", "We encountered an internal error. Please try again."),
            502..=504 => Self::new(status, "backendError", "Backend Error"),
            _ => Self::new(status, "invalid", "A fault that a test asked for"),
        }
    }

    /// The status code of gRPC that goes with the status of HTTP:
    /// <https://cloud.google.com/apis/design/errors#error_model>, and for `304` what the service says of its
    /// conditions in `google/storage/v2/storage.proto`.
    pub(crate) fn grpc_code(&self) -> u8 {
        match self.status {
            304 => 10,
            400 => 3,
            401 => 16,
            403 => 7,
            404 => 5,
            408 | 504 => 4,
            409 => 6,
            412 => 9,
            413 | 416 => 11,
            429 => 8,
            500 => 13,
            501 => 12,
            502 | 503 => 14,
            _ => 2,
        }
    }

    /// The body of the answer in the JSON form.
    pub(crate) fn json(&self) -> Value {
        let domain = if self.status == 429 { "usageLimits" } else { "global" };
        let mut error = json!({ "domain": domain, "reason": self.reason, "message": self.message });
        if let (Some((kind, name)), Some(fields)) = (self.place, error.as_object_mut()) {
            fields.insert("locationType".into(), kind.into());
            fields.insert("location".into(), name.into());
        }
        json!({ "error": { "code": self.status, "message": self.message, "errors": [error] } })
    }
}

fn denied_message(caller: &str, permission: &str, noun: &str) -> String {
    format!(
        "{caller} does not have {permission} access to the Google Cloud Storage {noun}. \
         Permission '{permission}' denied on resource (or it may not exist)."
    )
}
