//! Prints the error of one connect: `net_errors EXECUTOR HOST PORT`.

use test_guests::{arg, run};

fn main() {
    let error = run(async {
        let host: String = arg(2);
        let connector = wasi_net::Connector::new();
        connector.connect(&host, arg(3)).await.unwrap_err()
    });
    println!("{:?}: {error}", error.kind());
}
