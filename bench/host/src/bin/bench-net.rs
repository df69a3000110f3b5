//! `cargo xtask bench net`: what wasi-net costs, in ratios of one run, and what
//! it waits. The guests are those of the tests, built for release, in the folder
//! that is the only argument.

use std::error::Error;
use std::path::PathBuf;
use test_host::fault::{BlackHole, Proxy};
use test_host::guest::{Component, EXECUTORS, Guest, Network};
use test_host::peers::{Peer, PeerServer, stalling};

const BYTES: usize = 64 * 1024 * 1024;

struct Bench {
    folder: PathBuf,
}

impl Bench {
    fn guest(&self, name: &str, executor: &str) -> Result<Guest, Box<dyn std::error::Error>> {
        let component = Component::from_file(&self.folder.join(format!("{name}.wasm")))?;
        let guest = Guest::new(&component, name).network(Network::Loopback);
        Ok(guest.limit(None).arg(executor))
    }

    async fn against_by_hand(&self) -> Result<(), Box<dyn Error>> {
        let echo = PeerServer::start(Peer::Echo).await?;
        let source = PeerServer::start(Peer::Source(BYTES)).await?;
        let sink = PeerServer::start(Peer::Sink).await?;
        println!(
            "| ours / wasi:sockets by hand | by hand, ms | median of 15 ratios |\n|---|---|---|"
        );
        let guest = self.guest("net_raw", "own")?.arg(echo.port());
        let guest = guest.arg(source.port()).arg(sink.port());
        let run = guest.arg(15).arg(2000).arg(BYTES).run().await;
        for line in run.expect_success().stdout.lines() {
            let cells: Vec<_> = line.split(' ').collect();
            println!("| {} |", cells.join(" | "));
        }
        let mut slowest = Vec::new();
        for executor in EXECUTORS {
            let guest = self.guest("net_round_trips", executor)?;
            let run = guest.arg(echo.port()).arg(100).arg(true).run().await;
            slowest.extend(numbers(&run.expect_success().stdout)?);
        }
        println!("\nwrite-write-read: the slowest of 100 in ms, by executor: {slowest:?}");
        Ok(())
    }

    async fn deadlines(&self) -> Result<(), Box<dyn Error>> {
        let hole = BlackHole::new().await?;
        let peer = Proxy::sink().start().await?;
        println!(
            "\n| deadline of 300 ms, median (longest) of 20 in ms | own | wstd | futures-lite | tokio |\n|---|---|---|---|---|"
        );
        let mut rows: Vec<String> = Vec::new();
        for executor in EXECUTORS {
            let guest = self.guest("net_deadlines", executor)?.arg(20);
            let guest = guest.arg(hole.addr().port()).arg(peer.addr().port());
            let run = guest.arg(peer.addr().port()).run().await.expect_success();
            for (n, line) in run.stdout.lines().enumerate() {
                let (name, times) = line.split_once(' ').ok_or("a name and times")?;
                if rows.len() == n {
                    rows.push(format!("| {name} |"));
                }
                let times = numbers(times)?;
                let longest = times.last().ok_or("a time")?;
                rows[n] += &format!(" {:.1} ({longest:.1}) |", times[times.len() / 2]);
            }
        }
        println!("{}", rows.join("\n"));
        Ok(())
    }

    async fn drops(&self) -> Result<(), Box<dyn Error>> {
        let peer = Proxy::sink().start().await?;
        let mut drops = Vec::new();
        let mut pending = String::new();
        for _ in 0..9 {
            let guest = self.guest("net_stalled_peer", "own")?;
            let run = guest.arg(peer.addr().port()).run().await.expect_success();
            let (bytes, time) = run.stdout.split_once(' ').ok_or("bytes and a time")?;
            pending = bytes.to_owned();
            drops.extend(numbers(time)?);
        }
        drops.sort_by(f64::total_cmp);
        println!(
            "\ndrop of a stalled stream with {pending} bytes pending: {:.3} ms, median of 9",
            drops[4]
        );
        let run = stalling(self.guest("net_graveyard", "own")?, 100, 2000)
            .await?
            .expect_success();
        let (slowest, beside) = run.stdout.trim().split_once(' ').ok_or("two numbers")?;
        println!(
            "100 such drops: the slowest {slowest} ms; round trips beside them take {beside} times as long as alone"
        );
        Ok(())
    }

    async fn many(&self) -> Result<(), Box<dyn Error>> {
        let echo = PeerServer::start(Peer::Echo).await?;
        println!("\n| connections at once | ms each, median of 9 |\n|---|---|");
        let mut each = Vec::new();
        for count in [100, 1000] {
            let mut times = Vec::new();
            for _ in 0..9 {
                let guest = self.guest("net_many", "own")?.arg(echo.port()).arg(count);
                let run = guest.run().await.expect_success();
                times.extend(numbers(&run.stdout)?);
            }
            times.sort_by(f64::total_cmp);
            each.push(times[4] / f64::from(count));
            println!("| {count} | {:.3} |", times[4] / f64::from(count));
        }
        println!("| ratio | {:.2} |", each[1] / each[0]);
        Ok(())
    }

    async fn happy_eyeballs(&self) -> Result<(), Box<dyn Error>> {
        let (dead, live) = BlackHole::with_live_v4().await?;
        let guest = self.guest("net_happy_eyeballs", "own")?;
        let run = guest
            .arg(dead.addr().port())
            .arg(9)
            .run()
            .await
            .expect_success();
        let times = numbers(&run.stdout)?;
        drop(live);
        println!(
            "\ndead IPv6 beside live IPv4: connected in {:.1} ms, median of 9",
            times[4]
        );
        Ok(())
    }
}

fn numbers(text: &str) -> Result<Vec<f64>, std::num::ParseFloatError> {
    let mut numbers = text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<Vec<f64>, _>>()?;
    numbers.sort_by(f64::total_cmp);
    Ok(numbers)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os()
        .nth(1)
        .ok_or("usage: bench-net FOLDER")?;
    let bench = Bench {
        folder: folder.into(),
    };
    bench.against_by_hand().await?;
    bench.drops().await?;
    bench.many().await?;
    bench.happy_eyeballs().await?;
    bench.deadlines().await
}
