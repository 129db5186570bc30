//! What came of the requests: counts that must add up, latencies, and the slowest by name.
//!
//! Latencies from the intended time and from the actual sending are two histograms, and never mixed. Only what the sidecar
//! served (decided or declared) is in them: what was shed or failed is counted, with how long the shed waited beside it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::wire::Said;
use crate::decision::Outcome;

/// A histogram of nanoseconds.
pub type Latencies = Histogram<u64>;

/// The percentiles that are told, with their names.
pub const PERCENTILES: [(&str, f64); 6] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999), ("max", 1.0)];

/// Longer ones count as this: an hour.
const LONGEST_NS: u64 = 3_600_000_000_000;
const DIGITS: u8 = 3;
/// How many of the slowest are kept.
const SLOWEST: usize = 10;

/// An empty histogram of nanoseconds up to an hour, to three digits.
#[expect(clippy::expect_used, reason = "bounds that are written here")]
pub fn new_latencies() -> Latencies {
    Histogram::new_with_bounds(1, LONGEST_NS, DIGITS).expect("these bounds are some")
}

/// Requests without an answer, by why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// The connection broke while they were on their way.
    pub broken: u64,
    /// No answer came within the generator's patience.
    pub timeout: u64,
    /// No connection was free for them until the end.
    pub unsent: u64,
    /// What came for them can't be right.
    pub unreadable: u64,
}

impl Failed {
    /// All of them.
    pub fn all(&self) -> u64 {
        self.broken + self.timeout + self.unsent + self.unreadable
    }
}

/// Decisions of the engine, by outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Decided {
    /// Let through.
    pub allow: u64,
    /// To be authenticated.
    pub step_up: u64,
    /// Stopped.
    pub block: u64,
}

impl Decided {
    /// All of them.
    pub fn all(&self) -> u64 {
        self.allow + self.step_up + self.block
    }
}

/// What became of the requests that count, which are those intended after the warm-up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// How many the schedule has.
    pub sent: u64,
    /// Decisions of the engine.
    pub decided: Decided,
    /// Declared answers by cause.
    pub declared: BTreeMap<String, u64>,
    /// Answers that say that there is none for now, by why, but for those shed.
    pub undecided: BTreeMap<String, u64>,
    /// Refused requests by status.
    pub refused: BTreeMap<u16, u64>,
    /// Told to come again later, since more comes than is decided.
    pub shed: u64,
    /// Decisions and declared answers that went out before they were on disk: how long they took holds no wait for it.
    pub not_durable: u64,
    /// Without an answer.
    pub failed: Failed,
}

impl Counts {
    /// Declared, in all.
    pub fn declared(&self) -> u64 {
        self.declared.values().sum()
    }

    /// Answered with anything but that they are shed.
    pub fn answered(&self) -> u64 {
        let others = self.undecided.values().sum::<u64>() + self.refused.values().sum::<u64>();
        self.decided.all() + self.declared() + others
    }
}

/// A request that took long.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Slow {
    /// From the intended time to the answer.
    pub latency_ns: u64,
    /// From the sending to the answer.
    pub service_ns: u64,
    /// When it was to be sent, from the beginning of the run.
    pub intended_ns: u64,
    /// Its payment's number, of which the id is made.
    pub number: u64,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Tally {
    /// By what became of them.
    pub counts: Counts,
    /// From the intended time to the last byte of the answer.
    pub latency: Latencies,
    /// From the sending to the last byte of the answer: what a closed loop would have told.
    pub service: Latencies,
    /// From the intended time until those shed knew.
    pub shed: Latencies,
    /// How late the generator itself sent what found a free connection.
    pub lateness: Latencies,
    /// Requests that waited for a connection.
    pub waited: u64,
    /// Answers that came while counted requests were intended, whichever they were for, served alone.
    pub served_meanwhile: u64,
    /// Answers that nobody asked for, or that were for no request on their connection; with why, the first of them.
    pub strays: u64,
    /// The first answer that can't be right, in words.
    pub first_wrong: Option<String>,
    /// Whether nobody was there in the end: no connection, nor could one be made.
    pub unreachable: bool,
    /// Requests that were sent to warm up.
    pub warm_up: u64,
    /// How long counted requests were intended for.
    pub counted_ns: u64,
    slowest: BinaryHeap<Reverse<Slow>>,
}

impl Tally {
    /// Of a run with so many counted requests intended in so long, behind those that warm up.
    pub fn new(sent: u64, warm_up: u64, counted_ns: u64) -> Self {
        Self {
            counts: Counts { sent, ..Counts::default() },
            latency: new_latencies(),
            service: new_latencies(),
            shed: new_latencies(),
            lateness: new_latencies(),
            waited: 0,
            served_meanwhile: 0,
            strays: 0,
            first_wrong: None,
            unreachable: false,
            warm_up,
            counted_ns,
            slowest: BinaryHeap::with_capacity(SLOWEST + 1),
        }
    }

    /// Counts an answer, which says that it is on disk or not.
    pub fn answered(&mut self, said: Said, durable: bool, request: Slow) {
        let counts = &mut self.counts;
        let count = match said {
            Said::Decided(Outcome::Allow) => &mut counts.decided.allow,
            Said::Decided(Outcome::StepUp) => &mut counts.decided.step_up,
            Said::Decided(Outcome::Block) => &mut counts.decided.block,
            Said::Declared(cause) => counts.declared.entry(cause).or_default(),
            Said::Shed => {
                counts.shed += 1;
                return self.shed.saturating_record(request.latency_ns);
            }
            Said::Undecided(why) => return *counts.undecided.entry(why).or_default() += 1,
            Said::Refused(status) => return *counts.refused.entry(status).or_default() += 1,
            Said::Greeting | Said::Farewell(_) => return,
        };
        *count += 1;
        counts.not_durable += u64::from(!durable);
        self.latency.saturating_record(request.latency_ns);
        self.service.saturating_record(request.service_ns);
        if self.slowest.peek().is_none_or(|Reverse(least)| self.slowest.len() < SLOWEST || *least < request) {
            self.slowest.push(Reverse(request));
            if self.slowest.len() > SLOWEST {
                self.slowest.pop();
            }
        }
    }

    /// The slowest requests, slowest first: the first of them is the histogram's maximum.
    pub fn slowest(&self) -> Vec<Slow> {
        let mut slowest: Vec<Slow> = self.slowest.iter().map(|Reverse(slow)| slow.clone()).collect();
        slowest.sort_unstable_by(|a, b| b.cmp(a));
        slowest
    }

    /// What is wrong with the run itself, as opposed to what was measured: counts that don't add up, a maximum that nobody
    /// can name, answers that can't be right.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let counts = &self.counts;
        let told = counts.answered() + counts.shed + counts.failed.all();
        if counts.sent != told {
            faults.push(format!(
                "sent {} but answered {}, shed {} and failed {}, which is {told}",
                counts.sent,
                counts.answered(),
                counts.shed,
                counts.failed.all()
            ));
        }
        let served = counts.decided.all() + counts.declared();
        if self.latency.len() != served || self.service.len() != served {
            faults.push(format!("{served} were served, and the histogram has {}", self.latency.len()));
        }
        let slowest = self.slowest.iter().map(|Reverse(slow)| slow.latency_ns).max();
        if slowest.is_some_and(|ns| !self.latency.equivalent(ns.clamp(1, LONGEST_NS), self.latency.max())) {
            faults.push("the histogram's maximum is none of the requests".to_owned());
        }
        if let Some(wrong) = &self.first_wrong {
            faults.push(format!(
                "answers that can't be right, {} of them for no request there; the first: {wrong}",
                self.strays
            ));
        }
        faults
    }

    /// Why these are the figures of a sidecar that was not there all the time, if it was not: it hung up on requests, or nobody
    /// was there for the last of them.
    pub fn broke_off(&self) -> Option<String> {
        let (sent, failed) = (self.counts.sent, &self.counts.failed);
        let is_gone = self.unreachable && failed.unsent > 0;
        (failed.broken > 0 || is_gone).then(|| {
            format!(
                "the server broke off: of {sent} requests {} were on their way when their connection ended, and {} were never sent",
                failed.broken, failed.unsent
            )
        })
    }

    /// That nothing was decided, if nothing was: there are no figures of decisions then.
    pub fn decided_nothing(&self) -> Option<String> {
        let sent = self.counts.sent;
        match self.counts.decided.all() {
            0 if sent == 0 => {
                Some("nothing was sent in the time that counts: raise --rate or --duration".to_owned())
            }
            0 => Some(format!("nothing was decided, of {sent} requests")),
            _ => None,
        }
    }

    /// Requests a second that were intended.
    pub fn offered(&self) -> f64 {
        a_second(self.counts.sent, self.counted_ns)
    }

    /// Requests a second that were served (decided or declared) meanwhile.
    pub fn achieved(&self) -> f64 {
        a_second(self.served_meanwhile, self.counted_ns)
    }

    /// Why what was offered was not carried, if it was not: nothing was, something was shed, failed or declared for want of time,
    /// less than 99 % of it was served at the rate at which it came, or the p99 is beyond its bound.
    pub fn not_carried(&self, p99_max_ns: u64) -> Option<&'static str> {
        let counts = &self.counts;
        if counts.sent == 0 {
            Some("nothing sent")
        } else if counts.decided.all() != counts.sent {
            Some("not all decided")
        } else if self.achieved() < 0.99 * self.offered() {
            Some("not served as it came")
        } else {
            (self.latency.value_at_quantile(0.99) > p99_max_ns).then_some("p99 beyond its bound")
        }
    }

    /// Whether all that was sent was decided or declared: percentiles are of those alone.
    pub fn served_all(&self) -> bool {
        self.latency.len() == self.counts.sent
    }
}

fn a_second(count: u64, in_ns: u64) -> f64 {
    count as f64 * 1e9 / in_ns.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow(number: u64, latency_ns: u64) -> Slow {
        Slow { latency_ns, service_ns: latency_ns / 2, intended_ns: number, number }
    }

    #[test]
    fn counts_that_add_up_have_no_fault_and_others_do() {
        let mut tally = Tally::new(5, 0, 1_000_000_000);
        tally.answered(Said::Decided(Outcome::StepUp), true, slow(0, 100));
        tally.answered(Said::Declared("deadline".into()), true, slow(1, 300));
        tally.answered(Said::Shed, true, slow(2, 10));
        tally.answered(Said::Refused(422), true, slow(3, 10));
        assert_eq!(tally.faults(), ["sent 5 but answered 3, shed 1 and failed 0, which is 4"]);
        tally.counts.failed.timeout += 1;
        assert!(tally.faults().is_empty(), "{:?}", tally.faults());
        assert_eq!((tally.latency.len(), tally.latency.max(), tally.service.max()), (2, 300, 150));
        tally.strays = 1;
        tally.first_wrong = Some("nobody asked".into());
        assert_eq!(
            tally.faults(),
            ["answers that can't be right, 1 of them for no request there; the first: nobody asked"]
        );
    }

    #[test]
    fn the_slowest_are_kept_by_name() {
        let mut tally = Tally::new(1_000, 0, 1_000_000_000);
        for number in 0..1_000 {
            tally.answered(Said::Decided(Outcome::Allow), true, slow(number, (number * 7_919) % 1_000 + 1));
        }
        let slowest = tally.slowest();
        let latencies: Vec<u64> = slowest.iter().map(|slow| slow.latency_ns).collect();
        assert_eq!(latencies, (991..=1_000).rev().collect::<Vec<_>>());
        assert!(slowest.iter().all(|slow| (slow.number * 7_919) % 1_000 + 1 == slow.latency_ns));
        tally.latency.saturating_record(5_000_000);
        assert_eq!(tally.faults().len(), 2);
    }

    #[test]
    fn what_is_carried_is_decided_at_the_rate_at_which_it_comes() {
        let mut tally = Tally::new(100, 0, 1_000_000_000);
        for number in 0..100 {
            tally.answered(Said::Decided(Outcome::Allow), true, slow(number, 1_000_000));
        }
        tally.served_meanwhile = 99;
        assert_eq!(
            (tally.not_carried(2_000_000), tally.not_carried(500_000)),
            (None, Some("p99 beyond its bound"))
        );
        tally.served_meanwhile = 98;
        assert_eq!(tally.not_carried(2_000_000), Some("not served as it came"));
        tally.served_meanwhile = 100;
        tally.counts.decided.allow -= 1;
        tally.counts.shed += 1;
        assert_eq!(tally.not_carried(2_000_000), Some("not all decided"));
        assert_eq!(Tally::new(0, 0, 1_000_000_000).not_carried(2_000_000), Some("nothing sent"));
    }

    #[test]
    fn who_was_not_there_all_the_time_broke_off() {
        let mut tally = Tally::new(100, 0, 1_000_000_000);
        tally.counts.failed.timeout = 10;
        tally.unreachable = true;
        assert_eq!(tally.broke_off(), None);
        // What is never sent to somebody who is there found no free connection.
        tally.counts.failed.unsent = 90;
        assert!(tally.broke_off().unwrap().ends_with("ended, and 90 were never sent"));
        tally.unreachable = false;
        assert_eq!(tally.broke_off(), None);
        tally.counts.failed.broken = 1;
        assert!(tally.broke_off().unwrap().contains("of 100 requests 1 were on their way"));
    }
}
