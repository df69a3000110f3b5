//! AUTH on the wire.
//!
//! Source: RFC 4954 sections 4 and 4.1.

use super::{Engine, Operation};
use crate::auth::{Binding, Exchange, Response};
use crate::{Credentials, ErrorKind, Mechanism, Reply, Security};
use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

/// The longest command line, with its line end (RFC 5321 section 4.5.3.1.4): a
/// longer initial response waits for a challenge.
const MAX_COMMAND_LEN: usize = 512;

/// No mechanism has as many challenges.
const MAX_CHALLENGES: usize = 8;

/// How much is kept of what a server says of a failure.
const MAX_REASON_LEN: usize = 1024;

/// A running AUTH.
pub(super) struct Auth {
    credentials: Credentials,
    mechanism: Mechanism,
    exchange: Exchange,
    /// An initial response that was too long for the command.
    waiting: Option<Response>,
    challenges: usize,
    /// What was tried before.
    tried: u16,
    /// Where its last line ends.
    end: u64,
}

impl Auth {
    pub(super) fn end(&self) -> u64 {
        self.end
    }
}

impl Engine {
    /// Takes what AUTH sent out of what the server says.
    pub(super) fn redact(&self, reply: &mut Reply) {
        let secrets: Vec<_> = self.secrets.iter().map(|secret| &***secret).collect();
        reply.redact(&secrets);
    }

    /// Keeps what a server may repeat, encoded, until another operation begins.
    fn keep_secret(&mut self, encoded: &str) {
        let encoded = encoded.trim_end_matches('=');
        if !encoded.is_empty() {
            self.secrets.push(Zeroizing::new(encoded.to_owned()));
        }
    }

    /// Sends AUTH by the best mechanism that was not tried yet.
    pub(super) fn start_auth(
        &mut self,
        credentials: Credentials,
        tried: u16,
    ) -> Result<Operation, ErrorKind> {
        self.auth_reason = None;
        let exporter = match self.security {
            Security::Plaintext if !self.options.plaintext_auth => {
                return Err(ErrorKind::PlaintextAuth);
            }
            Security::Plaintext => None,
            Security::Tls { exporter } => exporter,
        };
        let offers = |mechanism: Mechanism| self.capabilities.has_mechanism(mechanism);
        let fits = |mechanism: &Mechanism| {
            offers(*mechanism)
                && credentials.allow(*mechanism)
                && (tried & mechanism.bit()) == 0
                && (exporter.is_some() || !mechanism.is_bound())
        };
        let mechanism = Mechanism::all().find(fits).ok_or(ErrorKind::NoMechanism)?;
        let binding = Binding {
            exporter,
            allowed: Mechanism::all().any(|one| one.is_bound() && credentials.allow(one)),
        };
        let mut exchange =
            Exchange::new(mechanism, &credentials, &binding).map_err(ErrorKind::Credentials)?;
        self.trying = Some(mechanism);
        let mut line = Zeroizing::new(format!("AUTH {mechanism}"));
        let secret = Zeroizing::new(credentials.secret().to_owned());
        self.secrets.push(secret);
        let mut shown = format!("AUTH {mechanism}");
        let mut waiting = exchange.initial();
        if let Some(initial) = &waiting {
            // An empty one is told from none (RFC 4954 section 4).
            let encoded = match &initial[..] {
                [] => Zeroizing::new("=".to_owned()),
                bytes => Zeroizing::new(Base64::encode_string(bytes)),
            };
            if line.len() + 1 + encoded.len() + 2 <= MAX_COMMAND_LEN {
                line = Zeroizing::new([&line, " ", &encoded].concat());
                shown.push_str(" ***");
                self.keep_secret(&encoded);
                waiting = None;
            }
        }
        self.queue_secret_line(&line, &shown);
        Ok(Operation::Auth(Box::new(Auth {
            credentials,
            mechanism,
            exchange,
            waiting,
            challenges: 0,
            tried: tried | mechanism.bit(),
            end: self.wire.queued(),
        })))
    }

    /// Gives the operation as long as it goes on.
    pub(super) fn on_auth_reply(
        &mut self,
        mut auth: Box<Auth>,
        reply: Reply,
    ) -> Result<Option<Operation>, ErrorKind> {
        if reply.code() == 334 {
            self.respond(&mut auth, &reply)?;
            return Ok(Some(Operation::Auth(auth)));
        }
        if reply.is_positive() {
            if !auth.exchange.is_complete() {
                self.usable = false;
                return Err(ErrorKind::Auth(
                    "the server did not prove that it knows the password: it may be another",
                ));
            }
            self.mechanism = self.trying.take();
            // What a server offers may be more now: RFC 4954 section 4.
            self.asked = false;
            return Ok(None);
        }
        // The mechanism is not to be had, which says nothing of the password. Nor does a
        // refusal of SCRAM before its challenge: the server minds that the client could
        // bind to the TLS connection and was not offered it (RFC 5802 section 6). Saying
        // that it could not would give that protection up. Once a challenge was answered
        // a server that asks for one exchange after the other learns or costs too much.
        let could_bind = matches!(self.security, Security::Tls { exporter: Some(_) });
        let is_untested = match reply.code() {
            504 => true,
            535 => could_bind && auth.mechanism.is_unbound_scram(),
            _ => false,
        };
        if is_untested
            && auth.challenges == 0
            && let Ok(next) = self.start_auth(auth.credentials.clone(), auth.tried)
        {
            return Ok(Some(next));
        }
        if reply.is_intermediate() {
            self.usable = false;
            return Err(ErrorKind::Protocol(
                "a reply to AUTH of another kind than 334",
            ));
        }
        Err(ErrorKind::Refused(reply))
    }

    fn respond(&mut self, auth: &mut Auth, reply: &Reply) -> Result<(), ErrorKind> {
        // Cancelling by `*` hangs some servers: what goes wrong here ends the
        // session.
        let was_usable = std::mem::replace(&mut self.usable, false);
        auth.challenges += 1;
        if auth.challenges > MAX_CHALLENGES {
            return Err(ErrorKind::Auth(
                "the server sends challenge after challenge",
            ));
        }
        let response = match auth.waiting.take() {
            // Its challenge is empty: RFC 4954 section 4.
            Some(initial) => initial,
            None => {
                let challenge = decode(auth.mechanism, reply.text());
                let challenge = challenge.ok_or(ErrorKind::Auth(
                    "the server sends a challenge that is no base64",
                ))?;
                if auth.mechanism.gives_reasons() && !challenge.is_empty() {
                    let text = String::from_utf8_lossy(&challenge).into_owned();
                    let mut reason = Reply::new(reply.code(), text);
                    self.redact(&mut reason);
                    reason.shorten(MAX_REASON_LEN);
                    self.auth_reason = Some(reason);
                }
                auth.exchange
                    .respond(&challenge, &auth.credentials)
                    .map_err(ErrorKind::Auth)?
            }
        };
        let encoded = Zeroizing::new(Base64::encode_string(&response));
        self.queue_secret_line(&encoded, "***");
        auth.end = self.wire.queued();
        self.keep_secret(&encoded);
        self.usable = was_usable;
        Ok(())
    }
}

/// The prompts of LOGIN, and reasons of failure, may be anything.
fn decode(mechanism: Mechanism, text: &str) -> Option<Vec<u8>> {
    match Base64::decode_vec(text.trim()) {
        Ok(challenge) => Some(challenge),
        Err(_) if mechanism.may_say_anything() => Some(text.into()),
        Err(_) => None,
    }
}
