//! What BigQuery says when it refuses: a reason, a message, and the HTTP status that goes with the reason.

use serde_json::{Value as Json, json};

/// A refusal, either as the answer to a request or as the error of a job.
///
/// Reasons and their statuses are those of the page "Error messages" of BigQuery's documentation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct Refusal {
    /// The HTTP status where it answers a request.
    pub status: u16,
    /// The short code, as `notFound`.
    pub reason: String,
    /// What a person reads.
    pub message: String,
    /// The place, where the error has one: a URI, or `query`.
    pub location: Option<String>,
}

impl Refusal {
    /// A refusal with the status that its reason has in the documentation.
    pub fn new(reason: &str, message: impl Into<String>) -> Self {
        Self { status: status_of(reason), reason: reason.to_owned(), message: message.into(), location: None }
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn at(mut self, location: impl Into<String>) -> Self {
        self.location = Some(location.into());
        self
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("invalid", message)
    }

    pub(crate) fn invalid_query(message: impl Into<String>) -> Self {
        Self::new("invalidQuery", message).at("query")
    }

    /// What this double has not been taught. Never an answer that might be wrong.
    pub(crate) fn unsupported(what: impl std::fmt::Display) -> Self {
        Self::new("invalidQuery", format!("The double of BigQuery cannot run this: {what}")).at("query")
    }

    /// A right that is missing, in the words of BigQuery.
    ///
    /// `on` is a resource as BigQuery writes it: `Project p`, `Dataset p:d` or `Table p:d.t`.
    pub fn access_denied(permission: &str, on: &str) -> Self {
        let message = match on.split_once(' ') {
            Some(("Project", project)) => {
                format!(
                    "Access Denied: Project {project}: User does not have {permission} permission in project {project}."
                )
            }
            Some((kind, name)) => format!(
                "Access Denied: {on}: Permission {permission} denied on {} {name} (or it may not exist).",
                kind.to_lowercase()
            ),
            None => format!("Access Denied: {on}: Permission {permission} denied."),
        };
        Self::new("accessDenied", message)
    }

    /// Too many requests at a time.
    pub fn rate_limit_exceeded() -> Self {
        Self::new(
            "rateLimitExceeded",
            "Exceeded rate limits: too many api requests per user per method for this user_method. For more information, \
             see https://cloud.google.com/bigquery/docs/troubleshoot-quotas",
        )
    }

    /// A transient failure, as a 503 tells it.
    pub fn unavailable() -> Self {
        Self::new("backendError", "Error encountered during execution. Retrying may solve the problem.")
            .with_status(503)
    }

    /// A request without a token, or with one that has expired.
    pub fn unauthenticated() -> Self {
        Self::new(
            "authError",
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid \
             authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
        )
    }

    /// The body of an HTTP answer.
    pub(crate) fn body(&self) -> Json {
        let mut error = json!({"message": self.message, "domain": "global", "reason": self.reason});
        if let (Some(location), Json::Object(error)) = (&self.location, &mut error) {
            error.insert("location".into(), json!(location));
            error.insert("locationType".into(), json!("parameter"));
        }
        let (code, status) = (self.status, name_of(self.status));
        json!({"error": {"code": code, "message": self.message, "errors": [error], "status": status}})
    }

    /// The `ErrorProto` of a job.
    pub(crate) fn proto(&self) -> Json {
        let mut error = json!({"reason": self.reason, "message": self.message});
        if let (Some(location), Json::Object(error)) = (&self.location, &mut error) {
            error.insert("location".into(), json!(location));
        }
        error
    }
}

fn status_of(reason: &str) -> u16 {
    match reason {
        "authError" => 401,
        "accessDenied" | "quotaExceeded" | "rateLimitExceeded" | "billingNotEnabled" | "blocked"
        | "responseTooLarge" => 403,
        "notFound" => 404,
        "duplicate" => 409,
        "conditionNotMet" => 412,
        "internalError" => 500,
        "notImplemented" => 501,
        "backendError" => 503,
        _ => 400,
    }
}

/// The name of `google.rpc.Code` that goes with a status.
fn name_of(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ALREADY_EXISTS",
        412 => "FAILED_PRECONDITION",
        429 => "RESOURCE_EXHAUSTED",
        500 => "INTERNAL",
        501 => "UNIMPLEMENTED",
        503 => "UNAVAILABLE",
        _ => "INVALID_ARGUMENT",
    }
}
