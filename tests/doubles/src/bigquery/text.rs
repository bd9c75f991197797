//! Values as text: how BigQuery reads them from files and literals, and how it writes them.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use serde_json::Value as Json;

use super::schema::Type;
use super::value::Value;

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z, the range of TIMESTAMP.
const TIMESTAMPS: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// The instant, where it is within the range of TIMESTAMP.
pub(crate) fn timestamp(micros: i64) -> Option<Value> {
    TIMESTAMPS.contains(&micros).then_some(Value::Timestamp(micros))
}

/// Calendar form of an instant.
pub(crate) fn civil(micros: i64) -> DateTime<Utc> {
    // Values are checked on their way in; the epoch stands for none.
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// The day of days since the epoch.
pub(crate) fn day(days: i32) -> NaiveDate {
    NaiveDate::default().checked_add_signed(TimeDelta::days(days.into())).unwrap_or_default()
}

/// Days since the epoch.
pub(crate) fn days(date: NaiveDate) -> Option<i32> {
    let within = (1..=9999).contains(&date.year());
    within.then(|| i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).ok()).flatten()
}

/// Reads `YYYY-[M]M-[D]D`.
pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    let mut parts = text.split('-');
    let mut number = |digits: std::ops::RangeInclusive<usize>| {
        let part = parts.next()?;
        (digits.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<u32>().ok())?
    };
    let (year, month, day) = (number(4..=4)?, number(1..=2)?, number(1..=2)?);
    if parts.next().is_some() {
        return None;
    }
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// Reads `YYYY-[M]M-[D]D[( |T)[H]H:[M]M:[S]S[.F]][time zone]`; zones are `Z`, ` UTC` and offsets, and UTC where there is none.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    let text = text.trim();
    let (text, offset) = split_zone(text)?;
    let (date, time) = match text.find([' ', 'T', 't']) {
        Some(at) => (text.get(..at)?, Some(text.get(at + 1..)?)),
        None => (text, None),
    };
    let time = match time {
        Some(time) => parse_time(time)?,
        None => NaiveTime::MIN,
    };
    let local = NaiveDateTime::new(parse_date(date)?, time);
    let micros = local.checked_sub_signed(TimeDelta::seconds(offset))?.and_utc().timestamp_micros();
    TIMESTAMPS.contains(&micros).then_some(micros)
}

/// What stands before the zone, and the zone as seconds east of UTC.
fn split_zone(text: &str) -> Option<(&str, i64)> {
    if let Some(rest) = text.strip_suffix(['Z', 'z']) {
        return Some((rest, 0));
    }
    if let Some(rest) = text.strip_suffix("UTC") {
        return Some((rest.trim_end(), 0));
    }
    // Dashes of the date come first; a sign behind the time begins an offset.
    let Some(at) = text.rfind(['+', '-']).filter(|at| text.get(..*at).is_some_and(|t| t.contains(':'))) else {
        return Some((text, 0));
    };
    let (rest, offset) = text.split_at_checked(at)?;
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let digits = offset.get(1..)?;
    let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
    let (hours, minutes) = (hours.parse::<i64>().ok()?, minutes.parse::<i64>().ok()?);
    (hours <= 14 && minutes <= 59).then_some((rest.trim_end(), sign * (hours * 3600 + minutes * 60)))
}

fn parse_time(text: &str) -> Option<NaiveTime> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':').map(|p| (p.len() <= 2).then(|| p.parse::<u32>().ok()).flatten());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || fraction.len() > 6 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let micros = format!("{fraction:0<6}").parse().ok()?;
    NaiveTime::from_hms_micro_opt(hour, minute, second, micros)
}

/// `.123` or `.123456`, or nothing where there is no fraction.
fn fraction(micros: u32) -> String {
    match micros {
        0 => String::new(),
        m if m % 1000 == 0 => format!(".{:03}", m / 1000),
        m => format!(".{m:06}"),
    }
}

/// As CAST writes a timestamp: `2024-01-01 00:00:00.123+00`.
pub(crate) fn timestamp_text(micros: i64) -> String {
    let at = civil(micros);
    format!("{}{}+00", at.format("%Y-%m-%d %H:%M:%S"), fraction(at.timestamp_subsec_micros()))
}

/// As JSON holds a timestamp: `2024-01-01T00:00:00.123Z`.
pub(crate) fn timestamp_json(micros: i64) -> String {
    let at = civil(micros);
    format!("{}{}Z", at.format("%Y-%m-%dT%H:%M:%S"), fraction(at.timestamp_subsec_micros()))
}

/// As the API answers a timestamp without `useInt64Timestamp`: seconds, in the notation of a double, exact.
pub(crate) fn timestamp_seconds(micros: i64) -> String {
    if micros == 0 {
        return "0.0".to_owned();
    }
    let sign = if micros < 0 { "-" } else { "" };
    let digits = micros.unsigned_abs().to_string();
    // The digits stand for d.ddd × 10^(count - 1) microseconds.
    let exponent = i64::try_from(digits.len()).unwrap_or_default() - 7;
    let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
    let rest = rest.trim_end_matches('0');
    let rest = if rest.is_empty() { "0" } else { rest };
    format!("{sign}{first}.{rest}E{exponent}")
}

/// As the API answers a FLOAT64.
pub(crate) fn float_api(f: f64) -> String {
    if f.is_nan() {
        "NaN".to_owned()
    } else if f.is_infinite() {
        if f > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else if f == 0.0 || (1e-3..1e7).contains(&f.abs()) {
        // At least one digit behind the point.
        format!("{f:?}")
    } else {
        let text = format!("{f:E}");
        match text.split_once('E') {
            Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
            _ => text,
        }
    }
}

/// As CAST writes a FLOAT64.
pub(crate) fn float_text(f: f64) -> String {
    if f.is_nan() {
        "nan".to_owned()
    } else if f.is_infinite() {
        if f > 0.0 { "inf" } else { "-inf" }.to_owned()
    } else if f == 0.0 || (1e-5..1e15).contains(&f.abs()) {
        format!("{f}")
    } else {
        let text = format!("{f:e}");
        match text.split_once('e') {
            Some((digits, exponent)) => match exponent.strip_prefix('-') {
                Some(exponent) => format!("{digits}e-{exponent:0>2}"),
                None => format!("{digits}e+{exponent:0>2}"),
            },
            None => text,
        }
    }
}

/// Reads a FLOAT64, with the names of what is no number.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    match text.trim().to_ascii_lowercase().as_str() {
        "nan" | "+nan" | "-nan" => Some(f64::NAN),
        "inf" | "+inf" | "infinity" | "+infinity" => Some(f64::INFINITY),
        "-inf" | "-infinity" => Some(f64::NEG_INFINITY),
        // Rust would read an overflow as infinity.
        other => other.parse::<f64>().ok().filter(|f| f.is_finite()),
    }
}

/// Reads base64 in either alphabet, with padding or without.
pub(crate) fn parse_base64(text: &str) -> Option<Vec<u8>> {
    [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD].into_iter().find_map(|engine| engine.decode(text).ok())
}

/// Base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A JSON text as a column of JSON holds it: without spaces, members by name. `None` where it is no JSON.
pub(crate) fn json_text(text: &str) -> Option<String> {
    serde_json::from_str::<Json>(text).ok().map(|json| json.to_string())
}

/// What TO_JSON_STRING writes.
pub(crate) fn to_json_string(value: &Value, ty: &Type) -> String {
    /// Integers beyond are strings, as a double would round them.
    const EXACT: i64 = 1 << 53;
    let quoted = |text: &str| Json::from(text).to_string();
    match (value, ty) {
        (Value::Null, _) => "null".to_owned(),
        (Value::Bool(b), _) => b.to_string(),
        (Value::Int(i), _) if i.unsigned_abs() <= EXACT.unsigned_abs() => i.to_string(),
        (Value::Int(i), _) => quoted(&i.to_string()),
        (Value::Float(f), _) if f.is_finite() => float_text(*f),
        (Value::Float(f), _) => quoted(&float_api(*f)),
        (Value::String(s), _) => quoted(s),
        (Value::Bytes(b), _) => quoted(&base64(b)),
        (Value::Timestamp(t), _) => quoted(&timestamp_json(*t)),
        (Value::Date(d), _) => quoted(&day(*d).to_string()),
        (Value::Json(j), _) => j.to_string(),
        (Value::Struct(values), Type::Struct(fields)) => {
            let members = fields.iter().zip(values.iter());
            let members = members.map(|(f, v)| format!("{}:{}", quoted(&f.name), to_json_string(v, &f.ty)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        (Value::Array(values), Type::Array(item)) => {
            format!("[{}]", values.iter().map(|v| to_json_string(v, item)).collect::<Vec<_>>().join(","))
        }
        // A value of another type than its column's: there is none.
        (Value::Struct(_) | Value::Array(_), _) => "null".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_in_every_form_and_written_exactly() {
        let micros = 1_704_067_200_123_456;
        for text in [
            "2024-01-01T00:00:00.123456Z",
            "2024-01-01 00:00:00.123456 UTC",
            "2024-01-01 00:00:00.123456",
            "2024-1-1 02:00:00.123456+02:00",
            "2023-12-31 16:00:00.123456-08",
        ] {
            assert_eq!(parse_timestamp(text), Some(micros), "{text}");
        }
        for text in ["", "2024", "2024-13-01", "2024-01-01 24:00:00", "2024-01-01T00:00:00.1234567Z", "10000-01-01"] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
        assert_eq!(timestamp_seconds(micros), "1.704067200123456E9");
        assert_eq!(timestamp_seconds(-1), "-1.0E-6");
        assert_eq!(timestamp_seconds(1_704_067_200_000_000).parse(), Ok(1_704_067_200_f64));
        assert_eq!(timestamp_text(micros), "2024-01-01 00:00:00.123456+00");
        assert_eq!(timestamp_json(1_704_067_200_120_000), "2024-01-01T00:00:00.120Z");
    }

    #[test]
    fn floats_are_written_as_the_api_and_as_cast_do() {
        for (f, api, cast) in [
            (1.0, "1.0", "1"),
            (0.95, "0.95", "0.95"),
            (1e10, "1.0E10", "10000000000"),
            (1.5e-7, "1.5E-7", "1.5e-07"),
            (1e20, "1.0E20", "1e+20"),
            (f64::NAN, "NaN", "nan"),
            (f64::NEG_INFINITY, "-Infinity", "-inf"),
        ] {
            assert_eq!((float_api(f), float_text(f)), (api.to_owned(), cast.to_owned()));
        }
        assert_eq!(parse_float("1e400"), None);
    }
}
