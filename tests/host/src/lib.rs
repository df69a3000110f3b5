//! What the tests and the demo share: mail servers, certificates and an embedded wasmtime.

pub mod fault;
pub mod guest;
pub mod openssl;
pub mod peers;
pub mod sendmail;
pub mod server_folder;
pub mod soak;

pub use test_demo::ca;
