//! From documents to rows to outcomes: the ledger as a drawing, and the same as a table.

use gristmill_pipeline::Ledger;

use crate::report::html::{Html, number};
use crate::text::count;

/// Of the drawing, in its own units.
const WIDTH: f64 = 1000.0;
const NODE: f64 = 14.0;
/// What a label takes: no two nodes of a column are nearer than that.
const PITCH: f64 = 42.0;
const GAP: f64 = 14.0;
/// Of the tallest column, without its gaps.
const TALL: f64 = 240.0;
/// Nothing that is there is thinner.
const THIN: f64 = 2.0;

/// What became of some records or rows.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Stable: for those who read the page by program.
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) count: u64,
    /// Of which colour.
    pub(crate) kind: &'static str,
}

fn part(name: impl Into<String>, label: &str, count: u64, kind: &'static str) -> Part {
    Part { name: name.into(), label: label.to_owned(), count, kind }
}

/// The endings of records: those of which nothing became, by why, and last those that became rows.
pub(crate) fn of_records(ledger: &Ledger) -> Vec<Part> {
    let r = ledger.records;
    let mut left = r.refused;
    let mut of_codes = |prefix: &str| {
        let codes = ledger.refusals.iter().filter(|(code, _)| code.starts_with(prefix));
        let n = codes.map(|(_, n)| n).sum::<u64>().min(left);
        left -= n;
        n
    };
    let (decode, sink, plugin) = (of_codes("decode."), of_codes("sink."), of_codes("plugin."));
    vec![
        part("records.other", "other documents, which the plugin does not take", r.other, "f-other"),
        part("records.filtered", "filtered by the plugin", r.filtered, "f-other"),
        part("records.refused.decode", "refused: not as declared", decode, "f-bad"),
        part("records.refused.transform", "refused by the plugin", left, "f-bad"),
        part("records.refused.plugin", "refused: the plugin failed", plugin, "f-bad"),
        part("records.refused.sink", "refused: more than fits there", sink, "f-bad"),
        part("records.mapped", "became rows", r.mapped, "f-in"),
    ]
}

/// The endings of the rows of each table.
pub(crate) fn of_rows(ledger: &Ledger) -> Vec<(Part, Vec<Part>)> {
    let of_table = |t: &gristmill_pipeline::ledger::Rows| {
        let name = |what: &str| format!("rows.{}.{what}", t.table);
        let parts = vec![
            part(name("inserted"), "inserted", t.inserted, "f-good"),
            part(name("updated"), "updated", t.updated, "f-good"),
            part(name("already"), "in the destination already", t.already, "f-kept"),
            part(name("elsewhere"), "of records that the run which is replayed took", t.elsewhere, "f-kept"),
            part(name("duplicate"), "duplicates", t.duplicate, "f-other"),
            part(name("collision"), "collisions of keys", t.collision, "f-bad"),
            part(name("invalid"), "refused by validators", t.invalid, "f-bad"),
        ];
        let accounted: u64 = parts.iter().map(|p| p.count).sum();
        // A run that a gate stopped, or that failed later, has rows that never reached the destination.
        let unloaded = part(name("unloaded"), "not loaded", t.made.saturating_sub(accounted), "f-warn");
        let made = part(name("made"), &format!("rows of {}", t.table), t.made, "f-in");
        (made, parts.into_iter().chain([unloaded]).collect())
    };
    ledger.rows.iter().map(of_table).collect()
}

/// A node of the drawing.
struct Node {
    part: Part,
    y: f64,
    height: f64,
}

#[expect(clippy::cast_precision_loss, reason = "heights of a drawing")]
fn column(parts: Vec<Part>, scale: f64, gap: f64) -> Vec<Node> {
    let mut y = 10.0;
    let mut nodes = Vec::new();
    for part in parts {
        let height = (part.count as f64 * scale).max(THIN);
        nodes.push(Node { part, y, height });
        y += (height + gap).max(PITCH);
    }
    nodes
}

/// The end of a column.
fn bottom(nodes: &[Node]) -> f64 {
    nodes.last().map_or(0.0, |node| node.y + node.height.max(PITCH - GAP))
}

/// The drawing; nothing where there is nothing to draw.
#[expect(clippy::cast_precision_loss, reason = "heights of a drawing")]
pub(crate) fn drawing(ledger: &Ledger) -> Option<Html> {
    let read = ledger.records.read;
    if read == 0 {
        return None;
    }
    let is_there = |part: &Part| part.count > 0;
    let tables: Vec<_> = of_rows(ledger).into_iter().filter(|(made, _)| made.count > 0).collect();
    let all_made: u64 = tables.iter().map(|(made, _)| made.count).sum();
    let scale = TALL / read.max(all_made) as f64;
    let mut endings: Vec<Part> = of_records(ledger).into_iter().filter(is_there).collect();
    // Those that go on stand on top, as what they become does.
    endings.sort_by_key(|part| part.name != "records.mapped");
    let source = column(vec![part("records.read", "records read", read, "f-in")], scale, GAP);
    let endings = column(endings, scale, GAP);
    let made = column(tables.iter().map(|(made, _)| made.clone()).collect(), scale, GAP);
    let outcomes: Vec<Vec<Part>> =
        tables.into_iter().map(|(_, parts)| parts.into_iter().filter(is_there).collect()).collect();
    let ends = column(outcomes.iter().flatten().cloned().collect(), scale, GAP);
    let columns = [(0.0, &source), (265.0, &endings), (530.0, &made), (760.0, &ends)];
    let height = columns.iter().map(|(_, nodes)| bottom(nodes)).fold(0.0, f64::max) + 10.0;

    let mut svg = Html::default();
    svg.raw("<svg role=\"img\" aria-labelledby=\"flow-title\"")
        .attribute("viewBox", &format!("0 0 {} {}", number(WIDTH), number(height)));
    svg.raw("><title id=\"flow-title\">").text(&in_words(ledger)).raw("</title>");
    // From what was read to how it ended.
    let mut from = source.first().map_or(0.0, |node| node.y);
    for node in &endings {
        let thickness = node.part.count as f64 * scale;
        ribbon(&mut svg, node.part.kind, [NODE, from, thickness], [265.0, node.y, node.height]);
        from += thickness;
    }
    // From records that became rows to the rows, of which there may be more or fewer.
    if let Some(mapped) = endings.iter().find(|node| node.part.name == "records.mapped") {
        let mut from = mapped.y;
        for node in &made {
            let share = mapped.height * node.part.count as f64 / all_made.max(1) as f64;
            ribbon(&mut svg, "f-in", [265.0 + NODE, from, share], [530.0, node.y, node.height]);
            from += share;
        }
    }
    let mut next = ends.iter();
    for (node, outcomes) in made.iter().zip(&outcomes) {
        let mut from = node.y;
        for end in next.by_ref().take(outcomes.len()) {
            let thickness = end.part.count as f64 * scale;
            ribbon(&mut svg, end.part.kind, [530.0 + NODE, from, thickness], [760.0, end.y, end.height]);
            from += thickness;
        }
    }
    for (x, nodes) in columns {
        for node in nodes {
            svg.raw("<rect rx=\"2\" class=\"").raw(node.part.kind).raw("\"");
            svg.numbers(&[("x", x), ("y", node.y), ("width", NODE), ("height", node.height)]).raw("/>");
            // Beside what is thin, and inside what is tall.
            let (text_at, down) = (x + NODE + 8.0, if node.height > PITCH { 22.0 } else { 12.0 });
            svg.raw("<text class=\"strong\"").numbers(&[("x", text_at), ("y", node.y + down)]).raw(">");
            svg.text(&count(node.part.count)).raw("</text>");
            svg.raw("<text").numbers(&[("x", text_at), ("y", node.y + down + 17.0)]).raw(">");
            svg.text(&shorter(&node.part.label)).raw("</text>");
        }
    }
    svg.raw("</svg>");
    Some(svg)
}

/// The label as far as there is room for it; the table has all of it.
fn shorter(label: &str) -> String {
    const ROOM: usize = 28;
    let label = label.split_once(", which").map_or(label, |(label, _)| label);
    if label.chars().count() <= ROOM { label.to_owned() } else { label.chars().take(ROOM - 1).chain(['…']).collect() }
}

/// A band between two nodes: where it begins and how thick it is, on both sides.
fn ribbon(svg: &mut Html, kind: &'static str, [x1, y1, h1]: [f64; 3], [x2, y2, h2]: [f64; 3]) {
    let middle = number((x1 + x2) / 2.0);
    let [x1, x2, y1, y2, b1, b2] = [x1, x2, y1, y2, y1 + h1.max(1.0), y2 + h2].map(number);
    let path =
        format!("M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}L{x2} {b2}C{middle} {b2} {middle} {b1} {x1} {b1}Z");
    svg.raw("<path class=\"ribbon ").raw(kind).raw("\"").attribute("d", &path).raw("/>");
}

/// The drawing for those who do not see it.
fn in_words(ledger: &Ledger) -> String {
    let list = |parts: &[Part]| {
        let there = parts.iter().filter(|p| p.count > 0);
        there.map(|p| format!("{} {}", count(p.count), p.label)).collect::<Vec<_>>().join("; ")
    };
    let mut text = format!("Of {} records read: {}.", count(ledger.records.read), list(&of_records(ledger)));
    for (made, parts) in of_rows(ledger) {
        text.push_str(&format!(" Of {} {}: {}.", count(made.count), made.label, list(&parts)));
    }
    text
}

/// The account as a table with bars, from which nothing is left out.
pub(crate) fn as_table(ledger: &Ledger) -> Html {
    let mut html = Html::default();
    html.raw("<table><caption class=\"soft\" hidden>What became of every record and every row</caption><thead><tr><th scope=\"col\">What</th><th scope=\"col\" class=\"n\">How many</th><th scope=\"col\"><span class=\"wide\">Share</span></th></tr></thead><tbody>");
    let read = part("records.read", "records read", ledger.records.read, "f-in");
    row(&mut html, &read, read.count, false);
    // Endings that did not happen are left out, but for the three that everybody asks for.
    let always = ["records.mapped"];
    let records: Vec<Part> = of_records(ledger);
    for part in records.iter().filter(|p| p.count > 0 || always.contains(&p.name.as_str())) {
        row(&mut html, part, read.count, true);
    }
    for (made, parts) in of_rows(ledger) {
        row(&mut html, &made, made.count, false);
        for part in parts.iter().filter(|p| p.count > 0 || p.name.ends_with(".inserted")) {
            row(&mut html, part, made.count, true);
        }
    }
    html.raw("</tbody></table>");
    html
}

fn row(html: &mut Html, part: &Part, of: u64, is_deep: bool) {
    html.raw(if is_deep { "<tr class=\"deep\">" } else { "<tr>" });
    html.element("th scope=\"row\"", &part.label).raw("<td class=\"n\">");
    data(html, &part.name, part.count);
    html.raw("</td><td class=\"bar\">").add(&super::charts::bar(part.count, of, part.kind)).raw("</td></tr>");
}

/// A count that programs can read as well: `<data value="1234" data-name="records.read">1,234</data>`.
pub(crate) fn data(html: &mut Html, name: &str, n: u64) {
    html.raw("<data").attribute("value", &n.to_string()).attribute("data-name", name).raw(">").text(&count(n));
    html.raw("</data>");
}

#[cfg(test)]
mod tests {
    use gristmill_pipeline::ledger::{Records, Rows};

    use super::*;

    fn ledger() -> Ledger {
        Ledger {
            records: Records { read: 100, other: 10, mapped: 70, filtered: 5, refused: 15 },
            rows: vec![Rows { table: "t".into(), made: 90, inserted: 80, invalid: 4, collision: 6, ..Rows::default() }],
            refusals: [("decode.utf8", 7), ("sink.unstorable", 1), ("own", 7), ("rule", 4), ("dedup.collision", 6)]
                .map(|(code, n)| (code.to_owned(), n))
                .into(),
            ..Ledger::default()
        }
    }

    #[test]
    fn the_parts_are_the_whole() {
        let ledger = ledger();
        assert_eq!(of_records(&ledger).iter().map(|p| p.count).sum::<u64>(), ledger.records.read);
        let counts: Vec<_> = of_records(&ledger).into_iter().map(|p| p.count).collect();
        assert_eq!(counts, [10, 5, 7, 7, 0, 1, 70]);
        for (made, parts) in of_rows(&ledger) {
            assert_eq!(parts.iter().map(|p| p.count).sum::<u64>(), made.count);
        }
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert!(drawing(&Ledger::default()).is_none());
        assert!(drawing(&ledger()).is_some());
    }
}
