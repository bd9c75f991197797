//! The threads that talk to the service.

use std::sync::mpsc;

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::StorageError;

/// As a rule they wait.
const THREADS: usize = 2;

/// A runtime that may be waited for and ended from anywhere, also from a task of another runtime: sinks are called from one.
pub(crate) struct Threads(Option<Runtime>);

impl Threads {
    pub(crate) fn start() -> Result<Self, StorageError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("storage")
            .enable_all()
            .build()
            .map_err(StorageError::Runtime)?;
        Ok(Self(Some(runtime)))
    }

    /// Begins a task. Nothing happens where the program is about to end.
    pub(crate) fn spawn<F>(&self, task: F) -> Option<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.as_ref().map(|runtime| runtime.spawn(task))
    }

    /// Does a task to its end; the calling thread waits.
    pub(crate) fn wait<F, T>(&self, task: F) -> Result<T, StorageError>
    where
        F: Future<Output = Result<T, StorageError>> + Send + 'static,
        T: Send + 'static,
    {
        let (send, receive) = mpsc::sync_channel(1);
        self.spawn(async move {
            // The receiver waits as long as there is a sender.
            let _ = send.send(task.await);
        });
        let gone = || StorageError::Runtime(std::io::Error::other("a task ended without a result"));
        receive.recv().unwrap_or_else(|_| Err(gone()))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Waiting for them is forbidden to the threads of another runtime.
            runtime.shutdown_background();
        }
    }
}
