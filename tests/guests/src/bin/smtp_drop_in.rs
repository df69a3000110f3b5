//! A program for wasm-smtp-wasi 0.18.0, with only the dependency changed:
//! `smtp_drop_in implicit|starttls HOST PORT CA.pem`. Its `block_on` polls once,
//! as no future of that version is ever pending.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use wasm_smtp::{AuthMechanism, IoError, MessageBody};
use wasm_smtp_wasi::{ConnectOptions, connect_smtp_starttls_with, connect_smtps_with};

fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the transport never yields"),
    }
}

struct Text(Option<&'static str>);

impl MessageBody for Text {
    async fn read_chunk(&mut self, buf: &mut [u8]) -> Result<usize, IoError> {
        let Some(text) = self.0.take() else {
            return Ok(0);
        };
        buf[..text.len()].copy_from_slice(text.as_bytes());
        Ok(text.len())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, mode, host, port, ca] = args.as_slice() else {
        return Err("usage: smtp_drop_in implicit|starttls HOST PORT CA.pem".into());
    };
    let port: u16 = port.parse()?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca)? {
        roots.add(certificate?)?;
    }
    let options = ConnectOptions::default()
        .with_root_store(roots)
        .with_server_name("localhost")
        .with_alpn(&[]);
    block_on(async {
        let mut client = match mode.as_str() {
            "implicit" => connect_smtps_with(host, port, "client.test", options).await?,
            _ => connect_smtp_starttls_with(host, port, "client.test", options).await?,
        };
        client
            .login_with(AuthMechanism::Plain, "user@test.local", "secret")
            .await?;
        let (from, to) = ("user@test.local", ["alice@test.local"]);
        let text = "Subject: drop-in\r\n\r\n.first\r\nlast\r\n";
        client.send_mail(from, &to, text).await?;
        client.send_mail_bytes(from, &to, text.as_bytes()).await?;
        let mut stream = Text(Some(text));
        client.send_mail_stream(from, &to, &mut stream).await?;
        client.quit().await?;
        Ok(())
    })
}
