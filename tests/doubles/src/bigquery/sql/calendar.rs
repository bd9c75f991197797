//! Formats and parts of dates and instants.

use chrono::{Datelike, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike};

use crate::bigquery::refusal::Refusal;
use crate::bigquery::text;
use crate::bigquery::value::Value;

/// FORMAT_TIMESTAMP and FORMAT_DATE in UTC, for the elements that chrono shares with
/// <https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements#format_elements_date_time>.
pub(super) fn format(format: &str, at: NaiveDateTime) -> Result<String, Refusal> {
    let mut out = String::new();
    let mut rest = format;
    while let Some((before, behind)) = rest.split_once('%') {
        out.push_str(before);
        let micros = at.and_utc().timestamp_subsec_micros();
        let seconds = |digits: usize| {
            let fraction: String = format!("{micros:06}").chars().take(digits).collect();
            format!("{:02}.{fraction}", at.second())
        };
        let long = ["E1S", "E2S", "E3S", "E4S", "E5S", "E6S"]
            .iter()
            .zip(1..)
            .find_map(|(name, digits)| Some((behind.strip_prefix(name)?, digits)));
        if let Some((tail, digits)) = long {
            out.push_str(&seconds(digits));
            rest = tail;
        } else if let Some(tail) = behind.strip_prefix("E*S") {
            let all = seconds(6);
            out.push_str(all.trim_end_matches('0').trim_end_matches('.'));
            rest = tail;
        } else if let Some(tail) = behind.strip_prefix("Ez") {
            out.push_str("+00:00");
            rest = tail;
        } else {
            let element = behind.chars().next().unwrap_or_default();
            match element {
                'Z' => out.push_str("UTC"),
                'z' => out.push_str("+0000"),
                '%' => out.push('%'),
                'a' | 'A' | 'b' | 'B' | 'd' | 'D' | 'e' | 'F' | 'H' | 'h' | 'I' | 'j' | 'k' | 'l' | 'm' | 'M' | 'n'
                | 'p' | 'P' | 'R' | 's' | 'S' | 't' | 'T' | 'u' | 'w' | 'y' | 'Y' | 'G' | 'g' | 'V' | 'U' | 'W' => {
                    out.push_str(&at.and_utc().format(&format!("%{element}")).to_string());
                }
                _ => return Err(Refusal::unsupported(format!("the format element %{behind}"))),
            }
            rest = behind.get(element.len_utf8()..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Microseconds of a part that has a fixed length.
pub(super) fn micros(part: &str) -> Result<i64, Refusal> {
    Ok(match part {
        "MICROSECOND" => 1,
        "MILLISECOND" => 1_000,
        "SECOND" => 1_000_000,
        "MINUTE" => 60_000_000,
        "HOUR" => 3_600_000_000,
        "DAY" => 86_400_000_000,
        _ => return Err(Refusal::unsupported(format!("an interval of {part} of a TIMESTAMP"))),
    })
}

/// DATE_ADD; a day that its month does not have becomes the month's last.
pub(super) fn add_to_date(days: i32, count: i64, part: &str) -> Result<Value, Refusal> {
    let date = text::day(days);
    let months = |count: i64| {
        let months = Months::new(u32::try_from(count.unsigned_abs()).ok()?);
        if count < 0 { date.checked_sub_months(months) } else { date.checked_add_months(months) }
    };
    let moved = match part {
        "DAY" => TimeDelta::try_days(count).and_then(|d| date.checked_add_signed(d)),
        "WEEK" => TimeDelta::try_weeks(count).and_then(|d| date.checked_add_signed(d)),
        "MONTH" => months(count),
        "QUARTER" => count.checked_mul(3).and_then(months),
        "YEAR" => count.checked_mul(12).and_then(months),
        _ => return Err(Refusal::unsupported(format!("an interval of {part} of a DATE"))),
    };
    let found = moved.and_then(text::days).map(Value::Date);
    found.ok_or_else(|| Refusal::invalid_query("Date is out of range"))
}

/// TIMESTAMP_TRUNC in UTC.
pub(super) fn truncate_timestamp(micros: i64, part: &str) -> Result<Value, Refusal> {
    if let Ok(unit) = self::micros(part) {
        return Ok(Value::Timestamp(micros.div_euclid(unit) * unit));
    }
    let date = truncate(text::civil(micros).date_naive(), part)?;
    Ok(Value::Timestamp(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros()))
}

/// DATE_TRUNC.
pub(super) fn truncate_date(days: i32, part: &str) -> Result<Value, Refusal> {
    Ok(text::days(truncate(text::day(days), part)?).map_or(Value::Null, Value::Date))
}

fn truncate(date: NaiveDate, part: &str) -> Result<NaiveDate, Refusal> {
    let found = match part {
        "DAY" => Some(date),
        // Weeks begin on Sunday, ISO weeks on Monday.
        "WEEK" => date.checked_sub_days(chrono::Days::new(date.weekday().num_days_from_sunday().into())),
        "ISOWEEK" => date.checked_sub_days(chrono::Days::new(date.weekday().num_days_from_monday().into())),
        "MONTH" => date.with_day(1),
        "QUARTER" => NaiveDate::from_ymd_opt(date.year(), (date.month() - 1) / 3 * 3 + 1, 1),
        "YEAR" => NaiveDate::from_ymd_opt(date.year(), 1, 1),
        _ => return Err(Refusal::unsupported(format!("truncation to {part}"))),
    };
    found.ok_or_else(|| Refusal::invalid_query("Date is out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_those_of_the_manual() {
        let at = text::civil(1_704_164_645_120_000).naive_utc();
        let of = |f: &str| format(f, at).ok();
        assert_eq!(of("%Y-%m-%dT%H:%M:%E6SZ").as_deref(), Some("2024-01-02T03:04:05.120000Z"));
        assert_eq!(of("%F %T.%E3S%Ez %%").as_deref(), Some("2024-01-02 03:04:05.05.120+00:00 %"));
        assert_eq!(of("%E*S").as_deref(), Some("05.12"));
        assert_eq!(of("%Q"), None);
    }
}
