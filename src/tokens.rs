//! Keyed tokens: what stands in the place of an account number, a phone or a name.
//!
//! A token is `t_` and the first 84 bits of HMAC-SHA256 over the text, in base64url: 16 bytes, which is what the state keeps
//! beside a number without a place of its own. Among 10^9 texts two have the same token with a chance of one in 38
//! million. Promises that equal texts have equal tokens, whatever field and tenant they are of, so that an account that
//! pays is known where it is paid; and that nobody finds a text by its token, or tries texts, without the key. Must never
//! know a field, a file or an event.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::hex::hex;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// With what every token begins.
pub const PREFIX: &str = "t_";

/// Digits behind the prefix, of six bits each.
const DIGITS: u32 = 14;

const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Makes tokens with a key.
#[derive(Clone)]
pub struct Tokens {
    /// With the key taken in already.
    mac: Hmac<Sha256>,
    id: String,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tokens").field(&self.id).finish()
    }
}

impl Tokens {
    /// With this key.
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        let mut id = Sha256::new_with_prefix("weir tokens 1");
        id.update(key);
        let id = hex(id.finalize().get(..8).unwrap_or_default());
        // HMAC fills a key up to a block with zeros.
        let mut block = [0; 64];
        block[..KEY_BYTES].copy_from_slice(key);
        Self { mac: Hmac::<Sha256>::new(&block.into()), id }
    }

    /// Which key it is, without saying it: 16 hexadecimal digits of a hash.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Puts the token of a text behind another text.
    pub fn push(&self, text: &str, out: &mut String) {
        let mut mac = self.mac.clone();
        mac.update(text.as_bytes());
        let bits =
            mac.finalize().into_bytes().iter().take(16).fold(0, |bits, byte| bits << 8 | u128::from(*byte));
        out.push_str(PREFIX);
        for digit in 1..=DIGITS {
            let six = (bits >> (u128::BITS - 6 * digit)) as usize & 63;
            out.push(char::from(BASE64URL[six]));
        }
    }

    /// The token of a text.
    pub fn token(&self, text: &str) -> String {
        let mut token = String::with_capacity(PREFIX.len() + DIGITS as usize);
        self.push(text, &mut token);
        token
    }
}

/// Whether a text has the form of a token; whose it is nobody can tell without the key.
pub fn is_token(text: &str) -> bool {
    let digits = text.strip_prefix(PREFIX).unwrap_or_default().as_bytes();
    digits.len() == DIGITS as usize && digits.iter().all(|digit| BASE64URL.contains(digit))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn counting() -> [u8; KEY_BYTES] {
        std::array::from_fn(|at| at as u8)
    }

    /// What Python says: `"t_" + base64.urlsafe_b64encode(hmac.new(key, text.encode(), "sha256").digest())[:14]`.
    #[test]
    fn tokens_are_what_others_compute() {
        let tokens = Tokens::new(&counting());
        assert_eq!(tokens.token("0123456789"), "t_zShq0Pmm_U94r8");
        assert_eq!(tokens.token("Nguyễn Văn A"), "t_OEVBHNm8WVlLKp");
        // SHA-256 of "weir tokens 1" and the key.
        assert_eq!(tokens.id(), "b70744b0fdbc6877");
        assert_eq!(format!("{tokens:?}"), r#"Tokens("b70744b0fdbc6877")"#, "a key is never shown");
    }

    #[test]
    fn every_text_has_a_token_of_its_own_and_every_key_others() {
        let mut other = counting();
        other[31] ^= 1;
        let (one, other) = (Tokens::new(&counting()), Tokens::new(&other));
        assert_ne!(one.id(), other.id());
        let texts = (0..10_000).map(|n| format!("{n:010}"));
        let seen: HashSet<String> = texts.flat_map(|text| [one.token(&text), other.token(&text)]).collect();
        assert_eq!(seen.len(), 20_000);
        assert!(seen.iter().all(|token| token.len() == 16 && token.starts_with(PREFIX)));
        let mut behind = "x".to_owned();
        one.push("0123456789", &mut behind);
        assert_eq!(behind, format!("x{}", one.token("0123456789")));
    }
}
