//! Signatures, and one thing wrong with them: all have the same opinion.

use crate::differential::identity::KeyType;
use crate::differential::{Peer, has_rsa, ours, peers};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use rcgen::PublicKeyData as _;
use rustls::SignatureScheme;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use std::sync::LazyLock;

/// All by which a key of the type signs.
fn schemes(key_type: KeyType) -> &'static [SignatureScheme] {
    match key_type {
        KeyType::P256 => &[SignatureScheme::ECDSA_NISTP256_SHA256],
        KeyType::P384 => &[SignatureScheme::ECDSA_NISTP384_SHA384],
        KeyType::Ed25519 => &[SignatureScheme::ED25519],
        KeyType::Rsa => &[
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
        ],
    }
}

/// What a verifier is given.
#[derive(Clone, Debug)]
struct Signed {
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Signed {
    fn sign(
        provider: &CryptoProvider,
        key: &rcgen::KeyPair,
        scheme: SignatureScheme,
        message: &[u8],
    ) -> Self {
        let der = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let loaded = provider.key_provider.load_private_key(der).unwrap();
        let signer = loaded.choose_scheme(&[scheme]).unwrap();
        Self {
            key: key.der_bytes().to_vec(),
            message: message.to_vec(),
            signature: signer.sign(message).unwrap(),
        }
    }

    /// Whether it is good by all the algorithms that the scheme may stand for.
    fn judge(&self, provider: &CryptoProvider, scheme: SignatureScheme) -> Vec<bool> {
        let mut mapping = provider.signature_verification_algorithms.mapping.iter();
        let (_, algorithms) = mapping.find(|(name, _)| *name == scheme).unwrap();
        let verify = |algorithm: &&dyn rustls::pki_types::SignatureVerificationAlgorithm| {
            algorithm
                .verify_signature(&self.key, &self.message, &self.signature)
                .is_ok()
        };
        algorithms.iter().map(verify).collect()
    }

    /// Compares what all say; whether it is good by the first algorithm, which
    /// is the one of TLS 1.3.
    fn compare(&self, judges: &[Peer], scheme: SignatureScheme) -> bool {
        let ours = self.judge(&ours(), scheme);
        for judge in judges {
            let theirs = self.judge(&judge.provider, scheme);
            // Some have fewer algorithms than others.
            let len = ours.len().min(theirs.len());
            assert!(
                len > 0 && ours[..len] == theirs[..len],
                "{}, {scheme:?}: {ours:?}, {theirs:?}: {self:02x?}",
                judge.name
            );
        }
        ours[0]
    }
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Key,
    Message,
    Signature,
}

/// One byte of one part is another; or that byte is not there, or there twice.
#[derive(Clone, Debug)]
struct Fault {
    part: Part,
    at: Index,
    kind: FaultKind,
}

#[derive(Clone, Debug)]
enum FaultKind {
    Changed(u8),
    Left,
    Doubled,
}

impl Fault {
    fn any() -> impl Strategy<Value = Self> {
        let part = prop_oneof![Just(Part::Key), Just(Part::Message), Just(Part::Signature)];
        let kind = prop_oneof![
            6 => (1_u8..).prop_map(FaultKind::Changed),
            1 => Just(FaultKind::Left),
            1 => Just(FaultKind::Doubled),
        ];
        (part, any::<Index>(), kind).prop_map(|(part, at, kind)| Self { part, at, kind })
    }

    fn apply(&self, mut signed: Signed) -> Signed {
        let bytes = match self.part {
            Part::Key => &mut signed.key,
            Part::Message => &mut signed.message,
            Part::Signature => &mut signed.signature,
        };
        let at = self.at.index(bytes.len());
        match self.kind {
            FaultKind::Changed(difference) => bytes[at] ^= difference,
            FaultKind::Left => drop(bytes.remove(at)),
            FaultKind::Doubled => bytes.insert(at, bytes[at]),
        }
        signed
    }
}

/// One of each type, as RSA's take long to make.
static KEYS: LazyLock<[(KeyType, rcgen::KeyPair); 4]> = LazyLock::new(|| {
    [KeyType::P256, KeyType::P384, KeyType::Ed25519, KeyType::Rsa]
        .map(|key_type| (key_type, key_type.generate()))
});

/// Each scheme with each signer that has it, and all others that do as judges.
fn each(message: &[u8], test: impl Fn(&Signed, &[Peer], SignatureScheme)) {
    let mut count = 0;
    for (key_type, key) in &*KEYS {
        let mut judges = peers().to_vec();
        let mut signers: Vec<_> = peers().map(|peer| peer.provider).to_vec();
        match key_type {
            KeyType::Rsa => {
                judges.retain(|peer| has_rsa(&peer.provider));
                signers.retain(has_rsa);
            }
            _ => signers.push(ours()),
        }
        for scheme in schemes(*key_type) {
            for signer in &signers {
                let signed = Signed::sign(signer, key, *scheme, message);
                test(&signed, &judges, *scheme);
                count += judges.len();
            }
        }
    }
    // Three schemes with four signers and three judges; six with two of each.
    assert_eq!(count, 3 * 4 * 3 + 6 * 2 * 2);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 32,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn good_ones_are_good_for_all(message in vec(any::<u8>(), 0..300)) {
        each(&message, |signed, judges, scheme| assert!(signed.compare(judges, scheme)));
    }

    #[test]
    fn bad_ones_are_bad_for_all(
        message in vec(any::<u8>(), 1..300),
        faults in vec(Fault::any(), 10),
    ) {
        each(&message, |signed, judges, scheme| {
            for fault in &faults {
                let faulty = fault.apply(signed.clone());
                // Not even the same in another encoding is good.
                assert!(!faulty.compare(judges, scheme), "{fault:?}, {scheme:?}: {faulty:02x?}");
            }
        });
    }
}

/// Where we are stricter than the others, and say so: a key of order 1, by which
/// this holds for every message.
#[test]
fn ed25519_keys_of_small_order_only_we_and_our_like_refuse() {
    let one = [[1].as_slice(), &[0; 31]].concat();
    let signed = Signed {
        key: one.clone(),
        message: b"any".to_vec(),
        signature: [&one[..], &[0; 32]].concat(),
    };
    let verdicts = peers().map(|peer| signed.judge(&peer.provider, SignatureScheme::ED25519)[0]);
    assert_eq!(verdicts, [true, true, false]);
    assert!(!signed.judge(&ours(), SignatureScheme::ED25519)[0]);
}
