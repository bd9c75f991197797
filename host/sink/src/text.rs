//! Instants, dates and names of folders as text.

use gristmill_record::time::civil_from_days;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// An instant as `2024-01-31T23:59:59.123456Z`: of one length, so that it sorts as text. For years 1 to 9999.
#[derive(Debug, Default)]
pub(crate) struct TimestampText {
    /// The day of the last instant and its text: instants of one column are often of one day.
    day: Option<(i64, [u8; 10])>,
}

impl TimestampText {
    pub(crate) fn of(&mut self, micros: i64) -> [u8; 27] {
        let day = micros.div_euclid(MICROS_PER_DAY);
        let date = match self.day {
            Some((known, date)) if known == day => date,
            _ => {
                let date = date_text(day);
                self.day = Some((day, date));
                date
            }
        };
        let micros = micros.rem_euclid(MICROS_PER_DAY);
        let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
        let [h1, h2] = two(seconds / 3_600);
        let [m1, m2] = two(seconds / 60 % 60);
        let [s1, s2] = two(seconds % 60);
        let [f1, f2] = two(fraction / 10_000);
        let [f3, f4] = two(fraction / 100 % 100);
        let [f5, f6] = two(fraction % 100);
        let [y1, y2, y3, y4, d1, n1, n2, d2, a1, a2] = date;
        [
            y1, y2, y3, y4, d1, n1, n2, d2, a1, a2, b'T', h1, h2, b':', m1, m2, b':', s1, s2, b'.', f1, f2, f3, f4, f5,
            f6, b'Z',
        ]
    }
}

/// A date as `2024-01-31`, from days since 1970-01-01. For years 1 to 9999.
pub(crate) fn date_text(days: i64) -> [u8; 10] {
    let (year, month, day) = civil_from_days(days);
    let [y1, y2] = two(year / 100);
    let [y3, y4] = two(year % 100);
    let [m1, m2] = two(month);
    let [d1, d2] = two(day);
    [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2]
}

/// Two digits of a number from 0 to 99.
fn two(n: i64) -> [u8; 2] {
    #[expect(clippy::cast_possible_truncation, reason = "a remainder by ten")]
    let digit = |n: i64| b'0' + n.rem_euclid(10) as u8;
    [digit(n / 10), digit(n)]
}

/// What stands for null, and for the empty string, in the name of a partition's folder, since Hive.
pub(crate) const NULL_FOLDER: &str = "__HIVE_DEFAULT_PARTITION__";

/// Whether Hive and its successors escape this byte in the name of a partition's folder. Other than theirs our list has the space,
/// which shells trip over, and `~`. Characters beyond ASCII stay as they are: Spark does not put escaped ones together again.
fn is_escaped(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_' | b'.' | b'+' | b',' | b'@')
}

/// A value in the name of a partition's folder: `%` and two hex digits for each byte that is escaped.
pub(crate) fn folder_name(value: &str) -> String {
    let mut name = String::with_capacity(value.len());
    for c in value.chars() {
        match u8::try_from(c) {
            Ok(byte) if is_escaped(byte) => name.push_str(&format!("%{byte:02X}")),
            _ => name.push(c),
        }
    }
    if name.is_empty() { NULL_FOLDER.to_owned() } else { name }
}

/// Bytes of [`folder_name`].
pub(crate) fn folder_name_len(value: &str) -> usize {
    value.bytes().map(|b| if is_escaped(b) { 3 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use gristmill_record::time::{MAX_MICROS, MIN_MICROS, format_date, parse_rfc3339};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn instants_have_one_length() {
        let mut text = TimestampText::default();
        let mut of = |micros| String::from_utf8(text.of(micros).to_vec()).unwrap();
        assert_eq!(of(MIN_MICROS), "0001-01-01T00:00:00.000000Z");
        assert_eq!(of(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(of(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(of(MAX_MICROS), "9999-12-31T23:59:59.999999Z");
    }

    #[test]
    fn folders_cannot_leave_their_parent() {
        assert_eq!(folder_name("a/b=c%\0 é\u{2028}."), "a%2Fb%3Dc%25%00%20é\u{2028}.");
        assert_eq!(folder_name(""), NULL_FOLDER);
    }

    proptest! {
        #[test]
        fn instants_read_back_and_sort_as_text(a in MIN_MICROS..=MAX_MICROS, b in MIN_MICROS..=MAX_MICROS) {
            let mut text = TimestampText::default();
            let (one, two) = (text.of(a), text.of(b));
            prop_assert_eq!(parse_rfc3339(&one), Some(a));
            prop_assert_eq!(one.cmp(&two), a.cmp(&b));
        }

        #[test]
        fn dates_are_those_of_the_nouns(days in -719_162_i64..=2_932_896) {
            prop_assert_eq!(String::from_utf8(date_text(days).to_vec()).unwrap(), format_date(days));
        }

        #[test]
        fn folder_names_have_the_length_that_is_counted(value in "\\PC+") {
            prop_assert_eq!(folder_name(&value).len(), folder_name_len(&value));
        }
    }
}
