//! The server side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding.
//!
//! Passwords are taken as they are: SASLprep leaves printable ASCII alone, and the tests use
//! nothing else.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};

/// An exchange after the client's first message.
///
/// No `Debug`: its messages are worth a guess at the password.
pub(super) struct Scram {
    /// Whom the client wants to be.
    pub(super) user: String,
    /// The message to send next.
    pub(super) server_first: String,
    client_first_bare: String,
    /// What `c=` and `r=` must repeat.
    binding_and_nonce: String,
    salt: Vec<u8>,
    iterations: NonZeroU32,
}

impl Scram {
    /// Reads the client's first message; `None` when it is malformed or asks for what is not
    /// offered. A nonce and a salt from outside let the RFC's example be checked.
    pub(super) fn new(
        client_first: &str,
        server_nonce: &str,
        salt: &[u8],
        iterations: NonZeroU32,
    ) -> Option<Self> {
        // GS2 header: no channel binding (`n`), or none because we offer none (`y`).
        let (flag, rest) = client_first.split_once(',')?;
        let (authzid, bare) = rest.split_once(',')?;
        let mut attributes = bare.split(',');
        let user = unescape(attributes.next()?.strip_prefix("n=")?)?;
        let nonce = attributes.next()?.strip_prefix("r=")?;
        let acts_for_itself = match authzid.strip_prefix("a=") {
            Some(name) => unescape(name)? == user,
            None => authzid.is_empty(),
        };
        if !matches!(flag, "n" | "y") || !acts_for_itself || nonce.is_empty() {
            return None;
        }
        let header = &client_first[..client_first.len() - bare.len()];
        let nonce = format!("{nonce}{server_nonce}");
        Some(Self {
            server_first: format!("r={nonce},s={},i={iterations}", STANDARD.encode(salt)),
            binding_and_nonce: format!("c={},r={nonce}", STANDARD.encode(header)),
            client_first_bare: bare.to_owned(),
            user,
            salt: salt.to_vec(),
            iterations,
        })
    }

    /// Checks the client's proof and returns the server's final message; `None` when it is wrong.
    pub(super) fn verify(&self, client_final: &str, password: &str) -> Option<String> {
        let (without_proof, proof) = client_final.rsplit_once(",p=")?;
        let proof = STANDARD.decode(proof).ok()?;
        if without_proof != self.binding_and_nonce || proof.len() != digest::SHA256_OUTPUT_LEN {
            return None;
        }
        let message = format!(
            "{},{},{}",
            self.client_first_bare, self.server_first, self.binding_and_nonce
        );
        let mut salted = [0; digest::SHA256_OUTPUT_LEN];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            self.iterations,
            &self.salt,
            password.as_bytes(),
            &mut salted,
        );
        let salted = hmac::Key::new(hmac::HMAC_SHA256, &salted);
        let client_key = hmac::sign(&salted, b"Client Key");
        let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
        let signature = sign(stored_key.as_ref(), &message);
        let claimed: Vec<u8> = proof
            .iter()
            .zip(signature.as_ref())
            .map(|(a, b)| a ^ b)
            .collect();
        // The claimed client key is a MAC itself, and ring compares those in constant time.
        hmac::verify(&salted, b"Client Key", &claimed).ok()?;
        let server_key = hmac::sign(&salted, b"Server Key");
        let signature = sign(server_key.as_ref(), &message);
        Some(format!("v={}", STANDARD.encode(signature)))
    }
}

fn sign(key: &[u8], message: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes())
}

/// Undoes `=2C` and `=3D`; `None` for any other `=`.
fn unescape(name: &str) -> Option<String> {
    let mut parts = name.split('=');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        text.push(match code {
            "2C" => ',',
            "3D" => '=',
            _ => return None,
        });
        text.push_str(rest);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";
    const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

    fn first(message: &str) -> Option<Scram> {
        let salt = STANDARD.decode(SALT).expect("the RFC's salt");
        Scram::new(message, SERVER_NONCE, &salt, NonZeroU32::new(4096)?)
    }

    #[test]
    fn the_example_of_rfc_7677() {
        let scram = first(CLIENT_FIRST).expect("a valid message");
        assert_eq!(scram.user, "user");
        assert_eq!(
            scram.server_first,
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        );
        assert_eq!(
            scram.verify(CLIENT_FINAL, "pencil").as_deref(),
            Some("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
        );
        assert_eq!(scram.verify(CLIENT_FINAL, "pencils"), None);
        assert_eq!(
            scram.verify(&CLIENT_FINAL.replace("biws", "eSws"), "pencil"),
            None
        );
        assert_eq!(
            scram.verify(&CLIENT_FINAL.replace("%h", "%H"), "pencil"),
            None
        );
    }

    #[test]
    fn first_messages() {
        let user = |message| first(message).map(|scram| scram.user);
        assert_eq!(user("y,a=u,n=u,r=x").as_deref(), Some("u"));
        assert_eq!(user("n,,n=a=2Cb=3Dc,r=x").as_deref(), Some("a,b=c"));
        for bad in [
            "p=tls-exporter,,n=u,r=x",
            "n,a=other,n=u,r=x",
            "n,,m=1,n=u,r=x",
            "n,,n=a=2cb,r=x",
            "n,,n=u,r=",
            "n,,n=u",
            "n=u,r=x",
        ] {
            assert_eq!(user(bad), None, "{bad}");
        }
    }
}
