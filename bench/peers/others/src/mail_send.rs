//! mail-send on tokio. It prefers other mechanisms where it finds them, and is
//! shown PLAIN only.

mod tls;

use futures_util::future::try_join_all;
use mail_send::smtp::message::Message;
use mail_send::{Credentials, SmtpClient, SmtpClientBuilder};
use peer::{Args, EHLO, Measure, RECIPIENT};
use std::error::Error;
use std::time::Instant;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

type Client = SmtpClient<TlsStream<TcpStream>>;

struct Peer {
    args: Args,
    builder: SmtpClientBuilder<&'static str>,
    mail: String,
}

impl Peer {
    fn new(args: Args) -> Result<Self, Box<dyn Error>> {
        let tls = tls::connector(&args.pem)?;
        let builder = SmtpClientBuilder::new_with_tls_connector("127.0.0.1", args.port, tls);
        Ok(Self {
            builder: builder.say_ehlo(false),
            mail: args.mail(),
            args,
        })
    }

    async fn login(&self) -> Result<Client, Box<dyn Error>> {
        let mut client = self.builder.connect().await?;
        let mut capabilities = client.capabilities(EHLO, false).await?;
        capabilities.auth_mechanisms &= smtp_proto::AUTH_PLAIN;
        let Args { user, password, .. } = &self.args;
        let credentials = Credentials::new(user.as_str(), password.as_str());
        client.authenticate(&credentials, &capabilities).await?;
        Ok(client)
    }

    async fn send(&self, client: &mut Client) -> Result<(), Box<dyn Error>> {
        let mail = Message::new(self.args.user.as_str(), [RECIPIENT], self.mail.as_bytes());
        client.send(mail).await?;
        Ok(())
    }

    async fn session(&self, mails: usize) -> Result<(), Box<dyn Error>> {
        let mut client = self.login().await?;
        for _ in 0..mails {
            self.send(&mut client).await?;
        }
        Ok(client.quit().await?)
    }

    async fn run(&self) -> Result<(), Box<dyn Error>> {
        let count = self.args.count;
        match self.args.measure {
            Measure::Mails => {
                let mut client = self.login().await?;
                let start = Instant::now();
                for _ in 0..count {
                    self.send(&mut client).await?;
                }
                peer::print(start);
                client.quit().await?;
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
            Measure::Stream => return Err("it reads no mail from a source".into()),
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
