// Runs a component that `jco transpile --instantiation async` made into PROGRAM.js, with
// the permissions of the JSON text that is its argument.
import { WASIShim } from '@bytecodealliance/preview2-shim/instantiation';
import { readFile } from 'node:fs/promises';

const { program, folders, variables, args, network } = JSON.parse(process.argv[2]);
const { instantiate } = await import(program);
const load = async (name) => WebAssembly.compile(await readFile(new URL(name, program)));
const sandbox = { preopens: folders, env: variables, args, enableNetwork: network };
const { run } = await instantiate(load, new WASIShim({ sandbox }).getImportObject());
run.run();
