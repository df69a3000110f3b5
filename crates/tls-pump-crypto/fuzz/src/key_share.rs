//! Key shares: points of the curves, keys and ciphertexts of ML-KEM, and what
//! is neither.

use super::script::Script;
use super::{curve, ours, ring};
use rustls::crypto::{ActiveKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::{Error, NamedGroup, PeerMisbehaved};

type Group = &'static dyn SupportedKxGroup;

/// The lengths of ML-KEM-768 (FIPS 203 table 3), and of X25519.
const KEY_LEN: usize = 1184;
const CIPHERTEXT_LEN: usize = 1088;
const X25519_LEN: usize = 32;

pub(crate) fn run(script: &mut Script<'_>) {
    let group = script.choose(&ours().kx_groups);
    match group.name() {
        NamedGroup::X25519 => classic(group, x25519_share(script), script),
        NamedGroup::secp256r1 => {
            let share = curve::share::<p256::NistP256>(script);
            classic(group, in_some_form(share, script), script);
        }
        NamedGroup::secp384r1 => {
            let share = curve::share::<p384::NistP384>(script);
            classic(group, in_some_form(share, script), script);
        }
        NamedGroup::X25519MLKEM768 => match script.byte() % 2 {
            0 => hybrid_server(group, script),
            _ => hybrid_client(group, script),
        },
        name => panic!("{name:?} is not fuzzed"),
    }
}

fn in_some_form(mut point: Vec<u8>, script: &mut Script<'_>) -> Vec<u8> {
    if script.rarely() {
        curve::compress(&mut point);
    }
    point
}

fn ring_group(name: NamedGroup) -> Group {
    let mut groups = ring().kx_groups.iter().copied();
    groups
        .find(|group| group.name() == name)
        .expect("ring has it")
}

fn start(group: Group) -> Box<dyn ActiveKeyExchange> {
    group.start().expect("there are random numbers")
}

/// Whether a share was taken; all others are the peer's fault.
fn is_taken<T>(result: &Result<T, Error>) -> bool {
    match result {
        Ok(_) => true,
        Err(Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare)) => false,
        Err(error) => panic!("{error}"),
    }
}

fn classic(group: Group, mut share: Vec<u8>, script: &mut Script<'_>) {
    let ring = ring_group(group.name());
    let (ours, peer) = (start(group), start(ring));
    let our_share = ours.pub_key().to_vec();
    let peers = ours.complete(peer.pub_key()).expect("an honest share");
    let secret = peer.complete(&our_share).expect("an honest share");
    assert_eq!(peers.secret_bytes(), secret.secret_bytes());

    if !script.rarely() {
        script.damage(&mut share);
    } else {
        let len = script.len();
        share = script.bytes(len).to_vec();
    }
    let ring = start(ring).complete(&share).is_ok();
    let says = is_taken(&start(group).complete(&share));
    assert_eq!(says, ring, "of {share:02x?}");
    let says = is_taken(&group.start_and_complete(&share));
    assert_eq!(says, ring, "of {share:02x?}");
}

/// Any 32 bytes, or a point of small order (RFC 7748 section 6.1).
fn x25519_share(script: &mut Script<'_>) -> Vec<u8> {
    let mut share: [u8; X25519_LEN] = match script.byte() % 8 {
        0 => [0; X25519_LEN],
        1 => {
            let mut one = [0; X25519_LEN];
            one[0] = 1;
            one
        }
        // From p - 1 on, which are as 0, 1 and more.
        2 => {
            let mut last = [0xff; X25519_LEN];
            (last[0], last[31]) = (0xec + script.byte() % 20, 0x7f);
            last
        }
        3 => ORDER_8[0],
        4 => ORDER_8[1],
        _ => script.array(),
    };
    share[31] ^= script.byte() & 0x80;
    share.into()
}

/// The x of the points of order 8.
const ORDER_8: [[u8; X25519_LEN]; 2] = [
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
];

/// What ring says to the last 32 bytes.
fn is_x25519_taken(share: &[u8]) -> bool {
    let point = share.last_chunk::<X25519_LEN>();
    point.is_some_and(|point| {
        start(ring_group(NamedGroup::X25519))
            .complete(point)
            .is_ok()
    })
}

/// We are the server, and the client's key is of the script's choosing.
fn hybrid_server(group: Group, script: &mut Script<'_>) {
    let mut share = ml_kem_key(script);
    share.extend_from_slice(&x25519_share(script));
    script.damage(&mut share);
    let key = share.first_chunk::<KEY_LEN>();
    let is_key = share.len() == KEY_LEN + X25519_LEN && key.is_some_and(is_ml_kem_key);
    let expected = is_key && is_x25519_taken(&share);
    let result = group.start_and_complete(&share);
    assert_eq!(is_taken(&result), expected, "of {share:02x?}");
    if let Ok(done) = result {
        assert_eq!(done.group, NamedGroup::X25519MLKEM768);
        assert_eq!(done.pub_key.len(), CIPHERTEXT_LEN + X25519_LEN);
        assert_eq!(done.secret.secret_bytes().len(), 64);
    }
}

/// Numbers below 3329 in 12 bits each, and a seed (FIPS 203 section 7.2); or,
/// rarely, numbers up to 4095.
fn ml_kem_key(script: &mut Script<'_>) -> Vec<u8> {
    let mut state = script.number() as u32 | 1;
    let mut number = || {
        // Not random, but all over the place.
        state = state.wrapping_mul(0x9e37_79b1).wrapping_add(0x7f4a_7c15);
        (state >> 16) % Q
    };
    let mut numbers: Vec<u32> = (0..NUMBERS).map(|_| number()).collect();
    for _ in 0..script.byte() % 3 {
        let at = script.number() % numbers.len();
        numbers[at] = (Q - 4 + script.byte() as u32 % 8).min(4095);
    }
    let pairs = numbers.chunks_exact(2);
    let pairs = pairs.flat_map(|pair| (pair[0] | pair[1] << 12).to_le_bytes().into_iter().take(3));
    let mut key: Vec<u8> = pairs.collect();
    let seed: [u8; 32] = script.array();
    key.extend_from_slice(&seed);
    key
}

/// How many numbers a key has, and below what they are.
const NUMBERS: usize = 768;
const Q: u32 = 3329;

fn is_ml_kem_key(key: &[u8; KEY_LEN]) -> bool {
    let triples = key[..KEY_LEN - 32].chunks_exact(3);
    triples
        .map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]))
        .all(|pair| pair & 0xfff < Q && pair >> 12 < Q)
}

/// We are the client, and the server's ciphertext was made for our key before
/// it was damaged.
fn hybrid_client(group: Group, script: &mut Script<'_>) {
    let client = start(group);
    let server = group.start_and_complete(client.pub_key());
    let server = server.expect("an honest share");
    let honest = server.pub_key;
    let mut share = honest.clone();
    if script.rarely() {
        let len = script.len();
        share = script.bytes(len).to_vec();
    }
    if script.rarely() {
        share.truncate(CIPHERTEXT_LEN);
        share.extend_from_slice(&x25519_share(script));
    }
    script.damage(&mut share);

    let (name, _) = client.hybrid_component().expect("it has two parts");
    assert_eq!(name, NamedGroup::X25519);
    let expected = share.len() == honest.len() && is_x25519_taken(&share);
    let result = client.complete(&share);
    assert_eq!(is_taken(&result), expected, "of {share:02x?}");
    if let Ok(secret) = result {
        same_halves(&secret, &server.secret, &share, &honest);
    }
    let part = start(group).complete_hybrid_component(&share);
    let is_part = share.len() == X25519_LEN && is_x25519_taken(&share);
    assert_eq!(is_taken(&part), is_part, "of {share:02x?}");
}

/// A ciphertext that is not the honest one gives another secret; so does a
/// point, if it is not another name of the same.
fn same_halves(ours: &SharedSecret, server: &SharedSecret, share: &[u8], honest: &[u8]) {
    let (ours, server) = (ours.secret_bytes(), server.secret_bytes());
    assert_eq!(ours.len(), 64);
    let is_same = share[..CIPHERTEXT_LEN] == honest[..CIPHERTEXT_LEN];
    assert_eq!(ours[..32] == server[..32], is_same, "ML-KEM");
    if share[CIPHERTEXT_LEN..] == honest[CIPHERTEXT_LEN..] {
        assert_eq!(ours[32..], server[32..], "X25519");
    }
}
