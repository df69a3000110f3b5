//! HTTP/2, whose frames are small and flushed one by one: `net_h2 EXECUTOR PORT COUNT
//! FLUSH_ON_WAIT` sends so many requests in turn on one connection.

use futures_lite::future::or;
use http::Request;
use test_guests::{arg, run};
use tokio_util::compat::FuturesAsyncReadCompatExt as _;
use wasi_net::TcpStream;

fn main() {
    run(async {
        let stream = TcpStream::connect(([127, 0, 0, 1], arg(2)).into()).await;
        let mut stream = stream.unwrap();
        stream.set_flush_on_wait(arg(4));
        let (client, connection) = h2::client::handshake(stream.compat()).await.unwrap();
        let requests = async move {
            let mut client = client;
            for _ in 0..arg(3) {
                client = client.ready().await.unwrap();
                let request = Request::get("http://localhost/").body(()).unwrap();
                let (response, _) = client.send_request(request, true).unwrap();
                let mut body = response.await.unwrap().into_body();
                while let Some(part) = body.data().await {
                    let len = part.unwrap().len();
                    body.flow_control().release_capacity(len).unwrap();
                }
            }
        };
        let connection = async { panic!("the connection ended: {:?}", connection.await) };
        or(connection, requests).await;
    });
}
