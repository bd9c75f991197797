//! Write [gristmill](https://github.com/gristmill/gristmill) plugins in Rust: a struct for what the plugin reads, a struct
//! for the row that it writes, and a function from one to the other.
//!
//! ```
//! use gristmill_sdk::prelude::*;
//!
//! #[derive(Input)]
//! #[input(documents = "users/{user}")]
//! struct User<'a> {
//!     #[input(capture)]
//!     user: &'a str,
//!     #[input(field = "contact.email")]
//!     email: Option<&'a str>,
//! }
//!
//! #[derive(Row)]
//! #[row(table = "users", key = "user")]
//! struct UserRow<'a> {
//!     user: &'a str,
//!     email: Option<&'a str>,
//! }
//!
//! fn map<'a>(user: User<'a>, _: &Context) -> Result<UserRow<'a>, Rejection> {
//!     if user.email.is_some_and(|email| !email.contains('@')) {
//!         return Err(Rejection::new("email-invalid", "an e-mail address has an @").input("email"));
//!     }
//!     Ok(UserRow { user: user.user, email: user.email })
//! }
//!
//! gristmill_sdk::plugin! { summary: "Users and their e-mail addresses.", map: map }
//! # fn main() {}
//! ```
//!
//! The crate is a `cdylib`, built for `wasm32-unknown-unknown`; `gristmill plugin build` makes a component of it.
//!
//! # Types
//!
//! | declared type | read | written |
//! | --- | --- | --- |
//! | boolean | `bool` | `bool` |
//! | int64 | `i64` | `i64` |
//! | float64 | `f64` | `f64` |
//! | timestamp | [`Timestamp`] | [`Timestamp`] |
//! | date | | [`Date`] |
//! | string | `&str`, `String`, `Cow<str>` | the same, [`Join`], [`Reference`] |
//! | bytes | `&[u8]`, `Vec<u8>` | the same |
//! | json | [`Json<&str>`](Json) | `Json<&str>`, `Json<String>` |
//! | reference | [`Reference`] | |
//!
//! An `Option` may be null; anything else is required: a record without it is refused before it reaches the plugin.
//! Lists and structs of the contract, and more than one table or row a record, are not yet offered by this SDK; read lists
//! and maps as `Json<&str>`.

mod config;
mod describe;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;
mod json;
pub mod log;
mod macros;
#[doc(hidden)]
pub mod native;
mod read;
mod rejection;
mod run;
mod time;
mod values;
mod write;

pub use config::{Config, Context};
pub use describe::{Input, Outcome, Row};
pub use gristmill_sdk_macros::{Config, Input, Row};
pub use rejection::Rejection;
pub use values::{Date, FieldType, Join, Json, Reference, Timestamp};

/// All that a plugin needs.
pub mod prelude {
    pub use crate::{Config, Context, Date, FieldType, Input, Join, Json, Reference, Rejection, Row, Timestamp};
}

#[doc(hidden)]
pub mod bindings;

/// What the macros use. Nothing of it is kept from one version to the next.
#[doc(hidden)]
pub mod __private {
    #[cfg(target_arch = "wasm32")]
    pub use crate::bindings::__export;
    pub use crate::bindings::exports::gristmill::plugin::transform::{Guest, Output, Rejection as RejectedRow, Rows};
    pub use crate::bindings::gristmill::plugin::columns::{Array, Batch, Values, Varlen};
    pub use crate::bindings::gristmill::plugin::schema::{
        self, About, Context as RunContext, Description, OnMismatch, Scalar,
    };
    pub use crate::config::{Setting, SettingSpec, Settings};
    pub use crate::describe::{ColumnSpec, InputSpec, OriginSpec, TableSpec, about};
    #[cfg(target_arch = "wasm32")]
    pub use crate::guest;
    pub use crate::read::{FromColumn, IsJson, IsString, IsTimestamp, open_column};
    pub use crate::run::{Plugin, Transform, batch, each, open, settings};
    pub use crate::write::{Builder, ToColumn};
    pub use crate::{bindings, describe::Outcome};
}
