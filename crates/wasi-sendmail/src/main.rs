//! The command: hands arguments, environment and standard input to the library
//! and its verdict to the host.

use std::process::ExitCode;

#[cfg(any(all(target_os = "wasi", target_env = "p2"), debug_assertions))]
fn main() -> ExitCode {
    let output = wasi_sendmail::run(std::env::args_os(), &mut std::io::stdin().lock());
    let written = output.and_then(|output| output.write(&mut std::io::stdout()));
    let code = written.map_or_else(|failure| tell(&failure), |()| 0);
    exit(code)
}

/// Says why, as far as anybody can hear it: `eprintln!` would panic.
#[cfg(any(all(target_os = "wasi", target_env = "p2"), debug_assertions))]
fn tell(failure: &wasi_sendmail::Failure) -> u8 {
    use std::io::Write as _;
    let mut stderr = std::io::stderr();
    let _ = writeln!(stderr, "wasi-sendmail: {failure}");
    for detail in failure.details() {
        let _ = writeln!(stderr, "  {detail}");
    }
    failure.exit_code()
}

/// `wasi:cli/exit#exit` knows success and failure only, and that is what the
/// standard library's `ExitCode` becomes. `exit-with-code` is there since WASI 0.2.12.
#[cfg(all(target_os = "wasi", target_env = "p2", not(feature = "plain-exit")))]
fn exit(code: u8) -> ExitCode {
    use std::io::Write as _;
    // What could not be written has no reader.
    let _ = (std::io::stdout().flush(), std::io::stderr().flush());
    if code != 0 {
        wasi::cli::exit::exit_with_code(code);
    }
    ExitCode::SUCCESS
}

#[cfg(all(target_os = "wasi", target_env = "p2", feature = "plain-exit"))]
fn exit(code: u8) -> ExitCode {
    match code {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

#[cfg(all(not(all(target_os = "wasi", target_env = "p2")), debug_assertions))]
fn exit(code: u8) -> ExitCode {
    ExitCode::from(code)
}

#[cfg(not(any(all(target_os = "wasi", target_env = "p2"), debug_assertions)))]
fn main() -> ExitCode {
    eprintln!(
        "wasi-sendmail: this is a WASI component; build it with `cargo build --release --target wasm32-wasip2 -p wasi-sendmail` and run the .wasm file"
    );
    ExitCode::FAILURE
}
