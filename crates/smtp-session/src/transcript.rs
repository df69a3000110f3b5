//! What was said, for people to read along.

use std::fmt::Write as _;

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// This side.
    Client,
    /// The other side.
    Server,
}

/// Takes a line of the dialogue: commands and replies with their addresses, on
/// one line each and with control characters escaped.
///
/// What AUTH sends and its challenges are `***`, and a mail is its length only.
pub type Transcript = Box<dyn FnMut(Speaker, &str) + Send>;

/// One line of it.
pub(crate) fn line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => line.push_str(" / "),
            c if c.is_control() => {
                let _ = write!(line, "{}", c.escape_unicode());
            }
            c => line.push(c),
        }
    }
    line
}
