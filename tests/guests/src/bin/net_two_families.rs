//! Connects to a host and prints the address that answered:
//! `net_two_families HOST PORT`.

use test_guests::arg;

fn main() {
    let host: String = arg(1);
    let stream = wasi_net::block_on(wasi_net::Connector::new().connect(&host, arg(2)));
    println!("{}", stream.unwrap().peer_addr().ip());
}
