//! Which group they agree on when they have several, and in how many flights.

use crate::differential::ends::Setup;
use crate::differential::identity::KeyType;
use crate::differential::{only, ours, peers};
use rustls::NamedGroup::{X25519, secp256r1, secp384r1};
use rustls::crypto::CryptoProvider;
use rustls::{CipherSuite, HandshakeKind, NamedGroup, version};

/// How a client with these groups, in this order, and such a server meet.
fn meet(
    (client, offered): (&CryptoProvider, &[NamedGroup]),
    (server, supported): (&CryptoProvider, &[NamedGroup]),
) -> (NamedGroup, HandshakeKind) {
    let suite = CipherSuite::TLS13_AES_128_GCM_SHA256;
    let configs = Setup {
        client: only(client, suite, offered),
        server: only(server, suite, supported),
        versions: &[&version::TLS13],
        server_identity: KeyType::P256.identity(),
        client_identity: None,
    }
    .configs();
    let mut pair = configs.connect().unwrap();
    pair.exchange();
    let group = pair.client.negotiated_key_exchange_group().unwrap();
    (group.name(), pair.server.handshake_kind().unwrap())
}

#[test]
fn a_server_asks_for_another_share_and_gets_it() {
    let mut count = 0;
    for peer in peers() {
        for group in [secp256r1, secp384r1] {
            let (ours, peer) = (&ours(), &peer.provider);
            let asked = (group, HandshakeKind::FullWithHelloRetryRequest);
            assert_eq!(meet((ours, &[X25519, group]), (peer, &[group])), asked);
            assert_eq!(meet((peer, &[X25519, group]), (ours, &[group])), asked);
            count += 2;
        }
    }
    assert_eq!(count, 12);
}

#[cfg(feature = "pq")]
mod hybrid {
    use super::*;
    use crate::differential::{Peer, aws_lc, ring};
    use rustls::NamedGroup::X25519MLKEM768;

    const BOTH: &[NamedGroup] = &[X25519MLKEM768, X25519];

    #[test]
    fn it_is_agreed_on_at_once_with_each_that_has_it() {
        let ours = ours();
        let itself = Peer {
            name: "itself",
            provider: ours.clone(),
        };
        let mut count = 0;
        for peer in peers().into_iter().chain([itself]) {
            if peer.name == "ring" {
                continue;
            }
            let (ours, peer) = ((&ours, BOTH), (&peer.provider, BOTH));
            for (client, server) in [(ours, peer), (peer, ours)] {
                let met = meet(client, server);
                assert_eq!(met, (X25519MLKEM768, HandshakeKind::Full));
                count += 1;
            }
        }
        assert_eq!(count, 6);
    }

    /// The share of X25519 goes out too, and a server without the other group
    /// has no need to ask for it.
    #[test]
    fn who_has_it_not_takes_the_other_share() {
        let (ours, aws_lc) = (ours(), aws_lc());
        let all: Vec<_> = ours.kx_groups.iter().map(|group| group.name()).collect();
        let without: &[_] = &[X25519, secp256r1, secp384r1];
        let at_once = (X25519, HandshakeKind::Full);
        assert_eq!(meet((&ours, &all), (&ring(), without)), at_once);
        assert_eq!(meet((&ours, &all), (&aws_lc, without)), at_once);
        assert_eq!(meet((&ours, &all), (&ours, without)), at_once);
        assert_eq!(meet((&aws_lc, BOTH), (&ours, without)), at_once);
    }

    /// In TLS 1.2 there is no such group, and it is left out.
    #[cfg(feature = "tls12")]
    #[test]
    fn it_stands_in_the_way_of_no_tls12() {
        let mut count = 0;
        for peer in [ring(), aws_lc()] {
            for (client, server) in [(ours(), peer.clone()), (peer, ours())] {
                let configs = Setup {
                    client,
                    server,
                    versions: &[&version::TLS12],
                    server_identity: KeyType::P256.identity(),
                    client_identity: None,
                }
                .configs();
                let pair = configs.connect().unwrap();
                let group = pair.client.negotiated_key_exchange_group().unwrap();
                assert_eq!(group.name(), X25519);
                count += 1;
            }
        }
        assert_eq!(count, 4);
    }
}
