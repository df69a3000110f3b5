//! Clients with certificates.

use crate::differential::ends::Setup;
use crate::differential::identity::KeyType;
use crate::differential::{Peer, has_rsa, ours, peers, versions};
use rustls::HandshakeKind;
use rustls::crypto::CryptoProvider;

/// The client signs with each of the types; how many handshakes there were.
fn run(client: &CryptoProvider, server: &CryptoProvider, key_types: &[KeyType]) -> usize {
    let mut count = 0;
    for version in versions() {
        // rustls-pure has no TLS 1.2.
        let provided = |provider: &CryptoProvider| {
            let mut suites = provider.cipher_suites.iter();
            suites.any(|suite| suite.version() == version)
        };
        if !(provided(client) && provided(server)) {
            continue;
        }
        for key_type in key_types {
            let own = key_type.identity();
            let configs = Setup {
                client: client.clone(),
                server: server.clone(),
                versions: &[version],
                server_identity: KeyType::P256.identity(),
                client_identity: Some(own),
            }
            .configs();
            for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
                let mut pair = configs.connect().unwrap();
                pair.exchange();
                assert_eq!(pair.server.handshake_kind(), Some(kind));
                let seen = pair.server.peer_certificates();
                assert_eq!(seen, Some(&own.chain()[..]), "{key_type:?}");
            }
            count += 1;
        }
    }
    count
}

/// In both versions, but for the last.
fn expected(key_types: usize) -> [usize; 3] {
    let versions = versions().len();
    [versions * key_types, versions * key_types, 3]
}

#[test]
fn what_our_client_signs_every_server_takes() {
    let count = peers().map(|peer| run(&ours(), &peer.provider, &KeyType::OURS));
    assert_eq!(count, expected(3));
}

#[test]
fn what_every_client_signs_our_server_takes() {
    let run = |peer: Peer| {
        let mut key_types = KeyType::OURS.to_vec();
        key_types.extend(has_rsa(&peer.provider).then_some(KeyType::Rsa));
        run(&peer.provider, &ours(), &key_types)
    };
    assert_eq!(peers().map(run), expected(4));
}
