//! What others chose, fit to be shown.

use std::fmt::{self, Display, Write as _};

/// A text so that it can't do harm in a terminal or a log: on one line, with ` / ` for
/// line ends, and with control characters, those that have no width and those that turn
/// the direction of writing as `\u{..}`.
///
/// ```
/// # use smtp_session::printable;
/// let name = "a\u{1b}]0;title\u{7}\nb\u{202e}";
/// assert_eq!(printable(name).to_string(), r"a\u{1b}]0;title\u{7} / b\u{202e}");
/// ```
pub fn printable(text: &str) -> impl Display + '_ {
    Printable(text)
}

struct Printable<'a>(&'a str);

impl Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\n' => f.write_str(" / ")?,
                c if is_harmful(c) => write!(f, "{}", c.escape_unicode())?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{202f}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
