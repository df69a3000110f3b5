//! What a hostile peer, or one at its end, may not get: bytes lost in silence,
//! work or text without measure, a panic, wrong advice.

#![cfg(all(
    any(feature = "pure", feature = "ring"),
    feature = "tls12",
    feature = "server"
))]

use crate::common::{BOTH, Ca, NAME, Pair, TLS12, TLS13, provider, take};
use futures_io::AsyncRead as _;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tls_pump::rustls::crypto::{CipherSuiteCommon, CryptoProvider};
use tls_pump::rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm,
};
use tls_pump::rustls::{SupportedCipherSuite, Tls12CipherSuite};
use tls_pump::{CertificateErrorKind as Kind, Engine, Error, Policy, TlsaRecord};

/// TLS 1.2 can't change keys: after the limit rustls takes all and drops it.
#[test]
fn what_is_written_past_the_limit_of_a_tls12_key_is_not_dropped_silently() {
    let ca = Ca::new();
    let suite = tls_pump_crypto::cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
    let SupportedCipherSuite::Tls12(suite) = suite else {
        panic!();
    };
    let limited: &'static Tls12CipherSuite = Box::leak(Box::new(Tls12CipherSuite {
        common: CipherSuiteCommon {
            suite: suite.common.suite,
            hash_provider: suite.common.hash_provider,
            confidentiality_limit: 8,
        },
        prf_provider: suite.prf_provider,
        kx: suite.kx,
        sign: suite.sign,
        aead_alg: suite.aead_alg,
    }));
    let provider = CryptoProvider {
        cipher_suites: vec![SupportedCipherSuite::Tls12(limited)],
        ..tls_pump_crypto::provider()
    };
    let client = ca.client_with(|builder| builder.provider(Arc::new(provider)));
    let mut pair = Pair::new(&client, &ca.server(&TLS12));
    pair.server.echo = false;
    pair.handshake().unwrap();
    let mut accepted = 0;
    for _ in 0..20 {
        match pair
            .write(b"0123456789")
            .and_then(|len| pair.flush().map(|()| len))
        {
            Ok(len) => accepted += len,
            Err(_) => break,
        }
        pair.server.pump();
    }
    assert_eq!(
        pair.server.received.len(),
        accepted,
        "bytes were taken and lost"
    );
}

static VERIFIED: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
struct Counting(&'static dyn SignatureVerificationAlgorithm);

impl SignatureVerificationAlgorithm for Counting {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.0.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.0.signature_alg_id()
    }

    fn verify_signature(
        &self,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        VERIFIED.fetch_add(1, Ordering::Relaxed);
        self.0.verify_signature(key, message, signature)
    }
}

/// webpki's limit of work holds for each call, and no deadline can interrupt it.
#[test]
fn the_work_on_a_hostile_chain_does_not_grow_with_the_tlsa_records() {
    let root = Ca::new();
    // Of the right name, but by another root of the same name.
    let forged = Ca::new().below(|_| ());
    let identity = forged.issue(|_| ()).with(&[&forged; 90]);
    let mut provider = provider();
    let algorithms = &mut provider.signature_verification_algorithms;
    let all: Vec<_> = algorithms
        .all
        .iter()
        .map(|algorithm| {
            &*Box::leak(Box::new(Counting(*algorithm)))
                as &'static dyn SignatureVerificationAlgorithm
        })
        .collect();
    algorithms.all = Box::leak(all.into_boxed_slice());
    let provider = Arc::new(provider);
    let work = |records: u8| {
        let records = (0..records).map(|number| TlsaRecord::new(0, 1, 1, [number; 32]));
        let policy = Policy::Dane(records.collect());
        let client = root.client_with(|builder| builder.policy(policy).provider(provider.clone()));
        VERIFIED.store(0, Ordering::Relaxed);
        Pair::new(&client, &identity.server(&[&TLS13]))
            .handshake()
            .unwrap_err();
        VERIFIED.load(Ordering::Relaxed)
    };
    let (one, fifty) = (work(1), work(50));
    assert!(
        fifty <= 2 * one,
        "{one} signatures for one record, {fifty} for 50"
    );
}

/// What the peer said last is worth more than that it takes no more: an alert
/// or `421` just before it hung up.
/// A warning about the name, and a record with nothing in it.
#[test]
fn warnings_and_empty_records_come_to_an_end() {
    let ca = Ca::new();
    for record in [&[21, 3, 3, 0, 2, 1, 112][..], &[22, 3, 3, 0, 0]] {
        let mut engine = Engine::new(&ca.client(), NAME).unwrap();
        take(&mut engine);
        let cut_off = (0..100).find(|_| engine.handle_ciphertext(record).is_err());
        assert!(cut_off.is_some(), "{record:?}");
    }
}

#[test]
fn a_failed_write_does_not_hide_what_has_arrived() {
    for version in BOTH {
        let mut pair = Pair::settled(version);
        while pair
            .once(|stream, cx| stream.poll_read(cx, &mut [0; 9]))
            .is_ready()
        {}
        pair.server.say(b"421 bye\r\n");
        pair.write_all(b"NOOP\r\n").unwrap();
        pair.pipe.wire().write_result = Some(Err(io::ErrorKind::BrokenPipe));
        assert_eq!(pair.read().unwrap(), b"421 bye\r\n");
    }
}

/// Our Finished never leaves then.
#[test]
fn a_handshake_after_close_is_an_error() {
    let ca = Ca::new();
    for version in BOTH {
        let mut pair = Pair::new(&ca.client(), &ca.server(version));
        let polled = pair.once(|stream, cx| pin!(stream.get_mut().handshake()).poll(cx));
        assert!(polled.is_pending());
        pair.server.pump();
        futures_lite::future::block_on(pair.stream.close_tls()).unwrap();
        let handshake = pair.handshake();
        pair.server.pump();
        assert!(
            handshake.is_err() || !pair.server.connection.is_handshaking(),
            "done here, but not there: {:?}",
            pair.stream.connection_info()
        );
    }
}

#[test]
fn a_failed_handshake_is_not_going_on() {
    let mut engine = Engine::new(&Ca::new().client(), NAME).unwrap();
    engine.handle_eof();
    assert!(!engine.is_handshaking(), "{:?}", engine.state());
}

#[test]
fn a_long_context_of_exported_keys_is_an_error() {
    let (engine, _server) = crate::common::engines(&TLS12);
    let exported =
        engine.export_keying_material(b"EXPERIMENTAL x", Some(&[0; 65_536]), &mut [0; 32]);
    exported.unwrap_err();
}

#[test]
fn a_long_label_of_exported_keys_is_an_error() {
    let (engine, _server) = crate::common::engines(&TLS13);
    let exported = engine.export_keying_material(&[b'x'; 250], None, &mut [0; 32]);
    exported.unwrap_err();
}

/// After STARTTLS the advice to upgrade by STARTTLS is no help.
#[test]
fn plaintext_after_an_upgrade_is_not_told_to_upgrade() {
    let mut engine = Engine::upgrade(&Ca::new().client(), NAME, b"").unwrap();
    let error = engine
        .handle_ciphertext(b"454 TLS not available\r\n")
        .unwrap_err();
    let text = error.to_string();
    assert!(!text.contains("upgrade by STARTTLS"), "{text}");
}

#[test]
fn a_record_and_then_garbage_is_not_plaintext() {
    let ca = Ca::new();
    let mut pair = Pair::new(&ca.client(), &ca.server(&TLS13));
    // A warning (unrecognized_name), as some servers send, then damage.
    pair.pipe.wire().to_client = vec![21, 3, 3, 0, 2, 1, 112, 99, 99, 99, 99, 99];
    let error = pair.handshake().unwrap_err();
    assert!(!matches!(error, Error::NotTls { .. }), "{error}");
}

#[test]
fn a_certificate_of_many_names_makes_no_endless_text() {
    let root = Ca::new();
    let names = (0..900).map(|number| format!("{number}.{}.example", "x".repeat(40)));
    let identity = root.issue(|params| {
        *params = rcgen::CertificateParams::new(names.collect::<Vec<_>>()).unwrap();
    });
    let mut pair = Pair::new(&root.client(), &identity.server(&[&TLS13]));
    let text = pair.handshake().unwrap_err().to_string();
    assert!(text.len() < 4096, "{} bytes", text.len());
}

/// Also the server's side of an engine has kinds.
#[test]
fn a_clients_certificate_is_refused_for_a_reason() {
    let (root, other) = (Ca::new(), Ca::named("another root"));
    let own = other.issue(|params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    });
    let client = root.client_with(|builder| {
        builder.client_certificate_pem(own.chain_pem(), own.key.serialize_pem())
    });
    let mut client = Engine::new(&client, NAME).unwrap();
    let mut server = Engine::server(root.server_for_clients(&TLS13)).unwrap();
    let mut refused = None;
    while refused.is_none() {
        refused = server.handle_ciphertext(&take(&mut client)).err();
        let _ = client.handle_ciphertext(&take(&mut server));
    }
    let error = refused.unwrap();
    assert_eq!(
        error.certificate_kind(),
        Some(&Kind::UnknownIssuer),
        "{error}"
    );
}

/// A server of TLS 1.2 need not "offer TLS 1.2".
#[test]
fn a_server_below_the_lowest_version_is_told_the_lowest_version() {
    // A ServerHello of TLS 1.2, by a server that overlooks supported_versions.
    let mut hello = vec![22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0xc0, 0x2b, 0]);
    let client = Ca::new().client_with(|b| b.min_version(tls_pump::Version::Tls13));
    let mut engine = Engine::new(&client, NAME).unwrap();
    let error = engine.handle_ciphertext(&hello).unwrap_err();
    let text = error.to_string();
    assert!(!text.contains("has to offer TLS 1.2"), "{text}");
}
