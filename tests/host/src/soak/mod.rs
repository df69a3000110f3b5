//! Many mails through one component to a server with faults: what the component says
//! became of each must be what the server knows.

mod plan;

use crate::ca::{Ca, LOCAL_NAMES};
use crate::fault::Proxy;
use crate::guest::{Component, Ending, Guest, Network};
use crate::sendmail::CaFolder;
use smtp_test_server::Seen;
use smtp_test_server::listen::Security;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What came out of a soak.
#[derive(Debug, Default)]
pub struct Soak {
    /// Mails by what the component says of them.
    pub sent: usize,
    /// See `sent`.
    pub not_sent: usize,
    /// See `sent`.
    pub maybe: usize,
    /// Of `maybe`, those that the server has.
    pub maybe_taken: usize,
    /// Faults by name.
    pub faults: BTreeMap<&'static str, usize>,
    /// Connections that the server saw.
    pub connections: usize,
    /// The component's linear memory after the first tenth of the mails, and after
    /// all, in bytes.
    pub memory: [usize; 2],
    /// What its heap held then, in bytes.
    pub heap: [usize; 2],
    /// How long it took.
    pub time: Duration,
}

impl fmt::Display for Soak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.sent + self.not_sent + self.maybe;
        writeln!(
            f,
            "{all} mails in {:.1} s, {} connections",
            self.time.as_secs_f64(),
            self.connections
        )?;
        writeln!(
            f,
            "sent {}, not sent {}, maybe {} (the server has {} of these): the server's record agrees for all",
            self.sent, self.not_sent, self.maybe, self.maybe_taken
        )?;
        write!(f, "faults:")?;
        for (name, count) in &self.faults {
            write!(f, " {name} {count}")?;
        }
        let [before, after] = self.memory;
        let [heap_before, heap_after] = self.heap;
        writeln!(
            f,
            "\nlinear memory after a tenth and after all: {before} and {after} bytes; heap: {heap_before} and {heap_after} bytes"
        )
    }
}

/// Sends so many mails by so many connections, and compares.
///
/// # Errors
///
/// What does not agree, in words.
///
/// # Panics
///
/// When this machine can't: no port, no folder.
pub async fn soak(component: &Component, mails: usize, connections: usize) -> Result<Soak, String> {
    let ca = Ca::new();
    let folder = CaFolder::new(&ca).expect("a folder");
    let (server, plan) = plan::server(true);
    let security = Security::Implicit(ca.server_config(&LOCAL_NAMES));
    let server = server.listen(security).expect("a port");
    let start = Instant::now();
    let output = run(component, &folder, server.addr(), mails, connections).await?;
    let time = start.elapsed();
    let (outcomes, notes) = parse(&output)?;
    let plan = plan::lock(&plan);
    let taken = plan::taken(&server, &plan);
    let mut soak = Soak {
        faults: plan.faults.clone(),
        connections: server.see(|seen| seen.connections.len()),
        memory: [note(&notes, "memory early")?, note(&notes, "memory late")?],
        heap: [note(&notes, "heap early")?, note(&notes, "heap late")?],
        time,
        ..Soak::default()
    };
    if let Some(unexpected) = server.see(unexpected) {
        return Err(format!("the server did not expect {unexpected:?}"));
    }
    for number in 0..mails {
        let taken = taken.get(&number).copied().unwrap_or(0);
        let outcome = outcomes.get(&number).map(Vec::as_slice).unwrap_or_default();
        match (outcome, taken) {
            ([Said::Sent], 1) => soak.sent += 1,
            ([Said::NotSent], 0) => soak.not_sent += 1,
            ([Said::Maybe], 0 | 1) => {
                soak.maybe += 1;
                soak.maybe_taken += taken;
            }
            _ => {
                return Err(format!(
                    "mail {number}: the component says {outcome:?}, the server has it {taken} times"
                ));
            }
        }
    }
    Ok(soak)
}

/// Opens so many connections at a time through a path of 40 ms, with a mail on each.
/// Gives the time, and the linear memory and the heap of each in bytes.
///
/// # Errors
///
/// A mail that was not sent.
///
/// # Panics
///
/// As [`soak`].
pub async fn at_once(
    component: &Component,
    sessions: usize,
) -> Result<(Duration, usize, usize), String> {
    let ca = Ca::new();
    let folder = CaFolder::new(&ca).expect("a folder");
    let (server, _) = plan::server(false);
    let security = Security::Implicit(ca.server_config(&LOCAL_NAMES));
    let server = server.listen(security).expect("a port");
    let path = Proxy::builder(server.addr()).delay(Duration::from_millis(20));
    let path = path.start().await.expect("a port");
    let output = run(component, &folder, path.addr(), sessions, sessions).await?;
    let (outcomes, notes) = parse(&output)?;
    let sent = outcomes
        .values()
        .filter(|said| said.as_slice() == [Said::Sent]);
    let (sent, connections) = (sent.count(), server.see(|seen| seen.connections.len()));
    if (sent, connections) != (sessions, sessions) {
        return Err(format!(
            "{sent} of {sessions} mails were sent by {connections} connections"
        ));
    }
    let time = Duration::from_micros(note(&notes, "microseconds")? as u64);
    let each = |what: &str| {
        Ok::<_, String>(
            note(&notes, what)?.saturating_sub(note(&notes, &what.replace("late", "start"))?)
                / sessions,
        )
    };
    Ok((time, each("memory late")?, each("heap most late")?))
}

/// A line that has no place in a session.
fn unexpected(seen: &Seen) -> Option<String> {
    const KNOWN: [&str; 8] = [
        "AUTH", "BDAT", "EHLO", "MAIL", "NOOP", "QUIT", "RCPT", "RSET",
    ];
    let mut verbs = seen.connections.iter().flat_map(|one| one.verbs());
    verbs.find(|verb| !KNOWN.contains(&verb.as_str()))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Sent,
    NotSent,
    Maybe,
}

async fn run(
    component: &Component,
    ca: &CaFolder,
    server: SocketAddr,
    mails: usize,
    connections: usize,
) -> Result<String, String> {
    let guest = Guest::new(component, "smtp_soak")
        .network(Network::Loopback)
        .allow_names()
        .folder(ca.path(), "/ca")
        .limit(Some(Duration::from_secs(600)));
    let guest = guest
        .arg(server.port())
        .arg("/ca/ca.pem")
        .arg(mails)
        .arg(connections);
    let outcome = guest.run().await;
    match outcome.ending {
        Ending::Exit(0) => Ok(outcome.stdout),
        ending => Err(format!(
            "the component ended by {ending:?}: {}",
            outcome.stderr
        )),
    }
}

type Outcomes = BTreeMap<usize, Vec<Said>>;

/// What the component says of each mail, and its other lines.
fn parse(output: &str) -> Result<(Outcomes, BTreeMap<String, usize>), String> {
    let mut outcomes = Outcomes::new();
    let mut notes = BTreeMap::new();
    for line in output.lines() {
        let (what, value) = line.split_once(": ").ok_or_else(|| line.to_owned())?;
        if let Ok(number) = what.parse() {
            let said = match value {
                "sent" => Said::Sent,
                "not sent" => Said::NotSent,
                "maybe" => Said::Maybe,
                other => return Err(format!("mail {number}: {other}")),
            };
            outcomes.entry(number).or_default().push(said);
        } else {
            let value = value.parse().map_err(|_| line.to_owned())?;
            notes.insert(what.to_owned(), value);
        }
    }
    Ok((outcomes, notes))
}

fn note(notes: &BTreeMap<String, usize>, what: &str) -> Result<usize, String> {
    let value = notes.get(what).copied();
    value.ok_or_else(|| format!("the component says nothing of its {what}"))
}
