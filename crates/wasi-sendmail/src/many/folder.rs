//! The mails of a folder: its `.eml` files, sorted by name.
//!
//! A file that looks like a mail but can't be taken is an error and not left
//! out, so that no mail is missed without a word.

use crate::Failure;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// One mail in a file of its own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MailFile {
    /// The file's name without its folder.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// The size in bytes, as it was when the folder was listed.
    pub(crate) len: u64,
}

/// The regular files of `folder` whose names end in `.eml`, in either case, in
/// the order of their names' bytes. Hidden ones (`.name`) and those in folders
/// below are left out. A link counts as what it leads to.
///
/// # Errors
///
/// The folder can't be listed, has no such file, or has one whose name is no
/// UTF-8 or that can't be looked at.
pub(crate) fn mails(folder: &Path) -> Result<Vec<MailFile>, Failure> {
    list(folder, MAIL_COUNT)
}

/// The most files that are listed: their names fit a component's memory.
const MAIL_COUNT: usize = 1_000_000;

fn list(folder: &Path, most: usize) -> Result<Vec<MailFile>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| not_opened(folder, &error))?;
    let mut mails = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| not_listed(folder, &error))?;
        let file = entry.file_name();
        if !is_mail(Path::new(&file)) {
            continue;
        }
        let Ok(name) = file.into_string() else {
            return Err(Failure::data(format!(
                "the folder {} has the file {}, whose name is no UTF-8: rename it",
                folder.display(),
                shown(Path::new(&entry.file_name()))
            )));
        };
        let path = entry.path();
        let about = fs::metadata(&path).map_err(|error| {
            Failure::no_input(format!(
                "cannot look at {} ({error}): remove it, or if it is a link, put the mail itself there",
                shown(&path)
            ))
        })?;
        if about.is_file() {
            let len = about.len();
            mails.push(MailFile { name, path, len });
        }
        if mails.len() > most {
            return Err(Failure::usage(format_args!(
                "the folder {} has more than {most} mails: split it into several folders",
                folder.display()
            )));
        }
    }
    if mails.is_empty() {
        return Err(Failure::no_input(format!(
            "the folder {} has no mail: give one whose files are named like 1.eml",
            folder.display()
        )));
    }
    mails.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(mails)
}

fn is_mail(name: &Path) -> bool {
    let hidden = name.as_os_str().as_encoded_bytes().starts_with(b".");
    let extension = name.extension();
    !hidden && extension.is_some_and(|extension| extension.eq_ignore_ascii_case("eml"))
}

/// A name in a folder is not always the user's own: nothing in it may ring or move
/// the cursor.
fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}

fn not_opened(folder: &Path, error: &io::Error) -> Failure {
    let folder = folder.display();
    Failure::no_input(format!(
        "cannot open the folder {folder} ({error}): give one that exists and that the host grants to the component, with wasmtime by `--dir {folder}`"
    ))
}

/// A component's host gives names as UTF-8 only, so there a name that is none
/// ends the listing.
fn not_listed(folder: &Path, error: &io::Error) -> Failure {
    Failure::io(format!(
        "cannot list the folder {} ({error}): look for a file whose name is no UTF-8 and rename it, or try again",
        folder.display()
    ))
}

// In components the host opens folders; tests/host has such runs.
#[cfg(all(test, not(target_os = "wasi")))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A folder that goes with its test.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let name = format!(
                "wasi-sendmail-folder-{}-{}",
                std::process::id(),
                COUNT.fetch_add(1, Ordering::Relaxed)
            );
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn with(files: &[&str]) -> Self {
            let folder = Self::new();
            for file in files {
                fs::write(folder.0.join(file), file).unwrap();
            }
            folder
        }

        fn names(&self) -> Vec<String> {
            let mails = mails(&self.0).unwrap();
            mails.into_iter().map(|mail| mail.name).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_mails_are_sorted_and_nothing_else_is_taken() {
        let folder = Folder::with(&[
            "b.EML",
            "a.eml",
            "c.Eml",
            "B.eml",
            ".d.eml",
            ".eml",
            "e.txt",
            "eml",
            "f.eml.bak",
            "g.emlx",
        ]);
        fs::create_dir(folder.0.join("folder.eml")).unwrap();
        fs::create_dir(folder.0.join("below")).unwrap();
        fs::write(folder.0.join("below/h.eml"), "x").unwrap();
        assert_eq!(folder.names(), ["B.eml", "a.eml", "b.EML", "c.Eml"]);
        let first = mails(&folder.0).unwrap().remove(0);
        assert_eq!(first.len, 5);
        assert_eq!(fs::read(first.path).unwrap(), b"B.eml");
    }

    #[test]
    fn a_folder_that_cannot_be_opened_or_has_no_mail_is_said() {
        let folder = Folder::with(&["a.txt"]);
        let failure = mails(&folder.0).unwrap_err();
        assert_eq!(failure.exit_code(), 66);
        assert!(failure.to_string().contains("has no mail"), "{failure}");
        let failure = mails(&folder.0.join("none")).unwrap_err();
        assert_eq!(failure.exit_code(), 66);
        assert!(failure.to_string().contains("none`"), "{failure}");
        assert!(
            failure.to_string().contains("with wasmtime by `--dir"),
            "{failure}"
        );
        let failure = mails(&folder.0.join("a.txt")).unwrap_err();
        assert_eq!(failure.exit_code(), 66);
    }

    #[test]
    fn a_folder_of_too_many_mails_is_refused() {
        let folder = Folder::with(&["1.eml", "2.eml", "3.eml"]);
        assert_eq!(list(&folder.0, 3).unwrap().len(), 3);
        let failure = list(&folder.0, 2).unwrap_err();
        assert!(failure.to_string().contains("more than 2"), "{failure}");
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_no_text_is_refused_if_it_is_a_mail() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;
        let folder = Folder::with(&["a.eml"]);
        fs::write(folder.0.join(OsStr::from_bytes(b"\xff.txt")), "x").unwrap();
        assert_eq!(folder.names(), ["a.eml"]);
        fs::write(folder.0.join(OsStr::from_bytes(b"\xff.eml")), "x").unwrap();
        let failure = mails(&folder.0).unwrap_err();
        assert_eq!(failure.exit_code(), 65);
        assert!(failure.to_string().contains("\u{fffd}.eml,"), "{failure}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_counts_as_what_it_leads_to() {
        use std::os::unix::fs::symlink;
        let folder = Folder::with(&["a.eml"]);
        symlink("a.eml", folder.0.join("b.eml")).unwrap();
        assert_eq!(folder.names(), ["a.eml", "b.eml"]);
        symlink("nowhere", folder.0.join("c.eml")).unwrap();
        let failure = mails(&folder.0).unwrap_err();
        assert!(failure.to_string().contains("c.eml"), "{failure}");
    }
}
