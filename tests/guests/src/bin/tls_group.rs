//! What a handshake agrees on: `tls_group EXECUTOR PORT CA_FILE` prints it, after
//! an echo.

use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use test_guests::run;
use test_guests::tls::{config, connect, over};

fn main() {
    run(async {
        let mut stream = over(connect().await, &config().build().unwrap());
        stream.write_all(b"echo").await.unwrap();
        let mut echo = [0; 4];
        stream.read_exact(&mut echo).await.unwrap();
        assert_eq!(&echo, b"echo");
        println!("{}", stream.connection_info().unwrap());
    });
}
