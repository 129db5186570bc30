//! Any bytes as a stream of frames.
#![no_main]

#[path = "../../tests/support/fuzz_frames.rs"]
mod fuzz;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::frames(data);
});
