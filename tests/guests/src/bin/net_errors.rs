//! Prints the error of one connect: `net_errors HOST PORT`.

use test_guests::arg;

fn main() {
    let error = wasi_net::block_on(async {
        let host: String = arg(1);
        wasi_net::Connector::new()
            .connect(&host, arg(2))
            .await
            .unwrap_err()
    });
    println!("{:?}: {error}", error.kind());
}
