//! Clients that show a certificate (mTLS).

#![cfg(all(any(feature = "pure", feature = "ring"), feature = "tls12"))]

use crate::common::{BOTH, Ca, Identity, Pair, TLS12, inside};
use rcgen::ExtendedKeyUsagePurpose;
use std::io;
use tls_pump::rustls::AlertDescription;
use tls_pump::{Error, TlsConfig};

fn for_clients(ca: &Ca) -> Identity {
    ca.issue(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth])
}

fn showing(root: &Ca, identity: &Identity) -> TlsConfig {
    let key = identity.key.serialize_pem();
    root.client_with(|builder| builder.client_certificate_pem(identity.chain_pem(), key))
}

#[test]
fn a_client_shows_its_whole_chain_to_a_server_that_asks() {
    let root = Ca::new();
    let middle = root.below(|_| ());
    let identity = for_clients(&middle).with(&[&middle]);
    let client = showing(&root, &identity);
    for version in BOTH {
        let mut pair = Pair::new(&client, &root.server_for_clients(version));
        pair.handshake().unwrap();
        pair.write_all(b"EHLO\r\n").unwrap();
        assert_eq!(pair.read_exact(6).unwrap(), b"EHLO\r\n");
        let shown = pair.server.connection.peer_certificates().unwrap();
        assert_eq!(shown, identity.chain);
        // A server that does not ask is shown nothing.
        let mut pair = Pair::new(&client, &root.server(version));
        pair.handshake().unwrap();
        pair.flush().unwrap();
        pair.server.pump();
        assert_eq!(pair.server.connection.peer_certificates(), None);
    }
}

#[test]
fn certificate_and_key_may_stand_in_one_text() {
    let root = Ca::new();
    let identity = for_clients(&root);
    let both = identity.chain_pem() + &identity.key.serialize_pem();
    let client = root.client_with(|builder| builder.client_certificate_pem(both.clone(), both));
    let mut pair = Pair::new(&client, &root.server_for_clients(&TLS12));
    pair.handshake().unwrap();
}

/// What the client learns, at the latest by its first read.
fn refusal(pair: &mut Pair) -> Error {
    match pair.handshake() {
        Err(error) => error,
        // In TLS 1.3 the client is done before the server has seen a thing.
        Ok(()) => inside(&pair.read().unwrap_err()).clone(),
    }
}

#[test]
fn a_refused_client_certificate_is_told_with_its_remedy() {
    let root = Ca::new();
    let strange = for_clients(&Ca::named("another root"));
    let none = root.client();
    for version in BOTH {
        for (client, alerts, remedy) in [
            (
                &none,
                [
                    AlertDescription::CertificateRequired,
                    AlertDescription::HandshakeFailure,
                ],
                "",
            ),
            (
                &showing(&root, &strange),
                [AlertDescription::UnknownCA; 2],
                "it does not accept the client certificate",
            ),
        ] {
            let mut pair = Pair::new(client, &root.server_for_clients(version));
            let error = refusal(&mut pair);
            let Error::Alert { alert } = &error else {
                panic!("{error}");
            };
            assert!(
                alerts.iter().any(|known| format!("{known:?}") == *alert),
                "{alert}"
            );
            assert!(error.to_string().contains(remedy), "{error}");
            if alert == "CertificateRequired" {
                assert!(
                    error
                        .to_string()
                        .ends_with("it wants a client certificate; set one")
                );
            }
            assert_eq!(error.io_kind(), io::ErrorKind::ConnectionAborted);
        }
    }
}

#[test]
fn what_can_not_be_used_says_what_helps_and_shows_no_key() {
    let root = Ca::new();
    let identity = for_clients(&root);
    let (chain, key) = (identity.chain_pem(), identity.key.serialize_pem());
    let other_key = for_clients(&root).key.serialize_pem();
    let cut_short = |text: &str| text[..text.len() / 2].to_owned();
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let secret = key.lines().nth(1).unwrap();
    for (chain, key, remedy) in [
        (chain.clone(), other_key, "give the key it was made with"),
        (chain.clone(), encrypted, "openssl pkey"),
        (chain.clone(), String::new(), "export it in PKCS#8"),
        (chain.clone(), cut_short(&key), "export it in PKCS#8"),
        (
            chain.clone(),
            key.replace("MI", "AA"),
            "use ECDSA with P-256",
        ),
        (String::new(), key.clone(), "no `BEGIN CERTIFICATE`"),
        (cut_short(&chain), key.clone(), "export it again"),
    ] {
        let builder = TlsConfig::builder().roots_pem(root.pem());
        let builder = builder.client_certificate_pem(chain, key);
        assert_eq!(format!("{builder:?}"), "TlsConfigBuilder { .. }");
        let error = builder.build().unwrap_err();
        assert!(
            matches!(error, Error::InvalidClientCertificate { .. }),
            "{error}"
        );
        assert_eq!(error.io_kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(remedy), "{error}");
        assert!(!format!("{error:?} {error}").contains(&secret[..16]));
    }
}

/// tls-pump-crypto signs with no RSA key.
#[cfg(feature = "pure")]
#[test]
fn an_rsa_key_is_refused_with_the_name_of_the_feature() {
    let root = Ca::new();
    let chain = for_clients(&root).chain_pem();
    // The marker is put together here, so that no file looks as if it had a key.
    let marker = |word: &str| format!("-----{word} RSA PRIVATE {}-----", "KEY");
    let key = format!("{}\nMAMCAQA=\n{}\n", marker("BEGIN"), marker("END"));
    let builder = TlsConfig::builder().roots_pem(root.pem());
    let error = builder
        .client_certificate_pem(chain, key)
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("feature `ring`"), "{error}");
}
