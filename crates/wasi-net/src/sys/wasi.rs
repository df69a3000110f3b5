//! WASI 0.2: thin, typed wrappers over the bindings. Nothing here waits but
//! [`wait`].

use super::{LONGEST_TIMER, SocketOption};
use crate::{ErrorKind, ip};
use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use wasi::clocks::monotonic_clock::subscribe_duration;
use wasi::io::poll::poll;
use wasi::io::streams::{InputStream, OutputStream, StreamError};
use wasi::sockets::instance_network::instance_network;
use wasi::sockets::ip_name_lookup::{ResolveAddressStream, resolve_addresses};
use wasi::sockets::network::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
    Network,
};
use wasi::sockets::tcp::{ShutdownType, TcpSocket};
use wasi::sockets::tcp_create_socket::create_tcp_socket;

pub(crate) use wasi::io::poll::Pollable;

/// The timer of the last wait, kept for the next one.
pub(crate) type Alarm = Option<(Instant, Pollable)>;

pub(crate) const NO_ALARM: Alarm = None;

/// Waits until one of `list` is ready or the moment `until` has come; gives the
/// indices of what is ready, in no order, and whether it is time to look at the
/// clock.
///
/// Every read starts a timeout of its own, so the first deadline moves on with
/// each: `alarm` serves on as long as it is not too late. It may be too early,
/// which costs one look at the clock.
///
/// # Panics
///
/// When there is nothing to wait for, since that wait would never end (the
/// host traps on an empty list).
pub(crate) fn wait(
    list: Vec<&Pollable>,
    until: Option<Instant>,
    alarm: &mut Alarm,
) -> (Vec<u32>, bool) {
    if let Some(until) = until
        && alarm.as_ref().is_none_or(|(at, _)| *at > until)
    {
        let left = until.saturating_duration_since(Instant::now());
        *alarm = Some((until, subscribe_timer(left)));
    }
    let timer = alarm.as_ref().filter(|_| until.is_some());
    assert!(
        timer.is_some() || !list.is_empty(),
        "block_on: the future waits for something that is no socket, name or timer of wasi-net"
    );
    let (ready, rings) = poll_all(list, timer.map(|(_, timer)| timer));
    SPENT.set(ready.len() + usize::from(rings));
    if rings {
        *alarm = None;
    }
    (ready, rings)
}

/// Gives the indices of what is ready now. The zero timer is a fresh one: the
/// host yields to its own I/O only on the first poll of one.
pub(crate) fn look(list: Vec<&Pollable>) -> Vec<u32> {
    let timer = subscribe_timer(Duration::ZERO);
    poll_all(list, Some(&timer)).0
}

/// Waits for one of `list` or `timer`; gives the indices of the ready in `list`,
/// and whether `timer` is.
fn poll_all<'a>(mut list: Vec<&'a Pollable>, timer: Option<&'a Pollable>) -> (Vec<u32>, bool) {
    let len = list.len();
    list.extend(timer);
    let mut ready = poll(&list);
    let rings = ready.iter().position(|&n| n as usize == len);
    rings.map(|place| ready.swap_remove(place));
    (ready, rings.is_some())
}

/// wasmtime runs a component in a tokio task, and tokio gives a task 128 I/O
/// operations a turn: after those every socket looks as if it were not ready,
/// until the task yields. With many sockets that would be most of the time.
const TURN: usize = 100;

/// Stands for the component's only thread, which never waits for another.
pub(crate) struct Thread;

impl Thread {
    pub(crate) fn unpark(&self) {}
}

pub(crate) fn current_thread() -> Thread {
    Thread
}

thread_local! {
    /// I/O operations since the host last had, or was offered, a turn.
    static SPENT: Cell<usize> = const { Cell::new(0) };
}

/// Counts an I/O operation, and gives the host a turn when it is due.
fn spend() {
    let spent = SPENT.get() + 1;
    SPENT.set(spent);
    if spent > TURN {
        look(Vec::new());
        SPENT.set(1);
    }
}

/// A timer as a pollable, which rings after [`LONGEST_TIMER`] at the latest.
pub(crate) fn subscribe_timer(after: Duration) -> Pollable {
    let nanos = after.min(LONGEST_TIMER).as_nanos();
    subscribe_duration(nanos.try_into().unwrap_or(u64::MAX))
}

/// What a pollable can be made of, again and again. The pollables are its
/// children: it has to outlive them.
#[derive(Clone)]
pub(crate) enum Origin {
    Socket(Arc<TcpSocket>),
    Input(Arc<Streams>),
    Output(Arc<Streams>),
    Lookup(Arc<ResolveAddressStream>),
}

impl Origin {
    pub(crate) fn subscribe(&self) -> Pollable {
        match self {
            Self::Socket(socket) => socket.subscribe(),
            Self::Input(streams) => streams.input.subscribe(),
            Self::Output(streams) => streams.output.subscribe(),
            Self::Lookup(stream) => stream.subscribe(),
        }
    }
}

thread_local! {
    /// Asked for once, and never given back.
    static NETWORK: Cell<Option<&'static Network>> = const { Cell::new(None) };
}

fn network() -> &'static Network {
    NETWORK.get().unwrap_or_else(|| {
        let network = Box::leak(Box::new(instance_network()));
        NETWORK.set(Some(network));
        network
    })
}

/// A connection attempt. Dropping it cancels the attempt.
pub(crate) struct Connecting {
    socket: Arc<TcpSocket>,
}

impl Connecting {
    pub(crate) fn start(address: SocketAddr) -> Result<Self, ErrorKind> {
        let family = match address {
            SocketAddr::V4(_) => IpAddressFamily::Ipv4,
            SocketAddr::V6(_) => IpAddressFamily::Ipv6,
        };
        let socket = create_tcp_socket(family).map_err(network_error)?;
        socket
            .start_connect(network(), to_wit(address))
            .map_err(network_error)?;
        Ok(Self {
            socket: Arc::new(socket),
        })
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin::Socket(self.socket.clone())
    }

    /// The connection once it stands. The host makes progress only when it is
    /// polled or asked.
    pub(crate) fn finish(&self) -> Poll<Result<Socket, ErrorKind>> {
        spend();
        match self.socket.finish_connect() {
            Ok((input, output)) => Poll::Ready(Ok(Socket(Arc::new(Streams {
                input,
                output,
                socket: Arc::clone(&self.socket),
            })))),
            Err(ErrorCode::WouldBlock) => Poll::Pending,
            Err(code) => Poll::Ready(Err(network_error(code))),
        }
    }
}

/// An open connection.
pub(crate) struct Socket(Arc<Streams>);

/// The streams are children of the socket and stand before it: fields drop in
/// order, and the host traps when a parent goes first.
pub(crate) struct Streams {
    input: InputStream,
    output: OutputStream,
    socket: Arc<TcpSocket>,
}

impl Socket {
    pub(crate) fn readable(&self) -> Origin {
        Origin::Input(Arc::clone(&self.0))
    }

    pub(crate) fn writable(&self) -> Origin {
        Origin::Output(Arc::clone(&self.0))
    }

    /// Up to `len` bytes: empty when none are there yet, `None` at the end.
    pub(crate) fn read(&self, len: usize) -> Result<Option<Vec<u8>>, ErrorKind> {
        spend();
        match self.0.input.read(len as u64) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StreamError::Closed) => Ok(None),
            Err(error) => Err(stream_error(error)),
        }
    }

    /// How many bytes the next [`write`](Self::write) may take; 0 while an
    /// earlier one is in flight. Reports that one's failure.
    pub(crate) fn permit(&self) -> Result<usize, ErrorKind> {
        spend();
        let permit = self.0.output.check_write().map_err(stream_error)?;
        Ok(usize::try_from(permit).unwrap_or(usize::MAX))
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), ErrorKind> {
        spend();
        self.0.output.write(bytes).map_err(stream_error)
    }

    /// Ends both directions at once, so that the host can let go of a write.
    pub(crate) fn shutdown(&self) {
        // An error here means that the connection is gone already.
        let _ = self.0.socket.shutdown(ShutdownType::Both);
    }

    pub(crate) fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        self.0
            .socket
            .local_address()
            .map(from_wit)
            .map_err(network_error)
    }

    pub(crate) fn set(&self, option: SocketOption) -> Result<(), ErrorKind> {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        match option {
            SocketOption::KeepAlive(on) => self.0.socket.set_keep_alive_enabled(on),
            SocketOption::KeepAliveIdle(time) => {
                self.0.socket.set_keep_alive_idle_time(nanos(time))
            }
            SocketOption::KeepAliveInterval(time) => {
                self.0.socket.set_keep_alive_interval(nanos(time))
            }
            SocketOption::KeepAliveCount(count) => self.0.socket.set_keep_alive_count(count),
            SocketOption::HopLimit(hops) => self.0.socket.set_hop_limit(hops),
            SocketOption::ReceiveBuffer(len) => self.0.socket.set_receive_buffer_size(len as u64),
            SocketOption::SendBuffer(len) => self.0.socket.set_send_buffer_size(len as u64),
        }
        .map_err(|code| match code {
            ErrorCode::InvalidArgument => ErrorKind::InvalidOption,
            code => network_error(code),
        })
    }
}

/// A name being looked up. Dropping it cancels the lookup.
pub(crate) struct Lookup {
    stream: Arc<ResolveAddressStream>,
}

impl Lookup {
    pub(crate) fn start(name: &str) -> Result<Self, ErrorKind> {
        let stream = resolve_addresses(network(), name).map_err(resolve_error)?;
        Ok(Self {
            stream: Arc::new(stream),
        })
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin::Lookup(self.stream.clone())
    }

    pub(crate) fn next(&self) -> Poll<Result<Option<IpAddr>, ErrorKind>> {
        match self.stream.resolve_next_address() {
            Err(ErrorCode::WouldBlock) => Poll::Pending,
            Err(code) => Poll::Ready(Err(resolve_error(code))),
            Ok(address) => Poll::Ready(Ok(address.map(|address| match address {
                IpAddress::Ipv4((a, b, c, d)) => Ipv4Addr::new(a, b, c, d).into(),
                IpAddress::Ipv6(words) => ip::from_groups(&words.into()).into(),
            }))),
        }
    }
}

/// Every code by name, so that a new one stops the build.
fn network_error(code: ErrorCode) -> ErrorKind {
    match code {
        ErrorCode::AccessDenied => ErrorKind::NetworkDenied,
        ErrorCode::NotSupported => ErrorKind::Unsupported,
        ErrorCode::InvalidArgument => ErrorKind::InvalidAddress,
        ErrorCode::OutOfMemory => ErrorKind::OutOfMemory,
        ErrorCode::Timeout => ErrorKind::TimedOut,
        ErrorCode::NewSocketLimit => ErrorKind::NewSocketLimit,
        ErrorCode::RemoteUnreachable => ErrorKind::RemoteUnreachable,
        ErrorCode::ConnectionRefused => ErrorKind::ConnectionRefused,
        ErrorCode::ConnectionReset => ErrorKind::ConnectionReset,
        ErrorCode::ConnectionAborted => ErrorKind::ConnectionAborted,
        ErrorCode::NameUnresolvable => ErrorKind::NameUnresolvable,
        ErrorCode::TemporaryResolverFailure => ErrorKind::TemporaryResolverFailure,
        ErrorCode::PermanentResolverFailure => ErrorKind::ResolverFailure,
        ErrorCode::Unknown
        | ErrorCode::ConcurrencyConflict
        | ErrorCode::NotInProgress
        | ErrorCode::WouldBlock
        | ErrorCode::InvalidState
        | ErrorCode::AddressNotBindable
        | ErrorCode::AddressInUse
        | ErrorCode::DatagramTooLarge => ErrorKind::Other,
    }
}

fn resolve_error(code: ErrorCode) -> ErrorKind {
    match code {
        ErrorCode::InvalidArgument => ErrorKind::InvalidName,
        ErrorCode::AccessDenied => ErrorKind::NamesDenied,
        code => network_error(code),
    }
}

fn stream_error(error: StreamError) -> ErrorKind {
    match error {
        StreamError::Closed => ErrorKind::Closed,
        StreamError::LastOperationFailed(error) => {
            match ErrorKind::from_debug_text(&error.to_debug_string()) {
                // The host gave the connection up, by keep-alive for instance.
                // A timeout of ours leaves it open.
                ErrorKind::TimedOut => ErrorKind::ConnectionAborted,
                kind => kind,
            }
        }
    }
}

fn to_wit(address: SocketAddr) -> IpSocketAddress {
    match address {
        SocketAddr::V4(v4) => {
            let [a, b, c, d] = v4.ip().octets();
            IpSocketAddress::Ipv4(Ipv4SocketAddress {
                port: v4.port(),
                address: (a, b, c, d),
            })
        }
        SocketAddr::V6(v6) => IpSocketAddress::Ipv6(Ipv6SocketAddress {
            port: v6.port(),
            flow_info: v6.flowinfo(),
            address: ip::to_groups(*v6.ip()).into(),
            scope_id: v6.scope_id(),
        }),
    }
}

fn from_wit(address: IpSocketAddress) -> SocketAddr {
    match address {
        IpSocketAddress::Ipv4(Ipv4SocketAddress {
            port,
            address: (a, b, c, d),
        }) => SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port).into(),
        IpSocketAddress::Ipv6(v6) => SocketAddrV6::new(
            ip::from_groups(&v6.address.into()),
            v6.port,
            v6.flow_info,
            v6.scope_id,
        )
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_kind() {
        for (code, kind) in [
            (ErrorCode::AccessDenied, ErrorKind::NetworkDenied),
            (ErrorCode::NotSupported, ErrorKind::Unsupported),
            (ErrorCode::InvalidArgument, ErrorKind::InvalidAddress),
            (ErrorCode::OutOfMemory, ErrorKind::OutOfMemory),
            (ErrorCode::Timeout, ErrorKind::TimedOut),
            (ErrorCode::NewSocketLimit, ErrorKind::NewSocketLimit),
            (ErrorCode::RemoteUnreachable, ErrorKind::RemoteUnreachable),
            (ErrorCode::ConnectionRefused, ErrorKind::ConnectionRefused),
            (ErrorCode::ConnectionReset, ErrorKind::ConnectionReset),
            (ErrorCode::ConnectionAborted, ErrorKind::ConnectionAborted),
            (ErrorCode::InvalidState, ErrorKind::Other),
        ] {
            assert_eq!(network_error(code), kind);
        }
        for (code, kind) in [
            (ErrorCode::InvalidArgument, ErrorKind::InvalidName),
            (ErrorCode::AccessDenied, ErrorKind::NamesDenied),
            (ErrorCode::NameUnresolvable, ErrorKind::NameUnresolvable),
            (
                ErrorCode::TemporaryResolverFailure,
                ErrorKind::TemporaryResolverFailure,
            ),
            (
                ErrorCode::PermanentResolverFailure,
                ErrorKind::ResolverFailure,
            ),
        ] {
            assert_eq!(resolve_error(code), kind);
        }
        assert_eq!(stream_error(StreamError::Closed), ErrorKind::Closed);
    }

    #[test]
    fn addresses_survive_the_interface() {
        for address in ["192.0.2.1:25", "[2001:db8::1]:465", "[fe80::1%3]:587"] {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(from_wit(to_wit(address)), address);
        }
    }
}
