//! lettre on tokio, as `lettre_sync` uses it; its sessions run all at once too.

use futures_util::future::try_join_all;
use lettre::address::Envelope;
use lettre::transport::smtp::AsyncSmtpTransport;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, Tls, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncTransport as _, Tokio1Executor};
use peer::{Args, EHLO, Measure, RECIPIENT};
use std::error::Error;
use std::time::Instant;

const HOST: &str = "127.0.0.1";

struct Peer {
    args: Args,
    tls: TlsParameters,
    envelope: Envelope,
    mail: Vec<u8>,
}

impl Peer {
    fn new(args: Args) -> Result<Self, Box<dyn Error>> {
        let tls = TlsParameters::builder(HOST.to_owned())
            .certificate_store(CertificateStore::None)
            .add_root_certificate(Certificate::from_pem(&args.pem)?)
            .build()?;
        let [from, to] = [&args.user, RECIPIENT].map(str::parse::<Address>);
        Ok(Self {
            tls,
            envelope: Envelope::new(Some(from?), vec![to?])?,
            mail: args.mail().into_bytes(),
            args,
        })
    }

    fn credentials(&self) -> Credentials {
        let Args { user, password, .. } = &self.args;
        Credentials::new(user.clone(), password.clone())
    }

    async fn login(&self) -> Result<AsyncSmtpConnection, Box<dyn Error>> {
        let (server, name) = ((HOST, self.args.port), ClientId::Domain(EHLO.to_owned()));
        let tls = Some(self.tls.clone());
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, None, &name, tls, None).await?;
        connection
            .auth(&[Mechanism::Plain], &self.credentials())
            .await?;
        Ok(connection)
    }

    async fn send(&self, connection: &mut AsyncSmtpConnection) -> Result<(), Box<dyn Error>> {
        for _ in 0..self.args.count {
            connection.send(&self.envelope, &self.mail).await?;
        }
        Ok(())
    }

    fn transport(&self) -> AsyncSmtpTransport<Tokio1Executor> {
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(HOST)
            .port(self.args.port)
            .tls(Tls::Wrapper(self.tls.clone()))
            .hello_name(ClientId::Domain(EHLO.to_owned()))
            .authentication(vec![Mechanism::Plain])
            .credentials(self.credentials())
            .timeout(None)
            .build()
    }

    async fn run(&self) -> Result<(), Box<dyn Error>> {
        let count = self.args.count;
        match self.args.measure {
            Measure::Mails => {
                let mut connection = self.login().await?;
                let start = Instant::now();
                self.send(&mut connection).await?;
                peer::print(start);
                connection.quit().await?;
            }
            Measure::Sessions => {
                let start = Instant::now();
                let transport = self.transport();
                for _ in 0..count {
                    transport.send_raw(&self.envelope, &self.mail).await?;
                }
                peer::print(start);
            }
            Measure::AtOnce => {
                let start = Instant::now();
                let transport = self.transport();
                let send = |_| transport.send_raw(&self.envelope, &self.mail);
                try_join_all((0..count).map(send)).await?;
                peer::print(start);
            }
            Measure::Session => {
                let start = Instant::now();
                let mut connection = self.login().await?;
                self.send(&mut connection).await?;
                connection.quit().await?;
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
