//! smtp-session with the servers of a mail lab: `cargo xtask interop mail` calls
//! `interop-mail KIT CLIENT COMPONENT [--server NAME] [--write FILE]`. KIT is the
//! lab's folder, with `up` and `down`. CLIENT and COMPONENT are `interop_mail` of
//! `bench/guests` for this machine and for wasm32-wasip2.
//!
//! Each server is started, gets the mails of both, and is stopped. What arrives is
//! compared with what was sent. The table goes to standard output, and into FILE
//! between its marks.

#[path = "../../../../guests/src/bin/interop_mail/letter.rs"]
#[allow(dead_code, reason = "it has what the client needs too")]
mod letter;

mod arrivals;
mod lab;
mod table;

use arrivals::{Expected, Mailboxes};
use lab::{Server, Up};
use letter::Letter;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use table::{Row, Verdict};
use test_host::guest::{Component, Ending, Guest, Network};
use tokio::runtime::Runtime;

const SERVERS: [&str; 8] = [
    "postfix",
    "exim",
    "sendmail",
    "dovecot",
    "dovecot24",
    "aiosmtpd",
    "nodesmtp",
    "mailin",
];

/// The longest that all mails of the component to one server may take. The native
/// client has the times of its sessions alone.
const LIMIT: Duration = Duration::from_secs(900);

/// Where the table stands in a file.
const BEGIN: &str = "<!-- table -->\n";
const END: &str = "<!-- end of table -->\n";

/// Only old TLS: there is nothing to send mails over.
const PASSED_OVER: [&str; 1] = ["submission-tls10"];

struct Interop {
    kit: PathBuf,
    client: PathBuf,
    component: Component,
    runtime: Runtime,
    /// The table so far.
    table: String,
    /// How many servers were there.
    servers: usize,
    wrong: usize,
}

/// What a client printed.
struct Run {
    rows: Vec<Row>,
    expected: Vec<Expected>,
}

impl Interop {
    fn test(&mut self, name: &str) -> Result<(), Box<dyn Error>> {
        eprintln!("{name}");
        let server = match Server::start(&self.kit, name)? {
            Up::Runs(server) => server,
            Up::Missing(how) => {
                eprintln!("{name} is not installed: {how}");
                self.table += &format!("| {name} | not installed: {how} |\n");
                return Ok(());
            }
        };
        self.servers += 1;
        let listeners = server.listeners.iter().filter(|listener| {
            let kind = listener.split(':').next().unwrap_or_default();
            !PASSED_OVER.contains(&kind)
        });
        let listeners: Vec<_> = listeners.cloned().collect();
        let mut run = Run {
            rows: Vec::new(),
            expected: Vec::new(),
        };
        let native = self.native(&server, &listeners)?;
        run.read("native", &native)?;
        let component = self.component(&server, &listeners);
        run.read("component", &component?)?;
        let mut mailboxes = Mailboxes::new(&server.mail);
        for missing in mailboxes.wait(run.expected)? {
            run.rows[missing.row].verdict = Verdict::Wrong(missing.why);
        }
        for row in &mut run.rows {
            row.verdict.forgive(name, &row.case);
        }
        let wrong = run
            .rows
            .iter()
            .filter(|row| matches!(row.verdict, Verdict::Wrong(_)));
        self.wrong += wrong.count();
        let title = format!("{name} {}", server.version);
        let kinds = listeners
            .iter()
            .filter_map(|listener| listener.split(':').next());
        let kinds: Vec<_> = kinds.map(str::to_owned).collect();
        let lines = table::lines(&title, &kinds, &run.rows);
        eprint!("{lines}");
        self.table += &lines;
        Ok(())
    }

    fn native(&self, server: &Server, listeners: &[String]) -> Result<String, Box<dyn Error>> {
        let mut client = Command::new(&self.client);
        client.arg(&server.certificates).arg("n").args(listeners);
        let output = client
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("the native client ended by {}", output.status).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    fn component(&self, server: &Server, listeners: &[String]) -> Result<String, Box<dyn Error>> {
        let guest = Guest::new(&self.component, "interop_mail")
            .network(Network::Loopback)
            .limit(Some(LIMIT))
            .folder(&server.certificates, "/certificates")
            .arg("/certificates")
            .arg("c");
        let guest = listeners.iter().fold(guest, Guest::arg);
        let outcome = self.runtime.block_on(guest.run());
        eprint!("{}", outcome.stderr);
        match outcome.ending {
            Ending::Exit(0) => Ok(outcome.stdout),
            ending => Err(format!("the component ended by {ending:?}").into()),
        }
    }
}

impl Run {
    fn read(&mut self, way: &'static str, lines: &str) -> Result<(), Box<dyn Error>> {
        for line in lines.lines() {
            let words: Vec<_> = line.split('\t').collect();
            let [listener, mechanism, case, result @ ..] = &words[..] else {
                return Err(format!("the client printed {line}").into());
            };
            let verdict = match result {
                ["mail", id, to, note] => {
                    self.expect(id, to)?;
                    Verdict::Right((*note).to_owned())
                }
                ["ok" | "absent", note] => Verdict::Right((*note).to_owned()),
                ["wrong", what] => Verdict::Wrong((*what).to_owned()),
                _ => return Err(format!("the client printed {line}").into()),
            };
            self.rows.push(Row {
                way,
                listener: (*listener).to_owned(),
                mechanism: (*mechanism).to_owned(),
                case: (*case).to_owned(),
                verdict,
            });
        }
        Ok(())
    }

    /// The row is the one that is pushed next.
    fn expect(&mut self, id: &str, to: &str) -> Result<(), Box<dyn Error>> {
        let letter = Letter::named(id).ok_or("the client printed a mail without a name")?;
        for to in to.split(',') {
            self.expected.push(Expected {
                row: self.rows.len(),
                letter: letter.clone(),
                to: to.to_owned(),
            });
        }
        Ok(())
    }
}

struct Args {
    kit: PathBuf,
    client: PathBuf,
    component: PathBuf,
    server: Option<String>,
    write: Option<PathBuf>,
}

impl Args {
    fn read(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        const USAGE: &str =
            "usage: interop-mail KIT CLIENT COMPONENT [--server NAME] [--write FILE]";
        let mut path = || args.next().map(PathBuf::from).ok_or(USAGE);
        let mut read = Self {
            kit: path()?,
            client: path()?,
            component: path()?,
            server: None,
            write: None,
        };
        while let Some(flag) = args.next() {
            let value = args.next().ok_or(USAGE)?;
            match flag.as_str() {
                "--server" => read.server = Some(value),
                "--write" => read.write = Some(value.into()),
                _ => return Err(USAGE.into()),
            }
        }
        if let Some(name) = &read.server
            && !SERVERS.contains(&name.as_str())
        {
            return Err(format!("the servers are {}", SERVERS.join(", ")).into());
        }
        Ok(read)
    }
}

/// Puts the table between the marks of `file`.
fn write(file: &Path, table: &str) -> Result<(), Box<dyn Error>> {
    let text = std::fs::read_to_string(file)?;
    let marks = || {
        let (before, rest) = text.split_once(BEGIN)?;
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    };
    let (before, after) = marks().ok_or("the file has no marks for the table")?;
    Ok(std::fs::write(
        file,
        format!("{before}{BEGIN}{table}{END}{after}"),
    )?)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::read(std::env::args().skip(1))?;
    let mut interop = Interop {
        kit: args.kit,
        client: args.client,
        component: Component::from_file(&args.component)?,
        runtime: Runtime::new()?,
        table: table::head(),
        servers: 0,
        wrong: 0,
    };
    for name in SERVERS {
        if args.server.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        // What a server comes to does not keep the others from their turn.
        if let Err(error) = interop.test(name) {
            eprintln!("{name}: {error}");
            interop.wrong += 1;
            let error = error.to_string().replace(['\n', '|'], " ");
            interop.table += &format!("| {name} | {}{error} |\n", "**WRONG:** ");
        }
    }
    println!("{}", interop.table);
    println!("{} servers, {} wrong", interop.servers, interop.wrong);
    if interop.servers == 0 {
        return Err("none of the servers is installed".into());
    }
    if let Some(file) = &args.write {
        write(file, &interop.table)?;
    }
    Ok(ExitCode::from(u8::from(interop.wrong > 0)))
}
