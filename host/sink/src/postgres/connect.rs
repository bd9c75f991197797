//! A connection, and TLS as the address asks for it.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{Address, Verify};
use super::fault::Context;
use crate::{FaultKind, ServerFault, SinkError};

/// How long a connection that was lost has to say why.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// An open connection.
pub(super) struct Connection {
    pub(super) client: Client,
    /// What the connection ended with.
    end: Option<JoinHandle<Result<(), tokio_postgres::Error>>>,
}

impl Connection {
    pub(super) async fn open(address: &Address) -> Result<Self, SinkError> {
        let context = Context { place: &address.place };
        let fail = |e| context.connecting(address, &e);
        let (client, end) = if address.config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = address.config.connect(NoTls).await.map_err(fail)?;
            (client, tokio::spawn(connection))
        } else {
            let tls = MakeRustlsConnect::new(tls(address)?);
            let (client, connection) = address.config.connect(tls).await.map_err(fail)?;
            (client, tokio::spawn(connection))
        };
        Ok(Self { client, end: Some(end) })
    }

    /// The error for a call that failed: where the connection is gone, why it is.
    pub(super) async fn fault(&mut self, context: Context<'_>, doing: &str, error: tokio_postgres::Error) -> SinkError {
        if error.is_closed()
            && let Some(end) = self.end.take()
            && let Ok(Ok(Err(why))) = tokio::time::timeout(LAST_WORDS, end).await
        {
            return context.error(doing, &why);
        }
        context.error(doing, &error)
    }
}

fn tls(address: &Address) -> Result<ClientConfig, SinkError> {
    // Named, since other libraries of the program bring another, and rustls does not choose between two.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let fault = |what: String, remedy: &str| {
        SinkError::from(ServerFault {
            place: address.place.clone(),
            doing: "preparing an encrypted connection".into(),
            what,
            code: None,
            kind: FaultKind::Tls,
            remedy: remedy.into(),
        })
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| fault(e.to_string(), "Report this as a bug."))?;
    if address.verify == Verify::Nothing {
        let verifier = Arc::new(Unverified { provider });
        return Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth());
    }
    let mut roots = RootCertStore::empty();
    match &address.authorities {
        Some(file) => {
            let unreadable = |e: rustls::pki_types::pem::Error| {
                fault(
                    format!("the certificates of {} cannot be read: {e}", file.display()),
                    "Name a PEM file of certificates with sslrootcert=FILE.",
                )
            };
            for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
                roots.add(certificate.map_err(unreadable)?).map_err(|e| {
                    fault(
                        format!("a certificate of {} is not valid: {e}", file.display()),
                        "Name a PEM file of certificates with sslrootcert=FILE.",
                    )
                })?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(fault(
            "no authority is trusted here".into(),
            "Name a PEM file of certificates with sslrootcert=FILE.",
        ));
    }
    if address.verify == Verify::Host {
        return Ok(builder.with_root_certificates(roots).with_no_client_auth());
    }
    let verifier = Arc::new(ByAuthority { roots, provider });
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// Takes any certificate, as libpq does unless it is told to verify: the connection is encrypted, but with whom is not known.
#[derive(Debug)]
struct Unverified {
    provider: Arc<CryptoProvider>,
}

/// Takes a certificate of a trusted authority, whomever it is made out to.
#[derive(Debug)]
struct ByAuthority {
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
}

macro_rules! signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.provider.signature_verification_algorithms.supported_schemes()
        }
    };
}

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    signatures!();
}

impl ServerCertVerifier for ByAuthority {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(certificate)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, algorithms)?;
        Ok(ServerCertVerified::assertion())
    }

    signatures!();
}
