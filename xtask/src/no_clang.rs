//! Components build where no C compiler knows WebAssembly.

use crate::{guest, libraries};
use anyhow::{Context as _, ensure};
use std::path::{Path, PathBuf};
use xshell::{Shell, cmd};

/// Checks the command and the libraries for WASI in a folder of their own, where no
/// build script ran before, and looks that *ring* is no part of them. That they link
/// too is shown by the components of the sizes.
pub(crate) fn no_clang(sh: &Shell) -> anyhow::Result<()> {
    let folder = guest::target_folder().join("no-clang");
    let packages: &Vec<_> = &libraries().collect();
    without(sh, || {
        cmd!(
            sh,
            "cargo check --quiet --locked --target wasm32-wasip2 --target-dir {folder} {packages...}"
        )
        .run()
        .context("components need a C compiler")
    })?;
    let tree = cmd!(
        sh,
        "cargo tree --locked --target wasm32-wasip2 --edges normal,build --prefix none {packages...}"
    )
    .quiet()
    .read()?;
    let ring = tree.lines().find(|line| line.starts_with("ring "));
    ensure!(ring.is_none(), "ring is a dependency of a default build");
    Ok(())
}

/// Does something with a PATH where clang is not.
pub(crate) fn without<T>(
    sh: &Shell,
    something: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let path = path_without_clang(sh, &guest::target_folder().join("no-clang/path"))?;
    let _path = sh.push_env("PATH", path);
    // A compiler that a variable names would be used in its place.
    let _cc = sh.push_env("CC_wasm32_wasip2", "clang");
    ensure!(
        cmd!(sh, "clang --version")
            .quiet()
            .ignore_status()
            .run()
            .is_err(),
        "clang is found where it was hidden"
    );
    // Everything but the native linker, which build scripts need, is rustc's own.
    something()
}

/// A folder with links to all programs of PATH but the clangs.
fn path_without_clang(sh: &Shell, folder: &Path) -> anyhow::Result<PathBuf> {
    sh.remove_path(folder)?;
    sh.create_dir(folder)?;
    let path = sh.var_os("PATH").unwrap_or_default();
    for program in std::env::split_paths(&path)
        .filter_map(|place| std::fs::read_dir(place).ok())
        .flatten()
    {
        let program = program?;
        let link = folder.join(program.file_name());
        let is_clang = program.file_name().to_string_lossy().contains("clang");
        // The first one of a name is the one that PATH means.
        if !is_clang && !link.exists() {
            symlink(&program.path(), &link)?;
        }
    }
    Ok(folder.to_owned())
}

#[cfg(unix)]
fn symlink(program: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(program, link)
}

#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
