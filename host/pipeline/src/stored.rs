//! How counts are stored that are no JSON by themselves.

/// A [`FileCount`](gristmill_source::FileCount) as documents and bytes.
pub(crate) mod count {
    use gristmill_source::FileCount;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(count: &FileCount, out: S) -> Result<S::Ok, S::Error> {
        (count.documents, count.payload_bytes).serialize(out)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<FileCount, D::Error> {
        let (documents, payload_bytes) = <(u64, u64)>::deserialize(input)?;
        Ok(FileCount { documents, payload_bytes })
    }
}

/// Rules that rows break, as a list of validator, rule, whether it is an error, and count.
pub(crate) mod rules {
    use gristmill_plugin::Severity;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::verdicts::RuleCounts;

    pub(crate) fn serialize<S: Serializer>(rules: &RuleCounts, out: S) -> Result<S::Ok, S::Error> {
        let list = rules
            .iter()
            .map(|((validator, rule, severity), count)| (validator, rule, *severity == Severity::Error, count));
        out.collect_seq(list)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<RuleCounts, D::Error> {
        let list: Vec<(usize, String, bool, u64)> = Vec::deserialize(input)?;
        let severity = |is_error| if is_error { Severity::Error } else { Severity::Warning };
        Ok(list
            .into_iter()
            .map(|(validator, rule, error, count)| ((validator, rule, severity(error)), count))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use gristmill_plugin::Severity;
    use gristmill_source::FileCount;

    use crate::map::SplitTally;

    #[test]
    fn a_tally_comes_back() {
        let tally = SplitTally {
            count: FileCount { documents: 3, payload_bytes: u64::MAX },
            rules: [((1, "r".to_owned(), Severity::Error), 2), ((0, "r".to_owned(), Severity::Warning), 3)].into(),
            refusals: [("x".to_owned(), 1)].into(),
            first_refused: Some((9, "x".to_owned())),
            content: u128::MAX - 1,
            invalid: vec![0, 2],
            legacy_values: 4,
            ..SplitTally::default()
        };
        let text = serde_json::to_string(&tally).unwrap();
        let back: SplitTally = serde_json::from_str(&text).unwrap();
        assert_eq!(format!("{back:?}"), format!("{tally:?}"));
    }
}
