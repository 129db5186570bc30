//! Any text as a configuration.
#![no_main]

#[path = "../../tests/support/fuzz_config.rs"]
mod fuzz;

libfuzzer_sys::fuzz_target!(|text: &str| {
    fuzz::config(text);
});
