//! `gs://BUCKET/NAME`.

use std::fmt;
use std::str::FromStr;

/// A bucket, and the name or the prefix of objects in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The bucket's name.
    pub bucket: String,
    /// What comes after it, without the slash in between; may be empty.
    pub name: String,
}

impl Address {
    /// What an address begins with.
    pub const SCHEME: &'static str = "gs://";

    /// Whether a text is meant to be one.
    pub fn is_one(text: &str) -> bool {
        text.starts_with(Self::SCHEME)
    }

    /// The object of this name below the address: a slash stands in between.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        let prefix = self.name.trim_end_matches('/');
        let name = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        Self { bucket: self.bucket.clone(), name }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix(Self::SCHEME).ok_or("it does not begin with gs://")?;
        let (bucket, name) = rest.split_once('/').unwrap_or((rest, ""));
        // <https://cloud.google.com/storage/docs/buckets#naming>
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
        if !(3..=222).contains(&bucket.len()) || !bucket.bytes().all(plain) {
            return Err(format!("`{bucket}` is no name of a bucket"));
        }
        if name.len() > 1024 {
            return Err("a name of an object has 1024 bytes at most".to_owned());
        }
        Ok(Self { bucket: bucket.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}/{}", Self::SCHEME, self.bucket, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_are_taken_apart() {
        let address: Address = "gs://my-bucket/a/b c.json".parse().unwrap();
        assert_eq!((address.bucket.as_str(), address.name.as_str()), ("my-bucket", "a/b c.json"));
        assert_eq!(address.to_string(), "gs://my-bucket/a/b c.json");
        let bucket: Address = "gs://my-bucket".parse().unwrap();
        assert_eq!(bucket.below("x").name, "x");
        assert_eq!(address.below("x").name, "a/b c.json/x");
        for text in ["s3://bucket/a", "gs://", "gs:///a", "gs://Bucket/a", "gs://a b/c"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
