//! The mails of a run, one after the other, from a folder or an mbox.

use super::folder::{self, MailFile};
use super::mbox::Mbox;
use super::progress::Amount;
use crate::Failure;
use crate::message::read_whole;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

/// A mail as it was read.
pub(crate) struct RawMail {
    pub(crate) name: String,
    /// Or why it could not be read.
    pub(crate) raw: Result<Vec<u8>, Failure>,
}

/// Gives one mail after the other, each read when it is its turn.
pub(crate) enum Source {
    Folder(std::vec::IntoIter<MailFile>),
    Mbox(Box<Mbox<BufReader<File>>>),
}

impl Source {
    /// The mails of a folder, and how much they are.
    pub(crate) fn folder(path: &Path) -> Result<(Self, Amount), Failure> {
        let mails = folder::mails(path)?;
        let all = Amount {
            mails: mails.len() as u64,
            bytes: mails.iter().map(|mail| mail.len).sum(),
        };
        Ok((Self::Folder(mails.into_iter()), all))
    }

    /// The mails of an mbox. It is read to its end at first, so that a file that is
    /// unclear is refused before the first mail is sent.
    pub(crate) fn mbox(path: &Path) -> Result<(Self, Amount), Failure> {
        let mut all = Amount::default();
        for mail in open(path)? {
            all.add(mail?.raw.len() as u64);
        }
        Ok((Self::Mbox(Box::new(open(path)?)), all))
    }
}

impl Iterator for Source {
    type Item = Result<RawMail, Failure>;

    /// An error ends the run: what follows can't be read.
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Folder(mails) => {
                let MailFile { name, path, .. } = mails.next()?;
                let raw = read(&path);
                Some(Ok(RawMail { name, raw }))
            }
            Self::Mbox(mails) => {
                let mail = mails.next()?;
                Some(mail.map(|mail| RawMail {
                    name: mail.name(),
                    raw: Ok(mail.raw),
                }))
            }
        }
    }
}

fn open(path: &Path) -> Result<Mbox<BufReader<File>>, Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    Ok(Mbox::new(BufReader::new(file), &path.display().to_string()))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    read_whole(file, |error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::unreadable(path.display().to_string().escape_debug(), error)
}
