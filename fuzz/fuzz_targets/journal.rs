//! Any bytes in a journal's folder.
#![no_main]

#[path = "../../tests/support/disk.rs"]
mod disk;
#[path = "../../tests/support/fuzz_journal.rs"]
mod fuzz;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::journal(data);
});
