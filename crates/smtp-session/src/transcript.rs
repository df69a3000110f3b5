//! What was said, for people to read along.

use crate::printable;

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// This side.
    Client,
    /// The other side.
    Server,
}

/// Takes a line of the dialogue: commands and replies with their addresses, on
/// one line each and [`printable`].
///
/// What AUTH sends and its challenges are `***`, and a mail is its length only.
pub type Transcript = Box<dyn FnMut(Speaker, &str) + Send>;

/// One line of it.
pub(crate) fn line(text: &str) -> String {
    printable(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_turns_no_direction_and_rings_no_bell() {
        for (said, shown) in [
            ("250 a\u{202e}b\u{7}", r"250 a\u{202e}b\u{7}"),
            ("250-a\n250 b\r", r"250-a / 250 b\u{d}"),
            ("RCPT TO:<\u{2066}\u{fc}@b>", "RCPT TO:<\\u{2066}\u{fc}@b>"),
        ] {
            assert_eq!(line(said), shown);
        }
    }
}
