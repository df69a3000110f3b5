//! `tls-pump` and OpenSSL: what they agree on, what they say to each other, and
//! how they part.

use async_net::TcpStream;
use futures_lite::future::block_on;
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::collections::BTreeSet;
use std::fs::{self, File};
use test_host::openssl::{Identity, Key, OVER, Server, Template};
use tls_pump::{Error, TlsConfig, TlsConfigBuilder, TlsStream};

const HOST: &str = "localhost";

const TLS13: &str = "-tls1_3";
const TLS12: &str = "-tls1_2";

/// The suites of TLS 1.3, as OpenSSL calls them and as we do.
const SUITES_13: [[&str; 2]; 3] = [
    ["TLS_AES_128_GCM_SHA256", "AES_128_GCM_SHA256"],
    ["TLS_AES_256_GCM_SHA384", "AES_256_GCM_SHA384"],
    ["TLS_CHACHA20_POLY1305_SHA256", "CHACHA20_POLY1305_SHA256"],
];

/// Those of TLS 1.2, without the kind of the key.
const SUITES_12: [[&str; 2]; 3] = [
    ["AES128-GCM-SHA256", "AES_128_GCM_SHA256"],
    ["AES256-GCM-SHA384", "AES_256_GCM_SHA384"],
    ["CHACHA20-POLY1305", "CHACHA20_POLY1305_SHA256"],
];

const GROUPS: [[&str; 2]; 3] = [
    ["X25519", "X25519"],
    ["P-256", "secp256r1"],
    ["P-384", "secp384r1"],
];

/// A server's certificate, and the root above it.
struct Site {
    root: Identity,
    identity: Identity,
}

impl Site {
    fn new(key: Key) -> Self {
        let root = Identity::self_signed("root", Template::CA);
        let identity = root.issue("server", Template::SERVER.key(key));
        Self { root, identity }
    }

    fn client(&self) -> TlsConfigBuilder {
        TlsConfig::builder().roots_pem(self.root.pem())
    }

    /// A handshake and data both ways with a server of these options, and what
    /// was agreed on.
    fn visit(&self, config: &TlsConfig, options: &[&str]) -> String {
        let mut server = Server::start(&self.identity, options);
        block_on(visit(&mut server, config))
    }
}

/// Connects, sends data both ways, closes; gives what was agreed on.
async fn visit(server: &mut Server, config: &TlsConfig) -> String {
    let mut stream = server.connect(config, HOST).await.unwrap();
    let info = stream.connection_info().unwrap();
    server.exchange(&mut stream, "hello").await;
    stream.close().await.unwrap();
    info.to_string()
}

/// Options of a server that wants a client certificate below these roots.
fn asking<'a>(version: &'a str, roots: &'a str) -> [&'a str; 8] {
    [
        version,
        "-Verify",
        "2",
        "-verify_return_error",
        "-CAfile",
        roots,
        "-nameopt",
        "RFC2253",
    ]
}

/// The error of a read, which must fail.
async fn read_error(stream: &mut TlsStream<TcpStream>) -> Error {
    let read = stream.read(&mut [0; 100]).await;
    read.expect_err("no data and no clean end").into()
}

#[test]
fn tls_13_works_with_each_suite_and_group() {
    let site = Site::new(Key::P256);
    for [suite, iana] in SUITES_13 {
        for [group, named] in GROUPS {
            let config = site.client().build().unwrap();
            let options = [TLS13, "-ciphersuites", suite, "-groups", group];
            let agreed = site.visit(&config, &options);
            assert_eq!(agreed, format!("TLSv1.3 {iana} {named}"));
        }
    }
}

#[test]
fn tls_12_works_with_each_suite_and_group() {
    for (key, kind) in [(Key::P256, "ECDSA"), (Key::Rsa2048, "RSA")] {
        let site = Site::new(key);
        for [suite, iana] in SUITES_12 {
            for [group, named] in GROUPS {
                let config = site.client().build().unwrap();
                let suite = format!("ECDHE-{kind}-{suite}");
                let options = [TLS12, "-cipher", &suite, "-groups", group];
                let agreed = site.visit(&config, &options);
                assert_eq!(agreed, format!("TLSv1.2 ECDHE_{kind}_WITH_{iana} {named}"));
            }
        }
    }
}

#[test]
fn lines_of_every_length_come_back_whole() {
    let site = Site::new(Key::P256);
    for version in [TLS13, TLS12] {
        // It sends each line back reversed.
        for options in [
            &[version, "-rev"][..],
            &[version, "-rev", "-max_send_frag", "512"],
        ] {
            let server = Server::start(&site.identity, options);
            block_on(async {
                let config = site.client().build().unwrap();
                let mut stream = server.connect(&config, HOST).await.unwrap();
                for len in [1, 2, 511, 512, 513, 8191, 16_000] {
                    let line: Vec<u8> = (b'a'..=b'z').cycle().take(len).collect();
                    stream.write_all(&line).await.unwrap();
                    stream.write_all(b"\n").await.unwrap();
                    let mut back = vec![0; len + 1];
                    stream.read_exact(&mut back).await.unwrap();
                    assert_eq!(back.pop(), Some(b'\n'));
                    back.reverse();
                    assert!(back == line, "{options:?}: {len}");
                }
            });
        }
    }
}

#[test]
fn a_client_certificate_is_shown_with_those_above_it() {
    let site = Site::new(Key::P256);
    let ca = site.root.issue("clients' CA", Template::CA);
    let roots = site.root.certificate_file();
    for key in [Key::P256, Key::P384, Key::Ed25519, Key::Rsa2048] {
        let name = format!("user with {key:?}");
        let user = ca.issue(&name, Template::CLIENT.key(key));
        let client = match key {
            // tls-pump-crypto signs with none.
            Key::Rsa2048 => site.client().ring(),
            _ => site.client(),
        };
        let config = client.client_certificate_pem(user.chain_pem(), user.key_pem());
        let config = config.build().unwrap();
        for version in [TLS13, TLS12] {
            let options = asking(version, &roots);
            let mut server = Server::start(&site.identity, &options);
            block_on(visit(&mut server, &config));
            server.wait_for(&format!("subject=CN={name}"));
        }
    }
}

#[test]
fn a_client_that_is_not_welcome_learns_why() {
    let site = Site::new(Key::P256);
    let roots = site.root.certificate_file();
    let stranger = Identity::self_signed("another root", Template::CA);
    let stranger = stranger.issue("stranger", Template::CLIENT);
    let expired = Template::CLIENT.valid(OVER);
    let expired = site.root.issue("former user", expired);
    // TLS 1.2 has no alert of its own for the first.
    for (shown, alert_13, alert_12, remedy) in [
        (None, "CertificateRequired", "HandshakeFailure", ""),
        (
            Some(stranger),
            "UnknownCA",
            "UnknownCA",
            "set one that it trusts",
        ),
        (
            Some(expired),
            "CertificateExpired",
            "CertificateExpired",
            "set one that it trusts",
        ),
    ] {
        let mut config = site.client();
        if let Some(user) = &shown {
            config = config.client_certificate_pem(user.chain_pem(), user.key_pem());
        }
        let config = config.build().unwrap();
        for (version, expected) in [(TLS13, alert_13), (TLS12, alert_12)] {
            let options = asking(version, &roots);
            let server = Server::start(&site.identity, &options);
            let error = block_on(async {
                match server.connect(&config, HOST).await {
                    // There the client is done before the server has looked.
                    Ok(mut stream) if version == TLS13 => read_error(&mut stream).await,
                    connected => connected.expect_err("the handshake fails"),
                }
            });
            let is_it = matches!(&error, Error::Alert { alert } if alert == expected);
            assert!(is_it, "{version}: {error:?}");
            assert!(error.to_string().contains(remedy), "{version}: {error}");
        }
    }
}

#[test]
fn the_second_connection_resumes_the_session_of_the_first() {
    let site = Site::new(Key::P256);
    for options in [&[TLS13][..], &[TLS12], &[TLS12, "-no_ticket"]] {
        let config = site.client().build().unwrap();
        let mut server = Server::start(&site.identity, options);
        block_on(async {
            let first = visit(&mut server, &config).await;
            assert!(!first.contains("resumed"), "{options:?}: {first}");
            for _ in 0..2 {
                let later = visit(&mut server, &config).await;
                assert!(later.ends_with(", resumed"), "{options:?}: {later}");
                server.wait_for("Reused session-id");
            }
        });
        // Another server, which does not know the session, of the same name.
        let elsewhere = site.visit(&config, options);
        assert!(!elsewhere.contains("resumed"), "{options:?}: {elsewhere}");
    }
}

#[test]
fn data_flows_both_ways_after_key_updates() {
    const ANSWER: &str = "<<< TLS 1.3, Handshake [length 0005], KeyUpdate";
    let site = Site::new(Key::P256);
    let config = site.client().build().unwrap();
    // `K` asks for our keys to be changed too.
    for commands in ["k", "K", "kkk", "KKK", "kKkKk"] {
        let mut server = Server::start(&site.identity, &[TLS13, "-msg"]);
        block_on(async {
            let mut stream = server.connect(&config, HOST).await.unwrap();
            for round in 0..3 {
                server
                    .exchange(&mut stream, &format!("before {round}"))
                    .await;
                for command in commands.split_inclusive(['k', 'K']) {
                    server.tell(command);
                    server.wait_for(">>> TLS 1.3, Handshake [length 0005], KeyUpdate");
                }
                server
                    .exchange(&mut stream, &format!("after {round}"))
                    .await;
                if commands.contains('K') {
                    server.wait_for(ANSWER);
                }
            }
        });
    }
}

/// Of the client's list OpenSSL has none to sign by.
#[test]
fn signatures_by_sha_1_are_not_offered() {
    let site = Site::new(Key::Rsa2048);
    let config = site.client().build().unwrap();
    for (signing, works) in [("RSA+SHA1", false), ("RSA+SHA256", true)] {
        let options = [TLS12, "-sigalgs", signing, "-cipher", "DEFAULT@SECLEVEL=0"];
        let server = Server::start(&site.identity, &options);
        let connected = block_on(server.connect(&config, HOST));
        assert_eq!(connected.is_ok(), works, "{signing}");
    }
}

#[test]
fn renegotiation_is_refused_and_ends_the_connection() {
    let site = Site::new(Key::P256);
    let config = site.client().build().unwrap();
    // `R` asks for a client certificate too.
    for command in ["r", "R"] {
        let mut server = Server::start(&site.identity, &[TLS12, "-msg"]);
        block_on(async {
            let mut stream = server.connect(&config, HOST).await.unwrap();
            server.exchange(&mut stream, "before").await;
            server.tell(command);
            let error = read_error(&mut stream).await;
            server.wait_for("<<< TLS 1.2, Alert [length 0002], warning no_renegotiation");
            // We would go on; OpenSSL does not.
            let is_it = matches!(&error, Error::Alert { alert } if alert == "HandshakeFailure");
            assert!(is_it, "{error:?}");
            stream.write_all(b"QUIT\r\n").await.unwrap_err();
        });
    }
}

#[test]
fn close_notify_is_the_end() {
    let site = Site::new(Key::P256);
    let config = site.client().build().unwrap();
    for version in [TLS13, TLS12] {
        // At this word it closes; its command `Q` sends no close_notify.
        let server = Server::start(&site.identity, &[version, "-rev"]);
        block_on(async {
            let mut stream = server.connect(&config, HOST).await.unwrap();
            stream.write_all(b"abc\nCLOSE\n").await.unwrap();
            let mut all = String::new();
            stream.read_to_string(&mut all).await.unwrap();
            assert_eq!(all, "cba\n");
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        });
    }
}

#[test]
fn an_end_without_close_notify_is_an_error() {
    let site = Site::new(Key::P256);
    let config = site.client().build().unwrap();
    for version in [TLS13, TLS12] {
        for is_killed in [true, false] {
            let mut server = Server::start(&site.identity, &[version]);
            block_on(async {
                let mut stream = server.connect(&config, HOST).await.unwrap();
                server.exchange(&mut stream, "hello").await;
                if is_killed {
                    server.kill();
                } else {
                    server.tell("Q");
                }
                let error = read_error(&mut stream).await;
                assert!(
                    matches!(error, Error::Truncated | Error::Io(_)),
                    "{error:?}"
                );
            });
        }
    }
}

#[test]
fn a_server_of_an_old_version_is_refused_with_a_remedy() {
    let site = Site::new(Key::P256);
    let config = site.client().build().unwrap();
    for version in ["-tls1", "-tls1_1"] {
        let options = [version, "-cipher", "DEFAULT@SECLEVEL=0"];
        let server = Server::start(&site.identity, &options);
        let error = block_on(server.connect(&config, HOST)).unwrap_err();
        let is_it = matches!(&error, Error::Alert { alert } if alert == "ProtocolVersion");
        assert!(is_it, "{error:?}");
        assert!(
            error.to_string().contains("neither TLS 1.2 nor 1.3"),
            "{error}"
        );
    }
}

#[test]
fn a_server_of_tls_12_is_refused_where_tls_13_is_the_lowest() {
    let site = Site::new(Key::P256);
    let config = site
        .client()
        .min_version(tls_pump::Version::Tls13)
        .build()
        .unwrap();
    let server = Server::start(&site.identity, &[TLS12]);
    let error = block_on(server.connect(&config, HOST)).unwrap_err();
    assert!(
        error.to_string().contains("or not the lowest one set here"),
        "{error}"
    );
}

#[test]
fn both_sides_export_the_same_keying_material() {
    const LABEL: &str = "EXPORTER-Channel-Binding";
    let site = Site::new(Key::P256);
    let config = site.client().build().unwrap();
    for version in [TLS13, TLS12] {
        let options = [version, "-keymatexport", LABEL, "-keymatexportlen", "32"];
        let server = Server::start(&site.identity, &options);
        let stream = block_on(server.connect(&config, HOST)).unwrap();
        let line = server.wait_for("Keying material: ");
        let hex = line.rsplit(' ').next().unwrap();
        let mut ours = [0; 32];
        let engine = stream.engine();
        engine
            .export_keying_material(LABEL.as_bytes(), None, &mut ours)
            .unwrap();
        let bytes = ours.iter().map(|byte| format!("{byte:02X}"));
        assert_eq!(bytes.collect::<String>(), hex, "{version}");
        let binding = (version == TLS13).then_some(ours);
        assert_eq!(stream.tls_exporter(), binding, "{version}");
    }
}

#[test]
fn both_sides_log_the_same_secrets() {
    let site = Site::new(Key::P256);
    let folder = tempfile::tempdir().unwrap();
    for version in [TLS13, TLS12] {
        let [ours, theirs] =
            ["ours", "theirs"].map(|side| folder.path().join(format!("{side}{version}")));
        let config = site.client().key_log(File::create(&ours).unwrap());
        let config = config.build().unwrap();
        site.visit(&config, &[version, "-keylogfile", theirs.to_str().unwrap()]);
        let secrets = |file| -> BTreeSet<String> {
            let text = fs::read_to_string(file).unwrap();
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            lines.map(str::to_owned).collect()
        };
        let ours = secrets(ours);
        assert!(!ours.is_empty());
        assert_eq!(ours, secrets(theirs), "{version}");
    }
}
