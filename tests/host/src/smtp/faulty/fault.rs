//! The faults.

/// What a server does in place of what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing. In the middle of a mail it does not read either, and stays so until the end of
    /// all cases.
    Stall,
    /// Closes the socket, without a close_notify.
    Drop,
    /// Resets the connection.
    Reset,
    /// Sends a FIN without a close_notify, and reads on.
    HalfClose,
    /// Ends TLS as it should be, and reads on.
    CloseNotify,
    /// Bytes that are no text.
    Garbage,
    /// An answer of HTTP.
    Http,
    /// A line without an end. In a TLS handshake a message that is too long.
    EndlessLine,
    /// A reply of lines as long as they may be, without a last one. In a TLS handshake
    /// ChangeCipherSpec for ever.
    EndlessReply,
    /// The same with short lines that offer AUTH.
    EndlessAuth,
    /// A reply without a last line, a byte at a time. In a TLS handshake a record.
    Drip,
    /// The proper reply but for its line end, and the end.
    Torn,
    /// A 421, and the end.
    Closing,
    /// The proper reply and a 421 at once, and the end.
    ClosingBehind,
    /// The proper reply and one that nobody asked for at once.
    Ahead,
}

/// A record of TLS 1.2 with a handshake message that goes on for 16 MiB.
const ENDLESS_HANDSHAKE: &[u8] = b"\x16\x03\x03\x40\x00\x02\xff\xff\xff\x03\x03";
const CHANGE_CIPHER_SPEC: &[u8] = b"\x14\x03\x03\x00\x01\x01";
const CLOSING: &[u8] = b"421 4.3.2 closing\r\n";

impl Fault {
    /// What is said first, where `reply` would be right.
    pub(super) fn first(self, reply: &str) -> Vec<u8> {
        match self {
            Self::Garbage => b"\x00\xff\x80\x15\xfe\x01\r\n\xc3\x28\r\n".into(),
            Self::Http => b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".into(),
            Self::Torn => reply.trim_end().into(),
            Self::Closing => CLOSING.into(),
            Self::ClosingBehind => [reply.as_bytes(), CLOSING].concat(),
            Self::Ahead => [reply, "250 ahead\r\n"].concat().into(),
            _ => Vec::new(),
        }
    }

    /// What is said again and again after that.
    pub(super) fn endless(self, in_handshake: bool) -> Option<Vec<u8>> {
        let long_line = |head: &str| format!("{head}{}\r\n", "x".repeat(900)).repeat(8);
        Some(match (self, in_handshake) {
            (Self::EndlessLine, true) => {
                let mut record = ENDLESS_HANDSHAKE.to_vec();
                record.resize(5 + 0x4000, 0);
                record
            }
            (Self::EndlessReply, true) => CHANGE_CIPHER_SPEC.repeat(1000),
            (Self::Drip, true) => ENDLESS_HANDSHAKE[..5].repeat(1000),
            (Self::EndlessLine, false) => vec![b'2'; 8 * 1024],
            (Self::EndlessReply, false) => long_line("250-").into(),
            (Self::EndlessAuth, _) => b"250-AUTH PLAIN\r\n".repeat(500),
            (Self::Drip, false) => b"250-x\r\n".into(),
            _ => return None,
        })
    }

    /// Whether the server has no more to say.
    pub(super) fn ends(self) -> bool {
        matches!(
            self,
            Self::CloseNotify | Self::Torn | Self::Closing | Self::ClosingBehind
        )
    }
}
