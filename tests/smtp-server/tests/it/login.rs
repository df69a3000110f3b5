//! Passwords by PLAIN, LOGIN and SCRAM-SHA-256.

use crate::talk::{Client, EHLO};
use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use smtp_test_server::{Mechanism, Rules};

const USER: &str = "user@test.local";

fn base64(text: impl AsRef<[u8]>) -> String {
    Base64::encode_string(text.as_ref())
}

fn rules() -> Rules {
    Rules::default().user(USER, "secret").user("other", "")
}

#[test]
fn plain_and_login() {
    let user = base64(USER);
    for (password, verdict) in [("secret", "235 2.7.0 "), ("Secret", "535 5.7.8 ")] {
        let message = base64(format!("\0{USER}\0{password}"));
        let password = base64(password);
        for transcript in [
            format!("AUTH LOGIN -> 334 VXNlcm5hbWU6\n{user} -> 334\n{password} -> {verdict}"),
            format!("auth login {user} -> 334 UGFzc3dvcmQ6\n{password} -> {verdict}"),
            format!("AUTH PLAIN -> 334\n{message} -> {verdict}"),
            format!("AUTH PLAIN {message} -> {verdict}"),
        ] {
            Client::open(rules()).talk(&transcript);
        }
    }
}

#[test]
fn what_is_no_login() {
    let user = base64(USER);
    let nobody = base64("\0nobody\0secret");
    let for_another = base64(format!("other\0{USER}\0secret"));
    let for_itself = base64("other\0other\0");
    let transcript = format!(
        "MAIL FROM:<> -> 530 5.7.0
        AUTH PLAIN {nobody} -> 535 5.7.8
        AUTH PLAIN {for_another} -> 535 5.7.8
        AUTH PLAIN {user} -> 501 5.5.2
        AUTH PLAIN = -> 501 5.5.2
        AUTH PLAIN ! -> 501 5.5.2
        AUTH CRAM-MD5 -> 504 5.5.4
        AUTH LOGIN -> 334
        * -> 501 5.7.0
        AUTH PLAIN {for_itself} -> 235 2.7.0
        AUTH LOGIN -> 503 5.5.1
        MAIL FROM:<> | RCPT TO:<a@b> | DATA -> 250 | 250 | 354
        x | . -> 250"
    );
    let mut client = Client::open(rules());
    client.talk(&transcript);
    let login = client.server.mails()[0].login.clone().expect("a login");
    assert_eq!(
        (login.mechanism.as_str(), login.user.as_str()),
        ("PLAIN", "other")
    );

    let mut client = Client::open(rules().mechanisms(&[Mechanism::Login]));
    assert!(client.talk(EHLO).ends_with("\r\n250 AUTH LOGIN\r\n"));
    client.talk("AUTH PLAIN -> 504 5.5.4");
    let mut client = Client::open(rules().needs_login(false));
    client.talk("MAIL FROM:<> AUTH=<> -> 250\nAUTH PLAIN AA== -> 503 5.5.1 not within");
    let mut client = Client::open(rules());
    let said = client.send("AUTH LOGIN\r\n") + &client.send("dQ==\r\ncA==\r\n");
    assert!(said.ends_with("503 5.5.1 wait for the reply\r\n"), "{said}");
}

/// Without users every login is right.
#[test]
fn a_server_without_users_believes() {
    let believing = || Rules::default().offer(["AUTH PLAIN LOGIN XOAUTH2"]);
    for transcript in [
        "AUTH PLAIN dQ== -> 235",
        "AUTH PLAIN -> 334 \ndQ== -> 235",
        "AUTH LOGIN -> 334 \ndQ== -> 334 \ncA== -> 235",
        "AUTH LOGIN dQ== -> 334 \ncA== -> 235",
        "AUTH XOAUTH2 dQ== -> 235",
    ] {
        let mut client = Client::open(believing());
        client.talk(transcript);
        client.talk("MAIL FROM:<> -> 250");
    }
    Client::open(believing()).talk("AUTH PLAIN !!! -> 501\nAUTH PLAIN -> 334\nx -> 501");
}

/// The client's side of SCRAM; gives the verdict on `password`.
fn scram(client: &mut Client, password: &str) -> String {
    let hmac = |key: &[u8], text: &str| {
        let mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
        mac.chain_update(text).finalize().into_bytes()
    };
    let bare = format!("n={USER},r=nonce");
    let start = base64(format!("n,,{bare}"));
    client.talk("AUTH SCRAM-SHA-256 -> 334");
    let first = client.talk(&format!("{start} -> 334"));
    let first = Base64::decode_vec(first[4..].trim_end()).expect("base64");
    let first = String::from_utf8(first).expect("ASCII");
    let mut parts = first.split(',');
    let [nonce, salt, count] = ["r=", "s=", "i="].map(|key| {
        let part = parts.next().and_then(|part| part.strip_prefix(key));
        part.expect("an attribute")
    });
    let (mut salted, salt) = ([0; 32], Base64::decode_vec(salt).expect("base64"));
    let count = count.parse().expect("a count");
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &salt, count, &mut salted);
    let without_proof = format!("c=biws,r={nonce}");
    let message = format!("{bare},{first},{without_proof}");
    let client_key = hmac(&salted, "Client Key");
    let signature = hmac(&Sha256::digest(client_key), &message);
    let proof: Vec<u8> = client_key
        .iter()
        .zip(signature)
        .map(|(a, b)| a ^ b)
        .collect();
    let last = base64(format!("{without_proof},p={}", base64(proof)));
    let answer = client.send(format!("{last}\r\n"));
    let Some(answer) = answer.strip_prefix("334 ") else {
        return answer;
    };
    let signature = hmac(&hmac(&salted, "Server Key"), &message);
    assert_eq!(
        answer.trim_end(),
        base64(format!("v={}", base64(signature)))
    );
    client.send("\r\n")
}

#[test]
fn scram_proves_both_sides() {
    let mut client = Client::open(rules());
    assert!(scram(&mut client, "Secret").starts_with("535 5.7.8 "));
    client.talk("MAIL FROM:<> -> 530 5.7.0");
    assert!(scram(&mut client, "secret").starts_with("235 2.7.0 "));
    client.talk("MAIL FROM:<> | RCPT TO:<a@b> | DATA -> 250 | 250 | 354\nx | . -> 250");
    let login = client.server.mails()[0].login.clone().expect("a login");
    assert_eq!(
        (login.mechanism.as_str(), login.user.as_str()),
        ("SCRAM-SHA-256", USER)
    );
}
