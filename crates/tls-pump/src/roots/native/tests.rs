//! Host stores of a test's own.

use super::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use std::fs;

fn ca(name: &str) -> String {
    let mut params = CertificateParams::new([]).unwrap();
    params
        .distinguished_name
        .push(rcgen::DnType::OrganizationName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().pem()
}

struct Host {
    folder: tempfile::TempDir,
    store: HostStore,
}

impl Host {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            store: HostStore {
                file: None,
                folders: None,
                usual_bundles: Vec::new(),
                usual_folders: Vec::new(),
            },
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn count(&self) -> Option<usize> {
        self.store.load().unwrap().map(|roots| roots.len())
    }

    fn error(&self) -> String {
        let error = self.store.load().unwrap_err();
        assert!(matches!(error, Error::InvalidRoots { .. }), "{error}");
        error.to_string()
    }
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let mut host = Host::new();
    assert_eq!(host.count(), None);
    host.store.usual_bundles = vec![host.path("missing.pem"), host.write("empty.pem", "")];
    host.store.usual_folders = vec![host.path("missing"), host.folder.path().to_owned()];
    assert_eq!(host.count(), None);
}

#[test]
fn the_first_bundle_with_a_root_goes_before_folders() {
    let mut host = Host::new();
    let two = ca("a") + &ca("b");
    host.store.usual_bundles = vec![
        host.path("missing.pem"),
        host.write("no-pem.pem", [0xff; 100]),
        host.write("two.pem", two),
        host.write("one.pem", ca("c")),
    ];
    host.write("folder/three.pem", ca("d"));
    host.store.usual_folders = vec![host.path("folder")];
    assert_eq!(host.count(), Some(2));
    host.store.usual_bundles.truncate(2);
    assert_eq!(host.count(), Some(1));
}

#[test]
fn the_variables_go_before_the_usual_places() {
    let mut host = Host::new();
    host.store.usual_bundles = vec![host.write("usual.pem", ca("a") + &ca("b"))];
    host.store.file = Some(host.write("file.pem", ca("c")).into());
    assert_eq!(host.count(), Some(1));
    host.write("x/one.pem", ca("d"));
    host.write("y/two.pem", ca("e") + &ca("f"));
    let folders = std::env::join_paths([host.path("x"), host.path("nothing"), host.path("y")]);
    host.store.folders = Some(folders.unwrap());
    // Both variables add up.
    assert_eq!(host.count(), Some(4));
    host.store.file = None;
    assert_eq!(host.count(), Some(3));
}

#[test]
fn a_variable_that_names_nothing_is_an_error() {
    let mut host = Host::new();
    host.store.usual_bundles = vec![host.write("usual.pem", ca("a"))];
    host.store.file = Some(host.path("missing.pem").into());
    let error = host.error();
    assert!(error.contains("SSL_CERT_FILE names"), "{error}");
    assert!(error.contains("missing.pem"), "{error}");
    assert!(error.contains("can't be read"), "{error}");
    assert!(error.contains("--dir"), "{error}");
    host.store.file = Some(host.write("empty.pem", "no PEM").into());
    assert!(host.error().contains("holds no certificate"));

    host.store.file = None;
    host.store.folders = Some(host.path("missing").into());
    let error = host.error();
    assert!(error.contains("SSL_CERT_DIR names"), "{error}");
    assert!(error.contains("--dir"), "{error}");
}

#[test]
fn what_cannot_be_read_in_a_folder_is_passed_over() {
    let mut host = Host::new();
    let (first, second) = (ca("a"), ca("b"));
    host.write("certs/first.pem", &first);
    // The same under another name, as hashes are.
    host.write("certs/0123abcd.0", &first);
    host.write("certs/second.pem", second.replace("MII", "AAA") + &second);
    host.write("certs/java/cacerts", [0; 10]);
    #[cfg(unix)]
    std::os::unix::fs::symlink("/nowhere/at/all", host.path("certs/dangling.pem")).unwrap();
    host.store.usual_folders = vec![host.path("certs")];
    assert_eq!(host.count(), Some(2));
}
