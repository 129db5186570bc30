//! Any text as the body of a request.
#![no_main]

#[path = "../../tests/support/fuzz_body.rs"]
mod fuzz;

libfuzzer_sys::fuzz_target!(|text: &str| {
    fuzz::body(text);
});
