//! Names to addresses, by the host's resolver, without blocking the component.
//!
//! Literals are parsed here: hosts that allow no lookups refuse even those, and
//! resolvers take things for IPv4 addresses that no person would (`127.1`,
//! `0x7f.1`, `2130706433`).
//!
//! Source: WIT `wasi:sockets/ip-name-lookup`; RFC 952 and 1123 for names.

use crate::reactor::Registration;
use crate::time::timeout;
use crate::{Error, ErrorKind, Operation, WasiTarget, sys};
use std::future::{Future, poll_fn};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
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
/// [`ErrorKind::NameUnresolvable`] and
/// [`ErrorKind::TemporaryResolverFailure`] from the resolver,
/// [`ErrorKind::TimedOut`] when it takes too long.
///
/// # Cancellation
///
/// Dropping the future cancels the lookup.
pub async fn resolve(name: &str) -> Result<Vec<IpAddr>, Error>
where
    for<'a> (): WasiTarget<'a>,
{
    resolve_by(&HostResolver, name).await
}

/// The host's resolver.
pub(crate) struct HostResolver;

impl Resolve for HostResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let limited = timeout(LOOKUP_TIMEOUT, lookup(name)).await;
            limited.unwrap_or(Err(ErrorKind::TimedOut))
        })
    }
}

async fn lookup(host: &str) -> Result<Vec<IpAddr>, ErrorKind> {
    let lookup = sys::Lookup::start(host)?;
    let registration = Registration::new(lookup.origin());
    let mut addresses = Vec::new();
    while addresses.len() < ADDRESSES {
        let next = poll_fn(|cx| {
            let next = lookup.next();
            if next.is_pending() {
                registration.event().wait(cx.waker());
            }
            next
        });
        match next.await? {
            Some(address) => addresses.push(address),
            None => break,
        }
    }
    Ok(addresses)
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

/// [`resolve`] with any resolver for names.
pub(crate) async fn resolve_by(resolver: &dyn Resolve, name: &str) -> Result<Vec<IpAddr>, Error> {
    match parse(name) {
        Ok(Name::Literal(address)) => Ok(vec![address]),
        Ok(Name::Host(host)) => match resolver.resolve(host).await {
            Ok(addresses) if addresses.is_empty() => Err(ErrorKind::NameUnresolvable),
            Ok(mut addresses) => {
                addresses.truncate(ADDRESSES);
                Ok(addresses)
            }
            Err(kind) => Err(kind),
        },
        Err(kind) => Err(kind),
    }
    .map_err(|kind| Error::new(Operation::Resolve, name.escape_debug(), kind))
}

enum Name<'a> {
    Literal(IpAddr),
    Host(&'a str),
}

fn parse(name: &str) -> Result<Name<'_>, ErrorKind> {
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    if let Some(bare) = bare {
        let address = bare.parse::<Ipv6Addr>().map(IpAddr::from);
        let address = address.or_else(|_| bare.parse::<Ipv4Addr>().map(IpAddr::from));
        return address
            .map(Name::Literal)
            .map_err(|_| ErrorKind::InvalidName);
    }
    if let Ok(address) = name.parse() {
        return Ok(Name::Literal(address));
    }
    let labels = name.strip_suffix('.').unwrap_or(name);
    let last = labels.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").or(last.strip_prefix("0X"));
    let numeric = last.bytes().all(|b| b.is_ascii_digit())
        || hex.is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    let odd = |c: char| c.is_control() || c.is_whitespace() || "/:@[]?#%\\<>\"".contains(c);
    if numeric || labels.len() > NAME_LEN || labels.chars().any(odd) {
        return Err(ErrorKind::InvalidName);
    }
    Ok(Name::Host(name))
}

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
            "a1",
        ] {
            assert!(
                matches!(parse(name), Ok(Name::Host(host)) if host == name),
                "{name}"
            );
        }
    }
}
