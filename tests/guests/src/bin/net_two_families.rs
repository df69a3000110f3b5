//! Connects to a host and prints the address that answered:
//! `net_two_families EXECUTOR HOST PORT`.

use test_guests::{arg, run};

fn main() {
    let host: String = arg(2);
    let stream = run(async { wasi_net::Connector::new().connect(&host, arg(3)).await });
    println!("{}", stream.unwrap().peer_addr().ip());
}
