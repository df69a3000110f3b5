//! How an operation runs: what is polled when.

use super::Session;
use crate::body::{PART_LEN, Source};
use crate::{Deadlines, Error, Phase, Receipt};
use futures_io::{AsyncRead, AsyncWrite};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// How much of what the server sends is read at once.
const READ_LEN: usize = 4 * 1024;

/// After how much that was written the server is listened to, if the stream takes
/// on and on.
const READ_EVERY: usize = 128 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin, D: Deadlines> Session<S, D> {
    /// Drives the operation that the engine has begun.
    pub(super) async fn run(
        &mut self,
        body: Option<&mut Source<'_>>,
    ) -> Result<Option<Receipt>, Error> {
        let mut run = Run {
            body,
            part: Vec::new(),
            write_failed: None,
            unread_len: 0,
            fresh: self.engine.has_spoken(),
        };
        let mut sleep = None;
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(outcome) = self.poll_operation(cx, &mut run) {
                    return Poll::Ready(outcome);
                }
                // The operation waits. So does its time, which may be a new one.
                let now = (self.engine.phase(), self.engine.progress());
                if sleep.as_ref().is_none_or(|(of, _)| *of != now) {
                    sleep = Some((now, self.deadlines.start(now.0)));
                }
                let (_, sleep) = sleep.as_mut().expect("it was just set");
                ready!(Pin::new(sleep).poll(cx));
                self.engine.handle_timeout();
            }
        })
        .await
    }

    /// Does all that can be done now.
    fn poll_operation(
        &mut self,
        cx: &mut Context<'_>,
        run: &mut Run<'_, '_>,
    ) -> Poll<Result<Option<Receipt>, Error>> {
        // What is there before the first command belongs to none.
        if std::mem::take(&mut run.fresh) && !self.engine.is_over() {
            self.poll_read(cx, run);
        }
        loop {
            if let Some(outcome) = self.engine.outcome() {
                return Poll::Ready(outcome);
            }
            let mut moved = self.poll_body(cx, run);
            if !self.engine.is_over() {
                moved |= self.poll_write(cx, run);
            }
            let goes_on = moved && self.engine.has_output() && run.unread_len < READ_EVERY;
            if !goes_on && !self.engine.is_over() {
                run.unread_len = 0;
                moved |= self.poll_read(cx, run);
            }
            if !moved && !self.engine.is_over() {
                return Poll::Pending;
            }
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>, run: &mut Run<'_, '_>) -> bool {
        let mut moved = false;
        while self.engine.wants_body() {
            let Some(body) = &mut run.body else { break };
            match body {
                Source::Bytes(bytes) => match bytes.split_at_checked(PART_LEN) {
                    Some((part, rest)) => {
                        self.engine.body(part);
                        *bytes = rest;
                    }
                    None if bytes.is_empty() => self.engine.end_body(),
                    None => self.engine.body(std::mem::take(bytes)),
                },
                Source::Stream(stream) => {
                    run.part.resize(PART_LEN, 0);
                    match stream.as_mut().poll_read(cx, &mut run.part) {
                        Poll::Pending => break,
                        Poll::Ready(Ok(0)) => self.engine.end_body(),
                        Poll::Ready(Ok(len)) => self.engine.body(&run.part[..len]),
                        Poll::Ready(Err(error)) => self.engine.fail_body(error),
                    }
                }
            }
            moved = true;
        }
        moved
    }

    /// Writes once, so that reading has its turn: what the server says in the
    /// middle of a long mail is heard then.
    fn poll_write(&mut self, cx: &mut Context<'_>, run: &mut Run<'_, '_>) -> bool {
        if run.write_failed.is_some() {
            return false;
        }
        let mut moved = false;
        if self.engine.has_output() {
            let stream = Pin::new(&mut self.stream);
            match stream.poll_write(cx, self.engine.output()) {
                Poll::Pending => return false,
                Poll::Ready(Ok(0)) => {
                    run.write_failed = Some(io::ErrorKind::WriteZero.into());
                }
                Poll::Ready(Ok(len)) => {
                    self.engine.sent(len);
                    run.unread_len += len;
                    self.unflushed = true;
                    moved = true;
                    self.poll_body(cx, run);
                }
                // The server may have said why.
                Poll::Ready(Err(error)) => run.write_failed = Some(error),
            }
        }
        if self.unflushed && !self.engine.has_output() && run.write_failed.is_none() {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => run.write_failed = Some(error),
            }
        }
        moved
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, run: &mut Run<'_, '_>) -> bool {
        let mut buffer = [0; READ_LEN];
        match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(0)) => match run.write_failed.take() {
                Some(error) => self.engine.handle_error(error),
                None => self.engine.handle_eof(),
            },
            Poll::Ready(Ok(len)) => self.engine.handle_input(&buffer[..len]),
            Poll::Ready(Err(error)) => {
                self.engine
                    .handle_error(run.write_failed.take().unwrap_or(error));
            }
            Poll::Pending => match run.write_failed.take() {
                Some(error) => self.engine.handle_error(error),
                None => return false,
            },
        }
        true
    }

    /// Closes the stream, within the time of QUIT.
    pub(super) async fn close(&mut self) {
        let mut sleep = self.deadlines.start(Phase::Quit);
        poll_fn(|cx| match Pin::new(&mut self.stream).poll_close(cx) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => Pin::new(&mut sleep).poll(cx),
        })
        .await;
    }
}

/// What an operation needs while it runs.
struct Run<'r, 'b> {
    body: Option<&'r mut Source<'b>>,
    /// Of a body that is a stream.
    part: Vec<u8>,
    /// Why the stream took no more, until all that can be read is read.
    write_failed: Option<io::Error>,
    /// Written since the last read.
    unread_len: usize,
    /// Nothing was read yet, and something of operations before may be there.
    fresh: bool,
}
