//! One mail each, and what a server that lacks something must come to.

use crate::letter::{Kind, Letter};
use crate::report::Report;
use crate::session::{Session, USER, Wrong};
use futures_lite::AsyncRead;
use smtp_session::{
    Address, Body, BodyError, Capabilities, Delivery, Envelope, EnvelopeId, Error, ErrorKind,
    Extension, Form, Notify, Outcome, Receipt, Recipient, Ret,
};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The mails that are sent once to each listener, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Long,
    Dots,
    EightBit,
    Empty,
    NullSender,
    Bdat,
    Utf8Address,
    Dsn,
    Nobody,
    Content,
    Another,
    Data,
}

pub(crate) const CASES: [(Case, &str); 12] = [
    (Case::Long, "25 MB"),
    (Case::Dots, "dots"),
    (Case::EightBit, "8 bit"),
    (Case::Empty, "empty"),
    (Case::NullSender, "null sender"),
    (Case::Bdat, "BDAT"),
    // What is not offered may have EHLO asked again.
    (Case::Utf8Address, "UTF-8 address"),
    (Case::Dsn, "DSN"),
    (Case::Nobody, "nobody"),
    (Case::Content, "bad content"),
    (Case::Another, "another"),
    // In a session of its own.
    (Case::Data, "DATA"),
];

/// Nobody that the lab knows; every server there refuses him.
const NOBODY: &str = "nouser@test.local";
/// In turn they are the hundred.
const SOMEBODY: [&str; 3] = [USER, "alice@test.local", "carol@test.local"];
/// Gets nothing but empty mails: those have no name to know them by.
const EMPTIES: &str = "bob@test.local";
const UTF8: &str = "üser@test.local";
/// How many recipients a mail has that has many, and which of them is refused.
const MANY: usize = 100;
const REFUSED: usize = 49;

impl Case {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Long => Kind::Long,
            Self::Dots => Kind::Dots,
            Self::EightBit => Kind::EightBit,
            Self::Empty => Kind::Empty,
            Self::Bdat | Self::Data => Kind::Chunks,
            Self::Content => Kind::Rejected,
            Self::Utf8Address | Self::NullSender | Self::Dsn | Self::Nobody | Self::Another => {
                Kind::Short
            }
        }
    }

    fn envelope(self, letter: &Letter) -> Result<(Envelope, &'static str), Wrong> {
        let address = match self {
            Self::Utf8Address => UTF8,
            Self::Empty => EMPTIES,
            Self::Nobody => NOBODY,
            _ => USER,
        };
        let to = Recipient::new(Address::new(address)?);
        let from = Envelope::new(Address::new(USER)?);
        let envelope = match self {
            Self::NullSender => Envelope::null_sender().to(to),
            Self::Dsn => {
                let on = Notify::On {
                    success: true,
                    failure: true,
                    delay: false,
                };
                let to = to.notify(on).original(Address::new(address)?);
                from.ret(Ret::Headers)
                    .envelope_id(EnvelopeId::new(&letter.id)?)
                    .to(to)
            }
            _ => from.to(to),
        };
        Ok((envelope, address))
    }

    /// What the server lacks, if that is why the mail was not sent.
    fn lack(self, error: &Error, offered: &Capabilities, letter: &Letter) -> Option<String> {
        let lacks = |extension| !offered.has(extension);
        let lack = match (self, error.kind()) {
            (Self::Utf8Address, ErrorKind::Unsupported(of @ Extension::SmtpUtf8))
            | (Self::Dsn, ErrorKind::Unsupported(of @ Extension::Dsn))
                if lacks(*of) =>
            {
                "not offered".to_owned()
            }
            (Self::EightBit, ErrorKind::Body(BodyError::EightBit { .. }))
                if lacks(Extension::EightBitMime) =>
            {
                "not offered".to_owned()
            }
            (_, ErrorKind::TooLarge { limit })
                if offered.size_limit() == Some(*limit) && letter.len() as u64 > *limit =>
            {
                format!("over its limit of {limit}")
            }
            _ => return None,
        };
        Some(lack)
    }

    /// Sends it.
    pub(crate) async fn run(self, session: &mut Session, letter: &Letter) -> Result<Report, Wrong> {
        let (envelope, address) = self.envelope(letter)?;
        let pieces = Pieces::new(letter);
        let text = letter.text();
        let body = match self {
            Self::Long => Body::stream(pieces).form(Form::default().len(letter.len() as u64)),
            // Of unknown length.
            Self::Data => Body::stream(pieces),
            _ => Body::bytes(&text),
        };
        let result = session.send(&envelope, body).await;
        Ok(match result {
            Ok(_) if self == Self::Nobody => Report::wrong("a receipt for nobody"),
            Ok(receipt) if receipt.is_complete() => mail(letter, &[address], String::new()),
            Ok(_) => Report::wrong("a receipt that is not complete"),
            Err(error) if self.has_to_fail(&error) => Report::Right(String::new()),
            Err(error) => match self.lack(&error, session.capabilities(), letter) {
                Some(lack) => Report::Absent(lack),
                None => Report::unexpected(&error),
            },
        })
    }

    /// It is about mails that a server refuses, and this is the refusal.
    fn has_to_fail(self, error: &Error) -> bool {
        let refused = match (self, error.kind()) {
            (Self::Nobody, ErrorKind::NoRecipients) => error.refused().count() == 1,
            (Self::Content, ErrorKind::Refused(reply)) => reply.is_permanent(),
            _ => false,
        };
        refused && error.delivery() == Delivery::NotSent && !error.is_transient()
    }
}

/// Sends a mail to one recipient.
pub(crate) async fn one(session: &mut Session, letter: &Letter) -> Result<Report, Wrong> {
    let envelope = Envelope::new(Address::new(USER)?).to(Address::new(USER)?);
    let receipt = session.send(&envelope, Body::bytes(&letter.text())).await;
    Ok(match receipt {
        Ok(receipt) if receipt.is_complete() => mail(letter, &[USER], String::new()),
        Ok(_) => Report::wrong("a receipt that is not complete"),
        Err(error) => Report::unexpected(&error),
    })
}

/// Sends a mail to a hundred recipients, one of whom is nobody.
pub(crate) async fn many(session: &mut Session, letter: &Letter) -> Result<Report, Wrong> {
    let mut envelope = Envelope::new(Address::new(USER)?);
    for index in 0..MANY {
        let to = match index {
            REFUSED => NOBODY,
            _ => SOMEBODY[index % SOMEBODY.len()],
        };
        envelope = envelope.to(Address::new(to)?);
    }
    let receipt = session.send(&envelope, Body::bytes(&letter.text())).await;
    Ok(match receipt {
        Ok(receipt) => count(letter, &receipt),
        Err(error) => Report::unexpected(&error),
    })
}

/// What a hundred recipients came to: a server may take fewer, and refuse those
/// behind for now.
fn count(letter: &Letter, receipt: &Receipt) -> Report {
    let outcomes: Vec<_> = receipt.outcomes().collect();
    let later = |outcome: &Outcome| matches!(outcome, Outcome::Refused(to) if to.is_transient());
    let taken = outcomes
        .iter()
        .rposition(|(_, outcome)| !later(outcome))
        .map_or(0, |last| last + 1);
    for (index, (_, outcome)) in outcomes[..taken].iter().enumerate() {
        let fits = match outcome {
            Outcome::Delivered => index != REFUSED,
            Outcome::Refused(reply) => index == REFUSED && reply.is_permanent(),
            _ => false,
        };
        if !fits {
            return Report::Wrong(format!("recipient {index} is {outcome:?}"));
        }
    }
    let note = match outcomes.get(taken) {
        Some((_, Outcome::Refused(reply))) => {
            format!("takes {taken}, then {}", reply.code())
        }
        _ => String::new(),
    };
    let to = &SOMEBODY[..taken.min(SOMEBODY.len())];
    mail(letter, to, note)
}

fn mail(letter: &Letter, to: &[&str], note: String) -> Report {
    let local = |address: &&str| address.split('@').next().unwrap_or_default().to_owned();
    Report::Mail {
        id: letter.id.clone(),
        to: to.iter().map(local).collect::<Vec<_>>().join(","),
        note,
    }
}

/// A mail as a stream.
struct Pieces {
    pieces: Box<dyn Iterator<Item = String> + Send + Unpin>,
    piece: Vec<u8>,
    read: usize,
}

impl Pieces {
    fn new(letter: &Letter) -> Self {
        Self {
            pieces: Box::new(letter.pieces()),
            piece: Vec::new(),
            read: 0,
        }
    }
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        while self.read == self.piece.len() {
            let Some(piece) = self.pieces.next() else {
                return Poll::Ready(Ok(0));
            };
            self.piece = piece.into_bytes();
            self.read = 0;
        }
        let left = &self.piece[self.read..];
        let len = left.len().min(buf.len());
        buf[..len].copy_from_slice(&left[..len]);
        self.read += len;
        Poll::Ready(Ok(len))
    }
}
