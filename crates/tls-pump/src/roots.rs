//! Which certificate authorities are trusted.

use crate::Error;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

fn invalid(reason: impl Into<String>) -> Error {
    Error::InvalidRoots {
        reason: reason.into(),
    }
}

/// Whom a configuration trusts.
#[derive(Clone)]
pub(crate) struct Roots {
    pub(crate) store: RootCertStore,
    /// Certificates that are trusted as a server's own, too.
    pub(crate) own: Vec<CertificateDer<'static>>,
}

impl From<RootCertStore> for Roots {
    fn from(store: RootCertStore) -> Self {
        let own = Vec::new();
        Self { store, own }
    }
}

/// The roots when none are given: the host's, else the bundled ones.
pub(crate) fn default_roots() -> Result<RootCertStore, Error> {
    #[cfg(feature = "native-roots")]
    if let Some(roots) = native::HostStore::from_env().load()? {
        return Ok(roots);
    }
    bundled()
}

#[cfg(feature = "webpki-roots")]
fn bundled() -> Result<RootCertStore, Error> {
    Ok(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
}

#[cfg(not(feature = "webpki-roots"))]
fn bundled() -> Result<RootCertStore, Error> {
    Err(invalid(
        "there are none; enable the feature `webpki-roots` or call `roots_pem`",
    ))
}

/// The roots in a store of the caller's.
pub(crate) fn given(store: RootCertStore) -> Result<Roots, Error> {
    if store.is_empty() {
        return Err(invalid(
            "the store holds no certificate; add a CA certificate",
        ));
    }
    Ok(store.into())
}

/// The roots in PEM text of the caller's, of which everything must be right.
pub(crate) fn from_pem(pem: &[u8]) -> Result<Roots, Error> {
    let mut roots = Roots::from(RootCertStore::empty());
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| {
            invalid(format!(
                "the PEM text is damaged ({error}); export the certificate again"
            ))
        })?;
        roots.own.push(certificate.clone());
        roots.store.add(certificate).map_err(|error| {
            invalid(format!(
                "a certificate is damaged ({error}); export it again"
            ))
        })?;
    }
    if roots.own.is_empty() {
        return Err(invalid(
            "the PEM text holds no `BEGIN CERTIFICATE` block; give a CA certificate",
        ));
    }
    Ok(roots)
}

#[cfg(feature = "native-roots")]
pub(crate) mod native {
    //! The host's store, read as files; in a sandbox, through the folders that
    //! the host opens to the component.

    use super::{Error, RootCertStore, invalid};
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use std::collections::HashSet;
    use std::ffi::OsString;
    use std::io;
    use std::path::{Path, PathBuf};

    /// Where systems keep all roots in one file.
    const BUNDLES: [&str; 7] = [
        // Debian, Ubuntu, Arch, Gentoo, NixOS
        "/etc/ssl/certs/ca-certificates.crt",
        // Fedora, RHEL
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/pki/tls/certs/ca-bundle.crt",
        // openSUSE
        "/etc/ssl/ca-bundle.pem",
        // Alpine, macOS, OpenBSD
        "/etc/ssl/cert.pem",
        // FreeBSD
        "/usr/local/share/certs/ca-root-nss.crt",
        "/usr/local/etc/ssl/cert.pem",
    ];

    /// Where they keep one file for each.
    const FOLDERS: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

    /// More files than any store has.
    const MOST_FILES: usize = 4096;

    /// Where to look.
    pub(crate) struct HostStore {
        /// `SSL_CERT_FILE`.
        pub(crate) file: Option<OsString>,
        /// `SSL_CERT_DIR`: folders with `:` between, `;` on Windows.
        pub(crate) folders: Option<OsString>,
        pub(crate) usual_bundles: Vec<PathBuf>,
        pub(crate) usual_folders: Vec<PathBuf>,
    }

    impl HostStore {
        pub(crate) fn from_env() -> Self {
            let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
            Self {
                file: set("SSL_CERT_FILE"),
                folders: set("SSL_CERT_DIR"),
                usual_bundles: BUNDLES.map(PathBuf::from).into(),
                usual_folders: FOLDERS.map(PathBuf::from).into(),
            }
        }

        /// The first store that holds a root; `None` when there is none.
        ///
        /// # Errors
        ///
        /// When one that was named by a variable can't be used.
        pub(crate) fn load(&self) -> Result<Option<RootCertStore>, Error> {
            let mut found = Found {
                roots: RootCertStore::empty(),
                seen: HashSet::new(),
            };
            if let Some(file) = &self.file {
                let named = |what: String| {
                    let file = file.to_string_lossy();
                    let file = file.escape_debug();
                    invalid(format!(
                        "SSL_CERT_FILE names {file}, {what}; correct it, or grant its folder to the component, with wasmtime by `--dir`"
                    ))
                };
                let added = found.add_file(Path::new(file));
                if added.map_err(|error| named(format!("which can't be read ({error})")))? == 0 {
                    return Err(named("which holds no certificate".into()));
                }
            }
            if let Some(folders) = &self.folders {
                let folders = folders.to_string_lossy();
                let each = folders.split(SEPARATOR).map(Path::new);
                let count: usize = each.map(|folder| found.add_folder(folder)).sum();
                if count == 0 {
                    let folders = folders.escape_debug();
                    return Err(invalid(format!(
                        "SSL_CERT_DIR names {folders}, where no certificate can be read; correct it, or grant the folder to the component, with wasmtime by `--dir`"
                    )));
                }
            }
            let mut bundles = self.usual_bundles.iter();
            while let (true, Some(bundle)) = (found.roots.is_empty(), bundles.next()) {
                let _ = found.add_file(bundle);
            }
            let mut folders = self.usual_folders.iter();
            while let (true, Some(folder)) = (found.roots.is_empty(), folders.next()) {
                found.add_folder(folder);
            }
            Ok((!found.roots.is_empty()).then_some(found.roots))
        }
    }

    const SEPARATOR: char = if cfg!(windows) { ';' } else { ':' };

    struct Found {
        roots: RootCertStore,
        /// Folders hold links to the same files under other names.
        seen: HashSet<CertificateDer<'static>>,
    }

    impl Found {
        /// Adds the certificates in a file, and counts them. Of a store that
        /// others keep, what can't be parsed is passed over.
        fn add_file(&mut self, file: &Path) -> io::Result<usize> {
            let pem = std::fs::read(file)?;
            let mut count = 0;
            for certificate in CertificateDer::pem_slice_iter(&pem).flatten() {
                if self.seen.contains(&certificate) {
                    count += 1;
                } else if self.roots.add(certificate.clone()).is_ok() {
                    self.seen.insert(certificate);
                    count += 1;
                }
            }
            Ok(count)
        }

        /// Adds those in the files of a folder, and counts them. Many there are
        /// links to elsewhere, which a sandbox refuses to follow.
        fn add_folder(&mut self, folder: &Path) -> usize {
            let Ok(entries) = std::fs::read_dir(folder) else {
                return 0;
            };
            let entries = entries.flatten().take(MOST_FILES);
            entries
                .map(|entry| self.add_file(&entry.path()).unwrap_or(0))
                .sum()
        }
    }

    // They need folders of their own; a guest has those of its host's test.
    #[cfg(all(test, not(target_family = "wasm")))]
    mod tests;
}
