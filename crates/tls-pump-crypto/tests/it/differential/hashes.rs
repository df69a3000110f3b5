//! Hashes, HMAC, and what is derived by them.

use crate::differential::{ours, peers, suite, suites};
use proptest::collection::vec;
use proptest::prelude::*;
use rustls::crypto::hash::Hash;
use rustls::crypto::tls13::{Hkdf, HkdfExpander, OkmBlock};
use rustls::{SupportedCipherSuite, Tls13CipherSuite};

/// Both providers' suites of the same name, for all that both have.
fn each(test: impl Fn(SupportedCipherSuite, SupportedCipherSuite)) {
    let count = peers().map(|peer| {
        let names = suites(&peer.provider);
        for name in &names {
            test(suite(&ours(), *name), suite(&peer.provider, *name));
        }
        names.len()
    });
    let all = if cfg!(feature = "tls12") { 9 } else { 3 };
    assert_eq!(count, [all, all, 3]);
}

fn each_tls13(test: impl Fn(&Tls13CipherSuite, &Tls13CipherSuite)) {
    each(|ours, theirs| {
        if let (Some(ours), Some(theirs)) = (ours.tls13(), theirs.tls13()) {
            test(ours, theirs);
        }
    });
}

fn hash_provider(suite: SupportedCipherSuite) -> &'static dyn Hash {
    match suite {
        SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider,
        #[cfg(feature = "tls12")]
        SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider,
        #[allow(unreachable_patterns, reason = "without the feature there is one")]
        _ => unreachable!(),
    }
}

/// The hash of the parts, and of all of them but the last on the way there.
fn hash(provider: &dyn Hash, parts: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut context = provider.start();
    let mut hashes = Vec::new();
    for part in parts {
        hashes.push(context.fork_finish().as_ref().to_vec());
        context.update(part);
    }
    hashes.push(context.fork().finish().as_ref().to_vec());
    hashes.push(context.finish().as_ref().to_vec());
    hashes.push(provider.hash(&parts.concat()).as_ref().to_vec());
    hashes
}

/// Of so many bytes, or `None` if they are too many, and one block.
fn expand(expander: &dyn HkdfExpander, info: &[&[u8]], len: usize) -> (Option<Vec<u8>>, Vec<u8>) {
    let mut output = vec![0; len];
    let expanded = expander.expand_slice(info, &mut output);
    let block = expander.expand_block(info).as_ref().to_vec();
    (expanded.is_ok().then_some(output), block)
}

/// What each way to an expander comes to.
fn derive(
    hkdf: &dyn Hkdf,
    salt: Option<&[u8]>,
    secret: &[u8],
    info: &[&[u8]],
    len: usize,
) -> Vec<(Option<Vec<u8>>, Vec<u8>)> {
    let okm = OkmBlock::new(&secret[..secret.len().min(OkmBlock::MAX_LEN)]);
    let expanders = [
        hkdf.extract_from_secret(salt, secret),
        hkdf.extract_from_zero_ikm(salt),
        hkdf.expander_for_okm(&okm),
    ];
    expanders.map(|it| expand(&*it, info, len)).to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn hashes(parts in vec(vec(any::<u8>(), 0..300), 0..5)) {
        each(|ours, theirs| {
            let (ours, theirs) = (hash_provider(ours), hash_provider(theirs));
            assert_eq!(ours.algorithm(), theirs.algorithm());
            assert_eq!(ours.output_len(), theirs.output_len());
            assert_eq!(hash(ours, &parts), hash(theirs, &parts));
        });
    }

    #[test]
    fn hmac(key in vec(any::<u8>(), 0..=OkmBlock::MAX_LEN), message in vec(any::<u8>(), 0..500)) {
        let key = OkmBlock::new(&key);
        each_tls13(|ours, theirs| {
            let [ours, theirs] = [ours, theirs].map(|suite| suite.hkdf_provider.hmac_sign(&key, &message));
            assert_eq!(ours.as_ref(), theirs.as_ref());
        });
    }

    #[test]
    fn hkdf(
        salt in proptest::option::of(vec(any::<u8>(), 0..200)),
        secret in vec(any::<u8>(), 0..200),
        info in vec(vec(any::<u8>(), 0..50), 0..5),
        len in 0_usize..400,
    ) {
        let info: Vec<_> = info.iter().map(|part| &part[..]).collect();
        each_tls13(|ours, theirs| {
            let [ours, theirs] = [ours, theirs]
                .map(|suite| derive(suite.hkdf_provider, salt.as_deref(), &secret, &info, len));
            assert_eq!(ours, theirs);
        });
    }

    #[cfg(feature = "tls12")]
    #[test]
    fn prf(
        secret in vec(any::<u8>(), 1..200),
        label in vec(any::<u8>(), 1..50),
        seed in vec(any::<u8>(), 1..100),
        // rustls never asks for nothing, and aws-lc-rs would not give it.
        len in 1_usize..300,
    ) {
        let derive = |suite| {
            let SupportedCipherSuite::Tls12(suite) = suite else {
                return None;
            };
            let mut output = vec![0; len];
            suite.prf_provider.for_secret(&mut output, &secret, &label, &seed);
            Some(output)
        };
        each(|ours, theirs| assert_eq!(derive(ours), derive(theirs)));
    }
}

/// RFC 5869 section 2.3.
#[test]
fn hkdf_ends_at_255_blocks() {
    each_tls13(|ours, theirs| {
        let most = 255 * ours.common.hash_provider.output_len();
        for len in [most, most + 1] {
            let [ours, theirs] = [ours, theirs]
                .map(|suite| derive(suite.hkdf_provider, None, b"secret", &[b"info"], len));
            assert!(
                ours.iter()
                    .all(|(output, _)| output.is_some() == (len == most))
            );
            assert_eq!(ours, theirs);
        }
    });
}
