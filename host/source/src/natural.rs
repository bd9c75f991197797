//! The order of names: runs of digits count as numbers, so that `output-2` comes before `output-10`.

use std::cmp::Ordering;

/// Compares two `/`-separated names segment by segment, runs of ASCII digits by their value.
///
/// A total order: names that differ only in leading zeros are ordered by their bytes. It depends on neither
/// locale nor file system.
pub fn natural_cmp(a: &str, b: &str) -> Ordering {
    let mut left = a.split('/');
    let mut right = b.split('/');
    loop {
        match (left.next(), right.next()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(l), Some(r)) => match segment(l.as_bytes(), r.as_bytes()) {
                Ordering::Equal => {}
                unequal => return unequal,
            },
        }
    }
}

fn segment(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        match (a.split_first(), b.split_first()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some((x, _)), Some((y, _))) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (left, rest_a) = number(a);
                let (right, rest_b) = number(b);
                match left.len().cmp(&right.len()).then_with(|| left.cmp(right)) {
                    Ordering::Equal => (a, b) = (rest_a, rest_b),
                    unequal => return unequal,
                }
            }
            (Some((x, rest_a)), Some((y, rest_b))) => match x.cmp(y) {
                Ordering::Equal => (a, b) = (rest_a, rest_b),
                unequal => return unequal,
            },
        }
    }
}

/// The digits at the front without leading zeros, and what follows them.
fn number(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|b| !b.is_ascii_digit()).unwrap_or(bytes.len());
    let (digits, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
    let zeros = digits.iter().take_while(|b| **b == b'0').count();
    (digits.get(zeros..).unwrap_or_default(), rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_count_as_numbers() {
        let mut names = vec!["b/output-1", "a/output-10", "a/output-2", "a/output-0", "a-x/output-0", "a/output-02"];
        names.sort_by(|a, b| natural_cmp(a, b));
        assert_eq!(names, ["a/output-0", "a/output-02", "a/output-2", "a/output-10", "a-x/output-0", "b/output-1"]);
        assert_eq!(natural_cmp("x18446744073709551616", "x18446744073709551615"), Ordering::Greater);
    }

    proptest! {
        #[test]
        fn is_a_total_order(a in "[a0-2/-]{0,8}", b in "[a0-2/-]{0,8}", c in "[a0-2/-]{0,8}") {
            prop_assert_eq!(natural_cmp(&a, &b), natural_cmp(&b, &a).reverse());
            prop_assert_eq!(natural_cmp(&a, &b) == Ordering::Equal, a == b);
            if natural_cmp(&a, &b).is_le() && natural_cmp(&b, &c).is_le() {
                prop_assert!(natural_cmp(&a, &c).is_le());
            }
        }
    }
}
