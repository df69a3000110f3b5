//! The command line.

#![allow(
    missing_docs,
    unreachable_pub,
    reason = "xflags makes the types public and undocumented"
)]

use std::ffi::OsString;
use std::path::PathBuf;

xflags::xflags! {
    /// Builds, tests and shows this workspace.
    cmd xtask {
        /// Gets what the other commands need, or says how to get it.
        cmd setup {}
        /// Sends the mails of tests/mail through the component to a server made for it.
        cmd demo {}
        /// Sends the mail on standard input: `cargo xtask send --server URL < mail.eml`.
        cmd send {
            /// smtps://host:465, or smtp://host:587 for STARTTLS; a password goes into the
            /// environment.
            /// Default: the environment's WASI_SENDMAIL_SERVER.
            optional --server url: String
            /// Trust the CA certificates in this PEM file, and no others.
            optional --ca-file path: PathBuf
        }
        /// Runs the tests: on this machine and inside wasmtime.
        cmd test {}
        /// Checks what no compiler checks.
        cmd tidy {}
        /// Checks what is depended on: licences, duplicates, advisories.
        cmd deny {}
        /// Feeds a fuzz target of a library: `cargo xtask fuzz client`.
        cmd fuzz {
            /// client, server, stream, key_share, private_key, record or verify.
            required target: String
            /// For how long. Default: 60.
            optional --seconds seconds: u32
        }
        /// Talks to a mail lab's bad TLS servers: its `up badcerts` piped into this.
        /// `cargo xtask interop mail --lab FOLDER`: sends mails to its other servers.
        cmd interop {
            /// Ordinary servers have to agree on this group: X25519MLKEM768.
            optional group: String
            /// mail: the lab's folder, which has `up` and `down`.
            optional --lab folder: PathBuf
            /// mail: only this server.
            optional --server name: String
            /// mail: the table goes into docs/interop.md too.
            optional --write
        }
        /// Sends 10,000 mails through one component to a server with faults, and compares what it says
        /// of each with the server's record; then 1,000 sessions at once.
        cmd soak {}
        /// Does everything that has to pass.
        cmd ci {
            /// Nothing but this step, as clippy; each is named when it begins and ends.
            optional --step name: String
            /// Write the seconds of each step into this file.
            optional --times file: PathBuf
            /// Print the ratios to the seconds in this file, written by `--times`.
            optional --against old: PathBuf
        }
        /// Measures, in ratios of one run: `cargo xtask bench net`, `cargo xtask bench tls`,
        /// `cargo xtask bench smtp`.
        cmd bench {
            /// What to measure: net, tls or smtp.
            required what: String
            /// tls: tls-pump-crypto beside ring alone, with simd128 and wide arithmetic.
            optional --fast-wasm
            /// tls: the same alone, built by this profile of the workspace, as release-size.
            optional --profile name: String
            /// smtp: how often each program runs. Default: 9.
            optional --rounds count: u32
            /// smtp: nothing but this measure, as 1kb; a wrong name lists them.
            optional --only measure: String
            /// smtp: the figures as JSON into this file. Default: behind the tables.
            optional --json path: PathBuf
            /// smtp: against a mail lab's server: its `up postfix` piped into this.
            optional --lab
        }
        /// Gets wasmtime 36 to 49 and jco by pip and npm, and runs the command and the network
        /// guests on each.
        cmd hosts {}
        /// Checks wasm-smtp-wasi with every combination of features, for both targets.
        cmd features {}
        /// Prints how large components are, by features and profile.
        cmd size {}
        /// Builds a package for wasm32-wasip2; the tests call it.
        cmd guest-build {
            required package: String
        }
        /// Runs a component inside the embedded wasmtime; cargo calls it.
        cmd guest-run {
            repeated args: OsString
        }
    }
}
