//! Connects to an address with its scope: `net_link_local EXECUTOR [ADDRESS%SCOPE]:PORT`.

use std::net::SocketAddr;
use test_guests::{arg, run};
use wasi_net::TcpStream;

fn main() {
    let address: SocketAddr = arg(2);
    match run(TcpStream::connect(address)) {
        Ok(stream) => println!("{}", stream.peer_addr()),
        Err(error) => println!("{:?}", error.kind()),
    }
}
