//! What is written leaves without a flush when the component waits for
//! something else: `net_written_behind EXECUTOR PORT`. The server closes the
//! second connection when it has the bytes of the first.

use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::time::Duration;
use test_guests::{arg, run};

fn main() {
    run(async {
        let connector = wasi_net::Connector::new();
        let mut writer = connector.connect("127.0.0.1", arg(2)).await.unwrap();
        let mut other = connector.connect("127.0.0.1", arg(2)).await.unwrap();
        writer.write_all(b"bytes").await.unwrap();
        // Only `other` is waited for: the server ends it once it has the bytes.
        let end = wasi_net::timeout(Duration::from_secs(20), other.read(&mut [0])).await;
        assert_eq!(end.expect("the bytes never left").unwrap(), 0);
    });
}
