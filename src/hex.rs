//! Bytes as people name them: hashes, ids and keys in hexadecimal.

use std::fmt::Write;

/// Two digits a byte, in small letters.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
        // Writing to a text can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
