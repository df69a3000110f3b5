//! What passes between a guest and its host, counted in the host.
//!
//! `finish-connect` is wrapped in the linker: the two streams it hands out
//! count what goes through them. So neither the guest nor the peer's way of
//! reading has a say in the figures.

use super::State;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, Host as _};
use wasmtime_wasi::p2::bindings::sockets::tcp::HostTcpSocket as _;
use wasmtime_wasi::p2::pipe::{ClosedInputStream, ClosedOutputStream};
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamResult, TcpSocket,
};
use wasmtime_wasi::sockets::WasiSocketsView as _;

/// What passed between a guest and its host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Calls of any function of the host.
    pub host_calls: u64,
    /// The TCP connections, in the order in which they stood.
    pub connections: Vec<Connection>,
}

/// What passed over one TCP connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Calls of `output-stream.write` with at least one byte.
    pub writes: u64,
    /// Bytes given to those.
    pub bytes_written: u64,
    /// Calls of `input-stream.read` that gave at least one byte.
    pub reads: u64,
    /// Bytes given by those.
    pub bytes_read: u64,
    /// Client flights: maximal runs of writes with no such read between.
    pub flights: u64,
    /// How often there were so many calls of the host from one write to the next, the
    /// second one included: what a round trip costs.
    pub calls_between_writes: BTreeMap<u64, u64>,
    calls_at_write: Option<u64>,
    writing: bool,
}

impl Connection {
    fn record_write(&mut self, len: usize, host_calls: u64) {
        if len > 0 {
            if let Some(before) = self.calls_at_write.replace(host_calls) {
                let calls = host_calls - before;
                *self.calls_between_writes.entry(calls).or_default() += 1;
            }
            self.writes += 1;
            self.bytes_written += len as u64;
            self.flights += u64::from(!std::mem::replace(&mut self.writing, true));
        }
    }

    fn record_read(&mut self, len: usize) {
        if len > 0 {
            self.reads += 1;
            self.bytes_read += len as u64;
            self.writing = false;
        }
    }
}

/// Where a guest's traffic is added up.
#[derive(Clone, Default)]
pub(super) struct Recorder(Arc<Mutex<Traffic>>);

impl Recorder {
    fn lock(&self) -> MutexGuard<'_, Traffic> {
        self.0.lock().expect("nothing panics while counting")
    }

    pub(super) fn count_host_call(&self) {
        self.lock().host_calls += 1;
    }

    pub(super) fn take(&self) -> Traffic {
        std::mem::take(&mut self.lock())
    }

    fn connected(&self) -> usize {
        let connections = &mut self.lock().connections;
        connections.push(Connection::default());
        connections.len() - 1
    }
}

/// One of the two streams of a connection, with its counter.
struct Counted<S> {
    inner: S,
    recorder: Recorder,
    connection: usize,
}

impl<S> Counted<S> {
    fn record(&self, record: impl FnOnce(&mut Connection, u64)) {
        let mut traffic = self.recorder.lock();
        let host_calls = traffic.host_calls;
        record(&mut traffic.connections[self.connection], host_calls);
    }
}

#[wasmtime_wasi::async_trait]
impl<S: Pollable> Pollable for Counted<S> {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

#[wasmtime_wasi::async_trait]
impl InputStream for Counted<DynInputStream> {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let bytes = self.inner.read(size)?;
        self.record(|connection, _| connection.record_read(bytes.len()));
        Ok(bytes)
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Counted<DynOutputStream> {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.record(|connection, calls| connection.record_write(bytes.len(), calls));
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.inner.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.inner.check_write()
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

type Streams = (Resource<DynInputStream>, Resource<DynOutputStream>);

/// Replaces `finish-connect` in the linker by one whose streams count.
pub(super) fn wrap_connections(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.instance("wasi:sockets/tcp@0.2.12")?.func_wrap(
        "[method]tcp-socket.finish-connect",
        |mut store: StoreContextMut<'_, State>, (socket,): (Resource<TcpSocket>,)| {
            let state = store.data_mut();
            Ok((match state.sockets().finish_connect(socket) {
                Ok(streams) => Ok::<Streams, ErrorCode>(state.count(streams)?),
                Err(error) => Err(state.sockets().convert_error_code(error)?),
            },))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

impl State {
    fn count(&mut self, streams: Streams) -> wasmtime::Result<Streams> {
        let connection = self.traffic.connected();
        let recorder = || self.traffic.clone();
        let input: &mut DynInputStream = self.table.get_mut(&streams.0)?;
        let inner = std::mem::replace(input, Box::new(ClosedInputStream));
        *input = Box::new(Counted {
            inner,
            recorder: recorder(),
            connection,
        });
        let output: &mut DynOutputStream = self.table.get_mut(&streams.1)?;
        let inner = std::mem::replace(output, Box::new(ClosedOutputStream));
        *output = Box::new(Counted {
            inner,
            recorder: recorder(),
            connection,
        });
        Ok(streams)
    }
}
