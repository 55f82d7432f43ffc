//! Secrets at rest: XChaCha20-Poly1305 with table, row and column as associated data.
//!
//! A sealed value is the key's id (4 bytes), the nonce (24 bytes), and the ciphertext with its tag (16 bytes).

use std::{fmt, sync::Arc};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::StoreError;

const ID: usize = 4;
const NONCE: usize = 24;

/// The key that seals secrets (32 bytes), and former keys that still open what they sealed.
#[derive(Clone)]
pub struct SealingKey(Arc<Vec<Key>>);

struct Key {
    id: [u8; ID],
    secret: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

impl Key {
    fn new(secret: Zeroizing<[u8; 32]>) -> Self {
        let digest = Sha256::new().chain_update(b"usher key id\0").chain_update(*secret).finalize();
        let mut id = [0; ID];
        id.copy_from_slice(&digest[..ID]);
        Self { id, secret }
    }

    fn parse(hex: &str) -> Option<Self> {
        if hex.len() != 64 {
            return None;
        }
        let mut secret = Zeroizing::new([0; 32]);
        for (byte, pair) in secret.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let digit =
                |at: usize| char::from(pair[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            *byte = digit(0)? << 4 | digit(1)?;
        }
        Some(Self::new(secret))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.secret).into())
    }
}

impl SealingKey {
    /// 64 hex digits, white space around them ignored. Several keys, white space between them: the first seals, all open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with what a key looks like; never with the text given.
    pub fn parse(hex: &str) -> Result<Self, StoreError> {
        let keys: Option<Vec<_>> = hex.split_whitespace().map(Key::parse).collect();
        match keys {
            Some(keys) if !keys.is_empty() => Ok(Self(Arc::new(keys))),
            _ => Err(StoreError::Unavailable(
                "the sealing key is not 64 hexadecimal digits; `usher key generate` makes one".to_owned(),
            )),
        }
    }

    /// A new random key and its hex spelling.
    pub fn generate() -> (Self, String) {
        let secret: Zeroizing<[u8; 32]> = Zeroizing::new(rand::random());
        let hex = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        (Self(Arc::new(vec![Key::new(secret)])), hex)
    }

    /// Seals `plain` with the first key.
    pub(crate) fn seal(&self, place: &Place<'_>, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE] = rand::random();
        let Some(key) = self.0.first() else { return Vec::new() };
        let payload = Payload { msg: plain, aad: &place.bytes() };
        // Encryption fails only above 256 GB; an empty value then does not open.
        let Ok(ciphertext) = key.cipher().encrypt(&XNonce::from(nonce), payload) else { return Vec::new() };
        [&key.id[..], &nonce, &ciphertext].concat()
    }

    /// Opens what [`SealingKey::seal`] made at the same place.
    pub(crate) fn unseal(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let broken = |why: &str| {
            StoreError::Unavailable(format!(
                "the secret in {}.{} of row {} can't be opened: {why}; enter it again",
                place.table, place.column, place.row
            ))
        };
        let (id, rest) = sealed.split_at_checked(ID).ok_or_else(|| broken("it is cut off"))?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>().ok_or_else(|| broken("it is cut off"))?;
        let key = self
            .0
            .iter()
            .find(|key| key.id == id)
            .ok_or_else(|| broken("it was sealed with another key than the one Usher was given"))?;
        let payload = Payload { msg: ciphertext, aad: &place.bytes() };
        key.cipher()
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| broken("it was changed or moved from another place"))
    }

    /// Whether `sealed` was sealed by the first key; if not, it is to be sealed again.
    pub(crate) fn is_current(&self, sealed: &[u8]) -> bool {
        self.0.first().is_some_and(|key| sealed.starts_with(&key.id))
    }
}

/// Where a secret stands.
pub(crate) struct Place<'a> {
    pub(crate) table: &'a str,
    pub(crate) row: i64,
    pub(crate) column: &'a str,
}

impl Place<'_> {
    /// Associated data; names hold no U+0000, so that two places never spell alike.
    fn bytes(&self) -> Vec<u8> {
        format!("{}\0{}\0{}", self.table, self.row, self.column).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { table: "app", row: 7, column: "token" };

    #[test]
    fn opens_only_in_its_place_whole_and_with_its_key() {
        let (key, _) = SealingKey::generate();
        let sealed = key.seal(&PLACE, b"s3cret");
        assert_eq!(key.unseal(&PLACE, &sealed).unwrap(), b"s3cret");
        assert!(key.unseal(&Place { row: 8, ..PLACE }, &sealed).is_err());
        assert!(key.unseal(&Place { table: "webhook", ..PLACE }, &sealed).is_err());
        assert!(key.unseal(&Place { column: "password", ..PLACE }, &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.unseal(&PLACE, &changed).is_err(), "byte {at}");
            assert!(key.unseal(&PLACE, &sealed[..at]).is_err(), "cut at {at}");
        }
        let error = SealingKey::generate().0.unseal(&PLACE, &sealed).unwrap_err().to_string();
        assert!(error.contains("another key"), "{error}");
    }

    #[test]
    fn the_same_secret_never_looks_the_same() {
        let (key, _) = SealingKey::generate();
        assert_ne!(key.seal(&PLACE, b"x"), key.seal(&PLACE, b"x"));
    }

    #[test]
    fn a_former_key_still_opens() {
        let (old, old_hex) = SealingKey::generate();
        let (_, new_hex) = SealingKey::generate();
        let both = SealingKey::parse(&format!("{new_hex}\n{old_hex}\n")).unwrap();
        let sealed = old.seal(&PLACE, b"x");
        assert_eq!(both.unseal(&PLACE, &sealed).unwrap(), b"x");
        assert!(!both.is_current(&sealed));
        assert!(both.is_current(&both.seal(&PLACE, b"x")));
        assert!(old.unseal(&PLACE, &both.seal(&PLACE, b"x")).is_err());
    }

    #[test]
    fn a_key_is_never_printed_and_a_wrong_one_not_repeated() {
        let (key, hex) = SealingKey::generate();
        assert_eq!(format!("{key:?}"), "SealingKey(…)");
        assert!(SealingKey::parse(&format!(" {hex}\n")).is_ok());
        for wrong in
            ["", &hex[1..], &format!("{hex}0"), &hex.replace(&hex[..1], "g"), "+f".repeat(32).as_str()]
        {
            let error = SealingKey::parse(wrong).unwrap_err().to_string();
            assert!(wrong.is_empty() || !error.contains(wrong), "{error}");
        }
    }
}
