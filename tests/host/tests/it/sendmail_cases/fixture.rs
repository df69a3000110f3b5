//! A server, its CA, a folder that the command may see, and the component.

use smtp_test_server::listen::{Listener, Security};
use smtp_test_server::{Asked, Deviation, Mail, Rules, Seen, Server};
use std::path::PathBuf;
use tempfile::TempDir;
use test_host::ca::{Ca, LOCAL_NAMES};
use test_host::guest::{Component, Ending, Guest, Outcome, build};
use test_host::sendmail::{self, CaFolder};

/// A mail to one recipient that lacks nothing.
pub(crate) const MAIL: &str = "Date: Thu, 26 Nov 2026 10:00:00 +0000\nMessage-ID: <1@test.local>\nFrom: user@test.local\nTo: alice@test.local\nSubject: s\n\nbody\n";

pub(crate) struct Fixture {
    pub(crate) server: Listener,
    pub(crate) component: Component,
    pub(crate) ca: CaFolder,
    folder: TempDir,
}

impl Fixture {
    /// With a server that takes everything.
    pub(crate) async fn new() -> Self {
        Self::with(|_| None).await
    }

    /// With a server that answers as `rules` says, where it says something.
    pub(crate) async fn with(
        rules: impl FnMut(&Asked<'_>) -> Option<Deviation> + Send + 'static,
    ) -> Self {
        Self::offering(
            &[
                "PIPELINING",
                "8BITMIME",
                "SIZE 1000000",
                "ENHANCEDSTATUSCODES",
                "DSN",
            ],
            rules,
        )
        .await
    }

    /// With one that offers this.
    pub(crate) async fn offering(
        offers: &[&str],
        rules: impl FnMut(&Asked<'_>) -> Option<Deviation> + Send + 'static,
    ) -> Self {
        let ca = Ca::new();
        let offers = offers.iter().copied();
        let server = Server::with(Rules::default().only(offers), rules);
        let security = Security::Implicit(ca.server_config(&LOCAL_NAMES));
        Self {
            server: server.listen(security).unwrap(),
            component: build("wasi-sendmail", "wasi-sendmail"),
            ca: CaFolder::new(&ca).unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("smtps://localhost:{}", self.server.port())
    }

    /// Waits until no connection is open.
    pub(crate) async fn settled(&self) -> Seen {
        let all_closed = |seen: &Seen| seen.connections.len() == seen.closed();
        self.server.wait(all_closed).await
    }

    /// A run that sees the folder as `/mails`, of [`MAIL`] unless told otherwise.
    pub(crate) fn guest(&self, args: &[&str]) -> Guest {
        self.guest_at(&self.url(), args)
    }

    pub(crate) fn guest_at(&self, url: &str, args: &[&str]) -> Guest {
        let guest = sendmail::guest(&self.component, &self.ca, url)
            .folder(self.folder.path(), "/mails")
            .stdin(MAIL);
        args.iter().fold(guest, |guest, arg| guest.arg(arg))
    }

    /// Where the command's `/mails/NAME` is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}

/// The value of a mail's Subject field, by which the tests tell mails apart.
pub(crate) fn subject(mail: &Mail) -> String {
    let text = mail.text();
    let mut lines = text.lines();
    let field = lines.find_map(|line| line.strip_prefix("Subject: "));
    field.expect("a Subject").to_owned()
}

/// The subjects of all mails that came to their end, sorted.
pub(crate) fn subjects(seen: &Seen) -> Vec<String> {
    let mut subjects: Vec<_> = seen.mails.iter().map(subject).collect();
    subjects.sort_unstable();
    subjects
}

/// Runs what must end so, with all of `says` on standard error.
#[track_caller]
pub(crate) fn expect(outcome: &Outcome, code: i32, says: &[&str]) {
    let text = &outcome.stderr;
    assert_eq!(
        outcome.ending,
        Ending::Exit(code),
        "{text}{}",
        outcome.stdout
    );
    for part in says {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

/// The lines on standard error.
pub(crate) fn lines(outcome: &Outcome) -> Vec<&str> {
    outcome.stderr.lines().collect()
}
