//! A plugin with lists and structs, and with two tables: a report is a row of one and any number of rows of the other.

use gristmill_sdk::prelude::*;

/// A map in the array `segments` of a report; a column with two of its own in `reports`.
#[derive(Record, Clone, Copy)]
struct Segment<'a> {
    name: &'a str,
    score: f64,
}

#[derive(Input)]
#[input(documents = "teams/{team}/reports/{report}/qualityReports/{timestamp}")]
struct Report<'a> {
    #[input(capture)]
    team: &'a str,
    #[input(capture)]
    report: &'a str,
    #[input(capture)]
    timestamp: &'a str,
    tags: Option<Vec<&'a str>>,
    segments: Option<Vec<Segment<'a>>>,
}

/// Quality reports.
#[derive(Row)]
#[row(table = "reports", key = "report")]
struct ReportRow<'a> {
    /// Team, report and timestamp of the document's path.
    report: Join<'a, 3>,
    tags: Vec<&'a str>,
    /// The segment with the highest score, of equal ones the first.
    best: Option<Segment<'a>>,
}

/// Segments of quality reports.
#[derive(Row)]
#[row(table = "segments", key("report", "index"))]
struct SegmentRow<'a> {
    report: Join<'a, 3>,
    /// The place in the report, from 0.
    index: i64,
    name: &'a str,
    score: f64,
}

#[derive(Tables)]
struct Output<'a> {
    reports: ReportRow<'a>,
    segments: Vec<SegmentRow<'a>>,
}

fn map<'a>(report: Report<'a>, _: &Context) -> Output<'a> {
    let id = Join("/", [report.team, report.report, report.timestamp]);
    let segments = report.segments.unwrap_or_default();
    let best = segments.iter().copied().reduce(|best, next| if next.score > best.score { next } else { best });
    let rows =
        (0..).zip(segments).map(|(index, Segment { name, score })| SegmentRow { report: id, index, name, score });
    Output { segments: rows.collect(), reports: ReportRow { report: id, tags: report.tags.unwrap_or_default(), best } }
}

gristmill_sdk::plugin! { map: map }

#[cfg(test)]
mod tests {
    use gristmill_sdk::native::schema::DataType;
    use gristmill_sdk::native::{Array, Batch, NestedLists, StructFields, Values, Varlen};

    use super::*;

    fn mapped(tags: Option<Vec<&'static str>>, segments: &[(&'static str, f64)]) -> Output<'static> {
        let segments = segments.iter().map(|&(name, score)| Segment { name, score }).collect();
        let report = Report { team: "t", report: "r", timestamp: "1", tags, segments: Some(segments) };
        map(report, &Context { config: (), run_id: "run".into(), started_at: Timestamp::from_micros(0) })
    }

    #[test]
    fn each_segment_is_a_row_and_one_is_the_best() {
        let Output { reports, segments } = mapped(Some(vec!["new", "draft"]), &[("a", 0.5), ("b", 0.75), ("c", 0.75)]);
        assert_eq!((reports.report.to_string().as_str(), reports.tags), ("t/r/1", vec!["new", "draft"]));
        assert_eq!(reports.best.map(|best| best.name), Some("b"));
        let rows: Vec<_> = segments.iter().map(|s| (s.report.to_string(), s.index, s.name, s.score)).collect();
        let id = || "t/r/1".to_owned();
        assert_eq!(rows, [(id(), 0, "a", 0.5), (id(), 1, "b", 0.75), (id(), 2, "c", 0.75)]);
    }

    #[test]
    fn without_segments_there_is_a_report_all_the_same() {
        let Output { reports, segments } = mapped(None, &[]);
        assert!(reports.tags.is_empty() && reports.best.is_none() && segments.is_empty());
    }

    fn strings(texts: &[&str]) -> Values {
        let mut varlen = Varlen { offsets: vec![0], data: Vec::new() };
        for text in texts {
            varlen.data.extend_from_slice(text.as_bytes());
            varlen.offsets.push(u32::try_from(varlen.data.len()).unwrap());
        }
        Values::Strings(varlen)
    }

    /// As a host sees it: the first report has a tag and no segments, the second two segments and no tags.
    #[test]
    fn two_tables_of_one_batch() {
        let (description, mut plugin) = native::open("{}", "run", 0).unwrap();
        let names: Vec<_> = description.tables.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["reports", "segments"]);
        let type_of = |column: usize| &description.types[description.tables[0].columns[column].type_ as usize];
        assert!(matches!(type_of(1), DataType::List(_)) && matches!(type_of(2), DataType::Struct(_)));

        let lists = |offsets: [u32; 3], child| Values::Lists(NestedLists { offsets: offsets.into(), child });
        let values = [
            strings(&["t", "t"]),
            strings(&["r", "r"]),
            strings(&["1", "2"]),
            lists([0, 1, 1], 4),
            strings(&["x"]),
            lists([0, 0, 2], 6),
            Values::Structs(StructFields { length: 2, children: vec![7, 8] }),
            strings(&["a", "b"]),
            Values::Float64s(vec![0.25, 0.5]),
        ];
        let mut arrays = values.map(|values| Array { values, validity: None });
        arrays[3].validity = Some(vec![0b01]);
        let output = plugin.transform(Batch { rows: 2, columns: vec![0, 1, 2, 3, 5], arrays: arrays.into() }).unwrap();

        let [reports, segments] = output.tables.as_slice() else { panic!("{:?}", output.tables) };
        assert_eq!((reports.batch.rows, &reports.origins), (2, &None));
        assert_eq!((segments.batch.rows, &segments.origins), (2, &Some(vec![1, 1])));
        let shown = |array: &Array| format!("{:?} {:?}", array.values, array.validity);
        assert_eq!(shown(&reports.batch.arrays[2]), format!("{:?} None", strings(&["x"])));
        // The best segment: null, then `b`.
        assert_eq!(reports.batch.arrays[3].validity, Some(vec![0b10]));
        assert_eq!(shown(&reports.batch.arrays[4]), format!("{:?} None", strings(&["", "b"])));
        assert_eq!(shown(&segments.batch.arrays[1]), format!("{:?} None", Values::Int64s(vec![0, 1])));
    }
}
