//! AUTH by each mechanism, and how it fails.

use crate::peer::{Act, Stream, connect, lines, now, say, server};
use smtp_session::{Credentials, ErrorKind, Mechanism, Options, Phase, Security, Session};

const TLS: Security = Security::Tls { exporter: None };

fn password() -> Credentials {
    Credentials::password("user", "secret").expect("credentials")
}

fn token(token: &str) -> Credentials {
    Credentials::oauth_token("user", token).expect("credentials")
}

/// A server that answers the lines behind EHLO one after the other.
fn open(offer: &str, replies: &[&str]) -> (Stream, Session<Stream>) {
    open_with(offer, replies, TLS, Options::default())
}

fn open_with(
    offer: &str,
    replies: &[&str],
    security: Security,
    options: Options,
) -> (Stream, Session<Stream>) {
    let mut replies: std::collections::VecDeque<_> = replies.iter().map(|text| say(text)).collect();
    let script = move |line: &str| match line.starts_with("EHLO") || line == "GREETING" {
        true => None,
        false => replies.pop_front().unwrap_or(None),
    };
    let stream = connect(&server(&[offer], script));
    let mut session = Session::with_options(stream.clone(), security, options);
    now(session.hello("client.example")).expect("EHLO");
    (stream, session)
}

#[test]
fn the_best_mechanism_of_both_sides_is_used() {
    for (offer, credentials, line) in [
        (
            "AUTH LOGIN PLAIN",
            password(),
            "AUTH PLAIN AHVzZXIAc2VjcmV0",
        ),
        ("AUTH LOGIN", password(), "AUTH LOGIN"),
        ("auth=plain", password(), "AUTH PLAIN AHVzZXIAc2VjcmV0"),
        (
            "AUTH LOGIN PLAIN",
            password().only(&[Mechanism::Login]),
            "AUTH LOGIN",
        ),
        (
            "AUTH XOAUTH2 OAUTHBEARER PLAIN",
            token("tok"),
            "AUTH OAUTHBEARER bixhPXVzZXIsAWF1dGg9QmVhcmVyIHRvawEB",
        ),
        (
            "AUTH XOAUTH2",
            token("tok"),
            "AUTH XOAUTH2 dXNlcj11c2VyAWF1dGg9QmVhcmVyIHRvawEB",
        ),
        ("AUTH EXTERNAL", Credentials::external(), "AUTH EXTERNAL ="),
    ] {
        let (stream, mut session) = open(offer, &["235 2.7.0 ok"]);
        let result = now(session.authenticate(&credentials));
        assert_eq!(lines(&stream)[1], line);
        // LOGIN is not over with its first line.
        assert_eq!(result.is_ok(), !line.ends_with("LOGIN"), "{line}");
    }
}

#[test]
fn login_bears_any_prompt() {
    for prompts in [
        ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"],
        ["334 VXNlciBOYW1lAA==", "334 UGFzc3dvcmQA"],
        ["334", "334"],
        ["334 ", "334  "],
        ["334 Username:", "334 Password:"],
    ] {
        let (stream, mut session) = open("AUTH LOGIN", &[prompts[0], prompts[1], "235 ok"]);
        now(session.authenticate(&password())).expect("a login");
        assert_eq!(lines(&stream)[1..], ["AUTH LOGIN", "dXNlcg==", "c2VjcmV0"]);
        assert_eq!(session.mechanism(), Some(Mechanism::Login));
    }
}

/// RFC 4954 section 4: a command of more than 512 octets has no initial response.
#[test]
fn a_long_initial_response_waits_for_its_challenge() {
    for (len, at_once) in [(300, true), (348, true), (349, false), (4000, false)] {
        let replies = if at_once {
            &["235 ok"][..]
        } else {
            &["334 ", "235 ok"]
        };
        let (stream, mut session) = open("AUTH XOAUTH2", replies);
        now(session.authenticate(&token(&"t".repeat(len)))).expect("a login");
        let lines = lines(&stream);
        assert_eq!(lines.len(), if at_once { 2 } else { 3 }, "{len}");
        assert!(lines[1].len() + 2 <= 512, "{len}");
        if !at_once {
            assert_eq!(lines[1], "AUTH XOAUTH2");
        }
    }
}

/// With PLAIN, other lengths are possible.
#[test]
fn a_command_has_at_most_512_octets() {
    for (len, octets) in [(366, Some(509)), (367, None)] {
        let replies = if octets.is_some() {
            &["235 ok"][..]
        } else {
            &["334 ", "235 ok"]
        };
        let (stream, mut session) = open("AUTH PLAIN", replies);
        let long = Credentials::password("user", &"p".repeat(len)).expect("credentials");
        now(session.authenticate(&long)).expect("a login");
        let line = &lines(&stream)[1];
        assert_eq!(line.len() + 2, octets.unwrap_or("AUTH PLAIN\r\n".len()));
    }
}

#[test]
fn a_failure_is_answered_as_the_mechanism_wants() {
    for (offer, answer) in [("AUTH XOAUTH2", ""), ("AUTH OAUTHBEARER", "AQ==")] {
        let challenge = "334 eyJzdGF0dXMiOiI0MDEifQ==";
        let (stream, mut session) = open(offer, &[challenge, "535 5.7.8 no", "250 noop"]);
        let error = now(session.authenticate(&token("expired"))).expect_err("refused");
        assert_eq!(lines(&stream)[2], answer);
        assert_eq!(error.reply().map(|reply| reply.code()), Some(535));
        assert_eq!(error.phase(), Phase::Auth);
        assert_eq!(error.auth_reason(), Some("{\"status\":\"401\"}"));
        assert_eq!(
            error.to_string(),
            format!(
                "the reply to {} was a refusal: 535 5.7.8 no ({{\"status\":\"401\"}})",
                offer.replace(' ', " by ")
            )
        );
        assert!(!error.is_transient());
        assert!(session.is_usable());
        now(session.noop()).expect("in step");
    }
}

#[test]
fn another_mechanism_is_tried_only_where_the_first_is_not_to_be_had() {
    let replies = ["504 5.5.4 no", "334 ", "334 ", "235 ok"];
    let (stream, mut session) = open("AUTH PLAIN LOGIN", &replies);
    now(session.authenticate(&password())).expect("a login");
    assert_eq!(lines(&stream)[2], "AUTH LOGIN");
    // Not once a challenge was answered.
    let (stream, mut session) = open("AUTH LOGIN XOAUTH2 PLAIN", &["334 ", "504 no"]);
    let login = password().only(&[Mechanism::Login, Mechanism::Plain]);
    let login = now(session.authenticate(&login)).expect_err("refused");
    assert_eq!(
        (login.mechanism(), lines(&stream).len()),
        (Some(Mechanism::Plain), 3)
    );
    for refusal in [
        "535 5.7.8 wrong",
        // Gmail: a password of its own is wanted.
        "534 5.7.9 Application-specific password required",
        "538 5.7.11 no",
        "454 4.7.0 later",
        "530 5.7.0 TLS",
        "500 what",
    ] {
        let (stream, mut session) = open("AUTH PLAIN LOGIN", &[refusal]);
        let error = now(session.authenticate(&password())).expect_err("refused");
        assert_eq!(error.is_transient(), refusal.starts_with('4'));
        assert_eq!(lines(&stream).len(), 2, "one attempt");
        assert!(session.is_usable());
    }
    let (stream, mut session) = open("AUTH PLAIN", &["504 no"]);
    let error = now(session.authenticate(&password())).expect_err("refused");
    assert!(matches!(error.kind(), ErrorKind::Refused(_)), "{error:?}");
    assert_eq!(lines(&stream).len(), 2);
}

#[test]
fn no_secret_goes_over_plaintext_unless_allowed() {
    for offer in ["AUTH PLAIN", "AUTH SCRAM-SHA-256", "AUTH EXTERNAL"] {
        let (stream, mut session) = open_with(offer, &[], Security::Plaintext, Options::default());
        let error = now(session.authenticate(&password())).expect_err("plaintext");
        assert!(matches!(error.kind(), ErrorKind::PlaintextAuth));
        assert_eq!(lines(&stream).len(), 1);
        assert!(session.is_usable());
    }
    let allowed = Options::default().allow_plaintext_auth(true);
    let (_, mut session) = open_with("AUTH PLAIN", &["235 ok"], Security::Plaintext, allowed);
    now(session.authenticate(&password())).expect("allowed by name");
}

#[test]
fn without_a_common_mechanism_nothing_is_sent() {
    for (offer, credentials) in [
        ("AUTH CRAM-MD5", password()),
        ("AUTH", password()),
        ("HELP", password()),
        ("AUTH PLAIN", token("t")),
        ("AUTH PLAIN", Credentials::external()),
        ("AUTH LOGIN", password().act_as("other").expect("a name")),
        // Without the connection's exporter there is nothing to bind to.
        ("AUTH SCRAM-SHA-256-PLUS", password()),
        // As from a false server that offers less.
        ("AUTH PLAIN", password().only(&[Mechanism::ScramSha256Plus])),
    ] {
        let (stream, mut session) = open(offer, &[]);
        let error = now(session.authenticate(&credentials)).expect_err("none");
        assert!(matches!(error.kind(), ErrorKind::NoMechanism), "{offer}");
        assert_eq!(lines(&stream).len(), 1);
        assert!(session.is_usable());
    }
}

#[test]
fn a_server_that_asks_on_and_on_is_left() {
    let (stream, mut session) = open("AUTH XOAUTH2", &["334 "; 100]);
    let error = now(session.authenticate(&token("t"))).expect_err("endless");
    assert!(matches!(error.kind(), ErrorKind::Auth(_)));
    assert!(lines(&stream).len() < 12);
    assert!(!session.is_usable());
    let (_, mut session) = open("AUTH PLAIN", &["334 !!!"]);
    let error = now(session.authenticate(&password())).expect_err("no base64");
    assert!(matches!(error.kind(), ErrorKind::Auth(_)));
    let (_, mut session) = open("AUTH PLAIN", &["354 go on"]);
    let error = now(session.authenticate(&password())).expect_err("another kind");
    assert!(matches!(error.kind(), ErrorKind::Protocol(_)));
    let (_, mut session) = open("AUTH PLAIN", &["421 4.7.0 too many"]);
    let error = now(session.authenticate(&password())).expect_err("closing");
    assert!(matches!(error.kind(), ErrorKind::Closing(_)));
}

/// A server may say what it was sent.
#[test]
fn what_the_server_repeats_of_a_secret_is_taken_out() {
    let reply = "535 bad AHVzZXIAc2VjcmV0 or secret";
    let (_, mut session) = open("AUTH PLAIN", &[reply]);
    let error = now(session.authenticate(&password())).expect_err("refused");
    let text = error.reply().expect("a reply").text();
    assert_eq!(text, "bad *** or ***");
    for shown in [
        error.to_string(),
        format!("{error:?}"),
        format!("{session:?}"),
    ] {
        assert!(!shown.contains("secret"), "{shown}");
    }
}

/// The server's side of SCRAM-SHA-256.
#[cfg(feature = "scram")]
mod scram {
    use super::*;
    use base64ct::{Base64, Encoding as _};
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use sha2::{Digest as _, Sha256};
    use std::sync::{Arc, Mutex};

    struct Server {
        exporter: [u8; 32],
        password: &'static str,
        bare: String,
        first: String,
        gs2: String,
    }

    fn mac(key: &[u8], data: &[u8]) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
        mac.update(data);
        mac.finalize().into_bytes().to_vec()
    }

    impl Server {
        fn answer(&mut self, line: &str) -> Act {
            let encoded = line.rsplit(' ').next().unwrap_or_default();
            let message = Base64::decode_vec(encoded).expect("base64");
            let message = String::from_utf8(message).expect("text");
            if message.is_empty() {
                return say("235 2.7.0 in");
            }
            if line.starts_with("AUTH") {
                let at = message.find("n=").expect("a name");
                self.gs2 = message[..at].to_owned();
                self.bare = message[at..].to_owned();
                let nonce = message.rsplit("r=").next().expect("a nonce");
                self.first = format!("r={nonce}more,s=c2FsdA==,i=4096");
                return say(&format!(
                    "334 {}",
                    Base64::encode_string(self.first.as_bytes())
                ));
            }
            let (without, proof) = message.rsplit_once(",p=").expect("a proof");
            let bound: &[u8] = match self.gs2.starts_with('p') {
                true => &self.exporter,
                false => &[],
            };
            let binding = [self.gs2.as_bytes(), bound].concat();
            let binding = format!("c={}", Base64::encode_string(&binding));
            let mut salted = [0; 32];
            pbkdf2::pbkdf2_hmac::<Sha256>(self.password.as_bytes(), b"salt", 4096, &mut salted);
            let all = format!("{},{},{without}", self.bare, self.first);
            let client_key = mac(&salted, b"Client Key");
            let signature = mac(&Sha256::digest(&client_key), all.as_bytes());
            let expected: Vec<_> = client_key
                .iter()
                .zip(signature)
                .map(|(a, b)| a ^ b)
                .collect();
            let is_good = without.starts_with(&binding)
                && Base64::decode_vec(proof).is_ok_and(|proof| proof == expected);
            if !is_good {
                return say("535 5.7.8 no");
            }
            let signature = mac(&mac(&salted, b"Server Key"), all.as_bytes());
            let last = format!("v={}", Base64::encode_string(&signature));
            say(&format!("334 {}", Base64::encode_string(last.as_bytes())))
        }
    }

    fn open_scram(
        offer: &str,
        theirs: [u8; 32],
        ours: Option<[u8; 32]>,
    ) -> (Stream, Session<Stream>, Arc<Mutex<Server>>) {
        let server = Arc::new(Mutex::new(Server {
            exporter: theirs,
            password: "secret",
            bare: String::new(),
            first: String::new(),
            gs2: String::new(),
        }));
        let served = server.clone();
        let peer = crate::peer::server(&[offer], move |line| match line {
            "GREETING" | "NOOP" => None,
            _ if line.starts_with("EHLO") => None,
            _ => served.lock().expect("no panic").answer(line),
        });
        let stream = connect(&peer);
        let mut session = Session::new(stream.clone(), Security::Tls { exporter: ours });
        now(session.hello("client.example")).expect("EHLO");
        (stream, session, server)
    }

    const BOTH: &str = "AUTH PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS";

    #[test]
    fn scram_is_bound_where_both_sides_can() {
        for (offer, ours, mechanism, flag) in [
            (
                BOTH,
                Some([3; 32]),
                Mechanism::ScramSha256Plus,
                "p=tls-exporter,,",
            ),
            (BOTH, None, Mechanism::ScramSha256, "n,,"),
            (
                "AUTH SCRAM-SHA-256",
                Some([3; 32]),
                Mechanism::ScramSha256,
                "y,,",
            ),
            ("AUTH SCRAM-SHA-256", None, Mechanism::ScramSha256, "n,,"),
        ] {
            let (stream, mut session, server) = open_scram(offer, [3; 32], ours);
            now(session.authenticate(&password())).expect("a login");
            assert_eq!(session.mechanism(), Some(mechanism));
            assert_eq!(server.lock().expect("no panic").gs2, flag);
            // AUTH, the proof, an empty line.
            assert_eq!(lines(&stream).len(), 4);
            now(session.noop()).expect("in step");
        }
    }

    /// RFC 5802 section 6: a client that can bind never says that it can't, unless its
    /// user does not want it.
    #[test]
    fn a_client_that_can_bind_says_so_without_it_too() {
        let bound = Security::Tls {
            exporter: Some([3; 32]),
        };
        // What is bound comes before the better hash.
        let offer = "AUTH SCRAM-SHA-256 SCRAM-SHA-1-PLUS";
        let (stream, mut session) = open_with(offer, &["535 no"], bound, Options::default());
        now(session.authenticate(&password())).expect_err("refused");
        assert!(lines(&stream)[1].starts_with("AUTH SCRAM-SHA-1-PLUS "));
        let unbound = [Mechanism::ScramSha256, Mechanism::Plain];
        for (credentials, first) in [
            (password(), "p=tls-exporter,,"),
            (password().only(&unbound), "n,,"),
        ] {
            let replies = ["504 5.5.4 not here", "235 never"];
            let (stream, mut session) = open_with(BOTH, &replies, bound, Options::default());
            let error = now(session.authenticate(&credentials));
            let lines = lines(&stream);
            let told = |line: &str| {
                let message = Base64::decode_vec(line.rsplit(' ').next().expect("a word"));
                String::from_utf8(message.expect("base64")).expect("text")
            };
            assert!(told(&lines[1]).starts_with(first));
            match first {
                "n,," => assert!(lines[2].starts_with("AUTH PLAIN"), "{error:?}"),
                _ => assert!(told(&lines[2]).starts_with("y,,"), "{error:?}"),
            }
        }
    }

    /// Dovecot 2.4 behind another server that does not pass `-PLUS` on: "y" is refused
    /// before the password is tested.
    #[test]
    fn scram_that_is_refused_before_its_challenge_is_no_wrong_password() {
        let bound = Security::Tls {
            exporter: Some([3; 32]),
        };
        let open = |offer, replies: &[&str], security| {
            open_with(offer, replies, security, Options::default())
        };
        let refusal = "535 5.7.8 potential downgrade attack";
        let offer = "AUTH SCRAM-SHA-256 SCRAM-SHA-1 PLAIN";
        let (stream, mut session) = open(offer, &[refusal, refusal, "235 ok"], bound);
        now(session.authenticate(&password())).expect("a login");
        let lines = lines(&stream);
        let verbs: Vec<_> = lines[1..]
            .iter()
            .map(|line| &line[..line.len().min(15)])
            .collect();
        assert_eq!(
            verbs,
            ["AUTH SCRAM-SHA-", "AUTH SCRAM-SHA-", "AUTH PLAIN AHVz"]
        );
        for line in &lines[1..3] {
            let first = Base64::decode_vec(line.rsplit(' ').next().expect("a word"));
            assert!(first.expect("base64").starts_with(b"y,,"), "{line}");
        }
        // Nothing else is left, or the password was tested, or nothing could be bound.
        let challenge = format!("334 {}", Base64::encode_string(b"r=x,s=c2FsdA==,i=4096"));
        for (offer, replies, security) in [
            ("AUTH SCRAM-SHA-256", &[refusal][..], bound),
            (offer, &[&challenge, refusal], bound),
            (offer, &[refusal], TLS),
            ("AUTH PLAIN LOGIN", &[refusal], bound),
        ] {
            let (stream, mut session) = open(offer, replies, security);
            let error = now(session.authenticate(&password())).expect_err("refused");
            assert!(error.mechanism().is_some());
            let lines = crate::peer::lines(&stream);
            let tries = lines.iter().filter(|line| line.starts_with("AUTH"));
            assert_eq!(tries.count(), 1, "{offer}");
        }
    }

    /// Somebody between has two connections, with two exporters.
    #[test]
    fn another_connection_is_found_out() {
        let (_, mut session, _) = open_scram(BOTH, [3; 32], Some([4; 32]));
        let error = now(session.authenticate(&password())).expect_err("another connection");
        assert_eq!(error.reply().map(|reply| reply.code()), Some(535));
    }

    #[test]
    fn a_server_that_does_not_prove_itself_is_left() {
        for replies in [&["235 in"][..], &["334 cj14LHM9YyxpPTQwOTY="]] {
            let (_, mut session) = open("AUTH SCRAM-SHA-256", replies);
            let error = now(session.authenticate(&password())).expect_err("no proof");
            assert!(matches!(error.kind(), ErrorKind::Auth(_)), "{error:?}");
            assert!(!session.is_usable());
        }
    }

    /// An answer before the server's signature, which it then never gives.
    #[test]
    fn a_success_without_the_servers_signature_is_none() {
        let (_, mut session, server) = open_scram("AUTH SCRAM-SHA-256", [0; 32], None);
        server.lock().expect("no panic").password = "another";
        let error = now(session.authenticate(&password())).expect_err("refused");
        assert!(matches!(error.kind(), ErrorKind::Refused(_)));
        assert!(session.is_usable());
    }

    #[cfg(feature = "saslprep")]
    #[test]
    fn what_scram_does_not_allow_is_said_before_anything_is_sent() {
        let (stream, mut session) = open("AUTH SCRAM-SHA-256", &[]);
        let bell = Credentials::password("us\u{7}er", "secret").expect("credentials");
        let error = now(session.authenticate(&bell)).expect_err("refused");
        assert!(matches!(error.kind(), ErrorKind::Credentials(_)));
        assert_eq!(lines(&stream).len(), 1);
    }
}
