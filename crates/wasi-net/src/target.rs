//! A compile-time check: a release build that opens sockets is a component.

/// Holds where sockets can be opened: on wasm32-wasip2, and in debug builds
/// everywhere, so that tests and documentation build natively (opening a socket
/// there fails with [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported)).
///
/// It is a bound of every function that opens a socket:
/// `where for<'a> (): WasiTarget<'a>`. The lifetime only delays the check until
/// the function is called.
#[diagnostic::on_unimplemented(
    message = "this build cannot open sockets: build for wasm32-wasip2",
    label = "needs `cargo build --target wasm32-wasip2`",
    note = "`wasi-net` speaks to the host's WASI 0.2 sockets; other targets build it for tests only, without `--release`"
)]
pub trait WasiTarget<'a> {}

#[cfg(any(all(target_os = "wasi", target_env = "p2"), debug_assertions))]
impl WasiTarget<'_> for () {}
