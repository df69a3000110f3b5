//! Certificates of OpenSSL's making: what is wrong with them is told by its own
//! kind and with a remedy, and to the server by an alert; the good ones of the
//! same making are accepted.

use futures_lite::future::block_on;
use test_host::openssl::{Dates, Identity, Key, OVER, Server, Template, VALID};
use tls_pump::rustls::pki_types::CertificateDer;
use tls_pump::rustls::pki_types::pem::PemObject as _;
use tls_pump::{CertificateErrorKind as Kind, CrlScope, Error, Policy, TlsConfig, TlsaRecord};

const BOTH: [&str; 2] = ["-tls1_3", "-tls1_2"];

const CA: Template = Template::CA;
const SERVER: Template = Template::SERVER;

/// Where a chain begins.
#[derive(Clone, Copy)]
enum Top {
    TrustedRoot,
    UnknownRoot,
    Itself,
}

/// A server, and how a client comes to it.
#[derive(Clone, Copy)]
struct Site {
    what: &'static str,
    top: Top,
    /// The CAs below the root.
    above: &'static [Template],
    leaf: Template,
    /// Whether the server sends its own certificate only.
    alone: bool,
    host: &'static str,
    /// The certificate that its issuer took back; 0 is the root.
    revoked: Option<usize>,
    /// The issuers of CRLs, 0 is the root, and when these are valid.
    crls: &'static [(usize, Dates)],
    scope: CrlScope,
}

/// A good one.
const SITE: Site = Site {
    what: "P-256",
    top: Top::TrustedRoot,
    above: &[CA],
    leaf: SERVER,
    alone: false,
    host: "localhost",
    revoked: None,
    crls: &[],
    scope: CrlScope::Chain,
};

const OF_ROOT: (usize, Dates) = (0, VALID);
const OF_INTERMEDIATE: (usize, Dates) = (1, VALID);

const COMING: Dates = ["20450101000000Z", "20470101000000Z"];

const SERVING_CA: &str = "basicConstraints=critical,CA:TRUE\nsubjectAltName=DNS:localhost";

const fn showing(what: &'static str, leaf: Template) -> Site {
    Site { what, leaf, ..SITE }
}

const fn below(what: &'static str, above: &'static [Template]) -> Site {
    Site {
        what,
        above,
        ..SITE
    }
}

const fn of_key(what: &'static str, key: Key, above: &'static [Template]) -> Site {
    Site {
        leaf: SERVER.key(key),
        ..below(what, above)
    }
}

/// What is wrong, as `CertificateErrorKind` shows itself; a part of the remedy;
/// the alert as OpenSSL calls it.
const BAD: &[(Site, &str, &str, &str)] = &[
    (
        showing("expired", SERVER.valid(OVER)),
        "Expired",
        "must renew it",
        "certificate expired",
    ),
    (
        below("below an expired CA", &[CA.valid(OVER)]),
        "Expired",
        "must renew it",
        "certificate expired",
    ),
    (
        showing("not yet valid", SERVER.valid(COMING)),
        "NotYetValid",
        "check this machine's clock",
        "certificate expired",
    ),
    (
        Site {
            what: "of an unknown root",
            top: Top::UnknownRoot,
            ..SITE
        },
        "UnknownIssuer",
        "add the issuing CA's certificate to the roots",
        "unknown ca",
    ),
    (
        Site {
            what: "without its intermediate",
            alone: true,
            ..SITE
        },
        "IncompleteChain",
        "must send the intermediate certificates too",
        "unknown ca",
    ),
    (
        Site {
            top: Top::UnknownRoot,
            ..below("of an unknown root that is not sent", &[])
        },
        "IncompleteChain",
        "add the CA to the roots if it is your own",
        "unknown ca",
    ),
    (
        Site {
            what: "self-signed",
            top: Top::Itself,
            ..SITE
        },
        "SelfSigned",
        "pin its key",
        "unknown ca",
    ),
    (
        Site {
            top: Top::Itself,
            ..showing("self-signed and a CA", CA.saying(SERVING_CA))
        },
        "SelfSigned",
        "pin its key",
        "unknown ca",
    ),
    (
        showing(
            "for another name",
            SERVER.saying("subjectAltName=DNS:other.example,IP:192.0.2.1"),
        ),
        r#"NameMismatch { expected: "localhost", presented: ["other.example", "192.0.2.1"] }"#,
        "connect by a name that it carries",
        "bad certificate",
    ),
    (
        showing("with a common name only", SERVER.saying("")),
        r#"NameMismatch { expected: "localhost", presented: [] }"#,
        "it is for no name",
        "bad certificate",
    ),
    (
        Site {
            host: "127.0.0.1",
            ..showing(
                "for another address",
                SERVER.saying("subjectAltName=DNS:localhost,IP:192.0.2.1"),
            )
        },
        r#"AddressMismatch { expected: "127.0.0.1", presented: ["localhost", "192.0.2.1"] }"#,
        "connect by a host name that it carries",
        "bad certificate",
    ),
    (
        Site {
            what: "revoked",
            revoked: Some(2),
            crls: &[OF_INTERMEDIATE, OF_ROOT],
            ..SITE
        },
        "Revoked",
        "must replace it",
        "certificate revoked",
    ),
    (
        Site {
            what: "revoked, where only that is asked",
            revoked: Some(2),
            crls: &[OF_INTERMEDIATE],
            scope: CrlScope::Leaf,
            ..SITE
        },
        "Revoked",
        "must replace it",
        "certificate revoked",
    ),
    (
        Site {
            what: "below a revoked CA",
            revoked: Some(1),
            crls: &[OF_INTERMEDIATE, OF_ROOT],
            ..SITE
        },
        "Revoked",
        "must replace it",
        "certificate revoked",
    ),
    (
        Site {
            what: "without the CRL of its issuer",
            crls: &[OF_ROOT],
            ..SITE
        },
        "RevocationUnknown",
        "get a current CRL of each issuer",
        "unknown ca",
    ),
    (
        Site {
            what: "without the CRL of the root",
            crls: &[OF_INTERMEDIATE],
            ..SITE
        },
        "RevocationUnknown",
        "or check the server's certificate only",
        "unknown ca",
    ),
    (
        Site {
            what: "with an expired CRL",
            crls: &[(1, OVER), OF_ROOT],
            ..SITE
        },
        "RevocationUnknown",
        "get a current CRL of each issuer",
        "unknown ca",
    ),
    (
        showing("a CA's", SERVER.saying(SERVING_CA)),
        "CaUsedAsEndEntity",
        "must issue a server certificate from it",
        "certificate unknown",
    ),
    (
        below("below a server's", &[CA, SERVER]),
        "EndEntityUsedAsCa",
        "must get one from a CA",
        "certificate unknown",
    ),
    (
        showing(
            "for clients",
            SERVER.saying("extendedKeyUsage=clientAuth\nsubjectAltName=DNS:localhost"),
        ),
        "InvalidPurpose",
        "get one with the purpose serverAuth",
        "unsupported certificate",
    ),
    (
        below(
            "below a CA for other names",
            &[CA.saying("basicConstraints=critical,CA:TRUE\nnameConstraints=critical,permitted;DNS:other.example")],
        ),
        "NameConstraintViolation",
        "must get one from another CA",
        "certificate unknown",
    ),
    (
        showing("with a short key", SERVER.key(Key::Rsa1024)),
        "WeakKey",
        "must replace it by a longer one",
        "certificate unknown",
    ),
    (
        below("below a short key", &[CA.key(Key::Rsa1024)]),
        "WeakKey",
        "must replace it by a longer one",
        "certificate unknown",
    ),
    (
        Site {
            leaf: SERVER.digest("sha1"),
            ..below("signed over SHA-1", &[CA.key(Key::Rsa2048)])
        },
        "UnsupportedSignatureAlgorithm",
        "issued anew with SHA-256",
        "certificate unknown",
    ),
    (
        showing(
            "with an unknown critical extension",
            SERVER.saying("subjectAltName=DNS:localhost\n1.2.3.4=critical,ASN1:NULL"),
        ),
        "Other",
        "must replace it",
        "certificate unknown",
    ),
    (
        below(
            "below more CAs than one of them allows",
            &[
                CA.saying("basicConstraints=critical,CA:TRUE,pathlen:0"),
                CA,
            ],
        ),
        "Other",
        "must replace it",
        "certificate unknown",
    ),
];

const GOOD: &[Site] = &[
    SITE,
    of_key("P-384", Key::P384, &[CA.key(Key::P384)]),
    of_key("Ed25519", Key::Ed25519, &[CA.key(Key::Ed25519)]),
    of_key("RSA", Key::Rsa2048, &[CA.key(Key::Rsa2048)]),
    below("below the root", &[]),
    below("below two CAs", &[CA, CA]),
    Site {
        what: "for the address",
        host: "127.0.0.1",
        ..SITE
    },
    Site {
        what: "not revoked",
        crls: &[OF_INTERMEDIATE, OF_ROOT],
        ..SITE
    },
    Site {
        what: "not revoked, where only that is asked",
        crls: &[OF_INTERMEDIATE],
        scope: CrlScope::Leaf,
        ..SITE
    },
];

impl Site {
    /// The server's certificate, and the CRLs.
    fn make(&self, root: &Identity) -> (Identity, String) {
        let mut line = match self.top {
            Top::TrustedRoot => vec![root.clone()],
            Top::UnknownRoot => vec![Identity::self_signed("unknown root", CA)],
            Top::Itself => return (Identity::self_signed(self.what, self.leaf), String::new()),
        };
        for template in self.above.iter().chain([&self.leaf]) {
            let name = format!("{}, {}", self.what, line.len());
            line.push(line[line.len() - 1].issue(&name, *template));
        }
        if let Some(revoked) = self.revoked {
            line[revoked - 1].revoke(&line[revoked]);
        }
        let crls = self.crls.iter();
        let crls = crls
            .map(|(issuer, dates)| line[*issuer].crl(*dates))
            .collect();
        let server = line.pop().expect("it begins with one");
        (if self.alone { server.alone() } else { server }, crls)
    }

    /// How handshakes in both versions end, and who serves them.
    fn visit(&self, root: &Identity) -> [(Server, Result<(), Error>); 2] {
        let (identity, crls) = self.make(root);
        let config = TlsConfig::builder().roots_pem(root.pem());
        let config = match self.crls {
            [] => config,
            _ => config.crls_pem(crls).crl_scope(self.scope),
        };
        let config = config.build().unwrap();
        BOTH.map(|version| {
            // OpenSSL itself would not serve some of them.
            let server = Server::start(&identity, &[version, "-cipher", "DEFAULT@SECLEVEL=0"]);
            let connected = block_on(server.connect(&config, self.host));
            (server, connected.map(drop))
        })
    }
}

#[test]
fn a_bad_certificate_is_refused_for_what_is_wrong_with_it() {
    let root = Identity::self_signed("root", CA);
    for (site, expected, remedy, alert) in BAD {
        let what = site.what;
        for (server, connected) in site.visit(&root) {
            let error = connected.expect_err(what);
            let Error::Certificate { kind, peer, .. } = &error else {
                panic!("{what}: {error:?}");
            };
            assert_eq!(format!("{kind:?}"), *expected, "{what}");
            assert_eq!(peer, site.host, "{what}");
            assert!(error.to_string().contains(remedy), "{what}: {error}");
            server.wait_for(&format!("alert {alert}:"));
        }
    }
}

#[test]
fn a_trusted_root_with_a_short_key_is_told_from_one_that_was_made_anew() {
    let root = Identity::self_signed("weak root", CA.key(Key::Rsa1024));
    for site in [SITE, below("below a weak root", &[])] {
        for (_, connected) in site.visit(&root) {
            let error = connected.expect_err(site.what);
            assert_eq!(error.certificate_kind(), Some(&Kind::WeakKey));
        }
    }
}

#[test]
fn a_good_certificate_is_accepted() {
    let root = Identity::self_signed("root", CA);
    for site in GOOD {
        for (_, connected) in site.visit(&root) {
            connected.expect(site.what);
        }
    }
}

/// How a handshake with a server of this identity ends.
fn by(policy: Policy, identity: &Identity) -> Result<(), Error> {
    let config = TlsConfig::builder().policy(policy).build().unwrap();
    let server = Server::start(identity, &["-tls1_3", "-cipher", "DEFAULT@SECLEVEL=0"]);
    block_on(server.connect(&config, "localhost")).map(drop)
}

/// Whoever has time has its key.
#[test]
fn a_short_key_is_refused_whatever_vouches_for_it() {
    let weak = Identity::self_signed("weak", SERVER.key(Key::Rsa1024));
    let error = by(Policy::PinnedSpki(vec![[0; 32]]), &weak).unwrap_err();
    let Some(Kind::NotPinned { presented }) = error.certificate_kind() else {
        panic!("{error}");
    };
    let der = CertificateDer::from_pem_slice(weak.pem().as_bytes()).unwrap();
    for policy in [
        Policy::PinnedSpki(vec![*presented]),
        Policy::Dane(vec![TlsaRecord::new(3, 0, 0, &*der)]),
        Policy::Opportunistic,
    ] {
        let error = by(policy, &weak).unwrap_err();
        assert_eq!(error.certificate_kind(), Some(&Kind::WeakKey), "{error}");
    }
    let strong = Identity::self_signed("strong", SERVER.key(Key::Rsa2048));
    by(Policy::Opportunistic, &strong).unwrap();
}

/// It may be what says how the rest is meant.
#[test]
fn what_is_critical_and_unknown_is_refused_by_every_policy() {
    let odd =
        SERVER.saying("subjectAltName=DNS:localhost\n1.2.3.4=critical,ASN1:UTF8String:whatever");
    let odd = Identity::self_signed("odd", odd);
    let error = by(Policy::Opportunistic, &odd).unwrap_err();
    assert!(error.certificate_kind().is_some(), "{error}");
}

/// RFC 5280 section 6.1 takes a trust anchor's key and name.
#[test]
fn a_root_that_is_over_and_key_usages_are_not_looked_at() {
    let old = Identity::self_signed("old root", CA.valid(OVER));
    let odd = SERVER.saying(
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyCertSign\nsubjectAltName=DNS:localhost",
    );
    let config = TlsConfig::builder().roots_pem(old.pem()).build().unwrap();
    for (name, leaf) in [("plain", SERVER), ("odd", odd)] {
        let server = Server::start(&old.issue(name, leaf), &["-tls1_3"]);
        block_on(server.connect(&config, "localhost"))
            .map(drop)
            .unwrap();
    }
}
