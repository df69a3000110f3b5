//! Names to addresses, by the host's resolver, without blocking the component.
//!
//! Literals are parsed here: hosts that allow no lookups refuse even those, and
//! resolvers take things for IPv4 addresses that no person would (`127.1`,
//! `0x7f.1`, `2130706433`).
//!
//! Source: WIT `wasi:sockets/ip-name-lookup`; RFC 952 and 1123 for names.

use crate::reactor::{Registration, Timer};
use crate::time::after;
use crate::{Error, ErrorKind, Operation, WasiTarget, ip, sys};
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// The longest host name, in bytes. Source: RFC 1035 section 2.3.4.
const NAME_LEN: usize = 253;

/// How long the host's resolver may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(30);

/// The most addresses taken of one name; more would only lengthen a failure.
const ADDRESSES: usize = 32;

/// The addresses of `name`, at most 32, in the host's order of preference
/// (RFC 6724). `name` is a host name, an IPv4 address, or an IPv6 address with
/// or without brackets; one dot at the end of a name is taken as written.
///
/// Waits at most 30 s for the host's resolver; a shorter time by
/// [`timeout`](crate::timeout()), as [`Connector`](crate::Connector) does it.
///
/// # Errors
///
/// [`ErrorKind::InvalidName`] for what is no name or address,
/// [`ErrorKind::NamesDenied`] without the host's permission,
/// [`ErrorKind::NameUnresolvable`], [`ErrorKind::TemporaryResolverFailure`] and
/// [`ErrorKind::ResolverFailure`] from the resolver,
/// [`ErrorKind::TimedOut`] when it takes too long.
///
/// # Cancellation
///
/// Dropping the future cancels the lookup.
pub async fn resolve(name: &str) -> Result<Vec<IpAddr>, Error>
where
    for<'a> (): WasiTarget<'a>,
{
    resolve_by(None, name, LOOKUP_TIMEOUT).await
}

/// An address that every resolver gives back, if it may be asked at all.
const PROBE: &str = "127.0.0.1";

/// Looks `host` up. `permanent-resolver-failure` is what hosts say that grant no lookups,
/// and what jco says of a DNS server without an answer.
async fn lookup(host: &str) -> Result<Vec<IpAddr>, ErrorKind> {
    let mut name = host;
    loop {
        let found = ask(name).await;
        match (found, name == host) {
            (Err(ErrorKind::ResolverFailure), true) => name = PROBE,
            (found, true) => return found,
            (Ok(_), false) => return Err(ErrorKind::ResolverFailure),
            (Err(_), false) => return Err(ErrorKind::NamesDenied),
        }
    }
}

async fn ask(host: &str) -> Result<Vec<IpAddr>, ErrorKind> {
    let lookup = sys::Lookup::start(host)?;
    let registration = Registration::new(lookup.origin());
    let mut addresses = Vec::new();
    poll_fn(|cx| {
        while addresses.len() < ADDRESSES {
            match lookup.next() {
                Poll::Ready(Ok(Some(address))) => addresses.push(address),
                Poll::Ready(Ok(None)) => break,
                Poll::Ready(Err(kind)) => return Poll::Ready(Err(kind)),
                Poll::Pending => {
                    registration.event().wait(cx.waker());
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(std::mem::take(&mut addresses)))
    })
    .await
}

/// Another way to resolve names: fixed addresses, a cache, DNS over HTTPS, a
/// test. Given to [`Connector::resolver`](crate::Connector::resolver).
pub trait Resolve: Send + Sync {
    /// The addresses of the host name `name`, the best first. IP literals and
    /// what only looks like a name never come here.
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a>;
}

/// What [`Resolve::resolve`] gives. Dropping it cancels the lookup.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, ErrorKind>> + Send + 'a>>;

/// [`resolve`] with any resolver for names, or the host's, which takes at most
/// `limit`.
pub(crate) async fn resolve_by(
    resolver: Option<&dyn Resolve>,
    name: &str,
    limit: Duration,
) -> Result<Vec<IpAddr>, Error> {
    let found = match parse(name) {
        Ok(Name::Literal(address)) => Ok(vec![address]),
        Ok(Name::Host(host)) => {
            let (mut lookup, limit): (Resolving<'_>, _) = match resolver {
                Some(resolver) => (resolver.resolve(host), limit),
                None => (Box::pin(lookup(host)), limit.min(LOOKUP_TIMEOUT)),
            };
            let mut timer = Timer::at(after(limit));
            let found = poll_fn(|cx| match lookup.as_mut().poll(cx) {
                Poll::Pending => timer.poll(cx).map(|()| Err(ErrorKind::TimedOut)),
                found => found,
            });
            match found.await {
                Ok(addresses) if addresses.is_empty() => Err(ErrorKind::NameUnresolvable),
                found => found,
            }
        }
        Err(kind) => Err(kind),
    };
    match found {
        Ok(mut addresses) => {
            addresses.truncate(ADDRESSES);
            Ok(addresses)
        }
        Err(kind) => Err(Error::new(Operation::Resolve, escape(name), kind)),
    }
}

/// Without what would not show, or break the line. (`escape_debug` is a lot of
/// code, which `Debug` has already.)
fn escape(name: &str) -> String {
    let mut quoted = format!("{name:?}");
    quoted.pop();
    quoted.remove(0);
    quoted
}

enum Name<'a> {
    Literal(IpAddr),
    Host(&'a str),
}

fn literal(text: &str) -> Option<Name<'_>> {
    let v4 = ip::parse_v4(text.as_bytes()).map(IpAddr::from);
    let address = v4.or_else(|| ip::parse_v6(text.as_bytes()).map(IpAddr::from));
    address.map(Name::Literal)
}

fn parse(name: &str) -> Result<Name<'_>, ErrorKind> {
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    if let Some(bare) = bare {
        return literal(bare).ok_or(ErrorKind::InvalidName);
    }
    if let Some(literal) = literal(name) {
        return Ok(literal);
    }
    let labels = name.strip_suffix('.').unwrap_or(name);
    let mut parts = labels.as_bytes().rsplit(|&byte| byte == b'.');
    let last = parts.next().unwrap_or_default();
    let numeric = match last {
        [b'0', b'x' | b'X', hex @ ..] => hex.iter().all(u8::is_ascii_hexdigit),
        _ => last.iter().all(u8::is_ascii_digit),
    };
    let odd = |c: char| {
        c.is_control() || c.is_whitespace() || b"/:@[]?#%\\<>\"".iter().any(|&odd| c == odd.into())
    };
    if numeric || labels.len() > NAME_LEN || labels.chars().any(odd) || has_mapped(labels) {
        return Err(ErrorKind::InvalidName);
    }
    Ok(Name::Host(name))
}

/// Whether resolvers take a character for an ASCII one or for nothing, so that what only
/// looks like a name may be a number to them.
fn has_mapped(name: &str) -> bool {
    let mut before = '.';
    name.chars().any(|c| {
        let before = std::mem::replace(&mut before, c);
        let is_within = |(first, last): &(char, char)| (*first..=*last).contains(&c);
        // What joins letters of scripts that need it joins no ASCII ones.
        let joins = matches!(c, '\u{200c}' | '\u{200d}') && before.is_ascii();
        joins || MAPPED.iter().any(is_within)
    })
}

/// Full-width, circled, raised and otherwise styled letters and digits, other dots, soft
/// hyphens and what has no width.
///
/// Source: Unicode UTS #46, what is mapped to ASCII or ignored there.
const MAPPED: [(char, char); 31] = [
    ('\u{aa}', '\u{aa}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{b2}', '\u{b3}'),
    ('\u{b9}', '\u{ba}'),
    ('\u{bc}', '\u{be}'),
    ('\u{2b0}', '\u{2b8}'),
    ('\u{2e0}', '\u{2e4}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{1d2c}', '\u{1d6a}'),
    ('\u{200b}', '\u{200b}'),
    ('\u{200e}', '\u{200f}'),
    ('\u{2024}', '\u{2026}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{209c}'),
    ('\u{2100}', '\u{218b}'),
    ('\u{2460}', '\u{24ff}'),
    ('\u{2c7c}', '\u{2c7d}'),
    ('\u{3002}', '\u{3002}'),
    ('\u{3250}', '\u{3250}'),
    ('\u{32cc}', '\u{32cf}'),
    ('\u{3371}', '\u{33ff}'),
    ('\u{fb00}', '\u{fb06}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{fe4d}', '\u{fe6b}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ff01}', '\u{ff61}'),
    ('\u{ffe0}', '\u{ffe6}'),
    ('\u{1d400}', '\u{1d7ff}'),
    ('\u{1f100}', '\u{1f1ad}'),
    ('\u{e0000}', '\u{e0fff}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_need_no_resolver() {
        for (name, address) in [
            ("192.0.2.1", "192.0.2.1"),
            ("[192.0.2.1]", "192.0.2.1"),
            ("::1", "::1"),
            ("[2001:db8::25]", "2001:db8::25"),
        ] {
            match parse(name) {
                Ok(Name::Literal(found)) => assert_eq!(found, address.parse::<IpAddr>().unwrap()),
                _ => panic!("{name} is a literal"),
            }
        }
    }

    #[test]
    fn what_only_looks_like_a_name_is_refused() {
        for name in [
            "",
            ".",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "mail.0x",
            "1.2.3.4.5",
            "[mail.example]",
            "[::1",
            "a b",
            "mail:25",
            "user@host",
            "fe80::1%eth0",
            "a\u{0}b",
            "127.0.0.１",
            "127。0。0。1",
            "ⓛocalhost",
            "①.example",
            "mail．example",
            "ma\u{ad}il.example",
            "127.0.0.\u{1d7cf}",
            "x²",
            "127.0.0.\u{200d}1",
            &"a".repeat(254),
        ] {
            assert!(parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn names_are_left_to_the_resolver() {
        for name in [
            "localhost",
            "mail.example.",
            "xn--bcher-kva.example",
            "bücher.example",
            "例え.テスト",
            "почта.пример",
            "δοκιμή.παράδειγμα",
            "ह\u{94d}\u{200c}न.example",
            "a1",
        ] {
            assert!(
                matches!(parse(name), Ok(Name::Host(host)) if host == name),
                "{name}"
            );
        }
    }
}
