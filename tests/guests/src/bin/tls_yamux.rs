//! Somebody else's protocol over our TLS over our stream:
//! `tls_yamux EXECUTOR PORT CA_FILE`, with a server that echoes on each
//! substream.

use test_guests::run;
use test_guests::tls::{config, connect, over};
use test_guests::yamux_client::eight_substreams;

fn main() {
    run(async {
        let config = config().build().unwrap();
        eight_substreams(over(connect().await, &config)).await;
    });
}
