#!/bin/sh
# Package: @bytecodealliance/preview2-shim 0.26.1 (npm), which jco 1.35.0 has its components stand on.
# Usual guess: what a new `tcp-socket` of wasi:sockets says of its options is what the machine's
#   sockets have, as it is in wasmtime: Linux has a TTL of 64, and sends 9 keep-alive probes 75 s apart.
# Behaviour: the getters give constants of the shim until a setter was called: a hop limit of 1, with
#   which no packet would pass a router, and 10 probes 1 s apart. The sockets themselves have the
#   machine's values: the constants are told and not set. So a component that reads an option to
#   write it back changes it.
# Seen: 1, 1000000000 (ns) and 10 of a new socket.
# Exits 1 if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module" }' > package.json
npm install --silent --no-audit --no-fund @bytecodealliance/preview2-shim@0.26.1
cat > see.js <<'JS'
import { tcpCreateSocket } from '@bytecodealliance/preview2-shim/sockets';

const socket = tcpCreateSocket.createTcpSocket('ipv4');
console.log(String(socket.hopLimit()));
console.log(String(socket.keepAliveInterval()));
console.log(String(socket.keepAliveCount()));
process.exit(0);
JS
seen=$(node see.js)
echo "$seen"
[ "$seen" = '1
1000000000
10' ]
