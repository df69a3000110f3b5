//! `cargo xtask demo`: sends mails through the component to a server made for the run,
//! and shows what arrived: `demo WASMTIME COMPONENT.wasm MAIL.eml ...`, where WASMTIME is
//! the command of that name or our `wasip2-runner`.
//!
//! Exits with 0 only if every mail arrived with the same bytes.

use std::path::PathBuf;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [wasmtime, component, mails @ ..] = &args[..] else {
        eprintln!("usage: demo WASMTIME COMPONENT.wasm MAIL.eml ...");
        return ExitCode::from(64);
    };
    match test_demo::demo(&mut std::io::stdout(), wasmtime, component, mails).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}
