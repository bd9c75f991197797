//! Bars and lines, as drawings without scripts.

use gristmill_state::{PhaseTime, Sample};

use crate::report::html::{Html, number};
use crate::text::count;

/// Of the chart over time, in its own units.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 84.0;
const BOTTOM: f64 = 34.0;
const TOP: f64 = 14.0;

/// A part of a whole as a bar. What is there can be seen, however little it is.
#[expect(clippy::cast_precision_loss, reason = "the width of a bar")]
pub(crate) fn bar(part: u64, whole: u64, kind: &'static str) -> Html {
    let share = if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 };
    let width = if part == 0 { 0.0 } else { share.max(0.6) };
    let mut svg = Html::default();
    svg.raw("<svg aria-hidden=\"true\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\"><rect class=\"f-track\" width=\"100\" height=\"10\"/><rect height=\"10\" class=\"");
    svg.raw(kind).raw("\"").numbers(&[("width", width)]).raw("/></svg>");
    svg
}

/// Colours of phases, in order.
const PHASES: [&str; 5] = ["f-kept", "f-in", "f-mark", "f-good", "f-warn"];

/// What is done in a phase.
fn about(phase: &str) -> &'static str {
    match phase {
        "prepare" => "looking at input, plugin and destination",
        "map" => "reading, decoding, mapping, judging",
        "dedup" => "finding duplicates and collisions",
        "load" => "handing rows to the destination",
        "commit" => "making them visible",
        _ => "",
    }
}

/// Seconds for people.
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.0095 => format!("{:.1} ms", s * 1_000.0),
        s if s < 0.95 => format!("{:.0} ms", s * 1_000.0),
        s if s < 99.95 => format!("{s:.1} s"),
        s if s < 5_999.5 => format!("{:.0} min {:02.0} s", (s.round() / 60.0).floor(), s.round() % 60.0),
        s => format!("{:.0} h {:02.0} min", ((s / 60.0).round() / 60.0).floor(), (s / 60.0).round() % 60.0),
    }
}

/// Bytes for people: three digits say enough.
#[expect(clippy::cast_precision_loss, reason = "a size for people")]
pub(crate) fn size(bytes: u64) -> String {
    let (mut size, mut unit) = (bytes as f64, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if size < 999.5 {
            break;
        }
        (size, unit) = (size / 1_024.0, larger);
    }
    if size < 9.95 && unit != "B" { format!("{size:.1}\u{a0}{unit}") } else { format!("{size:.0}\u{a0}{unit}") }
}

/// How the time of a run was spent.
pub(crate) fn phases(phases: &[PhaseTime]) -> Html {
    let all: f64 = phases.iter().map(|p| p.seconds).sum::<f64>().max(1e-9);
    let mut html = Html::default();
    html.raw(
        "<figure><svg class=\"phases\" aria-hidden=\"true\" viewBox=\"0 0 1000 28\" preserveAspectRatio=\"none\">",
    );
    let mut x = 0.0;
    for (phase, kind) in phases.iter().zip(PHASES.iter().cycle()) {
        let width = phase.seconds / all * 1_000.0;
        html.raw("<rect height=\"28\" class=\"").raw(kind).raw("\"");
        html.numbers(&[("x", x), ("width", width)]).raw("/>");
        x += width;
    }
    html.raw("</svg></figure><table><thead><tr><th scope=\"col\">Phase</th><th scope=\"col\" class=\"n\">Took</th><th scope=\"col\" class=\"n\">Share</th></tr></thead><tbody>");
    for (phase, kind) in phases.iter().zip(PHASES.iter().cycle()) {
        html.raw("<tr><th scope=\"row\"><span class=\"swatch\">").add(&swatch(kind)).raw("</span>");
        html.text(&phase.phase).raw(" <span class=\"wide soft\">").text(about(&phase.phase)).raw("</span></th>");
        html.element("td class=\"n\"", &seconds(phase.seconds));
        html.element("td class=\"n\"", &format!("{:.0} %", phase.seconds / all * 100.0)).raw("</tr>");
    }
    html.raw("</tbody></table>");
    html
}

pub(crate) fn swatch(kind: &'static str) -> Html {
    let mut svg = Html::default();
    svg.raw("<svg aria-hidden=\"true\" viewBox=\"0 0 10 10\"><rect rx=\"2\" width=\"10\" height=\"10\" class=\"");
    svg.raw(kind).raw("\"/></svg>");
    svg
}

/// Something a second, between two looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) records: f64,
    pub(crate) rows: f64,
}

/// Rates between samples. Where counters went back, as they do when a run goes on, there is none.
#[expect(clippy::cast_precision_loss, reason = "rates")]
pub(crate) fn rates(samples: &[Sample]) -> Vec<Rate> {
    let start = Sample::default();
    let pairs = std::iter::once(&start).chain(samples).zip(samples);
    let rate = |(before, after): (&Sample, &Sample)| {
        let time = after.at - before.at;
        let per_second = |a: u64, b: u64| b.checked_sub(a).map(|n| n as f64 / time);
        (time > 0.001).then_some(())?;
        Some(Rate {
            from: before.at,
            to: after.at,
            records: per_second(before.records, after.records)?,
            rows: per_second(before.loaded, after.loaded)?,
        })
    };
    pairs.filter_map(rate).collect()
}

/// A number above that is easy to read: 1, 2 or 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    let power = 10.0_f64.powf(value.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|n| *n >= value * 0.999).unwrap_or(value)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate for people")]
fn rate_text(value: f64) -> String {
    if value < 10.0 { number(value) } else { count(value.round() as u64) }
}

/// The same beside an axis, where there is little room.
fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{}M", number(v / 1e6)),
        v if v >= 1e4 => format!("{}k", number(v / 1e3)),
        v => rate_text(v),
    }
}

/// A time below an axis: `0.5 s`, `12 s`, `2:05`, `1:02:05`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a run")]
fn clock(time: f64) -> String {
    if time < 99.5 {
        return format!("{} s", number((time * 10.0).round() / 10.0));
    }
    let all = time.round() as u64;
    let (hours, minutes, seconds) = (all / 3_600, all / 60 % 60, all % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// Records and rows a second over the time of a run; none where it was looked at too few times.
pub(crate) fn throughput(samples: &[Sample]) -> Option<Html> {
    let rates = rates(samples);
    if rates.len() < 3 {
        return None;
    }
    let end = rates.last()?.to;
    let highest = rates.iter().map(|r| r.records.max(r.rows)).fold(0.0, f64::max);
    // A scale in five steps at most.
    let step = round_up(highest / 4.0);
    let top = (highest / step).ceil().max(1.0) * step;
    let x = |at: f64| LEFT + at / end * (WIDTH - LEFT - 10.0);
    let y = |rate: f64| HEIGHT - BOTTOM - rate / top * (HEIGHT - BOTTOM - TOP);
    let mut html = Html::default();
    html.raw("<figure class=\"chart\"><svg role=\"img\" aria-labelledby=\"rates-title\" viewBox=\"0 0 1000 260\"><title id=\"rates-title\">");
    html.text(&format!(
        "Records read and rows loaded a second, over {}; at most {} a second. The numbers are in the table below.",
        seconds(end),
        rate_text(highest)
    ));
    html.raw("</title>");
    let mut at = 0.0;
    while at <= top * 1.001 {
        html.raw("<line class=\"axis\"").numbers(&[("x1", LEFT), ("x2", WIDTH - 10.0), ("y1", y(at)), ("y2", y(at))]);
        html.raw("/><text class=\"soft\" text-anchor=\"end\"").numbers(&[("x", LEFT - 10.0), ("y", y(at) + 5.0)]);
        html.raw(">").text(&short(at)).raw("</text>");
        at += step;
    }
    // Round times, and no name of one where it would run into the next.
    let every = round_up(end / 6.0);
    let mut time = 0.0;
    while time <= end {
        let anchor = if time == 0.0 { "start" } else { "middle" };
        if time == 0.0 || time + every / 3.0 < end {
            let label = if time == 0.0 { "0".to_owned() } else { clock(time) };
            html.raw("<text class=\"soft\"").attribute("text-anchor", anchor);
            html.numbers(&[("x", x(time)), ("y", HEIGHT - 10.0)]).raw(">").text(&label).raw("</text>");
        }
        time += every;
    }
    html.raw("<text class=\"soft\" text-anchor=\"end\"").numbers(&[("x", WIDTH - 10.0), ("y", HEIGHT - 10.0)]);
    html.raw(">").text(&clock(end)).raw("</text>");
    for (of, line, fill) in [
        ((|r: &Rate| r.records) as fn(&Rate) -> f64, "line s-in", "area f-in"),
        (|r: &Rate| r.rows, "line s-good", "area f-good"),
    ] {
        let mut path = String::new();
        let mut last_end = None;
        for rate in &rates {
            let command = if last_end == Some(rate.from) { 'L' } else { 'M' };
            path.push_str(&format!(
                "{command}{} {1}L{2} {1}",
                number(x(rate.from)),
                number(y(of(rate))),
                number(x(rate.to))
            ));
            last_end = Some(rate.to);
        }
        let area = rates.iter().map(|rate| {
            let [from, to, at, zero] = [x(rate.from), x(rate.to), y(of(rate)), y(0.0)].map(number);
            format!("M{from} {zero}L{from} {at}L{to} {at}L{to} {zero}Z")
        });
        html.raw("<path class=\"").raw(fill).raw("\"").attribute("d", &area.collect::<String>()).raw("/>");
        html.raw("<path class=\"").raw(line).raw("\"").attribute("d", &path).raw("/>");
    }
    html.raw("</svg><ul class=\"key\"><li>").add(&swatch("f-in")).raw("records read a second</li><li>");
    html.add(&swatch("f-good")).raw("rows handed to the destination a second</li></ul></figure>");
    html.add(&rates_table(&rates));
    Some(html)
}

/// The same in numbers, a dozen lines at most.
fn rates_table(rates: &[Rate]) -> Html {
    const LINES: usize = 12;
    let mut html = Html::default();
    html.raw("<details><summary>In numbers</summary><table><thead><tr><th scope=\"col\">Time</th><th scope=\"col\" class=\"n\">Records/s</th><th scope=\"col\" class=\"n\">Rows/s</th></tr></thead><tbody>");
    for several in rates.chunks(rates.len().div_ceil(LINES).max(1)) {
        let (Some(first), Some(last)) = (several.first(), several.last()) else { continue };
        let time: f64 = several.iter().map(|r| r.to - r.from).sum();
        let mean = |of: fn(&Rate) -> f64| several.iter().map(|r| of(r) * (r.to - r.from)).sum::<f64>() / time;
        html.raw("<tr>").element("th scope=\"row\"", &format!("{} to {}", seconds(first.from), seconds(last.to)));
        html.element("td class=\"n\"", &rate_text(mean(|r| r.records)));
        html.element("td class=\"n\"", &rate_text(mean(|r| r.rows))).raw("</tr>");
    }
    html.raw("</tbody></table></details>");
    html
}

/// A histogram in a line of a table.
#[expect(clippy::cast_precision_loss, reason = "heights of a drawing")]
pub(crate) fn spark(counts: &[u64], title: &str) -> Html {
    // Half as many bars, where they would be too thin to see.
    let counts: Vec<u64> = match counts.len() {
        0..=32 => counts.to_vec(),
        _ => counts.chunks(2).map(|pair| pair.iter().sum()).collect(),
    };
    let most = counts.iter().copied().max().unwrap_or_default().max(1) as f64;
    let width = (144.0 / counts.len().max(1) as f64).min(18.0);
    let mut svg = Html::default();
    svg.raw("<svg class=\"spark\" role=\"img\" viewBox=\"0 0 144 36\"").attribute("aria-label", title);
    svg.raw("><rect class=\"f-track\" y=\"35\" height=\"1\"")
        .numbers(&[("width", width * counts.len() as f64)])
        .raw("/>");
    for (index, n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
        let height = (*n as f64 / most * 34.0).max(1.5);
        svg.raw("<rect class=\"f-in\"");
        svg.numbers(&[
            ("x", index as f64 * width),
            ("y", 36.0 - height),
            ("width", (width - 1.0).max(1.0)),
            ("height", height),
        ]);
        svg.raw("/>");
    }
    svg.raw("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_for_people() {
        for (time, text) in [
            (0.0, "0.0 ms"),
            (0.25, "250 ms"),
            (1.0, "1.0 s"),
            (99.0, "99.0 s"),
            (119.9, "2 min 00 s"),
            (3_725.0, "62 min 05 s"),
            (7_199.0, "2 h 00 min"),
        ] {
            assert_eq!(seconds(time), text);
        }
    }

    #[test]
    fn sizes_for_people() {
        let shown = [0, 999, 1_000, 10_000, 283_400_000, 1 << 40].map(|n| size(n).replace('\u{a0}', " "));
        assert_eq!(shown, ["0 B", "999 B", "1.0 KiB", "9.8 KiB", "270 MiB", "1.0 TiB"]);
    }

    #[test]
    fn beside_axes() {
        assert_eq!([0.0, 5.0, 2_000.0, 50_000.0, 1_500_000.0].map(short), ["0", "5", "2,000", "50k", "1.5M"]);
        assert_eq!([0.5, 12.0, 125.0, 3_725.0].map(clock), ["0.5 s", "12 s", "2:05", "1:02:05"]);
    }

    #[test]
    fn scales_are_round() {
        for (value, round) in [(0.9, 1.0), (1.0, 1.0), (13.0, 20.0), (4_100.0, 5_000.0), (600_000.0, 1_000_000.0)] {
            assert!((round_up(value) - round).abs() < round * 1e-9, "{value}");
        }
    }

    #[test]
    fn rates_where_counters_grow() {
        let sample = |at, records| Sample { at, records, ..Sample::default() };
        let found = rates(&[sample(1.0, 10), sample(1.0, 10), sample(3.0, 50), sample(60.0, 20), sample(61.0, 30)]);
        let shown: Vec<_> = found.iter().map(|r| (r.from, r.to, r.records)).collect();
        assert_eq!(shown, [(0.0, 1.0, 10.0), (1.0, 3.0, 20.0), (60.0, 61.0, 10.0)]);
        assert!(throughput(&[sample(1.0, 10), sample(2.0, 10)]).is_none());
    }
}
