//! A task of several steps: each is timed, a failed one does not keep the others from running, and the end names it.

use std::time::{Duration, Instant};

use crate::Outcome;
use crate::command::heading;

#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(String, Duration, bool)>,
}

impl Steps {
    /// Runs a step and says whether it succeeded.
    pub(crate) fn run(&mut self, name: &str, step: impl FnOnce() -> Outcome) -> bool {
        heading(name);
        let began = Instant::now();
        let outcome = step();
        if let Err(error) = &outcome {
            eprintln!("{error}");
        }
        self.done.push((name.to_owned(), began.elapsed(), outcome.is_ok()));
        outcome.is_ok()
    }

    /// Prints every step with its time; an error that names those that failed.
    pub(crate) fn finish(&self) -> Outcome {
        heading("Steps");
        for (name, took, ok) in &self.done {
            println!("  {:>7.1} s  {}  {name}", took.as_secs_f64(), if *ok { "ok    " } else { "FAILED" });
        }
        let failed: Vec<&str> = self.done.iter().filter(|step| !step.2).map(|step| step.0.as_str()).collect();
        if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", ")).into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::Steps;

    #[test]
    fn a_failed_step_is_named_and_the_next_one_runs() {
        let mut steps = Steps::default();
        assert!(!steps.run("first", || Err("broken".into())));
        assert!(steps.run("second", || Ok(())));
        assert_eq!(steps.finish().unwrap_err().to_string(), "failed: first");
    }
}
