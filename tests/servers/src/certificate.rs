//! Certificates for servers that speak TLS.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// An authority, and a server's certificate for `localhost` (and not for 127.0.0.1), in files.
pub struct Certificates {
    pub(crate) folder: tempfile::TempDir,
}

impl Certificates {
    /// Makes new ones.
    pub fn new() -> Self {
        let folder = tempfile::TempDir::new().expect("a folder for certificates");
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "authority of a test");
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(authority, key).expect("a certificate");
        let key = KeyPair::generate().expect("a key");
        let server = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        let server = server.signed_by(&key, &authority).expect("a certificate");
        let files = Self { folder };
        std::fs::write(files.authority(), authority.pem()).expect("a certificate can be written");
        std::fs::write(files.certificate(), server.pem()).expect("a certificate can be written");
        std::fs::write(files.key(), key.serialize_pem()).expect("a key can be written");
        files
    }

    /// The authority's certificate, PEM: what a client has to trust.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// The server's certificate, PEM.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("server.pem")
    }

    /// The server's key, PEM.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("server.key")
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}
