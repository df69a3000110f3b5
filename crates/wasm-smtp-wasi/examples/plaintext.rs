//! One mail to a server beside the component, in plaintext.

#[cfg(all(target_os = "wasi", target_env = "p2"))]
fn main() -> Result<(), wasm_smtp_wasi::wasm_smtp::SmtpError> {
    use wasm_smtp_wasi::{block_on, connect_smtp_plaintext};

    block_on(async {
        let mut client = connect_smtp_plaintext("localhost", 25, "client.example.com").await?;
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
