//! The mails that arrived, against those that were sent.

use crate::letter::{Kind, Letter};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

/// How long the last mail may take behind the one before it.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is said of a mail that is nowhere.
pub(crate) const NOT_THERE: &str = "did not arrive";
const PAUSE: Duration = Duration::from_millis(100);

/// A mail that has to be in a mailbox.
#[derive(Clone)]
pub(crate) struct Expected {
    /// Which row of the report it belongs to.
    pub(crate) row: usize,
    pub(crate) letter: Letter,
    /// The mailbox, a local part.
    pub(crate) to: String,
}

/// What is not in its mailbox, or not as it was sent.
pub(crate) struct Missing {
    pub(crate) row: usize,
    pub(crate) why: String,
}

/// The mailboxes of a server.
pub(crate) struct Mailboxes<'a> {
    folder: &'a Path,
    /// Files that are as some mail has to be: each is one mail.
    taken: BTreeSet<PathBuf>,
    /// Files that are not, with their length then, and what is wrong.
    others: BTreeMap<PathBuf, u64>,
    /// What was wrong with the last file that had a mail's name.
    differs: BTreeMap<String, String>,
}

impl<'a> Mailboxes<'a> {
    pub(crate) fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            taken: BTreeSet::new(),
            others: BTreeMap::new(),
            differs: BTreeMap::new(),
        }
    }

    /// Waits for all that is expected; gives what did not come.
    pub(crate) fn wait(&mut self, mut expected: Vec<Expected>) -> io::Result<Vec<Missing>> {
        let mut last = Instant::now();
        loop {
            let before = expected.len();
            self.look(&mut expected)?;
            if expected.is_empty() {
                return Ok(Vec::new());
            }
            if expected.len() < before {
                last = Instant::now();
            }
            if last.elapsed() > PATIENCE {
                let missing = expected.into_iter().map(|one| Missing {
                    why: self.why(&one),
                    row: one.row,
                });
                return Ok(missing.collect());
            }
            thread::sleep(PAUSE);
        }
    }

    fn why(&self, missing: &Expected) -> String {
        match self.differs.get(&missing.letter.id) {
            Some(how) => format!("arrived changed: {how}"),
            None => format!("{NOT_THERE} within {} s", PATIENCE.as_secs()),
        }
    }

    /// Takes out of `expected` what is there.
    fn look(&mut self, expected: &mut Vec<Expected>) -> io::Result<()> {
        let boxes: BTreeSet<_> = expected.iter().map(|one| one.to.clone()).collect();
        for name in boxes {
            for path in files(&self.folder.join(&name).join("new"))? {
                self.look_at(&path, &name, expected)?;
            }
        }
        Ok(())
    }

    fn look_at(
        &mut self,
        path: &Path,
        mailbox: &str,
        expected: &mut Vec<Expected>,
    ) -> io::Result<()> {
        if self.taken.contains(path) {
            return Ok(());
        }
        let len = fs::metadata(path)?.len();
        if self.others.get(path) == Some(&len) {
            return Ok(());
        }
        let stored = fs::read(path)?;
        let id = id_in(&stored);
        let found = expected.iter().position(|one| {
            let same = match one.letter.kind {
                // They are alone in their mailbox.
                Kind::Empty => true,
                _ => Some(&one.letter.id) == id.as_ref(),
            };
            one.to == mailbox && same
        });
        let Some(index) = found else {
            self.others.insert(path.to_owned(), len);
            return Ok(());
        };
        match compare(&stored, &expected[index].letter) {
            Ok(()) => {
                self.taken.insert(path.to_owned());
                expected.remove(index);
            }
            Err(how) => {
                self.differs.insert(expected[index].letter.id.clone(), how);
                self.others.insert(path.to_owned(), len);
            }
        }
        Ok(())
    }
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        // One that is being written is hidden.
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// The name of the mail that a file holds.
fn id_in(stored: &[u8]) -> Option<String> {
    /// Nothing is added in front that is longer.
    const HEAD: usize = 64 * 1024;
    let head = String::from_utf8_lossy(&stored[..stored.len().min(HEAD)]);
    let subject = head
        .lines()
        .find_map(|line| line.strip_prefix("Subject: "))?;
    Letter::named(subject.trim_end()).map(|letter| letter.id)
}

/// A server keeps every byte of what it was sent, and may put header fields in
/// front of ours or, as sendmail does, behind them. The line ends are CR LF or,
/// in the mailboxes of an MTA, LF throughout.
fn compare(stored: &[u8], letter: &Letter) -> Result<(), String> {
    let sent = letter.text().into_bytes();
    let has_cr = stored.windows(2).any(|pair| pair == b"\r\n");
    let sent = if has_cr { sent } else { without_cr(&sent) };
    let gap: &[u8] = if has_cr { b"\r\n\r\n" } else { b"\n\n" };
    if sent.is_empty() {
        return match find(stored, gap) {
            Some(at) if at + gap.len() < stored.len() => Err("it has a text".into()),
            _ => Ok(()),
        };
    }
    if stored.ends_with(&sent) {
        return Ok(());
    }
    let parts = |mail: &[u8]| find(mail, gap).map(|at| (mail[..at].to_vec(), mail[at..].to_vec()));
    let ((ours, text), Some((header, stored_text))) =
        (parts(&sent).expect("every mail has both"), parts(stored))
    else {
        return Err("it has no text".into());
    };
    if text != stored_text {
        let at = text.iter().zip(&stored_text).take_while(|(a, b)| a == b);
        return Err(format!(
            "the text is of {} bytes, not {}, and differs at {}",
            stored_text.len(),
            text.len(),
            at.count()
        ));
    }
    let mut fields = header.split(|b| *b == b'\n');
    match ours
        .split(|b| *b == b'\n')
        .find(|line| !fields.any(|field| field == *line))
    {
        Some(line) => Err(format!(
            "the field {} is changed",
            String::from_utf8_lossy(line)
                .split(':')
                .next()
                .unwrap_or_default()
        )),
        None => Ok(()),
    }
}

fn without_cr(mail: &[u8]) -> Vec<u8> {
    mail.iter().copied().filter(|b| *b != b'\r').collect()
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(of: &str, how: impl Fn(String) -> String) -> Result<(), String> {
        let letter = Letter::named(of).expect("a name");
        compare(how(letter.text()).as_bytes(), &letter)
    }

    #[test]
    fn what_servers_add_is_passed_over() {
        let id = "interop-dots-x-end";
        let lf = |mail: String| mail.replace("\r\n", "\n");
        assert_eq!(stored(id, |mail| mail), Ok(()));
        assert_eq!(stored(id, |mail| format!("Received: x\r\n{mail}")), Ok(()));
        assert_eq!(
            stored(id, |mail| format!("Received: x\n{}", lf(mail))),
            Ok(())
        );
        let behind = |mail: String| lf(mail).replacen("\n\n", "\nX: y\n\n", 1);
        assert_eq!(stored(id, behind), Ok(()));
        let empty = "interop-empty-x-end";
        assert_eq!(stored(empty, |_| "Received: x\n\n".into()), Ok(()));
        assert_eq!(stored(empty, |mail| mail), Ok(()));
    }

    #[test]
    fn what_servers_change_is_seen() {
        for id in ["interop-dots-x-end", "interop-eightbit-x-end"] {
            let all: [fn(String) -> String; 5] = [
                |mail| mail + "\r\n",
                |mail| mail.trim_end().to_owned(),
                |mail| mail.replacen("\r\n.", "\r\n..", 1),
                |mail| mail.replacen("Subject", "subject", 1),
                |mail| mail.replacen("\r\n\r\n", "\n\n", 1),
            ];
            for (index, change) in all.into_iter().enumerate() {
                assert!(stored(id, change).is_err(), "{id} {index}");
            }
        }
        let text = |_| "Received: x\n\ntext".to_owned();
        assert!(stored("interop-empty-x-end", text).is_err());
    }
}
