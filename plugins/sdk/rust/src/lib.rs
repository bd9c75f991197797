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
//! | list | `Vec` of any of these | the same |
//! | struct | a struct with [`#[derive(Record)]`](macro@Record) | the same |
//!
//! An `Option` may be null; anything else is required: a record without it is refused before it reaches the plugin. So is one with
//! a null in a list or a map whose type there is no `Option`.
//!
//! # Validators
//!
//! A plugin may judge rows instead, of its own tables or of another's: a struct for the columns that it reads, and a function that says what is
//! wrong with a row. It is given to `gristmill run … --validate`.
//!
//! ```
//! use gristmill_sdk::prelude::*;
//!
//! #[derive(Columns)]
//! #[columns(table = "users")]
//! struct User<'a> {
//!     email: Option<&'a str>,
//! }
//!
//! fn judge(user: User<'_>, _: &Context, verdict: &mut Verdict<'_>) {
//!     match user.email {
//!         None => verdict.warning("no-email", "the user cannot be written to").column("email"),
//!         Some(email) if !email.contains('@') => verdict.error("email-invalid", "an e-mail address has an @").column("email"),
//!         Some(_) => {}
//!     }
//! }
//!
//! gristmill_sdk::validator! { summary: "E-mail addresses of users.", judge: judge }
//! # fn main() {}
//! ```
//!
//! # Rows and tables
//!
//! A mapping returns a row, or a `Vec` of as many rows as the record has; or a struct with [`#[derive(Tables)]`](macro@Tables), which has
//! a field for each table. Tags, and what is bought, of an order:
//!
//! ```
//! # use gristmill_sdk::prelude::*;
//! #[derive(Record)]
//! struct Item<'a> {
//!     name: &'a str,
//!     #[record(name = "unitPrice")]
//!     price: Option<f64>,
//! }
//!
//! #[derive(Input)]
//! #[input(documents = "orders/{order}")]
//! struct Order<'a> {
//!     #[input(capture)]
//!     order: &'a str,
//!     tags: Option<Vec<&'a str>>,
//!     items: Vec<Item<'a>>,
//! }
//!
//! #[derive(Row)]
//! #[row(table = "orders", key = "order")]
//! struct OrderRow<'a> {
//!     order: &'a str,
//!     tags: Vec<&'a str>,
//! }
//!
//! #[derive(Row)]
//! #[row(table = "items", key("order", "index"))]
//! struct ItemRow<'a> {
//!     order: &'a str,
//!     index: i64,
//!     item: Item<'a>,
//! }
//!
//! #[derive(Tables)]
//! struct Output<'a> {
//!     orders: OrderRow<'a>,
//!     items: Vec<ItemRow<'a>>,
//! }
//!
//! fn map<'a>(order: Order<'a>, _: &Context) -> Output<'a> {
//!     let items = (0..).zip(order.items).map(|(index, item)| ItemRow { order: order.order, index, item });
//!     Output { items: items.collect(), orders: OrderRow { order: order.order, tags: order.tags.unwrap_or_default() } }
//! }
//!
//! gristmill_sdk::plugin! { summary: "Orders.", map: map }
//! # fn main() {}
//! ```

mod config;
mod describe;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;
mod json;
mod judge;
mod lists;
pub mod log;
mod macros;
#[doc(hidden)]
pub mod native;
mod parts;
mod read;
mod records;
mod rejection;
mod run;
mod tables;
mod time;
mod types;
mod values;
mod write;

pub use config::{Config, Context};
pub use describe::{Input, Row};
pub use gristmill_sdk_macros::{Columns, Config, Input, Record, Row, Tables};
pub use judge::{Columns, Finding, Said, Verdict};
pub use rejection::Rejection;
pub use tables::{Outcome, Tables};
pub use values::{Date, FieldType, Join, Json, Reference, Timestamp};

/// All that a plugin needs.
pub mod prelude {
    pub use crate::{
        Columns, Config, Context, Date, FieldType, Input, Join, Json, Record, Reference, Rejection, Row, Tables,
        Timestamp, Verdict,
    };
}

#[doc(hidden)]
pub mod bindings;

/// What the macros use. Nothing of it is kept from one version to the next.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings;
    #[cfg(target_arch = "wasm32")]
    pub use crate::bindings::__export;
    pub use crate::bindings::exports::gristmill::plugin::transform::{Guest, Output, Rejection as RejectedRow, Rows};
    pub use crate::bindings::gristmill::plugin::columns::{Array, Batch, NestedLists, StructFields, Values, Varlen};
    pub use crate::bindings::gristmill::plugin::schema::{
        self, About, Context as RunContext, Description, OnMismatch, Scalar,
    };
    #[cfg(target_arch = "wasm32")]
    pub use crate::bindings::validator::__export_validator;
    pub use crate::bindings::validator::exports::gristmill::plugin::validate::{Guest as GuestValidator, Violation};
    pub use crate::config::{Setting, SettingSpec, Settings};
    pub use crate::describe::{ColumnSpec, InputSpec, OriginSpec, TableSpec, about};
    #[cfg(target_arch = "wasm32")]
    pub use crate::guest;
    pub use crate::judge::{
        ColumnRead, Rules, Validator, judge_each, judge_settings, open_instance, open_judge, validate_instance,
    };
    pub use crate::parts::{Arrays, Part, Place};
    pub use crate::read::{FromColumn, IsJson, IsString, IsTimestamp, open_column};
    pub use crate::records::{Fields, Structs};
    pub use crate::run::{Plugin, Transform, each, open, settings};
    pub use crate::tables::{Table, Tables};
    pub use crate::types::{FieldSpec, TypeSpec};
    pub use crate::write::{Builder, ToColumn};
}
