//! One mail to a server beside the component, in plaintext.

#[cfg(all(target_os = "wasi", target_env = "p2"))]
fn main() -> std::process::ExitCode {
    use std::process::ExitCode;
    use wasm_smtp_wasi::{block_on, connect_smtp_plaintext};

    let sent = block_on(async {
        let mut client = connect_smtp_plaintext("localhost", 25, "client.example.com").await?;
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
