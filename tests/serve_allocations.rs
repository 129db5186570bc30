//! No allocation per request on the binary door in steady state: what a sidecar asks of the allocator, on all its threads, while
//! one client pipelines payments of accounts that are known. The client has written down all of them before, and asks for nothing.
//!
//! Beside requests, ten times a second the engine's thread tells what is measured, which is counted by itself.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, documents nothing, has a clock, and says what held"
)]

#[path = "support/frames.rs"]
mod door;
#[path = "support/sidecar.rs"]
mod sidecar;

use std::alloc::System;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sidecar::{Sidecar, here};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use weir::engine::Limits;
use weir::frames::{self, BRIEF, Header, Type};
use weir::server::{Listen, Settings, Without};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What was told is found in tables that double up to a bound: they do around 29,000 and around 57,000 payments, and not between.
const WARM_UP: usize = 38_000;
const COUNTED: usize = 12_000;
const IN_FLIGHT: usize = 64;
/// Ids that the engine remembers: so few that each of its tables has been as full as it ever is before the count. With room for
/// more, tables of few ids each go on for long to find by chance that they need more room.
const IDS_MAX: usize = 1 << 14;
/// How often what is measured is told, and what that takes at most.
const TOLD_EACH: Duration = Duration::from_millis(100);
const TOLD: usize = 20;
/// What a request may take on average: in group mode the channel to the release thread takes a piece for every 31 groups.
const MOST: f64 = 0.01;

const RULES: &str = r#"
[ruleset]
name = "steady"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
remember = "1h"

[features]
count_10m = { count = "*", by = "account", over = "10m" }
sum_1h = { sum = "amount", by = "account", over = "1h" }
payees_1h = { distinct = "payee", by = "account", over = "1h" }

[[rule]]
id = "large"
when = "amount > 1_000_000"
then = "block"
reason = "large"

[auth.strong]
all = [["soft_otp", "fido"], ["biometric"]]

[[rule]]
id = "often"
when = "count_10m > 5 and sum_1h > 200_000 and payees_1h > 2 and amount > 52_000"
then = "step_up"
auth = "strong"
reason = "often"
"#;

/// All frames, one behind the other, and where each ends.
struct Frames {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Frames {
    /// Payments that are less than a second apart, the last many hours ago.
    fn new(flags: u8) -> Self {
        let now_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64;
        let start_us = now_us - 48 * 3_600_000_000;
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for at in 0..WARM_UP + COUNTED {
            let amount = if at % 10 == 9 { 2_000_000 } else { 50_000 + at % 7 * 1_000 };
            let body = format!(
                r#"{{"id":"payment-{at:06}","time_us":{},"amount_minor":{amount},"currency":"VND","account":"account-{}","payee":"payee-{}","device":"device-{}","channel":"mobile"}}"#,
                start_us + at as i64 * 700_000,
                at % 97,
                at % 13,
                at % 101,
            );
            let kind = Type::Decide as u8;
            let header =
                Header { kind, flags, id: at as u64 + 1, timeout_or_status: 30_000_000, ..Header::default() };
            header.write(body.as_bytes(), &mut bytes);
            ends.push(bytes.len());
        }
        Self { bytes, ends }
    }

    /// Those from one to another.
    fn between(&self, from: usize, to: usize) -> &[u8] {
        let end = |many: usize| if many == 0 { 0 } else { self.ends[many - 1] };
        &self.bytes[end(from)..end(to)]
    }
}

/// A client with buffers that never grow.
struct Client {
    stream: UnixStream,
    came: Box<[u8]>,
    filled: usize,
    answered: Vec<bool>,
    /// By the outcome's number.
    outcomes: [usize; 4],
}

impl Client {
    fn new(sidecar: &Sidecar) -> Self {
        let mut client = Self {
            stream: door::unix(&sidecar.addresses),
            came: vec![0; 1 << 20].into(),
            filled: 0,
            answered: vec![false; WARM_UP + COUNTED],
            outcomes: [0; 4],
        };
        client.stream.write_all(&door::hello("")).unwrap();
        while client.read(|header, _| assert_eq!(header.kind, Type::Welcome as u8)) == 0 {}
        client
    }

    /// Reads what there is, and shows each frame; how many there were.
    fn read(&mut self, mut show: impl FnMut(Header, &[u8])) -> usize {
        let read = self.stream.read(&mut self.came[self.filled..]).unwrap();
        assert!(read > 0, "the sidecar ended the connection");
        self.filled += read;
        let (mut taken, mut many) = (0, 0);
        while let Some((header, payload)) = frames::read(&self.came[taken..self.filled], u32::MAX).unwrap() {
            show(header, payload);
            taken += frames::bytes_of(&self.came[taken..self.filled]).unwrap();
            many += 1;
        }
        self.came.copy_within(taken..self.filled, 0);
        self.filled -= taken;
        many
    }

    /// Sends the frames from one to another, so many in flight, and reads the answers.
    fn pipeline(&mut self, frames: &Frames, from: usize, to: usize, brief: bool) {
        let (mut sent, mut came) = (from, from);
        while came < to {
            let until = to.min(came + IN_FLIGHT);
            self.stream.write_all(frames.between(sent, until)).unwrap();
            sent = until;
            let (mut answered, mut outcomes) = (std::mem::take(&mut self.answered), self.outcomes);
            came += self.read(|header, line| {
                assert_eq!((header.kind, header.timeout_or_status), (Type::Decision as u8, 200));
                assert_eq!((header.cause, line.is_empty()), (0, brief));
                let before = std::mem::replace(&mut answered[header.id as usize - 1], true);
                assert!(!before, "it was answered before");
                outcomes[usize::from(header.outcome)] += 1;
            });
            (self.answered, self.outcomes) = (answered, outcomes);
        }
    }
}

/// What was asked of the allocator, once all is warm.
struct Asked {
    pieces: usize,
    grown: usize,
    /// At most so many of both to tell what is measured.
    told: usize,
}

fn asked(without: Without, brief: bool) -> Asked {
    let folder = tempfile::tempdir().unwrap();
    let binary = Listen { unix: Some(folder.path().join("frames.sock")), ..Listen::default() };
    let settings = Settings { listen: here(), binary, without, ..Settings::default() };
    let limits = Limits { ids_max: IDS_MAX, ..Limits::default() };
    let sidecar = Sidecar::within(Some(limits), RULES, settings, tempfile::tempdir().unwrap()).unwrap();
    let frames = Frames::new(if brief { BRIEF } else { 0 });
    let mut client = Client::new(&sidecar);
    client.pipeline(&frames, 0, WARM_UP, brief);
    let (begun, region) = (Instant::now(), Region::new(ALLOCATOR));
    client.pipeline(&frames, WARM_UP, WARM_UP + COUNTED, brief);
    let (asked, took) = (region.change(), begun.elapsed());
    assert!(client.answered.iter().all(|answered| *answered));
    let all = WARM_UP + COUNTED;
    let [_, allowed, stepped_up, blocked] = client.outcomes;
    if without == Without::Engine {
        assert_eq!(allowed, all);
    } else {
        assert_eq!(blocked, all / 10);
        assert!(stepped_up > all / 4 && allowed > all / 4, "{stepped_up} step-ups, {allowed} allowed");
    }
    drop(client);
    sidecar.stopped();
    let told = TOLD * took.div_duration_f64(TOLD_EACH).ceil() as usize;
    Asked { pieces: asked.allocations, grown: asked.reallocations, told }
}

const TRIES: usize = 3;

// Without the runner of tests, whose word after a minute is an allocation too.
fn main() {
    let each = |many: usize| many as f64 / COUNTED as f64;
    for (without, name) in [
        (Without::Engine, "without its engine"),
        (Without::Journal, "without its journal"),
        (Without::Nothing, "with its journal in group mode"),
    ] {
        for (brief, answers) in [(true, "brief"), (false, "with lines")] {
            let most = MOST * COUNTED as f64;
            let is_within =
                |asked: &Asked| (asked.pieces + asked.grown).saturating_sub(asked.told) as f64 <= most;
            // A machine that is busy with others makes queues longer than they ever were; what each request asks for is there each time.
            let mut tries = (0..TRIES).map(|_| asked(without, brief));
            let mut found = tries.next().unwrap();
            while !is_within(&found) {
                let Some(again) = tries.next() else { break };
                found = again;
            }
            let Asked { pieces, grown, told } = found;
            println!(
                "{name}, {answers}: {:.4} allocations and {:.4} reallocations a request; {:.4} may be what is told",
                each(pieces),
                each(grown),
                each(told)
            );
            assert!(
                is_within(&found),
                "{name}, {answers}: {pieces} and {grown}, where {most} are the most beside {told}"
            );
        }
    }
    println!("{COUNTED} payments each, {IN_FLIGHT} in flight");
}
