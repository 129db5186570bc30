//! Notes beside a journal, signed by its own key: what says that records were removed is one, since nobody else's word counts.
//!
//! Promises that a note which is taken for signed was written for this journal by who holds its key, byte for byte: what is
//! read is what was written, or it is none. It must never know what a note says.
//!
//! ```text
//! {"at_us":...}                    what is said, in one line
//! {"signature":"0123...cdef"}      Ed25519 over "weir note 1", the journal's id and that line, without a line end
//! ```
//!
//! Without the second line nobody signed it.

use super::heads::{PublicKey, Signer};
use crate::hex::{hex, unhex};

const OPENS: &str = "{\"signature\":\"";
const CLOSES: &str = "\"}";

/// What is said, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    said: Vec<u8>,
    signature: Option<[u8; 64]>,
}

impl Note {
    /// Says this of the journal with this id; nobody signs it where there is no signer.
    pub(super) fn new(said: Vec<u8>, id: &[u8; 16], signer: Option<&Signer>) -> Self {
        let signature = signer.map(|signer| signer.sign_note(id, &said));
        Self { said, signature }
    }

    /// The note in a file's bytes; none where it is none.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
        let said = lines.next().unwrap_or_default().to_vec();
        let signature = match lines.next() {
            None => None,
            Some(line) => {
                let digits = line.strip_prefix(OPENS.as_bytes())?.strip_suffix(CLOSES.as_bytes())?;
                // As it is written: large letters would be other bytes that say the same.
                Some(unhex(digits).filter(|held| hex(held).as_bytes() == digits)?)
            }
        };
        Some(Self { said, signature })
    }

    /// Its file's bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.said.clone();
        if let Some(signature) = self.signature {
            bytes.extend_from_slice(format!("\n{OPENS}{}{CLOSES}", hex(signature)).as_bytes());
        }
        bytes
    }

    /// What is said.
    pub(super) fn said(&self) -> &[u8] {
        &self.said
    }

    /// Whether this key signed it for the journal with this id.
    pub(super) fn is_signed(&self, by: &PublicKey, id: &[u8; 16]) -> bool {
        self.signature.is_some_and(|signature| by.signed_note(id, &self.said, &signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_with_any_bit_changed_is_not_signed() {
        let signer = Signer::from_seed([7; 32]);
        let (public, id) = (signer.public(), [3; 16]);
        let bytes = Note::new(b"{\"last\":17}".to_vec(), &id, Some(&signer)).to_bytes();
        let signed =
            |bytes: &[u8], by: &PublicKey, id| Note::read(bytes).is_some_and(|n| n.is_signed(by, id));
        assert!(signed(&bytes, &public, &id));
        assert!(!signed(&bytes, &public, &[4; 16]), "of another journal");
        assert!(!signed(&bytes, &Signer::from_seed([8; 32]).public(), &id), "by another key");
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert!(!signed(&changed, &public, &id), "bit {bit} of byte {at}");
            }
            assert!(!signed(&bytes[..at], &public, &id), "cut at {at}");
        }
        for more in [&b"\n"[..], b" ", b"}", b"\n{}"] {
            assert!(!signed(&[&bytes, more].concat(), &public, &id));
        }
        assert_eq!(Note::read(&bytes).map(|note| note.to_bytes()), Some(bytes));
    }

    #[test]
    fn what_nobody_signed_is_read_and_not_believed() {
        let signer = Signer::from_seed([7; 32]);
        let note = Note::new(b"{}".to_vec(), &[3; 16], None);
        assert_eq!(note.to_bytes(), b"{}");
        assert_eq!(Note::read(b"{}").as_ref(), Some(&note));
        assert!(!note.is_signed(&signer.public(), &[3; 16]));
    }
}
