//! IP addresses as text: what the standard library does too, in half of its code,
//! since every component has this.
//!
//! Source: RFC 4291 section 2.2, RFC 5952.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Four decimal numbers without leading zeros.
pub(crate) fn parse_v4(text: &[u8]) -> Option<Ipv4Addr> {
    let mut parts = split(text, b'.');
    let mut octets = [0; 4];
    for octet in &mut octets {
        let digits = parts.next()?;
        if digits.len() > 1 && digits[0] == b'0' {
            return None;
        }
        *octet = number(digits, 10, 3)?.try_into().ok()?;
    }
    parts.next().is_none().then(|| octets.into())
}

/// Whether anybody can connect to it. Hosts do not agree: jco tries what wasmtime
/// refuses, and never says that nothing comes of it.
pub(crate) fn is_connectable(address: SocketAddr) -> bool {
    let is_host = match address {
        SocketAddr::V4(v4) => {
            let ip = v4.ip();
            !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast()
        }
        SocketAddr::V6(v6) => {
            let groups = to_groups(*v6.ip());
            // `::ffff:0:0/96` and `::/96` but for `::1`: RFC 4291 section 2.5.5.
            let is_v4 = groups[..5] == [0; 5] && matches!(groups[5], 0 | 0xffff);
            let is_link_local = groups[0] & 0xffc0 == 0xfe80;
            v6.ip().is_loopback()
                || !(is_v4 || v6.ip().is_multicast() || (is_link_local && v6.scope_id() == 0))
        }
    };
    is_host && address.port() != 0
}

/// Eight groups; `::` stands for one or more of zero, and the last two may be
/// written as an IPv4 address.
pub(crate) fn parse_v6(text: &[u8]) -> Option<Ipv6Addr> {
    let (mut head, mut tail) = ([0; 8], [0; 8]);
    let whole = match text.windows(2).position(|two| two == b"::") {
        None => parse_groups(text, &mut head, true)? == 8,
        Some(gap) => {
            let before = parse_groups(&text[..gap], &mut head, false)?;
            let behind = parse_groups(&text[gap + 2..], &mut tail, true)?;
            for n in 0..behind {
                head[8 - behind + n] = tail[n];
            }
            before + behind < 8
        }
    };
    whole.then(|| from_groups(&head))
}

/// Takes as many groups as there are, and tells how many that is.
fn parse_groups(text: &[u8], groups: &mut [u16; 8], with_v4: bool) -> Option<usize> {
    let mut len = 0;
    if text.is_empty() {
        return Some(len);
    }
    let mut parts = split(text, b':').peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        if let Some(v4) = parse_v4(part).filter(|_| with_v4 && is_last) {
            let [a, b, c, d] = v4.octets();
            *groups.get_mut(len)? = u16::from_be_bytes([a, b]);
            *groups.get_mut(len + 1)? = u16::from_be_bytes([c, d]);
            len += 2;
        } else {
            *groups.get_mut(len)? = number(part, 16, 4)?;
            len += 1;
        }
    }
    Some(len)
}

fn split(text: &[u8], at: u8) -> impl Iterator<Item = &[u8]> {
    text.split(move |&byte| byte == at)
}

/// The standard library's conversions are unrolled.
pub(crate) fn from_groups(groups: &[u16; 8]) -> Ipv6Addr {
    let mut octets = [0; 16];
    for (n, group) in groups.iter().enumerate() {
        [octets[2 * n], octets[2 * n + 1]] = group.to_be_bytes();
    }
    octets.into()
}

pub(crate) fn to_groups(address: Ipv6Addr) -> [u16; 8] {
    let octets = address.octets();
    let mut groups = [0; 8];
    for (n, group) in groups.iter_mut().enumerate() {
        *group = u16::from_be_bytes([octets[2 * n], octets[2 * n + 1]]);
    }
    groups
}

/// A number of at most `len` digits.
fn number(digits: &[u8], radix: u16, len: usize) -> Option<u16> {
    if digits.is_empty() || digits.len() > len {
        return None;
    }
    digits.iter().try_fold(0, |number, &digit| {
        let digit = char::from(digit).to_digit(16)? as u16;
        (digit < radix).then_some(number * radix + digit)
    })
}

/// An address with its port, as it is written.
pub(crate) fn to_text(address: SocketAddr) -> String {
    let mut text = match address.ip() {
        IpAddr::V4(ip) => v4_to_text(ip.octets()),
        IpAddr::V6(ip) => v6_to_text(ip),
    };
    if let SocketAddr::V6(v6) = address {
        text.insert(0, '[');
        if v6.scope_id() != 0 {
            push(&mut text, format_args!("%{}", v6.scope_id()));
        }
        text.push(']');
    }
    push(&mut text, format_args!(":{}", address.port()));
    text
}

fn v4_to_text([a, b, c, d]: [u8; 4]) -> String {
    format!("{a}.{b}.{c}.{d}")
}

fn v6_to_text(address: Ipv6Addr) -> String {
    if let Some(v4) = address.to_ipv4_mapped() {
        return "::ffff:".to_owned() + &v4_to_text(v4.octets());
    }
    let groups = to_groups(address);
    // The first of the longest runs of zeros, if it is one of several.
    let (mut start, mut len, mut run) = (8, 2, 0);
    for n in (0..8).rev() {
        run = if groups[n] == 0 { run + 1 } else { 0 };
        if run >= len {
            (start, len) = (n, run);
        }
    }
    let mut text = String::new();
    for (n, group) in groups.into_iter().enumerate() {
        if n == start {
            text.push_str("::");
        }
        if (start..start + len).contains(&n) {
            continue;
        }
        if n > 0 && n != start + len {
            text.push(':');
        }
        push(&mut text, format_args!("{group:x}"));
    }
    text
}

fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    // A string takes everything.
    let _ = text.write_fmt(more);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Both readings of the same text, which is an address in none or in both.
    fn check(text: &str) {
        assert_eq!(parse_v4(text.as_bytes()), text.parse().ok(), "{text}");
        assert_eq!(parse_v6(text.as_bytes()), text.parse().ok(), "{text}");
    }

    #[test]
    fn nobody_can_connect_to_some_addresses() {
        let is_connectable = |text: &str| super::is_connectable(text.parse().unwrap());
        for good in [
            "192.0.2.1:25",
            "127.0.0.1:1",
            "[::1]:25",
            "[2001:db8::1]:25",
            "[fe80::1%2]:25",
        ] {
            assert!(is_connectable(good), "{good}");
        }
        for bad in [
            "192.0.2.1:0",
            "0.0.0.0:25",
            "224.0.0.1:25",
            "255.255.255.255:25",
            "[::]:25",
            "[::1]:0",
            "[::7f00:1]:25",
            "[::ffff:127.0.0.1]:25",
            "[ff02::1]:25",
            "[fe80::1]:25",
            "[febf::1]:25",
        ] {
            assert!(!is_connectable(bad), "{bad}");
        }
    }

    #[test]
    fn odd_texts_are_read_as_std_reads_them() {
        for text in [
            "",
            ".",
            ":",
            "::",
            ":::",
            "::::",
            "1::2::3",
            "::1",
            "1::",
            ":1",
            "1:",
            "1:::2",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "1:2:3:4::5:6:7:8",
            "1:2:3:4:5:6:7",
            "::ffff:192.0.2.1",
            "1:2:3:4:5:6:1.2.3.4",
            "1:2:3:4:5:6:7:1.2.3.4",
            "1.2.3.4::",
            "1.2.3.4:1:2:3:4:5:6",
            "::1.2.3.4:1",
            "::1.2.3",
            "12345::",
            "::g",
            "::+1",
            "fe80::1%1",
            "[::1]",
            "1.2.3.4",
            "01.2.3.4",
            "0.0.0.0",
            "00.0.0.0",
            "255.255.255.255",
            "256.0.0.1",
            "1.2.3",
            "1.2.3.4.5",
            "1..3.4",
            "1.2.3.4.",
            "+1.2.3.4",
            "1.2.3.1234",
            "a.2.3.4",
            "1.2.3.4\0",
            "::FfFf",
            "1:2:3:4:5:6:7:1.2",
            "::1:2:3:4:5:6:1.2.3.4",
            "::1:2:3:4:5:1.2.3.4",
            "ü",
        ] {
            check(text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_std_reads_it(text in "[0-9a-f:.]{0,24}") {
            check(&text);
        }

        #[test]
        fn any_address_is_written_as_std_writes_it(
            groups in any::<[u16; 8]>(),
            zeros in any::<u8>(),
            mapped in any::<bool>(),
            v4 in any::<[u8; 4]>(),
            (port, scope) in (any::<u16>(), 0_u32..3),
        ) {
            let mut groups = groups;
            for (n, group) in groups.iter_mut().enumerate() {
                if zeros & (1 << n) != 0 {
                    *group = 0;
                }
            }
            let v4 = Ipv4Addr::from(v4);
            let v6 = if mapped { v4.to_ipv6_mapped() } else { groups.into() };
            check(&v4.to_string());
            check(&v6.to_string());
            for address in [
                SocketAddr::from((v4, port)),
                std::net::SocketAddrV6::new(v6, port, 0, scope).into(),
            ] {
                prop_assert_eq!(to_text(address), address.to_string());
            }
        }
    }
}
