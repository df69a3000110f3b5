//! The groups of the key exchange.

use crate::kx;
use rustls::NamedGroup;
use rustls::crypto::SupportedKxGroup;

/// All of them, in the order of [`provider`](crate::provider): the first is the
/// one whose key share goes out unasked, and with X25519MLKEM768 goes that of
/// X25519.
pub static ALL: &[&dyn SupportedKxGroup] = &[
    #[cfg(feature = "pq")]
    X25519MLKEM768,
    X25519,
    SECP256R1,
    SECP384R1,
];

/// X25519 and ML-KEM-768 together (TLS 1.3 only): secret as long as one of them
/// is not broken. Source: draft-ietf-tls-ecdhe-mlkem, FIPS 203.
#[cfg(feature = "pq")]
pub static X25519MLKEM768: &dyn SupportedKxGroup = &kx::hybrid::X25519MlKem768;

/// X25519. Source: RFC 7748, RFC 8446 section 7.4.2.
pub static X25519: &dyn SupportedKxGroup = &tls_pump_primitives::X25519;

/// The curve P-256. Source: RFC 8446 section 4.2.8.2.
pub static SECP256R1: &dyn SupportedKxGroup =
    &kx::Nist::<p256::NistP256>::new(NamedGroup::secp256r1);

/// The curve P-384. Source: RFC 8446 section 4.2.8.2.
pub static SECP384R1: &dyn SupportedKxGroup =
    &kx::Nist::<p384::NistP384>::new(NamedGroup::secp384r1);
