//! Several `wasi_net::wstd::run` at once, in tasks that wstd spawned, with an
//! echo server: `net_wstd_tasks PORT`.

#![allow(missing_docs, reason = "the macro of wstd makes `main` public")]

#[cfg(not(all(target_os = "wasi", target_env = "p2")))]
fn main() {}

#[cfg(all(target_os = "wasi", target_env = "p2"))]
#[wstd::main]
async fn main() {
    cases::side_by_side().await;
    cases::moved().await;
    cases::left_unpolled().await;
    cases::nested_and_cancelled().await;
    cases::halves_in_two_tasks().await;
}

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod cases {
    use futures_lite::future::{or, poll_once, zip};
    use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
    use std::time::Duration;
    use test_guests::arg;
    use wasi_net::TcpStream;
    use wasi_net::wstd::run;
    use wstd::runtime::spawn;

    const SHORT: Duration = Duration::from_millis(20);

    async fn connect() -> TcpStream {
        let address = ([127, 0, 0, 1], arg(1)).into();
        TcpStream::connect(address).await.unwrap()
    }

    async fn round_trip(stream: &mut TcpStream) {
        stream.write_all(b"ping").await.unwrap();
        let mut echo = [0; 4];
        stream.read_exact(&mut echo).await.unwrap();
        assert_eq!(&echo, b"ping");
    }

    async fn session(trips: u32) {
        let mut stream = connect().await;
        for _ in 0..trips {
            round_trip(&mut stream).await;
            wasi_net::sleep(Duration::from_millis(2)).await;
        }
    }

    /// In one task and in many, the short ones ending first.
    pub(crate) async fn side_by_side() {
        zip(run(session(10)), run(session(1))).await;
        let tasks: Vec<_> = (0..10).map(|n| spawn(run(session(n)))).collect();
        for task in tasks {
            task.await;
        }
    }

    /// Polled once here, and then by another task.
    pub(crate) async fn moved() {
        let mut future = Box::pin(run(async {
            wasi_net::sleep(SHORT).await;
            session(1).await;
        }));
        assert!(poll_once(&mut future).await.is_none());
        spawn(future).await;
    }

    /// Polled once, by a task that then waits for something else.
    pub(crate) async fn left_unpolled() {
        let idle = spawn(async {
            let mut future = Box::pin(run(wasi_net::sleep(SHORT)));
            assert!(poll_once(&mut future).await.is_none());
            std::future::pending::<()>().await;
        });
        wstd::task::sleep(Duration::from_millis(1).into()).await;
        run(wasi_net::sleep(2 * SHORT)).await;
        run(session(2)).await;
        idle.cancel().await;
    }

    pub(crate) async fn nested_and_cancelled() {
        let mut stream = run(run(connect())).await;
        let read = async { run(stream.read(&mut [0])).await.is_ok() };
        let late = async {
            wstd::task::sleep(SHORT.into()).await;
            false
        };
        assert!(!or(read, late).await);
        spawn(async move { run(round_trip(&mut stream)).await }).await;
    }

    pub(crate) async fn halves_in_two_tasks() {
        let (mut reader, mut writer) = run(connect()).await.into_split();
        let write = spawn(run(async move {
            for _ in 0..5 {
                writer.write_all(b"ping").await.unwrap();
                wasi_net::sleep(Duration::from_millis(2)).await;
            }
            writer
        }));
        let mut echo = [0; 20];
        run(reader.read_exact(&mut echo)).await.unwrap();
        let mut writer = write.await;
        let read = run(async { reader.read(&mut [0]).await.unwrap_err() });
        let close = run(async { writer.close().await.unwrap() });
        let error = zip(read, close).await.0;
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }
}
