//! A server's URL: where, how and as whom to submit.
//!
//! Nothing of a wrong URL is repeated in an error, since it may hold a password.

use super::MailerError;
use fluent_uri::Uri;
use fluent_uri::component::Host;
use fluent_uri::pct_enc::{EStr, Encoder};
use smtp_session::Mechanism;
use std::borrow::Cow;
use std::fmt;
use zeroize::Zeroizing;

/// How the connection becomes TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    /// From the first byte (RFC 8314).
    Implicit,
    /// By STARTTLS, required (RFC 3207).
    StartTls,
    /// Not at all.
    #[cfg(feature = "plaintext-only")]
    Plaintext,
}

impl Security {
    /// The port that is meant where none is named.
    pub(super) fn port(self) -> u16 {
        match self {
            Self::Implicit => 465,
            Self::StartTls => 587,
            #[cfg(feature = "plaintext-only")]
            Self::Plaintext => 25,
        }
    }
}

/// A submission server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) security: Security,
    pub(super) host: String,
    pub(super) port: u16,
}

/// A server, and what else a URL says.
#[derive(PartialEq, Eq)]
pub(super) struct ServerUrl {
    pub(super) server: Server,
    pub(super) user: Option<Zeroizing<String>>,
    pub(super) password: Option<Zeroizing<String>>,
    pub(super) ehlo: Option<String>,
    pub(super) auth: Option<Mechanism>,
}

/// Without the user and the password.
impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerUrl")
            .field("server", &self.server)
            .field("ehlo", &self.ehlo)
            .finish_non_exhaustive()
    }
}

const MALFORMED: &str = "the server URL is malformed: write smtps://USER:PASSWORD@HOST, with reserved characters in user and password percent-encoded (@ is %40, : is %3A, / is %2F, # is %23)";
const SCHEME: &str =
    "the server URL begins with neither smtps:// (TLS, port 465) nor smtp:// (STARTTLS, port 587)";
const NO_SLASHES: &str = "the server URL has no // before the host";
const HOST: &str = "the server URL has a host that is no text";
const NO_HOST: &str = "the server URL names no host";
const PORT: &str = "the server URL has a port that is not between 1 and 65535";
const USER: &str = "the server URL has a user or password that is no UTF-8 text";
const TAIL: &str = "the server URL goes on after the host: only ?ehlo=NAME, ?auth=MECHANISM and ?starttls= may follow";
const OPTION: &str = "the server URL has an unknown option behind ?: ehlo=NAME, auth=MECHANISM and, with smtp://, starttls=required are known";
const AUTH: &str = "the server URL names an unknown mechanism of AUTH: write ?auth=PLAIN, LOGIN, SCRAM-SHA-256 or the like";
impl ServerUrl {
    pub(super) fn parse(url: &str) -> Result<Self, MailerError> {
        Self::read(url).map_err(MailerError::config)
    }

    fn read(url: &str) -> Result<Self, &'static str> {
        let uri = Uri::parse(url).map_err(|_| MALFORMED)?;
        let security = match uri.scheme().as_str().to_ascii_lowercase().as_str() {
            "smtps" => Security::Implicit,
            "smtp" => Security::StartTls,
            _ => return Err(SCHEME),
        };
        let authority = uri.authority().ok_or(NO_SLASHES)?;
        let host = match authority.host_parsed() {
            Host::RegName(name) => decode(name).ok_or(HOST)?,
            _ => authority.host().trim_matches(['[', ']']).to_owned(),
        };
        if host.is_empty() {
            return Err(NO_HOST);
        }
        let (user, password) = match authority
            .userinfo()
            .map(|info| (info, info.split_once(':')))
        {
            None => (None, None),
            Some((user, None)) => (Some(decode(user).ok_or(USER)?), None),
            Some((_, Some((user, password)))) => (
                Some(decode(user).ok_or(USER)?),
                Some(decode(password).ok_or(USER)?),
            ),
        };
        if !matches!(uri.path().as_str(), "" | "/") || uri.fragment().is_some() {
            return Err(TAIL);
        }
        let options = Options::read(uri.query(), security)?;
        let security = options.security;
        let port = match authority.port().map(EStr::as_str) {
            None | Some("") => security.port(),
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or(PORT)?,
        };
        Ok(Self {
            server: Server {
                security,
                host,
                port,
            },
            user: user.map(Zeroizing::new),
            password: password.map(Zeroizing::new),
            ehlo: options.ehlo,
            auth: options.auth,
        })
    }
}

/// What stands behind the question mark.
struct Options {
    security: Security,
    ehlo: Option<String>,
    auth: Option<Mechanism>,
}

impl Options {
    fn read<E: Encoder>(query: Option<&EStr<E>>, security: Security) -> Result<Self, &'static str> {
        let mut this = Self {
            security,
            ehlo: None,
            auth: None,
        };
        for pair in query.iter().flat_map(|query| query.split('&')) {
            let (key, value) = pair.split_once('=').ok_or(OPTION)?;
            match (key.as_str(), decode(value).ok_or(OPTION)?.as_str()) {
                ("ehlo", name) if !name.is_empty() => this.ehlo = Some(name.to_owned()),
                ("auth", name) => this.auth = Some(Mechanism::named(name).ok_or(AUTH)?),
                ("starttls", "required") if security == Security::StartTls => {}
                ("starttls", "never") if security == Security::StartTls => {
                    this.security = plaintext()?;
                }
                _ => return Err(OPTION),
            }
        }
        Ok(this)
    }
}

#[cfg(feature = "plaintext-only")]
fn plaintext() -> Result<Security, &'static str> {
    Ok(Security::Plaintext)
}

#[cfg(not(feature = "plaintext-only"))]
fn plaintext() -> Result<Security, &'static str> {
    Err(
        "the server URL asks for no TLS, which this build cannot do: leave ?starttls=never out, or build with the feature plaintext-only",
    )
}

fn decode<E: Encoder>(text: &EStr<E>) -> Option<String> {
    text.decode().to_string().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> ServerUrl {
        ServerUrl::parse(url).expect("a URL")
    }

    #[test]
    fn urls_have_the_ports_of_their_scheme() {
        let url = parse("smtps://user%40test.local:p%3A%2F@mail.example");
        let server = Server {
            security: Security::Implicit,
            host: "mail.example".into(),
            port: 465,
        };
        assert_eq!(url.server, server);
        assert_eq!(
            url.user.as_deref().map(String::as_str),
            Some("user@test.local")
        );
        assert_eq!(url.password.as_deref().map(String::as_str), Some("p:/"));
        let url = parse("smtp://[::1]:2525?ehlo=me.example&starttls=required");
        let server = Server {
            security: Security::StartTls,
            host: "::1".into(),
            port: 2525,
        };
        assert_eq!((url.server, url.user), (server, None));
        assert_eq!(url.ehlo.as_deref(), Some("me.example"));
        assert_eq!(parse("smtp://h").server.port, 587);
        let auth = parse("smtps://h?auth=scram-sha-256&ehlo=me").auth;
        assert_eq!(auth, Some(Mechanism::ScramSha256));
    }

    #[cfg(feature = "plaintext-only")]
    #[test]
    fn plaintext_has_to_be_asked_for() {
        let server = parse("smtp://localhost?starttls=never").server;
        assert_eq!((server.security, server.port), (Security::Plaintext, 25));
    }

    #[cfg(not(feature = "plaintext-only"))]
    #[test]
    fn plaintext_is_for_builds_that_have_it() {
        let error = ServerUrl::parse("smtp://localhost?starttls=never").unwrap_err();
        assert!(
            error.to_string().contains("feature plaintext-only"),
            "{error}"
        );
    }

    #[test]
    fn a_password_may_hold_colons_or_come_from_elsewhere() {
        let url = parse("smtps://carol:s3cr3t:with:colons@h/");
        assert_eq!(
            url.password.as_deref().map(String::as_str),
            Some("s3cr3t:with:colons")
        );
        let url = parse("smtps://carol@h/");
        assert_eq!(
            (url.user.as_deref().map(String::as_str), url.password),
            (Some("carol"), None)
        );
    }

    #[test]
    fn wrong_urls_are_refused_without_being_repeated() {
        for (url, why) in [
            ("", MALFORMED),
            ("mail.example", MALFORMED),
            ("http://u:secret@h", SCHEME),
            ("smtps:h", NO_SLASHES),
            ("smtps://u:secret@", NO_HOST),
            ("smtps://u:sec ret@h", MALFORMED),
            ("smtps://u:sec#ret@h", PORT),
            ("smtps://u:sec/ret@h", PORT),
            ("smtps://u:secret@h:0", PORT),
            ("smtps://u:secret@h:99999", PORT),
            ("smtps://u:secret@h/x", TAIL),
            ("smtps://h#x", TAIL),
            ("smtps://u:secret@h?tls=off", OPTION),
            ("smtps://u:secret@h?starttls", OPTION),
            ("smtps://u:secret@h?starttls=required", OPTION),
            ("smtps://u:secret@h?starttls=never", OPTION),
            ("smtps://h?ehlo=", OPTION),
            ("smtps://h?auth=", AUTH),
            ("smtps://h?auth=CRAM-MD5", AUTH),
            ("smtps://u:%ff@h", USER),
            ("smtps://%ff.example", HOST),
        ] {
            let error = ServerUrl::parse(url).expect_err(url).to_string();
            let expected = [why, MALFORMED];
            assert!(
                expected.iter().any(|why| error.starts_with(why)),
                "{url}: {error}"
            );
            assert!(!error.contains("secret"), "{url}");
        }
    }

    #[test]
    fn debug_hides_the_credentials() {
        let shown = format!("{:?}", parse("smtps://somebody:secret@h"));
        assert!(
            !shown.contains("secret") && !shown.contains("somebody"),
            "{shown}"
        );
    }
}
