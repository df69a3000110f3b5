//! Domains in A-labels, for servers without SMTPUTF8.
//!
//! Source: RFC 5891 section 5; UTS 46, without the transitional mapping.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// The domain in A-labels; `None` where it has none.
pub(super) fn ascii_domain(domain: &str) -> Option<String> {
    let ascii = Uts46::new().to_ascii(
        domain.as_bytes(),
        // Names in the field have underscores.
        AsciiDenyList::URL,
        Hyphens::Allow,
        DnsLength::Verify,
    );
    Some(ascii.ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_as_the_standards_have_them() {
        let long = "\u{fc}".repeat(60);
        for (domain, expected) in [
            ("b\u{fc}cher.example", Some("xn--bcher-kva.example")),
            ("B\u{dc}CHER.example", Some("xn--bcher-kva.example")),
            // Nontransitional: a letter of its own.
            ("fa\u{df}.example", Some("xn--fa-hia.example")),
            ("\u{4f8b}\u{3048}.jp", Some("xn--r8jz45g.jp")),
            // A full stop of another script.
            ("\u{4f8b}\u{3048}\u{3002}jp", Some("xn--r8jz45g.jp")),
            ("_odd.\u{fc}.example", Some("_odd.xn--tda.example")),
            // An @ of another width, and one that stands for several characters.
            ("a\u{ff20}b.\u{fc}", None),
            ("\u{2100}.example", None),
            ("\u{200b}", None),
            (&long, None),
        ] {
            assert_eq!(ascii_domain(domain).as_deref(), expected, "{domain}");
        }
    }
}
