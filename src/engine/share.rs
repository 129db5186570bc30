//! Who is in a share of all keys: a stable hash, so that the same key is always in or always out.

use sha2::{Digest, Sha256};

use super::gather;
use crate::event::{Event, TextField};
use crate::rules::Share;

/// All keys.
pub(crate) const WHOLE_PPM: u32 = 1_000_000;

/// Whether an event's key is in a share. `salt` keeps the shares of different purposes independent of each other;
/// a larger share of the same salt holds the smaller one. An event without the key is in none.
pub(crate) fn holds(share: Share, salt: &str, event: &Event) -> bool {
    let Some(key) = gather::text(event, share.by) else { return false };
    let mut hasher = Sha256::new();
    for part in [salt, event.text(TextField::Tenant).unwrap_or_default(), key] {
        // With its length, so that no part can be taken for a piece of another.
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let hash: [u8; 32] = hasher.finalize().into();
    let [a, b, c, d, e, f, g, h, ..] = hash;
    let point = u128::from(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    (point * u128::from(WHOLE_PPM)) >> u64::BITS < u128::from(share.ppm)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::{Draft, Kind};
    use crate::rules::KeyField;

    fn members(ppm: u32, salt: &str) -> Vec<usize> {
        let mut draft = Draft::new(Arc::default());
        let share = Share { ppm, by: KeyField::Text(TextField::Account) };
        let of = |n: &usize| {
            draft.begin(Kind::Clock, 0).unwrap();
            draft.text(TextField::Id, "e").unwrap();
            draft.text(TextField::Account, &format!("a{n}")).unwrap();
            holds(share, salt, draft.seal().unwrap())
        };
        (0..20_000).filter(of).collect()
    }

    #[test]
    fn a_share_is_as_large_as_it_says_and_grows_without_losing_anyone() {
        let (small, large) = (members(50_000, "r"), members(200_000, "r"));
        assert!((900..1_100).contains(&small.len()), "{}", small.len());
        assert!((3_800..4_200).contains(&large.len()), "{}", large.len());
        assert!(small.iter().all(|n| large.binary_search(n).is_ok()));
        assert_eq!(members(1_000_000, "r").len(), 20_000);
        assert_ne!(members(50_000, "other"), small);
        // Written down: another answer on another machine or with another version would move customers.
        assert_eq!(small.first_chunk(), Some(&[40, 42, 44]));
    }
}
