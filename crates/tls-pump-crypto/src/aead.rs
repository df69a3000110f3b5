//! The records of TLS 1.3 and 1.2, by AES-GCM and ChaCha20-Poly1305.

use aes_gcm::aead::array::Array;
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aead::{AeadInOut, KeyInit, KeySizeUser};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use rustls::ConnectionTrafficSecrets;
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter,
    Nonce, OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload, Tls13AeadAlgorithm,
    UnsupportedOperationError, make_tls13_aad,
};
use rustls::{ContentType, Error, ProtocolVersion};
use std::marker::PhantomData;

const TAG_LEN: usize = 16;

/// What both versions of TLS need of a cipher.
pub(crate) trait Cipher:
    AeadInOut<NonceSize = U12, TagSize = U16> + KeyInit + Send + Sync + 'static
{
    /// How many bytes of the nonce a record of TLS 1.2 carries: those after the
    /// salt (RFC 5288 section 3), or none (RFC 7905 section 2).
    #[cfg(feature = "tls12")]
    const EXPLICIT_NONCE_LEN: usize;

    fn secrets(key: AeadKey, iv: Iv) -> ConnectionTrafficSecrets;

    /// rustls gives keys of the length that it was told.
    fn with_key(key: &AeadKey) -> Self {
        Self::new_from_slice(key.as_ref()).expect("the key has the length of the cipher's")
    }

    /// Encrypts `payload` from `start` on and appends the tag.
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

    /// Decrypts `ciphertext`, which ends with the tag, in its place; returns the
    /// length of the plaintext.
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

impl Cipher for Aes128Gcm {
    #[cfg(feature = "tls12")]
    const EXPLICIT_NONCE_LEN: usize = 8;

    fn secrets(key: AeadKey, iv: Iv) -> ConnectionTrafficSecrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv }
    }
}

impl Cipher for Aes256Gcm {
    #[cfg(feature = "tls12")]
    const EXPLICIT_NONCE_LEN: usize = 8;

    fn secrets(key: AeadKey, iv: Iv) -> ConnectionTrafficSecrets {
        ConnectionTrafficSecrets::Aes256Gcm { key, iv }
    }
}

impl Cipher for ChaCha20Poly1305 {
    #[cfg(feature = "tls12")]
    const EXPLICIT_NONCE_LEN: usize = 0;

    fn secrets(key: AeadKey, iv: Iv) -> ConnectionTrafficSecrets {
        ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }
    }
}

/// A cipher as TLS uses it: its records are those of RFC 8446 section 5.2, and
/// of RFC 5246 section 6.2.3.3.
pub(crate) struct Records<C>(PhantomData<fn() -> C>);

impl<C> Records<C> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

/// One direction of a connection.
struct Tls13<C> {
    cipher: C,
    iv: Iv,
}

impl<C: Cipher> Tls13AeadAlgorithm for Records<C> {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        let cipher = C::with_key(&key);
        Box::new(Tls13 { cipher, iv })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        let cipher = C::with_key(&key);
        Box::new(Tls13 { cipher, iv })
    }

    fn key_len(&self) -> usize {
        <C as KeySizeUser>::key_size()
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Ok(C::secrets(key, iv))
    }
}

impl<C: Cipher> MessageEncrypter for Tls13<C> {
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

impl<C: Cipher> MessageDecrypter for Tls13<C> {
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
    use super::{Cipher, KeySizeUser, Records, TAG_LEN};
    use rustls::crypto::cipher::{
        AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, KeyBlockShape, MessageDecrypter,
        MessageEncrypter, NONCE_LEN, Nonce, OutboundOpaqueMessage, OutboundPlainMessage,
        PrefixedPayload, Tls12AeadAlgorithm, UnsupportedOperationError, make_tls12_aad,
    };
    use rustls::{ConnectionTrafficSecrets, Error};

    /// The most plaintext in one record (RFC 5246 section 6.2.1).
    const MOST: usize = 1 << 14;

    /// One direction of a connection.
    struct Tls12<C> {
        cipher: C,
        iv: Iv,
    }

    /// The salt, and what our side adds to it, or zeros where each record says.
    fn iv(salt: &[u8], explicit: &[u8]) -> Iv {
        let mut iv = [0; NONCE_LEN];
        let (start, end) = iv.split_at_mut(salt.len());
        start.copy_from_slice(salt);
        end[..explicit.len()].copy_from_slice(explicit);
        Iv::new(iv)
    }

    impl<C: Cipher> Tls12AeadAlgorithm for Records<C> {
        fn encrypter(
            &self,
            key: AeadKey,
            salt: &[u8],
            explicit: &[u8],
        ) -> Box<dyn MessageEncrypter> {
            let cipher = C::with_key(&key);
            let iv = iv(salt, explicit);
            Box::new(Tls12 { cipher, iv })
        }

        fn decrypter(&self, key: AeadKey, salt: &[u8]) -> Box<dyn MessageDecrypter> {
            let cipher = C::with_key(&key);
            let iv = iv(salt, &[]);
            Box::new(Tls12 { cipher, iv })
        }

        fn key_block_shape(&self) -> KeyBlockShape {
            KeyBlockShape {
                enc_key_len: <C as KeySizeUser>::key_size(),
                fixed_iv_len: NONCE_LEN - C::EXPLICIT_NONCE_LEN,
                explicit_nonce_len: C::EXPLICIT_NONCE_LEN,
            }
        }

        fn extract_keys(
            &self,
            key: AeadKey,
            salt: &[u8],
            explicit: &[u8],
        ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
            Ok(C::secrets(key, iv(salt, explicit)))
        }
    }

    impl<C: Cipher> MessageEncrypter for Tls12<C> {
        fn encrypt(
            &mut self,
            message: OutboundPlainMessage<'_>,
            seq: u64,
        ) -> Result<OutboundOpaqueMessage, Error> {
            let len = message.payload.len();
            let mut payload = PrefixedPayload::with_capacity(self.encrypted_payload_len(len));
            let nonce = Nonce::new(&self.iv, seq);
            payload.extend_from_slice(&nonce.0[NONCE_LEN - C::EXPLICIT_NONCE_LEN..]);
            payload.extend_from_chunks(&message.payload);
            let aad = make_tls12_aad(seq, message.typ, message.version, len);
            self.cipher
                .seal(&nonce, &aad, &mut payload, C::EXPLICIT_NONCE_LEN)?;
            Ok(OutboundOpaqueMessage::new(
                message.typ,
                message.version,
                payload,
            ))
        }

        fn encrypted_payload_len(&self, payload_len: usize) -> usize {
            C::EXPLICIT_NONCE_LEN + payload_len + TAG_LEN
        }
    }

    impl<C: Cipher> MessageDecrypter for Tls12<C> {
        fn decrypt<'a>(
            &mut self,
            mut message: InboundOpaqueMessage<'a>,
            seq: u64,
        ) -> Result<InboundPlainMessage<'a>, Error> {
            let start = C::EXPLICIT_NONCE_LEN;
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
