//! The config file: one `name = value` a line.

use super::layer::{Layer, Setting};
use crate::Failure;
use std::path::Path;

/// What the file at `path`, whose content this is, says.
///
/// # Errors
///
/// The file's name, the line's number and what is wrong. Nothing of an unknown
/// line is repeated: it may be the rest of a secret.
pub(crate) fn parse(path: &Path, content: &[u8]) -> Result<Layer, Failure> {
    let mut layer = Layer::default();
    let mut seen = Vec::new();
    for (at, line) in content.split(|&b| b == b'\n').enumerate() {
        let wrong = |what: &str| {
            let (path, line) = (path.display(), at + 1);
            Failure::config(format!("line {line} of the config file {path} {what}"))
        };
        let line = str::from_utf8(line).map_err(|_| wrong("is no UTF-8 text: save it as UTF-8"))?;
        let line = line.trim();
        // A # further on belongs to the value: passwords have it.
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| wrong("has no =: write name = value"))?;
        let setting = Setting::ALL
            .into_iter()
            .find(|setting| setting.name() == name.trim_end())
            .ok_or_else(|| wrong(&format!("has an unknown name: known are {}", known())))?;
        let name = setting.name();
        if seen.contains(&setting) {
            return Err(wrong(&format!("has {name} again: leave one of them out")));
        }
        seen.push(setting);
        let value = value.trim_start();
        // An empty value is a slip here, while `-f ""` is meant.
        let set = if value.is_empty() && setting == Setting::From {
            Err("has no value: write <> for nobody".into())
        } else {
            layer.set(setting, value)
        };
        set.map_err(|what| wrong(&format!("is wrong: {name} {what}")))?;
    }
    Ok(layer)
}

fn known() -> String {
    Setting::ALL.map(Setting::name).join(", ")
}
