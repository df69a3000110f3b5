//! Components run inside an embedded wasmtime, each with its own permissions,
//! folders, arguments, environment and captured output.

mod engine;
mod http;
mod memory;
mod traffic;

pub use engine::{Component, allow_wide_arithmetic, build, build_file};
pub use http::HttpHandler;
pub use traffic::{Connection, Traffic};

use memory::Memory;
use std::path::PathBuf;
use std::time::Duration;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{CallHook, Store};
use wasmtime_wasi::p2::bindings::Command;
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::sockets::SocketAddrUse;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// What a guest may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Nothing: no socket can be made (`wasmtime run -S tcp=n`).
    NoSockets,
    /// Nothing: sockets can be made, but no address is allowed, as `wasmtime
    /// run` does it without flags.
    None,
    /// This machine.
    Loopback,
    /// What the host reaches.
    Inherit,
}

/// How a guest's run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this code.
    Exit(i32),
    /// It trapped, or could not start. The text is wasmtime's.
    Trap(String),
    /// It outlived its limit and was ended.
    TimedOut,
}

/// What a guest's run left behind.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// Its standard output; empty when inherited.
    pub stdout: String,
    /// Its standard error; empty when inherited.
    pub stderr: String,
    /// What passed between it and the host.
    pub traffic: Traffic,
    /// The most linear memory that it had, in bytes.
    pub memory: usize,
}

impl Outcome {
    /// Gives the outcome back, if the guest exited with 0.
    ///
    /// # Panics
    ///
    /// With all it printed, if not.
    #[track_caller]
    pub fn expect_success(self) -> Self {
        assert_eq!(
            self.ending,
            Ending::Exit(0),
            "the guest failed\n--- stdout\n{}--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        self
    }
}

/// A guest to be run. By default it may reach nothing, has no arguments, no
/// environment, no folders, empty input, captured output, and 30 s.
#[derive(Debug)]
pub struct Guest {
    component: Component,
    args: Vec<String>,
    env: Vec<(String, String)>,
    folders: Vec<(PathBuf, String)>,
    network: Network,
    names: bool,
    stdin: Vec<u8>,
    inherit_stdio: bool,
    limit: Option<Duration>,
    output_len: usize,
}

/// Who runs a network guest's futures, as its first argument names it.
pub const EXECUTORS: [&str; 4] = ["own", "wstd", "futures-lite", "tokio"];

/// The most output that is captured of each stream, in bytes.
const OUTPUT_LEN: usize = 16 * 1024 * 1024;

impl Guest {
    /// A run of `component`, whose first argument (its name) is `name`.
    #[must_use]
    pub fn new(component: &Component, name: &str) -> Self {
        Self {
            component: component.clone(),
            args: vec![name.to_owned()],
            env: Vec::new(),
            folders: Vec::new(),
            network: Network::None,
            names: false,
            stdin: Vec::new(),
            inherit_stdio: false,
            limit: Some(Duration::from_secs(30)),
            output_len: OUTPUT_LEN,
        }
    }

    /// A run of a program of `tests/guests`, built if need be, that may reach
    /// this machine.
    ///
    /// # Panics
    ///
    /// As [`build`].
    #[must_use]
    pub fn of_tests(name: &str) -> Self {
        Self::new(&build("test-guests", name), name).network(Network::Loopback)
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl ToString) -> Self {
        self.args.push(arg.to_string());
        self
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.env.push((name.to_owned(), value.to_string()));
        self
    }

    /// Opens a folder of the host, to be read and written, as `inside`.
    #[must_use]
    pub fn folder(mut self, outside: impl Into<PathBuf>, inside: &str) -> Self {
        self.folders.push((outside.into(), inside.to_owned()));
        self
    }

    /// What it may reach.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Lets it look names up.
    #[must_use]
    pub fn allow_names(mut self) -> Self {
        self.names = true;
        self
    }

    /// Its standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Gives it this process's standard streams.
    #[must_use]
    pub fn inherit_stdio(mut self) -> Self {
        self.inherit_stdio = true;
        self
    }

    /// How many bytes it can write to each of its standard output and error: behind
    /// them each fails.
    #[must_use]
    pub fn output_len(mut self, len: usize) -> Self {
        self.output_len = len;
        self
    }

    /// When it is ended; `None` for never.
    #[must_use]
    pub fn limit(mut self, limit: Option<Duration>) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it.
    ///
    /// # Panics
    ///
    /// When a folder can't be opened: a test's own mistake.
    pub async fn run(self) -> Outcome {
        let (state, printed) = self.state();
        let (traffic, memory) = (state.traffic.clone(), state.memory.clone());
        let run = limited(self.limit, run(&self.component, state));
        Outcome {
            ending: run.await.unwrap_or(Ending::TimedOut),
            stdout: printed.stdout(),
            stderr: printed.stderr(),
            traffic: traffic.take(),
            memory: memory.taken(),
        }
    }

    /// What the host keeps for it, and what it will have printed.
    fn state(&self) -> (State, Printed) {
        let printed = Printed {
            stdout: MemoryOutputPipe::new(self.output_len),
            stderr: MemoryOutputPipe::new(self.output_len),
        };
        let mut wasi = self.wasi();
        if self.inherit_stdio {
            wasi.inherit_stdio();
        } else {
            wasi.stdin(MemoryInputPipe::new(self.stdin.clone()));
            wasi.stdout(printed.stdout.clone());
            wasi.stderr(printed.stderr.clone());
        }
        let state = State {
            wasi: wasi.build(),
            http: http::Http::default(),
            table: ResourceTable::new(),
            traffic: traffic::Recorder::default(),
            memory: Memory::default(),
        };
        (state, printed)
    }

    fn wasi(&self) -> WasiCtxBuilder {
        let mut wasi = WasiCtxBuilder::new();
        wasi.args(&self.args)
            .envs(&self.env)
            .allow_ip_name_lookup(self.names);
        wasi.allow_tcp(self.network != Network::NoSockets);
        match self.network {
            Network::NoSockets | Network::None => {}
            Network::Inherit => drop(wasi.inherit_network()),
            Network::Loopback => {
                // A connect binds implicitly, to no address in particular.
                wasi.socket_addr_check(|address, reason| {
                    let allowed = address.ip().is_loopback()
                        || matches!(reason, SocketAddrUse::TcpBind) && address.port() == 0;
                    Box::pin(async move { allowed })
                });
            }
        }
        for (outside, inside) in &self.folders {
            wasi.preopened_dir(outside, inside, FsPerms::ReadWrite)
                .unwrap_or_else(|error| panic!("cannot open {}: {error}", outside.display()));
        }
        wasi
    }
}

/// A guest's captured output.
struct Printed {
    stdout: MemoryOutputPipe,
    stderr: MemoryOutputPipe,
}

impl Printed {
    fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout.contents()).into_owned()
    }

    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.contents()).into_owned()
    }
}

/// `None` when the time is over.
async fn limited<F: Future>(limit: Option<Duration>, future: F) -> Option<F::Output> {
    match limit {
        None => Some(future.await),
        Some(limit) => tokio::time::timeout(limit, future).await.ok(),
    }
}

async fn run(component: &Component, state: State) -> Ending {
    match try_run(component, state).await {
        Ok(Ok(())) => Ending::Exit(0),
        Ok(Err(())) => Ending::Exit(1),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => Ending::Exit(exit.0),
            None => Ending::Trap(format!("{error:?}")),
        },
    }
}

async fn try_run(component: &Component, state: State) -> wasmtime::Result<Result<(), ()>> {
    let (linker, mut store) = (linker()?, store(state));
    let command = Command::instantiate_async(&mut store, component.inner(), &linker).await?;
    command.wasi_cli_run().call_run(&mut store).await
}

/// What every guest may import.
fn linker() -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine::engine());
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    traffic::wrap_connections(&mut linker)?;
    Ok(linker)
}

fn store(state: State) -> Store<State> {
    let mut store = Store::new(engine::engine(), state);
    store.limiter(|state| &mut state.memory);
    // Each tick of the epoch gives the tokio runtime a turn, so that a limit
    // ends even a guest that never waits.
    store.epoch_deadline_async_yield_and_update(1);
    store.call_hook(|context, hook| {
        if matches!(hook, CallHook::CallingHost) {
            context.data().traffic.count_host_call();
        }
        Ok(())
    });
    store
}

/// What the host keeps for a running guest.
struct State {
    wasi: WasiCtx,
    http: http::Http,
    table: ResourceTable,
    traffic: traffic::Recorder,
    memory: Memory,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}
