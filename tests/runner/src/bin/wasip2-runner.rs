//! Runs one component in the embedded wasmtime; `cargo xtask guest-run` calls
//! it: `wasip2-runner [--folder PATH ...] [--traffic FILE] PROGRAM.wasm [ARGUMENT ...]`.
//!
//! The component gets this process's standard streams, environment and network,
//! the current folder, and the folders named, under their own paths. A line about the
//! first connection goes into the file of `--traffic`.

use std::path::Path;
use std::process::ExitCode;
use test_runner::{Component, Ending, Guest, Network};

#[tokio::main]
async fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    let mut folders = vec![".".to_owned()];
    let mut traffic = None;
    while let Some(flag) = args.next_if(|arg| arg == "--folder" || arg == "--traffic") {
        match flag.as_str() {
            "--traffic" => traffic = args.next(),
            _ => folders.extend(args.next()),
        }
    }
    let Some(program) = args.next() else {
        eprintln!(
            "usage: wasip2-runner [--folder PATH ...] [--traffic FILE] PROGRAM.wasm [ARGUMENT ...]"
        );
        return ExitCode::from(64);
    };
    let component = match Component::from_file(Path::new(&program)) {
        Ok(component) => component,
        Err(error) => {
            eprintln!("wasip2-runner: {program} is no component that can be run: {error:#}");
            return ExitCode::from(66);
        }
    };
    let guest = Guest::new(&component, &program).inherit_stdio().limit(None);
    let guest = folders
        .iter()
        .fold(guest, |guest, folder| guest.folder(folder, folder));
    let guest = args.fold(guest.network(Network::Inherit).allow_names(), Guest::arg);
    let guest = std::env::vars().fold(guest, |guest, (name, value)| guest.env(&name, value));
    let outcome = guest.run().await;
    if let (Some(file), Some(connection)) = (traffic, outcome.traffic.connections.first()) {
        let line = format!(
            "{} client flights, {} writes of {} bytes, {} host calls",
            connection.flights,
            connection.writes,
            connection.bytes_written,
            outcome.traffic.host_calls
        );
        if let Err(error) = std::fs::write(&file, line) {
            eprintln!("wasip2-runner: {file} can't be written: {error}");
        }
    }
    match outcome.ending {
        Ending::Exit(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Ending::Trap(text) => {
            eprintln!("wasip2-runner: {text}");
            ExitCode::from(134)
        }
        Ending::TimedOut => unreachable!("it has no limit"),
    }
}
