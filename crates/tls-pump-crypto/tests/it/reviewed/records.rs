//! Records that no peer of ours made. The suites with keys of 32 bytes stand for
//! all: a shorter key can be made by rustls only, and the code is the same.

use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, Iv, MessageDecrypter, MessageEncrypter, OutboundChunks,
    OutboundPlainMessage,
};
use rustls::{ContentType, Error, ProtocolVersion, SupportedCipherSuite};

/// Both ends of one direction, where the key is as long as it can be made here.
type Ends = (Box<dyn MessageEncrypter>, Box<dyn MessageDecrypter>);

fn ends(suite: &SupportedCipherSuite) -> Option<Ends> {
    let key = || AeadKey::from([2; 32]);
    match suite {
        SupportedCipherSuite::Tls13(suite) => {
            let (aead, iv) = (suite.aead_alg, || Iv::from([3; 12]));
            (aead.key_len() == 32)
                .then(|| (aead.encrypter(key(), iv()), aead.decrypter(key(), iv())))
        }
        #[cfg(feature = "tls12")]
        SupportedCipherSuite::Tls12(suite) => {
            let (aead, shape) = (suite.aead_alg, suite.aead_alg.key_block_shape());
            let (salt, explicit) = (
                &[3; 12][..shape.fixed_iv_len],
                &[4; 8][..shape.explicit_nonce_len],
            );
            (shape.enc_key_len == 32).then(|| {
                (
                    aead.encrypter(key(), salt, explicit),
                    aead.decrypter(key(), salt),
                )
            })
        }
        #[allow(unreachable_patterns, reason = "without the feature there is one")]
        _ => unreachable!(),
    }
}

fn each(
    test: impl Fn(&SupportedCipherSuite, &mut dyn MessageEncrypter, &mut dyn MessageDecrypter),
) {
    let mut count = 0;
    for suite in tls_pump_crypto::cipher_suite::ALL {
        if let Some((mut encrypter, mut decrypter)) = ends(suite) {
            test(suite, &mut *encrypter, &mut *decrypter);
            count += 1;
        }
    }
    assert_eq!(count, if cfg!(feature = "tls12") { 6 } else { 2 });
}

/// The record that holds `plaintext`, without its header.
fn seal(encrypter: &mut dyn MessageEncrypter, plaintext: &[u8], seq: u64) -> Vec<u8> {
    let message = OutboundPlainMessage {
        typ: ContentType::ApplicationData,
        version: ProtocolVersion::TLSv1_2,
        payload: OutboundChunks::Single(plaintext),
    };
    let len = encrypter.encrypted_payload_len(plaintext.len());
    let record = encrypter.encrypt(message, seq).unwrap().encode();
    assert_eq!(record.len(), 5 + len);
    record[5..].to_vec()
}

fn open(decrypter: &mut dyn MessageDecrypter, record: &[u8], seq: u64) -> Result<Vec<u8>, Error> {
    let mut payload = record.to_vec();
    let (typ, version) = (ContentType::ApplicationData, ProtocolVersion::TLSv1_2);
    let message = InboundOpaqueMessage::new(typ, version, &mut payload);
    let opened = decrypter.decrypt(message, seq)?;
    assert_eq!(opened.typ, ContentType::ApplicationData);
    Ok(opened.payload.to_vec())
}

#[test]
fn a_record_opens_as_it_was_in_its_place_only() {
    each(|suite, encrypter, decrypter| {
        for len in [0, 1, 15, 16, 17, 1000, 1 << 14] {
            let plaintext = vec![7; len];
            let record = seal(encrypter, &plaintext, 5);
            assert_eq!(open(decrypter, &record, 5).unwrap(), plaintext, "{suite:?}");
            let elsewhere = open(decrypter, &record, 6);
            assert_eq!(elsewhere.unwrap_err(), Error::DecryptError, "{suite:?}");
        }
    });
}

#[test]
fn a_record_cut_short_at_any_byte_is_refused() {
    each(|suite, encrypter, decrypter| {
        let record = seal(encrypter, b"plaintext", 0);
        for len in 0..record.len() {
            let opened = open(decrypter, &record[..len], 0);
            assert_eq!(opened.unwrap_err(), Error::DecryptError, "{suite:?}, {len}");
        }
    });
}

#[test]
fn a_record_with_a_changed_byte_is_refused() {
    each(|suite, encrypter, decrypter| {
        let record = seal(encrypter, b"plaintext", 0);
        for at in 0..record.len() {
            let mut record = record.clone();
            record[at] ^= 0x80;
            let opened = open(decrypter, &record, 0);
            assert_eq!(opened.unwrap_err(), Error::DecryptError, "{suite:?}, {at}");
        }
    });
}

#[test]
fn more_plaintext_than_a_record_may_hold_is_refused() {
    each(|suite, encrypter, decrypter| {
        let record = seal(encrypter, &[7; (1 << 14) + 2], 0);
        let opened = open(decrypter, &record, 0);
        assert_eq!(
            opened.unwrap_err(),
            Error::PeerSentOversizedRecord,
            "{suite:?}"
        );
    });
}
