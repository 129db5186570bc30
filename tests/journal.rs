//! The journal: nothing that was said to be durable is lost, everything that is read is what was written.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test fails loudly, says what it did, and has threads"
)]

#[path = "support/disk.rs"]
mod disk;
#[path = "support/limited.rs"]
mod limited;

#[path = "journal/basics.rs"]
mod basics;
#[path = "journal/bytes.rs"]
mod bytes;
#[path = "journal/signing.rs"]
mod signing;
#[path = "journal/simulated.rs"]
mod simulated;
#[path = "journal/twin.rs"]
mod twin;
#[path = "journal/unsigned.rs"]
mod unsigned;
#[path = "journal/verified.rs"]
mod verified;
