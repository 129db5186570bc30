//! What a million entries cost: bytes held, counted by the list itself and by the allocator, at every size on the way.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use weir::lists::{List, Listing};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ENTRIES: usize = 1_000_000;
const BYTES_MAX: f64 = 100.0;

#[test]
fn a_million_entries_take_under_a_hundred_bytes_each() {
    let region = Region::new(ALLOCATOR);
    let mut list = List::default();
    let mut key = String::with_capacity(64);
    let mut worst = 0.0f64;
    for n in 1..=ENTRIES {
        key.clear();
        std::fmt::Write::write_fmt(&mut key, format_args!("VN-9704-{n:016}")).unwrap();
        list.put(None, &key, Listing { expires_us: Some(n as i64), level: Some(-(n as i64)), note: None });
        // Under some ten thousand the shards themselves weigh more than what is in them.
        if n % 1_000 == 0 && n >= 50_000 {
            worst = worst.max(list.bytes() as f64 / n as f64);
        }
    }
    let stats = region.change();
    let counted = stats.bytes_allocated - stats.bytes_deallocated;
    let (said, counted) = (list.bytes() as f64 / ENTRIES as f64, counted as f64 / ENTRIES as f64);
    assert!(
        worst < BYTES_MAX && counted < BYTES_MAX,
        "{said:.1} said, {counted:.1} counted, {worst:.1} at worst"
    );
    assert!((counted - said).abs() < 1.0, "{said:.1} bytes said and {counted:.1} counted");
    assert_eq!(list.find(None, &key, 0).and_then(|listing| listing.level), Some(-(ENTRIES as i64)));

    // Neither asking nor taking off and putting on again asks the allocator for anything.
    let region = Region::new(ALLOCATOR);
    for n in 1..=1_000i64 {
        assert!(list.find(Some("tenant"), &key, n).is_some());
        assert!(list.take(None, &key));
        list.put(None, &key, Listing::default());
        list.forget_some(0);
    }
    assert_eq!(region.change().allocations, 0);
}
