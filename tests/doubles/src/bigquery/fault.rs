//! Faults that a test asks for.

use std::time::Duration;

use super::refusal::Refusal;

/// Something that is to go wrong.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The method, as `jobs.insert` or `tables.get`; `*` is any.
    pub(crate) method: String,
    /// `dataset.table` or `table`; `None` is any, and requests without one.
    pub(crate) table: Option<String>,
    /// Requests that still go well before.
    pub(crate) skip: u32,
    /// Requests that it still befalls.
    pub(crate) times: u32,
    pub(crate) kind: FaultKind,
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum FaultKind {
    /// The request is refused, and nothing happens.
    Refuse(Refusal),
    /// Something before BigQuery answers, as a proxy does, and nothing happens.
    Foreign {
        /// The HTTP status.
        status: u16,
        /// The body, which is no JSON.
        body: String,
    },
    /// The connection is closed, and nothing happens.
    CutBefore,
    /// The request is accepted and takes effect, and the client does not learn of it.
    LoseAnswer(Loss),
    /// The answer comes late.
    Delay(Duration),
    /// The job of the request takes its time. It takes effect at its end.
    Slow(Slow),
    /// The job of the request ends with this error, and has changed nothing.
    FailJob(Refusal),
}

/// How an answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The client is told 503.
    Unavailable,
    /// The connection is closed without an answer.
    Cut,
}

/// How long a job takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slow {
    /// It is PENDING for so many looks at it, then RUNNING for so many.
    Polls {
        /// Looks that find it PENDING.
        pending: u32,
        /// Looks that find it RUNNING.
        running: u32,
    },
    /// It is RUNNING for so long.
    For(Duration),
}

impl Fault {
    /// Befalls the next request of `method`: a name as in the reference of the API, `jobs.insert`; `*` is any.
    pub fn new(method: &str, kind: FaultKind) -> Self {
        Self { method: method.to_owned(), table: None, skip: 0, times: 1, kind }
    }

    /// Only requests that touch this table: `dataset.table`, or `table`. A query touches each table that its text names.
    #[must_use]
    pub fn on_table(mut self, table: &str) -> Self {
        self.table = Some(table.to_owned());
        self
    }

    /// So many requests, instead of one.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Lets so many requests pass first.
    #[must_use]
    pub fn after(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    /// Whether it befalls a request, which is then counted.
    fn strikes(&mut self, method: &str, tables: &Touched<'_>) -> bool {
        let fits = self.times > 0
            && (self.method == "*" || self.method == method)
            && self.table.as_ref().is_none_or(|table| tables.has(table));
        if fits && self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times -= u32::from(fits);
        fits
    }
}

/// The tables that a request touches.
#[derive(Debug, Default)]
pub(crate) struct Touched<'a> {
    /// `dataset.table`.
    pub(crate) names: Vec<String>,
    /// The text of a query.
    pub(crate) query: Option<&'a str>,
}

impl Touched<'_> {
    fn has(&self, table: &str) -> bool {
        let named = |name: &String| name == table || name.rsplit('.').next() == Some(table);
        self.names.iter().any(named) || self.query.is_some_and(|text| contains_name(text, table))
    }
}

/// Whether the text has the name with nothing of a name before or behind it.
fn contains_name(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        let behind = text.get(at + name.len()..).and_then(|t| t.chars().next());
        !before.is_some_and(part) && !behind.is_some_and(part)
    })
}

/// What befalls a request before anything happens.
#[derive(Debug, Clone)]
pub(crate) enum Before {
    Refuse(Refusal),
    Foreign(u16, String),
    Cut,
}

/// What befalls one request.
#[derive(Debug, Default)]
pub(crate) struct Strike {
    pub(crate) before: Option<Before>,
    pub(crate) lose: Option<Loss>,
    pub(crate) delay: Option<Duration>,
    pub(crate) slow: Option<Slow>,
    pub(crate) fail: Option<Refusal>,
}

impl Strike {
    /// Takes from `faults` what befalls this request; the first of each kind.
    pub(crate) fn take(faults: &mut Vec<Fault>, method: &str, tables: &Touched<'_>) -> Self {
        let mut strike = Self::default();
        for fault in faults.iter_mut() {
            let taken = match &fault.kind {
                FaultKind::Refuse(_) | FaultKind::Foreign { .. } | FaultKind::CutBefore => strike.before.is_some(),
                FaultKind::LoseAnswer(_) => strike.lose.is_some(),
                FaultKind::Delay(_) => strike.delay.is_some(),
                FaultKind::Slow(_) => strike.slow.is_some(),
                FaultKind::FailJob(_) => strike.fail.is_some(),
            };
            // A request that is refused makes no job for the others to befall.
            if taken || strike.before.is_some() || !fault.strikes(method, tables) {
                continue;
            }
            match &fault.kind {
                FaultKind::Refuse(refusal) => strike.before = Some(Before::Refuse(refusal.clone())),
                FaultKind::Foreign { status, body } => strike.before = Some(Before::Foreign(*status, body.clone())),
                FaultKind::CutBefore => strike.before = Some(Before::Cut),
                FaultKind::LoseAnswer(loss) => strike.lose = Some(*loss),
                FaultKind::Delay(delay) => strike.delay = Some(*delay),
                FaultKind::Slow(slow) => strike.slow = Some(*slow),
                FaultKind::FailJob(refusal) => strike.fail = Some(refusal.clone()),
            }
        }
        faults.retain(|f| f.times > 0);
        strike
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_befalls_its_requests_and_no_others() {
        let mut faults =
            vec![Fault::new("jobs.insert", FaultKind::LoseAnswer(Loss::Cut)).on_table("t").after(1).times(2)];
        let mut strike = |method: &str, table: &str| {
            let touched = Touched { names: vec![table.to_owned()], query: None };
            Strike::take(&mut faults, method, &touched).lose.is_some()
        };
        assert!(!strike("jobs.get", "d.t"));
        assert!(!strike("jobs.insert", "d.other"));
        assert!(!strike("jobs.insert", "d.t"), "the first passes");
        assert!(strike("jobs.insert", "d.t"));
        assert!(strike("jobs.insert", "d.t"));
        assert!(!strike("jobs.insert", "d.t"), "two are all");
    }

    #[test]
    fn a_query_touches_the_tables_it_names() {
        let touched =
            Touched { names: Vec::new(), query: Some("MERGE `p.d.rows` T USING `p.d.rows_staging` S ON T.k = S.k") };
        assert!(touched.has("rows") && touched.has("d.rows") && touched.has("rows_staging"));
        assert!(!touched.has("row") && !touched.has("staging"));
    }
}
