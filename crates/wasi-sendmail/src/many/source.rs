//! The mails of a run, one after the other, from a folder or an mbox.

use super::folder::{self, MailFile};
use super::mbox::{Mbox, Start};
use super::progress::Amount;
use crate::Failure;
use crate::message::read_whole;
use std::fs::File;
use std::io::{self, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use wasm_smtp_wasi::smtp_session::printable;

/// A mail as it was read.
pub(crate) struct RawMail {
    pub(crate) name: String,
    pub(crate) place: Place,
    /// Or why it could not be read.
    pub(crate) raw: Result<Vec<u8>, Failure>,
}

/// Where a mail is, so that it can be read again.
pub(crate) enum Place {
    File(PathBuf),
    /// In this mbox.
    Mbox(Rc<Path>, Start),
}

impl Place {
    /// Reads the mail.
    pub(crate) fn read(&self) -> Result<Vec<u8>, Failure> {
        let (path, start) = match self {
            Self::File(path) => return read(path),
            Self::Mbox(path, start) => (path, *start),
        };
        let file = File::open(path).and_then(|mut file| {
            file.seek(SeekFrom::Start(start.octets()))?;
            Ok(file)
        });
        let file = file.map_err(|error| unreadable(path, &error))?;
        let mail = mbox(file, path).from(start).next();
        mail.map_or(Ok(Vec::new()), |mail| mail.map(|mail| mail.raw))
    }
}

/// Gives one mail after the other, each read when it is its turn.
pub(crate) enum Source {
    Folder(std::vec::IntoIter<MailFile>),
    Mbox(Rc<Path>, Box<Mbox<BufReader<File>>>),
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
        Ok((Self::Mbox(path.into(), Box::new(open(path)?)), all))
    }
}

impl Iterator for Source {
    type Item = Result<RawMail, Failure>;

    /// An error ends the run: what follows can't be read.
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Folder(mails) => {
                let MailFile { name, path, .. } = mails.next()?;
                let place = Place::File(path);
                let raw = place.read();
                Some(Ok(RawMail { name, place, raw }))
            }
            Self::Mbox(path, mails) => {
                let mail = mails.next()?;
                Some(mail.map(|mail| RawMail {
                    name: mail.name(),
                    place: Place::Mbox(Rc::clone(path), mail.start),
                    raw: Ok(mail.raw),
                }))
            }
        }
    }
}

fn open(path: &Path) -> Result<Mbox<BufReader<File>>, Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    Ok(mbox(file, path))
}

fn mbox(file: File, path: &Path) -> Mbox<BufReader<File>> {
    Mbox::new(BufReader::new(file), &path.display().to_string())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    read_whole(file, |error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::unreadable(printable(&path.display().to_string()), error)
}
