//! Encryption towards providers: the system's roots, and those that the settings add.

use std::error::Error;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;

/// What may go wrong while certificates are read.
pub(super) type TlsError = Box<dyn Error + Send + Sync>;

/// Trusts the system's roots and those in `pem`.
pub(super) fn client(pem: Option<&[u8]>) -> Result<ClientConfig, TlsError> {
    let pem = pem.unwrap_or_default();
    let roots: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>()?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(roots, Arc::clone(&provider))?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// Whether a handshake failed for what the other side showed, rather than for the line: a setting to be mended.
pub(super) fn is_of_certificates(e: &(dyn Error + 'static)) -> bool {
    // An I/O error names as its source not what it holds but the source of that.
    let held = e
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    e.is::<rustls::Error>()
        || held.is_some_and(|inner| is_of_certificates(inner))
        || e.source().is_some_and(is_of_certificates)
}
