//! The engine that all guests share, and their compiled code, kept between
//! runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use wasmtime::{Cache, CacheConfig, Config, Engine};

/// How often a guest that never waits is interrupted for the limit's sake.
const TICK: Duration = Duration::from_millis(10);

static ENGINE: OnceLock<Engine> = OnceLock::new();

pub(super) fn engine() -> &'static Engine {
    ENGINE.get_or_init(|| new_engine(Config::new()))
}

/// Lets the guests of this process use wide arithmetic, which wasmtime does not
/// have on by default. No test does, so that they prove that it is not needed.
///
/// # Panics
///
/// When a component was loaded before.
pub fn allow_wide_arithmetic() {
    let mut config = Config::new();
    config.wasm_wide_arithmetic(true);
    let first = ENGINE.set(new_engine(config)).is_ok();
    assert!(first, "a component has been loaded already");
}

/// The cache keeps what engines of different features compiled apart.
fn new_engine(mut config: Config) -> Engine {
    let mut cache = CacheConfig::new();
    cache.with_directory(target_folder().join("wasmtime-cache"));
    config.epoch_interruption(true);
    config.cache(Some(
        Cache::new(cache).expect("the target folder can be written"),
    ));
    let engine = Engine::new(&config).expect("wasmtime supports this machine");
    let ticking = engine.clone();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(TICK);
            ticking.increment_epoch();
        }
    });
    engine
}

/// A compiled component.
#[derive(Clone)]
pub struct Component(wasmtime::component::Component);

impl Component {
    /// Compiles a `.wasm` file, or takes it from the cache in the target
    /// folder.
    ///
    /// # Errors
    ///
    /// wasmtime's, when the file can't be read or is no component.
    pub fn from_file(path: &Path) -> wasmtime::Result<Self> {
        wasmtime::component::Component::from_file(engine(), path).map(Self)
    }

    pub(super) fn inner(&self) -> &wasmtime::component::Component {
        &self.0
    }
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Component").finish()
    }
}

/// Builds a package of this workspace for wasm32-wasip2 in the dev profile, if
/// need be, and loads its program `name`.
///
/// # Panics
///
/// When it does not build. What cargo says is on standard error.
#[must_use]
pub fn build(package: &str, name: &str) -> Component {
    let path = build_file(package, name);
    Component::from_file(&path).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()))
}

/// The same, where a program wants the file.
///
/// # Panics
///
/// When it does not build.
#[must_use]
pub fn build_file(package: &str, name: &str) -> PathBuf {
    build_once(package);
    target_folder().join(format!("wasm32-wasip2/debug/{name}.wasm"))
}

/// One call of cargo for a package and process, however many tests ask.
fn build_once(package: &str) {
    static BUILT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if built.contains(package) {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let status = Command::new(env!("CARGO"))
        .args(["xtask", "guest-build", package])
        .current_dir(root)
        .status()
        .expect("cargo runs, since it built this");
    assert!(status.success(), "{package} does not build");
    built.insert(package.to_owned());
}

/// The target folder that this program was built into.
fn target_folder() -> PathBuf {
    let program = std::env::current_exe().expect("the system knows this program's path");
    let folder = program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").exists());
    folder
        .expect("cargo built this program into a target folder")
        .to_owned()
}
