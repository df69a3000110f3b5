//! What is written leaves without a flush when the component waits for
//! something else: `net_written_behind PORT`. The server closes when it has
//! the bytes.

use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::time::Duration;
use test_guests::arg;

fn main() {
    wasi_net::block_on(async {
        let connector = wasi_net::Connector::new();
        let mut writer = connector.connect("127.0.0.1", arg(1)).await.unwrap();
        let mut other = connector.connect("127.0.0.1", arg(1)).await.unwrap();
        writer.write_all(b"bytes").await.unwrap();
        // Only `other` is waited for: the server ends it once it has the bytes.
        let end = wasi_net::timeout(Duration::from_secs(20), other.read(&mut [0])).await;
        assert_eq!(end.expect("the bytes never left").unwrap(), 0);
    });
}
