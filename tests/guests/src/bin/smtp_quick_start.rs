//! The library's quick start, twice in one process:
//! `smtp_quick_start smtps|starttls PORT USER PASSWORD CA.pem`. Prints whether
//! the second connection resumed the first one's TLS session.

use test_guests::arg;
use wasm_smtp_wasi::wasm_smtp::SmtpError;
use wasm_smtp_wasi::{
    ConnectOptions, WasiTransport, block_on, connect_smtp_starttls_with, connect_smtps_with,
};

fn main() -> Result<(), SmtpError> {
    let (mode, port): (String, u16) = (arg(1), arg(2));
    let (user, password): (String, String) = (arg(3), arg(4));
    let roots = std::fs::read(arg::<String>(5)).unwrap();
    let options = ConnectOptions::new().with_roots_pem(roots);
    block_on(async {
        for _ in 0..2 {
            let mut client = match mode.as_str() {
                "smtps" => {
                    connect_smtps_with("localhost", port, "client.test", options.clone()).await?
                }
                _ => {
                    connect_smtp_starttls_with("localhost", port, "client.test", options.clone())
                        .await?
                }
            };
            client.login(&user, &password).await?;
            let mail = "Subject: Hello\r\n\r\nBody.\r\n.\r\n";
            client
                .send_mail("user@test.local", &["alice@test.local"], mail)
                .await?;
            client.quit().await?;
        }
        // The greeting comes in TLS on one port only.
        if mode == "smtps" {
            let transport = WasiTransport::connect_tls("localhost", port, &options)
                .await
                .unwrap();
            println!("{}", transport.connection_info().unwrap());
        }
        Ok(())
    })
}
