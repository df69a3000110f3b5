//! What a guest needs to play a TLS server itself, as PEM files.

use crate::ca::{LOCAL_NAMES, ca_params, leaf_params, new_key};
use crate::openssl::{Identity, Key, Template};
use rcgen::{CertifiedIssuer, KeyPair};
use std::path::Path;
use tempfile::TempDir;

/// A folder with `ca.pem`, `chain.pem` (the leaf first) and `key.pem` of a
/// server on this machine, made afresh, that is removed at the end.
#[derive(Debug)]
pub struct ServerFolder(TempDir);

impl ServerFolder {
    /// A leaf right below its root, both ECDSA P-256: the least to verify.
    ///
    /// # Errors
    ///
    /// The file system's.
    ///
    /// # Panics
    ///
    /// When the system's random generator fails.
    pub fn short() -> std::io::Result<Self> {
        let root = CertifiedIssuer::self_signed(ca_params("short root", 0), new_key());
        let root = root.expect("a fixed root certificate can be signed");
        Self::below(&[root])
    }

    /// As Let's Encrypt has it: a P-256 leaf below a P-384 intermediate below a
    /// P-384 root.
    ///
    /// # Errors
    ///
    /// The file system's.
    ///
    /// # Panics
    ///
    /// When the system's random generator fails.
    pub fn long() -> std::io::Result<Self> {
        let key = || {
            KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384)
                .expect("random numbers are available")
        };
        let root = CertifiedIssuer::self_signed(ca_params("long root", 1), key());
        let root = root.expect("a fixed root certificate can be signed");
        let between = CertifiedIssuer::signed_by(ca_params("intermediate", 0), key(), &root);
        let between = between.expect("an intermediate can be signed");
        Self::below(&[root, between])
    }

    /// As most clients of Let's Encrypt's ECDSA certificates meet it: a P-256 leaf
    /// below a P-384 intermediate below an RSA-4096 root. OpenSSL makes it.
    ///
    /// # Errors
    ///
    /// The file system's.
    ///
    /// # Panics
    ///
    /// When `openssl` can't make it.
    pub fn ecdsa_below_rsa() -> std::io::Result<Self> {
        let leaf = Template::SERVER.digest("sha384");
        Self::below_rsa(Template::CA.key(Key::P384), leaf)
    }

    /// As Let's Encrypt's RSA certificates: a leaf and an intermediate of 2048 bits
    /// below a root of 4096 bits. OpenSSL makes it.
    ///
    /// # Errors
    ///
    /// The file system's.
    ///
    /// # Panics
    ///
    /// When `openssl` can't make it.
    pub fn rsa() -> std::io::Result<Self> {
        let [between, leaf] = [Template::CA, Template::SERVER].map(|it| it.key(Key::Rsa2048));
        Self::below_rsa(between, leaf)
    }

    fn below_rsa(between: Template, leaf: Template) -> std::io::Result<Self> {
        let root = Identity::self_signed("RSA root", Template::CA.key(Key::Rsa4096));
        let leaf = root.issue("intermediate", between).issue("leaf", leaf);
        Self::of(&root.pem(), &leaf.chain_pem(), &leaf.key_pem())
    }

    /// A server below the last of `authorities`, the root being the first.
    fn below(authorities: &[CertifiedIssuer<'_, KeyPair>]) -> std::io::Result<Self> {
        let [root, between @ ..] = authorities else {
            unreachable!("there is a root");
        };
        let key = new_key();
        let leaf = leaf_params(&LOCAL_NAMES).signed_by(&key, between.last().unwrap_or(root));
        let mut chain = leaf.expect("a leaf can be signed").pem();
        chain.extend(between.iter().rev().map(|authority| authority.pem()));
        Self::of(&root.pem(), &chain, &key.serialize_pem())
    }

    fn of(root: &str, chain: &str, key: &str) -> std::io::Result<Self> {
        let folder = tempfile::tempdir()?;
        for (name, text) in [("ca.pem", root), ("chain.pem", chain), ("key.pem", key)] {
            std::fs::write(folder.path().join(name), text)?;
        }
        Ok(Self(folder))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}
