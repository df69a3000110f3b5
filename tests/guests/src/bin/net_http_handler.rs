//! A handler of HTTP requests under wstd, `GET /?port=ECHO`, which asks an echo
//! server before it answers, and again while the answer's body leaves. One of
//! its connections outlives the request, and is used by the next.

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod handler {
    use futures_lite::future::zip;
    use futures_lite::stream::once_future;
    use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
    use std::cell::Cell;
    use std::time::Duration;
    use wasi_net::wstd::run;
    use wasi_net::{Connector, TcpStream, timeout};
    use wstd::http::{Body, Request, Response};

    const SHORT: Duration = Duration::from_millis(20);

    thread_local! {
        /// Each request has a runtime of its own, which ends with it.
        static KEPT: Cell<Option<TcpStream>> = const { Cell::new(None) };
    }

    async fn round_trips(stream: &mut TcpStream, count: usize) -> String {
        for _ in 0..count {
            stream.write_all(b"hello, ").await.unwrap();
            stream.write_all(b"world").await.unwrap();
            let mut echo = [0; 12];
            stream.read_exact(&mut echo).await.unwrap();
            assert_eq!(&echo, b"hello, world");
        }
        format!("round trips: {count}\n")
    }

    pub(crate) async fn answer(request: Request<Body>) -> Response<Body> {
        let query = request.uri().query().unwrap();
        let port = query.strip_prefix("port=").unwrap().parse().unwrap();
        let mut kept = KEPT.take();
        let (text, mut streamed) = run(async {
            let connector = Connector::new();
            let connect = async || connector.connect("127.0.0.1", port).await.unwrap();
            let mut text = String::new();
            if let Some(stream) = &mut kept {
                text += &format!("kept: {}", round_trips(stream, 1).await);
            }
            let mut stream = connect().await;
            text += &round_trips(&mut stream, 10).await;
            timeout(SHORT, stream.read(&mut [0])).await.unwrap_err();
            text += "a read was cancelled\n";
            let sleep = wstd::task::sleep(SHORT.into());
            text += &zip(sleep, round_trips(&mut stream, 1)).await.1;
            KEPT.set(Some(stream));
            (text, connect().await)
        })
        .await;
        // Here, and at the end of the body, a stream is dropped outside `run`.
        drop(kept);
        let body = async move {
            let last = run(round_trips(&mut streamed, 1)).await;
            drop(streamed);
            format!("{text}body: {last}")
        };
        Response::new(Body::from_stream(once_future(body)))
    }
}

#[cfg(all(target_os = "wasi", target_env = "p2"))]
#[wstd::http_server]
async fn main(
    request: wstd::http::Request<wstd::http::Body>,
) -> Result<wstd::http::Response<wstd::http::Body>, wstd::http::Error> {
    Ok(handler::answer(request).await)
}

#[cfg(not(all(target_os = "wasi", target_env = "p2")))]
fn main() {}
