//! Every suite, group, version and type of key that both providers have, we as
//! the client and as the server.

use crate::differential::ends::{Configs, Pair, Setup};
use crate::differential::identity::KeyType;
use crate::differential::{Peer, groups, has_rsa, only, ours, peers, suite, suites, versions};
use rustls::crypto::CryptoProvider;
use rustls::{CipherSuite, HandshakeKind, NamedGroup};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

/// One handshake among all.
#[derive(Debug)]
struct Case {
    version: &'static SupportedProtocolVersion,
    suite: CipherSuite,
    group: NamedGroup,
    key_type: KeyType,
}

impl Case {
    fn all(peer: &Peer, key_types: &[KeyType]) -> Vec<Self> {
        let mut all = Vec::new();
        for suite in suites(&peer.provider) {
            for version in versions() {
                for group in groups(&peer.provider, version) {
                    all.extend(key_types.iter().map(|key_type| Self {
                        version,
                        suite,
                        group,
                        key_type: *key_type,
                    }));
                }
            }
        }
        all.retain(Self::is_possible);
        all
    }

    /// A suite belongs to one version; in TLS 1.2 it says who may sign.
    fn is_possible(&self) -> bool {
        match suite(&ours(), self.suite) {
            SupportedCipherSuite::Tls13(_) => self.is_tls13(),
            #[cfg(feature = "tls12")]
            SupportedCipherSuite::Tls12(suite) => {
                let is_rsa = suite
                    .sign
                    .contains(&rustls::SignatureScheme::RSA_PSS_SHA256);
                !self.is_tls13() && is_rsa == (self.key_type == KeyType::Rsa)
            }
            #[allow(unreachable_patterns, reason = "without the feature there is one")]
            _ => unreachable!(),
        }
    }

    fn is_tls13(&self) -> bool {
        self.version.version == rustls::ProtocolVersion::TLSv1_3
    }

    fn run(&self, client: &CryptoProvider, server: &CryptoProvider) {
        let configs = Setup {
            client: only(client, self.suite, &[self.group]),
            server: only(server, self.suite, &[self.group]),
            versions: &[self.version],
            server_identity: self.key_type.identity(),
            client_identity: None,
        }
        .configs();
        let first = self.connect(&configs, HandshakeKind::Full);
        let second = self.connect(&configs, HandshakeKind::Resumed);
        let exported = [first, second].map(|pair| pair.exported());
        assert_ne!(exported[0], exported[1]);
    }

    fn connect(&self, configs: &Configs, kind: HandshakeKind) -> Pair {
        let mut pair = configs.connect().unwrap();
        for end in [&pair.client, &pair.server] {
            assert_eq!(end.handshake_kind(), Some(kind));
            assert_eq!(end.protocol_version(), Some(self.version.version));
            let suite = end.negotiated_cipher_suite().map(|suite| suite.suite());
            assert_eq!(suite, Some(self.suite));
            // TLS 1.2 resumes without a key exchange.
            if self.is_tls13() || kind == HandshakeKind::Full {
                let group = end.negotiated_key_exchange_group();
                assert_eq!(group.map(|group| group.name()), Some(self.group));
            }
        }
        pair.exchange();
        if self.is_tls13() {
            pair.update_keys();
        }
        pair
    }
}

/// How many there are with each peer.
fn run_all(key_types: impl Fn(&Peer) -> Vec<KeyType>, run: impl Fn(&Case, &Peer)) -> [usize; 3] {
    peers().map(|peer| {
        let cases = Case::all(&peer, &key_types(&peer));
        for case in &cases {
            println!("{}: {case:?}", peer.name);
            run(case, &peer);
        }
        cases.len()
    })
}

/// Three suites with each of three groups, or four; in TLS 1.2 three with each
/// type of key but RSA, whose are three others.
fn expected(key_types: usize, of_tls12: usize) -> [usize; 3] {
    let hybrid = if cfg!(feature = "pq") { 4 } else { 3 };
    let tls12 = if cfg!(feature = "tls12") { of_tls12 } else { 0 };
    [
        3 * 3 * key_types + tls12,
        3 * hybrid * key_types + tls12,
        3 * hybrid * KeyType::OURS.len(),
    ]
}

#[test]
fn our_client_meets_every_server() {
    let key_types = |peer: &Peer| {
        let rsa = has_rsa(&peer.provider).then_some(KeyType::Rsa);
        KeyType::OURS.into_iter().chain(rsa).collect()
    };
    let count = run_all(key_types, |case, peer| case.run(&ours(), &peer.provider));
    assert_eq!(count, expected(4, 3 * 3 * 3 + 3 * 3));
}

#[test]
fn our_server_meets_every_client() {
    let key_types = |_: &Peer| KeyType::OURS.to_vec();
    let count = run_all(key_types, |case, peer| case.run(&peer.provider, &ours()));
    assert_eq!(count, expected(3, 3 * 3 * 3));
}
