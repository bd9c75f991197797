//! An object: its bytes, and what is known of them.

use std::collections::BTreeMap;
use std::time::SystemTime;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use md5::{Digest as _, Md5};

use super::refusal::Refusal;

/// What the writer of an object says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) content_type: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) cache_control: Option<String>,
    /// The writer's own names and values.
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Attributes {
    /// Whether the stored bytes are said to be compressed, which makes the service decompress them for some readers.
    pub(crate) fn is_gzip(&self) -> bool {
        self.content_encoding.as_deref() == Some("gzip")
    }
}

/// The checksums that the service keeps of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checksums {
    pub(crate) crc32c: u32,
    /// Objects that were composed of others have none.
    pub(crate) md5: Option<[u8; 16]>,
}

impl Checksums {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { crc32c: crc32c::crc32c(bytes), md5: Some(Md5::digest(bytes).into()) }
    }

    /// In base 64 of its four bytes, the first the highest, as the JSON form and the headers have it.
    pub(crate) fn crc32c_text(&self) -> String {
        BASE64_STANDARD.encode(self.crc32c.to_be_bytes())
    }

    pub(crate) fn md5_text(&self) -> Option<String> {
        self.md5.map(|md5| BASE64_STANDARD.encode(md5))
    }
}

/// What a writer says the checksums are, in base 64; nothing, where it does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) crc32c: Option<String>,
    pub(crate) md5: Option<String>,
}

impl Expected {
    /// What the header `x-goog-hash` says: `crc32c=…,md5=…`, in either order, either of them alone.
    pub(crate) fn of_header(value: &str) -> Self {
        let mut expected = Self::default();
        for (name, value) in value.split(',').filter_map(|part| part.trim().split_once('=')) {
            match name {
                "crc32c" => expected.crc32c = Some(value.to_owned()),
                "md5" => expected.md5 = Some(value.to_owned()),
                _ => {}
            }
        }
        expected
    }

    /// What both say together; `other` where it says something.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { crc32c: other.crc32c.or(self.crc32c), md5: other.md5.or(self.md5) }
    }

    /// Holds the bytes that came against what their writer said of them.
    pub(crate) fn check(&self, found: &Checksums) -> Result<(), Refusal> {
        let pairs = [
            ("CRC32C", &self.crc32c, found.crc32c_text()),
            ("MD5 hash", &self.md5, found.md5_text().unwrap_or_default()),
        ];
        for (kind, provided, calculated) in pairs {
            if let Some(provided) = provided.as_ref().filter(|p| **p != calculated) {
                return Err(Refusal::checksum(kind, provided, &calculated));
            }
        }
        Ok(())
    }
}

/// One generation of an object.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) name: String,
    /// Grows with every write to the bucket's store, and never comes back.
    pub(crate) generation: i64,
    pub(crate) metageneration: i64,
    pub(crate) created: SystemTime,
    pub(crate) attributes: Attributes,
    pub(crate) checksums: Checksums,
    pub(crate) bytes: Bytes,
}

/// Holds a name against the limits of the service: <https://cloud.google.com/storage/docs/objects#naming>.
pub(crate) fn check_name(name: &str) -> Result<(), Refusal> {
    let what = match name {
        "" => "is empty",
        "." | ".." => "is `.` or `..`",
        _ if name.len() > 1_024 => "is longer than 1024 bytes",
        _ if name.contains(['\r', '\n']) => "has a carriage return or a line feed in it",
        _ if name.starts_with(".well-known/acme-challenge/") => "begins with `.well-known/acme-challenge/`",
        _ => return Ok(()),
    };
    Err(Refusal::invalid(format!("Invalid object name: it {what}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_rfcs() {
        // Check values: RFC 3720 (CRC32C of 32 zeros is 0x8a9136aa), RFC 1321 (MD5 of "abc").
        assert_eq!(Checksums::of(&[0; 32]).crc32c, 0x8a91_36aa);
        assert_eq!(Checksums::of(&[0; 32]).crc32c_text(), "ipE2qg==");
        assert_eq!(Checksums::of(b"abc").md5_text().as_deref(), Some("kAFQmDzST7DWlj99KOF/cg=="));
    }

    #[test]
    fn a_checksum_that_is_wrong_is_refused() {
        let found = Checksums::of(&[0; 32]);
        assert_eq!(Expected::of_header("crc32c=ipE2qg==").check(&found), Ok(()));
        assert_eq!(Expected::default().check(&found), Ok(()));
        let refused = Expected::of_header("md5=AAAA, crc32c=ipE2qg==").check(&found).unwrap_err();
        assert_eq!(refused.status, 400);
        assert!(refused.message.contains("Provided MD5 hash \"AAAA\""), "{}", refused.message);
    }

    #[test]
    fn names_have_limits() {
        for good in ["a", "a/b", "/", "é", &"x".repeat(1_024), "..."] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "a\nb", "a\rb", &"x".repeat(1_025), ".well-known/acme-challenge/x"] {
            assert_eq!(check_name(bad).unwrap_err().status, 400, "{bad}");
        }
    }
}
