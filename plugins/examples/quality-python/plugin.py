"""The default mapping, in Python: quality reports of Firestore as rows of the table `quality_stream`.

It takes whole columns, so that Python has little to do for each record: what is handed on is never looked at.
"""

from collections.abc import Sequence

from gristmill import (
    Columns,
    Config,
    Context,
    Input,
    Micros,
    Rejection,
    Row,
    Rows,
    capture,
    column,
    field,
    field_type,
    parse_rfc3339,
    plugin,
    setting,
    update_time,
)


class Settings(Config):
    overall_score_max: float = setting(1.0, "The highest overall score that is accepted; the lowest is 0.")
    coverage_max: float = setting(1.0, "The highest coverage that is accepted; the lowest is 0.")
    source: str = setting("backfill", "What the column source says of the rows.")


class Report(Input, documents="teams/{team}/reports/{report}/qualityReports/{timestamp}"):
    team: str = capture()
    report: str = capture()
    timestamp: str = capture()
    created_at: Micros | None = field("createdAt", mismatch="null")
    created_at_text: str | None = field("createdAt", mismatch="null")
    created_at_type: str | None = field_type("createdAt")
    update_time: Micros | None = update_time()
    overall_score: float | None = field("metrics.overallScore")
    coverage: float | None = field("metrics.coverage")
    gaps: int | None = field("metrics.gaps")
    overlaps: int | None = field("metrics.overlaps")
    avg_dur: float | None = field("metrics.avgDur")


class QualityRow(
    Row,
    table="quality_stream",
    key="insert_id",
    latest_by="update_time",
    partition_by="event_ts",
    cluster_by=["team_id", "report_id"],
):
    """Quality reports, one a row."""

    insert_id: str = column("Team, report and timestamp of the document's path, with `-` between.")
    team_id: str = column("The team, of the document's path.")
    report_id: str = column("The report, of the document's path.")
    event_ts: Micros = column("When the report was made: createdAt, else when the document was last written.")
    overall_score: float | None = column("The overall score, from 0.", name="overallScore")
    coverage: float | None = column("The coverage, from 0.")
    gaps: int | None = column("The number of gaps.")
    overlaps: int | None = column("The number of overlaps.")
    avg_dur: float | None = column("The average duration.", name="avgDur")
    source: str | None = column("Which way the row came: backfill, or stream.")
    load_ts: Micros | None = column("When the run that loaded the row was started.")


def check(settings: Settings) -> None:
    """Refuses a range that nothing can lie in."""
    for name, most in [("overall-score-max", settings.overall_score_max), ("coverage-max", settings.coverage_max)]:
        if not most >= 0:
            raise ValueError(f"`{name}` must be 0 or more, since the range begins at 0")


@plugin(
    name="quality-python",
    version="0.1.0",
    summary="Quality reports of Firestore (teams/*/reports/*/qualityReports/*) as rows of the table quality_stream.",
    check=check,
)
def map_reports(reports: Columns[Report], context: Context[Settings]) -> Rows[QualityRow]:
    settings = context.config
    event_ts = reports.created_at
    if None in event_ts:
        event_ts = event_times(reports)
    for index in outside(reports.overall_score, settings.overall_score_max):
        reports.reject(index, overall_score_range())
    for index in outside(reports.coverage, settings.coverage_max):
        reports.reject(index, coverage_range())
    count = len(reports)
    return Rows(
        QualityRow,
        insert_id=list(map("-".join, zip(reports.team, reports.report, reports.timestamp))),
        team_id=reports.team,
        report_id=reports.report,
        event_ts=event_ts,
        overall_score=reports.overall_score,
        coverage=reports.coverage,
        gaps=reports.gaps,
        overlaps=reports.overlaps,
        avg_dur=reports.avg_dur,
        source=[settings.source] * count,
        load_ts=[context.started_at] * count,
    )


def event_times(reports: Columns[Report]) -> list[Micros]:
    """`createdAt`, a timestamp or an RFC 3339 string; where it is missing or null, when the document was last written. Never the present:
    two runs would differ."""
    texts, types, updated = reports.created_at_text, reports.created_at_type, reports.update_time
    times = list(reports.created_at)
    for index, time in enumerate(times):
        if time is None:
            try:
                times[index] = event_time(texts[index], types[index], updated[index])
            except Rejection as rejection:
                reports.reject(index, rejection)
                # The row is left out; its column wants a value all the same.
                times[index] = Micros(0)
    return times


def event_time(text: str | None, found: str | None, updated: Micros | None) -> Micros:
    if text is not None:
        time = parse_rfc3339(text)
        if time is None:
            raise Rejection(
                "created-at-invalid",
                "createdAt is a string and no RFC 3339 instant of the years 1 to 9999, such as 2024-01-01T00:00:00Z",
                input="created_at_text",
            )
        return time
    if found not in (None, "null"):
        what = f"createdAt is of type {found}, not a timestamp or an RFC 3339 string"
        raise Rejection("created-at-type", what, input="created_at")
    if updated is None:
        raise Rejection(
            "no-event-time",
            "the document has no createdAt, and the export does not hold when it was last written; give it a createdAt",
            input="created_at",
        )
    return updated


def outside(metrics: Sequence[float | None], most: float) -> list[int]:
    """Where a metric is not from 0 to the most. NaN lies nowhere; a missing metric is no fault."""
    return [index for index, value in enumerate(metrics) if value is not None and not 0.0 <= value <= most]


def overall_score_range() -> Rejection:
    return Rejection(
        "overall-score-range",
        "the overall score must be a number from 0 to the setting `overall-score-max`, which is 1 where nothing else was said; "
        "scores of 0 to 100 need `overall-score-max=100`",
        input="overall_score",
    )


def coverage_range() -> Rejection:
    return Rejection(
        "coverage-range",
        "the coverage must be a number from 0 to the setting `coverage-max`, which is 1 where nothing else was said",
        input="coverage",
    )
