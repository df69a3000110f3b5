//! The journal on a disk in memory that can be full, cut, and shared.

mod outcomes;
mod properties;
mod settled;
mod trouble;

use super::*;
use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

#[derive(Default)]
struct Content {
    bytes: Vec<u8>,
    /// So many bytes can still be written.
    room: Option<usize>,
    /// What another run appends right after the next write.
    other: Vec<u8>,
    no_sync: bool,
    no_truncate: bool,
    syncs: u32,
}

/// A file opened anew by each clone.
#[derive(Default)]
struct Disk {
    content: Rc<RefCell<Content>>,
    read: usize,
}

impl Disk {
    fn with(bytes: &[u8]) -> Self {
        let disk = Self::default();
        disk.content.borrow_mut().bytes = bytes.to_vec();
        disk
    }

    fn reopened(&self) -> Self {
        let content = Rc::clone(&self.content);
        Self { content, read: 0 }
    }

    fn open(&self) -> Result<Journal<Self>, Failure> {
        Journal::load(self.reopened(), "j")
    }

    fn journal(&self) -> Journal<Self> {
        self.open().map_err(|failure| failure.to_string()).unwrap()
    }

    fn refused(&self) -> String {
        let failure = self.open().err().unwrap();
        assert_eq!(failure.exit_code(), 65);
        failure.to_string()
    }

    fn raw(&self) -> Vec<u8> {
        self.content.borrow().bytes.clone()
    }

    fn text(&self) -> String {
        String::from_utf8(self.raw()).unwrap()
    }
}

impl Read for Disk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let content = self.content.borrow();
        let count = (&content.bytes[self.read..]).read(buffer)?;
        self.read += count;
        Ok(count)
    }
}

impl Store for Disk {
    fn length(&mut self) -> io::Result<u64> {
        Ok(self.content.borrow().bytes.len() as u64)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut content = self.content.borrow_mut();
        let fits = content.room.unwrap_or(usize::MAX).min(bytes.len());
        content.bytes.extend_from_slice(&bytes[..fits]);
        let other = std::mem::take(&mut content.other);
        content.bytes.extend(other);
        content.room = content.room.map(|room| room - fits);
        if fits < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut content = self.content.borrow_mut();
        if content.no_truncate {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        content.bytes.truncate(usize::try_from(len).unwrap());
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut content = self.content.borrow_mut();
        if content.no_sync {
            return Err(io::Error::other("no sync"));
        }
        content.syncs += 1;
        Ok(())
    }
}

const NOW: SystemTime = UNIX_EPOCH;
const SENT: Outcome<'static> = Outcome::Sent { reply: "250 ok" };
const MAYBE: Outcome<'static> = Outcome::Maybe { reason: "timeout" };
const REFUSED: Outcome<'static> = Outcome::Refused {
    permanent: true,
    reply: "550 no",
};

fn key(name: &str) -> Key {
    Key::new(name, name.as_bytes())
}

fn to_send(journal: &Journal<Disk>, name: &str, recipients: &[&str]) -> Vec<usize> {
    journal.remaining(&key(name), recipients).to_send
}

/// A journal in which `recipients` were begun and got `outcomes`.
fn killed_after(recipients: &[&str], outcomes: &[Outcome<'_>]) -> Disk {
    let disk = Disk::default();
    let mut journal = disk.journal();
    journal.begin(&key("1.eml"), recipients, NOW).unwrap();
    for (recipient, outcome) in recipients.iter().zip(outcomes) {
        journal
            .record(&key("1.eml"), recipient, *outcome, NOW)
            .unwrap();
    }
    disk
}
