//! How long what is kept: what is archived is read as it was, what is removed is never needed, and a crash at any step loses
//! and doubles nothing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/asked.rs"]
mod asked;
#[path = "support/disk.rs"]
mod disk;
#[path = "support/limited.rs"]
mod limited;
#[path = "support/recorded.rs"]
mod recorded;

#[path = "retention/claimed.rs"]
mod claimed;
#[path = "retention/crashes.rs"]
mod crashes;
#[path = "retention/forged.rs"]
mod forged;
#[path = "retention/plan.rs"]
mod plan;
#[path = "retention/read.rs"]
mod read;
#[path = "retention/rotated.rs"]
mod rotated;
#[path = "retention/small.rs"]
mod small;
#[path = "retention/stripped.rs"]
mod stripped;
