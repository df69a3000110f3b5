//! Every setting from every source, and that no secret shows.

use super::*;
use crate::flags::Action;
use std::collections::HashMap;

/// A world of variables and files.
#[derive(Default)]
struct World {
    args: Vec<String>,
    variables: HashMap<String, String>,
    files: HashMap<PathBuf, Vec<u8>>,
}

impl World {
    fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.into());
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), content.into());
        self
    }

    fn config(self, content: impl Into<Vec<u8>>) -> Self {
        self.arg("--config=conf").file("conf", content)
    }

    fn read(&self, path: &Path, at_most: u64) -> io::Result<Vec<u8>> {
        let content = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(content.iter().copied().take(at_most as usize).collect())
    }

    fn settings(&self) -> Result<Settings, Failure> {
        let args = std::iter::once("wasi-sendmail").chain(self.args.iter().map(String::as_str));
        let flags = match Flags::parse(args.map(OsString::from)) {
            Ok(Action::Submit(flags)) => flags,
            other => panic!("{other:?}"),
        };
        let sources = Sources {
            variable: &|name| self.variables.get(name).map(OsString::from),
            read: &|path, at_most| self.read(path, at_most),
        };
        Settings::new(&flags, &sources)
    }

    fn refusal(&self, code: u8) -> String {
        let failure = self.settings().unwrap_err();
        assert_eq!(failure.exit_code(), code, "{failure}");
        failure.to_string()
    }
}

fn world() -> World {
    World::default()
}

/// What a setting is, as text.
fn shown(settings: &Settings, setting: Setting) -> String {
    let secret = |secret: &Option<Secret>| secret.as_ref().map(|s| s.expose().to_owned());
    let path = |path: &Path| path.display().to_string();
    let found = match setting {
        Setting::Server => secret(&settings.server),
        Setting::User => secret(&settings.user),
        Setting::Password | Setting::PasswordFile | Setting::TokenFile => {
            settings.proof.as_ref().map(|proof| match proof {
                Credential::Password(password) => password.expose().to_owned(),
                Credential::TokenFile(file) => path(file),
            })
        }
        Setting::Auth => settings.auth.map(|auth| auth.to_string()),
        Setting::Ehlo => settings.ehlo.clone(),
        Setting::CaFile | Setting::Pin => match &settings.trust {
            Trust::Bundled => None,
            Trust::CaFile(file) => Some(path(file)),
            Trust::Pins(pins) => Some(pins.iter().flatten().map(|b| format!("{b:02x}")).collect()),
        },
        Setting::ClientCert => settings.client_cert.as_deref().map(path),
        Setting::ClientKey => settings.client_key.as_deref().map(path),
        Setting::From => match &settings.sender {
            Sender::FromHeader => None,
            Sender::Null => Some("<>".into()),
            Sender::Address(address) => Some(address.to_string()),
        },
        Setting::Domain => settings.domain.clone(),
        Setting::Tries => Some(settings.tries.to_string()),
        Setting::Connections => Some(settings.connections.to_string()),
        Setting::Rate => settings.rate.map(|rate| rate.to_string()),
        Setting::Timeout => settings
            .timeout
            .map(|timeout| timeout.as_secs().to_string()),
    };
    found.unwrap_or_else(|| "none".into())
}

/// Three values of a setting: a flag's, the environment's, the file's.
fn values(setting: Setting) -> [&'static str; 3] {
    match setting {
        Setting::From => ["flag@x", "environment@x", "file@x"],
        Setting::Auth => ["PLAIN", "LOGIN", "SCRAM-SHA-256"],
        Setting::Pin => [
            "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
            "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
            "20112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        ],
        Setting::Tries | Setting::Connections | Setting::Rate | Setting::Timeout => {
            ["11", "12", "13"]
        }
        _ => ["flag", "environment", "file"],
    }
}

#[test]
fn a_pin_is_64_digits_and_stands_alone() {
    let digits = "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff";
    let pairs: Vec<_> = digits
        .as_bytes()
        .chunks(2)
        .map(String::from_utf8_lossy)
        .collect();
    let several = format!("{digits},{}", pairs.join(":"));
    let settings = world().arg(&format!("--pin={several}")).settings().unwrap();
    let Trust::Pins(pins) = settings.trust else {
        panic!("two pins")
    };
    assert!(pins.len() == 2 && pins[0] == pins[1] && pins[0][1] == 0x11);
    for wrong in [
        "",
        "00",
        &digits[1..],
        &format!("{digits}00"),
        &digits.replace('0', "x"),
    ] {
        let failure = world()
            .config(format!("pin = {wrong}"))
            .settings()
            .unwrap_err();
        assert_eq!(failure.exit_code(), 78, "{wrong}");
    }
    let both = world()
        .arg("--ca-file=ca.pem")
        .arg(&format!("--pin={digits}"));
    let failure = both.settings().unwrap_err();
    assert!(
        failure.to_string().contains("leave one of them out"),
        "{failure}"
    );
    let failure = world().variable("WASI_SENDMAIL_AUTH", "CRAM-MD5");
    let failure = failure.settings().unwrap_err();
    assert!(failure.to_string().contains("mechanism"), "{failure}");
}

#[test]
fn each_setting_comes_from_the_first_source_that_has_it() {
    for setting in Setting::ALL {
        let name = setting.name();
        let [flag, environment, file] = values(setting);
        let files = |world: World| {
            let world = world.file("flag", "flag\n").file("file", "file\r\n");
            world.file("environment", "environment").arg("--mbox=m")
        };
        let has = |world: World, expected: &str| {
            let settings = files(world).settings().unwrap();
            assert_eq!(shown(&settings, setting), expected, "{name}");
        };
        let config = || world().config(format!("# all\n\n {name} = {file} \r\n"));
        let variable = setting.variable();
        has(config(), file);
        has(config().variable(&variable, ""), file);
        has(config().variable(&variable, environment), environment);
        has(world().variable(&variable, environment), environment);
        // There is no flag for a password.
        if setting != Setting::Password {
            let given = format!("--{name}={flag}");
            has(config().variable(&variable, environment).arg(&given), flag);
            has(world().arg(&given), flag);
        }
    }
}

#[test]
fn what_is_said_nowhere_has_a_default() {
    let settings = world().settings().unwrap();
    assert_eq!((settings.tries, settings.connections), (1, 4));
    assert_eq!(settings.sender, Sender::FromHeader);
    assert!(settings.rate.is_none() && settings.timeout.is_none());
    for several in ["--from-dir=d", "--mbox=m"] {
        assert_eq!(world().arg(several).settings().unwrap().tries, 3);
    }
    let missing = settings.server().unwrap_err();
    assert_eq!(missing.exit_code(), 78);
    assert!(missing.to_string().contains("WASI_SENDMAIL_SERVER"));
}

#[test]
fn the_config_file_is_named_by_flag_or_environment() {
    let both = world()
        .variable(CONFIG_VARIABLE, "other")
        .file("other", "ehlo = other")
        .file("conf", "ehlo = conf");
    assert_eq!(both.settings().unwrap().ehlo.as_deref(), Some("other"));
    let both = both.arg("--config=conf");
    assert_eq!(both.settings().unwrap().ehlo.as_deref(), Some("conf"));
    let empty = world().variable(CONFIG_VARIABLE, "").settings().unwrap();
    assert_eq!(empty.ehlo, None);
    let missing = world().arg("--config=gone").refusal(66);
    assert!(missing.contains("config file gone") && missing.contains("--dir FOLDER"));
}

#[test]
fn the_sender_in_the_mail_can_be_asked_for_against_the_settings() {
    let set = || world().variable("WASI_SENDMAIL_FROM", "me@x");
    let settings = set().arg("--read-envelope-from").settings().unwrap();
    assert_eq!(settings.sender, Sender::FromHeader);
    let null = set().arg("-f").arg("").settings().unwrap();
    assert_eq!(null.sender, Sender::Null);
    let null = world().config("from = <>").settings().unwrap();
    assert_eq!(null.sender, Sender::Null);
}

#[test]
fn a_higher_source_replaces_a_password_by_a_token() {
    let settings = world()
        .variable("WASI_SENDMAIL_PASSWORD", "hunter2")
        .config("password = other")
        .arg("--token-file=token");
    let proof = settings.settings().unwrap().proof;
    assert_eq!(proof, Some(Credential::TokenFile("token".into())));
    let settings = world()
        .variable("WASI_SENDMAIL_PASSWORD", "hunter2")
        .config("token-file = token");
    let proof = settings.settings().unwrap().proof;
    assert_eq!(proof, Some(Credential::Password(Secret::new("hunter2"))));
}

#[test]
fn two_proofs_in_one_source_are_refused() {
    let kinds = [Setting::Password, Setting::PasswordFile, Setting::TokenFile];
    for (one, other) in [(0, 1), (0, 2), (1, 2)].map(|(a, b)| (kinds[a], kinds[b])) {
        let in_environment = world()
            .variable(&one.variable(), "hunter2")
            .variable(&other.variable(), "hunter2")
            .refusal(78);
        let (a, b) = (one.name(), other.name());
        let in_file = world()
            .config(format!("{a} = hunter2\n{b} = hunter2"))
            .refusal(78);
        assert!(in_file.starts_with("line 2 of the config file conf is wrong: "));
        for refusal in [in_environment, in_file] {
            assert!(refusal.ends_with(&format!("beside {a}: leave one of them out")));
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
    }
}

#[test]
fn what_is_given_apart_wins_over_the_url() {
    let pair = |user: &str| {
        let password = Credential::Password(Secret::new("mine"));
        Ok(Some((Secret::new(user), password)))
    };
    let none = world().settings().unwrap();
    for of_url in [None, Some("u")] {
        // What the URL has is the mailer's matter.
        assert_eq!(none.login(of_url), Ok(None));
    }
    let password = || world().variable("WASI_SENDMAIL_PASSWORD", "mine");
    let apart = password().arg("--user=me").settings().unwrap();
    assert_eq!(apart.login(Some("u")), pair("me"));
    let password = password().settings().unwrap();
    assert_eq!(password.login(Some("u")), pair("u"));
    assert_eq!(password.login(None).unwrap_err().exit_code(), 78);
    let user = world().arg("--user=me").settings().unwrap();
    let lone = user.login(Some("u")).unwrap_err().to_string();
    assert!(lone.contains("--password-file") && !lone.contains("me:"));
}

#[test]
fn a_password_file_gives_its_first_line() {
    let read = |content: &[u8]| {
        let world = world().arg("--password-file=p").file("p", content);
        world.settings().map(|settings| settings.proof)
    };
    let long = vec![b'x'; 64 * 1024];
    for (content, expected) in [
        (&b"hunter2"[..], "hunter2"),
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n", "hunter2"),
        (b"hunter2\nuser: me\n", "hunter2"),
        (b" a # b= \n", " a # b= "),
        (b"\xef\xbb\xbfhunter2\r\n", "hunter2"),
        (&long, str::from_utf8(&long).unwrap()),
    ] {
        let expected = Some(Credential::Password(Secret::new(expected)));
        assert_eq!(read(content), Ok(expected));
    }
    let too_long = vec![b'x'; 64 * 1024 + 1];
    for (content, wrong) in [
        (&b""[..], "is empty"),
        (b"\n", "is empty"),
        (b"\r\nhunter2", "is empty"),
        (b"hunter\0two", "NUL"),
        (b"hunter2\xff", "UTF-8"),
        (&too_long, "64 KiB"),
    ] {
        let failure = read(content).unwrap_err();
        assert_eq!(failure.exit_code(), 78);
        let text = failure.to_string();
        assert!(text.contains(wrong) && !text.contains("hunter"), "{text}");
        assert!(text.contains("the password file p"), "{text}");
    }
    let missing = world().arg("--password-file=gone").refusal(66);
    assert!(missing.contains("password file gone"), "{missing}");
    // One that a higher source replaces is not read.
    let unread = world()
        .variable("WASI_SENDMAIL_PASSWORD_FILE", "gone")
        .arg("--token-file=t");
    assert!(unread.settings().is_ok());
    let token = first_line("token file", Path::new("t"), &|_, _| Ok(b"ya29.x\n".into()));
    assert_eq!(token, Ok(Secret::new("ya29.x")));
}

#[test]
fn wrong_lines_are_named_by_number_and_not_repeated() {
    for (line, wrong) in [
        ("hunter2", "has no =: write name = value"),
        ("hunter2=", "has an unknown name: known are server, "),
        ("passwort = hunter2", "has an unknown name"),
        ("Server = hunter2", "has an unknown name"),
        ("user = hunter2\nuser = hunter2", "has user again"),
        ("tries = hunter2", "tries has to be a whole number"),
        ("timeout = 0", "timeout has to be a whole number"),
        ("connections = 65", "connections has to be a whole number"),
        ("rate =", "rate has to be a whole number"),
        ("password =", "password is empty"),
        ("password = hunter2\0", "password has a NUL"),
        ("server = ", "server has no value"),
        (
            "server = smtps://u:hun\tter2@h",
            "server has a control character",
        ),
        ("from =", "from has no value: write <>"),
        ("from = root", "from has to be one full address"),
        ("ehlo = hun ter2", "ehlo has to be a host's name"),
    ] {
        let number = 3 + line.matches('\n').count();
        let refusal = world()
            .config(format!("# a comment\n\n{line}\n"))
            .refusal(78);
        let begins = format!("line {number} of the config file conf ");
        assert!(refusal.starts_with(&begins), "{refusal}");
        assert!(refusal.contains(wrong), "{refusal}");
        assert!(!refusal.contains("hun"), "{refusal}");
    }
    let refusal = world()
        .config(b"ehlo = a\npassword = hunter\xff")
        .refusal(78);
    assert!(refusal.starts_with("line 2 of the config file conf is no UTF-8"));
    let refusal = world().config(vec![b'#'; 64 * 1024 + 1]).refusal(78);
    assert!(refusal.contains("64 KiB"), "{refusal}");
}

/// cron of Fedora calls `sendmail -t -f root`.
#[test]
fn a_sender_without_a_domain_gives_way_to_a_full_one() {
    let full = "robot@example.com";
    let from = |world: World| world.arg("-f").arg("root").settings();
    let settings = from(world().config(format!("from = {full}"))).unwrap();
    assert_eq!(shown(&settings, Setting::From), full);
    let settings = from(world().variable("WASI_SENDMAIL_FROM", full)).unwrap();
    assert_eq!(shown(&settings, Setting::From), full);
    let failure = from(world()).unwrap_err();
    assert_eq!(failure.exit_code(), 64);
    let sentence = failure.to_string();
    assert!(sentence.contains("WASI_SENDMAIL_FROM"), "{sentence}");
}

#[test]
fn a_value_may_hold_what_a_line_can() {
    let settings = world().config("\u{feff}password = a#b = c d\nehlo=me");
    let settings = settings.settings().unwrap();
    assert_eq!(
        settings.proof,
        Some(Credential::Password(Secret::new("a#b = c d")))
    );
    assert_eq!(settings.ehlo.as_deref(), Some("me"));
}

#[test]
fn wrong_variables_are_named_and_not_repeated() {
    for (name, value) in [
        ("WASI_SENDMAIL_TRIES", "hunter2"),
        ("WASI_SENDMAIL_SERVER", "smtps://u:hunter2\n@h"),
        ("WASI_SENDMAIL_PASSWORD", "hunter2\n"),
        ("WASI_SENDMAIL_EHLO", "hunter2 x"),
    ] {
        let refusal = world().variable(name, value).refusal(78);
        assert!(
            refusal.starts_with(name) && !refusal.contains("hunter"),
            "{refusal}"
        );
    }
}

#[test]
fn debug_shows_no_secret() {
    let settings = world()
        .config(
            "server = smtps://u:hunter2@h\nuser = somebody\npassword = hunter2\nfrom = me@hunter2",
        )
        .settings()
        .unwrap();
    let shown = format!("{settings:?} {:?}", settings.login(None));
    for hidden in ["hunter2", "somebody"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

// In components the host opens folders; tests/host has such runs.
#[cfg(not(target_os = "wasi"))]
#[test]
fn files_are_read_up_to_a_length() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    assert_eq!(read_file(&path, 9).unwrap(), b"[package]");
    assert!(read_file(Path::new("no such file"), 9).is_err());
}
