//! The network guests under jco, by our executor.

use crate::host::{Host, Run};
use std::time::Duration;
use test_host::fault::{BlackHole, Direction, Fault, Proxy};
use test_host::peers::{Peer, PeerServer};
use test_host::protocols::{echo_substreams, h2_server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

/// The guests that run there.
const GUESTS: &str = include_str!("guests.txt");

/// Those that do not, and why.
const OTHERS: [(&str, &str); 4] = [
    (
        "net_graveyard",
        "counts drops that wait for the peer: there none waits",
    ),
    ("net_http_handler", "is no command"),
    (
        "net_raw",
        "measures wasi-net beside wasmtime's streams by hand",
    ),
    ("net_wstd_tasks", "is about wstd's tasks"),
];

pub(crate) fn every_network_guest_runs_there_or_has_a_reason() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../guests/src/bin");
    let files = std::fs::read_dir(folder).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let tests = include_str!("guests.rs");
    for name in names.filter(|name| name.starts_with("net_")) {
        let name = name.trim_end_matches(".rs");
        let runs = GUESTS.lines().any(|guest| guest == name);
        let has_reason = OTHERS.iter().any(|(other, _)| *other == name);
        assert!(runs != has_reason, "{name}");
        assert!(tests.contains(&format!("\"{name}\"")), "{name}");
    }
}

/// What it prints, once it has ended with 0.
fn run(host: &Host, name: &str, args: &[&dyn ToString]) -> impl Future<Output = String> + use<> {
    let run = Run::new(name).args(["own"]);
    let run = run.args(args.iter().map(|arg| arg.to_string()));
    let host = host.clone();
    async move {
        let ended = host.run(&run).await;
        assert_eq!(ended.code, Some(0), "{}: {ended:?}", run.component);
        ended.stdout
    }
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

pub(crate) async fn those_with_a_peer_that_echoes_or_is_silent() {
    let Some(host) = Host::jco() else { return };
    let echo = PeerServer::start(Peer::Echo).await.unwrap();
    let flood = PeerServer::start(Peer::Flood).await.unwrap();
    let sink = Proxy::sink().start().await.unwrap();
    let hole = BlackHole::new().await.unwrap();
    let [echo, flood] = [&echo, &flood].map(PeerServer::port);
    let [sink, hole] = [sink.addr().port(), hole.addr().port()];
    for name in ["net_split", "net_busy", "net_wrong_uses"] {
        run(&host, name, &[&echo]).await;
    }
    run(&host, "net_round_trips", &[&echo, &100, &false]).await;
    run(&host, "net_greedy", &[&flood, &echo]).await;
    run(&host, "net_cancelled", &[&echo, &hole]).await;
    run(&host, "net_many", &[&echo, &200]).await;
    run(&host, "net_stalled_peer", &[&sink]).await;
    run(&host, "net_flush_on_wait", &[&sink]).await;
    run(&host, "net_deadlines", &[&1, &hole, &sink, &sink]).await;
}

/// What was flushed before the socket ends is there: Node throws away what it has queued,
/// which is little beyond what the kernel takes of a peer that does not read yet.
pub(crate) async fn what_was_written_arrives() {
    let Some(host) = Host::jco() else { return };
    let (listener, port) = listener().await;
    let stalling = async {
        let (stalled, _) = listener.accept().await.unwrap();
        stalled
    };
    let (said, stalled) = tokio::join!(run(&host, "net_stalled_peer", &[&port]), stalling);
    drop(stalled);
    let taken: usize = said.split(' ').next().unwrap().parse().unwrap();
    // Behind the kernel's are our buffer and Node's. A little of that is free.
    let kernels = taken - 64 * 1024 - QUEUE_LEN;
    let lens = (0..20).map(|n| (kernels / QUEUE_LEN + n % 5 - 1) * QUEUE_LEN - 100);
    let lens: Vec<usize> = lens.collect();
    let expected = lens.clone();
    let mut reading = JoinSet::new();
    reading.spawn(async move {
        for len in expected {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::time::sleep(LATE).await;
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            assert_eq!(all.len(), len);
        }
    });
    let mut args: Vec<&dyn ToString> = vec![&port];
    args.extend(lens.iter().map(|len| len as &dyn ToString));
    run(&host, "net_all_arrives", &args).await;
    reading.join_next().await.unwrap().unwrap();
}

/// How much Node queues.
const QUEUE_LEN: usize = 16 * 1024;

/// When a peer begins to read.
const LATE: Duration = Duration::from_millis(250);

pub(crate) async fn those_with_a_peer_of_their_own() {
    let Some(host) = Host::jco() else { return };
    let (behind, port) = listener().await;
    let written_behind = async {
        let (mut writer, _) = behind.accept().await.unwrap();
        let (other, _) = behind.accept().await.unwrap();
        writer.read_exact(&mut [0; 5]).await.unwrap();
        drop(other);
    };
    let guest = run(&host, "net_written_behind", &[&port]);
    tokio::join!(guest, written_behind);
    let ((peer, port), (control, to_control)) = (listener().await, listener().await);
    let resets = async {
        let (mut control, _) = control.accept().await.unwrap();
        for is_reset in [true, false] {
            let (mut stream, _) = peer.accept().await.unwrap();
            stream.read_exact(&mut [0; 9]).await.unwrap();
            stream.write_all(b"the end").await.unwrap();
            if is_reset {
                stream.set_zero_linger().unwrap();
            }
            drop(stream);
            control.write_all(&[0]).await.unwrap();
        }
    };
    tokio::join!(run(&host, "net_reset", &[&port, &to_control]), resets);
    let (yamux, port) = listener().await;
    let substreams = async {
        let (stream, _) = yamux.accept().await.unwrap();
        assert_eq!(echo_substreams(stream).await, 8);
    };
    tokio::join!(run(&host, "net_yamux", &[&port]), substreams);
    let (_h2, port) = h2_server().await.unwrap();
    run(&host, "net_h2", &[&port, &50, &true]).await;
    let (_ipv4, port) = listener().await;
    let address = run(&host, "net_two_families", &[&"localhost", &port]).await;
    assert_eq!(address, "127.0.0.1\n");
    if let Ok((dead, _live)) = BlackHole::with_live_v4().await {
        run(&host, "net_happy_eyeballs", &[&dead.addr().port(), &1]).await;
    }
}

pub(crate) async fn the_errors_are_those_of_wasmtime() {
    let Some(host) = Host::jco() else { return };
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let closed = closed.local_addr().unwrap().port();
    for (name, port, kind) in [
        ("127.0.0.1", closed, "ConnectionRefused"),
        ("127.0.0.1", 0, "InvalidAddress"),
        ("fe80::1", closed, "InvalidAddress"),
        ("::7f00:1", closed, "InvalidAddress"),
        ("::ffff:127.0.0.1", closed, "InvalidAddress"),
        ("127.1", closed, "InvalidName"),
        ("no-such-name.invalid", closed, "NameUnresolvable"),
    ] {
        let said = run(&host, "net_errors", &[&name, &port]).await;
        assert!(said.starts_with(&format!("{kind}: ")), "{name}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    // No scope is passed on.
    let said = run(&host, "net_link_local", &[&"[fe80::1%1]:25"]).await;
    assert_eq!(said, "InvalidAddress\n");
    let echo = PeerServer::start(Peer::Echo).await.unwrap();
    // Not a reset amid data: Node may take one for an end.
    for (fault, says) in [
        (Fault::Close, "500 end"),
        (Fault::HalfClose, "500 end"),
        (Fault::Stall, "500 TimedOut: "),
    ] {
        let proxy = Proxy::builder(echo.addr()).segment(Direction::ToClient, 1);
        let proxy = proxy.after(Direction::ToClient, 500, fault);
        let proxy = proxy.start().await.unwrap();
        let said = run(&host, "net_faults", &[&proxy.addr().port()]).await;
        let reset = fault == Fault::Close && said.contains("ConnectionReset: ");
        assert!(said.contains(says) || reset, "{fault:?}: {said}");
    }
}
