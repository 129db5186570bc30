//! Days put together to weeks, months or years, so that they fit a picture.
//!
//! Promises an even scale: a time without payments has its place, empty. Must never know what is drawn of a day.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;

use crate::backtest::report::Day;

/// Bars that a picture has place for.
const BARS_MAX: i32 = 190;

/// What a bar is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Each {
    Day,
    /// From Monday on.
    Week,
    Month,
    Year,
}

impl Each {
    /// The shortest that fits so many days.
    fn fitting(days: i32) -> Self {
        match days {
            _ if days <= BARS_MAX => Self::Day,
            _ if days <= 7 * BARS_MAX => Self::Week,
            _ if days <= 30 * BARS_MAX => Self::Month,
            _ => Self::Year,
        }
    }

    fn first_of(self, date: Date) -> Date {
        match self {
            Self::Day => date,
            Self::Week => {
                date.checked_sub(i64::from(date.weekday().to_monday_zero_offset()).days()).unwrap_or(date)
            }
            Self::Month => date.first_of_month(),
            Self::Year => date.first_of_year(),
        }
    }

    fn after(self, date: Date) -> Option<Date> {
        let span = match self {
            Self::Day => 1.day(),
            Self::Week => 1.week(),
            Self::Month => 1.month(),
            Self::Year => 1.year(),
        };
        date.checked_add(span).ok()
    }

    fn words(self) -> &'static str {
        match self {
            Self::Day => "day by day",
            Self::Week => "week by week",
            Self::Month => "month by month",
            Self::Year => "year by year",
        }
    }
}

/// Days as a picture shows them, each by the date of its first, and how long one is.
pub(super) fn periods(days: &[Day]) -> (Vec<Day>, &'static str) {
    let dated = days.iter().map(|day| Some((day.date.parse::<Date>().ok()?, day)));
    let dated: Option<Vec<(Date, &Day)>> = dated.collect();
    let ends = |dated: &Vec<(Date, &Day)>| {
        let dates = || dated.iter().map(|(date, _)| *date);
        dates().min().zip(dates().max())
    };
    // A report from elsewhere may have dates that are none.
    let Some((dated, (first, last))) = dated.and_then(|dated| ends(&dated).map(|ends| (dated, ends))) else {
        return (days.to_vec(), Each::Day.words());
    };
    let each = Each::fitting(first.until(last).map_or(i32::MAX, |span| span.get_days().saturating_add(1)));
    let mut periods: BTreeMap<Date, Day> = BTreeMap::new();
    let mut next = Some(each.first_of(first));
    while let Some(date) = next.filter(|date| *date <= last) {
        periods.insert(date, Day { date: date.to_string(), ..Day::default() });
        next = each.after(date);
    }
    for (date, day) in dated {
        periods.entry(each.first_of(date)).or_default().add(day);
    }
    (periods.into_values().collect(), each.words())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(dates: &[&str]) -> (Vec<(String, u64)>, &'static str) {
        let day = |date: &&str| Day { date: (*date).to_owned(), payments: 1, ..Day::default() };
        let (days, each) = periods(&dates.iter().map(day).collect::<Vec<_>>());
        (days.into_iter().map(|day| (day.date, day.payments)).collect(), each)
    }

    #[test]
    fn a_time_without_payments_has_its_place() {
        let (days, each) = shown(&["2026-03-01", "2026-03-04"]);
        let of = |day: &str, payments| (format!("2026-03-0{day}"), payments);
        assert_eq!((days, each), (vec![of("1", 1), of("2", 0), of("3", 0), of("4", 1)], "day by day"));
        assert_eq!(shown(&[]), (Vec::new(), "day by day"));
    }

    #[test]
    fn weeks_begin_on_monday() {
        // 190 days are shown as they are; of 191 the first day is a Sunday, the second the next week's.
        let (days, each) = shown(&["2026-03-01", "2026-03-02", "2026-09-07"]);
        assert_eq!(each, "week by week");
        assert_eq!(days.len(), 29);
        assert_eq!(days[0], ("2026-02-23".to_owned(), 1));
        assert_eq!(days[1], ("2026-03-02".to_owned(), 1));
        assert_eq!(days[28], ("2026-09-07".to_owned(), 1));
        assert_eq!(shown(&["2026-03-01", "2026-09-06"]).0.len(), 190);
    }

    #[test]
    fn long_times_are_shown_by_month_and_by_year() {
        let (days, each) = shown(&["2020-01-31", "2024-12-31"]);
        assert_eq!((days.len(), days[59].0.as_str(), each), (60, "2024-12-01", "month by month"));
        let (days, each) = shown(&["0001-01-01", "9999-12-31"]);
        assert_eq!((days.len(), each), (9_999, "year by year"));
    }

    #[test]
    fn dates_that_are_none_are_shown_as_they_come() {
        assert_eq!(shown(&["2026-03-01", "soon"]).0.len(), 2);
    }
}
