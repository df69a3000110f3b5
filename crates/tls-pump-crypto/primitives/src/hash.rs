//! SHA-2, and HMAC with it.

use hmac::{KeyInit, Mac};
use rustls::crypto::hash::{Context, Hash, HashAlgorithm, Output};
use rustls::crypto::hmac::{Hmac, Key, Tag};
use sha2::{Digest, Sha256, Sha384};

/// SHA-2, by the length of its hash. Not generic: its code is this crate's, and
/// not that of whoever names it.
#[derive(Clone, Copy, Debug)]
pub enum Sha2 {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

impl Hash for Sha2 {
    fn start(&self) -> Box<dyn Context> {
        match self {
            Self::Sha256 => Box::new(Running(Sha256::new())),
            Self::Sha384 => Box::new(Running(Sha384::new())),
        }
    }

    fn hash(&self, data: &[u8]) -> Output {
        let mut running = self.start();
        running.update(data);
        running.finish()
    }

    fn output_len(&self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    fn algorithm(&self) -> HashAlgorithm {
        match self {
            Self::Sha256 => HashAlgorithm::SHA256,
            Self::Sha384 => HashAlgorithm::SHA384,
        }
    }
}

struct Running<D>(D);

impl<D: Digest + Clone + Send + Sync + 'static> Context for Running<D> {
    fn fork_finish(&self) -> Output {
        Output::new(&self.0.clone().finalize())
    }

    fn fork(&self) -> Box<dyn Context> {
        Box::new(Self(self.0.clone()))
    }

    fn finish(self: Box<Self>) -> Output {
        Output::new(&self.0.finalize())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}

/// HMAC with SHA-2.
#[derive(Clone, Copy, Debug)]
pub struct HmacSha2(pub Sha2);

impl Hmac for HmacSha2 {
    fn with_key(&self, key: &[u8]) -> Box<dyn Key> {
        fn keyed<M: KeyInit>(key: &[u8]) -> Keyed<M> {
            Keyed(M::new_from_slice(key).expect("HMAC takes keys of any length"))
        }
        match self.0 {
            Sha2::Sha256 => Box::new(keyed::<hmac::Hmac<Sha256>>(key)),
            Sha2::Sha384 => Box::new(keyed::<hmac::Hmac<Sha384>>(key)),
        }
    }

    fn hash_output_len(&self) -> usize {
        self.0.output_len()
    }
}

struct Keyed<M>(M);

impl<M: Mac + Clone + Send + Sync> Key for Keyed<M> {
    fn sign_concat(&self, first: &[u8], middle: &[&[u8]], last: &[u8]) -> Tag {
        let mut mac = self.0.clone();
        mac.update(first);
        for part in middle {
            mac.update(part);
        }
        mac.update(last);
        Tag::new(mac.finalize().as_bytes())
    }

    fn tag_len(&self) -> usize {
        M::output_size()
    }
}
