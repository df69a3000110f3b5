//! Two engines, and a wire to one of them that a script may tamper with.

use super::certificates::{NAME, client_config, client_config_with_sessions, server_engine};
use super::script::Script;
use super::side::{Role, Side};
use super::wire::Wire;
use tls_pump::Engine;

/// A victim, whose wire is tampered with, and its honest peer.
pub(crate) struct Pair {
    victim: Side,
    peer: Side,
    to_victim: Wire,
    to_peer: Wire,
    /// Whether the victim was told that the peer's stream has ended.
    ended: bool,
}

fn deliver(wire: &mut Wire, to: &mut Side, len: usize) {
    if to.error.is_some() {
        wire.cut();
    }
    let len = len.min(wire.bytes().len());
    let taken = to.feed(&wire.bytes()[..len]);
    wire.take(taken);
}

impl Pair {
    pub(crate) fn new(victim: Role, choice: u8) -> Self {
        if choice & 4 == 0 {
            let engine = Engine::new(&client_config(choice), NAME);
            return Self::of(victim, engine.expect("a host name"), choice);
        }
        // The second connection of a client that keeps sessions.
        let config = client_config_with_sessions(choice);
        let engine = || Engine::new(&config, NAME).expect("a host name");
        let mut first = Self::of(victim, engine(), choice);
        first.settle();
        first.finish();
        let mut again = Self::of(victim, engine(), choice);
        if choice & 8 != 0 {
            again.settle();
            let info = again.victim.engine.connection_info().expect("settled");
            assert!(info.resumed, "the session of a moment ago is not resumed");
        }
        again
    }

    fn of(victim: Role, client: Engine, choice: u8) -> Self {
        let client = Side::new(client, Role::Client);
        let server = Side::new(server_engine(choice), Role::Server);
        let (victim, peer) = match victim {
            Role::Client => (client, server),
            Role::Server => (server, client),
        };
        Self {
            victim,
            peer,
            to_victim: Wire::default(),
            to_peer: Wire::default(),
            ended: false,
        }
    }

    /// Carries everything until nothing is left to carry, and reads it all.
    fn settle(&mut self) {
        for turn in 0.. {
            assert!(turn < 1000, "the two never come to rest");
            self.to_peer.put(&mut self.victim, usize::MAX);
            self.to_victim.put(&mut self.peer, usize::MAX);
            if self.to_peer.bytes().is_empty() && self.to_victim.bytes().is_empty() {
                return;
            }
            deliver(&mut self.to_peer, &mut self.peer, usize::MAX);
            deliver(&mut self.to_victim, &mut self.victim, usize::MAX);
            self.peer.read_all();
            self.victim.read_all();
        }
    }

    /// Follows the script; with `greeted`, after an honest handshake.
    pub(crate) fn run(mut self, greeted: bool, script: &mut Script<'_>) {
        if greeted {
            self.settle();
            assert!(!self.victim.engine.is_handshaking());
            assert!(!self.peer.engine.is_handshaking());
            let binding = self.victim.engine.tls_exporter();
            assert_eq!(binding, self.peer.engine.tls_exporter());
        }
        while let Some(step) = script.step() {
            self.step(step, script);
        }
        self.finish();
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        let Self {
            victim,
            peer,
            to_victim,
            to_peer,
            ended,
        } = self;
        match step % 16 {
            0 => {
                to_victim.put(peer, usize::MAX);
                deliver(to_victim, victim, usize::MAX);
            }
            1 => {
                to_peer.put(victim, usize::MAX);
                deliver(to_peer, peer, usize::MAX);
            }
            2 => _ = to_victim.put(peer, script.len()),
            3 => deliver(to_victim, victim, script.len()),
            4 => _ = to_peer.put(victim, script.len()),
            5 => deliver(to_peer, peer, script.len()),
            6 => _ = victim.read(script.len()),
            7 => _ = peer.read(script.len()),
            8 => victim.write(script.len()),
            9 | 10 => peer.write(script.len()),
            11 => victim.close(),
            12 => peer.close(),
            13 if step >> 4 == 0 => {
                *ended = true;
                victim.eof();
            }
            13 => _ = to_victim.put(peer, usize::MAX),
            _ => to_victim.tamper(step >> 4, script),
        }
    }

    /// What holds at the end.
    fn finish(&mut self) {
        // A close_notify within the handshake is an error to the other side.
        let early = self.victim.closed_early || self.peer.closed_early;
        let honest = !self.to_victim.tampered && !self.ended && !early;
        if honest {
            self.settle();
            assert_eq!(self.victim.error, None, "without cause");
            assert_eq!(self.peer.error, None, "without cause");
        }
        self.victim.read_all();
        self.peer.read_all();
        let (plaintext, closed) = self.to_victim.arrived();
        assert!(self.victim.read >= plaintext, "what came before is lost");
        assert!(self.victim.read <= self.peer.committed);
        assert!(self.peer.read <= self.victim.committed);
        let done = self.victim.engine.connection_info().is_some();
        if self.victim.read_all() && done {
            assert!(self.peer.closed, "nobody closed");
            assert_eq!(self.victim.read, self.peer.committed, "an unseen cut");
        } else {
            assert!(!closed || !done, "the peer's close_notify is lost");
        }
        if honest {
            assert!(done && !self.peer.engine.is_handshaking(), "no end");
            assert_eq!(self.peer.read, self.victim.committed);
        }
        self.victim.check_info();
        self.peer.check_info();
    }
}
