//! Sessions with a listener of the lab, however it is protected.

use crate::net::{self, Stream};
use smtp_session::{
    Credentials, Extension, Mechanism, Options, Phase, Security, Session as Of, Speaker, Timeouts,
};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tls_pump::{TlsConfig, TlsStream};

/// The name that the lab's certificates carry.
const NAME: &str = "mail.test.local";
const EHLO: &str = "client.test.local";
/// An account of the lab.
pub(crate) const USER: &str = "user@test.local";
const PASSWORD: &str = "secret";

/// All that smtp-session has.
pub(crate) const MECHANISMS: [Mechanism; 9] = [
    Mechanism::ScramSha256Plus,
    Mechanism::ScramSha256,
    Mechanism::ScramSha1Plus,
    Mechanism::ScramSha1,
    Mechanism::Plain,
    Mechanism::Login,
    Mechanism::OAuthBearer,
    Mechanism::XOAuth2,
    Mechanism::External,
];

type Timer = Pin<Box<dyn Future<Output = ()>>>;
pub(crate) type Session = Of<Stream, fn(Phase) -> Timer>;

/// What went wrong, in words.
pub(crate) type Wrong = Box<dyn Error>;

fn timer(phase: Phase) -> Timer {
    let mut timeouts = Timeouts::all(Duration::from_secs(30));
    timeouts.set(Phase::DataTermination, Duration::from_secs(90));
    net::sleep(timeouts.of(phase))
}

/// What was said, for the report of what goes wrong.
#[derive(Clone, Default)]
pub(crate) struct Dialogue(Arc<Mutex<Vec<String>>>);

impl Dialogue {
    fn listen(&self, session: &mut Session) {
        let lines = self.0.clone();
        session.set_transcript(move |speaker, line| {
            let speaker = match speaker {
                Speaker::Client => 'C',
                Speaker::Server => 'S',
            };
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push(format!("{speaker}: {line}"));
        });
    }

    /// What was said since [`take`](Self::take).
    pub(crate) fn peek(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What was said since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The lab's certificates and accounts.
pub(crate) struct Lab {
    folder: PathBuf,
    tls: TlsConfig,
}

impl Lab {
    /// Of the folder that has the certificates, `ca.pem` among them; a listener
    /// that wants one gets the client's.
    pub(crate) fn new(folder: &Path, with_certificate: bool) -> Result<Self, Wrong> {
        let read = |name: &str| std::fs::read(folder.join(name));
        let mut tls = TlsConfig::builder().roots_pem(read("ca.pem")?);
        if with_certificate {
            tls = tls.client_certificate_pem(read("client.chain.pem")?, read("client.key")?);
        }
        Ok(Self {
            folder: folder.to_owned(),
            tls: tls.build()?,
        })
    }

    /// What proves that this is [`USER`], or, if not `right`, does not.
    pub(crate) fn credentials(
        &self,
        mechanism: Mechanism,
        right: bool,
    ) -> Result<Credentials, Wrong> {
        let credentials = match mechanism {
            // The certificate is that user's, who may act as himself only.
            Mechanism::External if right => Credentials::external().act_as(USER)?,
            Mechanism::External => Credentials::external().act_as("alice@test.local")?,
            Mechanism::OAuthBearer | Mechanism::XOAuth2 => {
                let name = if right { "token" } else { "token-badsig" };
                let token = std::fs::read_to_string(self.folder.join("oauth").join(name))?;
                Credentials::oauth_token(USER, token.trim())?
            }
            _ if right => Credentials::password(USER, PASSWORD)?,
            _ => Credentials::password(USER, "wrong")?,
        };
        Ok(credentials.only(&[mechanism]))
    }

    /// A connection to a listener of that kind, behind EHLO, with TLS where the
    /// kind has it.
    pub(crate) async fn open(
        &self,
        kind: &str,
        port: u16,
        options: Options,
        dialogue: &Dialogue,
    ) -> Result<Session, Wrong> {
        let deadlines: fn(Phase) -> Timer = timer;
        let tcp = net::connect(port).await?;
        let session = if matches!(kind, "smtps" | "mtls") {
            let (stream, exporter) = self.wrap(tcp).await?;
            Of::with_options(stream, Security::Tls { exporter }, options)
        } else {
            Of::with_options(tcp, Security::Plaintext, options)
        };
        let mut session = session.with_deadlines(deadlines);
        dialogue.listen(&mut session);
        session.hello(EHLO).await?;
        let in_clear = match kind {
            "plain" | "smtps" | "mtls" => true,
            // No AUTH is needed there, nor TLS.
            "smtp" | "minimal" => !session.capabilities().has(Extension::StartTls),
            _ => false,
        };
        if in_clear {
            return Ok(session);
        }
        let (tcp, upgrade) = session.starttls().await?;
        let (stream, exporter) = self.wrap(tcp).await?;
        let mut session = upgrade.resume(stream, exporter);
        dialogue.listen(&mut session);
        session.hello(EHLO).await?;
        Ok(session)
    }

    async fn wrap(&self, tcp: Stream) -> Result<(Stream, Option<[u8; 32]>), Wrong> {
        let mut stream = TlsStream::new(&self.tls, NAME, tcp)?;
        stream
            .handshake_until(net::sleep(Duration::from_secs(30)))
            .await?;
        let exporter = stream.tls_exporter();
        Ok((Box::new(stream), exporter))
    }
}
