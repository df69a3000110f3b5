//! Private keys in PKCS#8 (RFC 5958), SEC1 (RFC 5915) and PKCS#1.

use super::der::{BIT_STRING, INTEGER, OCTET_STRING, SEQUENCE, Writer};
use super::script::Script;
use super::{curve, ours, ring};
use ::ring::signature::{Ed25519KeyPair, KeyPair as _};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use rustls::sign::SigningKey;
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use std::sync::Arc;

/// Object identifiers in DER.
const EC: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x22];
const ED25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x70];
const RSA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];

/// The tags of optional fields; the last is that of a field which is a bit
/// string under this name.
const FIRST: u8 = 0xa0;
const SECOND: u8 = 0xa1;
const SECOND_BITS: u8 = 0x81;

/// More bytes than a key needs: larger ones are not read.
const MOST: usize = 1024;

const SCHEMES: [SignatureScheme; 3] = [
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ED25519,
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Pkcs1,
    Pkcs8,
    Sec1,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    P256,
    P384,
    Ed25519,
}

/// A key to write down.
struct Key {
    kind: Kind,
    secret: Vec<u8>,
    /// `None` when there is none to this secret.
    public: Option<Vec<u8>>,
    /// The public key to write beside the secret, if any: its own, mostly.
    beside: Option<Vec<u8>>,
}

impl Key {
    /// Whether it is to be taken, where that is certain.
    fn is_fit(&self) -> Option<bool> {
        let Some(public) = &self.public else {
            // One of the other curve's length may be taken for its secret.
            let is_others = self.kind == Kind::P384 && self.secret.len() == 32
                || self.kind == Kind::P256 && self.secret.len() == 48;
            return (!is_others).then_some(false);
        };
        match &self.beside {
            None => Some(true),
            Some(beside) if beside == public => Some(true),
            // A compressed one, which may be read.
            Some(beside) if beside.len() == self.secret.len() + 1 => None,
            Some(_) => Some(false),
        }
    }
}

pub(crate) fn run(script: &mut Script<'_>) {
    let key = key(script);
    let mut format = match key.kind {
        Kind::Ed25519 => Format::Pkcs8,
        _ => script.choose(&[Format::Pkcs8, Format::Sec1]),
    };
    let mut writer = Writer::new(script);
    let mut der = match (key.kind, format) {
        (Kind::Ed25519, _) => ed25519(&key, &mut writer),
        (_, Format::Sec1) => sec1(&key, &mut writer),
        _ => pkcs8(&key, &mut writer),
    };
    let mut expected = key.is_fit().filter(|_| writer.right);
    if script.rarely() {
        expected = None;
        format = script.choose(&[Format::Pkcs1, Format::Pkcs8, Format::Sec1]);
    }
    let is_taken = judge(format, &der, &key);
    if let Some(expected) = expected {
        assert_eq!(is_taken, expected && der.len() <= MOST, "of {der:02x?}");
    }
    script.damage(&mut der);
    judge(format, &der, &key);
}

fn key(script: &mut Script<'_>) -> Key {
    let kind = script.choose(&[Kind::P256, Kind::P384, Kind::Ed25519]);
    let len = if kind == Kind::P384 { 48 } else { 32 };
    let mut secret = vec![7; len];
    match script.byte() % 8 {
        0 => secret = vec![0; len],
        1 => {
            // About the group's order, where keys end.
            secret = match kind {
                Kind::P384 => curve::last::<p384::NistP384>(),
                _ => curve::last::<p256::NistP256>(),
            };
            curve::add(&mut secret, script.byte().into());
        }
        2 => {
            let chosen = script.bytes(len);
            secret[..chosen.len()].copy_from_slice(chosen);
        }
        _ => {}
    }
    if script.rarely() {
        script.damage(&mut secret);
    }
    let public = match kind {
        Kind::P256 => p256::SecretKey::from_slice(&secret)
            .ok()
            .map(|key| key.public_key().to_sec1_point(false).as_bytes().to_vec()),
        Kind::P384 => p384::SecretKey::from_slice(&secret)
            .ok()
            .map(|key| key.public_key().to_sec1_point(false).as_bytes().to_vec()),
        Kind::Ed25519 => Ed25519KeyPair::from_seed_unchecked(&secret)
            .ok()
            .map(|key| key.public_key().as_ref().to_vec()),
    };
    // The crates of the curves take shorter ones, but RFC 5915 has none.
    let public = public.filter(|_| secret.len() == len);
    let beside = (script.byte() & 1 != 0).then(|| {
        let mut beside = public.clone().unwrap_or_default();
        if script.rarely() {
            script.damage(&mut beside);
        }
        if script.rarely() && kind != Kind::Ed25519 && !beside.is_empty() {
            curve::compress(&mut beside);
        }
        beside
    });
    Key {
        kind,
        secret,
        public,
        beside,
    }
}

fn oid(kind: Kind) -> &'static [u8] {
    match kind {
        Kind::P256 => P256,
        Kind::P384 => P384,
        Kind::Ed25519 => ED25519,
    }
}

/// Another identifier than it should be, rarely.
fn some_oid(oid: &'static [u8], writer: &mut Writer<'_, '_>) -> &'static [u8] {
    match writer.script.rarely() {
        true => {
            let other = writer.script.choose(&[EC, P256, P384, ED25519, RSA]);
            writer.right &= other == oid;
            other
        }
        false => oid,
    }
}

/// A version other than it should be, rarely.
fn version(version: u8, writer: &mut Writer<'_, '_>) -> Vec<u8> {
    let version = match writer.script.rarely() {
        true => {
            writer.right = false;
            writer.script.byte()
        }
        false => version,
    };
    writer.value(INTEGER, &[&[version]])
}

fn sec1(key: &Key, writer: &mut Writer<'_, '_>) -> Vec<u8> {
    let version = version(1, writer);
    let secret = writer.value(OCTET_STRING, &[&key.secret]);
    let mut curve = Vec::new();
    if writer.script.byte() & 1 != 0 {
        let oid = some_oid(oid(key.kind), writer);
        curve = writer.value(FIRST, &[oid]);
    }
    let mut bits = Vec::new();
    if let Some(public) = &key.beside {
        bits = writer.bit_string(public);
        bits = writer.value(SECOND, &[&bits]);
    }
    writer.value(SEQUENCE, &[&version, &secret, &curve, &bits])
}

/// Attributes, which nobody looks at; rarely there.
fn attributes(writer: &mut Writer<'_, '_>) -> Vec<u8> {
    match writer.script.rarely() {
        true => {
            let len = writer.script.len();
            let attribute = writer.value(SEQUENCE, &[ED25519, &vec![0; len]]);
            writer.value(FIRST, &[&attribute])
        }
        false => Vec::new(),
    }
}

fn pkcs8(key: &Key, writer: &mut Writer<'_, '_>) -> Vec<u8> {
    let inner = sec1(key, writer);
    let version = version(0, writer);
    let (family, curve) = (some_oid(EC, writer), some_oid(oid(key.kind), writer));
    let algorithm = writer.value(SEQUENCE, &[family, curve]);
    let secret = writer.value(OCTET_STRING, &[&inner]);
    let attributes = attributes(writer);
    writer.value(SEQUENCE, &[&version, &algorithm, &secret, &attributes])
}

fn ed25519(key: &Key, writer: &mut Writer<'_, '_>) -> Vec<u8> {
    let version = version(key.beside.is_some().into(), writer);
    let oid = some_oid(ED25519, writer);
    let algorithm = writer.value(SEQUENCE, &[oid]);
    let inner = writer.value(OCTET_STRING, &[&key.secret]);
    let secret = writer.value(OCTET_STRING, &[&inner]);
    let attributes = attributes(writer);
    let mut bits = Vec::new();
    if let Some(public) = &key.beside {
        bits = match writer.script.rarely() {
            // `is_legacy`.
            true => {
                writer.right = false;
                bits = writer.bit_string(public);
                writer.value(SECOND, &[&bits])
            }
            false => writer.value(SECOND_BITS, &[&[0], public]),
        };
    }
    writer.value(
        SEQUENCE,
        &[&version, &algorithm, &secret, &attributes, &bits],
    )
}

/// Whether we take the key.
fn judge(format: Format, der: &[u8], key: &Key) -> bool {
    let ours = load(ours(), format, der);
    let ring = load(ring(), format, der);
    match &ours {
        Ok(ours) => {
            hides(&format!("{ours:?}"), key);
            signs(&**ours);
        }
        Err(error) => hides(&format!("{error} {error:?}"), key),
    }
    let ring = ring.ok();
    // We sign by no RSA key, and say so.
    if let Some(ring) = ring.filter(|key| key.algorithm() != SignatureAlgorithm::RSA) {
        match &ours {
            Ok(ours) => {
                assert_eq!(ours.algorithm(), ring.algorithm());
                assert_eq!(ours.public_key(), ring.public_key());
            }
            Err(error) => assert!(
                is_legacy(der) || der.len() > MOST,
                "ring takes it, and we do not: {error}: {der:02x?}"
            ),
        }
    }
    ours.is_ok()
}

/// Whether a public key of Ed25519 is in it as ring wrote it before 0.17, in
/// another tag than RFC 5958 has: ring reads both.
fn is_legacy(der: &[u8]) -> bool {
    let mut parts = der.windows(5);
    parts.any(|part| part == [SECOND, 0x23, BIT_STRING, 0x21, 0])
}

fn load(
    provider: &CryptoProvider,
    format: Format,
    der: &[u8],
) -> Result<Arc<dyn SigningKey>, Error> {
    let der = der.to_vec();
    let key: PrivateKeyDer<'static> = match format {
        Format::Pkcs1 => PrivatePkcs1KeyDer::from(der).into(),
        Format::Pkcs8 => PrivatePkcs8KeyDer::from(der).into(),
        Format::Sec1 => PrivateSec1KeyDer::from(der).into(),
    };
    provider.key_provider.load_private_key(key)
}

/// What a key signs, ring verifies with the public key that it tells.
fn signs(key: &dyn SigningKey) {
    let signers = SCHEMES
        .iter()
        .filter_map(|scheme| key.choose_scheme(&[*scheme]));
    let signers: Vec<_> = signers.collect();
    let [signer] = &signers[..] else {
        panic!("it signs by {} schemes", signers.len());
    };
    let signature = signer.sign(b"a message").expect("there are random numbers");
    let algorithms = ring().signature_verification_algorithms.mapping.iter();
    let mut algorithms = algorithms.filter(|(scheme, _)| *scheme == signer.scheme());
    let (_, algorithms) = algorithms.next().expect("ring has it");
    let spki = key.public_key().expect("it has one");
    // The last field of the public key's information.
    let len = match signer.scheme() {
        SignatureScheme::ECDSA_NISTP256_SHA256 => 65,
        SignatureScheme::ECDSA_NISTP384_SHA384 => 97,
        _ => 32,
    };
    let public = &spki[spki.len() - len..];
    let verified = algorithms[0].verify_signature(public, b"a message", &signature);
    verified.expect("the signature is the key's");
}

/// Nothing of the secret is in `text`, in any way that bytes are shown.
fn hides(text: &str, key: &Key) {
    let text = text.to_lowercase();
    for bytes in key.secret.windows(4) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let list = format!("{bytes:?}");
        let list = list.trim_matches(['[', ']']);
        let hex_list = format!("{bytes:02x?}");
        let hex_list = hex_list.trim_matches(['[', ']']);
        assert!(
            ![&hex, list, hex_list]
                .iter()
                .any(|bytes| text.contains(*bytes)),
            "it shows the key: {text}"
        );
    }
}
