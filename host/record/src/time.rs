//! Instants as text: RFC 3339 to and from microseconds since the Unix epoch, UTC, for years 1 to 9999,
//! the range of Firestore's timestamps.

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// 0001-01-01T00:00:00Z.
pub const MIN_MICROS: i64 = -62_135_596_800 * MICROS_PER_SECOND;
/// 9999-12-31T23:59:59.999999Z.
pub const MAX_MICROS: i64 = 253_402_300_800 * MICROS_PER_SECOND - 1;

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
/// The method counts from 1 March, so that the leap day ends a year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of days since 1970-01-01.
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0_i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

/// Reads an RFC 3339 instant: `2024-01-01T00:00:00.123456Z`, or with an offset `+02:00`.
///
/// Digits beyond microseconds are cut, as Firestore cuts them. `None` where it is no instant, or out of range;
/// the leap second 60 is none, as Firestore has none.
pub fn parse_rfc3339(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (year, month, day) = (digits(date.get(..4)?)?, digits(date.get(5..7)?)?, digits(date.get(8..)?)?);
    let (clock, mut rest) = rest.split_at_checked(9)?;
    let (hour, minute, second) = (digits(clock.get(1..3)?)?, digits(clock.get(4..6)?)?, digits(clock.get(7..)?)?);
    let separators = [(date.get(4)?, b'-'), (date.get(7)?, b'-'), (clock.get(3)?, b':'), (clock.get(6)?, b':')];
    if separators.iter().any(|(have, want)| *have != want) || !matches!(clock.first()?, b'T' | b't' | b' ') {
        return None;
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days_in_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut micros = 0;
    if let Some(after_dot) = rest.strip_prefix(b".") {
        let len = after_dot.iter().take_while(|b| b.is_ascii_digit()).count();
        if len == 0 {
            return None;
        }
        let (fraction, after) = after_dot.split_at(len);
        for i in 0..6 {
            micros = micros * 10 + i64::from(fraction.get(i).map_or(0, |b| b - b'0'));
        }
        rest = after;
    }
    let offset_seconds = match rest {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), offset @ ..] if offset.len() == 5 && offset.get(2) == Some(&b':') => {
            let (hours, minutes) = (digits(offset.get(..2)?)?, digits(offset.get(3..)?)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 3_600 + minutes * 60) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    let seconds =
        days_from_civil(year, month, day) * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second - offset_seconds;
    let all = seconds * MICROS_PER_SECOND + micros;
    (MIN_MICROS..=MAX_MICROS).contains(&all).then_some(all)
}

/// Appends an instant as Firestore's REST API prints it: UTC, `Z`, and 0, 3 or 6 digits of fraction.
pub fn push_rfc3339(out: &mut Vec<u8>, micros: i64) {
    use std::io::Write;
    let seconds = micros.div_euclid(MICROS_PER_SECOND);
    let fraction = micros.rem_euclid(MICROS_PER_SECOND);
    let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_PER_DAY));
    let clock = seconds.rem_euclid(SECONDS_PER_DAY);
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    // Writing to a vector cannot fail.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if fraction != 0 {
        let _ =
            if fraction % 1_000 == 0 { write!(out, ".{:03}", fraction / 1_000) } else { write!(out, ".{fraction:06}") };
    }
    out.push(b'Z');
}

/// The text of [`push_rfc3339`].
pub fn format_rfc3339(micros: i64) -> String {
    let mut out = Vec::with_capacity(27);
    push_rfc3339(&mut out, micros);
    String::from_utf8(out).unwrap_or_default()
}

/// A date as `2024-01-31`, from days since 1970-01-01.
pub fn format_date(days: i64) -> String {
    let (year, month, day) = civil_from_days(days);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_firestore_writes() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2024-02-29T23:59:59.123456Z", 1_709_251_199_123_456),
            ("0001-01-01T00:00:00Z", MIN_MICROS),
            ("9999-12-31T23:59:59.999999999Z", MAX_MICROS),
            ("1969-12-31T23:59:59.5Z", -500_000),
            ("2024-01-01T02:00:00+02:00", 1_704_067_200_000_000),
        ] {
            assert_eq!(parse_rfc3339(text.as_bytes()), Some(micros), "{text}");
        }
        for text in [
            "",
            "2024-01-01",
            "2023-02-29T00:00:00Z",
            "2024-01-01T00:00:60Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "0000-12-31T00:00:00Z",
        ] {
            assert_eq!(parse_rfc3339(text.as_bytes()), None, "{text}");
        }
        assert_eq!(format_rfc3339(1_709_251_199_120_000), "2024-02-29T23:59:59.120Z");
        assert_eq!(format_date(-1), "1969-12-31");
    }

    proptest! {
        #[test]
        fn round_trips(micros in MIN_MICROS..=MAX_MICROS) {
            prop_assert_eq!(parse_rfc3339(format_rfc3339(micros).as_bytes()), Some(micros));
        }
    }
}
