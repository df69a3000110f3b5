//! lettre without tokio. Its transport connects for each mail, for its pool
//! traps here; mails on one connection go through what is below the transport.
//! With a timeout every connect fails.

use lettre::address::Envelope;
use lettre::transport::smtp::SmtpTransport;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    Certificate, CertificateStore, SmtpConnection, Tls, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Transport as _};
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

    fn login(&self) -> Result<SmtpConnection, Box<dyn Error>> {
        let (server, name) = ((HOST, self.args.port), ClientId::Domain(EHLO.to_owned()));
        let mut connection = SmtpConnection::connect(server, None, &name, Some(&self.tls), None)?;
        connection.auth(&[Mechanism::Plain], &self.credentials())?;
        Ok(connection)
    }

    fn send(&self, connection: &mut SmtpConnection) -> Result<(), Box<dyn Error>> {
        for _ in 0..self.args.count {
            connection.send(&self.envelope, &self.mail)?;
        }
        Ok(())
    }

    fn transport(&self) -> SmtpTransport {
        SmtpTransport::builder_dangerous(HOST)
            .port(self.args.port)
            .tls(Tls::Wrapper(self.tls.clone()))
            .hello_name(ClientId::Domain(EHLO.to_owned()))
            .authentication(vec![Mechanism::Plain])
            .credentials(self.credentials())
            .timeout(None)
            .build()
    }

    fn run(&self) -> Result<(), Box<dyn Error>> {
        match self.args.measure {
            Measure::Mails => {
                let mut connection = self.login()?;
                let start = Instant::now();
                self.send(&mut connection)?;
                peer::print(start);
                connection.quit()?;
            }
            Measure::Sessions => {
                let start = Instant::now();
                let transport = self.transport();
                for _ in 0..self.args.count {
                    transport.send_raw(&self.envelope, &self.mail)?;
                }
                peer::print(start);
            }
            Measure::Session => {
                let start = Instant::now();
                let mut connection = self.login()?;
                self.send(&mut connection)?;
                connection.quit()?;
                peer::print(start);
            }
            Measure::Stream => return Err("it reads no mail from a source".into()),
            Measure::AtOnce => return Err("it does one thing at a time".into()),
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    Peer::new(Args::read())?.run()
}
