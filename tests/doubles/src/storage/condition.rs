//! Conditions on the generation of an object, which make a request safe to repeat.

use super::object::Object;
use super::refusal::Refusal;

/// Conditions of a request: <https://cloud.google.com/storage/docs/request-preconditions>. An object that is not there
/// has generation 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    pub(crate) generation_match: Option<i64>,
    pub(crate) generation_not_match: Option<i64>,
    pub(crate) metageneration_match: Option<i64>,
    pub(crate) metageneration_not_match: Option<i64>,
}

impl Conditions {
    /// Whether they hold for what is to be written over, or deleted.
    pub(crate) fn check_write(&self, live: Option<&Object>) -> Result<(), Refusal> {
        self.check(live, Refusal::condition)
    }

    /// Whether they hold for what is to be read: that it is still the one the reader has is not an error.
    pub(crate) fn check_read(&self, live: &Object) -> Result<(), Refusal> {
        self.check(Some(live), |_| Refusal::not_modified())
    }

    fn check(&self, live: Option<&Object>, unchanged: fn(&'static str) -> Refusal) -> Result<(), Refusal> {
        let (generation, metageneration) = live.map_or((0, 0), |o| (o.generation, o.metageneration));
        if self.generation_match.is_some_and(|wanted| wanted != generation) {
            return Err(Refusal::condition("If-Match"));
        }
        if self.metageneration_match.is_some_and(|wanted| wanted != metageneration) {
            return Err(Refusal::condition("If-Match"));
        }
        if self.generation_not_match == Some(generation) {
            return Err(unchanged("If-None-Match"));
        }
        if self.metageneration_not_match == Some(metageneration) {
            return Err(unchanged("If-None-Match"));
        }
        Ok(())
    }
}
