//! Bodies: where they come from, and what may be done to them.

use crate::error::BodyError;
use crate::lines::Lines;
use futures_io::AsyncRead;
use std::fmt;
use std::pin::Pin;

/// The ends of the lines that a body has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LineEnds {
    /// CR LF or LF alone, which becomes CR LF.
    #[default]
    Normalize,
    /// CR LF only; an LF alone is refused.
    Crlf,
}

/// How a body is to be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    line_ends: LineEnds,
    binary: bool,
    #[cfg(feature = "reencode")]
    reencode: bool,
    len: Option<u64>,
    summary: Option<Summary>,
}

/// What is known of a body that was looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Of its wire form, without doubled dots.
    pub(crate) len: u64,
    /// The first line with a byte beyond ASCII.
    pub(crate) eight_bit_line: Option<u64>,
}

impl Form {
    /// The ends of its lines; [`LineEnds::Normalize`] by default.
    #[must_use]
    pub fn line_ends(mut self, line_ends: LineEnds) -> Self {
        self.line_ends = line_ends;
        self
    }

    /// Any bytes, sent as they are: needs the server's BINARYMIME and CHUNKING.
    ///
    /// Source: RFC 3030 section 3.
    #[must_use]
    pub fn binary(mut self) -> Self {
        self.binary = true;
        self
    }

    /// Sends text that does not go as it is in another encoding of MIME: lines of more
    /// than 998 octets, a CR without its LF, and octets beyond ASCII where the server
    /// lacks 8BITMIME. Text becomes quoted-printable, all else base64; fields of MIME
    /// are added where there are none. It is for bodies in memory; what is streamed is
    /// refused as without it. So is what no encoding can tell (a NUL, header fields)
    /// and what is signed or encrypted, which would not hold: `multipart/signed` and
    /// `encrypted`, S/MIME, PGP in a text, a mail with a DKIM-Signature.
    ///
    /// Source: RFC 6152 section 3; RFC 2045 section 6.
    #[cfg(feature = "reencode")]
    #[must_use]
    pub fn reencode(mut self) -> Self {
        self.reencode = true;
        self
    }

    /// The length in octets, where it is known before: it is declared to the
    /// server, and above what the server takes nothing is sent. It need not be
    /// exact below that (RFC 1870 section 5).
    #[must_use]
    pub fn len(mut self, len: u64) -> Self {
        self.len = Some(len);
        self
    }

    pub(crate) fn is_binary(self) -> bool {
        self.binary
    }

    /// What is declared by SIZE.
    pub(crate) fn declared(self) -> Option<u64> {
        self.summary.map(|summary| summary.len).or(self.len)
    }

    /// Whether 8BITMIME may be needed.
    pub(crate) fn may_be_eight_bit(self) -> bool {
        let known = self.summary.map(|summary| summary.eight_bit_line.is_some());
        !self.binary && known.unwrap_or(true)
    }

    pub(crate) fn summary(self) -> Option<Summary> {
        self.summary
    }

    pub(crate) fn lines(self) -> Lines {
        if self.binary {
            Lines::binary()
        } else {
            Lines::new(self.line_ends == LineEnds::Normalize)
        }
    }

    /// Looks through a whole body, so that what is wrong with it is known before
    /// the server is told of it.
    fn survey(mut self, body: &[u8]) -> Result<Self, BodyError> {
        let lines = look_through(self.lines(), body)?;
        self.summary = Some(Summary {
            len: lines.len,
            eight_bit_line: lines.eight_bit_line,
        });
        Ok(self)
    }

    /// The same, and what goes in its place if it does not go as it is to a server that
    /// takes octets beyond ASCII or not.
    pub(crate) fn fit(
        self,
        body: &[u8],
        eight_bit: bool,
    ) -> Result<(Self, Option<Vec<u8>>), BodyError> {
        let surveyed = self.survey(body);
        #[cfg(not(feature = "reencode"))]
        let _ = eight_bit;
        #[cfg(feature = "reencode")]
        if self.reencode && !surveyed.is_ok_and(|form| eight_bit || !form.may_be_eight_bit()) {
            let form = self;
            let limits = crate::reencode::Limits { form, eight_bit };
            if let Some(other) = crate::reencode::reencode(body, limits)? {
                return Ok((self.survey(&other)?, Some(other)));
            }
        }
        Ok((surveyed?, None))
    }
}

/// Puts a whole body through `lines`.
pub(crate) fn look_through(mut lines: Lines, body: &[u8]) -> Result<Lines, BodyError> {
    let part_len = body.len().min(PART_LEN);
    let mut scratch = Vec::with_capacity(part_len + part_len / 8);
    for part in body.chunks(PART_LEN) {
        lines.push(part, &mut scratch)?;
        scratch.clear();
    }
    lines.finish(&mut scratch)?;
    Ok(lines)
}

/// How much of a body goes to the engine at once.
pub(crate) const PART_LEN: usize = 16 * 1024;

/// What is sent: the header, an empty line, and the text, all of it as in
/// RFC 5322, in MIME or not.
///
/// Never sent are a CR without its LF, a NUL, and lines of more than 998 octets
/// (RFC 5321 sections 2.3.8, 4.5.3.1.6): servers read them in different ways, and
/// one mail may become two. An LF alone becomes CR LF. Bytes beyond ASCII need
/// the server's 8BITMIME. Dots are doubled here, and a last line without an end
/// gets one. [`Form::binary`] turns all of that off.
///
/// `Debug` shows nothing of what it holds.
pub struct Body<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) form: Form,
}

pub(crate) enum Source<'a> {
    Bytes(&'a [u8]),
    Stream(Pin<Box<dyn AsyncRead + Send + 'a>>),
}

impl<'a> Body<'a> {
    /// A body in memory. It is looked through before anything is sent.
    pub fn bytes(bytes: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self {
            source: Source::Bytes(bytes.as_ref()),
            form: Form::default(),
        }
    }

    /// A body that is read as it is sent, with about 200 KiB of memory. What is
    /// wrong in it behind the first 64 KiB is seen when the server has a part of
    /// it: the mail is not sent then, and the session ends.
    pub fn stream(stream: impl AsyncRead + Send + 'a) -> Self {
        Self {
            source: Source::Stream(Box::pin(stream)),
            form: Form::default(),
        }
    }

    /// Looks through a body in memory, so that what is wrong with it is known before
    /// there is a session. What is streamed is not looked at.
    ///
    /// # Errors
    ///
    /// What [`Session::send`](crate::Session::send) would refuse, but for bytes
    /// beyond ASCII, which depend on the server.
    pub fn check(&self) -> Result<(), BodyError> {
        self.looked_through().map(drop)
    }

    /// Looks through a body in memory as [`check`](Self::check) does, and gives what goes
    /// in its place by [`Form::reencode`], whatever the server takes; `None` if it goes as
    /// it is, but for octets beyond ASCII.
    ///
    /// # Errors
    ///
    /// As for [`check`](Self::check).
    #[cfg(feature = "reencode")]
    pub fn reencoded(&self) -> Result<Option<Vec<u8>>, BodyError> {
        self.looked_through()
    }

    fn looked_through(&self) -> Result<Option<Vec<u8>>, BodyError> {
        match self.source {
            Source::Bytes(bytes) => self.form.fit(bytes, true).map(|(_, other)| other),
            Source::Stream(_) => Ok(None),
        }
    }

    /// How it is to be taken.
    #[must_use]
    pub fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }
}

impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match &self.source {
            Source::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Source::Stream(_) => "a stream".to_owned(),
        };
        f.debug_struct("Body")
            .field("source", &format_args!("{source}"))
            .field("form", &self.form)
            .finish()
    }
}
