//! The server side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding.
//!
//! Passwords are taken as they are: SASLprep leaves printable ASCII alone, and the tests use
//! nothing else.

use std::num::NonZeroU32;

use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// An exchange after the client's first message.
///
/// No `Debug`: its messages are worth a guess at the password.
pub(crate) struct Scram {
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
            server_first: format!("r={nonce},s={},i={iterations}", Base64::encode_string(salt)),
            binding_and_nonce: format!("c={},r={nonce}", Base64::encode_string(header.as_bytes())),
            client_first_bare: bare.to_owned(),
            user,
            salt: salt.to_vec(),
            iterations,
        })
    }

    /// Checks the client's proof and returns the server's final message; `None` when it is wrong.
    pub(super) fn verify(&self, client_final: &str, password: &str) -> Option<String> {
        let (without_proof, proof) = client_final.rsplit_once(",p=")?;
        let proof = Base64::decode_vec(proof).ok()?;
        if without_proof != self.binding_and_nonce || proof.len() != 32 {
            return None;
        }
        let message = format!(
            "{},{},{}",
            self.client_first_bare, self.server_first, self.binding_and_nonce
        );
        let mut salted = [0; 32];
        let rounds = self.iterations.get();
        pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &self.salt, rounds, &mut salted);
        let client_key = mac(&salted, "Client Key");
        let signature = mac(&Sha256::digest(client_key), &message);
        let claimed = proof.iter().zip(signature).map(|(a, b)| a ^ b);
        let claimed: Vec<u8> = claimed.collect();
        if !bool::from(claimed[..].ct_eq(&client_key[..])) {
            return None;
        }
        let signature = mac(&mac(&salted, "Server Key"), &message);
        Some(format!("v={}", Base64::encode_string(&signature)))
    }
}

fn mac(key: &[u8], message: &str) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is right");
    mac.chain_update(message).finalize().into_bytes().into()
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
        let salt = Base64::decode_vec(SALT).expect("the RFC's salt");
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
