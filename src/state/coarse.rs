//! Times in four bytes: to the minute or so, never earlier than they are.

/// About 67 seconds, so that the last time that an event may have fits.
const UNIT_BITS: u32 = 26;

/// A time, made later by up to a unit; never 0, which is "never".
#[inline]
pub(crate) fn after(time_us: i64) -> u32 {
    u32::try_from((time_us.max(0) >> UNIT_BITS) + 1).unwrap_or(u32::MAX)
}

/// A time that was made later once; no later than that.
#[inline]
pub(crate) fn at(later_us: i64) -> u32 {
    u32::try_from(later_us >> UNIT_BITS).unwrap_or(u32::MAX)
}

/// The time that was made later; `None` for "never".
#[inline]
pub(crate) fn time_us(coarse: u32) -> Option<i64> {
    (coarse != 0).then_some(i64::from(coarse) << UNIT_BITS)
}

/// Whether it is after this time; the greatest is after all.
#[inline]
pub(crate) fn is_after(coarse: u32, now_us: i64) -> bool {
    coarse == u32::MAX || i64::from(coarse) << UNIT_BITS > now_us
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::TIME_US_MAX;

    #[test]
    fn a_time_only_gets_later_and_by_little() {
        for time in [0, 1, 67_108_863, 67_108_864, 1_800_000_000_000_000, TIME_US_MAX] {
            let later = time_us(after(time)).unwrap();
            assert!(later > time && later - time <= 1 << UNIT_BITS, "{time}");
            assert_eq!(at(later), after(time));
            assert!(is_after(after(time), time) && !is_after(after(time), later));
        }
        assert_eq!(time_us(0), None);
        assert!(is_after(u32::MAX, i64::MAX) && after(TIME_US_MAX) < u32::MAX);
    }
}
