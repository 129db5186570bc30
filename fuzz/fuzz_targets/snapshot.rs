//! Any bytes as a snapshot.
#![no_main]

#[path = "../../tests/support/fuzz_snapshot.rs"]
mod fuzz;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::snapshot(data);
});
