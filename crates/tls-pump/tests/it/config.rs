//! What a configuration refuses to be made of.

#![cfg(all(any(feature = "pure", feature = "ring"), feature = "tls12"))]

use crate::common::{Ca, provider};
use std::sync::Arc;
use tls_pump::{Error, TlsConfig};

#[test]
fn so_many_sessions_as_there_is_memory_make_no_panic() {
    let root = Ca::new();
    root.client_with(|builder| builder.sessions(usize::MAX));
}

#[test]
fn protocols_that_alpn_cannot_carry_make_no_config() {
    for protocol in [vec![], vec![b'a'; 256]] {
        let built = TlsConfig::builder()
            .roots_pem(Ca::new().pem())
            .alpn([protocol.clone()])
            .build();
        let error = built.unwrap_err();
        assert!(matches!(error, Error::InvalidAlpn { .. }), "{error}");
        assert_eq!(error.io_kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[test]
fn a_provider_without_ciphers_makes_no_config() {
    let mut provider = provider();
    provider.cipher_suites.clear();
    let builder = TlsConfig::builder().roots_pem(Ca::new().pem());
    let error = builder.provider(Arc::new(provider)).build().unwrap_err();
    assert!(matches!(error, Error::InvalidProvider { .. }), "{error}");
    assert_eq!(error.io_kind(), std::io::ErrorKind::InvalidInput);
}

/// Which one computes shows by the group that *ring* has not.
#[cfg(all(feature = "pure", feature = "ring"))]
#[test]
fn ring_computes_only_where_it_is_chosen() {
    let ca = Ca::new();
    let server = ca.issue(|_| ());
    let server = server.server_by(tls_pump_crypto::provider(), &[&crate::common::TLS13]);
    for (client, group) in [
        (ca.client(), "X25519MLKEM768"),
        (ca.client_with(|builder| builder.ring()), "X25519"),
    ] {
        let mut pair = crate::common::Pair::new(&client, &server);
        pair.handshake().unwrap();
        let info = pair.stream.connection_info().unwrap();
        assert_eq!(info.group.as_deref(), Some(group));
    }
}

#[test]
fn a_key_encrypted_the_old_way_is_told_to_be_encrypted() {
    let root = Ca::new();
    let own = root.issue(|_| ());
    // The marker is put together here, so that no file looks as if it had a key.
    let marker = |word: &str| format!("-----{word} EC PRIVATE {}-----\n", "KEY");
    let headers =
        "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n";
    let key = format!("{}{headers}\nAAAA\n{}", marker("BEGIN"), marker("END"));
    let builder = TlsConfig::builder().roots_pem(root.pem());
    let built = builder.client_certificate_pem(own.chain_pem(), key).build();
    let text = built.unwrap_err().to_string();
    assert!(text.contains("encrypted"), "{text}");
}

/// webpki would ask one of them only, and a newer one in vain.
#[test]
fn two_crls_of_one_issuer_make_no_config() {
    let root = Ca::new();
    let (older, newer) = (root.crl(&[], 4000), root.crl(&[2], 4000));
    let both = older.clone() + &newer;
    for texts in [vec![older.clone(), newer], vec![both]] {
        let builder = TlsConfig::builder().roots_pem(root.pem());
        let builder = texts
            .into_iter()
            .fold(builder, |builder, text| builder.crls_pem(text));
        let error = builder.build().unwrap_err();
        assert!(matches!(error, Error::InvalidCrls { .. }), "{error}");
        assert!(error.to_string().contains("give the newest"), "{error}");
    }
    let other = Ca::named("another root").crl(&[], 4000);
    let builder = TlsConfig::builder().roots_pem(root.pem());
    builder.crls_pem(older).crls_pem(other).build().unwrap();
}

#[cfg(all(feature = "native-roots", not(target_family = "wasm")))]
mod native {
    use super::*;

    /// Run by the tests below in a process of its own.
    #[test]
    fn child() {
        if std::env::var_os("TLS_PUMP_TEST_CHILD").is_some() {
            let built = TlsConfig::builder().build();
            println!("built={}", built.is_ok());
        }
    }

    fn builds(variables: &[(&str, &std::path::Path)]) -> bool {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let (_, module) = module_path!().split_once("::").unwrap();
        command.args(["--exact", &format!("{module}::child"), "--nocapture"]);
        command
            .env_remove("SSL_CERT_FILE")
            .env_remove("SSL_CERT_DIR");
        command.env("TLS_PUMP_TEST_CHILD", "1");
        command.envs(variables.iter().copied());
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("built="), "{text}");
        text.contains("built=true")
    }

    /// "A variable that names nothing readable is an error, not a reason to
    /// trust something else."
    #[test]
    fn a_bundle_of_one_broken_certificate_twice_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bundle.pem");
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(&file, broken).unwrap();
        assert!(!builds(&[("SSL_CERT_FILE", &file)]));
        std::fs::write(&file, broken.repeat(2)).unwrap();
        assert!(
            !builds(&[("SSL_CERT_FILE", &file)]),
            "something else is trusted instead"
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_beside_a_good_file_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bundle.pem");
        std::fs::write(&file, Ca::new().pem()).unwrap();
        let missing = folder.path().join("missing");
        assert!(!builds(&[
            ("SSL_CERT_FILE", &file),
            ("SSL_CERT_DIR", &missing)
        ]));
    }
}
