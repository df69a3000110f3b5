//! `smtp-session` on `wasi-net` and `tls-pump` as `cargo xtask bench smtp`
//! measures it, with the command line of `bench/peers`:
//! `smtp_session_client MEASURE PORT CA.pem COUNT SIZE USER PASSWORD`.

#[path = "../../../peers/common/src/lib.rs"]
#[allow(unreachable_pub, reason = "it is a library for the others")]
#[allow(dead_code, reason = "some of it is for the others")]
mod peer;

use futures_lite::AsyncRead;
use peer::{Args, EHLO, Measure, RECIPIENT, Source};
use smtp_session::{Address, Body, Credentials, Envelope, Security, Session};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;
use test_guests::mails::{heap_len, memory_len};
use tls_pump::{TlsConfig, TlsStream};
use wasi_net::{TcpStream, block_on, join_all};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

type Secure = Session<TlsStream<TcpStream>>;

/// A mail that is read piece by piece, and looks at the heap each time.
struct Pieces {
    source: Source,
    most: Arc<AtomicUsize>,
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.most.fetch_max(heap_len(GLOBAL), Ordering::Relaxed);
        Poll::Ready(Ok(self.source.read(buf)))
    }
}

struct Ours {
    args: Args,
    config: TlsConfig,
    envelope: Envelope,
    mail: String,
}

impl Ours {
    async fn login(&self) -> Result<Secure, Box<dyn Error>> {
        let tcp = TcpStream::connect(([127, 0, 0, 1], self.args.port).into()).await?;
        let mut tls = TlsStream::new(&self.config, "localhost", tcp)?;
        tls.handshake().await?;
        let exporter = tls.tls_exporter();
        let mut session = Session::new(tls, Security::Tls { exporter });
        session.hello(EHLO).await?;
        let Args { user, password, .. } = &self.args;
        let credentials = Credentials::password(user, password)?;
        session.authenticate(&credentials).await?;
        Ok(session)
    }

    async fn mails(&self, session: &mut Secure, count: usize) -> Result<(), Box<dyn Error>> {
        for _ in 0..count {
            let body = Body::bytes(&self.mail);
            let _receipt = session.send(&self.envelope, body).await?;
        }
        Ok(())
    }

    async fn session(&self, mails: usize) -> Result<(), Box<dyn Error>> {
        let mut session = self.login().await?;
        self.mails(&mut session, mails - 1).await?;
        let body = Body::bytes(&self.mail);
        let _receipt = session.send_and_quit(&self.envelope, body).await?;
        Ok(())
    }

    async fn run(&self) -> Result<(), Box<dyn Error>> {
        let Args { count, size, .. } = self.args;
        match self.args.measure {
            Measure::Mails => {
                let mut session = self.login().await?;
                let start = Instant::now();
                self.mails(&mut session, count).await?;
                peer::print(start);
                session.quit().await?;
            }
            Measure::Stream => {
                let mut session = self.login().await?;
                let most = Arc::default();
                let (linear, heap, start) = (memory_len(), heap_len(GLOBAL), Instant::now());
                for _ in 0..count {
                    let (source, most) = (Source::new(size), Arc::clone(&most));
                    let body = Body::stream(Pieces { source, most });
                    let _receipt = session.send(&self.envelope, body).await?;
                }
                peer::print(start);
                let heap = most.load(Ordering::Relaxed).saturating_sub(heap);
                println!("{heap} {}", memory_len() - linear);
                session.quit().await?;
            }
            Measure::Sessions => {
                let start = Instant::now();
                for _ in 0..count {
                    self.session(1).await?;
                }
                peer::print(start);
            }
            Measure::AtOnce => {
                let start = Instant::now();
                let sessions = join_all((0..count).map(|_| self.session(1))).await;
                sessions.into_iter().collect::<Result<(), _>>()?;
                peer::print(start);
            }
            Measure::Session => {
                let start = Instant::now();
                self.session(count).await?;
                peer::print(start);
            }
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::read();
    let mail = match args.measure {
        Measure::Stream => String::new(),
        _ => args.mail(),
    };
    let ours = Ours {
        config: TlsConfig::builder().roots_pem(args.pem.clone()).build()?,
        envelope: Envelope::new(Address::new(&args.user)?).to(Address::new(RECIPIENT)?),
        mail,
        args,
    };
    block_on(ours.run())
}
