//! What the demo and the tests have in common: a certificate authority, and what a mail
//! is when it arrives.

pub mod ca;
mod demo;

use ca::Ca;
pub use demo::demo;
use std::path::Path;
use tempfile::TempDir;

/// A folder with a CA's certificate, `ca.pem`, that is removed at the end.
#[derive(Debug)]
pub struct CaFolder(TempDir);

impl CaFolder {
    /// Writes the certificate of `ca`.
    ///
    /// # Errors
    ///
    /// The file system's.
    pub fn new(ca: &Ca) -> std::io::Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("ca.pem"), ca.pem())?;
        Ok(Self(folder))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// What a server must receive for this input: every line ended by CRLF, Bcc
/// fields gone. Made in another way than the command makes it, so that the two
/// can disagree.
///
/// # Panics
///
/// When the input is not UTF-8: the mails of the tests are.
#[must_use]
pub fn wire_form(input: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(input)
        .expect("a text")
        .replace("\r\n", "\n");
    let (header, body) = text.split_once("\n\n").expect("a header and a body");
    let unfolded = header.replace("\n ", "\u{1}").replace("\n\t", "\u{2}");
    let kept: Vec<_> = unfolded
        .split('\n')
        .filter(|field| !field.to_ascii_lowercase().starts_with("bcc"))
        .map(|field| field.replace('\u{1}', "\n ").replace('\u{2}', "\n\t"))
        .collect();
    format!("{}\n\n{body}", kept.join("\n"))
        .replace('\n', "\r\n")
        .into_bytes()
}
