//! The server's URL: where, how and as whom to submit.
//!
//! Nothing of a wrong URL is repeated in an error, since it may hold a password.

use crate::Failure;
use fluent_uri::Uri;
use fluent_uri::component::Host;
use std::fmt;

/// The environment's variable for the URL.
pub(crate) const VARIABLE: &str = "WASI_SENDMAIL_SERVER";

/// How the connection becomes TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// From the first byte (RFC 8314).
    Implicit,
    /// By STARTTLS, required (RFC 3207).
    StartTls,
}

/// A submission server.
#[derive(PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) security: Security,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) ehlo_domain: Option<String>,
}

#[derive(PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// Without the credentials.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("security", &self.security)
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

pub(crate) fn from_flags_or_environment(flag: Option<&str>) -> Result<Server, Failure> {
    let variable = std::env::var(VARIABLE).ok();
    let url = flag.map(str::to_owned).or(variable).ok_or_else(|| {
        Failure::config(format!(
            "no server: give --server smtps://USER:PASSWORD@HOST or set {VARIABLE} to that"
        ))
    })?;
    parse(&url)
}

fn parse(url: &str) -> Result<Server, Failure> {
    let wrong = |what: &str| Failure::config(format!("the server URL {what}"));
    let uri = Uri::parse(url).map_err(|_| {
        wrong("is malformed: write smtps://USER:PASSWORD@HOST, with reserved characters in user and password percent-encoded (@ is %40, : is %3A, / is %2F, # is %23)")
    })?;
    let (security, default_port) = match uri.scheme().as_str().to_ascii_lowercase().as_str() {
        "smtps" => (Security::Implicit, 465),
        "smtp" => (Security::StartTls, 587),
        _ => {
            return Err(wrong(
                "begins with neither smtps:// (TLS, port 465) nor smtp:// (STARTTLS, port 587)",
            ));
        }
    };
    let authority = uri
        .authority()
        .ok_or_else(|| wrong("has no // before the host"))?;
    let host = match authority.host_parsed() {
        Host::RegName(name) => decode(name).ok_or_else(|| wrong("has a host that is no text"))?,
        _ => authority.host().trim_matches(['[', ']']).to_owned(),
    };
    if host.is_empty() {
        return Err(wrong("names no host"));
    }
    let port = match authority.port().map(fluent_uri::pct_enc::EStr::as_str) {
        None | Some("") => default_port,
        Some(port) => match port.parse() {
            Ok(port) if port > 0 => port,
            _ => return Err(wrong("has a port that is not between 1 and 65535")),
        },
    };
    let credentials = match authority.userinfo() {
        None => None,
        Some(userinfo) => {
            let (user, password) = userinfo
                .split_once(':')
                .ok_or_else(|| wrong("has a user without a password: write USER:PASSWORD@HOST"))?;
            let text = "has a user or password that is no UTF-8 text";
            let user = decode(user).ok_or_else(|| wrong(text))?;
            let password = decode(password).ok_or_else(|| wrong(text))?;
            Some(Credentials { user, password })
        }
    };
    if !matches!(uri.path().as_str(), "" | "/") || uri.fragment().is_some() {
        return Err(wrong("goes on after the host: only ?ehlo=NAME may follow"));
    }
    let mut ehlo_domain = None;
    for pair in uri.query().iter().flat_map(|query| query.split('&')) {
        match pair
            .split_once('=')
            .map(|(key, value)| (key.as_str(), decode(value)))
        {
            Some(("ehlo", Some(name))) if !name.is_empty() => ehlo_domain = Some(name),
            Some(("starttls", Some(value)))
                if value == "required" && security == Security::StartTls => {}
            _ => return Err(wrong("has an unknown option behind ?: ehlo=NAME is known")),
        }
    }
    Ok(Server {
        security,
        host,
        port,
        credentials,
        ehlo_domain,
    })
}

fn decode<E: fluent_uri::pct_enc::Encoder>(text: &fluent_uri::pct_enc::EStr<E>) -> Option<String> {
    text.decode()
        .to_string()
        .ok()
        .map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_the_ports_of_their_scheme() {
        let server = parse("smtps://user%40test.local:p%3A%2F@mail.example").unwrap();
        assert_eq!((server.security, server.port), (Security::Implicit, 465));
        assert_eq!(server.host, "mail.example");
        let credentials = server.credentials.unwrap();
        assert_eq!(
            (credentials.user.as_str(), credentials.password.as_str()),
            ("user@test.local", "p:/")
        );
        let server = parse("smtp://[::1]:2525?ehlo=me.example&starttls=required").unwrap();
        assert_eq!((server.security, server.port), (Security::StartTls, 2525));
        assert_eq!(
            (server.host.as_str(), server.ehlo_domain.as_deref()),
            ("::1", Some("me.example"))
        );
        assert!(server.credentials.is_none());
    }

    #[test]
    fn a_password_may_hold_colons() {
        let server = parse("smtps://carol:s3cr3t:with:colons@h/").unwrap();
        assert_eq!(server.credentials.unwrap().password, "s3cr3t:with:colons");
    }

    #[test]
    fn wrong_urls_are_refused_without_being_repeated() {
        for url in [
            "",
            "mail.example",
            "http://u:secret@h",
            "smtps:h",
            "smtps://u:secret@",
            "smtps://u:sec ret@h",
            "smtps://u:sec#ret@h",
            "smtps://u:sec/ret@h",
            "smtps://user@h",
            "smtps://u:secret@h:0",
            "smtps://u:secret@h:99999",
            "smtps://u:secret@h/x",
            "smtps://u:secret@h?tls=off",
            "smtps://u:secret@h?starttls=required",
            "smtps://u:%ff@h",
            "smtps://h?ehlo=",
            "smtps://h#x",
        ] {
            let failure = parse(url).unwrap_err();
            assert_eq!(failure.exit_code(), 78, "{url}");
            assert!(!failure.to_string().contains("sec"), "{url}");
        }
    }

    #[test]
    fn debug_hides_the_credentials() {
        let shown = format!("{:?}", parse("smtps://somebody:secret@h").unwrap());
        assert!(
            !shown.contains("secret") && !shown.contains("somebody"),
            "{shown}"
        );
    }
}
