//! Key exchange: points and shares that no honest peer sends.

use crate::reviewed::group;
use rustls::{Error, NamedGroup, PeerMisbehaved};

const NIST: [NamedGroup; 2] = [NamedGroup::secp256r1, NamedGroup::secp384r1];

/// What completes an exchange, and what would be secret.
fn complete(name: NamedGroup, share: &[u8]) -> Result<Vec<u8>, Error> {
    let own = group(name).start().unwrap();
    Ok(own.complete(share)?.secret_bytes().to_vec())
}

/// That of a peer who means well.
fn share(name: NamedGroup) -> Vec<u8> {
    group(name).start().unwrap().pub_key().to_vec()
}

#[track_caller]
fn assert_refused<T>(result: Result<T, Error>, what: &str) {
    let invalid = Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare);
    assert_eq!(result.err(), Some(invalid), "{what}");
}

/// The same point in ways that TLS does not have, and what is no point.
pub(crate) fn other_encodings(point: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let (x, y) = point[1..].split_at(point.len() / 2);
    let parity = y.last().unwrap() & 1;
    let mut off_curve = point.to_vec();
    *off_curve.last_mut().unwrap() ^= 1;
    let with_tag = |tag: u8| [&[tag], &point[1..]].concat();
    vec![
        ("compressed", [&[2 | parity], x].concat()),
        ("compressed, the other", [&[3 ^ parity], x].concat()),
        ("compact", [&[5], x].concat()),
        ("hybrid", with_tag(6 | parity)),
        ("hybrid, the other", with_tag(7 ^ parity)),
        ("both, by a tag of one", with_tag(2 | parity)),
        ("no tag", point[1..].to_vec()),
        ("another tag", with_tag(0x84)),
        ("infinity", vec![0]),
        ("infinity at length", vec![0; point.len()]),
        ("zeros", [&[4], &vec![0; point.len() - 1][..]].concat()),
        ("ones", [&[4], &vec![0xff; point.len() - 1][..]].concat()),
        ("off the curve", off_curve),
        ("swapped", [&[4], y, x].concat()),
        ("half", [&[4], x].concat()),
        ("a byte less", point[..point.len() - 1].to_vec()),
        ("a byte more", [point, &[0]].concat()),
        ("nothing", Vec::new()),
        ("a tag", vec![4]),
    ]
}

#[test]
fn other_encodings_of_points_are_refused() {
    for name in NIST {
        let good = share(name);
        complete(name, &good).unwrap();
        for (what, share) in other_encodings(&good) {
            assert_refused(complete(name, &share), what);
        }
    }
}

/// Of each curve one point whose first coordinate is small, and that with the
/// field's order on top.
const REDUCIBLE: [(NamedGroup, u8, &str, &str); 2] = [
    (
        NamedGroup::secp256r1,
        5,
        "ffffffff00000001000000000000000000000001000000000000000000000004",
        "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc",
    ),
    (
        NamedGroup::secp384r1,
        2,
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe\
         ffffffff000000000000000100000001",
        "8cdeadbbd04911a3c1931e26df3fa6439dca9c7eb286fbd46fc319f0e2bb7802\
         32baf57825fc0c1912ada2fefe84024c",
    ),
];

#[test]
fn coordinates_that_are_not_reduced_are_refused() {
    for (name, x, more, y) in REDUCIBLE {
        let (more, y) = (hex(more), hex(y));
        let mut reduced = vec![0; y.len()];
        *reduced.last_mut().unwrap() = x;
        complete(name, &[&[4], &reduced[..], &y].concat()).unwrap();
        assert_refused(complete(name, &[&[4], &more[..], &y].concat()), "more");
    }
}

#[test]
fn points_of_the_other_curve_are_refused() {
    let [p256, p384] = NIST;
    assert_refused(complete(p256, &share(p384)), "P-384");
    assert_refused(complete(p384, &share(p256)), "P-256");
    assert_refused(complete(p256, &share(NamedGroup::X25519)), "X25519");
}

fn hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// All points of small order, on the curve and on its twist, and the same by
/// numbers that are not below the field's or by the bit that is ignored.
fn small_order() -> Vec<Vec<u8>> {
    let points = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let with_bit = |mut point: Vec<u8>| {
        point[31] |= 0x80;
        point
    };
    let points = points.map(hex);
    points
        .clone()
        .into_iter()
        .chain(points.map(with_bit))
        .collect()
}

#[test]
fn x25519_of_small_order_is_refused() {
    for point in small_order() {
        assert_refused(complete(NamedGroup::X25519, &point), "small order");
    }
    let good = share(NamedGroup::X25519);
    complete(NamedGroup::X25519, &good).unwrap();
    for end in 0..32 {
        assert_refused(complete(NamedGroup::X25519, &good[..end]), "short");
    }
    let longer = [&good[..], &[0]].concat();
    assert_refused(complete(NamedGroup::X25519, &longer), "long");
}

/// Both sides of each group have one secret, which no other exchange has.
#[test]
fn each_exchange_has_its_own_secret() {
    for group in tls_pump_crypto::kx_group::ALL {
        let exchange = || {
            let client = group.start().unwrap();
            assert_eq!(client.group(), group.name());
            let server = group.start_and_complete(client.pub_key()).unwrap();
            assert_eq!(server.group, group.name());
            let secret = client.complete(&server.pub_key).unwrap();
            assert_eq!(secret.secret_bytes(), server.secret.secret_bytes());
            secret.secret_bytes().to_vec()
        };
        assert_ne!(exchange(), exchange());
    }
}

#[cfg(feature = "pq")]
mod hybrid {
    use super::{assert_refused, group, small_order};
    use rustls::{NamedGroup, ProtocolVersion};

    const NAME: NamedGroup = NamedGroup::X25519MLKEM768;

    #[test]
    fn x25519_of_small_order_is_refused_within() {
        let server = group(NAME);
        for point in small_order() {
            let client = server.start().unwrap();
            let good = client.pub_key().to_vec();
            let bad = [&good[..1184], &point].concat();
            assert_refused(server.start_and_complete(&bad).map(drop), "client's");
            let answer = server.start_and_complete(&good).unwrap().pub_key;
            let bad = [&answer[..1088], &point].concat();
            assert_refused(client.complete(&bad).map(drop), "server's");
            // The part that a server without the hybrid would answer.
            let client = server.start().unwrap();
            assert_refused(client.complete_hybrid_component(&point).map(drop), "part");
        }
    }

    #[test]
    fn shares_of_another_length_are_refused() {
        let server = group(NAME);
        let good = server.start().unwrap().pub_key().to_vec();
        let answer = server.start_and_complete(&good).unwrap().pub_key;
        assert_eq!((good.len(), answer.len()), (1184 + 32, 1088 + 32));
        for len in [0, 1, 31, 32, 33, 1088, 1119, 1120, 1121, 1184, 1215, 1217] {
            let mut share = good.clone();
            share.resize(len, 1);
            assert_refused(server.start_and_complete(&share).map(drop), "client's");
            if len != answer.len() {
                let mut share = answer.clone();
                share.resize(len, 1);
                let client = server.start().unwrap();
                assert_refused(client.complete(&share).map(drop), "server's");
            }
        }
    }

    /// Coefficients of 12 bits that are not below 3329.
    #[test]
    fn keys_that_are_not_reduced_are_refused() {
        let server = group(NAME);
        let good = server.start().unwrap().pub_key().to_vec();
        for at in [0, 1, 382, 383, 1150, 1151] {
            let mut share = good.clone();
            let pair = at / 3 * 3;
            share[pair..pair + 3].fill(0xff);
            assert_refused(server.start_and_complete(&share).map(drop), "client's");
        }
    }

    /// A ciphertext that was changed gives a secret that the peer does not have.
    #[test]
    fn a_changed_ciphertext_gives_another_secret() {
        let server = group(NAME);
        for at in [0, 500, 1087] {
            let client = server.start().unwrap();
            let done = server.start_and_complete(client.pub_key()).unwrap();
            let mut answer = done.pub_key;
            answer[at] ^= 1;
            let secret = client.complete(&answer).unwrap();
            let (ours, theirs) = (secret.secret_bytes(), done.secret.secret_bytes());
            assert_ne!(ours[..32], theirs[..32]);
            assert_eq!(ours[32..], theirs[32..]);
        }
    }

    #[test]
    fn it_is_of_tls_1_3_alone() {
        assert!(group(NAME).usable_for_version(ProtocolVersion::TLSv1_3));
        assert!(!group(NAME).usable_for_version(ProtocolVersion::TLSv1_2));
        let x25519 = group(NamedGroup::X25519);
        assert!(x25519.usable_for_version(ProtocolVersion::TLSv1_2));
    }
}
