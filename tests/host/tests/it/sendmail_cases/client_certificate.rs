//! Servers that want a certificate of the client.

use super::fixture::{MAIL, expect};
use rcgen::{CertifiedIssuer, ExtendedKeyUsagePurpose, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use smtp_test_server::listen::Security;
use smtp_test_server::{Rules, Server};
use std::sync::Arc;
use test_host::ca::{Ca, LOCAL_NAMES, ca_params, leaf_params, new_key};
use test_host::guest::build;
use test_host::sendmail::{self, CaFolder};

type Root = CertifiedIssuer<'static, KeyPair>;

/// A server that takes nobody without a certificate of `root`.
fn strict(root: &Root, version: &'static SupportedProtocolVersion) -> Arc<ServerConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let key = new_key();
    let leaf = leaf_params(&LOCAL_NAMES).signed_by(&key, root).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        );
    Arc::new(config.unwrap())
}

/// With TLS 1.3 the server says so after the handshake, as an answer to what is read.
#[tokio::test]
async fn a_certificate_that_a_server_requires_is_asked_for_and_taken() {
    let root: Root = CertifiedIssuer::self_signed(ca_params("a root", 0), new_key()).unwrap();
    let folder = CaFolder::new(&Ca::new()).unwrap();
    std::fs::write(folder.path().join("ca.pem"), root.pem()).unwrap();
    let key = new_key();
    let mut params = leaf_params(&["client.test"]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let client = params.signed_by(&key, &root).unwrap();
    std::fs::write(folder.path().join("client.pem"), client.pem()).unwrap();
    std::fs::write(folder.path().join("client.key"), key.serialize_pem()).unwrap();
    let component = build("wasi-sendmail", "wasi-sendmail");
    for version in [&TLS13, &TLS12] {
        let server = Server::new(Rules::default());
        let server = server.listen(Security::Implicit(strict(&root, version)));
        let server = server.unwrap();
        let url = format!("smtps://localhost:{}", server.addr().port());
        let guest = || {
            sendmail::guest(&component, &folder, &url)
                .arg("-t")
                .stdin(MAIL)
        };
        let outcome = guest().run().await;
        expect(&outcome, 76, &["--client-cert", "was not sent"]);
        assert!(!outcome.stderr.contains("later"), "{}", outcome.stderr);
        let with = guest().arg("--client-cert=/ca/client.pem");
        let outcome = with.arg("--client-key=/ca/client.key").run().await;
        outcome.expect_success();
        assert_eq!(server.mails().len(), 1);
        let alone = guest().arg("--client-cert=/ca/client.pem").run().await;
        expect(&alone, 78, &["--client-key"]);
    }
}
