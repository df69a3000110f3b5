//! The command: hands arguments, environment and standard input to the library
//! and its verdict to the host.

use std::process::ExitCode;

#[cfg(any(all(target_os = "wasi", target_env = "p2"), debug_assertions))]
fn main() -> ExitCode {
    let code = match wasi_sendmail::run(std::env::args_os(), &mut std::io::stdin().lock()) {
        Ok(text) => {
            print!("{text}");
            0
        }
        Err(failure) => {
            eprintln!("wasi-sendmail: {failure}");
            for detail in failure.details() {
                eprintln!("  {detail}");
            }
            failure.exit_code()
        }
    };
    exit(code)
}

/// WASI 0.2's `exit` knows success and failure only, and that is what the
/// standard library's `ExitCode` becomes.
#[cfg(all(target_os = "wasi", target_env = "p2"))]
fn exit(code: u8) -> ExitCode {
    use std::io::Write as _;
    // What could not be written has no reader.
    let _ = (std::io::stdout().flush(), std::io::stderr().flush());
    if code != 0 {
        wasi::cli::exit::exit_with_code(code);
    }
    ExitCode::SUCCESS
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
