//! Jobs under ids that are made from what they do, so that none is ever begun twice.
//!
//! The id is fixed before the first request. Whatever becomes of that request, the id leads to the job: an answer that was lost, and one that says
//! that the job exists already (409), are both followed by a look at the job. A job that has failed has used up its id; the
//! next attempt has the next number. A label tells whether it was this process that began a job.

use std::sync::Arc;
use std::time::Duration;

use super::client::{CallError, Job, JobId, Service, Work};
use super::fault::Context;
use super::retry::{Delay, Patience};
use crate::SinkError;

/// How often work whose failures pass is begun anew.
const ATTEMPTS: u32 = 6;
/// Looks at a job that is not done: soon at first, as small ones are done soon.
const FIRST_LOOK: Duration = Duration::from_millis(25);
const LAST_LOOK: Duration = Duration::from_secs(5);

/// Looks at a job that was begun before it is given up for lost.
const LOOKS: u32 = 6;

/// When the effect of a job that another process has done still holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holds<'a> {
    /// Nobody knows: what it did may have been undone since.
    Unknown,
    /// While the table, which nobody else writes, is there with so many rows.
    Rows { table: &'a str, rows: u64 },
    /// While the table is the one that it wrote to.
    SinceCreated { table: &'a str },
}

/// Runs jobs.
#[derive(Clone)]
pub(super) struct Jobs {
    pub(super) service: Arc<dyn Service>,
    pub(super) context: Context,
    pub(super) location: String,
    /// Names this process.
    pub(super) process: String,
}

/// A job that went well.
pub(super) struct Done {
    pub(super) id: JobId,
    pub(super) job: Job,
}

/// What the ids of one piece of work have in common: `gristmill-merge-0123…`.
#[derive(Debug, Clone)]
pub(super) struct Series(String);

impl Series {
    /// `what` names the kind of work; the parts are what makes it this work and no other.
    pub(super) fn new(what: &str, parts: &[&str]) -> Self {
        Self(format!("gristmill-{what}-{}", super::digest(parts)))
    }
}

impl Jobs {
    fn id(&self, series: &Series, attempt: u32) -> JobId {
        JobId { id: format!("{}-{attempt}", series.0), location: self.location.clone(), process: self.process.clone() }
    }

    /// Does a piece of work once. A job that another process has done counts where its effect still holds; where it does not, the
    /// work is done again.
    pub(super) async fn run(
        &self,
        doing: &str,
        series: &Series,
        work: &Work,
        holds: Holds<'_>,
    ) -> Result<Done, SinkError> {
        let (mut failures, mut delay) = (0, Delay::new(Duration::from_millis(500), Duration::from_secs(10)));
        for attempt in 0.. {
            let id = self.id(series, attempt);
            let inserted = Patience::default().call(|| self.service.insert_job(&id, work)).await;
            let is_new = match inserted {
                Ok(()) => true,
                Err(error) if error.is(409) => false,
                Err(error) => return Err(self.context.call(doing, &error)),
            };
            let Some(job) = self.wait(doing, &id, LOOKS).await? else {
                return Err(self.context.odd(doing, "the job that was begun is not to be found".to_owned(), Some(&id)));
            };
            // Where the answer to the request was lost, the label tells.
            let is_ours = is_new || job.process.as_deref() == Some(self.process.as_str());
            let Some(error) = &job.error else {
                if is_ours || self.holds(doing, &job, holds).await? {
                    return Ok(Done { id, job });
                }
                continue;
            };
            // What others failed at is not held against us.
            if is_ours {
                failures += 1;
                if !error.is_passing() || failures == ATTEMPTS {
                    return Err(self.context.job(doing, &id, error));
                }
                delay.wait().await;
            }
        }
        Err(self.context.odd(doing, "every id for the job is taken".to_owned(), None))
    }

    /// The job of this work that went well and whose effect still holds, if any process ever began one.
    pub(super) async fn find(&self, doing: &str, series: &Series, holds: Holds<'_>) -> Result<Option<Job>, SinkError> {
        for attempt in 0.. {
            let Some(job) = self.wait(doing, &self.id(series, attempt), 1).await? else { return Ok(None) };
            if job.error.is_none() && self.holds(doing, &job, holds).await? {
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    /// The job when it is done; `None` where so many looks find none of this id.
    async fn wait(&self, doing: &str, id: &JobId, looks: u32) -> Result<Option<Job>, SinkError> {
        let (mut delay, mut missed) = (Delay::new(FIRST_LOOK, LAST_LOOK), 0);
        loop {
            let looked = Patience::default().call(|| self.service.job(id)).await;
            match looked {
                Ok(job) if job.is_done => return Ok(Some(job)),
                Ok(_) => {}
                Err(CallError::Refused { status: 404, .. }) => {
                    missed += 1;
                    if missed >= looks {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(self.context.call(&format!("waiting for a job: {doing}"), &error)),
            }
            delay.wait().await;
        }
    }

    async fn holds(&self, doing: &str, job: &Job, holds: Holds<'_>) -> Result<bool, SinkError> {
        let (Holds::Rows { table, .. } | Holds::SinceCreated { table }) = holds else { return Ok(false) };
        let found = match Patience::default().call(|| self.service.table(table)).await {
            Ok(found) => found,
            Err(error) if error.is(404) => return Ok(false),
            Err(error) => return Err(self.context.call(doing, &error)),
        };
        Ok(match holds {
            Holds::Rows { rows, .. } => found.rows == Some(rows),
            _ => found.created <= job.ended,
        })
    }
}
