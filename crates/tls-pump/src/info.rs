//! What a handshake agreed on.

use std::fmt;

/// What the two sides agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// The protocol version, as `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// The cipher suite, by its IANA name without `TLS13_`/`TLS_`.
    pub cipher_suite: String,
    /// Whether the session of an earlier connection was resumed.
    pub resumed: bool,
    /// The protocol agreed on by ALPN (RFC 7301), if any.
    pub alpn: Option<Vec<u8>>,
}

impl fmt::Display for ConnectionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resumed = if self.resumed { ", resumed" } else { "" };
        write!(f, "{} {}{resumed}", self.version, self.cipher_suite)
    }
}

impl ConnectionInfo {
    pub(crate) fn of(connection: &rustls::ClientConnection) -> Option<Self> {
        let version = match connection.protocol_version()? {
            rustls::ProtocolVersion::TLSv1_2 => "TLSv1.2".into(),
            rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3".into(),
            other => format!("{other:?}"),
        };
        let suite = format!("{:?}", connection.negotiated_cipher_suite()?.suite());
        let cipher_suite = suite
            .trim_start_matches("TLS13_")
            .trim_start_matches("TLS_")
            .into();
        Some(Self {
            version,
            cipher_suite,
            resumed: connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
            alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
        })
    }
}
