//! How long the driver takes against rustls by hand: the client's part alone,
//! the same natively and in a component.

use crate::clients::{ByHand, ByHandBuffered, Client, Driver, RECORD, Setup};
use crate::in_memory::{Identity, Server};
use crate::median;
use std::time::{Duration, Instant};
use tls_pump::rustls::SupportedCipherSuite;
use tls_pump_crypto::cipher_suite;

/// How much plaintext is prepared at once, in bytes.
const PIECE: usize = 1024 * 1024;

/// What a line of mail or a small frame is about, in bytes.
const SMALL: usize = 64;

/// Small records cost their calls, not their bytes: so many fewer are moved.
const FEWER: usize = 64;

/// The two suites that anybody offers.
const SUITES: [(&str, SupportedCipherSuite); 2] = [
    (
        "ChaCha20-Poly1305",
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    ),
    ("AES-128-GCM", cipher_suite::TLS13_AES_128_GCM_SHA256),
];

/// What is compared.
#[derive(Clone, Copy)]
enum Work {
    /// Full records from the server.
    Down,
    /// Full records to the server.
    Up,
    /// Records of 64 bytes, none of which has come when the one before is read.
    SmallDown,
    /// Records of 64 bytes, each flushed.
    SmallUp,
}

/// One comparison.
pub struct Comparison {
    /// What was done, in words.
    pub name: String,
    /// The median time by hand.
    pub by_hand: Duration,
    /// The median of the ratios driver / by hand.
    pub ratio: f64,
    /// The same, of rustls by hand with a buffer of one's own.
    pub buffered_ratio: f64,
}

/// Moves `bytes` by each suite in each direction, by hand and by the driver in
/// turn, `rounds` times, and a part of that in small records.
pub fn compare(
    identity: &Identity,
    bytes: usize,
    rounds: usize,
) -> impl Iterator<Item = Comparison> {
    SUITES.into_iter().flat_map(move |(suite, supported)| {
        let setup = Setup::new(identity, supported);
        [
            ("down", Work::Down),
            ("up", Work::Up),
            ("down in records of 64 bytes", Work::SmallDown),
            ("up in records of 64 bytes", Work::SmallUp),
        ]
        .map(|(direction, work)| {
            let name = format!("{suite} {direction}");
            work.compare(name, &setup, bytes, rounds)
        })
    })
}

impl Work {
    fn compare(self, name: String, setup: &Setup, bytes: usize, rounds: usize) -> Comparison {
        let plaintext = vec![7; PIECE];
        let bytes = match self {
            Self::Down | Self::Up => bytes,
            Self::SmallDown | Self::SmallUp => bytes / FEWER,
        };
        let mut by_hand = setup.connect::<ByHand>();
        let mut buffered = setup.connect::<ByHandBuffered>();
        let mut driver = setup.connect::<Driver>();
        let mut results = [const { Vec::new() }; 3];
        for _ in 0..rounds {
            // Piece by piece, so that what else the machine does meets all.
            let mut times = [Duration::ZERO; 3];
            let mut left = bytes;
            while left > 0 {
                let piece = &plaintext[..left.min(PIECE)];
                left -= piece.len();
                times[0] += self.measure(&mut by_hand, piece);
                times[1] += self.measure(&mut buffered, piece);
                times[2] += self.measure(&mut driver, piece);
            }
            let [by_hand, buffered, driver] = times.map(|time| time.as_secs_f64());
            for (result, value) in
                results
                    .iter_mut()
                    .zip([by_hand, driver / by_hand, driver / buffered])
            {
                result.push(value);
            }
        }
        let [by_hand, ratio, buffered_ratio] = results.map(median);
        Comparison {
            name,
            by_hand: Duration::from_secs_f64(by_hand),
            ratio,
            buffered_ratio,
        }
    }

    /// How long the client takes for `piece`, without what the server does
    /// before.
    fn measure<C: Client>(self, (client, server): &mut (C, Server), piece: &[u8]) -> Duration {
        let small = || piece.chunks(SMALL);
        match self {
            Self::Down => server.send(piece),
            Self::SmallDown => small().for_each(|part| server.send(part)),
            Self::Up | Self::SmallUp => client.wire().sink(),
        }
        let start = Instant::now();
        match self {
            Self::Down => client.receive(piece.len()),
            Self::SmallDown => small().for_each(|part| client.receive(part.len())),
            Self::Up => piece.chunks(RECORD).for_each(|part| client.send(part)),
            Self::SmallUp => small().for_each(|part| {
                client.send(part);
                client.flush();
            }),
        }
        client.flush();
        start.elapsed()
    }
}
