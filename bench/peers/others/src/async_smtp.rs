//! async-smtp on tokio, over a buffered stream as its example has it, of
//! tokio-rustls.

mod tls;

use async_smtp::authentication::{Credentials, Mechanism};
use async_smtp::extension::ClientId;
use async_smtp::{EmailAddress, Envelope, SendableEmail, SmtpClient, SmtpTransport};
use futures_util::future::try_join_all;
use peer::{Args, EHLO, Measure, RECIPIENT};
use rustls::pki_types::ServerName;
use std::error::Error;
use std::time::Instant;
use tokio::io::BufStream;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const HOST: &str = "127.0.0.1";

type Transport = SmtpTransport<BufStream<TlsStream<TcpStream>>>;

struct Peer {
    args: Args,
    tls: TlsConnector,
    envelope: Envelope,
    mail: String,
}

impl Peer {
    fn new(args: Args) -> Result<Self, Box<dyn Error>> {
        let [from, to] = [&args.user, RECIPIENT].map(str::parse::<EmailAddress>);
        Ok(Self {
            tls: tls::connector(&args.pem)?,
            envelope: Envelope::new(Some(from?), vec![to?])?,
            mail: args.mail(),
            args,
        })
    }

    async fn login(&self) -> Result<Transport, Box<dyn Error>> {
        let tcp = TcpStream::connect((HOST, self.args.port)).await?;
        let stream = self.tls.connect(ServerName::try_from(HOST)?, tcp).await?;
        let client = SmtpClient::new().hello_name(ClientId::Domain(EHLO.to_owned()));
        let mut transport = SmtpTransport::new(client, BufStream::new(stream)).await?;
        let Args { user, password, .. } = &self.args;
        let credentials = Credentials::new(user.clone(), password.clone());
        transport.auth(Mechanism::Plain, &credentials).await?;
        Ok(transport)
    }

    async fn send(&self, transport: &mut Transport) -> Result<(), Box<dyn Error>> {
        let mail = SendableEmail::new(self.envelope.clone(), self.mail.as_str());
        transport.send(mail).await?;
        Ok(())
    }

    async fn session(&self, mails: usize) -> Result<(), Box<dyn Error>> {
        let mut transport = self.login().await?;
        for _ in 0..mails {
            self.send(&mut transport).await?;
        }
        Ok(transport.quit().await?)
    }

    async fn run(&self) -> Result<(), Box<dyn Error>> {
        let count = self.args.count;
        match self.args.measure {
            Measure::Mails => {
                let mut transport = self.login().await?;
                let start = Instant::now();
                for _ in 0..count {
                    self.send(&mut transport).await?;
                }
                peer::print(start);
                transport.quit().await?;
            }
            Measure::Sessions => {
                let start = Instant::now();
                for _ in 0..count {
                    self.session(1).await?;
                }
                peer::print(start);
            }
            Measure::AtOnce => {
                let start = Instant::now();
                try_join_all((0..count).map(|_| self.session(1))).await?;
                peer::print(start);
            }
            Measure::Session => {
                let start = Instant::now();
                self.session(count).await?;
                peer::print(start);
            }
            Measure::Stream => return Err("it reads a source to its end before it sends".into()),
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let peer = Peer::new(Args::read())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(peer.run())
}
