//! A journal of any bytes, for the fuzz target.

use super::*;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

/// A file in memory, opened anew by each clone.
#[derive(Clone)]
struct Memory(Rc<RefCell<Vec<u8>>>, usize);

impl io::Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (&self.0.borrow()[self.1..]).read(buffer)?;
        self.1 += count;
        Ok(count)
    }
}

impl Store for Memory {
    fn length(&mut self) -> io::Result<u64> {
        Ok(self.0.borrow().len() as u64)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.0.borrow_mut().truncate(len);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is understood is gone on with: a mail that is begun, sent and written down is
/// never sent again.
pub(crate) fn journal(content: &[u8]) {
    // Chance takes long for the first line.
    go_on([HEADER.as_bytes(), b"\n", content].concat());
    go_on(content.to_vec());
}

fn go_on(content: Vec<u8>) {
    let memory = Memory(Rc::new(RefCell::new(content)), 0);
    let open = || Journal::load(memory.clone(), "j");
    let Ok(mut journal) = open() else {
        return;
    };
    let before = journal.summary().earlier;
    let key = Key::new("\u{7}new", b"mail");
    let to = ["a@b.example", "c@d.example"];
    let left = journal.remaining(&key, &to).to_send;
    let begun: Vec<_> = left.iter().map(|place| to[*place]).collect();
    journal
        .begin(&key, &begun, UNIX_EPOCH)
        .expect("there is room");
    for to in &begun {
        let outcome = Outcome::Sent { reply: "250 ok" };
        journal
            .record(&key, to, outcome, UNIX_EPOCH)
            .expect("there is room");
    }
    let mut later = open().unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(later.summary().earlier, before + begun.len() as u64);
    assert!(later.remaining(&key, &begun).to_send.is_empty());
    let all = Settled {
        mail: None,
        is_sent: true,
    };
    later
        .settle(&[all], Duration::ZERO, UNIX_EPOCH)
        .expect("there is room");
    let last = open().unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(last.summary().maybe, 0);
}
