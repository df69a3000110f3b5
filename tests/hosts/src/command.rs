//! The command on each host: what it ends with, and what it says.

use crate::host::{Ended, Host, Run};
use smtp_test_server::listen::{Listener, Security};
use smtp_test_server::{Asked, Deviation, Rules, Server};
use std::process::Command;
use tempfile::TempDir;
use test_demo::CaFolder;
use test_demo::ca::{Ca, LOCAL_NAMES};
use tokio::net::TcpListener;

const MAIL: &str = "From: user@test.local\nTo: alice@test.local\nSubject: s\n\nbody\n";

struct Lab {
    ca: Ca,
    ca_folder: CaFolder,
    folder: TempDir,
}

impl Lab {
    fn new() -> Self {
        let ca = Ca::new();
        let ca_folder = CaFolder::new(&ca).unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self {
            ca,
            ca_folder,
            folder,
        }
    }

    /// A server that answers RCPT as it is told.
    fn server(&self, is_tls: bool, rcpt: Option<&'static str>) -> Listener {
        let script = move |asked: &Asked<'_>| -> Option<Deviation> {
            match asked.line.starts_with("RCPT") {
                true => rcpt.map(Into::into),
                false => None,
            }
        };
        let config = self.ca.server_config(&LOCAL_NAMES);
        let security = match is_tls {
            true => Security::Implicit(config),
            false => Security::StartTls(config),
        };
        let offers = ["PIPELINING", "CHUNKING", "8BITMIME"];
        let server = Server::with(Rules::default().only(offers), script);
        server.listen(security).unwrap()
    }

    fn run(&self, host: &Host, url: &str, args: &[&str]) -> Run {
        let mut run = Run::new(host.command()).args(["--ca-file=/ca/ca.pem"]);
        run.folders = [
            ("/ca", self.ca_folder.path().to_owned()),
            ("/mails", self.folder.path().to_owned()),
        ]
        .into();
        run.variables = [("WASI_SENDMAIL_SERVER", url.to_owned())].into();
        run.stdin = MAIL.into();
        run.args(args)
    }
}

/// With that code, or 1 where a host knows no other; with all of `says` on standard
/// error.
#[track_caller]
fn expect(host: &Host, ended: &Ended, code: i32, says: &[&str]) {
    let code = match host.is_before_exit_codes() {
        true => code.min(1),
        false => code,
    };
    assert_eq!(ended.code, Some(code), "{}: {ended:?}", host.name);
    for part in says {
        assert!(ended.stderr.contains(part), "{}: {ended:?}", host.name);
    }
}

fn url(server: &Listener, scheme: &str) -> String {
    format!("{scheme}://localhost:{}", server.port())
}

pub(crate) async fn a_mail_goes_over_tls_and_starttls_and_a_refusal_is_told() {
    let lab = Lab::new();
    for host in Host::all() {
        for (is_tls, scheme) in [(true, "smtps"), (false, "smtp")] {
            let server = lab.server(is_tls, None);
            let ended = host
                .run(&lab.run(&host, &url(&server, scheme), &["-t"]))
                .await;
            expect(&host, &ended, 0, &[]);
            assert_eq!(server.mails().len(), 1, "{}", host.name);
        }
        let server = lab.server(true, Some("550 5.1.1 no such user"));
        let ended = host
            .run(&lab.run(&host, &url(&server, "smtps"), &["-t"]))
            .await;
        expect(&host, &ended, 67, &["5.1.1 no such user"]);
    }
}

pub(crate) async fn a_folder_goes_once_and_its_journal_is_kept() {
    for host in Host::all() {
        let lab = Lab::new();
        for name in ["1.eml", "2.eml", "3.eml"] {
            std::fs::write(lab.folder.path().join(name), MAIL).unwrap();
        }
        let server = lab.server(true, None);
        let run = lab.run(&host, &url(&server, "smtps"), &["--from-dir", "/mails"]);
        for _ in 0..2 {
            expect(&host, &host.run(&run).await, 0, &[]);
            assert_eq!(server.mails().len(), 3, "{}", host.name);
        }
        let journal = lab.folder.path().join("wasi-sendmail.journal");
        let journal = std::fs::read_to_string(journal).unwrap();
        let lines = |event: &str| journal.matches(&format!("\t{event}\t")).count();
        assert_eq!((lines("begin"), lines("sent")), (3, 3), "{journal}");
    }
}

pub(crate) async fn a_server_that_stalls_costs_the_time_of_the_mail() {
    let (lab, stalled) = (Lab::new(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let url = format!("smtps://{}", stalled.local_addr().unwrap());
    let accepting = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok(connection) = stalled.accept().await {
            open.push(connection);
        }
    });
    for host in Host::all() {
        let ended = host
            .run(&lab.run(&host, &url, &["-t", "--timeout", "2"]))
            .await;
        expect(&host, &ended, 75, &["was not sent"]);
    }
    accepting.abort();
}

pub(crate) async fn what_the_host_does_not_grant_is_named() {
    let lab = Lab::new();
    for host in Host::all() {
        let mut run = lab.run(&host, "smtps://localhost:1", &["-t"]);
        run.names = false;
        // jco has one switch for both.
        run.network = !host.is_jco();
        let says = ["cannot resolve localhost", "grant it name lookups"];
        expect(&host, &host.run(&run).await, 77, &says);
        let mut run = lab.run(&host, "smtps://127.0.0.1:1", &["-t"]);
        run.network = false;
        expect(&host, &host.run(&run).await, 77, &["no network: let it"]);
    }
}

/// The resolver is one for all of the machine but in a network of its own.
fn may_unshare() -> bool {
    let mut unshare = Command::new("unshare");
    let tried = unshare.args(["--net", "--mount", "ip", "link", "set", "lo", "up"]);
    tried.output().is_ok_and(|output| output.status.success())
}

pub(crate) async fn dns_without_an_answer_may_have_one_later() {
    if !may_unshare() {
        println!("skipped: `unshare --net --mount` is not allowed here");
        return;
    }
    let lab = Lab::new();
    let resolv_conf = lab.folder.path().join("resolv.conf");
    let text = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
    std::fs::write(&resolv_conf, text).unwrap();
    for host in Host::all() {
        let mut run = lab.run(&host, "smtps://mail.example", &["-t"]);
        run.resolv_conf = Some(resolv_conf.clone());
        let says = match host.is_jco() {
            true => "the host's resolver failed",
            false => "DNS does not answer, which this host does not tell apart",
        };
        expect(&host, &host.run(&run).await, 75, &[says, "was not sent"]);
    }
}

pub(crate) async fn what_can_be_no_name_is_told_for_good() {
    let lab = Lab::new();
    for host in Host::all() {
        for name in ["127.1", "0x7f.1"] {
            let run = lab.run(&host, "smtps://x", &["-t", "--server"]);
            let ended = host.run(&run.args([format!("smtps://{name}")])).await;
            expect(&host, &ended, 68, &["no host name"]);
        }
    }
}
