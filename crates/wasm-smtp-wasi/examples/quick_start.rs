//! The quick start: one mail by a server's TLS port.

#[cfg(all(target_os = "wasi", target_env = "p2"))]
fn main() -> Result<(), wasm_smtp_wasi::wasm_smtp::SmtpError> {
    use wasm_smtp_wasi::{block_on, connect_smtps};

    block_on(async {
        let mut client = connect_smtps("smtp.example.com", 465, "client.example.com").await?;
        client.login("user@example.com", "secret").await?;
        let mail = "Subject: Hello\r\n\r\nBody.\r\n";
        client
            .send_mail("user@example.com", &["recipient@example.org"], mail)
            .await?;
        client.quit().await
    })
}

#[cfg(not(all(target_os = "wasi", target_env = "p2")))]
fn main() {
    eprintln!("build it for wasm32-wasip2");
}
