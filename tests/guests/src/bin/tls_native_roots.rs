//! The host's root certificates in a sandbox: `tls_native_roots EXECUTOR PORT`.
//! Prints what came of the default configuration, and of a handshake with it.

use test_guests::run;
use test_guests::tls::{connect, over};
use tls_pump::{Error, TlsConfig};

async fn handshake() -> Result<(), Error> {
    let config = TlsConfig::builder().build()?;
    over(connect().await, &config).handshake().await
}

fn main() {
    match run(handshake()) {
        Ok(()) => println!("trusted"),
        Err(error @ Error::InvalidRoots { .. }) => println!("InvalidRoots: {error}"),
        Err(error) => println!("{:?}: {error}", error.certificate_kind()),
    }
}
