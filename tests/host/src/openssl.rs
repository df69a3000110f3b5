//! The machine's `openssl` command: certificates of every kind, and a server
//! that shares no code with what is tested.
//!
//! All it makes lies in a temporary folder, and it reads no configuration of
//! the machine's.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::{fs, io};
use tempfile::TempDir;

mod server;

pub use server::Server;

/// For `openssl req` and `openssl ca`, which run in the folder of a CA.
const CONFIGURATION: &str = "\
[req]
distinguished_name = name
[name]
[ca]
default_ca = authority
[authority]
database = index.txt
crlnumber = crlnumber
rand_serial = yes
new_certs_dir = .
default_md = sha256
policy = subject
[subject]
commonName = supplied
[crl]
authorityKeyIdentifier = keyid:always
";

/// What all certificates say beside their own extensions.
const KEY_IDENTIFIERS: &str = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";

/// The kind of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// ECDSA with P-256.
    P256,
    /// ECDSA with P-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// RSA of 4096 bits.
    Rsa4096,
    /// RSA of 2048 bits.
    Rsa2048,
    /// RSA of 1024 bits.
    Rsa1024,
}

impl Key {
    fn args(self) -> &'static [&'static str] {
        match self {
            Self::P256 => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            Self::P384 => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
            Self::Ed25519 => &["-newkey", "ed25519"],
            Self::Rsa4096 => &["-newkey", "rsa:4096"],
            Self::Rsa2048 => &["-newkey", "rsa:2048"],
            Self::Rsa1024 => &["-newkey", "rsa:1024"],
        }
    }
}

/// From when until when, as `openssl ca` wants it.
pub type Dates = [&'static str; 2];

/// Valid for as long as these tests may run.
pub const VALID: Dates = ["20250101000000Z", "20491231235959Z"];

/// Over for years.
pub const OVER: Dates = ["20200101000000Z", "20210101000000Z"];

/// What a certificate says.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    key: Key,
    dates: Dates,
    digest: &'static str,
    extensions: &'static str,
}

impl Template {
    /// A CA's.
    pub const CA: Self = Self {
        key: Key::P256,
        dates: VALID,
        digest: "sha256",
        extensions: "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign",
    };

    /// That of a server that is called `localhost` and 127.0.0.1.
    pub const SERVER: Self = Self::CA.saying(
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,IP:127.0.0.1",
    );

    /// A client's.
    pub const CLIENT: Self = Self::CA.saying(
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth",
    );

    /// With another kind of key.
    #[must_use]
    pub const fn key(self, key: Key) -> Self {
        Self { key, ..self }
    }

    /// Valid at another time.
    #[must_use]
    pub const fn valid(self, dates: Dates) -> Self {
        Self { dates, ..self }
    }

    /// Signed over another digest.
    #[must_use]
    pub const fn digest(self, digest: &'static str) -> Self {
        Self { digest, ..self }
    }

    /// With other extensions, each a line of OpenSSL's configuration.
    #[must_use]
    pub const fn saying(self, extensions: &'static str) -> Self {
        Self { extensions, ..self }
    }
}

/// A certificate, its key, and the certificates above it.
///
/// One that is self-signed makes a temporary folder, which is shared by all
/// that are issued below it and removed with the last of them.
#[derive(Clone, Debug)]
pub struct Identity {
    shared: Arc<TempDir>,
    /// Its own, in the shared one.
    folder: PathBuf,
    /// Those above it except for the root, in PEM.
    issuers: String,
    is_root: bool,
}

impl Identity {
    /// One that is signed by its own key.
    ///
    /// # Panics
    ///
    /// When `openssl` can't make it.
    #[must_use]
    pub fn self_signed(name: &str, template: Template) -> Self {
        let shared = tempfile::tempdir().expect("a temporary folder");
        fs::write(shared.path().join("openssl.cnf"), CONFIGURATION).expect("a file in it");
        let mut root = Self::request(&Arc::new(shared), name, template);
        root.is_root = true;
        root.sign(&root, &["-selfsign"], template);
        root
    }

    /// One that is signed by this one's key, whether that is a CA's or not.
    ///
    /// # Panics
    ///
    /// When `openssl` can't make it, or there is one of this name already.
    #[must_use]
    pub fn issue(&self, name: &str, template: Template) -> Self {
        let mut issued = Self::request(&self.shared, name, template);
        self.sign(&issued, &["-cert", CERTIFICATE], template);
        if !self.is_root {
            issued.issuers = self.chain_pem();
        }
        issued
    }

    /// Makes a key and a request.
    fn request(shared: &Arc<TempDir>, name: &str, template: Template) -> Self {
        let folder = shared.path().join(name);
        fs::create_dir(&folder).expect("a new name");
        let extensions = format!("{KEY_IDENTIFIERS}{}", template.extensions);
        for (file, text) in [
            ("index.txt", ""),
            ("crlnumber", "01\n"),
            ("extensions", &extensions),
        ] {
            fs::write(folder.join(file), text).expect("a file in a new folder");
        }
        let subject = format!("/CN={name}");
        let mut args = vec!["req", "-new", "-nodes", "-subj", &subject];
        args.extend(template.key.args());
        args.extend(["-keyout", KEY, "-out", "request.pem"]);
        openssl(&folder, &args);
        Self {
            shared: shared.clone(),
            folder,
            issuers: String::new(),
            is_root: false,
        }
    }

    /// Signs the request of `subject`.
    fn sign(&self, subject: &Self, how: &[&str], template: Template) {
        let [request, certificate, extensions] =
            ["request.pem", CERTIFICATE, "extensions"].map(|file| subject.file(file));
        let [from, to] = template.dates;
        let mut args = vec!["ca", "-batch", "-notext"];
        args.extend(["-keyfile", KEY, "-md", template.digest]);
        args.extend(["-startdate", from, "-enddate", to]);
        args.extend(["-in", &request, "-out", &certificate]);
        args.extend(["-extfile", &extensions]);
        args.extend(how);
        openssl(&self.folder, &args);
    }

    /// The same, shown without those above it.
    #[must_use]
    pub fn alone(self) -> Self {
        Self {
            issuers: String::new(),
            ..self
        }
    }

    /// Takes back a certificate that this one issued; its later CRLs say so.
    ///
    /// # Panics
    ///
    /// When it did not issue it.
    pub fn revoke(&self, issued: &Self) {
        let certificate = issued.file(CERTIFICATE);
        let mut args = vec!["ca", "-revoke", &certificate];
        args.extend(["-keyfile", KEY, "-cert", CERTIFICATE]);
        openssl(&self.folder, &args);
    }

    /// A CRL of this one, in PEM.
    ///
    /// # Panics
    ///
    /// When `openssl` can't make it.
    #[must_use]
    pub fn crl(&self, dates: Dates) -> String {
        let [from, to] = dates;
        let mut args = vec!["ca", "-gencrl", "-crlexts", "crl"];
        args.extend(["-keyfile", KEY, "-cert", CERTIFICATE]);
        args.extend(["-crl_lastupdate", from, "-crl_nextupdate", to]);
        openssl(&self.folder, &args)
    }

    /// The certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.read(CERTIFICATE)
    }

    /// The certificate and those above it except for the root, in PEM.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        self.pem() + &self.issuers
    }

    /// The key in PEM.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.read(KEY)
    }

    /// Where the certificate is.
    #[must_use]
    pub fn certificate_file(&self) -> String {
        self.file(CERTIFICATE)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).expect("it was made with this identity")
    }

    fn file(&self, name: &str) -> String {
        let file = self.folder.join(name).into_os_string();
        file.into_string()
            .expect("temporary folders have plain names")
    }
}

const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

/// The command in the folder of an [`Identity`].
fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command.args(args).current_dir(folder);
    command.env("OPENSSL_CONF", "../openssl.cnf");
    command
}

/// Unwraps what came of running the command.
fn ran<T>(result: io::Result<T>) -> T {
    result.unwrap_or_else(|error| {
        panic!("the command `openssl` can't be run ({error}): get it by `apt-get install openssl`")
    })
}

/// What the command prints.
fn openssl(folder: &Path, args: &[&str]) -> String {
    let output = ran(command(folder, args).stdin(Stdio::null()).output());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {args:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
