//! Each fault of a server's certificate: its kind, its sentence, its alert.

#![cfg(all(any(feature = "pure", feature = "ring"), feature = "tls12"))]

use crate::common::pki::{Version, impostor};
use crate::common::{BOTH, Ca, Identity, NAME, Pair, TLS13};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, NameConstraints};
use std::error::Error as _;
use std::io;
use tls_pump::rustls::pki_types::{CertificateDer, UnixTime};
use tls_pump::rustls::{self, AlertDescription};
use tls_pump::{CertificateErrorKind as Kind, CrlScope, Error, TlsConfig};

/// Does a handshake that must fail; its error's kind and text, and the alert
/// that the server was sent.
fn refused(mut pair: Pair) -> (Kind, String, AlertDescription) {
    let error = pair.handshake().unwrap_err();
    assert_eq!(error.io_kind(), io::ErrorKind::InvalidData);
    assert!(error.source().is_some());
    let kind = error.certificate_kind().expect("a certificate is refused");
    let text = error.to_string();
    assert!(text.contains(&kind.to_string()), "{text}");
    for _ in 0..2 {
        assert_eq!(pair.handshake().unwrap_err().to_string(), text);
        assert_eq!(pair.read().unwrap_err().to_string(), text);
        assert_eq!(pair.write(b"x").unwrap_err().to_string(), text);
    }
    pair.server.pump();
    let alert = match pair.server.error.take() {
        Some(rustls::Error::AlertReceived(alert)) => alert,
        other => panic!("{other:?}"),
    };
    pair.close().unwrap();
    (kind.clone(), text, alert)
}

/// Every server that `client` talks to shows `identity`, in both versions.
#[track_caller]
fn assert_refused(
    client: &TlsConfig,
    identity: &Identity,
    kind: &Kind,
    alert: AlertDescription,
    remedy: &str,
) {
    for version in BOTH {
        let (found, text, told) = refused(Pair::new(client, &identity.server(&[version])));
        assert_eq!((&found, told), (kind, alert), "{text}");
        assert!(text.contains(remedy), "{text}");
    }
}

fn assert_accepted(client: &TlsConfig, identity: &Identity) {
    for version in BOTH {
        Pair::new(client, &identity.server(&[version]))
            .handshake()
            .unwrap();
    }
}

#[test]
fn a_chain_with_intermediates_is_accepted() {
    let root = Ca::new();
    let middle = root.below(|_| ());
    let identity = middle.issue(|_| ()).with(&[&middle]);
    assert_accepted(&root.client(), &identity);
    // In any order, with the root, and with what does not belong there.
    let other = Ca::named("another root");
    let identity = middle.issue(|_| ()).with(&[&other, &root, &middle]);
    assert_accepted(&root.client(), &identity);
}

#[test]
fn expired() {
    let root = Ca::new();
    let over = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2001, 2, 3);
    let alert = AlertDescription::CertificateExpired;
    let renew = "owner must renew it";
    let identity = root.issue(over);
    assert_refused(&root.client(), &identity, &Kind::Expired, alert, renew);
    let middle = root.below(over);
    let identity = middle.issue(|_| ()).with(&[&middle]);
    assert_refused(&root.client(), &identity, &Kind::Expired, alert, renew);
}

#[test]
fn not_yet_valid() {
    let root = Ca::new();
    let identity = root.issue(|params| params.not_before = rcgen::date_time_ymd(4000, 1, 1));
    assert_refused(
        &root.client(),
        &identity,
        &Kind::NotYetValid,
        AlertDescription::CertificateExpired,
        "check this machine's clock",
    );
}

#[test]
fn unknown_ca() {
    let root = Ca::named("another root");
    let middle = root.below(|_| ());
    let identity = middle.issue(|_| ()).with(&[&middle]);
    assert_refused(
        &Ca::new().client(),
        &identity,
        &Kind::UnknownIssuer,
        AlertDescription::UnknownCA,
        "add the issuing CA's certificate to the roots",
    );
}

#[test]
fn missing_intermediate() {
    let root = Ca::new();
    let middle = root.below(|_| ());
    for identity in [
        middle.issue(|_| ()),
        middle.issue(|_| ()).with(&[&root]),
        // From here it looks the same.
        Ca::named("another root").issue(|_| ()),
    ] {
        assert_refused(
            &root.client(),
            &identity,
            &Kind::IncompleteChain,
            AlertDescription::UnknownCA,
            "must send the intermediate certificates",
        );
    }
}

#[test]
fn self_signed() {
    let root = Ca::new();
    let as_ca = |params: &mut CertificateParams| {
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    };
    for identity in [Identity::self_signed(|_| ()), Identity::self_signed(as_ca)] {
        assert_refused(
            &root.client(),
            &identity,
            &Kind::SelfSigned,
            AlertDescription::UnknownCA,
            "pin its key",
        );
    }
    // One that is trusted itself is a server's certificate like any other.
    let identity = Identity::self_signed(|_| ());
    let builder = TlsConfig::builder().roots_pem(identity.chain_pem());
    assert_accepted(&builder.build().unwrap(), &identity);
}

#[test]
fn ca_as_leaf() {
    let root = Ca::new();
    let as_ca = |params: &mut CertificateParams| {
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    };
    assert_refused(
        &root.client(),
        &root.issue(as_ca),
        &Kind::CaUsedAsEndEntity,
        AlertDescription::CertificateUnknown,
        "must issue a server certificate from it",
    );
}

/// As Proton Mail Bridge has one, and any whose issuer nobody has.
#[test]
fn a_servers_own_certificate_is_trusted_octet_for_octet() {
    let as_ca = |params: &mut CertificateParams| {
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    };
    let root = Ca::new();
    let trusting = |identity: &Identity| {
        let builder = TlsConfig::builder().roots_pem(root.pem() + &identity.chain_pem());
        builder.build().unwrap()
    };
    for identity in [
        Identity::self_signed(as_ca),
        Ca::named("unknown").issue(as_ca),
        Ca::named("unknown").issue(|_| ()),
    ] {
        assert_accepted(&trusting(&identity), &identity);
    }
    // Of others like it nothing is known.
    assert_refused(
        &trusting(&Identity::self_signed(as_ca)),
        &Identity::self_signed(as_ca),
        &Kind::SelfSigned,
        AlertDescription::UnknownCA,
        "pin its key",
    );
    let another_name = |params: &mut CertificateParams| {
        as_ca(params);
        params.subject_alt_names =
            vec![rcgen::SanType::DnsName("other.example".try_into().unwrap())];
    };
    let expired = |params: &mut CertificateParams| {
        as_ca(params);
        params.not_after = rcgen::date_time_ymd(2001, 2, 3);
    };
    let kind_of = |identity: Identity| {
        refused(Pair::new(&trusting(&identity), &identity.server(&[&TLS13]))).0
    };
    let kind = kind_of(Identity::self_signed(another_name));
    assert!(matches!(kind, Kind::NameMismatch { .. }), "{kind:?}");
    assert_eq!(kind_of(Identity::self_signed(expired)), Kind::Expired);
    // As for any other, by a policy that was named.
    let named = Identity::self_signed(as_ca);
    let client = TlsConfig::builder().roots_pem(named.chain_pem());
    let client = client.policy(tls_pump::Policy::Full).build().unwrap();
    assert_accepted(&client, &named);
}

/// webpki minds that it is a CA's before it looks at a CRL.
#[test]
fn a_crl_that_names_a_servers_own_certificate_counts() {
    let root = Ca::new();
    let own = root.issue(|params| {
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.serial_number = Some(7.into());
    });
    let client = |serials: &[u8]| {
        let builder = TlsConfig::builder().roots_pem(root.pem() + &own.chain_pem());
        builder.crls_pem(root.crl(serials, 4000)).build().unwrap()
    };
    assert_accepted(&client(&[8]), &own);
    assert_refused(
        &client(&[7]),
        &own,
        &Kind::Revoked,
        AlertDescription::CertificateRevoked,
        "must replace it",
    );
}

#[test]
fn leaf_as_ca() {
    let root = Ca::new();
    let no_ca = root.below(|params| params.is_ca = IsCa::ExplicitNoCa);
    assert_refused(
        &root.client(),
        &no_ca.issue(|_| ()).with(&[&no_ca]),
        &Kind::EndEntityUsedAsCa,
        AlertDescription::CertificateUnknown,
        "must get one from a CA",
    );
}

#[test]
fn client_purpose() {
    let root = Ca::new();
    let identity = root.issue(|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    assert_refused(
        &root.client(),
        &identity,
        &Kind::InvalidPurpose,
        AlertDescription::UnsupportedCertificate,
        "the purpose serverAuth",
    );
}

#[test]
fn name_constraint() {
    let root = Ca::new();
    let middle = root.below(|params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("other.example".into())],
            excluded_subtrees: Vec::new(),
        });
    });
    assert_refused(
        &root.client(),
        &middle.issue(|_| ()).with(&[&middle]),
        &Kind::NameConstraintViolation,
        AlertDescription::CertificateUnknown,
        "from another CA",
    );
}

#[test]
fn malformed() {
    let root = Ca::new();
    let good = root.issue(|_| ()).chain.remove(0);
    let cut_short = CertificateDer::from(good[..good.len() - 1].to_vec());
    for shown in [CertificateDer::from(&b"no DER"[..]), cut_short] {
        for version in BOTH {
            let server = impostor(std::slice::from_ref(&shown), version);
            let (kind, text, alert) = refused(Pair::new(&root.client(), &server));
            assert_eq!(
                (kind, alert),
                (Kind::Other, AlertDescription::BadCertificate)
            );
            assert!(text.contains("must replace it"), "{text}");
        }
    }
}

#[test]
fn an_issuer_of_the_same_name_with_another_key() {
    let (old, new) = (Ca::named("one root"), Ca::named("one root"));
    assert_refused(
        &old.client(),
        &new.issue(|_| ()),
        &Kind::BadSignature,
        AlertDescription::DecryptError,
        "replace the old one in the roots",
    );
}

#[test]
fn wrong_name_and_wrong_ip() {
    let root = Ca::new();
    let names = ["a.example", "*.b.example", "192.0.2.1"];
    let identity = root.issue(|params| {
        *params = CertificateParams::new(names.map(String::from)).unwrap();
    });
    let server = identity.server(&[&TLS13]);
    let presented = names.map(String::from).to_vec();
    let (kind, text, alert) = refused(Pair::new(&root.client(), &server));
    let expected = NAME.to_owned();
    assert_eq!(
        kind,
        Kind::NameMismatch {
            expected,
            presented: presented.clone()
        }
    );
    assert_eq!(alert, AlertDescription::BadCertificate);
    assert!(text.ends_with(
        "it is for a.example, *.b.example, 192.0.2.1, not for mail.example; connect by a name that it carries"
    ));
    for address in ["192.0.2.2", "2001:db8::1"] {
        let pair = Pair::with_name(&root.client(), &server, address);
        let (kind, text, alert) = refused(pair);
        let expected = address.to_owned();
        assert_eq!(
            kind,
            Kind::AddressMismatch {
                expected,
                presented: presented.clone()
            }
        );
        assert_eq!(alert, AlertDescription::BadCertificate);
        assert!(text.contains("connect by a host name that it carries"));
    }
    for name in [
        "a.example",
        "a.example.",
        "x.b.example",
        "192.0.2.1",
        "[192.0.2.1]",
    ] {
        let mut pair = Pair::with_name(&root.client(), &server, name);
        pair.handshake().unwrap();
    }
}

#[test]
fn what_the_peer_chose_reaches_no_terminal_as_it_is() {
    let root = Ca::new();
    let presented = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let identity = root.issue(|params| *params = CertificateParams::new(names).unwrap());
        let pair = Pair::new(&root.client(), &identity.server(&[&TLS13]));
        match refused(pair).0 {
            Kind::NameMismatch { presented, .. } => presented,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(presented(&["a\x1b[31m.example"]), ["a\\u{1b}[31m.example"]);
    assert_eq!(presented(&[]), [""; 0]);
}

#[test]
fn revoked() {
    let root = Ca::new();
    let middle = root.below(|params| params.serial_number = Some(7.into()));
    let serial = |number: u64| {
        move |params: &mut CertificateParams| params.serial_number = Some(number.into())
    };
    let (good, bad) = (
        middle.issue(serial(1)).with(&[&middle]),
        middle.issue(serial(2)).with(&[&middle]),
    );
    let client = |crls: &[String], scope: CrlScope| {
        root.client_with(|builder| builder.crls_pem(crls.concat()).crl_scope(scope))
    };
    let (of_root, of_middle) = (root.crl(&[], 4000), middle.crl(&[2], 4000));
    let alert = AlertDescription::CertificateRevoked;
    let both = client(&[of_root.clone(), of_middle.clone()], CrlScope::Chain);
    assert_accepted(&both, &good);
    assert_refused(&both, &bad, &Kind::Revoked, alert, "must replace it");

    let leaf = client(std::slice::from_ref(&of_middle), CrlScope::Leaf);
    assert_accepted(&leaf, &good);
    assert_refused(&leaf, &bad, &Kind::Revoked, alert, "must replace it");

    let middle_revoked = client(&[root.crl(&[7], 4000), of_middle.clone()], CrlScope::Chain);
    assert_refused(
        &middle_revoked,
        &good,
        &Kind::Revoked,
        alert,
        "must replace it",
    );

    // What no current list speaks of may be revoked.
    let forged = Ca::named("test intermediate").crl(&[], 4000);
    for crls in [
        vec![of_middle.clone()],
        vec![of_root.clone()],
        vec![of_root.clone(), middle.crl(&[], 2021)],
        vec![of_root.clone(), forged],
    ] {
        assert_refused(
            &client(&crls, CrlScope::Chain),
            &good,
            &Kind::RevocationUnknown,
            AlertDescription::UnknownCA,
            "get a current CRL",
        );
    }
}

#[test]
fn crls_are_read_strictly() {
    let root = Ca::new();
    let crl = root.crl(&[1], 4000);
    let damaged = crl.replace("MII", "AAA").replace("MIH", "AAA");
    assert_ne!(damaged, crl);
    let (head, _) = crl.split_once("-----END").unwrap();
    for (pem, remedy) in [
        (String::new(), "openssl crl"),
        (root.pem(), "openssl crl"),
        (head.to_owned(), "get it again"),
        (damaged, "get a complete CRL"),
    ] {
        let builder = TlsConfig::builder().roots_pem(root.pem());
        let error = builder.crls_pem(pem).build().unwrap_err();
        assert!(matches!(error, Error::InvalidCrls { .. }), "{error}");
        assert_eq!(error.io_kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(remedy), "{error}");
    }
}

fn at(seconds: u64) -> impl Fn() -> Option<UnixTime> + Send + Sync {
    move || {
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(
            seconds,
        )))
    }
}

fn handshake_at(version: Version, seconds: u64) -> Result<(), Error> {
    let root = Ca::new();
    let identity = root.issue(|params| params.not_before = rcgen::date_time_ymd(2001, 1, 1));
    let client = root.client_with(|builder| builder.time_provider(at(seconds)));
    Pair::new(&client, &identity.server(&[version])).handshake()
}

#[test]
fn wall_clock_at_0() {
    for version in BOTH {
        let error = handshake_at(version, 0).unwrap_err();
        assert!(
            matches!(error, Error::ClockNotSet { now: Some(0) }),
            "{error}"
        );
        assert_eq!(error.io_kind(), io::ErrorKind::Other);
        assert!(error.to_string().contains("set it"), "{error}");
        // A time before this crate is no fault if the certificate was valid then.
        handshake_at(version, 1_000_000_000).unwrap();
    }
    let root = Ca::new();
    let client = root.client_with(|builder| builder.time_provider(|| None));
    let mut pair = Pair::new(&client, &root.server(&TLS13));
    let error = pair.handshake().unwrap_err();
    assert!(matches!(error, Error::ClockNotSet { .. }), "{error}");
}
