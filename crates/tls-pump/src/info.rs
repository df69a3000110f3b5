//! What a handshake agreed on.

use crate::connection::Connection;
use rustls::pki_types::CertificateDer;
use std::fmt;

/// What the two sides agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// The protocol version, as `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// The cipher suite, by its IANA name without `TLS_`, as
    /// `AES_128_GCM_SHA256`.
    pub cipher_suite: String,
    /// The group of the key exchange, by its IANA name: `X25519`,
    /// `secp256r1`, `X25519MLKEM768`. `None` where there was no exchange: in a
    /// resumed session of TLS 1.2.
    pub group: Option<String>,
    /// Whether the session of an earlier connection was resumed.
    pub resumed: bool,
    /// The protocol agreed on by ALPN (RFC 7301), if any.
    pub alpn: Option<Vec<u8>>,
    /// The certificates that the peer sent, its own first, in DER. What was
    /// verified is up to the [`Policy`](crate::Policy). In a resumed session:
    /// those of the first one.
    pub peer_certificates: Vec<CertificateDer<'static>>,
}

impl fmt::Display for ConnectionInfo {
    /// Version, suite and group, as `TLSv1.3 AES_128_GCM_SHA256 X25519`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version, self.cipher_suite)?;
        if let Some(group) = &self.group {
            write!(f, " {group}")?;
        }
        f.write_str(if self.resumed { ", resumed" } else { "" })
    }
}

impl ConnectionInfo {
    pub(crate) fn of(connection: &Connection) -> Option<Self> {
        let version = match connection.version()? {
            rustls::ProtocolVersion::TLSv1_2 => "TLSv1.2".into(),
            rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3".into(),
            other => format!("{other:?}"),
        };
        let suite = format!("{:?}", connection.suite()?.suite());
        let cipher_suite = suite
            .strip_prefix("TLS13_")
            .or_else(|| suite.strip_prefix("TLS_"))
            .unwrap_or(&suite)
            .to_owned();
        Some(Self {
            version,
            cipher_suite,
            group: connection
                .group()
                .map(|group| format!("{:?}", group.name())),
            resumed: connection.resumed(),
            alpn: connection.alpn().map(<[u8]>::to_vec),
            peer_certificates: connection.peer_certificates().to_vec(),
        })
    }
}
