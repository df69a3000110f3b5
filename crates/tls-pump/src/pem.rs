//! What is given as PEM text beside roots: CRLs, and the client's certificate.

use crate::{Error, validity};
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::{ClientConfig, ConfigBuilder};
use std::sync::Arc;
use std::time::Duration;
use webpki::{CertRevocationList, OwnedCertRevocationList};
use zeroize::Zeroizing;

/// A CRL, and until when it is valid.
#[derive(Clone)]
pub(crate) struct Crl {
    pub(crate) list: Arc<CertRevocationList<'static>>,
    pub(crate) next_update: UnixTime,
}

impl Crl {
    /// Fails where it names `certificate`.
    pub(crate) fn does_not_revoke(
        &self,
        certificate: &webpki::Cert<'_>,
    ) -> Result<(), webpki::Error> {
        let is_of_issuer = self.list.issuer() == certificate.issuer();
        match is_of_issuer && self.list.find_serial(certificate.serial())?.is_some() {
            true => Err(webpki::Error::CertRevoked),
            false => Ok(()),
        }
    }
}

/// Adds those in `pem` to `crls`, of which no two may be of one issuer.
pub(crate) fn add_crls(crls: &mut Vec<Crl>, pem: &[u8]) -> Result<(), Error> {
    let invalid = |reason: String| Error::InvalidCrls { reason };
    let before = crls.len();
    for crl in CertificateRevocationListDer::pem_slice_iter(pem) {
        let crl = crl
            .map_err(|error| invalid(format!("the PEM text is damaged ({error}); get it again")))?;
        // Nothing is resumed by one whose date can't be read.
        let next_update = validity::next_update(&crl);
        let next_update = next_update.unwrap_or(UnixTime::since_unix_epoch(Duration::ZERO));
        let crl = OwnedCertRevocationList::from_der(&crl).map_err(|error| {
            invalid(format!(
                "one is damaged or of a kind that is not supported ({error:?}); get a complete CRL"
            ))
        })?;
        let crl = CertRevocationList::from(crl);
        // webpki would ask the first one only.
        let place = |crl: &CertRevocationList<'_>| {
            let part = crl.issuing_distribution_point().map(<[u8]>::to_vec);
            (crl.issuer().to_vec(), part)
        };
        if crls.iter().any(|other| place(&other.list) == place(&crl)) {
            let reason = "two are of one issuer; give the newest of each issuer only";
            return Err(invalid(reason.into()));
        }
        let list = Arc::new(crl);
        crls.push(Crl { list, next_update });
    }
    if crls.len() == before {
        return Err(invalid(
            "the PEM text holds no `BEGIN X509 CRL` block; convert it by `openssl crl -inform der`"
                .into(),
        ));
    }
    Ok(())
}

/// The client's certificate and its key.
#[derive(Clone)]
pub(crate) struct ClientCertificate {
    chain_pem: Vec<u8>,
    key_pem: Arc<Zeroizing<Vec<u8>>>,
    show: Show,
}

type Builder = ConfigBuilder<ClientConfig, WantsClientCert>;
type Show = fn(&ClientCertificate, Builder) -> Result<ClientConfig, Error>;

impl ClientCertificate {
    pub(crate) fn new(chain_pem: Vec<u8>, key_pem: Vec<u8>) -> Self {
        Self {
            chain_pem,
            key_pem: Arc::new(key_pem.into()),
            // By way of a pointer: who makes none does without what it calls.
            show: |certificate, builder| {
                let (chain, key) = certificate.parse()?;
                builder.with_client_auth_cert(chain, key).map_err(unusable)
            },
        }
    }

    /// A configuration that shows it.
    pub(crate) fn show(&self, builder: Builder) -> Result<ClientConfig, Error> {
        (self.show)(self, builder)
    }

    fn parse(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
        let invalid = |reason: &str| Error::InvalidClientCertificate {
            reason: reason.into(),
        };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.chain_pem).collect();
        let chain = chain.map_err(|_| invalid("its PEM text is damaged; export it again"))?;
        if chain.is_empty() {
            return Err(invalid("the PEM text holds no `BEGIN CERTIFICATE` block"));
        }
        // The parser's error could show a part of the key.
        let key = PrivateKeyDer::from_pem_slice(&self.key_pem).map_err(|_| {
            let has = |text: &[u8]| self.key_pem.windows(text.len()).any(|part| part == text);
            // PKCS#8's way, and the one before it.
            match has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED") {
                true => invalid("its key is encrypted; decrypt it by `openssl pkey -in key.pem`"),
                false => {
                    invalid("no private key can be read from its PEM text; export it in PKCS#8")
                }
            }
        })?;
        Ok((chain, key))
    }
}

fn unusable(error: rustls::Error) -> Error {
    let reason = match error {
        rustls::Error::InconsistentKeys(_) => {
            "the private key is not that of the certificate; give the key it was made with".into()
        }
        error => format!("the provider does not take its key ({error}); use ECDSA with P-256"),
    };
    Error::InvalidClientCertificate { reason }
}
