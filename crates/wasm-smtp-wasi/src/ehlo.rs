//! EHLO replies without AUTH.

use wasm_smtp::protocol::MAX_REPLY_LINE_LEN;

/// Takes the AUTH lines out of a reply to EHLO, so that no secret is sent in
/// plaintext: a client can't log in by a mechanism that nobody offers.
#[derive(Default)]
pub(crate) struct WithoutAuth {
    /// The line being read.
    line: Vec<u8>,
    /// The line before it, which may become the last one.
    held: Vec<u8>,
    /// Behind the first line, which names the server.
    offers: bool,
}

impl WithoutAuth {
    /// Takes the next byte, which ends a line if `ended`, and appends to `seen`
    /// what is certainly a part of the reply.
    pub(crate) fn push(&mut self, byte: u8, ended: bool, seen: &mut Vec<u8>) {
        self.line.push(byte);
        // The client refuses a line that is longer, however it goes on.
        if !ended && self.line.len() <= MAX_REPLY_LINE_LEN + 2 {
            return;
        }
        if ended && self.offers && offers_auth(&self.line) {
            if self.line.get(3) != Some(&b'-')
                && let Some(separator) = self.held.get_mut(3)
            {
                *separator = b' ';
            }
            self.line.clear();
        } else {
            seen.append(&mut self.held);
            std::mem::swap(&mut self.held, &mut self.line);
        }
        self.offers = true;
        if !ended {
            seen.append(&mut self.held);
        }
    }

    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        self.line.len() + self.held.len()
    }

    /// The reply is over.
    pub(crate) fn end(&mut self, seen: &mut Vec<u8>) {
        seen.append(&mut self.held);
        self.offers = false;
    }
}

/// Whether a reply line with its code is `AUTH`, or `AUTH=` as old servers
/// write it.
fn offers_auth(line: &[u8]) -> bool {
    let Some(text) = line.get(4..) else {
        return false;
    };
    let text = text.trim_ascii();
    let is_keyword = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let end = text.iter().position(|byte| !is_keyword(byte));
    text[..end.unwrap_or(text.len())].eq_ignore_ascii_case(b"AUTH")
}
