//! Whose certificate is good: that of one fingerprint, or one that a given authority has signed. There is no third way, and
//! the system's own authorities are not asked.

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use std::{fmt, sync::Arc};

/// What makes a server's certificate good.
#[derive(Clone)]
pub struct Trust(Option<Arc<ClientConfig>>);

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Trust" } else { "Trust(nobody)" })
    }
}

impl Trust {
    /// Nobody's: for plain connections only.
    pub fn nobody() -> Self {
        Self(None)
    }

    /// That of one fingerprint, whoever signed it and whatever name it carries. That the server has its key is verified.
    pub fn pinned(fingerprint: Fingerprint) -> Self {
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(Pin { fingerprint, provider: Arc::clone(&provider) });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .ok()
            .map(|builder| builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth());
        Self(config.map(Arc::new))
    }

    /// One that an authority has signed for the name that is asked for; `pem` holds the certificates of authorities.
    pub fn signed_by(pem: &[u8]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| error.to_string())?;
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        if roots.is_empty() {
            return Err("there is no certificate in it".to_owned());
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        Ok(Self(Some(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))))
    }

    pub(super) fn config(&self) -> Option<Arc<ClientConfig>> {
        self.0.clone()
    }
}

/// The SHA-256 of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// That of a certificate.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let suite = ring::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13()?;
        Some(Self(suite.common.hash_provider.hash(certificate).as_ref().try_into().ok()?))
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = String;

    /// 64 hex digits of either case, with or without colons.
    fn from_str(text: &str) -> Result<Self, String> {
        let digits: Vec<u8> = text.trim().bytes().filter(|b| *b != b':').collect();
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let values: Option<Vec<u8>> = digits.iter().map(digit).collect();
        let bytes: Option<Vec<u8>> = values
            .map(|values| values.chunks(2).map(|pair| pair.iter().fold(0, |high, low| high << 4 | low)).collect());
        let bytes = bytes.filter(|_| digits.len() == 64).and_then(|bytes| bytes.try_into().ok());
        bytes
            .map(Self)
            .ok_or_else(|| "expected the SHA-256 of a certificate: 64 hex digits, with or without colons".into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(n, byte)| match n {
            0 => write!(f, "{byte:02X}"),
            _ => write!(f, ":{byte:02X}"),
        })
    }
}

/// Another certificate than the one that was expected.
#[derive(Debug)]
pub(super) struct Other {
    /// The one that the server has.
    pub(super) found: Option<Fingerprint>,
}

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found {
            Some(found) => write!(f, "its certificate is another one, with the fingerprint {found}"),
            None => f.write_str("its certificate is another one"),
        }
    }
}

impl std::error::Error for Other {}

#[derive(Debug)]
struct Pin {
    fingerprint: Fingerprint,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = Fingerprint::of(end_entity);
        if found == Some(self.fingerprint) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Other { found })))))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
