//! The client of `cargo xtask interop mail`, natively and in a component:
//! `interop_mail FOLDER WAY KIND:PORT...` sends mails to each of these listeners
//! of a mail lab's server. FOLDER has the lab's certificates and tokens; WAY is a
//! word that makes the mails' names its own.
//!
//! It prints a line for each case, `listener TAB mechanism TAB case TAB result`
//! and what belongs to it: see [`Report`](report::Report). What was said before
//! something went wrong is on standard error.

mod cases;
#[allow(dead_code, reason = "it has what the other program needs too")]
mod letter;
mod listener;
mod net;
mod report;
mod session;

use listener::Listener;
use session::Wrong;
use std::path::PathBuf;

fn main() -> Result<(), Wrong> {
    let mut args = std::env::args().skip(1);
    let mut arg = || {
        args.next()
            .ok_or("usage: interop_mail FOLDER WAY KIND:PORT...")
    };
    let certificates = PathBuf::from(arg()?);
    let way = arg()?;
    for listener in args {
        let (kind, port) = listener.split_once(':').ok_or("a listener is KIND:PORT")?;
        let listener = Listener::new(&certificates, &way, kind, port.parse()?)?;
        net::block_on(listener.run());
    }
    Ok(())
}
