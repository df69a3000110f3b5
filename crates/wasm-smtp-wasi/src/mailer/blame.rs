//! What a refusal is about.

use smtp_session::{Phase, Reply};

/// What a server refuses, by what its reply says: servers put off much of what they
/// mind until the first recipient.
///
/// The words count before the status, and both before the command:
///
/// | reply | blame | source |
/// |---|---|---|
/// | to AUTH | `Credentials` | RFC 4954 section 6 |
/// | to EHLO | `EhloName` | RFC 5321 section 4.1.4 |
/// | the word HELO or EHLO | `EhloName` | Postfix' `reject_invalid_helo_hostname` and the like |
/// | the word "sender" | `Sender` | Postfix' `reject_unknown_sender_domain` and the like; Exchange's 5.7.60 |
/// | x.1.7, x.1.8 | `Sender` | RFC 3463 section 3.2 |
/// | 530 | `Policy` | RFC 4954 section 6 |
/// | x.4.5, x.5.3, x.7.z | `Policy` | RFC 3463 sections 3.5, 3.6 and 3.8 |
/// | any other to MAIL | `Sender` | |
/// | any other to RCPT | `Recipient` | |
/// | any other | `Mail` | |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Blame {
    /// The user, or the password or token.
    Credentials,
    /// The name that EHLO gave.
    EhloName,
    /// The sender.
    Sender,
    /// Who sends, from where, how much or how often.
    Policy,
    /// The recipient.
    Recipient,
    /// The mail itself.
    Mail,
}

impl Blame {
    /// What `reply` is about, that refused what `phase` waited for.
    #[must_use]
    pub fn of(reply: &Reply, phase: Phase) -> Self {
        match phase {
            Phase::Auth => return Self::Credentials,
            Phase::Greeting | Phase::StartTls => return Self::Policy,
            Phase::Ehlo => return Self::EhloName,
            _ => {}
        }
        let says = |wanted: &[&str]| {
            let mut words = reply.text().split(|c: char| !c.is_ascii_alphabetic());
            words.any(|word| wanted.iter().any(|one| word.eq_ignore_ascii_case(one)))
        };
        let status = reply.enhanced().map(|it| (it.subject, it.detail));
        match (reply.code(), status, phase) {
            _ if says(&["HELO", "EHLO"]) => Self::EhloName,
            _ if says(&["sender"]) => Self::Sender,
            (_, Some((1, 7 | 8)), _) => Self::Sender,
            (530, ..) | (_, Some((4, 5) | (5, 3) | (7, _)), _) => Self::Policy,
            (_, _, Phase::Mail) => Self::Sender,
            (_, _, Phase::Rcpt) => Self::Recipient,
            _ => Self::Mail,
        }
    }

    /// Whether it says that who logs in may send.
    pub(super) fn wants_login(reply: &Reply) -> bool {
        let text = reply.text().to_ascii_lowercase();
        let words = ["authent", "log in", "login", "relay"];
        reply.code() == 530 || words.iter().any(|word| text.contains(word))
    }
}
