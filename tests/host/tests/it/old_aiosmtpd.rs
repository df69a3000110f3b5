//! SMTP smuggling against a server that falls for it: aiosmtpd 1.4.4
//! (CVE-2024-27305). `cargo xtask test` installs it into the target folder where
//! it can; without it the test says that it is skipped.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use test_host::guest::Guest;

const FORGED: &str = "MAIL FROM:<forged@test.local>\r\nRCPT TO:<alice@test.local>\r\nDATA\r\nSubject: forged\r\n\r\nx\r\n.\r\n";

/// The server's process, which ends with its standard input.
struct Server {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Server {
    /// `None` where it is not installed.
    fn start() -> Option<Self> {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let package = PathBuf::from(std::env::var_os("OLD_AIOSMTPD")?);
        if !package.join("aiosmtpd").exists() {
            return None;
        }
        let mut process = Command::new("python3")
            .arg(root.join("tests/host/src/old_aiosmtpd.py"))
            .env("PYTHONPATH", package)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next().expect("it starts").unwrap();
        Some(Self {
            process,
            lines,
            port: port.parse().unwrap(),
        })
    }

    /// Ends it; the senders of the mails it took since the last one.
    fn senders(mut self) -> Vec<String> {
        drop(self.process.stdin.take());
        self.lines.by_ref().map(Result::unwrap).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Sends `body` as it is, as a client does that does not look at it.
fn send_unchecked(port: u16, body: &str) {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut stream = BufReader::new(stream);
    let mut reply = String::new();
    stream.read_line(&mut reply).unwrap();
    for text in [
        "HELO client.test\r\n",
        "MAIL FROM:<user@test.local>\r\n",
        "RCPT TO:<alice@test.local>\r\n",
        "DATA\r\n",
        body,
        "\r\n.\r\n",
        "QUIT\r\n",
    ] {
        stream.get_mut().write_all(text.as_bytes()).unwrap();
        if text != body {
            reply.clear();
            stream.read_line(&mut reply).unwrap();
        }
    }
    // The replies to what was smuggled, up to the end.
    while stream.read_line(&mut reply).is_ok_and(|len| len > 0) {}
}

#[tokio::test]
async fn old_aiosmtpd_gets_no_forged_mail() {
    let Some(server) = Server::start() else {
        println!("skipped: aiosmtpd 1.4.4 is not installed");
        return;
    };
    send_unchecked(server.port, &format!("x\n.\r\n{FORGED}"));
    let senders = server.senders();
    assert_eq!(senders, ["user@test.local", "forged@test.local"]);

    let server = Server::start().unwrap();
    let guest = Guest::of_tests("smtp_demands").allow_names();
    let run = guest.arg("body").arg(server.port).run().await;
    let text = run.expect_success().stdout;
    assert!(text.lines().count() > 10);
    assert_eq!(server.senders(), [""; 0]);
}
