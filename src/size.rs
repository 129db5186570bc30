//! Sizes as people write them: `512`, `64MiB`.
//!
//! Promises that what is written is read back as the same number of bytes.

/// The units, the largest first, with their powers of two.
const UNITS: [(&str, u32); 5] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];

/// A number of bytes, with or without a unit: `1000`, `3B`, `64MiB`, `2 GiB`. None where the text is none, or too many.
pub fn parse_size(text: &str) -> Option<u64> {
    let unit = UNITS.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
    let (number, shift) = unit.unwrap_or((text, 0));
    let number: u64 = number.trim().parse().ok()?;
    number.checked_mul(1 << shift)
}

/// Writes a number of bytes with the largest unit that divides it: `64MiB`.
pub fn format_size(bytes: u64) -> String {
    let whole = |shift: u32| bytes != 0 && bytes.trailing_zeros() >= shift;
    let (unit, shift) = UNITS.into_iter().find(|(_, shift)| whole(*shift)).unwrap_or(("B", 0));
    format!("{}{unit}", bytes >> shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units() {
        for (text, expected) in [("0", 0), ("1000", 1_000), ("3B", 3), ("2KiB", 2_048), ("2 GiB", 2 << 30)] {
            assert_eq!(parse_size(text), Some(expected), "{text}");
        }
        for text in ["", "GiB", "-1", "1.5GiB", "2GB", "99999999999TiB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for bytes in [0, 1, 1_000, 1_024, 1_025, 3 << 20, 7 << 40, u64::MAX] {
            assert_eq!(parse_size(&format_size(bytes)), Some(bytes), "{bytes}");
        }
        assert_eq!([64 << 20, 1_536, 5].map(format_size), ["64MiB", "1536B", "5B"]);
    }
}
