//! How long a verification of the server's certificate counts, by way of resumption.

#![cfg(all(
    any(feature = "pure", feature = "ring"),
    feature = "server",
    feature = "tls12"
))]

use crate::common::{BOTH, Ca, Identity, NAME, Pair, TLS13, take};
use rcgen::{BasicConstraints, CertificateParams, IsCa, PublicKeyData as _, SanType};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tls_pump::rustls::ServerConfig;
use tls_pump::rustls::pki_types::UnixTime;
use tls_pump::{Engine, Error, Policy, TlsConfig, TlsConfigBuilder};

const HOUR: u64 = 60 * 60;

/// 2030-12-31, noon: half a day before what expires with the year.
const NOON: u64 = 1_924_948_800;

#[derive(Clone)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(NOON)))
    }

    fn set(&self, seconds: u64) {
        self.0.store(NOON + seconds, Ordering::Relaxed);
    }

    fn on(&self, builder: TlsConfigBuilder) -> TlsConfigBuilder {
        let clock = self.clone();
        builder.time_provider(move || {
            let now = clock.0.load(Ordering::Relaxed);
            Some(UnixTime::since_unix_epoch(Duration::from_secs(now)))
        })
    }
}

/// Whether a handshake is a resumed one.
fn resumes(client: &TlsConfig, server: &Arc<ServerConfig>) -> Result<bool, Error> {
    let mut pair = Pair::with_name(client, server, NAME);
    pair.handshake()?;
    // A ticket comes with what is read.
    pair.write_all(b"x").expect("an open connection");
    pair.read_exact(1).expect("an echo");
    Ok(pair.stream.connection_info().expect("it is done").resumed)
}

/// Each resumed handshake brings fresh tickets.
#[test]
fn a_verification_counts_for_a_day_however_often_it_is_resumed() {
    let ca = Ca::new();
    for version in BOTH {
        let clock = Clock::new();
        let client = ca.client_with(|builder| clock.on(builder));
        let server = ca.server(version);
        let resumed: Vec<_> = (0..24)
            .map(|step| {
                clock.set(step * 5 * HOUR);
                resumes(&client, &server).expect("it is valid")
            })
            .collect();
        // 0, 5, 10, 15 and 20 hours, and anew after 25.
        let day = [false, true, true, true, true];
        assert_eq!(resumed, day.repeat(5)[..24]);
        clock.set(24 * 5 * HOUR - 1);
        resumes(&client, &server).expect("it is valid");
    }
}

#[test]
fn a_day_is_over_after_its_last_second() {
    let ca = Ca::new();
    for version in BOTH {
        for (last, expected) in [(24 * HOUR - 1, true), (24 * HOUR, false)] {
            let clock = Clock::new();
            let client = ca.client_with(|builder| clock.on(builder));
            let server = ca.server(version);
            assert!(!resumes(&client, &server).expect("it is valid"));
            clock.set(last);
            assert_eq!(resumes(&client, &server).expect("it is valid"), expected);
        }
    }
}

#[test]
fn nothing_is_resumed_once_what_was_verified_has_expired() {
    let end = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2031, 1, 1);
    let ca = Ca::new();
    let between = ca.below(end);
    let (expiring, whole) = (ca.issue(end), ca.issue(|_| ()));
    let below = between.issue(|_| ()).with(&[&between]);
    let own = Identity::self_signed(|params| {
        end(params);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    let own_pem = own.chain_pem();
    let crl = ca.crl(&[], 2031);
    type Change<'a> = &'a dyn Fn(TlsConfigBuilder) -> TlsConfigBuilder;
    let cases: [(&str, &Identity, Change<'_>); 4] = [
        ("the server's certificate", &expiring, &|builder| builder),
        ("one between", &below, &|builder| builder),
        ("a CRL", &whole, &|builder| builder.crls_pem(crl.as_str())),
        ("the server's own", &own, &|builder| {
            builder.roots_pem(own_pem.as_str())
        }),
    ];
    for version in BOTH {
        for (what, identity, change) in &cases {
            let clock = Clock::new();
            let client = ca.client_with(|builder| change(clock.on(builder)));
            let server = identity.server(&[version]);
            assert!(!resumes(&client, &server).expect(what), "{what}");
            clock.set(12 * HOUR - 1);
            assert!(resumes(&client, &server).expect(what), "{what}");
            // By its last second a certificate is verified anew.
            clock.set(12 * HOUR + 1);
            let error = resumes(&client, &server).expect_err(what);
            assert!(error.certificate_kind().is_some(), "{what}: {error}");
        }
    }
}

/// Pinned keys count whatever the dates; a day they count like all.
#[test]
fn where_no_dates_are_checked_none_ends_it() {
    let end = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let ca = Ca::new();
    let identity = ca.issue(end);
    for policy in [
        Policy::Opportunistic,
        Policy::PinnedSpki(vec![
            Sha256::digest(identity.key.subject_public_key_info()).into(),
        ]),
    ] {
        let clock = Clock::new();
        let client = ca.client_with(|builder| clock.on(builder.policy(policy)));
        let server = identity.server(&[&TLS13]);
        let resumed = [0, 23, 25, 30].map(|hours| {
            clock.set(hours * HOUR);
            resumes(&client, &server).expect("it is pinned, or anybody")
        });
        assert_eq!(resumed, [false, true, false, true]);
    }
}

/// Each is used once.
#[test]
fn eight_tickets_of_a_server_are_kept() {
    let ca = Ca::new();
    let (client, server) = (ca.client(), ca.server(&TLS13));
    let with_tickets = |count| {
        let mut server = ServerConfig::clone(&server);
        server.send_tls13_tickets = count;
        Arc::new(server)
    };
    assert!(!resumes(&client, &with_tickets(20)).expect("it is valid"));
    let without = with_tickets(0);
    let resumed = (0..20).filter(|_| resumes(&client, &without).expect("it is valid"));
    assert_eq!(resumed.count(), 8);
}

/// The extensions of a ClientHello that leaves in one record.
fn extensions(hello: &[u8]) -> Vec<u16> {
    let word = |at: usize| usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
    // The headers of record and message, the version and the random.
    let mut at = 5 + 4 + 2 + 32;
    at += 1 + usize::from(hello[at]);
    at += 2 + word(at);
    at += 1 + usize::from(hello[at]) + 2;
    let mut extensions = Vec::new();
    while at < hello.len() {
        extensions.push(word(at) as u16);
        at += 4 + word(at + 2);
    }
    extensions
}

/// Others could repeat it.
#[test]
fn no_early_data_is_offered() {
    const PRE_SHARED_KEY: u16 = 41;
    const EARLY_DATA: u16 = 42;
    let ca = Ca::new();
    let (client, mut server) = (ca.client(), ServerConfig::clone(&ca.server(&TLS13)));
    server.max_early_data_size = 16_384;
    assert!(!resumes(&client, &Arc::new(server)).expect("it is valid"));
    let mut engine = Engine::new(&client, NAME).expect("a name");
    let extensions = extensions(&take(&mut engine));
    assert!(extensions.contains(&PRE_SHARED_KEY), "{extensions:?}");
    assert!(!extensions.contains(&EARLY_DATA), "{extensions:?}");
}

#[test]
fn the_server_that_came_first_goes_first() {
    let ca = Ca::new();
    let client = ca.client_with(|builder| builder.sessions(2));
    let server = ca
        .issue(|params| params.subject_alt_names = names(&["a", "b", "c"]))
        .server(&[&TLS13]);
    let resumes = |name: &str| {
        let mut pair = Pair::with_name(&client, &server, name);
        pair.handshake().expect("a server of that name");
        pair.write_all(b"x").expect("an open connection");
        pair.read_exact(1).expect("an echo");
        pair.stream.connection_info().expect("it is done").resumed
    };
    assert_eq!(
        ["a", "b", "a", "b"].map(resumes),
        [false, false, true, true]
    );
    assert_eq!(
        ["c", "b", "a", "c"].map(resumes),
        [false, true, false, true]
    );
    assert!(!resumes("b"), "it went for a");
}

fn names(names: &[&str]) -> Vec<SanType> {
    let names = names
        .iter()
        .map(|name| SanType::DnsName((*name).try_into().expect("a name")));
    names.collect()
}
