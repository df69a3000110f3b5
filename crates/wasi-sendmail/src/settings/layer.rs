//! What one source says: the flags, the environment or the config file.
//!
//! All three set a value by the same function, so that a value is right or wrong
//! wherever it stands.

use crate::secret::Secret;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use wasm_smtp_wasi::mailer::parse_addresses;
use wasm_smtp_wasi::smtp_session::{Address, Mechanism};

/// What can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Server,
    User,
    Password,
    PasswordFile,
    TokenFile,
    Auth,
    Ehlo,
    CaFile,
    Pin,
    ClientCert,
    ClientKey,
    From,
    Domain,
    Tries,
    Connections,
    Rate,
    Timeout,
}

impl Setting {
    pub(crate) const ALL: [Self; 17] = [
        Self::Server,
        Self::User,
        Self::Password,
        Self::PasswordFile,
        Self::TokenFile,
        Self::Auth,
        Self::Ehlo,
        Self::CaFile,
        Self::Pin,
        Self::ClientCert,
        Self::ClientKey,
        Self::From,
        Self::Domain,
        Self::Tries,
        Self::Connections,
        Self::Rate,
        Self::Timeout,
    ];

    /// The name in the config file, which is the long flag's without its dashes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::User => "user",
            Self::Password => "password",
            Self::PasswordFile => "password-file",
            Self::TokenFile => "token-file",
            Self::Auth => "auth",
            Self::Ehlo => "ehlo",
            Self::CaFile => "ca-file",
            Self::Pin => "pin",
            Self::ClientCert => "client-cert",
            Self::ClientKey => "client-key",
            Self::From => "from",
            Self::Domain => "domain",
            Self::Tries => "tries",
            Self::Connections => "connections",
            Self::Rate => "rate",
            Self::Timeout => "timeout",
        }
    }

    /// The environment's variable.
    pub(crate) fn variable(self) -> String {
        let name = self.name().replace('-', "_").to_ascii_uppercase();
        format!("WASI_SENDMAIL_{name}")
    }
}

/// The envelope's sender.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) enum Sender {
    /// The address in the mail's From.
    #[default]
    FromHeader,
    /// `<>`, to which no server reports.
    Null,
    Address(Address),
}

/// Without the address.
impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::FromHeader => "FromHeader",
            Self::Null => "Null",
            Self::Address(_) => "Address",
        })
    }
}

/// What proves who the user is. One source gives one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    Password(Secret),
    PasswordFile(PathBuf),
    TokenFile(PathBuf),
}

impl Proof {
    fn setting(&self) -> Setting {
        match self {
            Self::Password(_) => Setting::Password,
            Self::PasswordFile(_) => Setting::PasswordFile,
            Self::TokenFile(_) => Setting::TokenFile,
        }
    }
}

/// What one source says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    /// A URL, which may hold a password.
    pub(crate) server: Option<Secret>,
    pub(crate) user: Option<Secret>,
    pub(crate) proof: Option<Proof>,
    pub(crate) auth: Option<Mechanism>,
    pub(crate) ehlo: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
    /// SHA-256 of public keys.
    pub(crate) pins: Option<Vec<[u8; 32]>>,
    pub(crate) client_cert: Option<PathBuf>,
    pub(crate) client_key: Option<PathBuf>,
    pub(crate) sender: Option<Sender>,
    pub(crate) domain: Option<String>,
    pub(crate) tries: Option<u32>,
    pub(crate) connections: Option<usize>,
    /// Mails a minute.
    pub(crate) rate: Option<u32>,
    pub(crate) timeout: Option<Duration>,
}

impl Layer {
    /// Takes a value; a later one replaces an earlier one.
    ///
    /// # Errors
    ///
    /// What is wrong, as the end of a sentence that begins with the setting's
    /// name, without the value.
    pub(crate) fn set(&mut self, setting: Setting, value: &str) -> Result<(), String> {
        match setting {
            Setting::Server => self.server = Some(Secret::new(filled(value)?)),
            Setting::User => self.user = Some(Secret::new(filled(value)?)),
            Setting::Password => self.prove(Proof::Password(secret(value)?))?,
            Setting::PasswordFile => self.prove(Proof::PasswordFile(filled(value)?.into()))?,
            Setting::TokenFile => self.prove(Proof::TokenFile(filled(value)?.into()))?,
            Setting::Auth => self.auth = Some(mechanism(value)?),
            Setting::Ehlo => self.ehlo = Some(host_name(value)?.to_owned()),
            Setting::CaFile => self.ca_file = Some(filled(value)?.into()),
            Setting::Pin => self.pins = Some(pins(value)?),
            Setting::ClientCert => self.client_cert = Some(filled(value)?.into()),
            Setting::ClientKey => self.client_key = Some(filled(value)?.into()),
            Setting::From => self.sender = Some(sender(value)?),
            Setting::Domain => self.domain = Some(domain(value)?.to_owned()),
            Setting::Tries => self.tries = Some(number(value, 1..=20)?),
            Setting::Connections => self.connections = Some(number(value, 1..=64)? as usize),
            Setting::Rate => self.rate = Some(number(value, 1..=60_000)?),
            Setting::Timeout => {
                let seconds = number(value, 1..=86_400)?;
                self.timeout = Some(Duration::from_secs(seconds.into()));
            }
        }
        Ok(())
    }

    /// This source's settings, and those of `lower` that it does not have.
    pub(crate) fn or(self, lower: Self) -> Self {
        Self {
            server: self.server.or(lower.server),
            user: self.user.or(lower.user),
            proof: self.proof.or(lower.proof),
            auth: self.auth.or(lower.auth),
            ehlo: self.ehlo.or(lower.ehlo),
            ca_file: self.ca_file.or(lower.ca_file),
            pins: self.pins.or(lower.pins),
            client_cert: self.client_cert.or(lower.client_cert),
            client_key: self.client_key.or(lower.client_key),
            sender: self.sender.or(lower.sender),
            domain: self.domain.or(lower.domain),
            tries: self.tries.or(lower.tries),
            connections: self.connections.or(lower.connections),
            rate: self.rate.or(lower.rate),
            timeout: self.timeout.or(lower.timeout),
        }
    }

    /// Two kinds in one source have no order between them.
    fn prove(&mut self, proof: Proof) -> Result<(), String> {
        let other = self.proof.as_ref().map(Proof::setting);
        match other.filter(|other| *other != proof.setting()) {
            Some(other) => Err(format!(
                "can't stand beside {}: leave one of them out",
                other.name()
            )),
            None => {
                self.proof = Some(proof);
                Ok(())
            }
        }
    }
}

/// A secret may have all that one line can hold.
pub(crate) fn secret(value: &str) -> Result<Secret, String> {
    if value.is_empty() {
        return Err("is empty: write the secret there".into());
    }
    if value.contains(['\0', '\r', '\n']) {
        return Err("has a NUL or a line break: leave that out".into());
    }
    Ok(Secret::new(value))
}

/// A control character would end the line of a protocol, or of a header.
pub(crate) fn filled(value: &str) -> Result<&str, String> {
    if value.is_empty() {
        return Err("has no value: write one, or leave it out".into());
    }
    if value.contains(char::is_control) {
        return Err("has a control character: leave that out".into());
    }
    Ok(value)
}

fn host_name(value: &str) -> Result<&str, String> {
    if filled(value)?.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(value)
    } else {
        Err("has to be a host's name or an address in [ ]".into())
    }
}

fn domain(value: &str) -> Result<&str, String> {
    match Address::new(&format!("x@{value}")) {
        Ok(_) if !value.contains('@') => Ok(value),
        _ => Err("has to be a domain, as example.com".into()),
    }
}

fn mechanism(value: &str) -> Result<Mechanism, String> {
    Mechanism::named(value).ok_or_else(|| {
        "has to be a mechanism of AUTH, as PLAIN, LOGIN, SCRAM-SHA-256, SCRAM-SHA-256-PLUS, OAUTHBEARER, XOAUTH2 or EXTERNAL".into()
    })
}

/// One or several, in hexadecimal digits, as `sha256sum` and `openssl dgst` write them.
fn pins(value: &str) -> Result<Vec<[u8; 32]>, String> {
    let pin = |text: &str| {
        let digits: Vec<_> = text.trim().bytes().filter(|b| *b != b':').collect();
        let value = |digit: u8| char::from(digit).to_digit(16);
        let byte = |pair: &[u8]| u8::try_from(value(pair[0])? * 16 + value(*pair.get(1)?)?).ok();
        let bytes: Option<Vec<_>> = digits.chunks(2).map(byte).collect();
        bytes?.try_into().ok()
    };
    let pins: Option<Vec<_>> = value.split(',').map(pin).collect();
    pins.ok_or_else(|| {
        "has to be the SHA-256 of the server's public key in 64 hexadecimal digits, or several with commas between".into()
    })
}

fn number(value: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    // `parse` alone would take a sign.
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    let number = value.parse().ok().filter(|_| digits);
    number.filter(|n| range.contains(n)).ok_or_else(|| {
        let (least, most) = range.into_inner();
        format!("has to be a whole number from {least} to {most}")
    })
}

/// An address, alone or after a name, as in From. The empty one is nobody.
pub(crate) fn sender(value: &str) -> Result<Sender, String> {
    if matches!(value.trim(), "" | "<>") {
        return Ok(Sender::Null);
    }
    let addresses = parse_addresses(value, None).unwrap_or_default();
    match <[Address; 1]>::try_from(addresses) {
        Ok([address]) => Ok(Sender::Address(address)),
        Err(_) => Err("has to be one full address: write name@domain".into()),
    }
}
