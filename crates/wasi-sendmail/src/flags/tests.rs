//! Each flag, each refusal, and that the documents name them all.

use super::table::FLAGS;
use super::*;
use std::time::Duration;

fn parse(args: &[&str]) -> Result<Action, Failure> {
    Flags::parse(["wasi-sendmail"].iter().chain(args).map(OsString::from))
}

fn flags(args: &[&str]) -> Flags {
    match parse(args) {
        Ok(Action::Submit(flags)) => *flags,
        other => panic!("{args:?}: {other:?}"),
    }
}

fn refusal(args: &[&str]) -> String {
    let failure = parse(args).expect_err(&format!("{args:?}"));
    assert_eq!(failure.exit_code(), 64, "{args:?}");
    failure.to_string()
}

fn recipients(flags: &Flags) -> Vec<String> {
    let recipients = flags.recipients(None).unwrap().into_iter();
    recipients.map(|to| to.to_string()).collect()
}

fn address(text: &str) -> Option<Sender> {
    Some(Sender::Address(text.parse().unwrap()))
}

#[test]
fn recipients_come_from_the_command_line_the_header_or_both() {
    let plain = flags(&["a@b", "--", "-odd@b"]);
    assert_eq!(recipients(&plain), ["a@b", "-odd@b"]);
    assert!(!plain.recipients_from_headers && !plain.several());
    for t in ["-t", "--read-recipients"] {
        assert!(flags(&[t]).recipients_from_headers);
        assert_eq!(recipients(&flags(&["x@y", t])), ["x@y"]);
    }
    let lists = flags(&["a@b,c@d", "Ann Other <e@f>"]);
    assert_eq!(recipients(&lists), ["a@b", "c@d", "e@f"]);
    for wrong in ["", "root", "<>", "a@b c@d", "-"] {
        let failure = flags(&[wrong]).recipients(None).unwrap_err();
        assert_eq!(failure.exit_code(), 64, "{wrong:?}");
        let failure = failure.to_string();
        assert!(failure.contains("command line"), "{failure}");
        assert_eq!(
            failure.contains("--domain NAME"),
            ["root", "<>", "-"].contains(&wrong)
        );
    }
    let completed = flags(&["root, a@b", "Ann <ann>"]).recipients(Some("x.example"));
    let completed: Vec<_> = completed.unwrap().iter().map(Address::to_string).collect();
    assert_eq!(completed, ["root@x.example", "a@b", "ann@x.example"]);
}

#[test]
fn every_spelling_of_getopt_is_known() {
    for i in ["-i", "-oi", "-ti", "-it", "-vi"] {
        assert!(flags(&[i]).ignore_dots, "{i}");
    }
    assert!(flags(&["-o", "i"]).ignore_dots);
    for args in [
        &["-fa@b"][..],
        &["-f", "a@b"],
        &["-ra@b"],
        &["-r", "a@b"],
        &["--from", "a@b"],
        &["--from=a@b"],
        &["-tifa@b"],
        &["-if", "a@b"],
        &["-f", "<a@b>"],
        &["-f", "Ann Other <a@b>"],
        &["-f", "x@y", "-f", "a@b"],
    ] {
        assert_eq!(flags(args).given.sender, address("a@b"), "{args:?}");
    }
    assert_eq!(flags(&["-f", "-a@b"]).given.sender, address("-a@b"));
    for null in [&["-f", ""][..], &["-f", "<>"], &["-f<>"], &["-r", " <> "]] {
        assert_eq!(flags(null).given.sender, Some(Sender::Null), "{null:?}");
    }
    assert_eq!(flags(&[]).given.sender, None);
    let read = flags(&["-f", "root", "-t"]);
    assert!(read.given.sender.is_none() && read.local_sender.as_deref() == Some("root"));
    for wrong in ["ro ot", "a@b, c@d", "a@b c@d"] {
        assert!(refusal(&["-f", wrong]).starts_with("-f has "), "{wrong}");
    }
}

#[test]
fn the_sender_is_named_or_read_but_not_both() {
    let read = flags(&["--read-envelope-from"]);
    assert_eq!(read.given.sender, Some(Sender::FromHeader));
    for both in [
        ["-fa@b", "--read-envelope-from"],
        ["--read-envelope-from", "-fa@b"],
    ] {
        assert!(refusal(&both).contains("give one of them"));
    }
}

#[test]
fn reports_are_asked_for() {
    let on = |success, failure, delay| {
        Some(Notify::On {
            success,
            failure,
            delay,
        })
    };
    for (value, expected) in [
        ("never", Some(Notify::Never)),
        ("NEVER", Some(Notify::Never)),
        ("success,failure,delay", on(true, true, true)),
        ("Failure, delay", on(false, true, true)),
        ("success", on(true, false, false)),
        ("off", None),
    ] {
        assert_eq!(flags(&["-N", value]).notify, expected, "{value}");
        assert_eq!(flags(&["--dsn-notify", value]).notify, expected, "{value}");
    }
    for value in ["", "always", "never,success", "success,"] {
        assert!(refusal(&["-N", value]).starts_with("-N has to be never"));
    }
    for (value, expected) in [
        ("full", Some(Ret::Full)),
        ("hdrs", Some(Ret::Headers)),
        ("HEADERS", Some(Ret::Headers)),
        ("off", None),
    ] {
        assert_eq!(flags(&["-R", value]).ret, expected, "{value}");
        assert_eq!(flags(&["--dsn-return", value]).ret, expected, "{value}");
    }
    assert!(refusal(&["-Rall"]).starts_with("-R has to be full or hdrs"));
    for (args, id) in [(&["-V", "id 1"][..], "id 1"), (&["-Vx"], "x")] {
        assert_eq!(flags(args).envelope_id, EnvelopeId::new(id).ok());
    }
    let fits = "=".repeat(33);
    assert!(flags(&["-V", &fits]).envelope_id.is_some());
    for value in ["", "ü", "a\nb", &"=".repeat(34), &"x".repeat(101)] {
        assert!(refusal(&["-V", value]).starts_with("-V is wrong: "));
    }
}

#[test]
fn the_mail_is_described() {
    let _ = (flags(&["-B7BIT"]), flags(&["-B", "8bitmime"]));
    assert!(refusal(&["-B", "BINARYMIME"]).starts_with("-B has to be 7BIT or 8BITMIME"));
    let named = flags(&["-F", "Ann Other"]);
    assert_eq!(named.full_name.as_deref(), Some("Ann Other"));
    assert_eq!(flags(&["-F", ""]).full_name, None);
    assert!(refusal(&["-F", "Ann\r\nBcc: a@b"]).starts_with("-F has a control"));
    assert!(flags(&["--raw"]).raw && flags(&["-v"]).verbose && flags(&["-vv"]).verbose);
    assert_eq!(flags(&["-bm"]).mode, Mode::Submit);
    assert_eq!(flags(&["-b", "m"]).mode, Mode::Submit);
    assert_eq!(flags(&["--dry-run", "-t"]).mode, Mode::DryRun);
    assert_eq!(flags(&["--verify", "-t"]).mode, Mode::Verify);
    assert!(refusal(&["--verify", "--dry-run"]).contains("give one of them"));
}

#[test]
fn settings_are_taken() {
    let given = flags(&[
        "--server=smtps://h",
        "--user=u",
        "--password-file=p",
        "--ehlo=e",
        "--ca-file=c",
        "--tries=20",
        "--timeout=90",
    ])
    .given;
    assert_eq!(given.server.unwrap().expose(), "smtps://h");
    assert_eq!(given.user.unwrap().expose(), "u");
    assert_eq!(given.ehlo.as_deref(), Some("e"));
    assert_eq!(given.ca_file, Some("c".into()));
    assert_eq!(given.tries, Some(20));
    assert_eq!(given.timeout, Some(Duration::from_secs(90)));
    assert!(given.proof.is_some() && flags(&["--token-file", "t"]).given.proof.is_some());
    assert_eq!(flags(&["--config", "f"]).config, Some("f".into()));
    let both = refusal(&["--password-file=p", "--token-file=t"]);
    assert!(both.starts_with("--token-file can't stand beside password-file"));
    for (name, most) in [
        ("--tries", "20"),
        ("--connections", "64"),
        ("--rate", "60000"),
        ("--timeout", "86400"),
    ] {
        flags(&["--mbox=m", name, "1"]);
        flags(&["--mbox=m", name, most]);
        for wrong in ["0", "-1", "+1", "1.5", "", "x", "86401"] {
            let wrong = refusal(&["--mbox=m", name, wrong]);
            assert!(
                wrong.ends_with(&format!("from 1 to {most} (see --help)")),
                "{wrong}"
            );
        }
    }
    for name in [
        "--server",
        "--user",
        "--ca-file",
        "--config",
        "--from-dir",
        "--journal",
    ] {
        assert!(refusal(&[name, ""]).starts_with(&format!("{name} has no value")));
    }
}

#[test]
fn several_mails_have_their_own_flags() {
    let folder = flags(&["--from-dir", "out", "--connections=2", "--rate=60"]);
    assert!(folder.several() && folder.recipients_from_headers);
    assert_eq!(folder.mails, Mails::Folder("out".into()));
    assert_eq!(folder.journal(), Some("out/wasi-sendmail.journal".into()));
    assert_eq!(
        (folder.given.connections, folder.given.rate),
        (Some(2), Some(60))
    );
    let mbox = flags(&["--mbox", "out/box.mbox", "-t"]);
    assert_eq!(mbox.mails, Mails::Mbox("out/box.mbox".into()));
    assert_eq!(mbox.journal(), Some("out/box.mbox.journal".into()));
    let named = flags(&["--mbox", "m", "--journal", "j"]);
    assert_eq!(named.journal(), Some("j".into()));
    assert_eq!(flags(&[]).journal(), None);
    for (args, remedy) in [
        (&["--from-dir=d", "--mbox=m"][..], "run it once for each"),
        (&["--from-dir=d", "--from-dir=e"], "run it once for each"),
        (
            &["--from-dir=d", "a@b"],
            "leave those on the command line out",
        ),
        (&["--mbox=m", "a@b"], "leave those on the command line out"),
        (&["--mbox=m", "--verify"], "give --dry-run"),
        (&["--verify", "a@b"], "leave them out"),
        (&["--journal=j"], "with --from-dir or --mbox"),
        (&["--connections=2"], "with --from-dir or --mbox"),
        (&["--rate=2"], "with --from-dir or --mbox"),
    ] {
        let refusal = refusal(args);
        assert!(refusal.contains(remedy), "{refusal}");
    }
}

#[test]
fn what_has_no_meaning_here_is_taken() {
    for args in [
        &["-Am"][..],
        &["-Ac"],
        &["-A", "c"],
        &["-C", "main.cf"],
        &["-G"],
        &["-h", "5"],
        &["-h5"],
        &["-th5"],
        &["-L", "tag"],
        &["-Ltag"],
        &["-m"],
        &["-n"],
        &["-O", "DeliveryMode=b"],
        &["-ODeliveryMode=b"],
        &["-oem"],
        &["-oep"],
        &["-odb"],
        &["-odi"],
        &["-o7"],
        &["-o8"],
        &["-om"],
        &["-oAhash:aliases"],
        &["-o", "em"],
        &["-U"],
        &["-c"],
        &["-em"],
        &["-e", "q"],
        &["-pSMTP"],
        &["-p", "SMTP"],
        &["-x"],
    ] {
        let mut all = args.to_vec();
        all.extend(["-t", "a@b"]);
        let flags = flags(&all);
        assert_eq!(recipients(&flags), ["a@b"], "{args:?}");
        assert!(
            flags.recipients_from_headers && !flags.ignore_dots,
            "{args:?}"
        );
    }
}

#[test]
fn what_is_refused_names_the_remedy() {
    for (args, remedy) in [
        (&["-bs"][..], "standard input"),
        (&["-bp"], "no queue"),
        (&["-bd"], "--from-dir"),
        (&["-bl"], "--from-dir"),
        (&["-bi"], "full addresses"),
        (&["-I"], "full addresses"),
        (&["-bv"], "--verify"),
        (&["-bh"], "leave it out"),
        (&["-bH"], "leave it out"),
        (&["-q"], "no queue"),
        (&["-q30m"], "no queue"),
        (&["-qIabc"], "no queue"),
        (&["-tq"], "no queue"),
        (&["-X", "log"], "-v"),
        (&["-XV"], "-f"),
        (&["--password", "hunter2"], "--password-file"),
        (&["--password=hunter2"], "WASI_SENDMAIL_PASSWORD"),
    ] {
        let refusal = refusal(args);
        assert!(refusal.contains(remedy), "{refusal}");
        assert!(refusal.contains(" is refused: "), "{refusal}");
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }
}

#[test]
fn a_server_with_a_password_is_refused_with_the_way_out() {
    for url in [
        "smtps://u:hunter2@h",
        "smtp://u:hunter2@h:587/?ehlo=x",
        "u:hunter2@h",
        "smtps://u:hunter/2@h",
    ] {
        let refusal = refusal(&["--server", url]);
        assert!(refusal.starts_with("--server has a password"), "{refusal}");
        assert!(refusal.contains("--password-file") && refusal.contains("WASI_SENDMAIL_SERVER"));
        assert!(!refusal.contains("hunter"), "{refusal}");
    }
    for url in [
        "smtps://h:465",
        "smtps://u@h:465",
        "smtp://[::1]:587?ehlo=x",
    ] {
        flags(&["--server", url]);
    }
}

#[test]
fn what_is_unknown_or_incomplete_is_refused_by_name_only() {
    for args in [
        &["-z"][..],
        &["-bx"],
        &["-d"],
        &["-p"],
        &["--sever=smtps://u:secret@h"],
        &["--host", "secret"],
        &["--raw=secret"],
        &["-f"],
        &["-b"],
        &["-o"],
        &["--server"],
        &["--tries=secret"],
        &["--ehlo=se cret"],
    ] {
        let name = args[0].split('=').next().unwrap();
        let refusal = refusal(args);
        assert!(refusal.contains(name), "{refusal}");
        assert!(!refusal.contains("secret"), "{refusal}");
    }
}

/// `-h` elsewhere would end with 0 and without having sent anything.
#[test]
fn h_is_help_only_alone() {
    for help in ["-h", "--help"] {
        assert!(matches!(parse(&[help]), Ok(Action::Print(text)) if text == help::help()));
    }
    assert!(matches!(parse(&["-t", "--help"]), Ok(Action::Print(_))));
    let version = format!("wasi-sendmail {}\n", env!("CARGO_PKG_VERSION"));
    assert!(matches!(parse(&["--version"]), Ok(Action::Print(text)) if text == version));
    for args in [&["-t", "-h"][..], &["-h", "a@b"], &["-hi"], &["-h", ""]] {
        assert!(refusal(args).contains("hop count"), "{args:?}");
    }
}

#[test]
fn debug_hides_the_server_the_user_and_addresses() {
    let found = flags(&[
        "--server=smtps://hunter2@h",
        "--user=somebody",
        "-fme@hunter2",
        "you@hunter2",
    ]);
    let shown = format!("{found:?} {:?}", found.given);
    for hidden in ["hunter2", "somebody"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

/// All single letters: what is no flag of the table is unknown.
#[test]
fn the_table_is_all_that_is_known() {
    for letter in ('a'..='z').chain('A'..='Z').chain('0'..='9') {
        let name = format!("-{letter}");
        let known = Flag::find(&name).is_some() || letter == 'b';
        let unknown = match parse(&[&name, "1"]) {
            Err(failure) => failure.to_string().contains(" is unknown"),
            Ok(_) => false,
        };
        let unknown = unknown && letter != 'b';
        assert_eq!(known, !unknown, "{name}");
    }
    let mut names: Vec<_> = FLAGS.iter().flat_map(|flag| flag.names).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

/// Whether the text has the name, and not as a part of a longer one.
fn has(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.match_indices(name).any(|(at, _)| {
        let end = at + name.len();
        !text[..at].ends_with(part) && !text[end..].starts_with(part)
    })
}

#[test]
fn the_documents_name_every_flag() {
    let help = help::help();
    let compared = include_str!("../../../../docs/sendmail.md");
    let manual = include_str!("../../../../docs/wasi-sendmail.1");
    for name in FLAGS.iter().flat_map(|flag| flag.names) {
        assert!(has(&help, name), "help: {name}");
        assert!(
            has(compared, &format!("`{name}`")) || compared.contains(&format!("`{name} ")),
            "sendmail.md: {name}"
        );
        let macro_call = format!(" Fl {}", &name[1..].replace('-', "\\-"));
        let as_written = format!(" Fl {}", &name[1..]);
        let lines = manual.lines().filter(|line| line.starts_with(".It"));
        let items: String = lines.map(|line| format!("{line}\n")).collect();
        let found = [macro_call, as_written].iter().any(|call| {
            items
                .match_indices(call.as_str())
                .any(|(at, _)| items[at + call.len()..].starts_with([' ', '\n']))
        });
        assert!(found, "manual: {name}");
    }
    for setting in Setting::ALL {
        let (name, variable) = (setting.name(), setting.variable());
        assert!(
            manual.contains(&variable) && compared.contains(&variable),
            "{variable}"
        );
        assert!(manual.contains(&format!(".It Ic {name}\n")), "{name}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn doubts_are_settled_one_by_one_or_all() {
    let args = [
        "--mbox",
        "f",
        "--settle-sent",
        "mbox:1",
        "--settle-unsent=all",
    ];
    let settle = flags(&args);
    assert_eq!(settle.mode, Mode::Settle);
    let of = |mail: Option<&str>, is_sent| Settled {
        mail: mail.map(str::to_owned),
        is_sent,
    };
    assert_eq!(settle.settled, [of(Some("mbox:1"), true), of(None, false)]);
    assert!(refusal(&["--settle-sent", "all"]).contains("--from-dir or --mbox"));
    let both = ["--mbox", "f", "--settle-sent", "all", "--dry-run"];
    assert!(refusal(&both).contains("one of them"));
    assert!(refusal(&["--mbox", "f", "--settle-sent="]).starts_with("--settle-sent has no value"));
}
