//! A double with its clients.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use google_cloud_auth::credentials::anonymous;
use google_cloud_gax::exponential_backoff::ExponentialBackoffBuilder;
use google_cloud_gax::retry_policy::RetryPolicyExt as _;
use google_cloud_storage::Error;
use google_cloud_storage::client::{Storage, StorageControl};
use google_cloud_storage::read_resume_policy::{ReadResumePolicyExt as _, Recommended};
use google_cloud_storage::retry_policy::RetryableErrors;
use gristmill_doubles::storage::StorageDouble;
use tokio::runtime::{Builder, Runtime};

/// The bucket that every double of these tests has.
pub(crate) const BUCKET: &str = "tests";
/// Its name in Google's own client.
pub(crate) const FULL: &str = "projects/_/buckets/tests";

/// A double with one bucket, and Google's own clients for it, which try four times.
pub(crate) struct Kit {
    pub(crate) double: StorageDouble,
    pub(crate) storage: Storage,
    pub(crate) control: StorageControl,
    runtime: Runtime,
}

impl Kit {
    pub(crate) fn new() -> Self {
        let double = StorageDouble::start().unwrap();
        double.create_bucket(BUCKET);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let backoff = || ExponentialBackoffBuilder::new().with_initial_delay(Duration::from_millis(1)).clamp();
        let (storage, control) = runtime.block_on(async {
            let storage = Storage::builder()
                .with_endpoint(double.endpoint())
                .with_credentials(anonymous::Builder::new().build())
                .with_retry_policy(RetryableErrors.with_attempt_limit(4))
                .with_backoff_policy(backoff())
                .with_read_resume_policy(Recommended.with_attempt_limit(4))
                .build();
            let control = StorageControl::builder()
                .with_endpoint(double.endpoint())
                .with_credentials(anonymous::Builder::new().build())
                .with_retry_policy(RetryableErrors.with_attempt_limit(4))
                .with_backoff_policy(backoff())
                .build();
            (storage.await.unwrap(), control.await.unwrap())
        });
        Self { double, storage, control, runtime }
    }

    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The whole of an object, as Google's own client reads it.
    pub(crate) fn read(&self, object: &str) -> Result<Vec<u8>, Error> {
        self.run(async {
            let mut reading = self.storage.read_object(FULL, object).send().await?;
            let mut bytes = Vec::new();
            while let Some(piece) = reading.next().await {
                bytes.extend_from_slice(&piece?);
            }
            Ok(bytes)
        })
    }

    /// A request in plain HTTP/1.1: its status, its headers as they came, its body.
    pub(crate) fn plain(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Plain {
        let address = self.double.endpoint();
        let address = address.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let end = all.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer");
        let head = String::from_utf8(all[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Plain { status, head, body: all[end + 4..].to_vec() }
    }
}

/// An answer in plain HTTP.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Plain {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Bytes of which every piece is another.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at * 31 + at / 251) % 256).unwrap()).collect()
}
