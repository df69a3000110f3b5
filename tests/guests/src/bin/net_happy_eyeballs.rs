//! A host with a dead IPv6 address beside a live IPv4 one:
//! `net_happy_eyeballs EXECUTOR PORT TRIES`. The IPv6 address, of the same
//! port, never answers. Prints the milliseconds of each try.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;
use test_guests::{arg, run};
use wasi_net::{Connector, Resolve, Resolving};

struct BothFamilies;

impl Resolve for BothFamilies {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        assert_eq!(name, "mail.test");
        let addresses = [
            IpAddr::from(Ipv6Addr::LOCALHOST),
            Ipv4Addr::LOCALHOST.into(),
        ];
        Box::pin(async move { Ok(addresses.to_vec()) })
    }
}

fn main() {
    run(async {
        for _ in 0..arg(3) {
            let start = Instant::now();
            let connector = Connector::new().resolver(BothFamilies);
            let stream = connector.connect("mail.test", arg(2)).await.unwrap();
            println!("{:.3}", start.elapsed().as_secs_f64() * 1000.0);
            assert!(stream.peer_addr().is_ipv4());
        }
    });
}
