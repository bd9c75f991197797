//! TLS as the address asks for it.

use mysql_async::SslOpts;
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::address::{Address, SslMode};
use super::fault::Context;
use crate::{FaultKind, SinkError};

const NAME_A_FILE: &str = "Name a PEM file of certificates with ssl-ca=FILE.";

/// The client's settings; `None` without TLS. `name`: made out to whom the certificate has to be, where it is not the host.
pub(super) fn options(address: &Address, name: Option<&str>) -> Result<Option<SslOpts>, SinkError> {
    if address.ssl_mode == SslMode::Disabled || address.socket.is_some() {
        return Ok(None);
    }
    // The client takes the provider of the process, and rustls does not choose one where libraries of the program bring two.
    if CryptoProvider::get_default().is_none() {
        // Another thread may have been faster.
        let _ = aws_lc_rs::default_provider().install_default();
    }
    if !address.ssl_mode.verifies() {
        return Ok(Some(SslOpts::default().with_danger_accept_invalid_certs(true)));
    }
    let roots = authorities(address)?.into_iter().map(|certificate| certificate.to_vec().into()).collect();
    let options = SslOpts::default().with_disable_built_in_roots(true).with_root_certs(roots);
    Ok(Some(options.with_danger_tls_hostname_override(name.map(str::to_owned))))
}

/// Certificates of the authorities that are trusted.
fn authorities(address: &Address) -> Result<Vec<CertificateDer<'static>>, SinkError> {
    let fault = |what: String| {
        let doing = "preparing an encrypted connection";
        Context { place: &address.place }.fault(doing, what, None, FaultKind::Tls, NAME_A_FILE.into())
    };
    let (mut roots, mut certificates) = (RootCertStore::empty(), Vec::new());
    match &address.authorities {
        Some(file) => {
            let unreadable = |e: rustls::pki_types::pem::Error| {
                fault(format!("the certificates of {} cannot be read: {e}", file.display()))
            };
            for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
                let certificate = certificate.map_err(unreadable)?;
                roots
                    .add(certificate.clone())
                    .map_err(|e| fault(format!("a certificate of {} is not valid: {e}", file.display())))?;
                certificates.push(certificate);
            }
        }
        None => {
            let native = rustls_native_certs::load_native_certs().certs;
            certificates.extend(native.into_iter().filter(|certificate| roots.add(certificate.clone()).is_ok()));
        }
    }
    if certificates.is_empty() { Err(fault("no authority is trusted here".into())) } else { Ok(certificates) }
}

/// A name that the certificate is made out to, where the only thing wrong with it is that it is not the host's. By it the
/// certificate passes for `VERIFY_CA`: the client has no way to leave the name out and to verify the rest.
pub(super) fn name_of_certificate(error: &mysql_async::Error) -> Option<String> {
    let mysql_async::Error::Io(mysql_async::IoError::Io(error)) = error else { return None };
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let rustls::Error::InvalidCertificate(rustls::CertificateError::NotValidForNameContext { presented, .. }) = error
    else {
        return None;
    };
    // As `DnsName("db.example")` or `IpAddress(10.0.0.1)`.
    presented.iter().find_map(|name| {
        let name = name.split_once('(')?.1.strip_suffix(')')?.trim_matches('"');
        Some(name.strip_prefix("*.").map_or_else(|| name.to_owned(), |rest| format!("any.{rest}")))
    })
}
