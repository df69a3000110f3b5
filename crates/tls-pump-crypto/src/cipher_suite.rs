//! The cipher suites, each by the name that IANA gives it.
//!
//! AES-GCM suites encrypt 2^24 records with one key, then rustls takes a new one
//! (TLS 1.3) or ends the connection (1.2): RFC 8446 section 5.5. A key of
//! ChaCha20-Poly1305 outlasts every connection.

use rustls::crypto::CipherSuiteCommon;
use rustls::crypto::tls13::HkdfUsingHmac;
use rustls::{CipherSuite, SupportedCipherSuite, Tls13CipherSuite};
use tls_pump_primitives::{HmacSha2, Records, Sha2};

#[cfg(feature = "tls12")]
pub use tls12::*;

/// Records with one key, by draft-irtf-cfrg-aead-limits section 5.1.1.
const AES_GCM_LIMIT: u64 = 1 << 24;

/// None that a connection could reach (section 5.2.1 there).
const CHACHA20_LIMIT: u64 = u64::MAX;

/// All of them, in the order of [`provider`](crate::provider).
pub static ALL: &[SupportedCipherSuite] = if cfg!(target_family = "wasm") {
    &[
        TLS13_CHACHA20_POLY1305_SHA256,
        TLS13_AES_128_GCM_SHA256,
        TLS13_AES_256_GCM_SHA384,
        #[cfg(feature = "tls12")]
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        #[cfg(feature = "tls12")]
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        #[cfg(feature = "tls12")]
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        #[cfg(feature = "tls12")]
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        #[cfg(feature = "tls12")]
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        #[cfg(feature = "tls12")]
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ]
} else {
    &[
        TLS13_AES_256_GCM_SHA384,
        TLS13_AES_128_GCM_SHA256,
        TLS13_CHACHA20_POLY1305_SHA256,
        #[cfg(feature = "tls12")]
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        #[cfg(feature = "tls12")]
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        #[cfg(feature = "tls12")]
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        #[cfg(feature = "tls12")]
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        #[cfg(feature = "tls12")]
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        #[cfg(feature = "tls12")]
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ]
};

/// `TLS_CHACHA20_POLY1305_SHA256` of TLS 1.3.
pub static TLS13_CHACHA20_POLY1305_SHA256: SupportedCipherSuite =
    SupportedCipherSuite::Tls13(&Tls13CipherSuite {
        common: CipherSuiteCommon {
            suite: CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
            hash_provider: &Sha2::Sha256,
            confidentiality_limit: CHACHA20_LIMIT,
        },
        hkdf_provider: &HkdfUsingHmac(&HmacSha2(Sha2::Sha256)),
        aead_alg: &Records::ChaCha20Poly1305,
        quic: None,
    });

/// `TLS_AES_128_GCM_SHA256` of TLS 1.3.
pub static TLS13_AES_128_GCM_SHA256: SupportedCipherSuite =
    SupportedCipherSuite::Tls13(&Tls13CipherSuite {
        common: CipherSuiteCommon {
            suite: CipherSuite::TLS13_AES_128_GCM_SHA256,
            hash_provider: &Sha2::Sha256,
            confidentiality_limit: AES_GCM_LIMIT,
        },
        hkdf_provider: &HkdfUsingHmac(&HmacSha2(Sha2::Sha256)),
        aead_alg: &Records::Aes128Gcm,
        quic: None,
    });

/// `TLS_AES_256_GCM_SHA384` of TLS 1.3.
pub static TLS13_AES_256_GCM_SHA384: SupportedCipherSuite =
    SupportedCipherSuite::Tls13(&Tls13CipherSuite {
        common: CipherSuiteCommon {
            suite: CipherSuite::TLS13_AES_256_GCM_SHA384,
            hash_provider: &Sha2::Sha384,
            confidentiality_limit: AES_GCM_LIMIT,
        },
        hkdf_provider: &HkdfUsingHmac(&HmacSha2(Sha2::Sha384)),
        aead_alg: &Records::Aes256Gcm,
        quic: None,
    });

#[cfg(feature = "tls12")]
mod tls12 {
    use super::{AES_GCM_LIMIT, CHACHA20_LIMIT};
    use rustls::crypto::tls12::PrfUsingHmac;
    use rustls::crypto::{CipherSuiteCommon, KeyExchangeAlgorithm};
    use rustls::{CipherSuite, SignatureScheme, SupportedCipherSuite, Tls12CipherSuite};
    use tls_pump_primitives::{HmacSha2, Records, Sha2};

    static ECDSA_SCHEMES: &[SignatureScheme] = &[
        SignatureScheme::ED25519,
        SignatureScheme::ECDSA_NISTP384_SHA384,
        SignatureScheme::ECDSA_NISTP256_SHA256,
    ];

    static RSA_SCHEMES: &[SignatureScheme] = &[
        SignatureScheme::RSA_PSS_SHA512,
        SignatureScheme::RSA_PSS_SHA384,
        SignatureScheme::RSA_PSS_SHA256,
        SignatureScheme::RSA_PKCS1_SHA512,
        SignatureScheme::RSA_PKCS1_SHA384,
        SignatureScheme::RSA_PKCS1_SHA256,
    ];

    macro_rules! suites {
        ($($name:ident: $sign:ident, $cipher:ident, $limit:ident, $hash:ident;)*) => {$(
            #[doc = concat!("`", stringify!($name), "` of TLS 1.2.")]
            pub static $name: SupportedCipherSuite =
                SupportedCipherSuite::Tls12(&Tls12CipherSuite {
                    common: CipherSuiteCommon {
                        suite: CipherSuite::$name,
                        hash_provider: &Sha2::$hash,
                        confidentiality_limit: $limit,
                    },
                    kx: KeyExchangeAlgorithm::ECDHE,
                    sign: $sign,
                    aead_alg: &Records::$cipher,
                    prf_provider: &PrfUsingHmac(&HmacSha2(Sha2::$hash)),
                });
        )*};
    }

    suites! {
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256:
            ECDSA_SCHEMES, ChaCha20Poly1305, CHACHA20_LIMIT, Sha256;
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:
            RSA_SCHEMES, ChaCha20Poly1305, CHACHA20_LIMIT, Sha256;
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:
            ECDSA_SCHEMES, Aes128Gcm, AES_GCM_LIMIT, Sha256;
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:
            RSA_SCHEMES, Aes128Gcm, AES_GCM_LIMIT, Sha256;
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:
            ECDSA_SCHEMES, Aes256Gcm, AES_GCM_LIMIT, Sha384;
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:
            RSA_SCHEMES, Aes256Gcm, AES_GCM_LIMIT, Sha384;
    }
}
