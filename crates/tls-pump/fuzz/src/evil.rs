//! A peer that finishes the handshake and then sends what it likes, encrypted
//! as it should be.

use super::certificates::{
    bare_client_connection, bare_server_connection, client_engine, server_engine,
};
use super::raw::{self, FRAGMENT_LEN};
use super::script::Script;
use super::side::{Role, Side};
use std::io::Write as _;
use tls_pump::rustls::crypto::cipher::{MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use tls_pump::rustls::{
    Connection, ConnectionTrafficSecrets, ContentType, ProtocolVersion, SupportedCipherSuite,
};

/// Enough to fill every buffer, and little enough for many inputs a second.
const MOST_ON_THE_WIRE: usize = 256 * 1024;

pub(crate) fn run(role: Role, choice: u8, script: &mut Script<'_>) {
    let (engine, peer) = match role {
        Role::Client => (client_engine(choice), bare_server_connection(choice)),
        Role::Server => (server_engine(choice), bare_client_connection()),
    };
    let mut victim = Side::new(engine, role);
    let mut peer = Peer {
        role: role.other(),
        connection: Some(peer),
        keys: None,
        wire: Vec::new(),
        written: 0,
    };
    peer.shake_hands(&mut victim);
    while let Some(step) = script.step() {
        let what = step >> 4;
        match step % 16 {
            0 => {
                let taken = victim.feed(&peer.wire);
                peer.wire.drain(..taken);
            }
            1 => {
                let len = script.len().min(peer.wire.len());
                let taken = victim.feed(&peer.wire[..len]);
                peer.wire.drain(..taken);
            }
            2 => _ = victim.read(script.len()),
            3 => victim.write(script.len()),
            4 => _ = victim.send(script.len()),
            5 if what == 0 => victim.close(),
            5 if what == 1 => victim.eof(),
            5 | 6 => peer.write(script.len()),
            7 => peer.change_keys(1 + usize::from(what)),
            8 => peer.close(),
            9 | 10 => {
                let len = script.len();
                peer.encrypt(kind(what), script.bytes(len), script.byte());
            }
            11 | 12 => {
                let len = script.len();
                let message = raw::message(what, script.bytes(len));
                peer.encrypt(ContentType::Handshake, &message, script.byte());
            }
            // Key updates, the start of a long message, parts of one.
            13 => peer.encrypt(ContentType::Handshake, &[24, 0, 0, 1, what & 1], 0),
            14 => peer.encrypt(ContentType::Handshake, &[0, what, 255, 255], 0),
            _ => {
                let part = vec![what; script.len().min(FRAGMENT_LEN)];
                peer.encrypt(ContentType::Handshake, &part, script.byte());
            }
        }
    }
    victim.read_all();
    victim.check_info();
}

fn kind(what: u8) -> ContentType {
    match what % 4 {
        0 => ContentType::Alert,
        1 => ContentType::Handshake,
        2 => ContentType::ChangeCipherSpec,
        _ => ContentType::from(what),
    }
}

struct Peer {
    role: Role,
    /// Until it takes things into its own hands.
    connection: Option<Connection>,
    keys: Option<(Box<dyn MessageEncrypter>, u64)>,
    /// On its way to the victim.
    wire: Vec<u8>,
    written: usize,
}

impl Peer {
    fn shake_hands(&mut self, victim: &mut Side) {
        let peer = self.connection.as_mut().expect("it is honest yet");
        for turn in 0.. {
            assert!(turn < 100, "the handshake never ends");
            let flight = victim.send(usize::MAX);
            let mut rest = &flight[..];
            while !rest.is_empty() {
                peer.read_tls(&mut rest).expect("memory");
                peer.process_new_packets().expect("an honest handshake");
            }
            let mut answer = Vec::new();
            while peer.wants_write() {
                peer.write_tls(&mut answer).expect("memory");
            }
            if flight.is_empty() && answer.is_empty() {
                break;
            }
            assert_eq!(victim.feed(&answer), answer.len());
        }
        assert!(!peer.is_handshaking() && !victim.engine.is_handshaking());
    }

    /// Lets the honest connection do something, if there still is one.
    fn honestly(&mut self, act: impl FnOnce(&mut Connection)) {
        if let Some(connection) = &mut self.connection {
            act(connection);
            while connection.wants_write() {
                connection.write_tls(&mut self.wire).expect("memory");
            }
        }
    }

    fn change_keys(&mut self, times: usize) {
        self.honestly(|connection| {
            // TLS 1.2 has no way to.
            (0..times).for_each(|_| _ = connection.refresh_traffic_keys());
        });
    }

    fn close(&mut self) {
        self.honestly(|connection| connection.send_close_notify());
    }

    fn write(&mut self, len: usize) {
        let plaintext = self.role.plaintext(self.written, len.min(FRAGMENT_LEN));
        if self.keys.is_some() {
            self.written += plaintext.len();
            self.encrypt(ContentType::ApplicationData, &plaintext, 0);
            return;
        }
        let mut taken = 0;
        self.honestly(|connection| {
            taken = connection.writer().write(&plaintext).unwrap_or(0);
        });
        self.written += taken;
    }

    /// Encrypts `payload`, and `again` times more.
    fn encrypt(&mut self, kind: ContentType, payload: &[u8], again: u8) {
        if let Some(connection) = self.connection.take() {
            self.keys = keys(connection);
        }
        let Some((encrypter, sequence)) = &mut self.keys else {
            return;
        };
        for _ in 0..=again {
            if self.wire.len() > MOST_ON_THE_WIRE {
                return;
            }
            let message = OutboundPlainMessage {
                typ: kind,
                version: ProtocolVersion::TLSv1_2,
                payload: OutboundChunks::Single(&payload[..payload.len().min(FRAGMENT_LEN + 1)]),
            };
            let record = encrypter.encrypt(message, *sequence).expect("it fits");
            self.wire.extend_from_slice(&record.encode());
            *sequence += 1;
        }
    }
}

/// What an honest connection would have gone on to encrypt with; `None` when
/// it has closed or failed.
fn keys(connection: Connection) -> Option<(Box<dyn MessageEncrypter>, u64)> {
    let suite = connection.negotiated_cipher_suite()?;
    let (sequence, secrets) = connection.dangerous_extract_secrets().ok()?.tx;
    let (key, iv) = match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (key, iv),
        _ => return None,
    };
    let encrypter = match suite {
        SupportedCipherSuite::Tls13(suite) => suite.aead_alg.encrypter(key, iv),
        SupportedCipherSuite::Tls12(suite) => {
            let fixed = suite.aead_alg.key_block_shape().fixed_iv_len;
            let (fixed, explicit) = iv.as_ref().split_at(fixed);
            suite.aead_alg.encrypter(key, fixed, explicit)
        }
    };
    Some((encrypter, sequence))
}
