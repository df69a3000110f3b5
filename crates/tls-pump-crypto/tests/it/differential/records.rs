//! Records: each cipher has but one for a key, nonce and plaintext.

use crate::differential::keys::key;
use crate::differential::{ours, peers, suite, suites};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use rustls::crypto::cipher::{
    InboundOpaqueMessage, Iv, MessageDecrypter, MessageEncrypter, OutboundChunks,
    OutboundPlainMessage,
};
use rustls::{CipherSuite, ContentType, Error, ProtocolVersion, SupportedCipherSuite};

/// What a direction of a connection starts from; each cipher takes what it needs.
#[derive(Clone, Debug)]
struct Secrets {
    key: [u8; 32],
    iv: [u8; 12],
    #[cfg_attr(not(feature = "tls12"), expect(dead_code, reason = "TLS 1.2's"))]
    explicit: [u8; 8],
}

impl Secrets {
    fn any() -> impl Strategy<Value = Self> {
        any::<([u8; 32], [u8; 12], [u8; 8])>().prop_map(|(key, iv, explicit)| Self {
            key,
            iv,
            explicit,
        })
    }

    fn ends(&self, suite: SupportedCipherSuite) -> Ends {
        match suite {
            SupportedCipherSuite::Tls13(suite) => {
                let (aead, iv) = (suite.aead_alg, || Iv::from(self.iv));
                let key = || key(&self.key[..aead.key_len()]);
                Ends {
                    encrypter: aead.encrypter(key(), iv()),
                    decrypter: aead.decrypter(key(), iv()),
                }
            }
            #[cfg(feature = "tls12")]
            SupportedCipherSuite::Tls12(suite) => {
                let (aead, shape) = (suite.aead_alg, suite.aead_alg.key_block_shape());
                let key = || key(&self.key[..shape.enc_key_len]);
                let salt = &self.iv[..shape.fixed_iv_len];
                let explicit = &self.explicit[..shape.explicit_nonce_len];
                Ends {
                    encrypter: aead.encrypter(key(), salt, explicit),
                    decrypter: aead.decrypter(key(), salt),
                }
            }
            #[allow(unreachable_patterns, reason = "without the feature there is one")]
            _ => unreachable!(),
        }
    }
}

struct Ends {
    encrypter: Box<dyn MessageEncrypter>,
    decrypter: Box<dyn MessageDecrypter>,
}

impl Ends {
    /// The record. aws-lc-rs seals only with a higher `seq` than the one before.
    fn seal(&mut self, typ: ContentType, plaintext: &[u8], seq: u64) -> Vec<u8> {
        let message = OutboundPlainMessage {
            typ,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(plaintext),
        };
        let len = self.encrypter.encrypted_payload_len(plaintext.len());
        let record = self.encrypter.encrypt(message, seq).unwrap().encode();
        assert_eq!(record.len(), 5 + len);
        record
    }

    /// What is in such a record, as rustls would hand it on.
    fn open(&mut self, record: &[u8], seq: u64) -> Result<(ContentType, Vec<u8>), Error> {
        let mut payload = record[5..].to_vec();
        let (typ, version) = (record[0].into(), ProtocolVersion::TLSv1_2);
        let message = InboundOpaqueMessage::new(typ, version, &mut payload);
        let opened = self.decrypter.decrypt(message, seq)?;
        Ok((opened.typ, opened.payload.to_vec()))
    }
}

/// Ours and theirs, for each suite that both have.
fn each(secrets: &Secrets, test: impl Fn(CipherSuite, Ends, Ends)) {
    let count = peers().map(|peer| {
        let names = suites(&peer.provider);
        for name in &names {
            let ours = secrets.ends(suite(&ours(), *name));
            let theirs = secrets.ends(suite(&peer.provider, *name));
            test(*name, ours, theirs);
        }
        names.len()
    });
    let all = if cfg!(feature = "tls12") { 9 } else { 3 };
    assert_eq!(count, [all, all, 3]);
}

fn is_tls13(suite: CipherSuite) -> bool {
    // By the names' first byte (RFC 8446 section B.4).
    u16::from(suite) >> 8 == 0x13
}

fn content_type() -> impl Strategy<Value = ContentType> {
    prop_oneof![
        Just(ContentType::ApplicationData),
        Just(ContentType::Handshake),
        Just(ContentType::Alert),
    ]
}

/// With lengths from the one end of what is allowed to the other, and both of
/// the ends more often than by chance.
fn plaintext() -> impl Strategy<Value = Vec<u8>> {
    const MOST: usize = 1 << 14;
    prop_oneof![
        4 => vec(any::<u8>(), 0..=MOST),
        2 => vec(any::<u8>(), 0..=64),
        1 => vec(any::<u8>(), MOST),
        1 => vec(Just(0), 0..=64),
    ]
}

/// Mostly those that a connection reaches.
fn seq() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..1 << 24, any::<u64>()]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn they_are_the_same_bytes_and_each_opens_the_others(
        secrets in Secrets::any(),
        typ in content_type(),
        plaintext in plaintext(),
        seq in seq(),
    ) {
        each(&secrets, |suite, mut ours, mut theirs| {
            let sealed = ours.seal(typ, &plaintext, seq);
            assert!(sealed == theirs.seal(typ, &plaintext, seq), "{suite:?}");
            for end in [&mut ours, &mut theirs] {
                let (opened_typ, opened) = end.open(&sealed, seq).unwrap();
                assert!(opened_typ == typ && opened == plaintext, "{suite:?}");
            }
        });
    }

    #[test]
    fn what_was_changed_or_cut_both_refuse_alike(
        secrets in Secrets::any(),
        plaintext in vec(any::<u8>(), 0..200),
        seq in seq(),
        at in any::<Index>(),
        difference in 1_u8..,
    ) {
        each(&secrets, |suite, mut ours, mut theirs| {
            let sealed = ours.seal(ContentType::ApplicationData, &plaintext, seq);
            let at = 5 + at.index(sealed.len() - 5);
            let mut changed = sealed.clone();
            changed[at] ^= difference;
            for end in [&mut ours, &mut theirs] {
                let refused = Err(Error::DecryptError);
                assert_eq!(end.open(&changed, seq), refused, "{suite:?}, changed");
                assert_eq!(end.open(&sealed[..at], seq), refused, "{suite:?}, cut");
                assert_eq!(end.open(&sealed, seq ^ 1), refused, "{suite:?}, elsewhere");
            }
        });
    }

    /// TLS 1.3's padding is zeros after the type, which a type of zero lets us
    /// write; and only zeros, which both refuse (RFC 8446 section 5.4).
    #[test]
    fn padding_both_take_off_alike(
        secrets in Secrets::any(),
        plaintext in vec(any::<u8>(), 0..100),
        typ in prop_oneof![content_type(), Just(ContentType::ChangeCipherSpec)],
        padding in 0_usize..100,
    ) {
        each(&secrets, |suite, mut ours, mut theirs| {
            if !is_tls13(suite) {
                return;
            }
            let zeros = vec![0; padding];
            let inner = [&plaintext[..], &[typ.into()], &zeros].concat();
            for (inner, seq) in [&inner, &zeros].into_iter().zip(1..) {
                let sealed = theirs.seal(ContentType::Unknown(0), inner, seq);
                let opened = ours.open(&sealed, seq);
                assert_eq!(opened, theirs.open(&sealed, seq), "{suite:?}");
            }
        });
    }
}

/// Of more plaintext than a record may hold, in records that are otherwise good.
#[test]
fn one_byte_too_many_both_refuse_alike() {
    let secrets = Secrets {
        key: [1; 32],
        iv: [2; 12],
        explicit: [3; 8],
    };
    each(&secrets, |suite, mut ours, mut theirs| {
        for (seq, len) in [1 << 14, (1 << 14) + 1, (1 << 14) + 2]
            .into_iter()
            .enumerate()
        {
            let seq = seq as u64;
            let sealed = theirs.seal(ContentType::ApplicationData, &vec![4; len], seq);
            let (ours, theirs) = (ours.open(&sealed, seq), theirs.open(&sealed, seq));
            assert!(
                ours == theirs,
                "{suite:?}, {len}: {:?}, {:?}",
                ours.err(),
                theirs.err()
            );
            assert_eq!(ours.is_ok(), len == 1 << 14);
        }
    });
}
