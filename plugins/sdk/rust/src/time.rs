//! RFC 3339 to microseconds since the Unix epoch, UTC, for years 1 to 9999, the range of Firestore's timestamps.

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// Microseconds of a day.
pub(crate) const MICROS_PER_DAY: i64 = SECONDS_PER_DAY * MICROS_PER_SECOND;
/// 0001-01-01T00:00:00Z.
pub(crate) const MIN_MICROS: i64 = -62_135_596_800 * MICROS_PER_SECOND;
/// 9999-12-31T23:59:59.999999Z.
pub(crate) const MAX_MICROS: i64 = 253_402_300_800 * MICROS_PER_SECOND - 1;

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar, `None` where there is no such day in years
/// 0 to 9999 (year 0: an instant of year 1 may have it with an offset).
pub(crate) fn days_of_date(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(0..=9999).contains(&year) || !(1..=last).contains(&day) {
        return None;
    }
    // Years begin on 1 March here, so that the leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468)
}

/// Takes `len` digits from the front.
fn number(text: &mut &[u8], len: usize) -> Option<i64> {
    let (digits, rest) = text.split_at_checked(len)?;
    *text = rest;
    digits.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

/// Takes one byte of `any` from the front.
fn one_of(text: &mut &[u8], any: &[u8]) -> Option<u8> {
    let (first, rest) = text.split_first()?;
    *text = rest;
    any.contains(first).then_some(*first)
}

/// See [`crate::Timestamp::parse_rfc3339`].
pub(crate) fn parse_rfc3339(text: &[u8]) -> Option<i64> {
    let mut rest = text;
    let text = &mut rest;
    let year = number(text, 4)?;
    one_of(text, b"-")?;
    let month = number(text, 2)?;
    one_of(text, b"-")?;
    let day = number(text, 2)?;
    one_of(text, b"Tt ")?;
    let hour = number(text, 2)?;
    one_of(text, b":")?;
    let minute = number(text, 2)?;
    one_of(text, b":")?;
    let second = number(text, 2)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }

    let mut micros = 0;
    let mut end = one_of(text, b".Zz+-")?;
    if end == b'.' {
        let mut place = MICROS_PER_SECOND / 10;
        let mut digits = 0;
        end = loop {
            let (byte, after) = text.split_first()?;
            *text = after;
            if !byte.is_ascii_digit() {
                break *byte;
            }
            digits += 1;
            micros += place * i64::from(byte - b'0');
            place /= 10;
        };
        if digits == 0 {
            return None;
        }
    }
    let offset = match end {
        b'Z' | b'z' => 0,
        b'+' | b'-' => {
            let hours = number(text, 2)?;
            one_of(text, b":")?;
            let minutes = number(text, 2)?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 3_600 + minutes * 60) * if end == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    if !text.is_empty() {
        return None;
    }
    let seconds = days_of_date(year, month, day)? * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second - offset;
    let all = seconds * MICROS_PER_SECOND + micros;
    (MIN_MICROS..=MAX_MICROS).contains(&all).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2024-02-29T23:59:59.123456Z", 1_709_251_199_123_456),
            ("2024-02-29t23:59:59.1z", 1_709_251_199_100_000),
            ("2000-03-01 00:00:00Z", 951_868_800_000_000),
            ("1900-03-01T00:00:00Z", -2_203_891_200_000_000),
            ("0001-01-01T00:00:00Z", MIN_MICROS),
            ("0000-12-31T23:00:00-01:00", MIN_MICROS),
            ("9999-12-31T23:59:59.999999999Z", MAX_MICROS),
            ("1969-12-31T23:59:59.5Z", -500_000),
            ("2024-01-01T02:00:00+02:00", 1_704_067_200_000_000),
            ("2023-12-31T18:30:00-05:30", 1_704_067_200_000_000),
        ] {
            assert_eq!(parse_rfc3339(text.as_bytes()), Some(micros), "{text}");
        }
    }

    #[test]
    fn no_instants() {
        for text in [
            "",
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00.1",
            "2024-01-01T00:00:00Zx",
            "2024-01-01T00:00:00+0200",
            "2024-01-01T00:00:00+24:00",
            "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-00-01T00:00:00Z",
            "2024-01-00T00:00:00Z",
            "2024-04-31T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:60:00Z",
            "2024-01-01T00:00:60Z",
            "+024-01-01T00:00:00Z",
            "2024/01/01T00:00:00Z",
            "0000-12-31T00:00:00Z",
            "9999-12-31T23:59:59-00:01",
            "٢٠٢٤-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_rfc3339(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut days = days_of_date(0, 1, 1).unwrap();
        for year in 0..=9999 {
            for month in 1..=12 {
                for day in 1..=31 {
                    if let Some(this) = days_of_date(year, month, day) {
                        assert_eq!(this, days, "{year}-{month}-{day}");
                        days += 1;
                    }
                }
            }
        }
        assert_eq!(days, MAX_MICROS / MICROS_PER_DAY + 1);
    }
}
