//! Requests that are made again, later and later: BigQuery's client does not.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use super::client::CallError;

/// How often a request is made at most: some forty seconds together.
const ATTEMPTS: u32 = 10;
const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(10);

/// How long we are ready to wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience(u32);

impl Default for Patience {
    fn default() -> Self {
        Self(ATTEMPTS)
    }
}

impl Patience {
    /// For what is only tidied up.
    pub(super) const LITTLE: Self = Self(4);

    /// Makes a request until it goes well, or fails for good.
    pub(super) async fn call<T, F: Future<Output = Result<T, CallError>>>(
        self,
        mut request: impl FnMut() -> F,
    ) -> Result<T, CallError> {
        let mut delay = Delay::new(FIRST, LONGEST);
        for _ in 1..self.0 {
            match request().await {
                Err(error) if error.is_passing() => delay.wait().await,
                other => return other,
            }
        }
        request().await
    }
}

/// A pause that doubles, with chance in it, so that many programs do not come back at the same moment.
pub(super) struct Delay {
    next: Duration,
    longest: Duration,
}

impl Delay {
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self { next: first, longest }
    }

    pub(super) async fn wait(&mut self) {
        // Every state of a hash table's hasher is seeded anew.
        let chance = RandomState::new().hash_one(0_u8) % 512;
        let part = u32::try_from(512 + chance).unwrap_or(1024);
        tokio::time::sleep(self.next * part / 1024).await;
        self.next = (self.next * 2).min(self.longest);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn what_passes_is_waited_for_and_nothing_else() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        for (status, reason, calls) in
            [(503, "", 3), (429, "", 3), (403, "rateLimitExceeded", 3), (403, "quotaExceeded", 1), (404, "", 1)]
        {
            let count = AtomicU32::new(0);
            let error = CallError::Refused { status, reason: reason.into(), message: String::new() };
            let request = || {
                count.fetch_add(1, Ordering::Relaxed);
                std::future::ready(Err::<(), _>(error.clone()))
            };
            let result = runtime.block_on(Patience(3).call(request));
            assert_eq!((result, count.into_inner()), (Err(error), calls), "{status} {reason}");
        }
    }
}
