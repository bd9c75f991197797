//! A histogram of bounded size over values that come one by one: where they leave its range, its bars become twice as wide. Of
//! integers it does not depend on their order what it looks like in the end; of other numbers the first decides how narrow the bars may get.

use serde_json::{Value, json};

/// Bars at most.
const BARS: usize = 64;
/// The same, as bars are numbered.
const SPAN: i64 = 64;
/// Bars are no narrower than this power of two.
const NARROWEST: i32 = -1_000;

/// Counts of values by bars whose width is a power of two.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    /// The width of a bar is 2 to the power of this.
    exponent: i32,
    /// The first bar begins at this number of widths.
    first: i64,
    bars: [u64; BARS],
    is_empty: bool,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { exponent: 0, first: 0, bars: [0; BARS], is_empty: true }
    }
}

impl Histogram {
    pub(super) fn add_integer(&mut self, value: i64) {
        if self.is_empty {
            (self.first, self.is_empty) = (value, false);
        }
        // A shift by more than its width is that by its width.
        self.add(|exponent| value >> exponent.clamp(0, 63));
    }

    /// Values that are no numbers, or infinite, are not counted.
    pub(super) fn add_float(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        #[expect(clippy::cast_possible_truncation, reason = "it saturates, and then the bars are widened")]
        let at = |exponent: i32| (value * 2.0_f64.powi(-exponent)).floor() as i64;
        if self.is_empty {
            #[expect(clippy::cast_possible_truncation, reason = "an exponent")]
            let exponent = if value == 0.0 { 0 } else { value.abs().log2().floor() as i32 };
            self.exponent = (exponent - 40).max(NARROWEST);
            (self.first, self.is_empty) = (at(self.exponent), false);
        }
        self.add(at);
    }

    fn add(&mut self, at: impl Fn(i32) -> i64) {
        let mut bar = at(self.exponent);
        loop {
            let index = bar.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
            if let Some(count) = index.and_then(|index| self.bars.get_mut(index)) {
                *count += 1;
                return;
            }
            let (from, to) = self.used();
            let (from, to) = (from.min(bar), to.max(bar));
            if to.checked_sub(from).is_some_and(|span| span < SPAN) {
                self.lay_out(from, |bar| bar);
            } else {
                self.exponent += 1;
                self.lay_out(self.first >> 1, |bar| bar >> 1);
                bar = at(self.exponent);
            }
        }
    }

    /// The first and the last bar that have anything; the first where none has.
    fn used(&self) -> (i64, i64) {
        let number = |index: usize| self.first.saturating_add(i64::try_from(index).unwrap_or_default());
        let from = self.bars.iter().position(|n| *n > 0).map_or(self.first, number);
        let to = self.bars.iter().rposition(|n| *n > 0).map_or(from, number);
        (from, to)
    }

    /// Puts the bars where they belong when the first is another, or they are wider.
    fn lay_out(&mut self, first: i64, to: impl Fn(i64) -> i64) {
        let before = (self.first, std::mem::replace(&mut self.bars, [0; BARS]));
        self.first = first;
        for (index, count) in before.1.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            // No bar that has anything is beyond the numbers.
            let bar = i64::try_from(index).ok().and_then(|index| before.0.checked_add(index));
            let index = bar.and_then(|bar| usize::try_from(to(bar).checked_sub(first)?).ok());
            if let Some(sum) = index.and_then(|index| self.bars.get_mut(index)) {
                *sum += count;
            }
        }
    }

    /// `{"from": …, "width": …, "counts": […]}`; null where nothing was counted.
    pub(super) fn to_json(&self) -> Value {
        if self.is_empty {
            return Value::Null;
        }
        let (from, to) = self.used();
        let width = 2.0_f64.powi(self.exponent);
        #[expect(clippy::cast_precision_loss, reason = "where a bar is drawn")]
        let start = from as f64 * width;
        let skipped = usize::try_from(from - self.first).unwrap_or_default();
        let shown = usize::try_from(to - from + 1).unwrap_or_default();
        let counts: Vec<u64> = self.bars.iter().skip(skipped).take(shown).copied().collect();
        json!({ "from": start, "width": width, "counts": counts })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counts(histogram: &Histogram) -> Vec<u64> {
        serde_json::from_value(histogram.to_json()["counts"].clone()).unwrap()
    }

    proptest! {
        #[test]
        fn every_value_is_in_its_bar_whatever_the_order(mut values in proptest::collection::vec(any::<i64>().prop_map(|v| v >> (v & 63)), 1..200)) {
            let (mut one, mut two) = (Histogram::default(), Histogram::default());
            values.iter().for_each(|v| one.add_integer(*v));
            values.sort_unstable();
            values.iter().rev().for_each(|v| two.add_integer(*v));
            prop_assert_eq!(one.to_json(), two.to_json());
            let (from, counts) = (one.used().0, counts(&one));
            for (bar, count) in (from..).zip(&counts) {
                prop_assert_eq!(*count, values.iter().filter(|v| **v >> one.exponent == bar).count() as u64);
            }
            prop_assert_eq!(counts.iter().sum::<u64>(), values.len() as u64);
        }

        #[test]
        fn every_float_is_in_its_bar(values in proptest::collection::vec(any::<f64>(), 1..100)) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|v| histogram.add_float(*v));
            prop_assert_eq!(counts(&histogram).iter().sum::<u64>(), values.len() as u64);
        }
    }

    #[test]
    fn shares_have_round_bars() {
        let mut histogram = Histogram::default();
        (0..1_000).for_each(|n| histogram.add_float(f64::from(n) / 1_000.0));
        histogram.add_float(f64::NAN);
        let json = histogram.to_json();
        assert_eq!((json["from"].as_f64(), json["width"].as_f64()), (Some(0.0), Some(1.0 / 64.0)));
        assert_eq!(counts(&histogram).len(), 64);
        assert_eq!(Histogram::default().to_json(), Value::Null);
    }
}
