//! The hosts that `cargo xtask hosts` has got into its folder, and how each is told what
//! a component may do.

use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// How long a run may take.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    folder: PathBuf,
}

/// What runs, with what.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// The component's name in the hosts' folders.
    pub(crate) component: String,
    pub(crate) args: Vec<String>,
    pub(crate) variables: BTreeMap<&'static str, String>,
    /// Of this machine, and what the component knows them by.
    pub(crate) folders: BTreeMap<&'static str, PathBuf>,
    pub(crate) stdin: String,
    pub(crate) network: bool,
    pub(crate) names: bool,
    /// In a network of its own, with this resolv.conf.
    pub(crate) resolv_conf: Option<PathBuf>,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn folder() -> PathBuf {
    let folder = std::env::var_os("HOSTS_FOLDER");
    folder.expect("`cargo xtask hosts` runs these tests").into()
}

impl Host {
    /// Those that could be had.
    pub(crate) fn all() -> Vec<Self> {
        let mut all: Vec<_> = std::fs::read_dir(folder())
            .expect("the hosts' folder")
            .map(|entry| entry.expect("the hosts' folder").path())
            .filter(|path| path.is_dir())
            .map(|folder| Self {
                name: folder
                    .file_name()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned(),
                folder,
            })
            .collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        assert!(!all.is_empty(), "there is no host");
        all
    }

    pub(crate) fn jco() -> Option<Self> {
        Self::all().into_iter().find(Self::is_jco)
    }

    pub(crate) fn is_jco(&self) -> bool {
        self.name.starts_with("jco")
    }

    /// Whether it is from before WASI 0.2.12: 0 or 1 is all that a component ends with.
    pub(crate) fn is_before_exit_codes(&self) -> bool {
        self.name.starts_with("wasmtime-36")
    }

    /// The command in the form that this host loads.
    pub(crate) fn command(&self) -> &'static str {
        match self.is_before_exit_codes() {
            true => "plain-exit",
            false => "wasi-sendmail",
        }
    }

    pub(crate) async fn run(&self, run: &Run) -> Ended {
        let mut words = match self.is_jco() {
            true => self.jco_words(run),
            false => self.wasmtime_words(run),
        };
        if let Some(file) = &run.resolv_conf {
            let file = file.display();
            let script =
                format!("ip link set lo up && mount --bind {file} /etc/resolv.conf && exec \"$@\"");
            let before = ["unshare", "--net", "--mount", "sh", "-c", &script, "sh"];
            words.splice(..0, before.map(str::to_owned));
        }
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("piped above");
        let text = run.stdin.clone();
        let ended = async {
            let write = async {
                // Who refuses its arguments reads nothing.
                let _ = stdin.write_all(text.as_bytes()).await;
                drop(stdin);
            };
            tokio::join!(write, child.wait_with_output()).1
        };
        let ended = tokio::time::timeout(LIMIT, ended).await;
        let ended = ended.unwrap_or_else(|_| panic!("{} hangs: {words:?}", self.name));
        Ended::of(ended.expect("its output"))
    }

    fn wasmtime_words(&self, run: &Run) -> Vec<String> {
        let program = self.folder.join("wasmtime_cli/wasmtime");
        let mut words = vec![text(&program), "run".into(), "--allow-precompiled".into()];
        let mut flags = |on: bool, flag: &str| {
            if on {
                words.extend(["-S".to_owned(), flag.to_owned()]);
            }
        };
        flags(run.network, "inherit-network");
        flags(run.names, "allow-ip-name-lookup");
        for (inside, outside) in &run.folders {
            words.extend(["--dir".into(), format!("{}::{inside}", text(outside))]);
        }
        for (name, value) in &run.variables {
            words.extend(["--env".into(), format!("{name}={value}")]);
        }
        words.push(text(&self.folder.join(format!("{}.cwasm", run.component))));
        words.extend(run.args.iter().cloned());
        words
    }

    fn jco_words(&self, run: &Run) -> Vec<String> {
        let name = &run.component;
        let program = self.folder.join(format!("{name}/{name}.js"));
        let args: Vec<_> = [name].into_iter().chain(&run.args).collect();
        let what = json!({
            "program": format!("file://{}", text(&program)),
            "folders": run.folders,
            "variables": run.variables,
            "args": args,
            "network": run.network,
        });
        vec![
            "node".into(),
            text(&self.folder.join("run.mjs")),
            what.to_string(),
        ]
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

impl Run {
    pub(crate) fn new(component: &str) -> Self {
        Self {
            component: component.into(),
            args: Vec::new(),
            variables: BTreeMap::new(),
            folders: BTreeMap::new(),
            stdin: String::new(),
            network: true,
            names: true,
            resolv_conf: None,
        }
    }

    pub(crate) fn args<A: ToString>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.to_string()));
        self
    }
}

impl Ended {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}
