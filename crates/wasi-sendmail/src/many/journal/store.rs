//! Appending to a file that may be full, torn at its end, or written by another
//! run too.

use std::io::{self, Read};

/// The file, read once from its beginning.
pub(crate) trait Store: Read {
    /// The length in bytes.
    fn length(&mut self) -> io::Result<u64>;
    /// Writes all of `bytes` at the end, wherever that is now. After an error any
    /// number of them may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Cuts off what is beyond `len` bytes.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
    /// Returns once the disk has it.
    fn sync(&mut self) -> io::Result<()>;
}

/// Why a line is not in the file.
#[derive(Debug)]
pub(super) enum Trouble {
    Io(io::Error),
    /// An earlier line could not be written.
    Stopped,
    /// Another run writes too.
    Shared,
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

pub(super) struct Appender<S> {
    store: S,
    /// Up to here stand whole lines.
    good: u64,
    /// Behind them stand at most so many bytes of a torn line.
    torn: u64,
    /// This run has written.
    begun: bool,
    /// Another run has written.
    shared: bool,
}

impl<S: Store> Appender<S> {
    pub(super) fn new(store: S, good: u64, torn: u64) -> Self {
        Self {
            store,
            good,
            torn,
            begun: false,
            shared: false,
        }
    }

    pub(super) fn length(&self) -> u64 {
        self.good
    }

    /// Appends `lines` if no other run writes, and returns once the disk has them
    /// and no other run has written meanwhile.
    pub(super) fn append_alone(&mut self, lines: &[u8]) -> Result<(), Trouble> {
        self.look()?;
        if self.shared {
            return Err(Trouble::Shared);
        }
        let before = self.good;
        self.append_whole(lines)?;
        if let Err(error) = self.store.sync() {
            // They are not to count; if they can't be taken back, the mail counts as
            // perhaps sent, which is the safe side.
            self.look()?;
            if !self.shared && self.store.truncate(before).is_ok() {
                self.good = before;
            }
            return Err(error.into());
        }
        self.look()?;
        if self.shared {
            return Err(Trouble::Shared);
        }
        Ok(())
    }

    /// Appends `lines`, even if another run writes: what is known of the mails of
    /// this one is worth knowing to both.
    pub(super) fn append(&mut self, lines: &[u8]) -> Result<(), Trouble> {
        self.look()?;
        if !self.shared {
            return self.append_whole(lines);
        }
        // Behind a torn line they would be torn too, and to cut it off could take
        // lines of the other run.
        if self.torn > 0 || !self.begun {
            return Err(Trouble::Shared);
        }
        self.store.append(lines).map_err(|error| {
            self.torn = lines.len() as u64;
            error.into()
        })
    }

    pub(super) fn sync(&mut self) -> Result<(), Trouble> {
        Ok(self.store.sync()?)
    }

    fn append_whole(&mut self, lines: &[u8]) -> Result<(), Trouble> {
        if self.torn > 0 {
            self.store.truncate(self.good)?;
            self.torn = 0;
        }
        let len = lines.len() as u64;
        if let Err(error) = self.store.append(lines) {
            self.torn = len;
            if self.store.truncate(self.good).is_ok() {
                self.torn = 0;
            }
            return Err(error.into());
        }
        self.good += len;
        self.begun = true;
        Ok(())
    }

    /// Sees whether another run has written.
    fn look(&mut self) -> io::Result<()> {
        let length = self.store.length()?;
        self.shared |= length < self.good || length > self.good + self.torn;
        Ok(())
    }
}
