//! A record that the plugin refuses.

use std::borrow::Cow;

/// A record that the plugin refuses. It goes to the dead letters with this reason, and its neighbours go on.
///
/// ```
/// # use gristmill_sdk::Rejection;
/// Rejection::new("score-out-of-range", "the score must lie in 0 to 1").input("score");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection(Box<Reason>);

/// In a box: a result that holds a row or a rejection is not larger for it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reason {
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    input: Option<Cow<'static, str>>,
}

impl Rejection {
    /// `code` is for counting: stable, lower-case letters, digits, `-` and `.`, at most 64. `message` is for people: what
    /// is wrong and what to do, at most 4,096 bytes.
    #[cold]
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Reason { code: code.into(), message: message.into(), input: None }))
    }

    /// The input at fault, by its declared name: that of the struct's field, if it was given no other.
    #[must_use]
    pub fn input(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.0.input = Some(name.into());
        self
    }

    /// Of an input in which a part is null that may not be. The host cannot know it: the contract has no word for it.
    #[cold]
    pub(crate) fn missing_part(input: &'static str) -> Self {
        let what = "a list in it has a null element, or a map in it has a null or no field, where the plugin needs a value; \
                    give it one, or make that type an Option in the plugin";
        Self::new("missing-part", what).input(input)
    }

    /// The code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The name of the input at fault.
    pub fn input_name(&self) -> Option<&str> {
        self.0.input.as_deref()
    }

    #[cold]
    pub(crate) fn at(self, row: u32) -> crate::__private::RejectedRow {
        let Reason { code, message, input } = *self.0;
        crate::__private::RejectedRow {
            row,
            code: code.into_owned(),
            input: input.map(Cow::into_owned),
            message: message.into_owned(),
        }
    }
}
