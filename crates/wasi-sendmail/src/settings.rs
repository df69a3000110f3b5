//! Where, as whom and how to submit: from the flags, the environment and the
//! config file, the first that has a setting.
//!
//! The environment and the files are asked by closures, so that all of it is
//! tested without either.

mod config_file;
mod layer;
#[cfg(test)]
mod tests;

pub(crate) use layer::{Layer, Sender, Setting, filled};

use crate::Failure;
use crate::flags::Flags;
use crate::secret::Secret;
use layer::Proof;
use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use wasm_smtp_wasi::smtp_session::{Address, Mechanism};
use zeroize::Zeroizing;

/// The environment's variable for the config file.
pub(crate) const CONFIG_VARIABLE: &str = "WASI_SENDMAIL_CONFIG";

/// What the settings come from beside the flags.
pub(crate) struct Sources<'a> {
    /// The environment's variable of this name.
    pub(crate) variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The first bytes of a file, at most so many.
    pub(crate) read: &'a Read<'a>,
}

/// Reads the first bytes of a file, at most so many.
pub(crate) type Read<'a> = dyn Fn(&Path, u64) -> io::Result<Vec<u8>> + 'a;

/// Where, as whom and how to submit.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) server: Option<Secret>,
    /// Wins over the URL's, as `proof` does.
    pub(crate) user: Option<Secret>,
    pub(crate) proof: Option<Credential>,
    /// Wins over the URL's `?auth=`.
    pub(crate) auth: Option<Mechanism>,
    /// Wins over the URL's `?ehlo=`.
    pub(crate) ehlo: Option<String>,
    pub(crate) trust: Trust,
    pub(crate) client_cert: Option<PathBuf>,
    pub(crate) client_key: Option<PathBuf>,
    pub(crate) sender: Sender,
    /// Who logged in to the machine, for a mail that names no sender.
    pub(crate) login_sender: Option<Address>,
    /// Completes addresses that have none.
    pub(crate) domain: Option<String>,
    /// Those of the command line.
    pub(crate) recipients: Vec<Address>,
    /// How often one mail is tried.
    pub(crate) tries: u32,
    /// At one time.
    pub(crate) connections: usize,
    /// Mails a minute.
    pub(crate) rate: Option<u32>,
    /// For one mail in all.
    pub(crate) timeout: Option<Duration>,
}

/// Whom to take for the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Whom the bundled CAs vouch for.
    Bundled,
    /// Whom the CAs in this file vouch for.
    CaFile(PathBuf),
    /// Who has one of these public keys, by SHA-256.
    Pins(Vec<[u8; 32]>),
}

/// What proves who the user is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    Password(Secret),
    /// The file of an OAuth 2.0 access token. [`first_line`] reads it, anew when
    /// the server refuses the token: by then another program may have replaced it.
    TokenFile(PathBuf),
}

impl Settings {
    /// The settings of this run.
    ///
    /// # Errors
    ///
    /// A value is wrong, or a file can't be read.
    pub(crate) fn new(flags: &Flags, sources: &Sources<'_>) -> Result<Self, Failure> {
        let environment = environment(sources)?;
        let config = flags.config.clone().or_else(|| {
            let variable = (sources.variable)(CONFIG_VARIABLE);
            variable.filter(|path| !path.is_empty()).map(PathBuf::from)
        });
        let file = match config {
            Some(path) => {
                let content = content("config file", &path, sources.read)?;
                config_file::parse(&path, &content)?
            }
            None => Layer::default(),
        };
        let given = flags.given.clone().or(environment).or(file);
        let domain = given.domain.as_deref();
        let recipients = flags.recipients(domain)?;
        let login_sender = match given.sender {
            None => domain.and_then(|domain| login_sender(sources, domain)),
            Some(_) => None,
        };
        let sender = match (given.sender, &flags.local_sender) {
            (None, Some(name)) => local_sender(name, domain)?,
            (sender, _) => sender.unwrap_or_default(),
        };
        let proof = match given.proof {
            None => None,
            Some(Proof::Password(password)) => Some(Credential::Password(password)),
            Some(Proof::PasswordFile(path)) => {
                let password = first_line("password file", &path, sources.read)?;
                Some(Credential::Password(password))
            }
            Some(Proof::TokenFile(path)) => Some(Credential::TokenFile(path)),
        };
        Ok(Self {
            server: given.server,
            user: given.user,
            proof,
            auth: given.auth,
            ehlo: given.ehlo,
            trust: match (given.pins, given.ca_file) {
                (None, None) => Trust::Bundled,
                (None, Some(file)) => Trust::CaFile(file),
                (Some(pins), None) => Trust::Pins(pins),
                (Some(_), Some(_)) => {
                    return Err(Failure::config(
                        "pin and ca-file both say whom to trust: leave one of them out",
                    ));
                }
            },
            client_cert: given.client_cert,
            client_key: given.client_key,
            sender,
            login_sender,
            domain: given.domain,
            recipients,
            tries: given.tries.unwrap_or(if flags.several() { 3 } else { 1 }),
            connections: given.connections.unwrap_or(4),
            rate: given.rate,
            timeout: given.timeout,
        })
    }

    /// The server's URL.
    ///
    /// # Errors
    ///
    /// No source names one.
    pub(crate) fn server(&self) -> Result<&Secret, Failure> {
        self.server.as_ref().ok_or_else(|| {
            let variable = Setting::Server.variable();
            Failure::config(format!(
                "no server: give --server smtps://HOST, or set {variable} to smtps://USER:PASSWORD@HOST"
            ))
        })
    }

    /// Who logs in and by what, where that was given apart; else it is in the server's
    /// URL, or nobody does. `user_of_url` is the user there.
    ///
    /// # Errors
    ///
    /// One was given without the other.
    pub(crate) fn login(
        &self,
        user_of_url: Option<&str>,
    ) -> Result<Option<(Secret, Credential)>, Failure> {
        match (self.user.clone(), self.proof.clone()) {
            (None, None) => Ok(None),
            (Some(user), Some(proof)) => Ok(Some((user, proof))),
            (Some(_), None) => Err(Failure::config(format!(
                "there is a user but no password: give --password-file FILE or --token-file FILE, or set {}",
                Setting::Password.variable()
            ))),
            (None, Some(proof)) => match user_of_url {
                Some(user) => Ok(Some((Secret::new(user), proof))),
                None => Err(Failure::config(format!(
                    "there is a password or token but no user: give --user NAME, or set {}",
                    Setting::User.variable()
                ))),
            },
        }
    }
}

/// What `-f NAME` means where no source has a full address.
fn local_sender(name: &str, domain: Option<&str>) -> Result<Sender, Failure> {
    let variable = Setting::From.variable();
    let domain = domain.ok_or_else(|| {
        Failure::usage(format_args!(
            "-f has a name without a domain: write name@domain, or give --domain NAME to complete it, or set {variable}, or from in the config file, to a full address"
        ))
    })?;
    let address = Address::new(&format!("{name}@{domain}"));
    let wrong = |wrong| Failure::usage(format_args!("-f and the domain are no address: {wrong}"));
    Ok(Sender::Address(address.map_err(wrong)?))
}

/// Who the environment says logged in.
fn login_sender(sources: &Sources<'_>, domain: &str) -> Option<Address> {
    let names = ["LOGNAME", "USER"].iter();
    let mut addresses = names.filter_map(|variable| {
        let name = (sources.variable)(variable)?;
        Address::new(&format!("{}@{domain}", name.to_str()?)).ok()
    });
    addresses.next()
}

/// What the environment says. An empty variable is none: many programs can't
/// take one away.
fn environment(sources: &Sources<'_>) -> Result<Layer, Failure> {
    let mut layer = Layer::default();
    for setting in Setting::ALL {
        let name = setting.variable();
        let wrong = |what: &str| Failure::config(format!("{name} {what}"));
        let Some(value) = (sources.variable)(&name).filter(|value| !value.is_empty()) else {
            continue;
        };
        let value = value.into_string();
        let value = value.map_err(|_| wrong("is no UTF-8 text"))?;
        layer
            .set(setting, &Zeroizing::new(value))
            .map_err(|what| wrong(&what))?;
    }
    Ok(layer)
}

/// The first line of a file that holds a secret; `what` is its name in an error.
///
/// # Errors
///
/// It can't be read, is larger than 64 KiB, is no text, or its first line is
/// empty.
pub(crate) fn first_line(what: &str, path: &Path, read: &Read<'_>) -> Result<Secret, Failure> {
    let content = content(what, path, read)?;
    let line = content.split(|&b| b == b'\n').next().unwrap_or_default();
    let wrong = |wrong: &str| Failure::config(format!("the {what} {} {wrong}", path.display()));
    let line = str::from_utf8(line).map_err(|_| wrong("is no UTF-8 text: save it as UTF-8"))?;
    layer::secret(line.trim_end_matches('\r'))
        .map_err(|what| wrong(&format!("is wrong: its first line {what}")))
}

/// The content of a small file, without the byte order mark that some editors
/// begin it with.
fn content(what: &str, path: &Path, read: &Read<'_>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut content = read(path, FILE_LEN + 1)
        .map(Zeroizing::new)
        .map_err(|error| {
            Failure::unreadable(format_args!("the {what} {}", path.display()), &error)
        })?;
    if content.len() as u64 > FILE_LEN {
        return Err(Failure::config(format!(
            "the {what} {} is larger than 64 KiB: give the right file",
            path.display()
        )));
    }
    if content.starts_with(b"\xef\xbb\xbf") {
        content.drain(..3);
    }
    Ok(content)
}

/// Reads from the file system, for [`Sources::read`].
pub(crate) fn read_file(path: &Path, at_most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(at_most).read_to_end(&mut content)?;
    Ok(content)
}

/// The longest file that is read here.
const FILE_LEN: u64 = 64 * 1024;
