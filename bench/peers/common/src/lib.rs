//! What every measured program shares, ours too: its command line,
//! `PROGRAM MEASURE PORT CA.pem COUNT SIZE USER PASSWORD`, and what it sends.
//! It measures its own time, so that its start does not count, and prints it in
//! milliseconds.

use std::fmt::Debug;
use std::str::FromStr;
use std::time::Instant;

/// The name that the programs say in EHLO.
pub const EHLO: &str = "client.test";

/// Who gets the mails. The user is who sends them.
pub const RECIPIENT: &str = "alice@test.local";

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// COUNT mails on a connection that stands.
    Mails,
    /// The same, from a source that is read piece by piece.
    Stream,
    /// COUNT sessions of one mail, one after the other.
    Sessions,
    /// One session of COUNT mails, from connecting to the end of QUIT.
    Session,
    /// COUNT sessions of one mail, all at once.
    AtOnce,
}

impl FromStr for Measure {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Ok(match name {
            "mails" => Self::Mails,
            "stream" => Self::Stream,
            "sessions" => Self::Sessions,
            "session" => Self::Session,
            "at-once" => Self::AtOnce,
            _ => return Err(()),
        })
    }
}

/// The command line.
pub struct Args {
    /// What is measured.
    pub measure: Measure,
    /// The server's, with implicit TLS, on this machine.
    pub port: u16,
    /// The certificate to trust.
    pub pem: Vec<u8>,
    /// How many mails or sessions.
    pub count: usize,
    /// The length of a mail.
    pub size: usize,
    /// Who logs in.
    pub user: String,
    /// The user's.
    pub password: String,
}

impl Args {
    /// Reads it.
    ///
    /// # Panics
    ///
    /// When it is another one.
    #[must_use]
    pub fn read() -> Self {
        Self {
            measure: arg(1),
            port: arg(2),
            pem: std::fs::read(arg::<String>(3)).expect("the certificate can be read"),
            count: arg(4),
            size: arg(5),
            user: arg(6),
            password: arg(7),
        }
    }

    /// A mail.
    #[must_use]
    pub fn mail(&self) -> String {
        let mut mail = vec![0; Source::new(self.size).left()];
        let len = Source::new(self.size).read(&mut mail);
        debug_assert_eq!(len, mail.len());
        String::from_utf8(mail).expect("it is ASCII")
    }
}

fn arg<T: FromStr<Err: Debug>>(index: usize) -> T {
    let arg = std::env::args().nth(index).expect("seven arguments");
    arg.parse().expect("the argument's type")
}

/// Prints how long it took since `start`.
pub fn print(start: Instant) {
    println!("{:.3}", start.elapsed().as_secs_f64() * 1000.0);
}

const HEADER: &[u8] = b"Subject: measured\r\n\r\n";
const LINE: &[u8] =
    b"No line of a mail may be longer than 998 octets, but 78 is what many keep to\r\n";

/// A mail, piece by piece: a header and whole lines.
pub struct Source {
    lines: Vec<u8>,
    position: usize,
    len: usize,
}

impl Source {
    /// The mail of at most `size` bytes.
    #[must_use]
    pub fn new(size: usize) -> Self {
        let lines = size.saturating_sub(HEADER.len()) / LINE.len();
        Self {
            lines: LINE.repeat(50),
            position: 0,
            len: HEADER.len() + lines * LINE.len(),
        }
    }

    /// How much is still to come.
    #[must_use]
    pub fn left(&self) -> usize {
        self.len - self.position
    }

    /// Fills `buf` as far as the mail goes.
    pub fn read(&mut self, buf: &mut [u8]) -> usize {
        let wanted = buf.len().min(self.left());
        let mut filled = 0;
        while filled < wanted {
            let from = match self.position.checked_sub(HEADER.len()) {
                None => &HEADER[self.position..],
                Some(position) => &self.lines[position % self.lines.len()..],
            };
            let len = from.len().min(wanted - filled);
            buf[filled..filled + len].copy_from_slice(&from[..len]);
            self.position += len;
            filled += len;
        }
        filled
    }
}
