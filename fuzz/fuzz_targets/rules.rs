//! Any text as a rule file.
#![no_main]

#[path = "../../tests/support/fuzz.rs"]
mod fuzz;

libfuzzer_sys::fuzz_target!(|text: &str| {
    fuzz::rules(text);
});
