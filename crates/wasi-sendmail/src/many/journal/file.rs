//! The file that a journal is in.
//!
//! In a component it is the host's own, since the standard library opens nothing for
//! writing under jco: wasi-libc asks for `mutate-directory` beside `write`, which jco
//! refuses.

use super::store::Store;
use std::io;
use std::path::Path;

#[cfg(not(all(target_os = "wasi", target_env = "p2")))]
pub(crate) use std::fs::File;

/// Opens the file at `path` to append, if it is one and nothing else; `None` if it is
/// something else. With `create` it need not be there.
#[cfg(not(all(target_os = "wasi", target_env = "p2")))]
pub(super) fn open(path: &Path, create: bool) -> io::Result<Option<File>> {
    let mut options = std::fs::OpenOptions::new();
    let file = options.create(create).read(true).append(true).open(path)?;
    Ok(file.metadata()?.is_file().then_some(file))
}

/// Opened to append.
#[cfg(not(all(target_os = "wasi", target_env = "p2")))]
impl Store for File {
    fn length(&mut self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        io::Write::write_all(self, bytes)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

#[cfg(all(target_os = "wasi", target_env = "p2"))]
pub(crate) use host::File;
#[cfg(all(target_os = "wasi", target_env = "p2"))]
pub(super) use host::open;

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod host {
    use super::*;
    use std::io::{ErrorKind, Read};
    use wasi::filesystem::preopens::get_directories;
    use wasi::filesystem::types::{
        Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, OpenFlags,
        PathFlags,
    };
    use wasi::io::streams::StreamError;

    /// The most that one blocking write takes. Source: WIT
    /// `wasi:io/streams.output-stream.blocking-write-and-flush`.
    const WRITE_LEN: usize = 4096;

    pub(crate) struct File {
        descriptor: Descriptor,
        /// Where the next read begins.
        at: u64,
    }

    pub(in super::super) fn open(path: &Path, create: bool) -> io::Result<Option<File>> {
        let path = path.to_str().ok_or(ErrorKind::InvalidInput)?;
        let folders = get_directories();
        let inside = folders.iter().filter_map(|(folder, name)| {
            let inside = within(path, name)?;
            Some((folder, inside))
        });
        // The innermost of those that it is in.
        let found = inside.min_by_key(|(_, inside)| inside.len());
        let (folder, inside) = found.ok_or(ErrorKind::NotFound)?;
        let how = if create {
            OpenFlags::CREATE
        } else {
            OpenFlags::empty()
        };
        let rights = DescriptorFlags::READ | DescriptorFlags::WRITE;
        let opened = folder.open_at(PathFlags::SYMLINK_FOLLOW, inside, how, rights);
        let file = File {
            descriptor: opened.map_err(error)?,
            at: 0,
        };
        let is_file = file.about()?.type_ == DescriptorType::RegularFile;
        Ok(is_file.then_some(file))
    }

    /// The path below `folder`, which stands for itself as wasi-libc has it: relative
    /// paths begin at the root.
    fn within<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
        let (path, folder) = (from_root(path), from_root(folder));
        let inside = match folder {
            "" => path,
            folder => path.strip_prefix(folder)?.strip_prefix('/')?,
        };
        let inside = from_root(inside);
        (!inside.is_empty()).then_some(inside)
    }

    fn from_root(path: &str) -> &str {
        let mut path = path.trim_end_matches('/');
        while let Some(rest) = path.strip_prefix('/').or(path.strip_prefix("./")) {
            path = rest;
        }
        if path == "." { "" } else { path }
    }

    impl File {
        fn about(&self) -> io::Result<DescriptorStat> {
            self.descriptor.stat().map_err(error)
        }
    }

    impl Read for File {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let read = self.descriptor.read(buf.len() as u64, self.at);
            let (bytes, _) = read.map_err(error)?;
            buf[..bytes.len()].copy_from_slice(&bytes);
            self.at += bytes.len() as u64;
            Ok(bytes.len())
        }
    }

    impl Store for File {
        fn length(&mut self) -> io::Result<u64> {
            Ok(self.about()?.size)
        }

        fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
            let stream = self.descriptor.append_via_stream().map_err(error)?;
            bytes.chunks(WRITE_LEN).try_for_each(|part| {
                let written = stream.blocking_write_and_flush(part);
                written.map_err(|failed| match failed {
                    StreamError::LastOperationFailed(why) => {
                        match wasi::filesystem::types::filesystem_error_code(&why) {
                            Some(code) => error(code),
                            None => ErrorKind::Other.into(),
                        }
                    }
                    StreamError::Closed => ErrorKind::BrokenPipe.into(),
                })
            })
        }

        fn truncate(&mut self, len: u64) -> io::Result<()> {
            self.descriptor.set_size(len).map_err(error)
        }

        fn sync(&mut self) -> io::Result<()> {
            self.descriptor.sync_data().map_err(error)
        }
    }

    fn error(code: ErrorCode) -> io::Error {
        let kind = match code {
            ErrorCode::Access | ErrorCode::NotPermitted => ErrorKind::PermissionDenied,
            ErrorCode::NoEntry => ErrorKind::NotFound,
            ErrorCode::IsDirectory => ErrorKind::IsADirectory,
            ErrorCode::NotDirectory => ErrorKind::NotADirectory,
            ErrorCode::ReadOnly => ErrorKind::ReadOnlyFilesystem,
            ErrorCode::InsufficientSpace => ErrorKind::StorageFull,
            ErrorCode::Quota => ErrorKind::QuotaExceeded,
            ErrorCode::FileTooLarge => ErrorKind::FileTooLarge,
            ErrorCode::NameTooLong => ErrorKind::InvalidFilename,
            ErrorCode::Unsupported => ErrorKind::Unsupported,
            code => return io::Error::other(code.message()),
        };
        kind.into()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn paths_are_looked_for_as_the_standard_library_does() {
            for (path, folder, inside) in [
                ("/mails/out/j", "/mails", Some("out/j")),
                ("mails/j", "/mails", Some("j")),
                ("./j", ".", Some("j")),
                ("j", "/", Some("j")),
                ("/mails//j", "/mails/", Some("j")),
                ("/mailsj", "/mails", None),
                ("/mails", "/mails", None),
                ("/other/j", "/mails", None),
            ] {
                assert_eq!(within(path, folder), inside, "{path} in {folder}");
            }
        }
    }
}
