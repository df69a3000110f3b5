//! What holds where there are no sockets: debug builds build, and say so.
#![cfg(all(debug_assertions, not(target_os = "wasi")))]

use std::io;
use wasi_net::{Connector, ErrorKind, TcpStream, block_on, resolve};

#[test]
fn opening_a_socket_is_unsupported() {
    let connected = block_on(TcpStream::connect(([127, 0, 0, 1], 25).into()));
    let error = connected.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("wasm32-wasip2"), "{error}");
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::Unsupported);
}

#[test]
fn names_are_unsupported_and_literals_are_not() {
    let error = block_on(resolve("localhost")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let addresses = block_on(resolve("[2001:db8::1]")).unwrap();
    assert_eq!(addresses[0].to_string(), "2001:db8::1");
    let error = block_on(Connector::new().connect("127.1", 25)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidName);
}

#[test]
fn an_own_resolver_is_asked_for_names_only() {
    struct Refuses;
    impl wasi_net::Resolve for Refuses {
        fn resolve<'a>(&'a self, name: &'a str) -> wasi_net::Resolving<'a> {
            assert_eq!(name, "mail.test");
            Box::pin(async { Err(ErrorKind::TemporaryResolverFailure) })
        }
    }
    let connector = Connector::new().resolver(Refuses);
    let error = block_on(connector.connect("mail.test", 25)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TemporaryResolverFailure);
    assert_eq!(error.subject(), "mail.test");
    let error = block_on(connector.connect("192.0.2.1", 25)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn the_other_family_is_passed_over() {
    use wasi_net::AddressFamily::{Ipv4, Ipv6};
    let connect = |family, host| {
        let connector = Connector::new().address_family(family);
        block_on(connector.connect(host, 25)).unwrap_err().kind()
    };
    assert_eq!(connect(Ipv4, "192.0.2.1"), ErrorKind::Unsupported);
    assert_eq!(connect(Ipv6, "192.0.2.1"), ErrorKind::NoAddressOfFamily);
    assert_eq!(connect(Ipv4, "[2001:db8::1]"), ErrorKind::NoAddressOfFamily);
    assert_eq!(connect(Ipv6, "2001:db8::1"), ErrorKind::Unsupported);
}

#[test]
fn who_waits_is_known() {
    assert!(!wasi_net::is_driven());
    assert!(block_on(async { wasi_net::is_driven() }));
    assert!(!wasi_net::is_driven());
}
