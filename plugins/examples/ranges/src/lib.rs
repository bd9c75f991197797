//! A validator: the metrics of quality reports lie in their ranges, whoever wrote the rows.

use gristmill_sdk::prelude::*;

/// Where the ranges end.
#[derive(Config)]
struct Settings {
    /// The greatest overall score.
    #[config(default = 1.0)]
    overall_score_max: f64,
    /// The greatest coverage.
    #[config(default = 1.0)]
    coverage_max: f64,
    /// More gaps than this are worth a warning.
    #[config(default = 100)]
    gaps_warn: i64,
}

/// What is read of a row.
#[derive(Columns)]
#[columns(table = "quality_stream")]
struct Report {
    #[columns(name = "overallScore")]
    overall_score: Option<f64>,
    coverage: Option<f64>,
    gaps: Option<i64>,
}

fn judge(report: Report, context: &Context<Settings>, verdict: &mut Verdict<'_>) {
    let settings = &context.config;
    if !in_range(report.overall_score, settings.overall_score_max) {
        verdict.error("overall-score-range", "the overall score is not from 0 to its maximum").column("overallScore");
    }
    if !in_range(report.coverage, settings.coverage_max) {
        verdict.error("coverage-range", "the coverage is not from 0 to its maximum").column("coverage");
    }
    if report.gaps.is_some_and(|gaps| gaps > settings.gaps_warn) {
        verdict.warning("many-gaps", "the report has many gaps").column("gaps");
    }
}

/// NaN lies nowhere; a missing metric is no fault.
fn in_range(metric: Option<f64>, max: f64) -> bool {
    metric.is_none_or(|value| (0.0..=max).contains(&value))
}

gristmill_sdk::validator! { judge: judge }

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(report: Report) -> Vec<(String, bool)> {
        let config = Settings { overall_score_max: 1.0, coverage_max: 0.5, gaps_warn: 3 };
        let context = Context { config, run_id: "r".into(), started_at: Timestamp::from_micros(0) };
        Verdict::of(|verdict| judge(report, &context, verdict)).into_iter().map(|s| (s.rule, s.is_error)).collect()
    }

    #[test]
    fn ends_belong_to_the_range() {
        assert_eq!(rules(Report { overall_score: Some(1.0), coverage: Some(0.5), gaps: Some(3) }), []);
        assert_eq!(rules(Report { overall_score: None, coverage: None, gaps: None }), []);
        let all = rules(Report { overall_score: Some(f64::NAN), coverage: Some(0.6), gaps: Some(4) });
        let wanted = [("overall-score-range", true), ("coverage-range", true), ("many-gaps", false)];
        assert_eq!(all, wanted.map(|(rule, is_error)| (rule.to_owned(), is_error)));
    }
}
