//! `cargo xtask soak`: ten thousand mails through one component to a server with
//! faults, and a thousand sessions at once.

use std::process::ExitCode;
use test_host::guest::build;
use test_host::soak::{at_once, soak};

/// How many mails, by how many connections.
const MAILS: usize = 10_000;
const CONNECTIONS: usize = 8;

/// How many sessions at once.
const SESSIONS: usize = 1_000;

/// How much more memory the component may have after all mails than after a tenth: the
/// allocator takes it in steps of 8 percent.
const GROWTH: f64 = 1.1;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("soak: {wrong}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), String> {
    let component = build("test-guests", "smtp_soak");
    let soaked = soak(&component, MAILS, CONNECTIONS).await?;
    println!("{soaked}");
    let [before, after] = soaked.memory;
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let growth = after as f64 / before as f64;
    if growth > GROWTH {
        return Err(format!("the linear memory grew by a factor of {growth:.3}"));
    }
    let (time, memory, heap) = at_once(&component, SESSIONS).await?;
    println!(
        "{SESSIONS} sessions at once, 40 ms round trip: {:.2} s; each {memory} bytes of linear memory, {heap} bytes of heap",
        time.as_secs_f64()
    );
    Ok(())
}
