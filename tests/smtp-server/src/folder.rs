//! Mails as files.

use crate::{Mail, Server};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

impl Server {
    /// Writes each mail into `folder` as well: `000001.eml`, and its envelope as
    /// `000001.envelope`, a command a line. What is there stays. A mail that can't be
    /// written is refused for now (451).
    pub fn keep_in(&self, folder: impl Into<PathBuf>) {
        let folder = folder.into();
        self.keep(move |mail| write(&folder, mail).is_ok());
    }
}

/// Writes a mail under the first number that is free.
fn write(folder: &Path, mail: &Mail) -> io::Result<()> {
    for number in 1_u64.. {
        let path = folder.join(format!("{number:06}.eml"));
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        match file {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(mut file) => {
                let mut envelope = format!("MAIL FROM:<{}>\r\n", mail.sender);
                for recipient in &mail.recipients {
                    envelope += &format!("RCPT TO:<{recipient}>\r\n");
                }
                let named = path.with_extension("envelope");
                let written = file
                    .write_all(&mail.content)
                    .and_then(|()| OpenOptions::new().write(true).create_new(true).open(named))
                    .and_then(|mut file| file.write_all(envelope.as_bytes()));
                // A mail that is refused is not there.
                return written.inspect_err(|_| _ = fs::remove_file(&path));
            }
        }
    }
    Ok(())
}
