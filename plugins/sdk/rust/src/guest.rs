//! The instance in the sandbox: one configured plugin, kept between two calls.

use std::cell::RefCell;

use crate::__private::{Batch, Output, RunContext, schema};
use crate::run::{Plugin, Transform};

thread_local! {
    static TRANSFORM: RefCell<Option<Transform>> = const { RefCell::new(None) };
}

/// Configures the plugin of this instance.
pub fn open<P: Plugin>(config: &str, run: RunContext) -> Result<schema::Description, String> {
    let (description, transform) = P::open(config, run)?;
    TRANSFORM.with_borrow_mut(|slot| *slot = Some(transform));
    Ok(description)
}

/// Maps a batch by the plugin of this instance.
pub fn transform(batch: &Batch) -> Result<Output, String> {
    TRANSFORM.with_borrow(|slot| match slot {
        Some(transform) => transform.transform(batch),
        None => Err("`transform` was called before `open`".into()),
    })
}
