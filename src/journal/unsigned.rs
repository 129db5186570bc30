//! How long a journal goes without a signed head: no longer than whoever signs it ever leaves it.
//!
//! Promises that heads which were taken out are missed: a chain can be made again by anybody who writes there, and what has no
//! head behind it would pass for what is just being written. It must never know what a record says.

use super::frame::Chain;
use super::heads::{Head, PublicKey};

/// Most records from one signed head to the next.
pub const HEAD_EVERY_MAX: u64 = 4096;

/// The records since the last head that the key signed, as they are come by.
#[derive(Debug, Default)]
pub(super) struct Unsigned {
    records: u64,
    /// Number and chain of the record before; none where nothing binds what comes.
    former: Option<(u64, Chain)>,
}

impl Unsigned {
    /// The next record of the journal with this id, and the head in it; whether it is the first of a stretch in whose place a
    /// signed head should be. Where nothing tells whose journal it is, no signature can be proven, and none is called false.
    pub(super) fn lacks_head(
        &mut self,
        (number, chain): (u64, Chain),
        head: Option<&Head>,
        (id, key): (Option<&[u8; 16]>, &PublicKey),
    ) -> bool {
        let former = self.former.replace((number, chain));
        let speaks = |head: &&Head| {
            let is_of_former = |former| former == (head.number, head.chain);
            head.number.checked_add(1) == Some(number)
                && former.is_none_or(is_of_former)
                && id.is_none_or(|id| key.signed(id, head))
        };
        self.records = head.filter(speaks).map_or(self.records.saturating_add(1), |_| 0);
        self.records == HEAD_EVERY_MAX + 1
    }

    /// Heads may be among what is damaged here.
    pub(super) fn damaged(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::super::heads::Signer;
    use super::*;

    const ID: [u8; 16] = [3; 16];
    const CHAIN: Chain = [5; 32];

    /// The records that lack a head among so many, where those with these numbers hold what `head` makes.
    fn lacking(records: u64, heads: &[u64], head: impl Fn(u64) -> Head) -> Vec<u64> {
        let (key, mut unsigned) = (Signer::from_seed([7; 32]).public(), Unsigned::default());
        let lacks = |number: &u64| {
            let head = heads.contains(number).then(|| head(*number));
            unsigned.lacks_head((*number, CHAIN), head.as_ref(), (Some(&ID), &key))
        };
        (1..=records).filter(lacks).collect()
    }

    fn signed(number: u64) -> Head {
        Signer::from_seed([7; 32]).sign(&ID, number - 1, CHAIN, 1)
    }

    #[test]
    fn a_head_is_missed_where_it_should_be_at_the_latest() {
        assert_eq!(lacking(4096, &[], signed), [0; 0]);
        assert_eq!(lacking(9000, &[], signed), [4097]);
        assert_eq!(lacking(9000, &[4097, 8194], signed), [0; 0]);
        assert_eq!(lacking(20_000, &[4097, 9000, 13_097], signed), [8194, 17_194]);
    }

    #[test]
    fn what_the_key_did_not_sign_for_that_place_is_no_head() {
        let other = |number| Signer::from_seed([8; 32]).sign(&ID, number - 1, CHAIN, 1);
        let of_other_journal = |number| Signer::from_seed([7; 32]).sign(&[4; 16], number - 1, CHAIN, 1);
        let of_other_record = |number| signed(number - 1);
        let of_other_chain = |number| Signer::from_seed([7; 32]).sign(&ID, number - 1, [6; 32], 1);
        assert_eq!(lacking(5000, &[100], other), [4097]);
        assert_eq!(lacking(5000, &[100], of_other_journal), [4097]);
        assert_eq!(lacking(5000, &[100], of_other_record), [4097]);
        assert_eq!(lacking(5000, &[100], of_other_chain), [4097]);
    }
}
