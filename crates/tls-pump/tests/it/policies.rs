//! How each policy authenticates, and that none forgoes the handshake's
//! signature.

#![cfg(all(any(feature = "pure", feature = "ring"), feature = "tls12"))]

use crate::common::pki::impostor;
use crate::common::{BOTH, Ca, Identity, Pair, TLS13};
use rcgen::{CertificateParams, PublicKeyData as _};
use sha2::{Digest as _, Sha256, Sha512};
use tls_pump::rustls::{AlertDescription, Error as RustlsError};
use tls_pump::{
    CertificateErrorKind as Kind, Error, Policy, TlsConfig, TlsConfigBuilder, TlsaRecord,
};

fn client(policy: Policy) -> TlsConfig {
    // Nothing of what a test presents is signed by this one.
    Ca::named("a root of no concern").client_with(|builder| builder.policy(policy))
}

fn spki(identity: &Identity) -> Vec<u8> {
    identity.key.subject_public_key_info()
}

fn pin(identity: &Identity) -> [u8; 32] {
    Sha256::digest(spki(identity)).into()
}

/// The kind of the refusal, and the alert that came of it; `None` when the
/// server is accepted.
fn verdict(client: &TlsConfig, identity: &Identity) -> Option<(Kind, AlertDescription)> {
    let [first, second] = BOTH.map(|version| {
        let mut pair = Pair::new(client, &identity.server(&[version]));
        let error = pair.handshake().err()?;
        pair.server.pump();
        let Some(RustlsError::AlertReceived(alert)) = pair.server.error else {
            panic!("{error}: {:?}", pair.server.error);
        };
        let kind = error
            .certificate_kind()
            .unwrap_or_else(|| panic!("{error}"));
        Some((kind.clone(), alert))
    });
    assert_eq!(first, second, "TLS 1.3 against 1.2");
    first
}

fn kind(client: &TlsConfig, identity: &Identity) -> Option<Kind> {
    verdict(client, identity).map(|(kind, _)| kind)
}

/// Wrong in every way that a chain could be.
fn wrong(params: &mut CertificateParams) {
    let serial = params.serial_number.take();
    let name = params.distinguished_name.clone();
    *params = CertificateParams::new(["other.example".to_owned()]).unwrap();
    (params.serial_number, params.distinguished_name) = (serial, name);
    params.not_after = rcgen::date_time_ymd(2001, 2, 3);
}

#[test]
fn a_pinned_key_needs_nothing_else() {
    let identity = Identity::self_signed(wrong);
    let other = Identity::self_signed(|_| ());
    assert_eq!(
        kind(&client(Policy::PinnedSpki(vec![pin(&identity)])), &identity),
        None
    );
    let two = Policy::PinnedSpki(vec![pin(&other), pin(&identity)]);
    assert_eq!(kind(&client(two), &identity), None);

    let client = client(Policy::PinnedSpki(vec![pin(&other)]));
    let presented = pin(&identity);
    let (kind, alert) = verdict(&client, &identity).unwrap();
    assert_eq!(kind, Kind::NotPinned { presented });
    assert_eq!(alert, AlertDescription::CertificateUnknown);
    // The text has the pin that would fit, as `sha256sum` prints it.
    let hex: String = presented.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(kind.to_string().ends_with(&format!("pin {hex}")), "{kind}");
}

#[test]
fn opportunistic_takes_any_certificate() {
    let client = client(Policy::Opportunistic);
    for identity in [
        Identity::self_signed(wrong),
        Ca::named("nobody").issue(wrong),
        Ca::named("nobody").issue(|params| params.is_ca = rcgen::IsCa::ExplicitNoCa),
    ] {
        assert_eq!(kind(&client, &identity), None);
    }
}

/// A record for one certificate, with the data that each selector and matching
/// type asks for.
fn record(usage: u8, selector: u8, matching_type: u8, der: &[u8], spki: &[u8]) -> TlsaRecord {
    let selected = [der, spki][usize::from(selector)];
    let data = match matching_type {
        0 => selected.to_vec(),
        1 => Sha256::digest(selected).to_vec(),
        _ => Sha512::digest(selected).to_vec(),
    };
    TlsaRecord::new(usage, selector, matching_type, data)
}

fn of_leaf(usage: u8, selector: u8, matching_type: u8, identity: &Identity) -> TlsaRecord {
    record(
        usage,
        selector,
        matching_type,
        &identity.chain[0],
        &spki(identity),
    )
}

fn of_ca(usage: u8, selector: u8, matching_type: u8, ca: &Ca) -> TlsaRecord {
    record(usage, selector, matching_type, &ca.der(), &ca.spki())
}

fn dane(records: impl IntoIterator<Item = TlsaRecord>) -> Policy {
    Policy::Dane(records.into_iter().collect())
}

/// All selectors and matching types.
fn all_kinds() -> impl Iterator<Item = (u8, u8)> {
    (0..=1).flat_map(|selector| (0..=2).map(move |matching| (selector, matching)))
}

#[test]
fn dane_ee_needs_nothing_but_a_match() {
    let identity = Identity::self_signed(wrong);
    let other = Identity::self_signed(|_| ());
    for (selector, matching) in all_kinds() {
        let fits = of_leaf(3, selector, matching, &identity);
        let fits_not = of_leaf(3, selector, matching, &other);
        assert_eq!(
            kind(&client(dane([fits.clone()])), &identity),
            None,
            "{fits}"
        );
        let both = dane([fits_not.clone(), fits]);
        assert_eq!(kind(&client(both), &identity), None);
        let (kind, alert) = verdict(&client(dane([fits_not])), &identity).unwrap();
        assert_eq!(kind, Kind::NoTlsaMatch);
        assert_eq!(alert, AlertDescription::CertificateUnknown);
        assert!(kind.to_string().contains("must publish a record of it"));
    }
}

#[test]
fn dane_ta_takes_the_place_of_the_roots() {
    let root = Ca::new();
    let middle = root.below(|_| ());
    let issue = |change: fn(&mut CertificateParams)| middle.issue(change).with(&[&middle, &root]);
    let good = issue(|_| ());
    for ca in [&middle, &root] {
        for (selector, matching) in all_kinds() {
            let client = client(dane([of_ca(2, selector, matching, ca)]));
            assert_eq!(kind(&client, &good), None, "{selector} {matching}");
            // Name and dates count here (RFC 7671 section 5.2).
            let expired = issue(|params| params.not_after = rcgen::date_time_ymd(2001, 2, 3));
            assert_eq!(kind(&client, &expired), Some(Kind::Expired));
            let misnamed = issue(|params| {
                params.subject_alt_names =
                    vec![rcgen::SanType::DnsName("a.example".try_into().unwrap())];
            });
            assert!(matches!(
                kind(&client, &misnamed),
                Some(Kind::NameMismatch { .. })
            ));
            // The authority has to be sent, unless it stands in the record.
            let unsent = middle.issue(|_| ());
            let expected = match ca.der() == middle.der() && (selector, matching) == (0, 0) {
                true => None,
                false if (selector, matching) == (0, 0) => Some(Kind::IncompleteChain),
                false => Some(Kind::NoTlsaMatch),
            };
            assert_eq!(kind(&client, &unsent), expected, "{selector} {matching}");
        }
    }
    // It is the issuer's record, not the leaf's; and no chain leads to another.
    let client_of = |record| client(dane([record]));
    let of_leaf = of_leaf(2, 1, 1, &good);
    assert_eq!(kind(&client_of(of_leaf), &good), Some(Kind::NoTlsaMatch));
    let other = Ca::named("another root");
    let beside = middle.issue(|_| ()).with(&[&middle, &other]);
    assert!(kind(&client_of(of_ca(2, 1, 1, &other)), &beside).is_some());
}

#[test]
fn pkix_ee_needs_the_roots_and_a_match() {
    let root = Ca::new();
    let (good, other) = (root.issue(|_| ()), root.issue(|_| ()));
    for (selector, matching) in all_kinds() {
        let fits = of_leaf(1, selector, matching, &good);
        let trusting = root.client_with(|builder| builder.policy(dane([fits.clone()])));
        assert_eq!(kind(&trusting, &good), None);
        assert_eq!(kind(&trusting, &other), Some(Kind::NoTlsaMatch));
        assert_eq!(
            kind(&client(dane([fits])), &good),
            Some(Kind::IncompleteChain)
        );
    }
}

#[test]
fn pkix_ta_needs_the_roots_and_a_path_through_the_match() {
    let root = Ca::new();
    let middle = root.below(|_| ());
    let good = middle.issue(|_| ()).with(&[&middle, &root]);
    let rootless = middle.issue(|_| ()).with(&[&middle]);
    for (selector, matching) in all_kinds() {
        for ca in [&middle, &root] {
            let record = of_ca(0, selector, matching, ca);
            let trusting = root.client_with(|builder| builder.policy(dane([record.clone()])));
            assert_eq!(kind(&trusting, &good), None, "{record}");
            // Of a root that is not sent only the key is known.
            let expected = (ca.der() == root.der() && selector == 0).then_some(Kind::NoTlsaMatch);
            assert_eq!(kind(&trusting, &rootless), expected, "{record}");
            assert_eq!(
                kind(&client(dane([record])), &good),
                Some(Kind::UnknownIssuer)
            );
        }
    }
    // One that is sent but not on the path, and the leaf itself, do not count.
    let other = root.below(|params| {
        params
            .distinguished_name
            .push(rcgen::DnType::OrganizationName, "x");
    });
    let beside = middle.issue(|_| ()).with(&[&other, &middle]);
    for record in [of_ca(0, 1, 1, &other), of_leaf(0, 1, 1, &beside)] {
        let trusting = root.client_with(|builder| builder.policy(dane([record])));
        assert_eq!(kind(&trusting, &beside), Some(Kind::NoTlsaMatch));
    }
}

#[test]
fn crls_count_where_a_chain_is_checked_and_nowhere_else() {
    let root = Ca::new();
    let revoked = root.issue(|params| params.serial_number = Some(7.into()));
    let revoked = revoked.with(&[&root]);
    let crl = root.crl(&[7], 4000);
    for (policy, counts) in [
        (Policy::Full, true),
        (dane([of_ca(0, 1, 1, &root)]), true),
        (dane([of_leaf(1, 1, 1, &revoked)]), true),
        (dane([of_ca(2, 1, 1, &root)]), true),
        (dane([of_leaf(3, 1, 1, &revoked)]), false),
        (Policy::PinnedSpki(vec![pin(&revoked)]), false),
        (Policy::Opportunistic, false),
    ] {
        let change = |builder: TlsConfigBuilder| builder.policy(policy.clone());
        let client = root.client_with(|builder| change(builder).crls_pem(crl.as_str()));
        let expected = counts.then_some(Kind::Revoked);
        assert_eq!(kind(&client, &revoked), expected, "{policy:?}");
    }
}

#[test]
fn names_and_dates_count_beside_the_records_of_pkix() {
    let root = Ca::new();
    let expired = root.issue(|params| params.not_after = rcgen::date_time_ymd(2001, 2, 3));
    let misnamed = root.issue(|params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("a.example".try_into().unwrap())];
    });
    let (expired, misnamed) = (expired.with(&[&root]), misnamed.with(&[&root]));
    let refusals = |identity: &Identity| {
        let records = [of_ca(0, 1, 1, &root), of_leaf(1, 1, 1, identity)];
        records.map(|record| {
            let client = root.client_with(|builder| builder.policy(dane([record])));
            kind(&client, identity).expect("it is refused")
        })
    };
    assert_eq!(refusals(&expired), [Kind::Expired, Kind::Expired]);
    for refusal in refusals(&misnamed) {
        assert!(matches!(refusal, Kind::NameMismatch { .. }), "{refusal}");
    }
}

/// RFC 7671 section 5.2.2: it is in the record's place of trust, as a root is.
#[test]
fn the_dates_of_an_issuer_that_a_record_names_do_not_count() {
    let root = Ca::new();
    let old = root.below(|params| params.not_after = rcgen::date_time_ymd(2001, 2, 3));
    let identity = old.issue(|_| ()).with(&[&old, &root]);
    let client = client(dane([of_ca(2, 1, 1, &old)]));
    assert_eq!(kind(&client, &identity), None);
}

#[test]
fn policies_that_could_accept_nobody_make_no_config() {
    for policy in [
        Policy::PinnedSpki(Vec::new()),
        dane([]),
        dane([TlsaRecord::new(3, 1, 1, [0; 31])]),
        dane([TlsaRecord::new(9, 1, 0, [1])]),
    ] {
        let builder = TlsConfig::builder().roots_pem(Ca::new().pem());
        let error = builder.policy(policy).build().unwrap_err();
        assert!(matches!(error, Error::InvalidPolicy { .. }), "{error}");
        assert_eq!(error.io_kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[test]
fn roots_are_asked_for_only_where_they_count() {
    let pinned = TlsConfig::builder().policy(Policy::PinnedSpki(vec![[0; 32]]));
    pinned.build().unwrap();
    let needing = TlsConfig::builder().roots_pem("").policy(Policy::Full);
    needing.build().unwrap_err();
}

#[test]
fn every_policy_checks_the_signature_over_the_handshake() {
    let root = Ca::new();
    let victim = root.issue(|_| ());
    for policy in [
        Policy::Full,
        Policy::PinnedSpki(vec![pin(&victim)]),
        dane([of_leaf(3, 1, 1, &victim)]),
        dane([of_leaf(1, 1, 1, &victim)]),
        dane([of_ca(2, 0, 0, &root)]),
        dane([of_ca(0, 1, 1, &root)]),
        Policy::Opportunistic,
    ] {
        let client = root.client_with(|builder| builder.policy(policy.clone()));
        assert_eq!(kind(&client, &victim), None, "{policy:?}");
        for version in BOTH {
            let mut pair = Pair::new(&client, &impostor(&victim.chain, version));
            let error = pair.handshake().unwrap_err();
            assert_eq!(
                error.certificate_kind(),
                Some(&Kind::BadSignature),
                "{policy:?}"
            );
            pair.server.pump();
            assert_eq!(
                pair.server.error,
                Some(RustlsError::AlertReceived(AlertDescription::DecryptError))
            );
        }
    }
}

#[test]
fn a_refusal_is_not_taken_for_a_later_one() {
    let root = Ca::new();
    let strict = root.client();
    let mut refused = Pair::new(&strict, &Identity::self_signed(|_| ()).server(&[&TLS13]));
    assert!(
        refused
            .handshake()
            .unwrap_err()
            .certificate_kind()
            .is_some()
    );
    let victim = root.issue(|_| ());
    let mut pair = Pair::new(&strict, &impostor(&victim.chain, &TLS13));
    let error = pair.handshake().unwrap_err();
    assert_eq!(error.certificate_kind(), Some(&Kind::BadSignature));
}
