//! The mail transaction: MAIL, RCPT, and the content by DATA or BDAT.

use std::io;

use super::session::Session;
use super::syntax::{chunk, is_mailbox, path_and_parameters};
use super::{Received, Via};

impl Session {
    pub(super) fn mail(&mut self, arguments: &str) {
        let Some(hello) = &self.hello else {
            return self.reply("503 5.5.1 EHLO first");
        };
        if self.envelope.is_some() {
            return self.reply("503 5.5.1 MAIL was given");
        }
        if self.config.require_auth() && self.auth.is_none() {
            return self.reply("530 5.7.0 authentication required");
        }
        let Some((path, parameters)) = path_and_parameters(arguments, "FROM:")
            .filter(|(path, _)| path.is_empty() || is_mailbox(path))
        else {
            return self.reply("501 5.5.4 syntax: MAIL FROM:<address>");
        };
        if let Some(refusal) = self.check_parameters(&parameters) {
            return self.reply(refusal);
        }
        let tls = self.tls.as_ref();
        self.envelope = Some(Received {
            ehlo: hello.name.clone(),
            mail_from: path.to_owned(),
            mail_parameters: parameters.into_iter().map(str::to_owned).collect(),
            recipients: Vec::new(),
            tls_version: tls.and_then(|tls| tls.version.clone()),
            tls_cipher: tls.and_then(|tls| tls.cipher.clone()),
            tls_resumed: tls.is_some_and(|tls| tls.resumed),
            auth: self.auth.clone(),
            via: Via::Data,
            data: Vec::new(),
        });
        self.reply("250 2.1.0 sender ok");
    }

    /// The refusal of the parameters of MAIL, if they deserve one.
    fn check_parameters(&self, parameters: &[&str]) -> Option<&'static str> {
        let mut seen = Vec::new();
        for parameter in parameters {
            let (keyword, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let keyword = keyword.to_ascii_uppercase();
            if seen.contains(&keyword) {
                return Some("501 5.5.4 parameter given twice");
            }
            match (keyword.as_str(), self.config.size) {
                _ if !self.extended() => return Some("555 5.5.4 EHLO first"),
                ("SIZE", Some(limit)) => {
                    // Up to 20 digits (RFC 1870, 3), which 64 bits do not hold.
                    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
                    match value.parse::<u128>() {
                        Ok(size) if digits && value.len() <= 20 => {
                            if size > u128::from(limit) {
                                return Some("552 5.3.4 message too big");
                            }
                        }
                        _ => return Some("501 5.5.4 SIZE needs a number"),
                    }
                }
                ("BODY", _) if self.config.eight_bit_mime => {
                    if !["7BIT", "8BITMIME"]
                        .iter()
                        .any(|body| body.eq_ignore_ascii_case(value))
                    {
                        return Some("555 5.5.4 unknown body type");
                    }
                }
                ("AUTH", _) if self.offers_auth() && !value.is_empty() => {}
                _ => return Some("555 5.5.4 unknown parameter"),
            }
            seen.push(keyword);
        }
        None
    }

    pub(super) fn rcpt(&mut self, arguments: &str) {
        let Some(envelope) = self.envelope.as_mut().filter(|e| e.via == Via::Data) else {
            return self.reply("503 5.5.1 MAIL first");
        };
        let Some((path, parameters)) = path_and_parameters(arguments, "TO:")
            .filter(|(path, _)| is_mailbox(path) || path.eq_ignore_ascii_case("postmaster"))
        else {
            return self.reply("501 5.5.4 syntax: RCPT TO:<address>");
        };
        if !parameters.is_empty() {
            return self.reply("555 5.5.4 unknown parameter");
        }
        let config = self.config.clone();
        let refusal = config
            .refusals
            .iter()
            .find(|(address, _)| address.eq_ignore_ascii_case(path));
        if let Some((_, reply)) = refusal {
            return self.reply(reply);
        }
        envelope.recipients.push(path.to_owned());
        self.reply("250 2.1.5 recipient ok");
    }

    pub(super) async fn data(&mut self) -> io::Result<()> {
        let ready =
            |envelope: &mut Received| envelope.via == Via::Data && !envelope.recipients.is_empty();
        let Some(mut envelope) = self.envelope.take_if(ready) else {
            self.reply("503 5.5.1 MAIL and RCPT first");
            return Ok(());
        };
        self.reply("354 end with <CRLF>.<CRLF>");
        let limit = self.config.size.unwrap_or(u64::MAX);
        let dotted = self.connection.read_data(limit).await?;
        if dotted.bare_line_end {
            self.reply("554 5.6.0 bare line end");
        } else if dotted.too_big {
            self.reply("552 5.3.4 message too big");
        } else {
            envelope.data = dotted.content;
            self.deliver(envelope);
        }
        Ok(())
    }

    pub(super) async fn bdat(&mut self, arguments: &str) -> io::Result<()> {
        let Some((octets, last)) = chunk(arguments) else {
            // Nobody knows where the next command begins.
            self.reply_and_close("501 5.5.4 syntax: BDAT octets [LAST]");
            return Ok(());
        };
        let kept = self.envelope.as_ref().map_or(0, |e| e.data.len() as u64);
        let limit = self.config.size.unwrap_or(u64::MAX).saturating_sub(kept);
        // The chunk follows even when it is not welcome.
        let content = self.connection.read_chunk(octets, limit).await?;
        let extended = self.extended();
        let ready = |envelope: &mut Received| extended && !envelope.recipients.is_empty();
        let Some(mut envelope) = self.envelope.take_if(ready) else {
            self.reply("503 5.5.1 MAIL and RCPT first");
            return Ok(());
        };
        // Without its envelope the rest of a message too big is refused with 503.
        let Some(content) = content else {
            self.reply("552 5.3.4 message too big");
            return Ok(());
        };
        envelope.via = Via::Bdat;
        envelope.data.extend(content);
        if last {
            self.deliver(envelope);
        } else {
            self.envelope = Some(envelope);
            self.reply(&format!("250 2.0.0 {octets} octets received"));
        }
        Ok(())
    }

    /// Records first and replies after, so that a client that has its 250 finds the message.
    fn deliver(&mut self, message: Received) {
        self.log.deliver(message);
        self.reply("250 2.0.0 message accepted");
    }
}
