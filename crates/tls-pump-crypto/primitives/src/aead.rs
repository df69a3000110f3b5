//! The records of TLS 1.3 and 1.2, by AES-GCM and ChaCha20-Poly1305.

use aes_gcm::aead::array::Array;
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use rustls::ConnectionTrafficSecrets;
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter,
    Nonce, OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload, Tls13AeadAlgorithm,
    UnsupportedOperationError, make_tls13_aad,
};
use rustls::{ContentType, Error, ProtocolVersion};

const TAG_LEN: usize = 16;

/// A cipher with its key. Behind a pointer: its work on a record is far more
/// than the call, and the records are built by one function for all.
pub(crate) trait Cipher: Send + Sync {
    /// Encrypts `payload` from `start` on and appends the tag.
    fn seal(
        &self,
        nonce: &Nonce,
        aad: &[u8],
        payload: &mut PrefixedPayload,
        start: usize,
    ) -> Result<(), Error>;

    /// Decrypts `ciphertext`, which ends with the tag, in its place; returns the
    /// length of the plaintext.
    fn open(&self, nonce: &Nonce, aad: &[u8], ciphertext: &mut [u8]) -> Result<usize, Error>;
}

impl<C: AeadInOut<NonceSize = U12, TagSize = U16> + Send + Sync> Cipher for C {
    fn seal(
        &self,
        nonce: &Nonce,
        aad: &[u8],
        payload: &mut PrefixedPayload,
        start: usize,
    ) -> Result<(), Error> {
        let plaintext = &mut payload.as_mut()[start..];
        let tag = self.encrypt_inout_detached(&nonce.0.into(), aad, plaintext.into());
        payload.extend_from_slice(&tag.map_err(|_| Error::EncryptError)?);
        Ok(())
    }

    fn open(&self, nonce: &Nonce, aad: &[u8], ciphertext: &mut [u8]) -> Result<usize, Error> {
        let (plaintext, tag) = ciphertext
            .split_last_chunk_mut::<TAG_LEN>()
            .ok_or(Error::DecryptError)?;
        let len = plaintext.len();
        let tag = Array::from(*tag);
        self.decrypt_inout_detached(&nonce.0.into(), aad, plaintext.into(), &tag)
            .map_err(|_| Error::DecryptError)?;
        Ok(len)
    }
}

/// A cipher as TLS uses it: its records are those of RFC 8446 section 5.2, and
/// of RFC 5246 section 6.2.3.3.
#[derive(Clone, Copy, Debug)]
pub enum Records {
    /// AES-128-GCM.
    Aes128Gcm,
    /// AES-256-GCM.
    Aes256Gcm,
    /// ChaCha20-Poly1305.
    ChaCha20Poly1305,
}

impl Records {
    fn cipher(&self, key: &AeadKey) -> Box<dyn Cipher> {
        /// rustls gives keys of the length that it was told.
        fn with_key<C: KeyInit>(key: &AeadKey) -> C {
            C::new_from_slice(key.as_ref()).expect("the key has the length of the cipher's")
        }
        match self {
            Self::Aes128Gcm => Box::new(with_key::<Aes128Gcm>(key)),
            Self::Aes256Gcm => Box::new(with_key::<Aes256Gcm>(key)),
            Self::ChaCha20Poly1305 => Box::new(with_key::<ChaCha20Poly1305>(key)),
        }
    }

    fn len_of_key(&self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }

    fn secrets(&self, key: AeadKey, iv: Iv) -> ConnectionTrafficSecrets {
        match self {
            Self::Aes128Gcm => ConnectionTrafficSecrets::Aes128Gcm { key, iv },
            Self::Aes256Gcm => ConnectionTrafficSecrets::Aes256Gcm { key, iv },
            Self::ChaCha20Poly1305 => ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv },
        }
    }
}

/// One direction of a connection.
struct Tls13 {
    cipher: Box<dyn Cipher>,
    iv: Iv,
}

impl Tls13AeadAlgorithm for Records {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        let cipher = self.cipher(&key);
        Box::new(Tls13 { cipher, iv })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        let cipher = self.cipher(&key);
        Box::new(Tls13 { cipher, iv })
    }

    fn key_len(&self) -> usize {
        self.len_of_key()
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Ok(self.secrets(key, iv))
    }
}

impl MessageEncrypter for Tls13 {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let len = self.encrypted_payload_len(message.payload.len());
        let mut payload = PrefixedPayload::with_capacity(len);
        payload.extend_from_chunks(&message.payload);
        payload.extend_from_slice(&[message.typ.into()]);
        let nonce = Nonce::new(&self.iv, seq);
        self.cipher
            .seal(&nonce, &make_tls13_aad(len), &mut payload, 0)?;
        Ok(OutboundOpaqueMessage::new(
            ContentType::ApplicationData,
            // What middleboxes expect (RFC 8446 section 5.2).
            ProtocolVersion::TLSv1_2,
            payload,
        ))
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        // The type of what is in the record goes in with it.
        payload_len + 1 + TAG_LEN
    }
}

impl MessageDecrypter for Tls13 {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let payload = &mut message.payload;
        let nonce = Nonce::new(&self.iv, seq);
        let aad = make_tls13_aad(payload.len());
        let len = self.cipher.open(&nonce, &aad, payload)?;
        payload.truncate(len);
        message.into_tls13_unpadded_message()
    }
}

#[cfg(feature = "tls12")]
mod tls12 {
    use super::{Cipher, Records, TAG_LEN};
    use rustls::crypto::cipher::{
        AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, KeyBlockShape, MessageDecrypter,
        MessageEncrypter, NONCE_LEN, Nonce, OutboundOpaqueMessage, OutboundPlainMessage,
        PrefixedPayload, Tls12AeadAlgorithm, UnsupportedOperationError, make_tls12_aad,
    };
    use rustls::{ConnectionTrafficSecrets, Error};

    /// The most plaintext in one record (RFC 5246 section 6.2.1).
    const MOST: usize = 1 << 14;

    /// One direction of a connection.
    struct Tls12 {
        cipher: Box<dyn Cipher>,
        iv: Iv,
        explicit_len: usize,
    }

    /// The salt, and what our side adds to it, or zeros where each record says.
    fn iv(salt: &[u8], explicit: &[u8]) -> Iv {
        let mut iv = [0; NONCE_LEN];
        let (start, end) = iv.split_at_mut(salt.len());
        start.copy_from_slice(salt);
        end[..explicit.len()].copy_from_slice(explicit);
        Iv::new(iv)
    }

    impl Records {
        /// How many bytes of the nonce a record carries: those after the salt
        /// (RFC 5288 section 3), or none (RFC 7905 section 2).
        fn explicit_len(&self) -> usize {
            match self {
                Self::Aes128Gcm | Self::Aes256Gcm => 8,
                Self::ChaCha20Poly1305 => 0,
            }
        }

        fn direction(&self, key: &AeadKey, iv: Iv) -> Tls12 {
            Tls12 {
                cipher: self.cipher(key),
                iv,
                explicit_len: self.explicit_len(),
            }
        }
    }

    impl Tls12AeadAlgorithm for Records {
        fn encrypter(
            &self,
            key: AeadKey,
            salt: &[u8],
            explicit: &[u8],
        ) -> Box<dyn MessageEncrypter> {
            Box::new(self.direction(&key, iv(salt, explicit)))
        }

        fn decrypter(&self, key: AeadKey, salt: &[u8]) -> Box<dyn MessageDecrypter> {
            Box::new(self.direction(&key, iv(salt, &[])))
        }

        fn key_block_shape(&self) -> KeyBlockShape {
            KeyBlockShape {
                enc_key_len: self.len_of_key(),
                fixed_iv_len: NONCE_LEN - self.explicit_len(),
                explicit_nonce_len: self.explicit_len(),
            }
        }

        fn extract_keys(
            &self,
            key: AeadKey,
            salt: &[u8],
            explicit: &[u8],
        ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
            Ok(self.secrets(key, iv(salt, explicit)))
        }
    }

    impl MessageEncrypter for Tls12 {
        fn encrypt(
            &mut self,
            message: OutboundPlainMessage<'_>,
            seq: u64,
        ) -> Result<OutboundOpaqueMessage, Error> {
            let len = message.payload.len();
            let mut payload = PrefixedPayload::with_capacity(self.encrypted_payload_len(len));
            let nonce = Nonce::new(&self.iv, seq);
            payload.extend_from_slice(&nonce.0[NONCE_LEN - self.explicit_len..]);
            payload.extend_from_chunks(&message.payload);
            let aad = make_tls12_aad(seq, message.typ, message.version, len);
            self.cipher
                .seal(&nonce, &aad, &mut payload, self.explicit_len)?;
            Ok(OutboundOpaqueMessage::new(
                message.typ,
                message.version,
                payload,
            ))
        }

        fn encrypted_payload_len(&self, payload_len: usize) -> usize {
            self.explicit_len + payload_len + TAG_LEN
        }
    }

    impl MessageDecrypter for Tls12 {
        fn decrypt<'a>(
            &mut self,
            mut message: InboundOpaqueMessage<'a>,
            seq: u64,
        ) -> Result<InboundPlainMessage<'a>, Error> {
            let start = self.explicit_len;
            let (explicit, ciphertext) = message
                .payload
                .split_at_mut_checked(start)
                .ok_or(Error::DecryptError)?;
            let mut nonce = Nonce::new(&self.iv, seq);
            nonce.0[NONCE_LEN - start..].copy_from_slice(explicit);
            let len = ciphertext
                .len()
                .checked_sub(TAG_LEN)
                .ok_or(Error::DecryptError)?;
            let aad = make_tls12_aad(seq, message.typ, message.version, len);
            self.cipher.open(&nonce, &aad, ciphertext)?;
            if len > MOST {
                return Err(Error::PeerSentOversizedRecord);
            }
            Ok(message.into_plain_message_range(start..start + len))
        }
    }
}
