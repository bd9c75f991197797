//! The tables: their columns as declared, and what they hold where that was looked at.

use serde_json::Value;

use crate::report::charts::{bar, spark};
use crate::report::html::Html;
use crate::text::count;

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    of.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn names(of: &Value, name: &str) -> String {
    list(of, name).filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

/// All tables of a run. `tables` is what the plugin declared, `profile` what was seen of the columns.
pub(crate) fn section(html: &mut Html, tables: &Value, profile: Option<&Value>) {
    html.raw("<section aria-labelledby=\"tables\"><h2 id=\"tables\">Tables</h2>");
    if profile.is_none() {
        html.raw(
            "<p class=\"soft\">What the columns hold was not looked at: <code>gristmill run --profile</code> does.</p>",
        );
    }
    for table in tables.as_array().into_iter().flatten() {
        let name = text(table, "name");
        html.raw("<h3>").element("span class=\"mono\"", name).raw("</h3>");
        let mut about = Vec::new();
        for (label, what) in [("Key", names(table, "key")), ("Clustered by", names(table, "cluster_by"))] {
            if !what.is_empty() {
                about.push(format!("{label}: {what}."));
            }
        }
        if let Some(column) = table.get("partition_by").and_then(Value::as_str) {
            about.push(format!("Partitioned by {column}."));
        }
        if let Some(input) = table.get("latest_by").and_then(Value::as_str) {
            about.push(format!("Of rows with one key, the newest by {input} stays."));
        }
        html.element("p class=\"soft\"", [text(table, "description"), &about.join(" ")].join(" ").trim());
        let seen = profile.and_then(|p| p.as_array()?.iter().find(|t| text(t, "table") == name));
        columns(html, table, seen);
    }
    html.raw("</section>");
}

fn columns(html: &mut Html, table: &Value, seen: Option<&Value>) {
    html.raw("<table class=\"stack\"><thead><tr><th scope=\"col\">Column</th><th scope=\"col\">Type</th>");
    if seen.is_some() {
        html.raw("<th scope=\"col\" class=\"n\">Null</th><th scope=\"col\" class=\"n\">Different</th><th scope=\"col\">From, to</th><th scope=\"col\">Spread</th>");
    } else {
        html.raw("<th scope=\"col\">About</th>");
    }
    html.raw("</tr></thead><tbody>");
    for column in list(table, "columns") {
        let name = text(column, "name");
        let required = column.get("required").and_then(Value::as_bool) == Some(true);
        html.raw("<tr><th scope=\"row\">").element("span class=\"mono\"", name).raw("</th><td>");
        html.text(text(column, "type"))
            .raw(if required { "" } else { " <span class=\"soft\">or null</span>" })
            .raw("</td>");
        match seen {
            None => {
                html.element("td", text(column, "description"));
            }
            Some(seen) => {
                let rows = seen.get("rows").and_then(Value::as_u64).unwrap_or_default();
                match list(seen, "columns").find(|c| text(c, "name") == name) {
                    Some(column) => values(html, column, rows),
                    None => {
                        html.raw("<td></td><td></td><td></td><td></td>");
                    }
                }
            }
        }
        html.raw("</tr>");
    }
    html.raw("</tbody></table>");
}

/// What is known of the values of a column.
fn values(html: &mut Html, column: &Value, rows: u64) {
    let number = |name: &str| column.get(name).and_then(Value::as_u64).unwrap_or_default();
    let nulls = number("nulls");
    let share = |part: u64| percent(part, rows);
    html.raw("<td class=\"n\" data-is=\"null:\">");
    if nulls == 0 {
        html.raw("<span class=\"soft\">0</span>");
    } else {
        html.text(&count(nulls)).element("span class=\"soft\"", &format!(" {}", share(nulls)));
    }
    let about = if column.get("distinct_exact").and_then(Value::as_bool) == Some(true) { "" } else { "≈ " };
    html.raw("</td><td class=\"n\" data-is=\"different:\">").text(about).text(&count(number("distinct"))).raw("</td>");
    let unit = match text(column, "of") {
        "lengths" => " bytes long",
        "elements" => " elements",
        _ => "",
    };
    let shown = |name: &str| match column.get(name) {
        Some(Value::Number(n)) => match (n.as_i64(), n.as_f64()) {
            (Some(n), _) if n >= 0 => count(n.unsigned_abs()),
            (Some(n), _) => format!("−{}", count(n.unsigned_abs())),
            (None, Some(n)) => float(n),
            _ => n.to_string(),
        },
        // Whole seconds, where a time has no more than that to say here.
        Some(Value::String(text)) => text.replacen(".000000", "", 1),
        _ => String::new(),
    };
    let (from, to) = (shown("from"), shown("to"));
    html.raw("<td data-is=\"from, to:\">");
    match text(column, "of") {
        "booleans" => {
            let yes = number("true");
            html.text(&format!("true {}, {}", count(yes), share(yes)));
        }
        "nothing" => {}
        _ if from == to => {
            html.text(&from).text(unit);
        }
        _ => {
            html.text(&from).raw(" <span class=\"soft\">to</span> ").text(&to).text(unit);
        }
    }
    html.raw("</td><td>");
    let counts: Vec<u64> = column
        .get("histogram")
        .and_then(|h| h.get("counts")?.as_array())
        .map(|counts| counts.iter().filter_map(Value::as_u64).collect())
        .unwrap_or_default();
    if text(column, "of") == "booleans" {
        html.raw("<span class=\"soft\">").add(&bar(number("true"), rows - nulls.min(rows), "f-in")).raw("</span>");
    } else if counts.len() > 1 {
        let title = format!(
            "{} bars from {from} to {to}; the tallest stands for {} rows",
            counts.len(),
            count(counts.iter().copied().max().unwrap_or_default())
        );
        html.add(&spark(&counts, &title));
    } else if !counts.is_empty() {
        html.raw("<span class=\"soft\">all the same</span>");
    }
    html.raw("</td>");
}

/// A float as short as it can be read.
fn float(value: f64) -> String {
    if value != 0.0 && !(1e-4..1e9).contains(&value.abs()) {
        return format!("{value:.3e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A share for people: none of it is 0 %, and none is 100 % that is not all.
#[expect(clippy::cast_precision_loss, reason = "a share for people")]
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let share = part as f64 / (whole.max(1)) as f64 * 100.0;
    match share {
        _ if part == 0 => "0 %".to_owned(),
        _ if part >= whole => "100 %".to_owned(),
        s if s < 0.01 => "< 0.01 %".to_owned(),
        s if s < 1.0 => format!("{s:.2} %"),
        s if s < 99.0 => format!("{s:.1} %"),
        s if s <= 99.99 => format!("{s:.2} %"),
        _ => "> 99.99 %".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        let shown: Vec<_> = [0, 1, 50, 1_000, 123_456, 999_999, 1_000_000].map(|n| percent(n, 1_000_000)).into();
        assert_eq!(shown, ["0 %", "< 0.01 %", "< 0.01 %", "0.10 %", "12.3 %", "> 99.99 %", "100 %"]);
        assert_eq!(percent(0, 0), "0 %");
        assert_eq!([0.5, 0.123_456, 1e-9, -12.0].map(float), ["0.5", "0.1235", "1.000e-9", "-12"]);
    }
}
