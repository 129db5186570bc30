//! Where a sidecar's time goes, as it tells itself: its page of metrics read before and after a run, and the difference.
//!
//! Promises that what is told is of the time between two readings alone, and that a sidecar which began anew between them is
//! an error. Whatever else is on the page is passed over.

use std::io;
use std::time::Duration;

use thiserror::Error;

use super::connection::{Endpoint, Stream};

/// How the lines of the page begin that are read.
const SERIES: &str = "weir_stage_duration_seconds_";
/// The stage that holds all others.
const WHOLE: &str = "whole";
/// How long the sidecar may take for a part of its page.
const PATIENCE: Duration = Duration::from_secs(5);
/// A page is far smaller.
const PAGE_BYTES_MAX: usize = 16 << 20;
const HEADERS_MAX: usize = 32;

/// Why nothing can be said of stages.
#[derive(Debug, Error)]
pub enum StagesError {
    /// Nobody is there, or breaks off.
    #[error("can't read /metrics of {endpoint}: {source}")]
    Unreachable {
        /// Where.
        endpoint: Endpoint,
        /// What the system says.
        source: io::Error,
    },
    /// What is answered is no page.
    #[error(
        "/metrics of {endpoint} is answered with status {status}; a caller needs the scope `read`, and no tenant"
    )]
    Status {
        /// Where.
        endpoint: Endpoint,
        /// The status; 0 where it is no HTTP.
        status: u16,
    },
    /// A page without stages.
    #[error("the page has no {SERIES}bucket: it is not /metrics of a sidecar of this version")]
    None,
    /// A line that can't be right.
    #[error("can't read `{0}` in /metrics")]
    Line(String),
    /// Numbers that only grow are smaller than before.
    #[error(
        "`{stage}` has gone back: the sidecar was started anew during the run, which says nothing of stages"
    )]
    WentBack {
        /// Which stage.
        stage: String,
    },
    /// Another version answered than before.
    #[error("`{stage}` is told otherwise than before: two sidecars share the address")]
    Changed {
        /// Which stage.
        stage: String,
    },
}

/// Of whom stages are read.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Where it speaks HTTP.
    pub endpoint: Endpoint,
    /// What it is called there.
    pub host: String,
    /// Says who asks.
    pub token: Option<String>,
}

impl Metrics {
    /// What the sidecar says now.
    ///
    /// # Errors
    ///
    /// Where it says nothing, or nothing that can be read.
    pub fn read(&self) -> Result<Reading, StagesError> {
        let unreachable = |source| StagesError::Unreachable { endpoint: self.endpoint.clone(), source };
        let bytes = self.ask().map_err(unreachable)?;
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(&bytes);
        match (parsed, response.code) {
            (Ok(httparse::Status::Complete(head)), Some(200)) => {
                let page = bytes.get(head..).unwrap_or_default();
                Reading::of(&String::from_utf8_lossy(page))
            }
            (_, status) => {
                let (endpoint, status) = (self.endpoint.clone(), status.unwrap_or_default());
                Err(StagesError::Status { endpoint, status })
            }
        }
    }

    /// All that is answered.
    fn ask(&self) -> io::Result<Vec<u8>> {
        let token = self.token.iter().map(|token| format!("authorization: Bearer {token}\r\n"));
        let (host, token) = (&self.host, token.collect::<String>());
        let head = format!("GET /metrics HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{token}\r\n");
        let mut stream: Stream = self.endpoint.connect()?;
        stream.wait(PATIENCE)?;
        stream.write_all(head.as_bytes())?;
        let (mut bytes, mut part) = (Vec::new(), vec![0; 64 << 10]);
        while let read @ 1.. = stream.read(&mut part)? {
            bytes.extend_from_slice(part.get(..read).unwrap_or_default());
            if bytes.len() > PAGE_BYTES_MAX {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
        Ok(bytes)
    }
}

/// One reading of a sidecar's stages, since its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading(Vec<Stage>);

/// What is known of a stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stage {
    /// What it is called.
    pub name: String,
    /// All of it together, in nanoseconds.
    pub sum_ns: f64,
    /// Upper bounds in nanoseconds, the last one infinite, each with how many took no longer.
    pub buckets: Vec<(f64, u64)>,
}

impl Reading {
    /// What a page says.
    ///
    /// # Errors
    ///
    /// Where it has no stages, or a line of them can't be read.
    pub fn of(page: &str) -> Result<Self, StagesError> {
        let mut stages: Vec<Stage> = Vec::new();
        for line in page.lines() {
            let Some(rest) = line.strip_prefix(SERIES) else { continue };
            let unreadable = || StagesError::Line(line.to_owned());
            let (what, rest) = rest.split_once('{').ok_or_else(unreadable)?;
            let (labels, value) = rest.split_once("} ").ok_or_else(unreadable)?;
            let label = |name: &str| {
                let mut labels = labels.split(',').filter_map(|label| label.split_once('='));
                labels.find(|(word, _)| *word == name).map(|(_, value)| value.trim_matches('"'))
            };
            let name = label("stage").ok_or_else(unreadable)?;
            let at = stages.iter().position(|stage| stage.name == name).unwrap_or_else(|| {
                stages.push(Stage { name: name.to_owned(), ..Stage::default() });
                stages.len() - 1
            });
            match what {
                "sum" => stages[at].sum_ns = value.parse::<f64>().map_err(|_| unreadable())? * 1e9,
                "bucket" => {
                    let bound_s = label("le").and_then(|le| le.parse::<f64>().ok()).ok_or_else(unreadable)?;
                    let many = value.parse().map_err(|_| unreadable())?;
                    stages[at].buckets.push((bound_s * 1e9, many));
                }
                _ => {}
            }
        }
        if stages.iter().all(|stage| stage.buckets.is_empty()) {
            return Err(StagesError::None);
        }
        Ok(Self(stages))
    }

    /// What came since another reading, before this one.
    ///
    /// # Errors
    ///
    /// Where that is not one of the same process.
    pub fn since(&self, before: &Self) -> Result<Vec<Stage>, StagesError> {
        let stages = self.0.iter().map(|now| {
            let stage = || now.name.clone();
            let before = before.0.iter().find(|before| before.name == now.name);
            let before = before.ok_or_else(|| StagesError::Changed { stage: stage() })?;
            let bounds = |of: &Stage| of.buckets.iter().map(|(bound_ns, _)| *bound_ns).collect::<Vec<_>>();
            if bounds(now) != bounds(before) {
                return Err(StagesError::Changed { stage: stage() });
            }
            let buckets = now.buckets.iter().zip(&before.buckets).map(|((bound_ns, many), (_, before))| {
                let more = many.checked_sub(*before);
                Ok((*bound_ns, more.ok_or_else(|| StagesError::WentBack { stage: stage() })?))
            });
            let buckets = buckets.collect::<Result<_, _>>()?;
            if now.sum_ns < before.sum_ns {
                return Err(StagesError::WentBack { stage: stage() });
            }
            Ok(Stage { name: stage(), sum_ns: now.sum_ns - before.sum_ns, buckets })
        });
        stages.collect()
    }
}

impl Stage {
    /// Whether it is all of a request, and not a part.
    pub fn is_whole(&self) -> bool {
        self.name == WHOLE
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.buckets.last().map_or(0, |(_, many)| *many)
    }

    /// Nanoseconds of one on average; 0 where there was none.
    pub fn mean_ns(&self) -> f64 {
        self.sum_ns / self.count().max(1) as f64
    }

    /// The upper bound of the bucket that this share of all is within, in nanoseconds: infinite behind the last; none where
    /// there was nothing.
    pub fn within_ns(&self, share: f64) -> Option<f64> {
        let rank = (share * self.count() as f64).ceil().max(1.0) as u64;
        self.buckets.iter().find(|(_, many)| *many >= rank).map(|(bound_ns, _)| *bound_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page on which so many of a stage took up to 1 us, to 2.5 us and longer.
    fn page(stage: &str, [to_1, to_2_5, longer]: [u64; 3], sum_s: f64) -> String {
        let (second, all) = (to_1 + to_2_5, to_1 + to_2_5 + longer);
        format!(
            "# HELP weir_stage_duration_seconds How long\n\
             weir_stage_duration_seconds_sum{{stage=\"{stage}\"}} {sum_s:?}\n\
             weir_stage_duration_seconds_count{{stage=\"{stage}\"}} {all}\n\
             weir_stage_duration_seconds_bucket{{le=\"1e-6\",stage=\"{stage}\"}} {to_1}\n\
             weir_stage_duration_seconds_bucket{{stage=\"{stage}\",le=\"0.0000025\"}} {second}\n\
             weir_stage_duration_seconds_bucket{{stage=\"{stage}\",le=\"+Inf\"}} {all}\n\
             weir_queue_events 3\n"
        )
    }

    fn reading(stage: &str, counts: [u64; 3], sum_s: f64) -> Reading {
        Reading::of(&(page(stage, counts, sum_s) + "# EOF\n")).unwrap()
    }

    #[test]
    fn a_stage_is_what_came_between_two_readings() {
        let (before, after) = (reading("step", [7, 1, 0], 9e-6), reading("step", [9, 2, 1], 21e-6));
        let stages = after.since(&before).unwrap();
        let [stage] = stages.as_slice() else { panic!("{stages:?}") };
        assert_eq!((stage.name.as_str(), stage.count(), stage.is_whole()), ("step", 4, false));
        assert!((stage.mean_ns() - 3_000.0).abs() < 1e-6, "{stage:?}");
        assert_eq!((stage.within_ns(0.5), stage.within_ns(0.75)), (Some(1_000.0), Some(2_500.0)));
        assert_eq!(stage.within_ns(0.99), Some(f64::INFINITY));
        let nothing = &after.since(&after).unwrap()[0];
        assert_eq!((nothing.count(), nothing.mean_ns(), nothing.sum_ns), (0, 0.0, 0.0));
        assert_eq!(nothing.within_ns(0.5), None);
    }

    #[test]
    fn stages_keep_the_order_of_the_page() {
        let page = page("read", [1, 0, 0], 1e-6) + &page("whole", [1, 0, 0], 1e-6);
        let reading = Reading::of(&page).unwrap();
        let names: Vec<_> = reading.0.iter().map(|stage| (stage.name.as_str(), stage.is_whole())).collect();
        assert_eq!(names, [("read", false), ("whole", true)]);
    }

    #[test]
    fn a_sidecar_that_began_anew_is_found() {
        for (before, after) in [
            (reading("step", [7, 1, 0], 9e-6), reading("step", [6, 2, 0], 11e-6)),
            (reading("step", [7, 1, 0], 9e-6), reading("step", [7, 1, 0], 8e-6)),
        ] {
            let error = after.since(&before).unwrap_err().to_string();
            assert!(error.contains("`step` has gone back: the sidecar was started anew"), "{error}");
        }
        let other = reading("journal", [9, 9, 9], 1.0).since(&reading("step", [1, 0, 0], 1e-6));
        assert!(matches!(other, Err(StagesError::Changed { stage }) if stage == "journal"));
    }

    #[test]
    fn what_is_no_page_of_stages_is_told() {
        assert!(matches!(Reading::of("weir_queue_events 3\n# EOF\n"), Err(StagesError::None)));
        for line in ["bucket{stage=\"a\"} 3", "bucket{stage=\"a\",le=\"1\"} x", "sum 3", "sum{le=\"1\"} 3"] {
            let error = Reading::of(&format!("{SERIES}{line}\n")).unwrap_err();
            assert!(matches!(&error, StagesError::Line(told) if told.ends_with(line)), "{error}");
        }
    }
}
