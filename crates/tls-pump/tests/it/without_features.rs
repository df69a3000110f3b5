//! Without any feature: nothing to compute with, and no roots.

#![cfg(not(any(
    feature = "pure",
    feature = "ring",
    feature = "webpki-roots",
    feature = "native-roots"
)))]

use tls_pump::{Error, TlsConfig};

#[test]
fn without_a_provider_the_builder_asks_for_one() {
    let error = TlsConfig::builder().build().unwrap_err();
    assert!(matches!(error, Error::NoProvider), "{error}");
    assert_eq!(error.io_kind(), std::io::ErrorKind::Unsupported);
    assert!(error.to_string().contains("enable the feature `pure`"));
}
