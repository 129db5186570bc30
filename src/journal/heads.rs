//! Signed heads: who holds the key says what the chain was at a record and when.
//!
//! Promises that a head that is taken for signed was signed by that key, over that journal, record and chain. Keys are files
//! that `openssl` reads and writes: PKCS#8 and SPKI in PEM.
//!
//! ```text
//!   0 u64 number of the record before it        little endian all of it
//!   8 [32] that record's chain
//!  40 i64 when, in microseconds
//!  48 [8] the key's id: the first bytes of the SHA-256 of the public key
//!  56 [64] Ed25519 signature over "weir head 1", the journal's id, number, chain and when
//! ```

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes,
};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use super::archive;
use super::error::JournalError;
use super::frame::{Chain, u64_at};
use crate::io::Disk;

/// Bytes of a head's body.
pub(super) const HEAD_BYTES: usize = 120;
const WORDS: &[u8] = b"weir head 1";
/// What is signed begins otherwise for each kind of thing, so that one can't be taken for the other.
const NOTE_WORDS: &[u8] = b"weir note 1";
const APPROVAL_WORDS: &[u8] = b"weir rules approval 1";
/// How the file of a private key begins, and ends.
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// A key's file is never this long.
const KEY_BYTES_MAX: u64 = 4096;

/// What was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the record before it.
    pub number: u64,
    /// That record's chain.
    pub chain: Chain,
    /// When it was signed, in microseconds, by the signer's clock.
    pub at_us: i64,
    /// Which key.
    pub key: [u8; 8],
    /// Ed25519.
    pub signature: [u8; 64],
}

impl Head {
    /// The head in a record's body; none where it is none.
    pub fn read(body: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEAD_BYTES] = body.try_into().ok()?;
        let (mut chain, mut key, mut signature) = ([0; 32], [0; 8], [0; 64]);
        chain.copy_from_slice(&bytes[8..40]);
        key.copy_from_slice(&bytes[48..56]);
        signature.copy_from_slice(&bytes[56..]);
        Some(Self { number: u64_at(bytes, 0), chain, at_us: u64_at(bytes, 40).cast_signed(), key, signature })
    }

    pub(super) fn to_bytes(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[0..8].copy_from_slice(&self.number.to_le_bytes());
        bytes[8..40].copy_from_slice(&self.chain);
        bytes[40..48].copy_from_slice(&self.at_us.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.key);
        bytes[56..].copy_from_slice(&self.signature);
        bytes
    }

    fn message(&self, id: &[u8; 16]) -> Vec<u8> {
        [WORDS, id, &self.number.to_le_bytes(), &self.chain, &self.at_us.to_le_bytes()].concat()
    }
}

/// Who signs heads, and notes beside the journal.
#[derive(Clone)]
pub struct Signer(Arc<SigningKey>);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signer").field(&self.public()).finish()
    }
}

impl Signer {
    /// The key that is made of 32 random bytes.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(Arc::new(SigningKey::from_bytes(&seed)))
    }

    /// The private key of a PEM file (`BEGIN PRIVATE KEY`).
    pub fn read(disk: &dyn Disk, path: &Path) -> Result<Self, JournalError> {
        let why = |why: String| JournalError::Key { path: path.to_owned(), why };
        let key = SigningKey::from_pkcs8_pem(&text(disk, path)?).map_err(|error| why(error.to_string()))?;
        Ok(Self(Arc::new(key)))
    }

    /// Makes the private key of a file of 32 random bytes, as [`write`](Self::write) does.
    pub(super) fn create(disk: &dyn Disk, path: &Path, seed: [u8; 32]) -> Result<Self, JournalError> {
        let signer = Self::from_seed(seed);
        signer.write(disk, path)?;
        Ok(signer)
    }

    /// Writes it to a file, in place of any that is there: it is there whole or not at all, and only its owner may read it.
    pub fn write(&self, disk: &dyn Disk, path: &Path) -> Result<(), JournalError> {
        // Without the public key in it, which OpenSSL does not read.
        let key = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        let pem = key.to_pkcs8_pem(LineEnding::LF);
        let pem = pem.map_err(|error| JournalError::Key { path: path.to_owned(), why: error.to_string() })?;
        archive::place_private(disk, path, pem.as_bytes())
    }

    /// Whether a file is what is left of a key that was never written whole, as earlier releases might leave it: a beginning
    /// of the text of one, or nothing.
    pub(super) fn is_torn(disk: &dyn Disk, path: &Path) -> Result<bool, JournalError> {
        let text = text(disk, path)?;
        let text = text.trim_end_matches('\0');
        Ok(BEGIN.starts_with(text) || text.starts_with(BEGIN) && !text.contains(END))
    }

    /// Its public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(super) fn sign(&self, id: &[u8; 16], number: u64, chain: Chain, at_us: i64) -> Head {
        let head = Head { number, chain, at_us, key: self.public().id(), signature: [0; 64] };
        Head { signature: self.0.sign(&head.message(id)).to_bytes(), ..head }
    }

    /// Signs what is said beside the journal with this id.
    pub(super) fn sign_note(&self, id: &[u8; 16], said: &[u8]) -> [u8; 64] {
        self.0.sign(&[NOTE_WORDS, id, said].concat()).to_bytes()
    }

    /// Approves the rule set that is kept by this hash, for the journal with this id and no other.
    pub fn approve(&self, id: &[u8; 16], rules: &[u8; 32]) -> [u8; 64] {
        self.0.sign(&[APPROVAL_WORDS, id, rules].concat()).to_bytes()
    }
}

/// Whose heads and notes are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The public key of a PEM file (`BEGIN PUBLIC KEY`).
    pub fn read(disk: &dyn Disk, path: &Path) -> Result<Self, JournalError> {
        let spoilt = |why| JournalError::PublicSpoilt { path: path.to_owned(), why };
        let text = text(disk, path).map_err(|error| match error {
            JournalError::Key { why, .. } => spoilt(why),
            error => error,
        })?;
        Self::from_pem(&text).map_err(spoilt)
    }

    /// The same of its text; the error is what is wrong with it.
    pub fn from_pem(pem: &str) -> Result<Self, String> {
        VerifyingKey::from_public_key_pem(pem).map(Self).map_err(|error| error.to_string())
    }

    /// Its 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The PEM file.
    pub fn to_pem(&self) -> Result<String, JournalError> {
        let pem = self.0.to_public_key_pem(LineEnding::LF);
        pem.map_err(|error| JournalError::Key { path: "signing.pub".into(), why: error.to_string() })
    }

    /// The first bytes of its SHA-256.
    pub fn id(&self) -> [u8; 8] {
        let hash: [u8; 32] = Sha256::digest(self.0.as_bytes()).into();
        u64_at(&hash, 0).to_le_bytes()
    }

    /// Whether it signed this head of the journal with this id.
    pub fn signed(&self, id: &[u8; 16], head: &Head) -> bool {
        let signature = Signature::from_bytes(&head.signature);
        head.key == self.id() && self.0.verify_strict(&head.message(id), &signature).is_ok()
    }

    /// Whether it signed this, said beside the journal with this id.
    pub(super) fn signed_note(&self, id: &[u8; 16], said: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        self.0.verify_strict(&[NOTE_WORDS, id, said].concat(), &signature).is_ok()
    }

    /// The key with these bytes, if they are one.
    pub(super) fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        VerifyingKey::from_bytes(bytes).ok().map(Self)
    }

    /// Whether it approved the rule set that is kept by this hash, for the journal with this id.
    pub fn approved(&self, id: &[u8; 16], rules: &[u8; 32], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        self.0.verify_strict(&[APPROVAL_WORDS, id, rules].concat(), &signature).is_ok()
    }
}

fn text(disk: &dyn Disk, path: &Path) -> Result<String, JournalError> {
    let source = disk.read(path).map_err(JournalError::disk("open", path))?;
    let mut bytes = Vec::new();
    source.take(KEY_BYTES_MAX).read_to_end(&mut bytes).map_err(JournalError::disk("read", path))?;
    let none =
        |_| JournalError::Key { path: path.to_owned(), why: "it holds bytes that are no text".to_owned() };
    String::from_utf8(bytes).map_err(none)
}
