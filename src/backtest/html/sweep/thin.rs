//! Too many things, thinned out.

/// Places of at most about so many of `count` things, ascending: evenly, with both ends, and all that are kept.
pub(super) fn thinned(count: usize, most: usize, keep: &[usize]) -> Vec<usize> {
    if count <= most {
        return (0..count).collect();
    }
    let last = most.saturating_sub(1).max(1);
    let evenly = (0..=last).map(|at| at * (count - 1) / last);
    let mut places: Vec<usize> = evenly.chain(keep.iter().copied().filter(|at| *at < count)).collect();
    places.sort_unstable();
    places.dedup();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_what_is_kept_stay() {
        assert_eq!(thinned(4, 4, &[9]), [0, 1, 2, 3]);
        assert_eq!(thinned(101, 5, &[7, 50, 101]), [0, 7, 25, 50, 75, 100]);
        assert_eq!(thinned(3, 0, &[]), [0, 2]);
        assert_eq!(thinned(0, 0, &[0]), [0_usize; 0]);
    }
}
