//! A server of the mail lab, from `up` to `down`.

use std::error::Error;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// By what `up` says that a server is not there: it names the lab's `setup.sh`, or
/// passes on what Linux and Node.js say.
const NOT_INSTALLED: [&str; 3] = ["setup.sh", "failed to execute", "MODULE_NOT_FOUND"];

/// A server that runs as long as this lives.
pub(crate) struct Server {
    kit: PathBuf,
    name: String,
    /// `KIND:PORT`, on 127.0.0.1.
    pub(crate) listeners: Vec<String>,
    /// Where mails arrive: `LOCALPART/new/*`.
    pub(crate) mail: PathBuf,
    /// The lab's certificates.
    pub(crate) certificates: PathBuf,
    pub(crate) version: String,
}

/// What `up` came to.
pub(crate) enum Up {
    Runs(Server),
    /// It is not installed; the text says what helps.
    Missing(String),
}

impl Server {
    /// Starts one by the kit's `up`.
    pub(crate) fn start(kit: &Path, name: &str) -> Result<Up, Box<dyn Error>> {
        // Whatever `up` starts may keep its streams open: files, not pipes.
        let (mut out, mut err) = (tempfile::tempfile()?, tempfile::tempfile()?);
        let status = Command::new(kit.join("up"))
            .arg(name)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(err.try_clone()?)
            .status()
            .map_err(|error| format!("{} can't be run: {error}", kit.join("up").display()))?;
        // From here on it is stopped, however far it came.
        let mut server = Self {
            kit: kit.to_owned(),
            name: name.to_owned(),
            listeners: Vec::new(),
            mail: PathBuf::new(),
            certificates: PathBuf::new(),
            version: String::new(),
        };
        let text = |file: &mut std::fs::File| -> std::io::Result<String> {
            let mut text = Vec::new();
            file.rewind()?;
            file.read_to_end(&mut text)?;
            Ok(String::from_utf8_lossy(&text).into_owned())
        };
        if !status.success() {
            let said = text(&mut err)?;
            if NOT_INSTALLED.iter().any(|sign| said.contains(sign)) {
                return Ok(Up::Missing(format!("`setup.sh {name}` installs it")));
            }
            // Not in the error: it has paths of this machine.
            eprint!("{said}");
            return Err(format!("`up {name}` failed").into());
        }
        server.read(&text(&mut out)?)?;
        Ok(Up::Runs(server))
    }

    fn read(&mut self, lines: &str) -> Result<(), Box<dyn Error>> {
        for line in lines.lines() {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["READY", "127.0.0.1", port, kind] => {
                    self.listeners.push(format!("{kind}:{port}"));
                }
                ["MAIL", folder] => self.mail = folder.into(),
                ["CA", file] => {
                    let folder = Path::new(file).parent();
                    self.certificates = folder.ok_or("the CA has no folder")?.to_owned();
                }
                _ => {}
            }
        }
        let info = self.mail.with_file_name("info.json");
        self.version = version(&std::fs::read_to_string(info)?).unwrap_or_default();
        Ok(())
    }
}

/// Of the lab's `info.json`.
fn version(json: &str) -> Option<String> {
    let (_, behind) = json.split_once("\"version\":")?;
    behind.split('"').nth(1).map(str::to_owned)
}

impl Drop for Server {
    fn drop(&mut self) {
        let down = Command::new(self.kit.join("down"))
            .arg(&self.name)
            .stdout(Stdio::null())
            .status();
        if !down.is_ok_and(|status| status.success()) {
            eprintln!("`down {}` failed: stop it by hand", self.name);
        }
    }
}
