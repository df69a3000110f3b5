//! Mails by `smtp-session` over TLS, to say how many flights they take:
//! `smtp_session smtps|starttls PORT CA.pem USER PASSWORD MAILS`. QUIT goes with
//! the last of them.

use smtp_session::{Address, Body, Credentials, Envelope, Security, Session};
use std::error::Error;
use test_guests::arg;
use test_guests::tls::{config, connect, over};
use tls_pump::TlsStream;
use wasi_net::{TcpStream, block_on};

type Secure = Session<TlsStream<TcpStream>>;

async fn open() -> Result<Secure, Box<dyn Error>> {
    let config = config().build()?;
    let tcp = connect().await;
    if arg::<String>(1) == "smtps" {
        let mut tls = over(tcp, &config);
        tls.handshake().await?;
        let exporter = tls.tls_exporter();
        return Ok(Session::new(tls, Security::Tls { exporter }));
    }
    let mut plain = Session::new(tcp, Security::Plaintext);
    plain.hello("client.test").await?;
    let (tcp, upgrade) = plain.starttls().await?;
    let mut tls = over(tcp, &config);
    tls.handshake().await?;
    let exporter = tls.tls_exporter();
    Ok(upgrade.resume(tls, exporter))
}

async fn run() -> Result<(), Box<dyn Error>> {
    let user: String = arg(4);
    let mut session = open().await?;
    session.hello("client.test").await?;
    let credentials = Credentials::password(&user, &arg::<String>(5))?;
    session.authenticate(&credentials).await?;
    let envelope = Envelope::new(Address::new(&user)?)
        .to(Address::new("alice@test.local")?)
        .to(Address::new("bob@test.local")?);
    let mail = "Subject: Hello\r\n\r\nBody.\r\n.\r\n";
    for _ in 1..arg::<usize>(6) {
        let receipt = session.send(&envelope, Body::bytes(mail)).await?;
        assert!(receipt.is_complete());
    }
    let receipt = session.send_and_quit(&envelope, Body::bytes(mail)).await?;
    assert!(receipt.is_complete());
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    block_on(run())
}
