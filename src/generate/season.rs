//! How busy each hour of a Vietnamese stream is: nights, weekends, paydays and Tết.
//!
//! Promises whole-number weights read off the calendar alone.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Weekday, date};
use jiff::tz::Offset;

use crate::time::{DAY_US, SECOND_US};

/// Microseconds in an hour.
pub(super) const HOUR_US: i64 = 3_600 * SECOND_US;
/// Microseconds in a minute.
pub(super) const MINUTE_US: i64 = 60 * SECOND_US;

/// Local time is ahead of UTC by this much: Vietnam has kept it without daylight saving since 1975.
pub(super) const OFFSET_US: i64 = 7 * HOUR_US;

/// The number of the local day.
pub(super) fn local_day(time_us: i64) -> i64 {
    (time_us + OFFSET_US).div_euclid(DAY_US)
}

/// The first day of the lunar year; other years have no peak.
const TET: [Date; 10] = [
    date(2023, 1, 22),
    date(2024, 2, 10),
    date(2025, 1, 29),
    date(2026, 2, 17),
    date(2027, 2, 6),
    date(2028, 1, 26),
    date(2029, 2, 13),
    date(2030, 2, 3),
    date(2031, 1, 23),
    date(2032, 2, 11),
];

/// How busy an hour of the day is against the others.
const BY_HOUR: [u64; 24] =
    [6, 4, 3, 2, 2, 5, 14, 32, 55, 70, 75, 72, 66, 58, 60, 64, 66, 68, 66, 72, 78, 70, 44, 18];

/// When a customer's salary comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payday {
    /// On the 5th.
    Fifth,
    /// On the 10th.
    Tenth,
    /// On the month's last working day.
    LastWorkingDay,
}

/// What the calendar says of one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Season {
    /// How busy it is against other hours.
    pub(super) weight: u64,
    /// Hour of the local day.
    pub(super) hour: u8,
    /// Whose payday it is.
    pub(super) payday: Option<Payday>,
    /// The days in which lucky money is given.
    pub(super) tet: bool,
}

impl Season {
    /// Of the hour that holds this time.
    pub(super) fn at(time_us: i64) -> Self {
        let local = local(time_us);
        let (day, hour) = (local.date(), local.hour());
        let payday = payday(day);
        let from_tet = days_from_tet(day);
        let weekday = match day.weekday() {
            Weekday::Saturday => 90,
            Weekday::Sunday => 75,
            _ => 100,
        };
        let festive = match from_tet {
            Some(-20..=-8) => 115,
            Some(-7..=-2) => 150,
            Some(-1) => 110,
            Some(0..=2) => 35,
            Some(3..=5) => 50,
            Some(6..=8) => 75,
            _ => 100,
        };
        let paid = if payday.is_some() { 130 } else { 100 };
        let of_hour = usize::try_from(hour).ok().and_then(|h| BY_HOUR.get(h)).copied().unwrap_or(1);
        Self {
            weight: of_hour * weekday * festive * paid,
            hour: hour.unsigned_abs(),
            payday,
            tet: matches!(from_tet, Some(-1..=4)),
        }
    }
}

fn local(time_us: i64) -> DateTime {
    let stamp = Timestamp::from_microsecond(time_us + OFFSET_US).unwrap_or(Timestamp::UNIX_EPOCH);
    Offset::UTC.to_datetime(stamp)
}

fn days_from_tet(day: Date) -> Option<i32> {
    TET.iter().map(|&tet| day.duration_since(tet).as_hours() as i32 / 24).min_by_key(|days| days.abs())
}

fn payday(day: Date) -> Option<Payday> {
    let left = day.last_of_month().day() - day.day();
    match (day.day(), day.weekday()) {
        (5, _) => Some(Payday::Fifth),
        (10, _) => Some(Payday::Tenth),
        (_, Weekday::Friday) if left <= 2 => Some(Payday::LastWorkingDay),
        (_, Weekday::Saturday | Weekday::Sunday) => None,
        _ if left == 0 => Some(Payday::LastWorkingDay),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::parse_time;

    fn season(text: &str) -> Season {
        Season::at(parse_time(text).unwrap())
    }

    #[test]
    fn paydays_are_the_5th_the_10th_and_the_last_working_day() {
        assert_eq!(season("2026-02-05T09:00:00+07:00").payday, Some(Payday::Fifth));
        assert_eq!(season("2026-01-10T09:00:00+07:00").payday, Some(Payday::Tenth));
        assert_eq!(season("2026-01-30T09:00:00+07:00").payday, Some(Payday::LastWorkingDay));
        assert_eq!(season("2026-01-31T09:00:00+07:00").payday, None, "a Saturday");
        assert_eq!(season("2026-02-27T09:00:00+07:00").payday, Some(Payday::LastWorkingDay));
        assert_eq!(season("2026-03-31T09:00:00+07:00").payday, Some(Payday::LastWorkingDay));
    }

    #[test]
    fn tet_peaks_before_and_lulls_after() {
        let ordinary = season("2026-03-03T10:00:00+07:00").weight;
        assert!(season("2026-02-11T10:00:00+07:00").weight * 2 > ordinary * 3 - ordinary / 10);
        assert!(season("2026-02-17T10:00:00+07:00").weight * 2 < ordinary);
        assert!(season("2026-02-17T10:00:00+07:00").tet && !season("2026-03-03T10:00:00+07:00").tet);
    }

    #[test]
    fn nights_are_quiet_in_local_time() {
        let night = season("2026-03-02T20:00:00Z");
        assert_eq!(night.hour, 3);
        assert!(night.weight * 20 < season("2026-03-03T10:00:00+07:00").weight);
    }
}
