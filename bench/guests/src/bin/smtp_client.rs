//! Our client as `cargo xtask bench smtp` measures it, beside the programs of
//! `bench/peers`, which have the same command line and send the same mails:
//! `smtp_client MEASURE PORT CA.pem COUNT SIZE USER PASSWORD`. It prints how
//! long it took, in milliseconds; behind that `stream` prints how much memory
//! it took for the mails, in bytes: what the heap held more when a piece of the
//! last mail was asked for, at most, and by how much the linear memory grew.
//! The source is not in it.

#[path = "../../../peers/common/src/lib.rs"]
#[allow(unreachable_pub, reason = "it is a library for the others")]
mod peer;

use peer::{Args, EHLO, Measure, RECIPIENT, Source};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::time::Instant;
use test_guests::mails::{heap_len, memory_len};
use wasm_smtp_wasi::wasi_net::join_all;
use wasm_smtp_wasi::wasm_smtp::{AuthMechanism, IoError, MessageBody, SmtpClient, SmtpError};
use wasm_smtp_wasi::{ConnectOptions, WasiTransport, block_on, connect_smtps_with};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

type Client = SmtpClient<WasiTransport>;

/// A mail that looks at the heap whenever it is read.
struct Body {
    source: Source,
    most: usize,
}

impl MessageBody for Body {
    async fn read_chunk(&mut self, buf: &mut [u8]) -> Result<usize, IoError> {
        self.most = self.most.max(heap_len(GLOBAL));
        Ok(self.source.read(buf))
    }
}

struct Ours {
    args: Args,
    options: ConnectOptions,
    mail: String,
}

impl Ours {
    async fn login(&self) -> Result<Client, SmtpError> {
        let Args { port, user, .. } = &self.args;
        let options = self.options.clone();
        let mut client = connect_smtps_with("localhost", *port, EHLO, options).await?;
        client
            .login_with(AuthMechanism::Plain, user, &self.args.password)
            .await?;
        Ok(client)
    }

    async fn session(&self, mails: usize) -> Result<(), SmtpError> {
        let mut client = self.login().await?;
        self.mails(&mut client, mails).await?;
        client.quit().await
    }

    async fn mails(&self, client: &mut Client, count: usize) -> Result<(), SmtpError> {
        for _ in 0..count {
            client
                .send_mail(&self.args.user, &[RECIPIENT], &self.mail)
                .await?;
        }
        Ok(())
    }

    /// What the heap held more, at most, while the last one was read.
    async fn stream(&self, client: &mut Client) -> Result<usize, SmtpError> {
        let mut more = 0;
        for _ in 0..self.args.count {
            let source = Source::new(self.args.size);
            let mut body = Body { source, most: 0 };
            let before = heap_len(GLOBAL);
            client
                .send_mail_stream(&self.args.user, &[RECIPIENT], &mut body)
                .await?;
            more = body.most.saturating_sub(before);
        }
        Ok(more)
    }

    async fn run(&self) -> Result<(), SmtpError> {
        let count = self.args.count;
        match self.args.measure {
            Measure::Mails => {
                let mut client = self.login().await?;
                let start = Instant::now();
                self.mails(&mut client, count).await?;
                peer::print(start);
                client.quit().await?;
            }
            Measure::Stream => {
                let mut client = self.login().await?;
                let (before, start) = (memory_len(), Instant::now());
                let heap = self.stream(&mut client).await?;
                peer::print(start);
                println!("{heap} {}", memory_len() - before);
                client.quit().await?;
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

fn main() -> Result<(), SmtpError> {
    let args = Args::read();
    // `stream` sends another one, and nothing else may be what grows.
    let mail = match args.measure {
        Measure::Stream => String::new(),
        _ => args.mail(),
    };
    let ours = Ours {
        options: ConnectOptions::new().with_roots_pem(args.pem.clone()),
        mail,
        args,
    };
    block_on(ours.run())
}
