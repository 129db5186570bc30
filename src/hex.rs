//! Bytes as people name them: hashes, ids and keys in hexadecimal.

use std::fmt::Write;

/// Two digits a byte, in small letters.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref();
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a text can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What so many digits stand for, two a byte; none where it is anything else.
pub fn unhex<const BYTES: usize>(digits: &[u8]) -> Option<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    if digits.len() != 2 * BYTES {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
        *byte = (digit(0)? << 4 | digit(1)?) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_nothing_else() {
        let bytes: Vec<u8> = (0..=255).collect();
        for pair in bytes.windows(2) {
            assert_eq!(unhex::<2>(hex(pair).as_bytes()).as_ref().map(<[u8; 2]>::as_slice), Some(pair));
        }
        assert_eq!(unhex(b"0aFf"), Some([10, 255]));
        for text in ["", "0", "000", "0g", "+f", " f", "0x"] {
            assert_eq!(unhex::<1>(text.as_bytes()), None, "{text}");
        }
    }
}
