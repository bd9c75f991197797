//! Database servers as destinations: real servers, a real export, and everything that may happen on the way.

pub(crate) mod engine;
mod faults;
mod mariadb;
mod messages;
mod rows;
