//! What BigQuery says, told as its reader needs it. Messages that may quote values of rows are left out: the job's id leads to them.

use super::client::{CallError, JobError, JobId};
use crate::{FaultKind, ServerFault, SinkError};

/// Where errors happen, and who we are there.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) place: String,
    pub(super) project: String,
    pub(super) dataset: String,
    pub(super) account: String,
}

const AGAIN: &str = "Run the same command again: rows that were loaded are not loaded twice.";

impl Context {
    /// The error for a call that failed, after all attempts.
    pub(super) fn call(&self, doing: &str, error: &CallError) -> SinkError {
        let doing = format!("{doing} as {}", self.account);
        let (kind, what, code, remedy) = match error {
            CallError::Credentials(why) => (FaultKind::Login, why.clone(), None, self.login()),
            CallError::Unreachable(why) => (
                FaultKind::Unreachable,
                format!("{why}, after several attempts"),
                None,
                format!("Check the network, and what BIGQUERY_EMULATOR_HOST says if it is set. {AGAIN}"),
            ),
            CallError::NoAnswer(why) => (
                FaultKind::Lost,
                format!("{why}, after several attempts"),
                None,
                format!("Check the network, and https://status.cloud.google.com. {AGAIN}"),
            ),
            CallError::Refused { status, reason, message } => {
                let (kind, what, remedy) = self.refused(*status, reason, message, None);
                (kind, what, Some(if reason.is_empty() { format!("HTTP {status}") } else { reason.clone() }), remedy)
            }
        };
        SinkError::from(ServerFault { place: self.place.clone(), doing, what, code, kind, remedy })
    }

    /// The error for a job that failed.
    pub(super) fn job(&self, doing: &str, id: &JobId, error: &JobError) -> SinkError {
        let (kind, what, remedy) = self.refused(0, &error.reason, &error.message, Some(id));
        SinkError::from(ServerFault {
            place: self.place.clone(),
            doing: format!("{doing} as {}", self.account),
            what,
            code: Some(format!("{}, job {}", error.reason, id.id)),
            kind,
            remedy,
        })
    }

    /// The error for what BigQuery should never say.
    pub(super) fn odd(&self, doing: &str, what: String, id: Option<&JobId>) -> SinkError {
        SinkError::from(ServerFault {
            place: self.place.clone(),
            doing: doing.to_owned(),
            what,
            code: id.map(|id| format!("job {}", id.id)),
            kind: FaultKind::Refused,
            remedy: format!("See whether another program changes the table at the same time. {AGAIN}"),
        })
    }

    fn login(&self) -> String {
        "Run `gcloud auth application-default login`, or name a service account's key file with --google-credentials FILE or in GOOGLE_APPLICATION_CREDENTIALS.".to_owned()
    }

    fn refused(&self, status: u16, reason: &str, message: &str, id: Option<&JobId>) -> (FaultKind, String, String) {
        let Self { project, dataset, account, .. } = self;
        let plain = || message.to_owned();
        match (status, reason) {
            (401, _) | (_, "authError") => (FaultKind::Login, plain(), self.login()),
            (_, "quotaExceeded" | "responseTooLarge") => (
                FaultKind::Quota,
                plain(),
                format!("Quotas are of the project {project} and refill with time: https://cloud.google.com/bigquery/quotas says how soon, and which can be raised. Load less often and more at once: a table takes 1,500 load jobs a day. {AGAIN}"),
            ),
            (429, _) | (_, "rateLimitExceeded" | "jobRateLimitExceeded" | "userRateLimitExceeded") => (
                FaultKind::Busy,
                format!("{message} (after several attempts)"),
                format!("Others use up the rate of the project {project}: wait a moment. {AGAIN}"),
            ),
            (_, "billingNotEnabled" | "blocked") => (
                FaultKind::Right,
                plain(),
                format!("Have an administrator of the project {project} look at its billing; without it, tables cannot be changed by statements."),
            ),
            (403, _) | (_, "accessDenied") => (
                FaultKind::Right,
                plain(),
                format!("Have it granted to {account}: a load needs roles/bigquery.jobUser on the project {project} and roles/bigquery.dataEditor on the dataset {dataset}, and to read the objects of --staging. Another account: --google-credentials FILE."),
            ),
            (404, _) | (_, "notFound") => (FaultKind::Missing, plain(), self.missing(message)),
            (_, "stopped") => (FaultKind::Lost, plain(), format!("Somebody cancelled the job. {AGAIN}")),
            (500..=599, _) | (_, "backendError" | "internalError" | "jobBackendError" | "jobInternalError" | "tableUnavailable") => (
                FaultKind::Lost,
                format!("{message} (after several attempts)"),
                format!("See https://status.cloud.google.com. {AGAIN}"),
            ),
            (_, "resourcesExceeded" | "resourceInUse" | "duplicate") => (FaultKind::Refused, plain(), AGAIN.to_owned()),
            _ if message.contains("streaming buffer") => (
                FaultKind::Refused,
                plain(),
                "Rows that a stream brought in the last 90 minutes cannot be updated: wait, or load with --on-conflict keep.".to_owned(),
            ),
            _ if names_no_value(message) => (
                FaultKind::Refused,
                plain(),
                format!("See whether the table was changed while the load ran (gristmill plan compares it). {AGAIN}"),
            ),
            _ => {
                let look = id.map(|id| format!("`bq show -j --location={} {project}:{}` shows it", id.location, id.id));
                let look = look.unwrap_or_else(|| "the audit log of the project shows it".to_owned());
                let what = "BigQuery refused; its message may quote values of rows and is not repeated here".to_owned();
                (FaultKind::Refused, what, format!("Read the message: {look}. Nothing of this step was loaded."))
            }
        }
    }

    fn missing(&self, message: &str) -> String {
        let Self { project, dataset, .. } = self;
        if message.contains("Dataset") {
            return format!(
                "Create it (bq mk --dataset --location=LOCATION {project}:{dataset}), or correct the destination; `bq ls --project_id {project}` lists the datasets. Where it is there, --location does not name the place it lies in."
            );
        }
        if message.contains("Project") {
            return "Correct the project in the destination; `gcloud projects list` lists yours.".to_owned();
        }
        if message.contains("URI") {
            return format!(
                "Something removed objects of --staging while the load ran; a rule of the bucket must keep them for a day. {AGAIN}"
            );
        }
        format!("Correct its name, or see whether it was dropped meanwhile. {AGAIN}")
    }
}

/// Beginnings of messages that are made of names and types alone.
const NAMES_ONLY: [&str; 15] = [
    "Provided Schema does not match",
    "Incompatible table partitioning",
    "Name ",
    "Unrecognized name",
    "Column ",
    "Cannot query over table",
    "Too many partitions",
    "UPDATE/MERGE must match",
    "Required field ",
    "Required parameter is missing",
    "Invalid field name",
    "Field ",
    "Could not serialize access",
    "Not found: ",
    "Value of type ",
];

fn names_no_value(message: &str) -> bool {
    let message = message.strip_prefix("Query error: ").unwrap_or(message);
    NAMES_ONLY.iter().any(|beginning| message.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gristmill_record::Diagnose;

    fn context() -> Context {
        Context {
            place: "BigQuery table p.d.t".into(),
            project: "p".into(),
            dataset: "d".into(),
            account: "ann@example.com".into(),
        }
    }

    #[test]
    fn values_of_rows_are_told_to_nobody() {
        let id = JobId { id: "gristmill-merge-1".into(), location: "EU".into(), process: String::new() };
        for (reason, message) in [
            ("invalidQuery", "Bad double value: secret"),
            ("invalidQuery", "Invalid input to PARSE_JSON: secret"),
            ("invalid", "Error while reading data, error message: Invalid value secret in column x"),
            ("invalidQuery", "Query error: division by secret"),
        ] {
            let error = context().job("merging", &id, &JobError { reason: reason.into(), message: message.into() });
            let told = format!("{error} {}", error.remedy().unwrap());
            assert!(
                !told.contains("secret") && told.contains("bq show -j --location=EU p:gristmill-merge-1"),
                "{told}"
            );
        }
    }

    #[test]
    fn reasons_have_their_kind_and_say_what_to_do() {
        for (status, reason, message, code, part) in [
            (
                403,
                "accessDenied",
                "Access Denied: Dataset p:d",
                "sink.right",
                "roles/bigquery.dataEditor on the dataset d",
            ),
            (403, "quotaExceeded", "Quota exceeded: loads", "sink.quota", "1,500 load jobs a day"),
            (403, "rateLimitExceeded", "Exceeded rate limits", "sink.busy", "wait a moment"),
            (401, "authError", "invalid credentials", "sink.login", "--google-credentials FILE"),
            (404, "notFound", "Not found: Dataset p:d", "sink.missing", "bq mk --dataset"),
            (503, "backendError", "Error encountered", "sink.lost", "same command again"),
            (
                400,
                "invalidQuery",
                "Name gaps not found inside T at [1:3]",
                "sink.refused",
                "changed while the load ran",
            ),
        ] {
            let error = CallError::Refused { status, reason: reason.into(), message: message.into() };
            let error = context().call("merging", &error);
            let told = format!("{error} {}", error.remedy().unwrap());
            assert_eq!(error.code(), code, "{told}");
            assert!(told.contains(part) && told.contains(message) && told.contains("as ann@example.com"), "{told}");
        }
    }
}
