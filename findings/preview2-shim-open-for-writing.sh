#!/bin/sh
# Package: @bytecodealliance/preview2-shim 0.26.1 (npm), and what wasi-libc asks of it (Rust 1.95's std
#   for wasm32-wasip2).
# Usual guess: a component that may write into a folder opens a file there by `open-at` with `write`.
#   That the flag `mutate-directory` stands beside it, as wasi-libc sets it with every `O_WRONLY` and
#   `O_RDWR`, is of no matter for a file: wasmtime ignores it.
# Behaviour: `open-at` throws `unsupported` as soon as `mutate-directory` is among the flags. So
#   `std::fs::File::create` and `OpenOptions::append` of Rust fail under jco with "not supported",
#   while the same call without that flag opens the file.
# Seen: opened without the flag, unsupported with it.
# Exits 1 if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module" }' > package.json
npm install --silent --no-audit --no-fund @bytecodealliance/preview2-shim@0.26.1
mkdir granted
cat > see.js <<'JS'
import { _addPreopen, preopens } from '@bytecodealliance/preview2-shim/filesystem';

_addPreopen('/granted', `${process.cwd()}/granted`);
const [folder] = preopens.getDirectories().find(([, name]) => name === '/granted');
for (const flags of [{ write: true }, { write: true, mutateDirectory: true }]) {
  let said = 'opened';
  try {
    folder.openAt({ symlinkFollow: true }, 'file', { create: true }, flags);
  } catch (error) {
    said = String(error.payload ?? error);
  }
  console.log(`${Object.keys(flags).join(', ')}: ${said}`);
}
process.exit(0);
JS
seen=$(node see.js)
echo "$seen"
[ "$seen" = 'write: opened
write, mutateDirectory: unsupported' ]
