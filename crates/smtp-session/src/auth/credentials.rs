//! Who the client is, and what proves it.

use super::Mechanism;
use crate::error::InvalidInput;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Who the client is, and what proves it.
///
/// A clone costs nothing. What is secret is wiped from memory with the last
/// clone, and from this crate's buffers once it is sent. Not wiped are the
/// buffers of the stream below, what SASLprep makes of a password beyond ASCII in
/// between, and what HMAC keeps of a key on the stack. `Debug` shows nothing.
#[derive(Clone)]
pub struct Credentials(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    user: Zeroizing<String>,
    secret: Zeroizing<String>,
    act_as: Option<Zeroizing<String>>,
    /// One bit for each mechanism that may be used.
    mechanisms: u16,
}

impl Credentials {
    /// A user name and a password, by SCRAM, PLAIN or LOGIN: the best that the
    /// server offers. The password is never sent without TLS, unless
    /// [`Options::allow_plaintext_auth`](crate::Options::allow_plaintext_auth)
    /// says so.
    ///
    /// # Errors
    ///
    /// One of them is empty or has a NUL.
    pub fn password(user: &str, password: &str) -> Result<Self, InvalidInput> {
        check(user)?;
        check(password)?;
        let scram = if cfg!(feature = "scram") {
            SCRAM.map(Mechanism::bit).iter().sum()
        } else {
            0
        };
        let in_clear = Mechanism::Plain.bit() | Mechanism::Login.bit();
        Ok(Self::of(user, password, scram | in_clear))
    }

    /// A user name and an OAuth 2.0 access token, by OAUTHBEARER or XOAUTH2.
    ///
    /// # Errors
    ///
    /// The name is empty or has control characters; the token is empty or has
    /// other characters than RFC 6750 section 2.1 allows.
    pub fn oauth_token(user: &str, token: &str) -> Result<Self, InvalidInput> {
        check(user)?;
        check_name(user)?;
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
        if token.is_empty() || !token.bytes().all(fits) {
            return Err(InvalidInput::new(
                "an access token has to be of letters, digits and -._~+/= only",
            ));
        }
        let mechanisms = Mechanism::OAuthBearer.bit() | Mechanism::XOAuth2.bit();
        Ok(Self::of(user, token, mechanisms))
    }

    /// The TLS client certificate, by EXTERNAL.
    pub fn external() -> Self {
        Self::of("", "", Mechanism::External.bit())
    }

    /// Acts as another user than the one who proves who he is.
    ///
    /// LOGIN and XOAUTH2 can't say so, and are not used then.
    ///
    /// # Errors
    ///
    /// It is empty or has control characters.
    ///
    /// Source: RFC 4422 section 2 (authorization identity).
    pub fn act_as(mut self, user: &str) -> Result<Self, InvalidInput> {
        check(user)?;
        check_name(user)?;
        let inner = Arc::make_mut(&mut self.0);
        inner.act_as = Some(Zeroizing::new(user.to_owned()));
        inner.mechanisms &= !(Mechanism::Login.bit() | Mechanism::XOAuth2.bit());
        Ok(self)
    }

    /// Uses these mechanisms only. Without any that the kind of credentials
    /// allows, [`ErrorKind::NoMechanism`](crate::ErrorKind::NoMechanism) follows.
    #[must_use]
    pub fn only(mut self, mechanisms: &[Mechanism]) -> Self {
        let chosen = mechanisms.iter().fold(0, |bits, one| bits | one.bit());
        Arc::make_mut(&mut self.0).mechanisms &= chosen;
        self
    }

    fn of(user: &str, secret: &str, mechanisms: u16) -> Self {
        Self(Arc::new(Inner {
            user: Zeroizing::new(user.to_owned()),
            secret: Zeroizing::new(secret.to_owned()),
            act_as: None,
            mechanisms,
        }))
    }

    pub(crate) fn user(&self) -> &str {
        &self.0.user
    }

    pub(crate) fn secret(&self) -> &str {
        &self.0.secret
    }

    pub(crate) fn acts_as(&self) -> Option<&str> {
        self.0.act_as.as_ref().map(|user| user.as_str())
    }

    pub(crate) fn allow(&self, mechanism: Mechanism) -> bool {
        self.0.mechanisms & mechanism.bit() != 0
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

const SCRAM: [Mechanism; 4] = [
    Mechanism::ScramSha256Plus,
    Mechanism::ScramSha256,
    Mechanism::ScramSha1Plus,
    Mechanism::ScramSha1,
];

/// NUL parts the fields of PLAIN (RFC 4616 section 2).
fn check(text: &str) -> Result<(), InvalidInput> {
    if text.is_empty() || text.contains('\0') {
        return Err(InvalidInput::new(
            "a user name or password is empty or has a NUL: give one without",
        ));
    }
    Ok(())
}

/// U+0001 parts the fields of OAUTHBEARER (RFC 7628 section 3.1).
fn check_name(user: &str) -> Result<(), InvalidInput> {
    if user.chars().any(char::is_control) {
        return Err(InvalidInput::new(
            "a user name has control characters: give one without",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_wiped() {
        fn are_wiped(_: &impl zeroize::ZeroizeOnDrop) {}
        let credentials = Credentials::password("user", "secret").expect("credentials");
        let Inner {
            user,
            secret,
            act_as,
            mechanisms: _,
        } = &*credentials.0;
        are_wiped(user);
        are_wiped(secret);
        act_as.iter().for_each(are_wiped);
    }

    #[test]
    fn each_kind_allows_its_mechanisms() {
        let allowed = |credentials: &Credentials| {
            Mechanism::all()
                .filter(|mechanism| credentials.allow(*mechanism))
                .map(|mechanism| mechanism.to_string())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let password = Credentials::password("u", "p").expect("credentials");
        let scram = if cfg!(feature = "scram") {
            "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 "
        } else {
            ""
        };
        assert_eq!(allowed(&password), format!("{scram}PLAIN LOGIN"));
        let other = password.clone().act_as("other").expect("a name");
        assert_eq!(allowed(&other), format!("{scram}PLAIN"));
        let only = password.only(&[Mechanism::Login, Mechanism::External]);
        assert_eq!(allowed(&only), "LOGIN");
        let token = Credentials::oauth_token("u", "t").expect("credentials");
        assert_eq!(allowed(&token), "OAUTHBEARER XOAUTH2");
        assert_eq!(allowed(&Credentials::external()), "EXTERNAL");
    }

    #[test]
    fn what_would_break_an_exchange_is_refused() {
        for (user, secret) in [("", "p"), ("u", ""), ("u\0", "p"), ("u", "p\0")] {
            assert!(Credentials::password(user, secret).is_err());
        }
        for (user, token) in [
            ("", "t"),
            ("u", ""),
            ("u\u{1}", "t"),
            ("u", "t t"),
            ("u", "ü"),
        ] {
            assert!(Credentials::oauth_token(user, token).is_err());
        }
        assert!(Credentials::external().act_as("a\0").is_err());
    }

    #[test]
    fn debug_shows_nothing() {
        let credentials = Credentials::password("alice", "wonderland").expect("credentials");
        assert_eq!(format!("{credentials:?}"), "Credentials(..)");
    }
}
