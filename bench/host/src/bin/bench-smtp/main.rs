//! `cargo xtask bench smtp`: our client beside others on the same server, in
//! ratios of one run. `bench-smtp OURS PEERS` with two folders of components
//! built for release: the first has `smtp_client` and `smtp_session_client` of
//! `bench/guests`, the second the programs of `bench/peers`. They run in turn, and measure their own time.
//!
//! - `--rounds N`: how often each runs. Default: 9.
//! - `--only MEASURE`: nothing but that one.
//! - `--json FILE`: where the figures go too. Default: behind the tables.
//! - `--lab`: against a mail lab's server instead of the one in memory: what its
//!   `up` prints is on standard input.

mod measure;
mod report;
mod server;

use measure::{MEASURES, Measure, Program};
use report::{Row, Table, json};
use server::Server;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;
use test_host::guest::{Component, Ending, Guest, Network, Outcome};
use tokio::runtime::{Handle, Runtime};

/// The longest that a run may take.
const LIMIT: Duration = Duration::from_secs(180);

/// What a program did in one run.
struct Run {
    /// What it says it took for all mails, in milliseconds.
    time: f64,
    /// What else it says.
    memory: Option<String>,
    /// Client flights for each mail, the closing alert's included: the fewest
    /// and the most of one connection.
    flights: [f64; 2],
    /// Calls of the host for each mail.
    host_calls: f64,
    /// Sessions that were resumed, where the server says so.
    resumed: Option<usize>,
}

struct Bench {
    components: BTreeMap<&'static str, Component>,
    server: Server,
    rounds: usize,
}

impl Bench {
    fn load(args: &Args, servers: Handle) -> Result<Self, Box<dyn Error>> {
        let mut components = BTreeMap::new();
        for program in MEASURES.iter().flat_map(|measure| measure.programs) {
            let folder = match program.is_ours {
                true => &args.ours,
                false => &args.peers,
            };
            let path = folder.join(program.file).with_extension("wasm");
            components.insert(program.file, Component::from_file(&path)?);
        }
        let server = match args.lab {
            true => Server::of_lab(servers, std::io::stdin().lock())?,
            false => Server::in_memory(servers)?,
        };
        Ok(Self {
            components,
            server,
            rounds: args.rounds,
        })
    }

    async fn measure(&self, measure: &Measure) -> Result<Table, Box<dyn Error>> {
        let size = measure.size.min(self.server.largest());
        let programs = measure.programs;
        let mut rows: Vec<Row> = programs.iter().map(Row::new).collect();
        for round in 0..self.rounds {
            for turn in 0..programs.len() {
                let index = (round + turn) % programs.len();
                if rows[index].failure.is_some() {
                    continue;
                }
                match self.run(measure, &programs[index], size).await? {
                    Ok(run) => rows[index].runs.push(run),
                    Err(failure) if programs[index].is_ours => {
                        return Err(format!("ours failed: {failure}").into());
                    }
                    Err(failure) => rows[index].failure = Some(failure),
                }
            }
        }
        Ok(Table::new(measure, size, self.server.is_lab(), rows))
    }

    /// One run of `program`; the inner error is its own.
    async fn run(
        &self,
        measure: &Measure,
        program: &Program,
        size: usize,
    ) -> Result<Result<Run, String>, Box<dyn Error>> {
        // What waits for each mail shows it in fewer as well.
        let share = measure.share(program);
        let count = measure.count / share;
        let site = self.server.open(measure.delay).await?;
        let guest = Guest::new(&self.components[program.file], program.file)
            .network(Network::Loopback)
            .allow_names()
            .limit(Some(LIMIT))
            .folder(self.server.folder(), "/ca")
            .arg(measure.kind)
            .arg(site.port())
            .arg("/ca/ca.pem")
            .arg(count)
            .arg(size)
            .arg(server::USER)
            .arg(server::PASSWORD);
        let outcome = guest.run().await;
        if outcome.ending != Ending::Exit(0) {
            return Ok(Err(failure(&outcome)));
        }
        let mut lines = outcome.stdout.lines();
        let time: f64 = lines.next().ok_or("it printed no time")?.parse()?;
        let resumed = match site.arrived(count, size) {
            Ok(resumed) => resumed,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let connections = &outcome.traffic.connections;
        #[expect(clippy::cast_precision_loss, reason = "they are few")]
        let each = |total: u64, of: usize| total as f64 / of as f64;
        let mails = (count / connections.len().max(1)).max(1);
        let flights = connections.iter().map(|one| each(one.flights, mails));
        let fewest = flights.clone().fold(f64::INFINITY, f64::min);
        Ok(Ok(Run {
            time: time * each(share as u64, 1),
            memory: lines.next().map(str::to_owned),
            flights: [fewest, flights.fold(0.0, f64::max)],
            host_calls: each(outcome.traffic.host_calls, count),
            resumed,
        }))
    }
}

/// How it failed, on one line.
fn failure(outcome: &Outcome) -> String {
    let said = outcome.stderr.lines().filter(|line| !line.is_empty());
    // A panic says what it is about behind where it is.
    let panic = said
        .clone()
        .skip_while(|line| !line.contains("panicked at"));
    let said = panic.skip(1).chain(said).next().unwrap_or_default();
    let said: String = said.replace('|', "/").chars().take(120).collect();
    match &outcome.ending {
        Ending::TimedOut => format!("not done after {} s", LIMIT.as_secs()),
        Ending::Trap(_) => format!("traps: {said}"),
        Ending::Exit(_) => said,
    }
}

struct Args {
    ours: PathBuf,
    peers: PathBuf,
    rounds: usize,
    only: Option<String>,
    json: Option<PathBuf>,
    lab: bool,
}

impl Args {
    fn read(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        const USAGE: &str =
            "usage: bench-smtp OURS PEERS [--rounds N] [--only MEASURE] [--json FILE] [--lab]";
        let mut folder = || args.next().map(PathBuf::from).ok_or(USAGE);
        let mut read = Self {
            ours: folder()?,
            peers: folder()?,
            rounds: 9,
            only: None,
            json: None,
            lab: false,
        };
        while let Some(flag) = args.next() {
            let mut value = || args.next().ok_or(USAGE);
            match flag.as_str() {
                "--rounds" => read.rounds = value()?.parse()?,
                "--only" => read.only = Some(value()?),
                "--json" => read.json = Some(value()?.into()),
                "--lab" => read.lab = true,
                _ => return Err(USAGE.into()),
            }
        }
        Ok(read)
    }

    /// The measures that are asked for and that the server is there for.
    fn measures(&self) -> Result<Vec<&'static Measure>, Box<dyn Error>> {
        let all = MEASURES.iter().filter(|one| !(self.lab && one.delay));
        let asked = |one: &&Measure| self.only.as_ref().is_none_or(|only| one.name == only);
        let measures: Vec<_> = all.clone().filter(asked).collect();
        if measures.is_empty() {
            let names: Vec<_> = all.map(|one| one.name).collect();
            return Err(format!("the measures are {}", names.join(", ")).into());
        }
        Ok(measures)
    }
}

fn write(path: Option<&Path>, json: &str) -> std::io::Result<()> {
    match path {
        Some(path) => std::fs::write(path, json),
        None => {
            print!("\n{json}");
            Ok(())
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::read(std::env::args().skip(1))?;
    let (servers, guests) = (Runtime::new()?, Runtime::new()?);
    let measures = args.measures()?;
    let bench = Bench::load(&args, servers.handle().clone())?;
    let mut tables = Vec::new();
    for measure in measures {
        let table = guests.block_on(bench.measure(measure))?;
        println!("{table}");
        tables.push(table);
    }
    let json = json(bench.server.is_lab(), bench.rounds, &tables);
    Ok(write(args.json.as_deref(), &json)?)
}
