//! TLS to a server of the host, as the guests open it: `GUEST EXECUTOR PORT
//! CA_FILE`, where the server's name is `localhost`.

use crate::arg;
use crate::in_memory::NAME;
use tls_pump::{TlsConfig, TlsConfigBuilder, TlsStream};
use wasi_net::{TcpStream, WasiTarget};

/// Trusts the certificates in `CA_FILE`.
///
/// # Panics
///
/// When it can't be read.
#[must_use]
pub fn config() -> TlsConfigBuilder {
    TlsConfig::builder().roots_pem(std::fs::read(arg::<String>(3)).unwrap())
}

/// A connection to `PORT`.
///
/// # Panics
///
/// When nobody listens there.
pub async fn connect() -> TcpStream
where
    for<'a> (): WasiTarget<'a>,
{
    let tcp = TcpStream::connect(([127, 0, 0, 1], arg(2)).into()).await;
    tcp.unwrap()
}

/// TLS over `tcp`, where nothing has been said yet.
#[must_use]
pub fn over(tcp: TcpStream, config: &TlsConfig) -> TlsStream<TcpStream> {
    TlsStream::new(config, NAME, tcp).expect("the name is one")
}
