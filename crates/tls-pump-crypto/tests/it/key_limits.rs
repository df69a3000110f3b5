//! What rustls does when a key has encrypted as many records as its suite says.
//! Our suites say 2^24, which is too many to send here, so that these say less.

#![cfg(not(target_family = "wasm"))]

use rustls::crypto::{CipherSuiteCommon, CryptoProvider};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use rustls::{SupportedCipherSuite, Tls13CipherSuite};
use std::io::{Read as _, Write as _};
use std::sync::Arc;

const LIMIT: u64 = 32;

/// More records than keys of the limit can encrypt.
const RECORDS: usize = 200;

/// The same suite with a lower limit.
fn limited(suite: &SupportedCipherSuite) -> SupportedCipherSuite {
    let limited = |common: &CipherSuiteCommon| CipherSuiteCommon {
        suite: common.suite,
        hash_provider: common.hash_provider,
        confidentiality_limit: LIMIT,
    };
    match suite {
        SupportedCipherSuite::Tls13(suite) => {
            SupportedCipherSuite::Tls13(Box::leak(Box::new(Tls13CipherSuite {
                common: limited(&suite.common),
                hkdf_provider: suite.hkdf_provider,
                aead_alg: suite.aead_alg,
                quic: None,
            })))
        }
        #[cfg(feature = "tls12")]
        SupportedCipherSuite::Tls12(suite) => {
            SupportedCipherSuite::Tls12(Box::leak(Box::new(rustls::Tls12CipherSuite {
                common: limited(&suite.common),
                prf_provider: suite.prf_provider,
                kx: suite.kx,
                sign: suite.sign,
                aead_alg: suite.aead_alg,
            })))
        }
    }
}

/// A client whose suite has the lower limit, and a server whose suite has not.
fn connect(suite: &SupportedCipherSuite) -> (ClientConnection, ServerConnection) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate: CertificateDer<'static> = own.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let provider = |suite| CryptoProvider {
        cipher_suites: vec![suite],
        ..tls_pump_crypto::provider()
    };
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider(limited(suite)).into())
        .with_protocol_versions(&[suite.version()])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConfig::builder_with_provider(provider(*suite).into())
        .with_protocol_versions(&[suite.version()])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .unwrap();
    let name = "localhost".try_into().unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        to_server(&mut client, &mut server);
        let mut ciphertext = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut ciphertext).unwrap();
        }
        let mut ciphertext = &ciphertext[..];
        while !ciphertext.is_empty() {
            client.read_tls(&mut ciphertext).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    (client, server)
}

/// How many records went; each of their headers says how long the record is.
fn to_server(client: &mut ClientConnection, server: &mut ServerConnection) -> usize {
    let mut ciphertext = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut ciphertext).unwrap();
    }
    let (mut at, mut records) = (0, 0);
    while at < ciphertext.len() {
        let len = u16::from_be_bytes([ciphertext[at + 3], ciphertext[at + 4]]);
        at += 5 + usize::from(len);
        records += 1;
    }
    let mut ciphertext = &ciphertext[..];
    while !ciphertext.is_empty() {
        server.read_tls(&mut ciphertext).unwrap();
        server.process_new_packets().unwrap();
    }
    records
}

/// Sends a byte at a time: how many came, how many records it took, and whether
/// the client ended the connection.
fn send_all(suite: &SupportedCipherSuite) -> (usize, usize, bool) {
    let (mut client, mut server) = connect(suite);
    let (mut came, mut records) = (0, 0);
    for number in 0..RECORDS {
        client.writer().write_all(&[number as u8]).unwrap();
        records += to_server(&mut client, &mut server);
        let mut byte = [0];
        if matches!(server.reader().read(&mut byte), Ok(1)) {
            assert_eq!(byte[0], came as u8);
            came += 1;
        }
    }
    let state = server.process_new_packets().unwrap();
    (came, records, state.peer_has_closed())
}

#[test]
fn tls_1_3_takes_new_keys_there() {
    let suites = tls_pump_crypto::cipher_suite::ALL.iter();
    for suite in suites.filter(|suite| suite.tls13().is_some()) {
        let (came, records, has_ended) = send_all(suite);
        assert_eq!((came, has_ended), (RECORDS, false), "{suite:?}");
        // Each change of keys is one record more.
        let changes = records - RECORDS;
        let least = RECORDS / LIMIT as usize;
        assert!(
            (least..=least + 2).contains(&changes),
            "{suite:?}: {changes}"
        );
    }
}

#[cfg(feature = "tls12")]
#[test]
fn tls_1_2_ends_there() {
    let mut seen = 0;
    for suite in tls_pump_crypto::cipher_suite::ALL {
        // The server's key is of ECDSA.
        let name = format!("{suite:?}");
        if suite.tls13().is_some() || name.contains("RSA_WITH") {
            continue;
        }
        let (came, _, has_ended) = send_all(suite);
        assert!(
            came <= LIMIT as usize && came + 3 > LIMIT as usize,
            "{came}"
        );
        assert!(has_ended, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 3);
}
