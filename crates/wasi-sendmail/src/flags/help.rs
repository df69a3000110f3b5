//! What `--help` and `--version` print, from the table of flags.

use super::table::{Does, FLAGS, Flag};

pub(crate) fn version() -> String {
    format!("wasi-sendmail {}\n", env!("CARGO_PKG_VERSION"))
}

pub(crate) fn help() -> String {
    let mut text = String::from(BEGINNING);
    let is = |nothing: bool| move |flag: &&Flag| (flag.does == Does::Nothing) == nothing;
    let refused = |flag: &&Flag| matches!(flag.does, Does::Refuse(_));
    for flag in FLAGS.iter().filter(is(false)).filter(|flag| !refused(flag)) {
        push_entry(&mut text, flag);
    }
    text.push_str("\nTaken as other sendmails take them, and of no effect:\n\n");
    for flag in FLAGS.iter().filter(is(true)) {
        push_entry(&mut text, flag);
    }
    text.push_str("\nRefused; the error says what to do instead:\n\n");
    for flag in FLAGS.iter().filter(refused) {
        push_entry(&mut text, flag);
    }
    text.push_str(ENDING);
    text
}

/// The spellings in a column of their own, or on a line of their own.
fn push_entry(text: &mut String, flag: &Flag) {
    let mut column = format!("  {}", flag.names.join(", "));
    if !flag.value.is_empty() {
        column.push(' ');
        column.push_str(flag.value);
    }
    if column.len() + 2 > COLUMN {
        text.push_str(&column);
        text.push('\n');
        column.clear();
    }
    let mut line = format!("{column:COLUMN$}");
    for word in flag.help.split(' ') {
        if line.len() + word.len() > WIDTH {
            text.push_str(line.trim_end());
            text.push('\n');
            line = " ".repeat(COLUMN);
        }
        line.push_str(word);
        line.push(' ');
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

const COLUMN: usize = 25;
const WIDTH: usize = 80;

const BEGINNING: &str = "\
Submits the mail on standard input by SMTP, over TLS.

Usage: wasi-sendmail [FLAGS] [--] [RECIPIENT ...] < mail.eml

";

const ENDING: &str = "
Settings come from the first of these that has them: the flags, the environment
(WASI_SENDMAIL_SERVER, _USER, _PASSWORD, and so on for each flag that has a line
in the config file), the file that --config or WASI_SENDMAIL_CONFIG names. The
server's URL may be smtps://USER:PASSWORD@HOST, with reserved characters
percent-encoded: @ is %40, : is %3A. Other users may see a command line: a URL
with a password belongs in the environment or the file.

It exits with 0 once the server has taken the mail for every recipient,
otherwise with a code of sysexits.h and one sentence on standard error. 75 says
that a later try may work, 74 that the mail may have been sent: do not send it
again without asking.
";
