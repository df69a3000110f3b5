//! Records: sealed by both providers alike, then damaged and opened by both.

use super::script::Script;
use super::{ours, ring};
use rustls::crypto::CryptoProvider;
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, Iv, MessageDecrypter, MessageEncrypter, OutboundChunks,
    OutboundPlainMessage,
};
use rustls::{CipherSuite, ContentType, Error, ProtocolVersion, Side, SupportedCipherSuite, quic};
use std::sync::{Mutex, PoisonError};

/// A little more than the longest plaintext, with padding (RFC 8446 section 5.2).
const MOST: usize = (1 << 14) + 300;

/// What a record says of itself, in the order of the associated data.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Head {
    sequence: u64,
    kind: ContentType,
    version: ProtocolVersion,
}

/// What is in a record.
type Opened = Result<(ContentType, ProtocolVersion, Vec<u8>), Error>;

pub(crate) fn run(script: &mut Script<'_>) {
    let name = script.choose(&ours().cipher_suites).suite();
    let (ours, ring) = (find(ours(), name), find(ring(), name));
    let is_tls13 = matches!(ours, SupportedCipherSuite::Tls13(_));
    let seed: [u8; 4] = script.array();
    let head = head(script);
    let plaintext = plaintext(script);

    let record = seal(ours, &seed, head, &plaintext, script.number());
    let theirs = seal(ring, &seed, head, &plaintext, 0);
    assert!(record == theirs, "{name:?}: they seal in two ways");

    let mut damaged = record.clone();
    script.damage(&mut damaged);
    let mut said = head;
    for _ in 0..script.byte() % 2 {
        match script.byte() % 4 {
            0 => said.kind = script.byte().into(),
            1 => said.version = u16::from_be_bytes(script.array()).into(),
            _ => said.sequence ^= 1 << (script.byte() % 64),
        }
    }
    let opened = open(ours, &seed, said, damaged.clone());
    let theirs = open(ring, &seed, said, damaged.clone());
    assert_eq!(opened, theirs, "{name:?}");

    let is_same = match is_tls13 {
        // The outer type and version are not authenticated.
        true => said.sequence == head.sequence,
        false => said == head,
    };
    if !is_same || damaged != record {
        assert_eq!(opened, Err(Error::DecryptError), "{name:?}");
    } else if plaintext.len() <= 1 << 14 && head.kind != ContentType::ChangeCipherSpec {
        let version = match is_tls13 {
            true => ProtocolVersion::TLSv1_3,
            false => head.version,
        };
        // A type of zero is what pads.
        if !is_tls13 || u8::from(head.kind) != 0 {
            assert_eq!(opened, Ok((head.kind, version, plaintext)), "{name:?}");
        }
    }
}

fn find(provider: &CryptoProvider, name: CipherSuite) -> SupportedCipherSuite {
    let mut suites = provider.cipher_suites.iter().copied();
    suites
        .find(|suite| suite.suite() == name)
        .expect("both have it")
}

fn head(script: &mut Script<'_>) -> Head {
    let sequence = match script.byte() % 4 {
        0 => u64::MAX - u64::from(script.byte()),
        1 => u64::from_be_bytes(script.array()),
        _ => script.byte().into(),
    };
    let kind = match script.byte() % 8 {
        0 => script.byte().into(),
        kind => ContentType::from(20 + kind % 4),
    };
    let version = match script.byte() % 8 {
        0 => u16::from_be_bytes(script.array()).into(),
        _ => ProtocolVersion::TLSv1_2,
    };
    Head {
        sequence,
        kind,
        version,
    }
}

/// Some bytes of the script and as many more as it likes, often zeros.
fn plaintext(script: &mut Script<'_>) -> Vec<u8> {
    let len = usize::from(script.byte() % 32);
    let mut plaintext = script.bytes(len).to_vec();
    let more = script.byte();
    let len = match more % 8 {
        0 => MOST - usize::from(more),
        1 => (1 << 14) - 2 + usize::from(more >> 6),
        _ => script.len(),
    };
    plaintext.resize(len.min(MOST), more >> 3 & 1);
    plaintext
}

/// A record without its header; ours are made of two pieces, cut at `cut`.
fn seal(
    suite: SupportedCipherSuite,
    seed: &[u8],
    head: Head,
    plaintext: &[u8],
    cut: usize,
) -> Vec<u8> {
    let mut encrypter = encrypter(suite, seed);
    let (start, end) = plaintext.split_at(cut.min(plaintext.len()));
    let pieces = [start, end];
    let message = OutboundPlainMessage {
        typ: head.kind,
        version: head.version,
        payload: OutboundChunks::new(&pieces),
    };
    let record = encrypter.encrypt(message, head.sequence).expect("it fits");
    let outer = match suite {
        SupportedCipherSuite::Tls13(_) => (ContentType::ApplicationData, ProtocolVersion::TLSv1_2),
        SupportedCipherSuite::Tls12(_) => (head.kind, head.version),
    };
    assert_eq!((record.typ, record.version), outer);
    let record = record.encode().split_off(5);
    assert_eq!(
        record.len(),
        encrypter.encrypted_payload_len(plaintext.len())
    );
    record
}

fn open(suite: SupportedCipherSuite, seed: &[u8], head: Head, mut record: Vec<u8>) -> Opened {
    let message = InboundOpaqueMessage::new(head.kind, head.version, &mut record);
    let opened = decrypter(suite, seed).decrypt(message, head.sequence)?;
    Ok((opened.typ, opened.version, opened.payload.to_vec()))
}

fn encrypter(suite: SupportedCipherSuite, seed: &[u8]) -> Box<dyn MessageEncrypter> {
    match suite {
        SupportedCipherSuite::Tls13(suite) => {
            let (key, iv) = key(suite.aead_alg.key_len(), seed);
            suite.aead_alg.encrypter(key, iv)
        }
        SupportedCipherSuite::Tls12(suite) => {
            let shape = suite.aead_alg.key_block_shape();
            let (key, iv) = key(shape.enc_key_len, seed);
            let (salt, explicit) = iv.as_ref().split_at(shape.fixed_iv_len);
            assert_eq!(explicit.len(), shape.explicit_nonce_len);
            suite.aead_alg.encrypter(key, salt, explicit)
        }
    }
}

fn decrypter(suite: SupportedCipherSuite, seed: &[u8]) -> Box<dyn MessageDecrypter> {
    match suite {
        SupportedCipherSuite::Tls13(suite) => {
            let (key, iv) = key(suite.aead_alg.key_len(), seed);
            suite.aead_alg.decrypter(key, iv)
        }
        SupportedCipherSuite::Tls12(suite) => {
            let shape = suite.aead_alg.key_block_shape();
            let (key, iv) = key(shape.enc_key_len, seed);
            suite
                .aead_alg
                .decrypter(key, &iv.as_ref()[..shape.fixed_iv_len])
        }
    }
}

/// A key by `seed`. rustls alone makes those that are not of 32 bytes, so it
/// makes them as for QUIC, where everybody can ask for some.
fn key(len: usize, seed: &[u8]) -> (AeadKey, Iv) {
    static LENGTHS: [Caught; 2] = [Caught::new(16), Caught::new(32)];
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let suite = find(ring(), CipherSuite::TLS13_AES_128_GCM_SHA256);
    let suite = suite.tls13().expect("it is one of TLS 1.3");
    let mut lengths = LENGTHS.iter();
    let caught = lengths.find(|caught| caught.len == len);
    let caught = caught.expect("keys are of 16 or 32 bytes");
    quic::Keys::initial(quic::Version::V1, suite, caught, seed, Side::Client);
    let mut key = caught.key.lock().unwrap_or_else(PoisonError::into_inner);
    key.take().expect("it was made")
}

/// An algorithm that keeps the last key that it is given.
struct Caught {
    len: usize,
    key: Mutex<Option<(AeadKey, Iv)>>,
}

impl Caught {
    const fn new(len: usize) -> Self {
        let key = Mutex::new(None);
        Self { len, key }
    }
}

impl quic::Algorithm for Caught {
    fn packet_key(&self, key: AeadKey, iv: Iv) -> Box<dyn quic::PacketKey> {
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = Some((key, iv));
        Box::new(Unused)
    }

    fn header_protection_key(&self, _: AeadKey) -> Box<dyn quic::HeaderProtectionKey> {
        Box::new(Unused)
    }

    fn aead_key_len(&self) -> usize {
        self.len
    }
}

/// What QUIC would have to do with a key.
struct Unused;

impl quic::PacketKey for Unused {
    fn encrypt_in_place(&self, _: u64, _: &[u8], _: &mut [u8]) -> Result<quic::Tag, Error> {
        Err(Error::EncryptError)
    }

    fn decrypt_in_place<'a>(&self, _: u64, _: &[u8], _: &'a mut [u8]) -> Result<&'a [u8], Error> {
        Err(Error::DecryptError)
    }

    fn tag_len(&self) -> usize {
        16
    }

    fn confidentiality_limit(&self) -> u64 {
        0
    }

    fn integrity_limit(&self) -> u64 {
        0
    }
}

impl quic::HeaderProtectionKey for Unused {
    fn encrypt_in_place(&self, _: &[u8], _: &mut u8, _: &mut [u8]) -> Result<(), Error> {
        Err(Error::EncryptError)
    }

    fn decrypt_in_place(&self, _: &[u8], _: &mut u8, _: &mut [u8]) -> Result<(), Error> {
        Err(Error::DecryptError)
    }

    fn sample_len(&self) -> usize {
        16
    }
}
