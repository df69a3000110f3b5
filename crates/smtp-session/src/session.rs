//! The driver: a session over any `AsyncRead + AsyncWrite`.

mod drive;

use crate::Extension;
use crate::body::Source;
use crate::engine::{in_doubt, unsent};
use crate::transcript::{Speaker, Transcript};
use crate::{
    Body, Capabilities, Credentials, Deadlines, Delivery, Engine, Envelope, Error, ErrorKind,
    Mechanism, NoDeadlines, Options, Phase, Receipt, Security,
};
use futures_io::{AsyncRead, AsyncWrite};
use std::fmt;

/// A session over the byte stream `S`, with timers from `D`.
///
/// It has no tasks of its own, and nothing moves but in its operations. Each
/// reads while it writes, so that no pair of full buffers stops both sides, and
/// what the server says early is heard early. What belongs together is written
/// and flushed together.
///
/// # Cancellation
///
/// Dropping the future of an operation ends the session, unless it was never
/// polled: replies are still to come that belong to no later command.
/// [`given_up`](Self::given_up) tells what became of a mail.
pub struct Session<S, D = NoDeadlines> {
    stream: S,
    engine: Engine,
    deadlines: D,
    /// Written to the stream since its last flush.
    unflushed: bool,
}

impl<S> Session<S> {
    /// A session over `stream`, which is connected and, with
    /// [`Security::Tls`], through its handshake. Nothing is sent or read yet.
    pub fn new(stream: S, security: Security) -> Self {
        Self::with_options(stream, security, Options::default())
    }

    /// The same, with options.
    pub fn with_options(stream: S, security: Security, options: Options) -> Self {
        Self {
            stream,
            engine: Engine::new(security, options),
            deadlines: NoDeadlines,
            unflushed: false,
        }
    }
}

impl<S, D> Session<S, D> {
    /// The same session with timers.
    pub fn with_deadlines<E: Deadlines>(self, deadlines: E) -> Session<S, E> {
        Session {
            stream: self.stream,
            engine: self.engine,
            deadlines,
            unflushed: self.unflushed,
        }
    }

    /// Reads along what is said, also behind STARTTLS. A command that could be
    /// taken back before it left stands in it all the same.
    pub fn set_transcript(&mut self, transcript: impl FnMut(Speaker, &str) + Send + 'static) {
        self.engine
            .set_transcript(Box::new(transcript) as Transcript);
    }

    /// What the server offers, by its last reply to EHLO.
    pub fn capabilities(&self) -> &Capabilities {
        self.engine.capabilities()
    }

    /// By what AUTH succeeded.
    pub fn mechanism(&self) -> Option<Mechanism> {
        self.engine.mechanism()
    }

    /// Whether another operation can follow. A session that can't be used is to
    /// be dropped: that ends the connection.
    pub fn is_usable(&self) -> bool {
        self.engine.is_usable()
    }

    /// What has become of a mail whose future was dropped; `None` when none was. It
    /// stays known, as the session ends with it.
    pub fn given_up(&self) -> Option<Delivery> {
        self.engine.given_up()
    }

    /// The stream below.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream below, to set its options. Reading or writing it breaks the
    /// session.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The stream below, as it is.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, D: Deadlines> Session<S, D> {
    /// Waits for the greeting, if it did not come yet, and introduces this
    /// client by EHLO; by HELO to an old server, by LHLO with LMTP. `ehlo_domain`
    /// is the client's host name or address literal such as `[192.0.2.1]` (RFC
    /// 5321 section 4.1.4), 1 to 255 printable ASCII characters.
    ///
    /// Call it first, and once behind STARTTLS. Behind AUTH it is done by itself,
    /// when a mail needs what the server did not offer before.
    ///
    /// # Errors
    ///
    /// The server refuses, breaks the protocol or ends the connection; the
    /// stream's; a time that is over.
    pub async fn hello(&mut self, ehlo_domain: &str) -> Result<&Capabilities, Error> {
        self.engine.hello(ehlo_domain);
        self.run(None).await?;
        Ok(self.engine.capabilities())
    }

    /// Asks for TLS. The stream that comes back is ready for the handshake: the
    /// server has sent nothing in plaintext behind its reply, which might pass
    /// for a part of the encrypted session.
    ///
    /// # Errors
    ///
    /// The server does not offer it, refuses it, or sends more than its reply; as
    /// for [`hello`](Self::hello). The stream is dropped then.
    ///
    /// Source: RFC 3207 section 4.
    pub async fn starttls(mut self) -> Result<(S, Upgrade<D>), Error> {
        self.engine.starttls();
        self.run(None).await?;
        let upgrade = Upgrade {
            transcript: self.engine.take_transcript(),
            options: self.engine.options(),
            deadlines: self.deadlines,
        };
        Ok((self.stream, upgrade))
    }

    /// Proves who this client is, by the best mechanism that the server offers
    /// and the credentials allow.
    ///
    /// Another mechanism is tried only when the server says that it does not
    /// have the first, never after a refusal of the credentials.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::PlaintextAuth`] without TLS, unless allowed;
    /// [`ErrorKind::NoMechanism`]; [`ErrorKind::Refused`], after which the session
    /// goes on; [`ErrorKind::Auth`] for a server that does not know the password
    /// itself; as for [`hello`](Self::hello).
    ///
    /// Source: RFC 4954.
    pub async fn authenticate(&mut self, credentials: &Credentials) -> Result<(), Error> {
        self.engine.authenticate(credentials);
        self.run(None).await?;
        Ok(())
    }

    /// Sends a mail. It goes to the recipients that the server accepts; the
    /// receipt names the others, with the server's reply.
    ///
    /// Where the server offers PIPELINING, a mail takes two round trips: its envelope,
    /// and its content once it is known who gets it. A transaction that failed before
    /// is reset first, in the same round trip.
    ///
    /// # Errors
    ///
    /// Each says by [`Error::delivery`] whether the mail was sent. After a refusal
    /// the session goes on, except in the middle of a long mail.
    ///
    /// - [`ErrorKind::Refused`], [`ErrorKind::NoRecipients`],
    ///   [`ErrorKind::Closing`]: the server's reply.
    /// - [`ErrorKind::BdatUnknown`]: the server offers CHUNKING and does not know it;
    ///   the session is over.
    /// - [`ErrorKind::Unsupported`], [`ErrorKind::TooLarge`],
    ///   [`ErrorKind::Invalid`]: what the server can't do, before anything is
    ///   sent; a stream that turns out too long ends the session.
    /// - [`ErrorKind::Body`], [`ErrorKind::BodyRead`]: the body, before anything
    ///   is sent or in the middle.
    /// - [`ErrorKind::Closed`], [`ErrorKind::Io`], [`ErrorKind::TimedOut`],
    ///   [`ErrorKind::Protocol`]: the connection.
    /// - [`ErrorKind::Unusable`]: an earlier operation.
    pub async fn send(&mut self, envelope: &Envelope, body: Body<'_>) -> Result<Receipt, Error> {
        self.transfer(envelope, body, false).await
    }

    /// Sends a mail, then QUIT, and closes the stream. What goes wrong after the receipt
    /// is of no account, but for a reply too many: the mail is
    /// [`MaybeSent`](Delivery::MaybeSent) then.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub async fn send_and_quit(
        mut self,
        envelope: &Envelope,
        body: Body<'_>,
    ) -> Result<Receipt, Error> {
        let result = self.send_last(envelope, body).await;
        if !self.is_usable() {
            return result;
        }
        let was_offered = result.is_ok() || self.engine.was_offered();
        self.engine.quit();
        let quit = self.run(None).await;
        self.close().await;
        match (quit, result) {
            (Err(quit), result) if was_offered && quit.doubts_last_mail() => Err(match result {
                Ok(receipt) => in_doubt(receipt),
                Err(error) => error.doubted(),
            }),
            (_, result) => result,
        }
    }

    /// Sends a mail that may be the last one: where the server offers PIPELINING and
    /// CHUNKING, QUIT leaves with its end, and the stream is closed. The session stays
    /// [usable](Self::is_usable) elsewhere, after a refusal, and where some recipients
    /// were too many for one transaction
    /// ([`Reply::is_too_many_recipients`](crate::Reply::is_too_many_recipients)): those
    /// can follow, or [`quit`](Self::quit).
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub async fn send_last(
        &mut self,
        envelope: &Envelope,
        body: Body<'_>,
    ) -> Result<Receipt, Error> {
        let result = self.transfer(envelope, body, true).await;
        if result.is_ok() && !self.is_usable() {
            self.close().await;
        }
        result
    }

    /// Forgets a transaction that failed, and shows that the server is there. No
    /// mail needs it: [`send`](Self::send) does it by itself.
    ///
    /// # Errors
    ///
    /// As for [`hello`](Self::hello).
    ///
    /// Source: RFC 5321 section 4.1.1.5.
    pub async fn reset(&mut self) -> Result<(), Error> {
        self.engine.reset();
        self.run(None).await?;
        Ok(())
    }

    /// Shows that the server is there.
    ///
    /// # Errors
    ///
    /// As for [`hello`](Self::hello).
    ///
    /// Source: RFC 5321 section 4.1.1.9.
    pub async fn noop(&mut self) -> Result<(), Error> {
        self.engine.noop();
        self.run(None).await?;
        Ok(())
    }

    /// Says good-bye, and closes the stream. Every mail with a receipt is the
    /// server's already, whatever this comes to, but for the last one where the error
    /// [doubts](Error::doubts_last_mail) it.
    ///
    /// # Errors
    ///
    /// As for [`hello`](Self::hello). How closing goes is of no account: the
    /// server closes as well, and a stream whose other side is gone fails there.
    ///
    /// Source: RFC 5321 section 4.1.1.10.
    pub async fn quit(mut self) -> Result<(), Error> {
        self.engine.quit();
        self.run(None).await?;
        self.close().await;
        Ok(())
    }

    async fn transfer(
        &mut self,
        envelope: &Envelope,
        body: Body<'_>,
        last: bool,
    ) -> Result<Receipt, Error> {
        let mut other = None;
        let Body {
            mut source,
            mut form,
        } = body;
        if let Source::Bytes(bytes) = source {
            let eight_bit = self.capabilities().has(Extension::EightBitMime);
            let refused = |error| {
                let error = Error::new(ErrorKind::Body(error), Phase::Mail);
                unsent(error, envelope.clone())
            };
            (form, other) = form.fit(bytes, eight_bit).map_err(refused)?;
        }
        if let Some(other) = &other {
            source = Source::Bytes(other);
        }
        if last {
            self.engine.send_last(envelope, form);
        } else {
            self.engine.send(envelope, form);
        }
        let receipt = self.run(Some(&mut source)).await?;
        Ok(Receipt {
            is_reencoded: other.is_some(),
            ..receipt.expect("a mail has a receipt")
        })
    }
}

/// A session that waits for its stream to have TLS.
pub struct Upgrade<D = NoDeadlines> {
    transcript: Option<Transcript>,
    options: Options,
    deadlines: D,
}

impl<D> Upgrade<D> {
    /// Goes on over the stream with TLS, through its handshake: call
    /// [`Session::hello`] next, since nothing of what was said before counts.
    /// `exporter` is the channel binding `tls-exporter`, where there is one.
    ///
    /// Source: RFC 3207 section 4.2.
    pub fn resume<T>(self, stream: T, exporter: Option<[u8; 32]>) -> Session<T, D> {
        let mut engine = Engine::upgraded(Security::Tls { exporter }, self.options);
        if let Some(transcript) = self.transcript {
            engine.set_transcript(transcript);
        }
        Session {
            stream,
            engine,
            deadlines: self.deadlines,
            unflushed: false,
        }
    }
}

impl<D> fmt::Debug for Upgrade<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<S, D> fmt::Debug for Session<S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}
