//! Empty buffers, options and wrong uses, with an echo server:
//! `net_wrong_uses EXECUTOR PORT`.

use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::net::SocketAddr;
use std::time::Duration;
use test_guests::{arg, run};
use wasi_net::{Connector, ErrorKind, KeepAlive, Operation, TcpStream, resolve};

async fn refused(address: &str) -> ErrorKind {
    let address: SocketAddr = address.parse().unwrap();
    TcpStream::connect(address).await.unwrap_err().kind()
}

fn main() {
    run(async {
        let connector = Connector::new();
        let mut stream = connector.connect("127.0.0.1", arg(2)).await.unwrap();
        assert_eq!(stream.read(&mut []).await.unwrap(), 0, "at once");
        assert_eq!(stream.write(&[]).await.unwrap(), 0, "at once");

        let second = Duration::from_secs(1);
        let keep_alive = |idle| {
            Some(KeepAlive {
                idle,
                interval: second,
                count: 3,
            })
        };
        stream.set_keep_alive(keep_alive(60 * second)).unwrap();
        stream.set_keep_alive(None).unwrap();
        stream.set_hop_limit(32).unwrap();
        stream.set_receive_buffer_len(100_000).unwrap();
        stream.set_send_buffer_len(100_000).unwrap();
        for error in [
            stream
                .set_keep_alive(keep_alive(Duration::ZERO))
                .unwrap_err(),
            stream.set_hop_limit(0).unwrap_err(),
            stream.set_receive_buffer_len(0).unwrap_err(),
            stream.set_send_buffer_len(0).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidOption);
            assert_eq!(error.operation(), Operation::SetOption);
        }

        for address in [
            "127.0.0.1:0",
            "0.0.0.0:25",
            "[::]:25",
            "224.0.0.1:25",
            "[::ffff:127.0.0.1]:25",
        ] {
            assert_eq!(
                refused(address).await,
                ErrorKind::InvalidAddress,
                "{address}"
            );
        }
        for name in ["127.1", "2130706433", "0x7f.1", "", "a b", "[localhost]"] {
            assert_eq!(
                resolve(name).await.unwrap_err().kind(),
                ErrorKind::InvalidName,
                "{name}"
            );
            let error = connector.connect(name, 25).await.unwrap_err();
            assert_eq!(error.operation(), Operation::Resolve);
        }
        assert_eq!(
            resolve("[::1]").await.unwrap(),
            [std::net::Ipv6Addr::LOCALHOST]
        );

        stream.close().await.unwrap();
        let closed = stream.set_hop_limit(32).unwrap_err();
        assert_eq!(closed.kind(), ErrorKind::Closed);
    });
}
