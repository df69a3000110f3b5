//! Messages: an envelope, and the mail in memory or from a reader.

use super::deferred::Deferred;
use super::event::{Event, Listener};
use super::header::{self, HeaderAddresses, HeaderEnd};
use super::{MailerError, MailerErrorKind};
use futures_io::AsyncRead;
use smtp_session::{Body, Envelope, Form};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A mail, to whom it goes, and who watches it go.
///
/// Its `Bcc` fields never leave, nor does what stands in front of the header: the
/// line between the mails of a mailbox, a byte order mark. All else does as it is,
/// but for the ends of its lines, which become CR LF: see [`smtp_session::Body`].
///
/// `Debug` shows nothing of the mail.
pub struct Message {
    pub(super) envelope: Envelope,
    content: Content,
    form: Form,
    /// Why it can't be sent.
    wrong: Option<String>,
    pub(super) listener: Option<Listener>,
    pub(super) deferred: Option<Deferred>,
}

enum Content {
    Bytes(Vec<u8>),
    Read(Pieces),
    Open(Box<dyn FnMut() -> io::Result<Reader> + Send>),
}

type Reader = Box<dyn AsyncRead + Send + Unpin>;

/// How much of a header is read at once.
const READ_LEN: usize = 8 * 1024;

impl Message {
    /// A mail in memory for the recipients of `envelope`. One from which
    /// [`remove_secrets`](super::remove_secrets) can't take the `Bcc` fields fails when it
    /// is sent.
    #[must_use]
    pub fn new(envelope: Envelope, mail: impl Into<Vec<u8>>) -> Self {
        let mut mail = mail.into();
        let cut = header::remove_secrets(&mut mail);
        Self {
            wrong: cut.err().map(|wrong| wrong.to_string()),
            ..Self::with(envelope, Content::Bytes(mail))
        }
    }

    /// A mail in memory that goes to whom its header names: from `Sender` or else
    /// `From`, to `To`, `Cc` and `Bcc`, or to those of `Resent-To` and so on.
    ///
    /// # Errors
    ///
    /// [`MailerErrorKind::Message`]: the header names no sender or no recipient, or
    /// can't be read.
    pub fn from_bytes(mail: impl Into<Vec<u8>>) -> Result<Self, MailerError> {
        let mail = mail.into();
        Ok(Self::new(envelope_of(&mail)?, mail))
    }

    /// A mail that is read while it is sent, and goes to whom its header names. The
    /// header, at most 1 MiB, is read here.
    ///
    /// Once the server was given a part of what comes behind the header, the mail
    /// can't be tried again: [`stream`](Self::stream) can.
    ///
    /// # Errors
    ///
    /// As for [`from_bytes`](Self::from_bytes); [`MailerErrorKind::Read`].
    pub async fn from_reader(
        reader: impl AsyncRead + Send + Unpin + 'static,
    ) -> Result<Self, MailerError> {
        let mut pieces = Pieces::read(Box::new(reader)).await?;
        let envelope = envelope_of(&pieces.head)?;
        header::remove_secrets(&mut pieces.head)?;
        Ok(Self::with(envelope, Content::Read(pieces)))
    }

    /// A mail that is read while it is sent, from a new reader at each attempt.
    #[must_use]
    pub fn stream<R>(
        envelope: Envelope,
        mut open: impl FnMut() -> io::Result<R> + Send + 'static,
    ) -> Self
    where
        R: AsyncRead + Send + Unpin + 'static,
    {
        let open = move || open().map(|reader| Box::new(reader) as Reader);
        Self::with(envelope, Content::Open(Box::new(open)))
    }

    fn with(envelope: Envelope, content: Content) -> Self {
        Self {
            envelope,
            content,
            form: Form::default(),
            wrong: None,
            listener: None,
            deferred: None,
        }
    }

    /// Another envelope.
    #[must_use]
    pub fn envelope(mut self, envelope: Envelope) -> Self {
        self.envelope = envelope;
        self
    }

    /// How the mail is to be taken: the ends of its lines, binary, the length of
    /// one that is read while it is sent.
    #[must_use]
    pub fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Tells `listener` what happens to the mail while it is sent. It is called in
    /// the middle of that, and should not take long.
    #[must_use]
    pub fn on_event(mut self, listener: impl FnMut(Event) + Send + 'static) -> Self {
        self.listener = Some(Listener::new(listener));
        self
    }

    /// The mail was tried before, and deferred.
    #[must_use]
    pub fn deferred(mut self, before: Deferred) -> Self {
        self.deferred = Some(before);
        self
    }

    /// How long the mail in memory is; `None` for one that is read while it is
    /// sent.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "nobody asks that")]
    pub fn len(&self) -> Option<usize> {
        match &self.content {
            Content::Bytes(bytes) => Some(bytes.len()),
            Content::Read(_) | Content::Open(_) => None,
        }
    }

    /// Looks through a mail in memory, and at whom it is for.
    pub(super) fn check(&self) -> Result<(), MailerError> {
        if self.envelope.recipients().is_empty() {
            return Err(MailerError::message(
                "the envelope has no recipients: add one",
            ));
        }
        if let Some(wrong) = &self.wrong {
            return Err(MailerError::message(wrong.clone()));
        }
        match &self.content {
            Content::Bytes(bytes) => {
                let body = Body::bytes(bytes).form(self.form);
                body.check()
                    .map_err(|wrong| MailerError::message(wrong.to_string()))
            }
            Content::Read(_) | Content::Open(_) => Ok(()),
        }
    }

    /// Whether it can be sent from its beginning.
    pub(super) fn is_whole(&self) -> bool {
        match &self.content {
            Content::Read(pieces) => !pieces.touched,
            Content::Bytes(_) | Content::Open(_) => true,
        }
    }

    /// The mail from its beginning.
    pub(super) async fn body(&mut self) -> Result<Body<'_>, MailerError> {
        let body = match &mut self.content {
            Content::Bytes(bytes) => Body::bytes(bytes),
            Content::Read(pieces) => {
                pieces.at = 0;
                Body::stream(pieces)
            }
            Content::Open(open) => {
                let reader = open().map_err(read_error)?;
                let mut pieces = Pieces::read(reader).await?;
                header::remove_secrets(&mut pieces.head)?;
                Body::stream(pieces)
            }
        };
        Ok(body.form(self.form))
    }
}

/// A mail of `mail_builder`, for whom its header names.
impl TryFrom<mail_builder::MessageBuilder<'_>> for Message {
    type Error = MailerError;

    fn try_from(mail: mail_builder::MessageBuilder<'_>) -> Result<Self, MailerError> {
        Self::from_bytes(mail.write_to_vec().map_err(read_error)?)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("envelope", &self.envelope)
            .field("len", &self.len())
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

fn read_error(error: io::Error) -> MailerError {
    MailerError::new(MailerErrorKind::Read(error))
}

fn envelope_of(mail: &[u8]) -> Result<Envelope, MailerError> {
    let header = HeaderAddresses::read(mail)?;
    let (sender, recipients) = (header.sender()?, header.recipients()?);
    let sender = sender.ok_or_else(|| {
        MailerError::message("the mail names no sender: give it a From field, or an envelope")
    })?;
    if recipients.is_empty() {
        return Err(MailerError::message(
            "the mail names no recipient: give it a To, Cc or Bcc field, or an envelope",
        ));
    }
    let envelope = Envelope::new(sender);
    Ok(recipients.into_iter().fold(envelope, Envelope::to))
}

/// The header, which was read, and the reader behind it.
struct Pieces {
    head: Vec<u8>,
    /// So much of it was given.
    at: usize,
    rest: Reader,
    /// Something of the rest was taken.
    touched: bool,
}

impl Pieces {
    /// Reads the header.
    async fn read(mut rest: Reader) -> Result<Self, MailerError> {
        let mut head = Vec::new();
        let mut buffer = vec![0; READ_LEN];
        let mut end = HeaderEnd::default();
        while !end.is_in(&head) {
            if head.len() > header::MAX_LEN {
                return Err(MailerError::message(
                    "the mail's header is longer than 1 MiB: shorten it",
                ));
            }
            let read = poll_fn(|cx| Pin::new(&mut rest).poll_read(cx, &mut buffer));
            match read.await.map_err(read_error)? {
                0 => break,
                len => head.extend_from_slice(&buffer[..len]),
            }
        }
        Ok(Self {
            head,
            at: 0,
            rest,
            touched: false,
        })
    }
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let head = &self.head[self.at..];
        if !head.is_empty() {
            let len = head.len().min(buf.len());
            buf[..len].copy_from_slice(&head[..len]);
            self.at += len;
            return Poll::Ready(Ok(len));
        }
        self.touched = true;
        Pin::new(&mut self.rest).poll_read(cx, buf)
    }
}
