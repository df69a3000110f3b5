//! Two engines in memory: however ciphertext is split, and wherever it ends,
//! the same comes out.

#![cfg(all(
    any(feature = "pure", feature = "ring"),
    feature = "server",
    feature = "tls12"
))]

use crate::common::pki::Version;
use crate::common::{BOTH, Ca, NAME, TLS12, TLS13, take};
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};
use tls_pump::rustls::ServerConfig;
use tls_pump::{Ending, Engine, Error, Plaintext, State, TlsConfig};

/// What an application sees of its engine.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    Open,
    Data(Vec<u8>),
    Closed,
    Ended(Ending),
    Failed(String),
}

/// One side: its engine, what is on the way to it, and what was seen.
struct Side {
    engine: Engine,
    arriving: Vec<u8>,
    events: Vec<Event>,
    /// How large a buffer it reads with.
    buf_len: usize,
}

impl Side {
    fn new(engine: Engine) -> Self {
        Self {
            engine,
            arriving: Vec::new(),
            events: Vec::new(),
            buf_len: 100,
        }
    }

    /// Adds an event; data join what came right before.
    fn see(&mut self, event: Event) {
        match (self.events.last_mut(), event) {
            (Some(Event::Data(before)), Event::Data(more)) => before.extend(more),
            (_, event) => self.events.push(event),
        }
    }

    /// Takes up to `len` bytes of what arrives, and reads all there is.
    fn feed(&mut self, len: usize) {
        let handshaking = self.engine.state() == State::Handshaking;
        let piece = &self.arriving[..len.min(self.arriving.len())];
        let handled = self.engine.handle_ciphertext(piece);
        if handshaking && self.engine.state() == State::Open {
            self.see(Event::Open);
        }
        match handled {
            Ok(taken) => drop(self.arriving.drain(..taken)),
            Err(error) => {
                self.arriving.clear();
                return self.see(Event::Failed(error.to_string()));
            }
        }
        let mut buf = vec![0; self.buf_len];
        loop {
            match self.engine.read(&mut buf) {
                Ok(Plaintext::Data(len)) => self.see(Event::Data(buf[..len].to_vec())),
                Ok(Plaintext::Closed) if self.events.last() != Some(&Event::Closed) => {
                    return self.see(Event::Closed);
                }
                _ => return,
            }
        }
    }

    /// Feeds pieces of these lengths in turn until nothing is left.
    fn feed_all(&mut self, lens: &mut impl Iterator<Item = usize>) {
        while !self.arriving.is_empty() {
            self.feed(lens.next().expect("it has no end"));
        }
    }
}

static CA: LazyLock<Ca> = LazyLock::new(Ca::new);
static CONFIGS: LazyLock<[(TlsConfig, Arc<ServerConfig>); 2]> = LazyLock::new(|| {
    // Every conversation is to be a full handshake.
    let client = CA.client_with(|builder| builder.sessions(0));
    [&TLS13, &TLS12].map(|version| (client.clone(), CA.server(version)))
});

fn sides(version: Version) -> (Side, Side) {
    let index = usize::from(version.version == TLS12.version);
    let (client, server) = &CONFIGS[index];
    let client = Engine::new(client, NAME).unwrap();
    let server = Engine::server(server.clone()).unwrap();
    (Side::new(client), Side::new(server))
}

/// What the server says, in several records.
fn answer() -> Vec<u8> {
    (0..40_000).map(|i| (i % 251) as u8).collect()
}

/// A whole conversation: data before and after the handshake, both ways, and a
/// clean end of both. `lens` splits what arrives at either side.
fn talk(version: Version, lens: &[usize], buf_len: usize) -> [Vec<Event>; 2] {
    let (mut client, mut server) = sides(version);
    (client.buf_len, server.buf_len) = (buf_len, buf_len);
    let mut lens = lens.iter().copied().cycle();
    let mut exchange = |client: &mut Side, server: &mut Side| {
        while client.engine.wants().write || server.engine.wants().write {
            server.arriving.extend(take(&mut client.engine));
            server.feed_all(&mut lens);
            client.arriving.extend(take(&mut server.engine));
            client.feed_all(&mut lens);
        }
    };
    assert_eq!(client.engine.write(b"EHLO\r\n").unwrap(), 6);
    exchange(&mut client, &mut server);
    let answer = answer();
    let mut rest = &answer[..];
    while !rest.is_empty() {
        rest = &rest[server.engine.write(rest).unwrap()..];
        exchange(&mut client, &mut server);
    }
    client.engine.write(b"QUIT\r\n").unwrap();
    client.engine.close();
    exchange(&mut client, &mut server);
    server.engine.close();
    exchange(&mut client, &mut server);
    [client, server].map(|mut side| {
        let ending = side.engine.handle_eof();
        side.see(Event::Ended(ending));
        side.events
    })
}

fn expected() -> [Vec<Event>; 2] {
    let [open, closed] = [Event::Open, Event::Closed];
    let ended = Event::Ended(Ending::Clean);
    let said = Event::Data(b"EHLO\r\nQUIT\r\n".to_vec());
    [
        vec![
            open.clone(),
            Event::Data(answer()),
            closed.clone(),
            ended.clone(),
        ],
        vec![open, said, closed, ended],
    ]
}

#[test]
fn one_byte_feeds_and_short_buffers() {
    for version in BOTH {
        for buf_len in [1, 7, 100_000] {
            assert!(talk(version, &[1], buf_len) == expected());
        }
        assert!(talk(version, &[usize::MAX], 1) == expected());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_split_of_the_ciphertext_gives_the_same_plaintext_and_events(
        lens in prop::collection::vec(prop_oneof![1..4_usize, 1..300_usize, 1..20_000_usize], 1..20),
        buf_len in prop_oneof![1..4_usize, 1..20_000_usize],
        is_12: bool,
    ) {
        let version = if is_12 { &TLS12 } else { &TLS13 };
        prop_assert!(talk(version, &lens, buf_len) == expected());
    }
}

/// A handshake in which one side gets only the first `len` bytes of what is
/// sent to it, then the end of the stream. `None` when that was all of it.
fn cut(version: Version, len: usize, is_client: bool) -> Option<Engine> {
    let (mut client, mut server) = sides(version);
    let mut left = len;
    while client.engine.wants().write || server.engine.wants().write {
        for to_client in [false, true] {
            let (from, to) = match to_client {
                false => (&mut client, &mut server),
                true => (&mut server, &mut client),
            };
            let flight = take(&mut from.engine);
            if to_client != is_client {
                crate::common::deliver(&flight, &mut to.engine);
            } else if left < flight.len() {
                crate::common::deliver(&flight[..left], &mut to.engine);
                return Some(match is_client {
                    true => client.engine,
                    false => server.engine,
                });
            } else {
                crate::common::deliver(&flight, &mut to.engine);
                left -= flight.len();
            }
        }
    }
    None
}

#[test]
fn truncation_at_every_byte_of_a_handshake() {
    for version in BOTH {
        for is_client in [true, false] {
            let mut len = 0;
            while let Some(mut engine) = cut(version, len, is_client) {
                let was_open = engine.state() == State::Open;
                assert_eq!(engine.handle_eof(), Ending::Truncated, "{len}");
                assert_eq!(engine.state(), State::Failed);
                let error = engine.read(&mut [0; 9]).unwrap_err();
                assert_eq!(matches!(error, Error::EndedInHandshake), !was_open);
                assert_eq!(matches!(error, Error::Truncated), was_open);
                let text = error.to_string();
                assert_eq!(engine.write(b"x").unwrap_err().to_string(), text);
                let error = engine.handle_ciphertext(b"x").unwrap_err();
                assert_eq!(error.to_string(), text);
                // Only the tickets of TLS 1.3 come after the handshake.
                assert!(!was_open || version.version == TLS13.version);
                assert_eq!(engine.connection_info().is_some(), was_open);
                len += 1;
            }
            assert!(len > 150, "{len} bytes are no handshake");
        }
    }
}

#[test]
fn truncation_at_every_byte_of_what_follows() {
    for version in BOTH {
        let flight = |client: &mut Engine, server: &mut Engine| {
            server.write(b"250 OK\r\n").unwrap();
            server.close();
            let flight = take(server);
            assert!(!client.wants().write);
            flight
        };
        let (mut client, mut server) = crate::common::engines(version);
        let whole = flight(&mut client, &mut server).len();
        for len in 0..=whole {
            let (mut client, mut server) = crate::common::engines(version);
            let flight = flight(&mut client, &mut server);
            crate::common::deliver(&flight[..len], &mut client);
            let ending = client.handle_eof();
            assert_eq!(ending == Ending::Clean, len == whole, "{len} of {whole}");
            // What arrived whole is read in any case.
            let mut buf = [0; 9];
            let read = client.read(&mut buf);
            match read {
                Ok(Plaintext::Data(8)) => assert_eq!(&buf[..8], b"250 OK\r\n"),
                other => assert!(matches!(other, Err(Error::Truncated)), "{len}: {other:?}"),
            }
            if len == whole {
                assert_eq!(client.read(&mut buf).unwrap(), Plaintext::Closed);
            } else {
                assert!(matches!(client.read(&mut buf), Err(Error::Truncated)));
            }
        }
    }
}
