//! The examples of the RFCs, and servers that do it wrong.

use super::*;

const NONE: Binding = Binding {
    exporter: None,
    allowed: true,
};

fn credentials(user: &str, password: &str) -> Credentials {
    Credentials::password(user, password).expect("credentials")
}

fn scram(hash: Hash, nonce: &str) -> Scram {
    let user = credentials("user", "pencil");
    Scram::with_nonce(hash, false, &user, &NONE, nonce.to_owned()).expect("an exchange")
}

/// The messages of an example.
struct Example {
    hash: Hash,
    nonce: &'static str,
    messages: [&'static str; 4],
}

/// RFC 5802 section 5, RFC 7677 section 3.
const EXAMPLES: [Example; 2] = [
    Example {
        hash: Hash::Sha1,
        nonce: "fyko+d2lbbFgONRv9qkxdawL",
        messages: [
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ],
    },
    Example {
        hash: Hash::Sha256,
        nonce: "rOprNGfwEbeRWgbNEkqO",
        messages: [
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ],
    },
];

#[test]
fn the_examples_of_the_rfcs() {
    for example in EXAMPLES {
        let [client_first, server_first, client_final, server_final] = example.messages;
        let mut scram = scram(example.hash, example.nonce);
        assert_eq!(*scram.first(), client_first.as_bytes());
        let last = scram.respond(server_first.as_bytes());
        assert_eq!(*last.expect("a proof"), client_final.as_bytes());
        assert!(!scram.is_verified());
        let empty = scram.respond(server_final.as_bytes());
        assert_eq!(*empty.expect("a good signature"), b"");
        assert!(scram.is_verified());
        assert!(scram.respond(server_final.as_bytes()).is_err());
    }
}

#[test]
fn a_server_that_does_not_know_the_password_is_found_out() {
    for example in EXAMPLES {
        let [_, server_first, _, server_final] = example.messages;
        for last in [
            server_final
                .replacen("v=r", "v=s", 1)
                .replacen("v=6", "v=7", 1),
            "v=".to_owned(),
            "v=!".to_owned(),
            String::new(),
            "w=x".to_owned(),
        ] {
            let mut scram = scram(example.hash, example.nonce);
            scram.respond(server_first.as_bytes()).expect("a proof");
            assert!(scram.respond(last.as_bytes()).is_err(), "{last}");
            assert!(!scram.is_verified());
        }
    }
}

#[test]
fn an_error_of_the_server_is_answered_by_nothing() {
    let example = &EXAMPLES[0];
    let mut scram = scram(example.hash, example.nonce);
    scram
        .respond(example.messages[1].as_bytes())
        .expect("a proof");
    let answer = scram.respond(b"e=invalid-proof");
    assert_eq!(*answer.expect("an answer"), b"");
    assert!(!scram.is_verified());
    assert!(scram.respond(example.messages[3].as_bytes()).is_err());
}

#[test]
fn a_bad_first_message_is_refused() {
    let nonce = "fyko+d2lbbFgONRv9qkxdawL";
    for message in [
        "",
        "r=other,s=QSXCR+Q6sek8bf92,i=4096",
        // Not a byte more than ours.
        "r=fyko+d2lbbFgONRv9qkxdawL,s=QSXCR+Q6sek8bf92,i=4096",
        "m=x,r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=4096",
        "r=fyko+d2lbbFgONRv9qkxdawLx,s=,i=4096",
        "r=fyko+d2lbbFgONRv9qkxdawLx,s=!,i=4096",
        "r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92",
        "r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=4095",
        "r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=1000001",
        "r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=+4096",
        "r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=99999999999",
        "r=fyko+d2lbbFgONRv9qkxdawL\u{1},s=QSXCR+Q6sek8bf92,i=4096",
    ] {
        let mut scram = scram(Hash::Sha1, nonce);
        assert!(scram.respond(message.as_bytes()).is_err(), "{message}");
    }
    let mut scram = scram(Hash::Sha1, nonce);
    assert!(scram.respond(b"r=\xff").is_err());
}

#[test]
fn the_flag_says_what_either_side_can() {
    let exporter = Some([7; 32]);
    for (bound, exporter, allowed, flag) in [
        (true, exporter, true, "p=tls-exporter,,"),
        (false, exporter, true, "y,,"),
        (false, exporter, false, "n,,"),
        (false, None, true, "n,,"),
        (false, None, false, "n,,"),
    ] {
        let binding = Binding { exporter, allowed };
        let user = credentials("user", "pencil");
        let scram = Scram::with_nonce(Hash::Sha256, bound, &user, &binding, "x".to_owned());
        let scram = scram.expect("an exchange");
        assert_eq!(*scram.first(), [flag, "n=user,r=x"].concat().as_bytes());
        let data = scram
            .binding
            .strip_prefix(flag.as_bytes())
            .expect("the flag");
        let expected: &[u8] = if bound { &[7; 32] } else { &[] };
        assert_eq!(data, expected);
    }
}

#[test]
fn names_are_escaped() {
    let user = credentials("a,b=c", "p").act_as("x,y").expect("a name");
    let scram = Scram::with_nonce(Hash::Sha1, false, &user, &NONE, "n".to_owned());
    let first = scram.expect("an exchange").first();
    assert_eq!(*first, b"n,a=x=2Cy,n=a=2Cb=3Dc,r=n");
}

#[test]
fn nonces_differ() {
    let user = credentials("user", "pencil");
    let nonce = || {
        Scram::new(Hash::Sha1, false, &user, &NONE)
            .expect("an exchange")
            .nonce
    };
    assert_ne!(nonce(), nonce());
    assert_eq!(nonce().len(), 24);
}

/// RFC 4013 section 3.
#[cfg(feature = "saslprep")]
#[test]
fn the_examples_of_saslprep() {
    for (text, prepared) in [
        ("I\u{ad}X", Ok("IX")),
        ("user", Ok("user")),
        ("USER", Ok("USER")),
        ("\u{aa}", Ok("a")),
        ("\u{2168}", Ok("IX")),
        ("\u{7}", Err(())),
        ("\u{627}1", Err(())),
        ("\u{ad}", Err(())),
    ] {
        let got = prepare(text).map(|text| text.to_string());
        assert_eq!(got.as_deref().map_err(|_| ()), prepared, "{text:?}");
    }
}

#[cfg(not(feature = "saslprep"))]
#[test]
fn without_saslprep_names_beyond_ascii_are_refused() {
    assert!(prepare("ü").is_err());
}
