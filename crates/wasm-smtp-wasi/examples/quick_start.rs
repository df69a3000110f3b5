//! The quick start: one mail by a server's TLS port.

#[cfg(all(target_os = "wasi", target_env = "p2"))]
fn main() -> std::process::ExitCode {
    use std::process::ExitCode;
    use wasm_smtp_wasi::{block_on, connect_smtps};

    let sent = block_on(async {
        let mut client = connect_smtps("smtp.example.com", 465, "client.example.com").await?;
        client.login("user@example.com", "secret").await?;
        client
            .send_mail(
                "user@example.com",
                &["recipient@example.org"],
                "Subject: hello\r\n\r\nBody.\r\n",
            )
            .await?;
        client.quit().await
    });
    match sent {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(all(target_os = "wasi", target_env = "p2")))]
fn main() {
    eprintln!("build it for wasm32-wasip2");
}
