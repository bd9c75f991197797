//! Names and values behind the `?` of an address.

use percent_encoding::percent_decode;

use super::condition::Conditions;
use super::refusal::Refusal;

/// Decoded names and values, as they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(crate) fn new(text: &str) -> Result<Self, Refusal> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode_form(name)?, decode_form(value)?))
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }

    /// The value of a name; nothing where it is not there or empty, which the service does not tell apart.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let number =
            |text: &str| text.parse().map_err(|_| Refusal::invalid(format!("Invalid value for {name}: {text}")));
        self.get(name).map(number).transpose()
    }

    pub(crate) fn conditions(&self) -> Result<Conditions, Refusal> {
        Ok(Conditions {
            generation_match: self.number("ifGenerationMatch")?,
            generation_not_match: self.number("ifGenerationNotMatch")?,
            metageneration_match: self.number("ifMetagenerationMatch")?,
            metageneration_not_match: self.number("ifMetagenerationNotMatch")?,
        })
    }
}

/// Decodes a part of a path, where `+` is itself.
pub(crate) fn decode(text: &str) -> Result<String, Refusal> {
    let decoded = percent_decode(text.as_bytes()).decode_utf8();
    decoded.map(|text| text.into_owned()).map_err(|_| Refusal::invalid("A name in the address is not UTF-8."))
}

fn decode_form(text: &str) -> Result<String, Refusal> {
    decode(&text.replace('+', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let parameters = Parameters::new("prefix=a%2Fb+c%2B&empty=&flag&ifGenerationMatch=0&n=x").unwrap();
        assert_eq!(parameters.get("prefix"), Some("a/b c+"));
        assert_eq!(parameters.get("empty"), None);
        assert_eq!(parameters.get("flag"), None);
        assert_eq!(parameters.conditions().unwrap().generation_match, Some(0));
        assert_eq!(parameters.number::<u32>("n").unwrap_err().status, 400);
        assert_eq!(Parameters::new("a=%ff").unwrap_err().status, 400);
        assert_eq!(decode("a+b%2B").unwrap(), "a+b+");
    }
}
