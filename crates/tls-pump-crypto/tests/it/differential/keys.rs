//! Keys of any length: in public, rustls makes those only that have the longest.

use crate::differential::{ring, suite};
use rustls::CipherSuite;
use rustls::crypto::cipher::AeadKey;
use rustls::crypto::tls13::{HkdfExpander, OkmBlock, OutputLengthError};

/// Just these bytes, of 16 or 32 each.
pub(crate) fn key(bytes: &[u8]) -> AeadKey {
    let name = match bytes.len() {
        16 => CipherSuite::TLS13_AES_128_GCM_SHA256,
        _ => CipherSuite::TLS13_AES_256_GCM_SHA384,
    };
    let suite = suite(&ring(), name).tls13().unwrap();
    // Hidden, and the one way there is.
    let key = rustls::internal::derive_traffic_key(&Fixed(bytes), suite.aead_alg);
    assert_eq!(key.as_ref(), bytes);
    key
}

/// Expands to these bytes, and zeros after them.
struct Fixed<'a>(&'a [u8]);

impl HkdfExpander for Fixed<'_> {
    fn expand_slice(&self, _: &[&[u8]], output: &mut [u8]) -> Result<(), OutputLengthError> {
        output.fill(0);
        output[..self.0.len()].copy_from_slice(self.0);
        Ok(())
    }

    fn expand_block(&self, _: &[&[u8]]) -> OkmBlock {
        unreachable!("a key is no block")
    }

    fn hash_len(&self) -> usize {
        32
    }
}
