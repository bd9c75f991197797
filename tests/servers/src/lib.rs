//! Real database servers for tests: each in a folder of its own, on a free local port, gone when it is dropped.
//!
//! The programs are those of the system's packages `postgresql` and `mariadb-server`, which `cargo xtask setup` installs. They refuse to run as root, so
//! root runs them as `nobody`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod account;
mod certificate;
mod disk;
mod mariadb;
mod postgres;
mod process;
mod proxy;

pub use certificate::Certificates;
pub use disk::FullDisk;
pub use mariadb::{MariaDb, MariaDbOptions};
pub use postgres::{Postgres, PostgresOptions};
pub use proxy::{Fault, Framing, Proxy};
