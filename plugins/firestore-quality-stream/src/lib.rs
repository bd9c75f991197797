//! The default plugin: quality reports at `teams/{team}/reports/{report}/qualityReports/{timestamp}` as rows of
//! the table `quality_stream`, which a stream of the same reports writes, too.

mod map;
mod report;
mod settings;
#[cfg(test)]
mod tests;

gristmill_sdk::plugin! {
    summary: "Quality reports of Firestore (teams/*/reports/*/qualityReports/*) as rows of the table quality_stream.",
    map: map::map,
    check: settings::Settings::check
}
