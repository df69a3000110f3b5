#!/bin/sh
# Package: @bytecodealliance/preview2-shim 0.26.1 (npm), which jco 1.35.0 has its components stand on.
# Usual guess: `wasi:cli/terminal-stderr.get-terminal-stderr` gives a handle if standard error is
#   connected to a terminal, as its WIT says, and none if it goes into a file or a pipe. So a program
#   draws its progress bar there only where a person sees it: `isatty` of wasi-libc, and Rust's
#   `IsTerminal`, ask just this.
# Behaviour: it gives a handle in any case, and so do standard input and output. Under jco a bar,
#   colours and cursor movements go into log files.
# Seen: three handles, with Node itself saying that none of the three is a terminal.
# Exits 1 if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module" }' > package.json
npm install --silent --no-audit --no-fund @bytecodealliance/preview2-shim@0.26.1
cat > see.js <<'JS'
import { terminalStderr, terminalStdin, terminalStdout } from '@bytecodealliance/preview2-shim/cli';

const handles = [
  terminalStdin.getTerminalStdin(),
  terminalStdout.getTerminalStdout(),
  terminalStderr.getTerminalStderr(),
];
const node = [process.stdin, process.stdout, process.stderr];
console.log(handles.map((handle) => handle !== undefined).join(' '));
console.log(node.map((stream) => stream.isTTY === true).join(' '));
JS
seen=$(node see.js < /dev/null 2> errors)
echo "$seen"
[ "$seen" = 'true true true
false false false' ]
