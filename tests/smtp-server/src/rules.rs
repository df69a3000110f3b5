//! What a server offers and demands.

/// What a server offers and demands.
///
/// By default it offers PIPELINING, SIZE (50 MiB), 8BITMIME, SMTPUTF8,
/// CHUNKING, DSN and ENHANCEDSTATUSCODES, and asks for no login. What it does not
/// offer it refuses.
#[derive(Clone)]
#[must_use]
pub struct Rules {
    pub(crate) offers: Vec<String>,
    pub(crate) lmtp: bool,
    #[cfg(feature = "auth")]
    pub(crate) users: Vec<(String, String)>,
    pub(crate) needs_login: bool,
}

impl Default for Rules {
    fn default() -> Self {
        let this = Self {
            offers: Vec::new(),
            lmtp: false,
            #[cfg(feature = "auth")]
            users: Vec::new(),
            needs_login: false,
        };
        this.offer([
            "PIPELINING",
            "SIZE 52428800",
            "8BITMIME",
            "SMTPUTF8",
            "CHUNKING",
            "DSN",
            "ENHANCEDSTATUSCODES",
        ])
    }
}

impl Rules {
    /// Offers these lines of the reply to EHLO, such as `SIZE 1000` or `AUTH PLAIN`,
    /// and no others. STARTTLS is shown until TLS is on, and until then no AUTH. With
    /// AUTH and without users, every login is right.
    pub fn only(mut self, offers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.offers.clear();
        self.offer(offers)
    }

    /// Offers these lines as well.
    pub fn offer(mut self, offers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.offers.extend(offers.into_iter().map(Into::into));
        self
    }

    /// Offers nothing with this keyword.
    pub fn without(mut self, keyword: &str) -> Self {
        self.offers.retain(|offer| !has_keyword(offer, keyword));
        self
    }

    /// Speaks LMTP: LHLO, and a reply to the mail for each recipient (RFC 2033).
    pub fn lmtp(mut self) -> Self {
        self.lmtp = true;
        self
    }

    /// Lets `user` log in with `password`, offers AUTH by each [`Mechanism`], and takes
    /// no mail without a login. May be repeated.
    #[cfg(feature = "auth")]
    pub fn user(mut self, user: &str, password: &str) -> Self {
        if self.users.is_empty() {
            self = self.mechanisms(&Mechanism::ALL);
            self.needs_login = true;
        }
        self.users.push((user.to_owned(), password.to_owned()));
        self
    }

    /// Offers AUTH by these only.
    #[cfg(feature = "auth")]
    pub fn mechanisms(self, mechanisms: &[Mechanism]) -> Self {
        let names: Vec<_> = mechanisms.iter().map(|one| one.name()).collect();
        let auth = format!("AUTH {}", names.join(" "));
        self.without("AUTH").offer([auth])
    }

    /// Whether MAIL needs a login.
    pub fn needs_login(mut self, needs: bool) -> Self {
        self.needs_login = needs;
        self
    }

    /// What is offered with this keyword, without it.
    pub(crate) fn offered(&self, keyword: &str) -> Option<&str> {
        let offer = self
            .offers
            .iter()
            .find(|offer| has_keyword(offer, keyword))?;
        Some(offer[keyword.len()..].trim_start_matches([' ', '=']))
    }

    pub(crate) fn offers(&self, keyword: &str) -> bool {
        self.offered(keyword).is_some()
    }

    /// The longest mail, in octets.
    pub(crate) fn most_octets(&self) -> u64 {
        let limit = self.offered("SIZE").and_then(|limit| limit.parse().ok());
        limit.filter(|limit| *limit > 0).unwrap_or(u64::MAX)
    }
}

/// Some servers write `AUTH=`.
fn has_keyword(offer: &str, keyword: &str) -> bool {
    let word = offer.split([' ', '=']).next().unwrap_or_default();
    word.eq_ignore_ascii_case(keyword)
}

/// A SASL mechanism whose passwords the server checks.
#[cfg(feature = "auth")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// User name and password, each after a challenge.
    Login,
    /// RFC 5802 and RFC 7677, without channel binding.
    ScramSha256,
}

#[cfg(feature = "auth")]
impl Mechanism {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Login, Self::ScramSha256];

    /// The name in the EHLO reply and the AUTH command.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
        }
    }
}
