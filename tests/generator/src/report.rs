//! One quality report: its values, as entity protobuf and as JSON. Written by hand, since speed is the point: a million a second.

use gristmill_record::time::civil_from_days;

use crate::Form;
use crate::encode::{self, RAW, meaning};
use crate::order::{below, mix};
use crate::spec::{Bad, Spec, share};

const MICROS: i64 = 1_000_000;
/// 2024-01-01T00:00:00Z.
const BASE_SECONDS: i64 = 1_704_067_200;
const SECONDS_PER_DAY: i64 = 86_400;

/// The values of a report. Fractions are whole numbers of their last digit, so that text and double are exactly the same number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report {
    team: u64,
    report: u64,
    /// Seconds since the Unix epoch.
    seconds: i64,
    /// In ten-thousandths.
    score: u32,
    /// In ten-thousandths.
    coverage: u32,
    gaps: u32,
    overlaps: u32,
    /// In thousandths.
    average: u32,
    pub(crate) bad: Option<Bad>,
}

/// Draws the reports of a specification.
#[derive(Debug, Clone)]
pub(crate) struct Reports {
    seed: u64,
    /// Of 2^32: how many are bad.
    bad: u64,
    kinds: Vec<Bad>,
}

impl Reports {
    pub(crate) fn new(spec: &Spec) -> Self {
        let kinds = spec.bad_kinds.clone();
        Self { seed: mix(spec.seed), bad: if kinds.is_empty() { 0 } else { share(1 << 32, spec.bad) }, kinds }
    }

    /// Report number `index`, always the same.
    pub(crate) fn at(&self, index: u64) -> Report {
        let mut state = self.seed ^ mix(index);
        let mut draw = |from: u32, to: u32| {
            state = mix(state);
            from + u32::try_from(below(state, u64::from(to - from))).unwrap_or_default()
        };
        let mut report = Report {
            team: index % 997,
            report: index / 997 % 211,
            seconds: BASE_SECONDS + i64::try_from(index).unwrap_or_default(),
            score: draw(5_000, 10_001),
            coverage: draw(5_000, 10_001),
            gaps: draw(0, 10),
            overlaps: draw(0, 10),
            average: draw(100, 9_001),
            bad: None,
        };
        if self.bad > 0 && u64::from(draw(0, u32::MAX)) < self.bad {
            let kind = usize::try_from(below(mix(state), self.kinds.len() as u64)).unwrap_or_default();
            report.bad = self.kinds.get(kind).copied();
            if report.bad == Some(Bad::OutOfRange) {
                report.score += 10_000;
            }
        }
        report
    }
}

impl Report {
    fn score(&self) -> f64 {
        f64::from(self.score) / 10_000.0
    }

    fn coverage(&self) -> f64 {
        f64::from(self.coverage) / 10_000.0
    }

    fn average(&self) -> f64 {
        f64::from(self.average) / 1_000.0
    }

    /// `2024-01-01T00:00:00.000000Z`, the last segment of the path too.
    fn timestamp(&self) -> [u8; 27] {
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let (year, month, day) = civil_from_days(self.seconds.div_euclid(SECONDS_PER_DAY));
        let clock = self.seconds.rem_euclid(SECONDS_PER_DAY);
        let mut put = |at: usize, number: i64| {
            let digits = text.get_mut(at..at + 2).into_iter().flatten();
            for (digit, value) in digits.zip([number / 10, number % 10]) {
                *digit = b'0' + u8::try_from(value).unwrap_or_default();
            }
        };
        for (at, number) in [(0, year / 100), (2, year % 100), (5, month), (8, day)] {
            put(at, number);
        }
        for (at, number) in [(11, clock / 3_600), (14, clock / 60 % 60), (17, clock % 60)] {
            put(at, number);
        }
        text
    }

    /// `T12` and the like, in place.
    fn id(buffer: &mut [u8; 24], letter: u8, number: u64) -> &str {
        let mut digits = [0; 20];
        let text = decimal(&mut digits, number);
        let length = text.len() + 1;
        for (to, from) in buffer.iter_mut().zip([letter].iter().chain(text)) {
            *to = *from;
        }
        std::str::from_utf8(buffer.get(..length).unwrap_or_default()).unwrap_or_default()
    }

    /// Appends the entity protobuf.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let (mut team, mut report) = ([0; 24], [0; 24]);
        let (team, report) = (Self::id(&mut team, b'T', self.team), Self::id(&mut report, b'R', self.report));
        let timestamp = self.timestamp();
        encode::message(out, 13, |out| {
            encode::bytes(out, 13, b"s~P");
            encode::message(out, 14, |out| {
                encode::element(out, "teams", Ok(team));
                encode::element(out, "reports", Ok(report));
                encode::element(out, "qualityReports", Ok(std::str::from_utf8(&timestamp).unwrap_or_default()));
            });
        });
        encode::property(out, RAW, meaning::MAP, "metrics", false, |out| {
            encode::embedded(out, |out| {
                encode::property(out, RAW, meaning::NONE, "overallScore", false, |out| match self.bad {
                    Some(Bad::WrongType) => encode::bytes(out, 3, b"high"),
                    _ => encode::double(out, 4, self.score()),
                });
                let double = |out: &mut Vec<u8>, name, value| {
                    encode::property(out, RAW, meaning::NONE, name, false, |out| encode::double(out, 4, value));
                };
                let integer = |out: &mut Vec<u8>, name, value: u32| {
                    encode::property(out, RAW, meaning::NONE, name, false, |out| {
                        encode::number(out, 1, u64::from(value));
                    });
                };
                double(out, "coverage", self.coverage());
                integer(out, "gaps", self.gaps);
                integer(out, "overlaps", self.overlaps);
                double(out, "avgDur", self.average());
            });
        });
        if self.bad != Some(Bad::MissingCreatedAt) {
            encode::property(out, RAW, meaning::TIMESTAMP, "createdAt", false, |out| {
                encode::number(out, 1, (self.seconds * MICROS).cast_unsigned());
            });
        }
        encode::message(out, 16, |out| encode::element(out, "teams", Ok(team)));
    }

    /// Appends the JSON in one line.
    pub(crate) fn json(&self, form: &Form, out: &mut Vec<u8>) {
        let timestamp = self.timestamp();
        let quote: &[u8] = if form.integer_strings { b"\"" } else { b"" };
        let mut digits = [0; 20];
        let mut put = |parts: &[&[u8]], number: Option<u64>| {
            for part in parts {
                out.extend_from_slice(part);
            }
            if let Some(number) = number {
                out.extend_from_slice(decimal(&mut digits, number));
            }
        };
        put(&[b"{\"name\":\"projects/P/databases/(default)/documents/teams/T"], Some(self.team));
        put(&[b"/reports/R"], Some(self.report));
        put(&[b"/qualityReports/", &timestamp, b"\",\"fields\":{\"metrics\":{\"mapValue\":{\"fields\":{"], None);
        if self.bad == Some(Bad::WrongType) {
            put(&[b"\"overallScore\":{\"stringValue\":\"high\"}"], None);
        } else {
            put(&[b"\"overallScore\":{\"doubleValue\":", fraction(self.score, 4).text(), b"}"], None);
        }
        put(&[b",\"coverage\":{\"doubleValue\":", fraction(self.coverage, 4).text()], None);
        put(&[b"},\"gaps\":{\"integerValue\":", quote], Some(u64::from(self.gaps)));
        put(&[quote, b"},\"overlaps\":{\"integerValue\":", quote], Some(u64::from(self.overlaps)));
        put(&[quote, b"},\"avgDur\":{\"doubleValue\":", fraction(self.average, 3).text(), b"}}}}"], None);
        if self.bad != Some(Bad::MissingCreatedAt) {
            put(&[b",\"createdAt\":{\"timestampValue\":\"", &timestamp, b"\"}"], None);
        }
        put(&[b"}"], None);
        if form.update_time {
            put(&[b",\"updateTime\":\"", &timestamp, b"\""], None);
        }
        put(&[b"}"], None);
    }
}

/// The decimal digits of a number, at the end of `buffer`.
fn decimal(buffer: &mut [u8; 20], mut number: u64) -> &[u8] {
    let mut begin = buffer.len();
    for (index, digit) in buffer.iter_mut().enumerate().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        begin = index;
        if number == 0 {
            break;
        }
    }
    buffer.get(begin..).unwrap_or_default()
}

/// A decimal fraction as text: `0.95`, `1.0`.
struct Fraction {
    text: [u8; 16],
    length: usize,
}

impl Fraction {
    fn text(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }
}

fn fraction(value: u32, places: u32) -> Fraction {
    let one = 10_u32.pow(places);
    let mut digits = [0; 20];
    let whole = decimal(&mut digits, u64::from(value / one));
    let mut text = [b'0'; 16];
    let mut length = 0;
    for byte in whole.iter().chain(b".") {
        if let Some(place) = text.get_mut(length) {
            *place = *byte;
        }
        length += 1;
    }
    let (mut rest, mut unit) = (value % one, one);
    // At least one digit, then as many as are not zero.
    loop {
        unit /= 10;
        if let Some(place) = text.get_mut(length) {
            *place = b'0' + u8::try_from(rest / unit).unwrap_or_default();
        }
        length += 1;
        rest %= unit;
        if rest == 0 {
            return Fraction { text, length };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, Value};

    impl Report {
        /// What the hand-written forms are held against.
        fn document(&self) -> Document {
            let timestamp = String::from_utf8_lossy(&self.timestamp()).into_owned();
            let score =
                if self.bad == Some(Bad::WrongType) { Value::text("high") } else { Value::Double(self.score()) };
            let metrics = Value::map([
                ("overallScore", score),
                ("coverage", Value::Double(self.coverage())),
                ("gaps", Value::Integer(i64::from(self.gaps))),
                ("overlaps", Value::Integer(i64::from(self.overlaps))),
                ("avgDur", Value::Double(self.average())),
            ]);
            let path = format!("teams/T{}/reports/R{}/qualityReports/{timestamp}", self.team, self.report);
            let document = Document::new(&path).with("metrics", metrics);
            if self.bad == Some(Bad::MissingCreatedAt) {
                return document;
            }
            document.with("createdAt", Value::Timestamp(self.seconds * MICROS))
        }
    }

    #[test]
    fn both_forms_are_the_document() {
        let spec = Spec { bad: 0.5, ..Spec::default() };
        let reports = Reports::new(&spec);
        let form = Form { update_time: false, integer_strings: true, ..Form::default() };
        let mut seen = Vec::new();
        for index in (0..500).chain([99_999_999]) {
            let report = reports.at(index);
            seen.push(report.bad);
            let document = report.document();
            let (mut binary, mut json) = (Vec::new(), Vec::new());
            report.encode(&mut binary);
            assert_eq!(binary, document.encode());
            report.json(&form, &mut json);
            // The REST form has no fraction where it is zero.
            let json = String::from_utf8(json).unwrap().replace(".000000Z\"}}", "Z\"}}");
            assert_eq!(json, document.rest());
        }
        for kind in Bad::ALL {
            assert!(seen.contains(&Some(kind)) && seen.contains(&None), "{kind:?}");
        }
    }

    #[test]
    fn fractions_are_their_doubles() {
        for value in 0..20_001 {
            let text = fraction(value, 4);
            let read: f64 = std::str::from_utf8(text.text()).unwrap().parse().unwrap();
            assert_eq!(read.to_bits(), (f64::from(value) / 10_000.0).to_bits());
        }
        assert_eq!(fraction(10_000, 4).text(), b"1.0");
        assert_eq!(fraction(9_500, 4).text(), b"0.95");
        assert_eq!(fraction(5, 3).text(), b"0.005");
    }
}
