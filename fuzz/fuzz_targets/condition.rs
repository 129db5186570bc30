//! Any text as a condition.
#![no_main]

#[path = "../../tests/support/fuzz.rs"]
mod fuzz;

libfuzzer_sys::fuzz_target!(|text: &str| {
    fuzz::condition(text);
});
