"""A validator: the metrics of quality reports lie in their ranges, whoever wrote the rows. The same as `ranges`, which is in Rust."""

from gristmill import Config, Context, RowColumns, Verdict, column, setting, validator


class Settings(Config):
    overall_score_max: float = setting(1.0, "The greatest overall score.")
    coverage_max: float = setting(1.0, "The greatest coverage.")
    gaps_warn: int = setting(100, "More gaps than this are worth a warning.")


class Report(RowColumns, table="quality_stream"):
    overall_score: float | None = column(name="overallScore")
    coverage: float | None
    gaps: int | None


@validator(name="ranges-python", version="0.1.0", summary="Quality reports lie in their ranges.")
def judge(report: Report, context: Context[Settings], verdict: Verdict) -> None:
    settings = context.config
    if not in_range(report.overall_score, settings.overall_score_max):
        verdict.error("overall-score-range", "the overall score is not from 0 to its maximum", column="overallScore")
    if not in_range(report.coverage, settings.coverage_max):
        verdict.error("coverage-range", "the coverage is not from 0 to its maximum", column="coverage")
    if report.gaps is not None and report.gaps > settings.gaps_warn:
        verdict.warning("many-gaps", "the report has many gaps", column="gaps")


def in_range(metric: float | None, most: float) -> bool:
    """NaN lies nowhere; a missing metric is no fault."""
    return metric is None or 0.0 <= metric <= most
