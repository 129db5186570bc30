//! An open-loop load generator for a running sidecar: what `weir bench` runs.
//!
//! Promises that every send time is drawn before the run, from a seed, and is neither skipped nor moved; that a latency runs
//! from the *intended* time to the last byte of the answer, so that what waits because something else is slow counts as
//! slow; that each answer is checked against the request that it is for; and that what was sent is answered, shed or failed, and
//! adds up. Must never know how a sidecar decides, nor touch a file.

mod capacity;
mod clock;
mod connection;
mod drive;
mod frames;
mod http;
mod jitter;
mod payments;
mod responder;
mod schedule;
mod stages;
mod stall;
mod tally;
mod waiting;
mod wire;

pub use capacity::{SHARES, capacity, knee};
pub use clock::{Clock, pin, unpin};
pub use connection::Endpoint;
pub use drive::{BenchError, Load, drive};
pub use frames::Frames;
pub use http::Http;
pub use jitter::Jitter;
pub use payments::{Ids, Payments};
pub use responder::{Responder, Service, Stall};
pub use schedule::{Arrivals, Bursts, ScheduleError, schedule};
pub use stages::{Metrics, Reading, Stage, StagesError};
pub use stall::{DELAYED, StallTest, StallTestError, stall_test};
pub use tally::{Counts, Decided, Failed, Latencies, PERCENTILES, Slow, Tally, new_latencies};
pub use wire::{Answer, Said, Unreadable, Wire};
