//! What the tests and the benchmarks share: peers, faults, certificates, and the embedded
//! wasmtime.

pub mod fault;
pub mod openssl;
pub mod peers;
pub mod protocols;
pub mod sendmail;
pub mod server_folder;
pub mod soak;

pub use test_demo::ca;
pub use test_runner as guest;
