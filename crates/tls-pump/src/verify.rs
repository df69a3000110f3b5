//! The verifier: every policy, over `webpki`, which checks chains, names,
//! purposes and CRLs.

use crate::certificate::CertificateErrorKind;
use crate::pem::Crl;
use crate::{Policy, TlsaRecord, sessions, validity};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use sha2::{Digest as _, Sha256, Sha512};
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use webpki::{
    EndEntityCert, ExpirationPolicy, KeyUsage, RevocationCheckDepth, RevocationOptionsBuilder,
    UnknownStatusPolicy, VerifiedPath,
};

/// The DER of the algorithm `rsaEncryption` (RFC 8017 appendix A.1).
const RSA_ENCRYPTION: [u8; 11] = [
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
];

/// A SubjectPublicKeyInfo shorter than this has no room for an RSA modulus of
/// 2048 bits: 256 bytes, and at least 24 of headers, algorithm and exponent.
const RSA_2048_SPKI_LEN: usize = 280;

/// Why a certificate was refused.
pub(crate) struct Refusal {
    kind: CertificateErrorKind,
    /// Chosen for the alert that rustls sends by it.
    error: CertificateError,
}

thread_local! {
    /// The kind of the last refusal of this thread. rustls hands an error of a verifier on,
    /// but nothing beside it, and its errors are fewer than our kinds: several
    /// of these share one alert. The verifier runs inside the call of the
    /// connection that asks here right afterwards.
    static LAST: Cell<Option<CertificateErrorKind>> = const { Cell::new(None) };
}

/// The kind of the last refusal since the last call, if any.
pub(crate) fn take_refusal() -> Option<CertificateErrorKind> {
    LAST.take()
}

impl Refusal {
    /// Leaves its kind to [`take_refusal`].
    fn record(self) -> rustls::Error {
        LAST.set(Some(self.kind));
        self.error.into()
    }

    /// Whether all that is wrong is who issued the certificate and for what. Its dates
    /// are looked at before.
    fn is_of_path(&self) -> bool {
        use CertificateErrorKind as Kind;
        matches!(
            self.kind,
            Kind::CaUsedAsEndEntity
                | Kind::UnknownIssuer
                | Kind::SelfSigned
                | Kind::IncompleteChain
        )
    }

    /// One that no error of rustls says: to the peer it is an unspecified issue
    /// of its certificate (RFC 8446 section 6.2).
    fn of(kind: CertificateErrorKind) -> Self {
        let text = std::io::Error::other(kind.to_string());
        Self {
            kind,
            error: CertificateError::Other(OtherError(Arc::new(text))),
        }
    }
}

impl From<webpki::Error> for Refusal {
    fn from(error: webpki::Error) -> Self {
        let (kind, error) = CertificateErrorKind::sort(error);
        Self { kind, error }
    }
}

/// Checks the certificates of servers by a policy.
pub(crate) struct Verifier {
    pub(crate) policy: Arc<dyn Authenticate>,
    pub(crate) roots: Vec<TrustAnchor<'static>>,
    /// Servers' own certificates that are trusted.
    pub(crate) own: Vec<CertificateDer<'static>>,
    pub(crate) crls: Vec<Crl>,
    pub(crate) crl_depth: RevocationCheckDepth,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
}

// By hand: what is in it says nothing to anybody.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier")
    }
}

/// Refuses paths that would do otherwise.
type PathFilter<'f> = dyn Fn(&VerifiedPath<'_>) -> Result<(), webpki::Error> + 'f;

fn any_path(_: &VerifiedPath<'_>) -> Result<(), webpki::Error> {
    Ok(())
}

/// What a policy asks of a server, beside the signature over the handshake and
/// an RSA key of enough bits.
pub(crate) trait Authenticate: Send + Sync {
    /// Whether roots have a part in it.
    fn needs_roots(&self) -> bool;

    fn authenticate(&self, verifier: &Verifier, shown: &Shown<'_>) -> Result<(), Refusal>;
}

/// [`Policy::Full`] by itself, for programs that have no other.
pub(crate) struct Full;

impl Authenticate for Full {
    fn needs_roots(&self) -> bool {
        true
    }

    fn authenticate(&self, verifier: &Verifier, shown: &Shown<'_>) -> Result<(), Refusal> {
        match verifier.chain(shown, &verifier.roots, &any_path) {
            Err(refusal) if refusal.is_of_path() && verifier.own.contains(shown.der) => {
                shown.expires(validity::not_after(shown.der));
                // webpki looks at no CRL before it minds the path.
                verifier.crls.iter().try_for_each(|crl| {
                    shown.expires(Some(crl.next_update));
                    crl.does_not_revoke(&shown.leaf)
                })?;
                Ok(shown.leaf.verify_is_valid_for_subject_name(shown.name)?)
            }
            chain => chain,
        }
    }
}

impl Authenticate for Policy {
    fn needs_roots(&self) -> bool {
        Self::needs_roots(self)
    }

    fn authenticate(&self, verifier: &Verifier, shown: &Shown<'_>) -> Result<(), Refusal> {
        match self {
            Self::Full => Full.authenticate(verifier, shown),
            Self::PinnedSpki(pins) => {
                let key = shown.leaf.subject_public_key_info();
                let presented = Sha256::digest(&key).into();
                match pins.contains(&presented) {
                    true => Ok(()),
                    false => Err(Refusal::of(CertificateErrorKind::NotPinned { presented })),
                }
            }
            Self::Dane(records) => verifier.dane(shown, records),
            Self::Opportunistic => Ok(()),
        }
    }
}

/// What a server shows, and what is asked of it.
pub(crate) struct Shown<'a> {
    der: &'a CertificateDer<'a>,
    leaf: EndEntityCert<'a>,
    others: &'a [CertificateDer<'a>],
    name: &'a ServerName<'a>,
    now: UnixTime,
    /// Until when what is verified counts.
    until: Cell<UnixTime>,
}

impl Shown<'_> {
    /// It counts no longer than the path and the CRLs are valid. An anchor has no date.
    fn expires_with(&self, path: &VerifiedPath<'_>, crls: &[Crl]) {
        self.expires(validity::not_after(self.der));
        for issuer in path.intermediate_certificates() {
            self.expires(validity::not_after(&issuer.der()));
        }
        for crl in crls {
            self.expires(Some(crl.next_update));
        }
    }

    /// What can't be read counts for this connection alone.
    fn expires(&self, at: Option<UnixTime>) {
        self.until.set(self.until.get().min(at.unwrap_or(self.now)));
    }
}

impl Verifier {
    fn authenticate(&self, shown: &Shown<'_>) -> Result<(), Refusal> {
        self.policy.authenticate(self, shown)?;
        if is_weak(&shown.leaf.subject_public_key_info()) {
            return Err(Refusal::of(CertificateErrorKind::WeakKey));
        }
        Ok(())
    }

    /// A path from the peer's certificate to one of `anchors`, for the name
    /// asked for; `through` may refuse paths.
    fn chain(
        &self,
        shown: &Shown<'_>,
        anchors: &[TrustAnchor<'_>],
        through: &PathFilter<'_>,
    ) -> Result<(), Refusal> {
        let crls: Vec<_> = self.crls.iter().map(|crl| &*crl.list).collect();
        // It fails without any CRL: then nothing is checked.
        let revocation = RevocationOptionsBuilder::new(&crls).ok().map(|options| {
            options
                .with_depth(self.crl_depth)
                .with_status_policy(UnknownStatusPolicy::Deny)
                .with_expiration_policy(ExpirationPolicy::Enforce)
                .build()
        });
        let path = shown.leaf.verify_for_usage(
            self.algorithms.all,
            anchors,
            shown.others,
            shown.now,
            KeyUsage::server_auth(),
            revocation,
            Some(through),
        );
        let path = path.map_err(|error| explain(error.into(), shown, anchors))?;
        shown.expires_with(&path, &self.crls);
        Ok(shown.leaf.verify_is_valid_for_subject_name(shown.name)?)
    }

    /// RFC 6698 section 2.1.1, RFC 7671 section 5. Records of one usage are
    /// tried together: who made the chain may have made them too, and webpki's
    /// limit of work is one for each call.
    fn dane(&self, shown: &Shown<'_>, records: &[TlsaRecord]) -> Result<(), Refusal> {
        let of = |usage| records.iter().filter(move |record| record.usage == usage);
        let key = shown.leaf.subject_public_key_info();
        let leaf_matches = |usage| of(usage).any(|record| matches(record, shown.der, &key));
        if leaf_matches(3) {
            return Ok(());
        }
        let mut refused = None;
        let mut accepted = |result: Result<(), Refusal>| {
            let refusal = result.err();
            let is_accepted = refusal.is_none();
            refused = refused.take().or(refusal);
            is_accepted
        };
        let issuers: Vec<_> = of(2)
            .flat_map(|record| matching_anchors(record, shown))
            .collect();
        let done = !issuers.is_empty() && accepted(self.chain(shown, &issuers, &any_path))
            || leaf_matches(1) && accepted(self.chain(shown, &self.roots, &any_path))
            || of(0).next().is_some() && accepted(self.chain_through(of(0), shown));
        match done {
            true => Ok(()),
            false => Err(refused.unwrap_or_else(|| Refusal::of(CertificateErrorKind::NoTlsaMatch))),
        }
    }

    /// A path to a root through an issuer that one of `records` matches.
    fn chain_through<'r>(
        &self,
        records: impl Iterator<Item = &'r TlsaRecord> + Clone,
        shown: &Shown<'_>,
    ) -> Result<(), Refusal> {
        let leads_elsewhere = Cell::new(false);
        let through = |path: &VerifiedPath<'_>| {
            let leads_through = records.clone().any(|record| leads_through(record, path));
            leads_elsewhere.set(!leads_through);
            match leads_through {
                true => Ok(()),
                false => Err(webpki::Error::UnknownIssuer),
            }
        };
        let chain = self.chain(shown, &self.roots, &through);
        match leads_elsewhere.get() {
            true => Err(Refusal::of(CertificateErrorKind::NoTlsaMatch)),
            false => chain,
        }
    }
}

/// Finds the cause that an error of the chain does not name.
fn explain(mut refusal: Refusal, shown: &Shown<'_>, anchors: &[TrustAnchor<'_>]) -> Refusal {
    use CertificateErrorKind as Kind;
    let leaf = &shown.leaf;
    let others = || shown.others.iter().flat_map(EndEntityCert::try_from);
    match refusal.kind {
        Kind::UnknownIssuer | Kind::CaUsedAsEndEntity if leaf.issuer() == leaf.subject() => {
            let key = leaf.subject_public_key_info();
            // What is trusted is not refused for being its own issuer.
            if !anchors
                .iter()
                .any(|anchor| webpki::spki_for_anchor(anchor) == key)
            {
                refusal = Refusal {
                    kind: Kind::SelfSigned,
                    error: CertificateError::UnknownIssuer,
                };
            }
        }
        Kind::UnknownIssuer if !others().any(|other| other.subject() == leaf.issuer()) => {
            refusal.kind = Kind::IncompleteChain;
        }
        // No signature by such a key is looked at.
        Kind::BadSignature if others().any(|other| is_weak(&other.subject_public_key_info())) => {
            return Refusal::of(Kind::WeakKey);
        }
        Kind::BadSignature => {
            let is_issuer = |anchor: &&TrustAnchor<'_>| {
                let named = |certificate: &EndEntityCert<'_>| {
                    certificate.issuer() == anchor.subject.as_ref()
                };
                named(leaf) || others().any(|other| named(&other))
            };
            let mut issuers = anchors.iter().filter(is_issuer);
            if issuers.any(|anchor| is_weak(&webpki::spki_for_anchor(anchor))) {
                return Refusal::of(Kind::WeakKey);
            }
        }
        _ => {}
    }
    refusal
}

/// Whether a SubjectPublicKeyInfo is an RSA key that can't have 2048 bits.
fn is_weak(spki: &[u8]) -> bool {
    let is_rsa = |header: &[u8]| {
        header
            .windows(RSA_ENCRYPTION.len())
            .any(|oid| oid == RSA_ENCRYPTION)
    };
    // Two sequences are opened before the algorithm.
    spki.len() < RSA_2048_SPKI_LEN && spki.get(..24).is_some_and(is_rsa)
}

fn matches(record: &TlsaRecord, certificate: &[u8], spki: &[u8]) -> bool {
    let selected = match record.selector {
        0 => certificate,
        _ => spki,
    };
    match record.matching_type {
        0 => record.data == selected,
        1 => record.data == Sha256::digest(selected).as_slice(),
        _ => record.data == Sha512::digest(selected).as_slice(),
    }
}

/// Whether one of the issuers in `path` matches. Of a root that the server did
/// not send only the key is known.
fn leads_through(record: &TlsaRecord, path: &VerifiedPath<'_>) -> bool {
    let by_root = || matches(record, &[], &webpki::spki_for_anchor(path.anchor()));
    path.intermediate_certificates()
        .any(|issuer| matches(record, &issuer.der(), &issuer.subject_public_key_info()))
        || record.selector == 1 && by_root()
}

/// The issuers that the server sent and `record` matches, and the one that
/// stands in it.
fn matching_anchors<'a>(record: &'a TlsaRecord, shown: &Shown<'a>) -> Vec<TrustAnchor<'static>> {
    let is_certificate = (record.selector, record.matching_type) == (0, 0);
    let own = is_certificate.then(|| CertificateDer::from(record.data.as_slice()));
    let sent = shown.others.iter().filter(|der| {
        EndEntityCert::try_from(*der)
            .is_ok_and(|other| matches(record, der, &other.subject_public_key_info()))
    });
    sent.chain(own.as_ref())
        .filter_map(|der| Some(webpki::anchor_from_trusted_cert(der).ok()?.to_owned()))
        .collect()
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        // OCSP is not looked at; CRLs are the only way to revoke.
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let leaf = EndEntityCert::try_from(end_entity).map_err(|e| Refusal::from(e).record())?;
        let shown = Shown {
            der: end_entity,
            leaf,
            others: intermediates,
            name: server_name,
            now,
            until: Cell::new(sessions::longest(now)),
        };
        match self.authenticate(&shown) {
            Ok(()) => {
                sessions::verified(shown.until.get());
                Ok(ServerCertVerified::assertion())
            }
            Err(refusal) => Err(refusal.record()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
