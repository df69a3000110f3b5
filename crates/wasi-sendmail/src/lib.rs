//! `sendmail` for WASI: submits the mail on standard input by SMTP.
//!
//! This library is the command without its `main`, so that its parts can be
//! tested natively: [`run`] does everything, and a [`Failure`] is one sentence
//! with an exit code of sysexits.h.

mod addresses;
mod failure;
mod flags;
mod message;
mod server;
mod submit;

pub use failure::Failure;

use flags::{Action, Flags};
use std::ffi::OsString;
use std::io::Read;
use wasm_smtp_wasi::{ConnectOptions, WasiTarget, block_on};

/// Submits one mail: `args` are the command's arguments, the program's name
/// first; `input` is the mail. Returns what to print on standard output.
///
/// # Errors
///
/// One sentence that names the remedy, and whether the mail was sent.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    input: &mut dyn Read,
) -> Result<String, Failure>
where
    for<'a> (): WasiTarget<'a>,
{
    let flags = match Flags::parse(args)? {
        Action::Print(text) => return Ok(text),
        Action::Submit(flags) => flags,
    };
    let server = server::from_flags_or_environment(flags.server.as_deref())?;
    let mut options = ConnectOptions::new();
    if let Some(path) = &flags.ca_file {
        options = options.with_roots_pem(read_ca_file(path)?);
    }
    let mail = message::read(input, &flags)?;
    let receipt = block_on(submit::submit(&server, options, &mail))?;
    Ok(if flags.verbose {
        receipt
    } else {
        String::new()
    })
}

fn read_ca_file(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        Failure::no_input(format!(
            "cannot read the CA file {} ({error}): give a path inside a folder that the host opens to the component, as `wasmtime run --dir FOLDER`",
            path.display()
        ))
    })
}
