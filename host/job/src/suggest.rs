//! What somebody may have meant, and what is not to be shown.

/// The name that is nearest to one that is not there, where one is near enough to be meant.
pub(crate) fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let far = |name: &str| strsim::damerau_levenshtein(&wrong, &name.to_lowercase());
    let near = names.into_iter().map(|name| (far(name), name)).min_by_key(|(distance, _)| *distance);
    let longest = |name: &str| name.chars().count().max(wrong.chars().count());
    near.filter(|(distance, name)| *distance * 3 <= longest(name)).map(|(_, name)| name)
}

/// A line with `…` in the place of the password of an address.
pub(crate) fn without_password(line: &str) -> String {
    let Some((scheme, rest)) = line.split_once("://") else { return line.to_owned() };
    let end = rest.find(['/', '?', '"', '\'', ' ']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@').map(|(who, host)| (who.split_once(':'), host)) {
        Some((Some((user, _)), host)) => format!("{scheme}://{user}:…@{host}{path}"),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_meant() {
        let names = ["on-conflict", "to", "workers"];
        for (wrong, meant) in
            [("on-conflct", Some("on-conflict")), ("Workers", Some("workers")), ("t", None), ("memory", None)]
        {
            assert_eq!(nearest(wrong, names), meant, "{wrong}");
        }
    }

    #[test]
    fn passwords_are_left_out() {
        assert_eq!(without_password("to = \"mysql://ann:s3cret@h/d\" # x"), "to = \"mysql://ann:…@h/d\" # x");
        for line in ["to = \"mysql://ann@h/d\"", "export = \"gs://bucket/a\"", "x"] {
            assert_eq!(without_password(line), line);
        }
    }
}
