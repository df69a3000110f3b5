//! What a server offers, found out without a mail.

use smtp_session::{Capabilities, Mechanism};
use tls_pump::ConnectionInfo;

/// What [`Mailer::verify`](super::Mailer::verify) found: everything up to AUTH
/// works.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verified {
    /// What the server offers, behind TLS and AUTH.
    pub capabilities: Capabilities,
    /// By what AUTH succeeded; `None` without credentials.
    pub mechanism: Option<Mechanism>,
    /// What the TLS handshake agreed on; `None` without TLS.
    pub tls: Option<ConnectionInfo>,
    /// The name that EHLO gave.
    pub ehlo: String,
}
