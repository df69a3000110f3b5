//! wasm-smtp-wasi 0.18.0, driven as its example `smoke` does it. Its sessions
//! know no other way than one after the other.

use peer::{Args, EHLO, Measure, RECIPIENT, Source};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::error::Error;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;
use wasm_smtp::{AuthMechanism, IoError, MessageBody, SmtpClient, Transport};
use wasm_smtp_wasi::{ConnectOptions, connect_smtps_with};

struct Body(Source);

impl MessageBody for Body {
    async fn read_chunk(&mut self, buf: &mut [u8]) -> Result<usize, IoError> {
        Ok(self.0.read(buf))
    }
}

struct Peer {
    args: Args,
    options: ConnectOptions,
    mail: String,
}

impl Peer {
    async fn login(&self) -> Result<SmtpClient<impl Transport + use<>>, Box<dyn Error>> {
        let Args { port, user, .. } = &self.args;
        let options = self.options.clone();
        let mut client = connect_smtps_with("localhost", *port, EHLO, options).await?;
        client
            .login_with(AuthMechanism::Plain, user, &self.args.password)
            .await?;
        Ok(client)
    }

    async fn send(&self, client: &mut SmtpClient<impl Transport>) -> Result<(), Box<dyn Error>> {
        client
            .send_mail(&self.args.user, &[RECIPIENT], &self.mail)
            .await?;
        Ok(())
    }

    async fn session(&self, mails: usize) -> Result<(), Box<dyn Error>> {
        let mut client = self.login().await?;
        for _ in 0..mails {
            self.send(&mut client).await?;
        }
        Ok(client.quit().await?)
    }

    async fn stream(&self, client: &mut SmtpClient<impl Transport>) -> Result<(), Box<dyn Error>> {
        let mut body = Body(Source::new(self.args.size));
        client
            .send_mail_stream(&self.args.user, &[RECIPIENT], &mut body)
            .await?;
        Ok(())
    }

    async fn run(&self) -> Result<(), Box<dyn Error>> {
        let count = self.args.count;
        match self.args.measure {
            measure @ (Measure::Mails | Measure::Stream) => {
                let mut client = self.login().await?;
                let start = Instant::now();
                for _ in 0..count {
                    match measure {
                        Measure::Mails => self.send(&mut client).await?,
                        _ => self.stream(&mut client).await?,
                    }
                }
                peer::print(start);
                client.quit().await?;
            }
            Measure::Sessions | Measure::AtOnce => {
                let start = Instant::now();
                for _ in 0..count {
                    self.session(1).await?;
                }
                peer::print(start);
            }
            Measure::Session => {
                let start = Instant::now();
                self.session(count).await?;
                peer::print(start);
            }
        }
        Ok(())
    }
}

/// Its futures never return `Pending`.
fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the transport never waits outside a poll"),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::read();
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&args.pem) {
        roots.add(certificate?)?;
    }
    let peer = Peer {
        options: ConnectOptions::default().with_root_store(roots),
        mail: args.mail(),
        args,
    };
    block_on(peer.run())
}
