//! Ranges that overlap, found in one pass over their beginnings.

use super::cidr::Range;
use crate::text::Span;

/// A range, where it stands, and whose it is.
#[derive(Clone, Copy)]
pub(super) struct Placed {
    pub(super) range: Range,
    pub(super) span: Span,
    /// Ranges of one owner may overlap as far as this comparison goes.
    pub(super) owner: usize,
}

/// Every range with an owner of its own.
pub(super) fn each_its_own(mut ranges: Vec<Placed>) -> Vec<Placed> {
    for (at, placed) in ranges.iter_mut().enumerate() {
        placed.owner = at;
    }
    ranges
}

/// Ranges that overlap one of another owner: each once, the later one in the file first. From left to right, only the range
/// that reaches furthest, and the one of another owner that does, can overlap what follows.
pub(super) fn overlaps(mut ranges: Vec<Placed>) -> Vec<(Placed, Placed)> {
    ranges.sort_by_key(|placed| (placed.range, placed.span));
    let mut furthest: [Option<Placed>; 2] = [None, None];
    let mut found = Vec::new();
    for placed in ranges {
        let other = furthest.iter().flatten().find(|other| other.owner != placed.owner);
        if let Some(other) = other.filter(|other| other.range.overlaps(placed.range)) {
            let (earlier, later) = if other.span < placed.span { (*other, placed) } else { (placed, *other) };
            found.push((later, earlier));
        }
        furthest = match furthest {
            [Some(first), second] if placed.range.last <= first.range.last => {
                let reaches = second.is_none_or(|second| second.range.last < placed.range.last);
                [Some(first), if placed.owner != first.owner && reaches { Some(placed) } else { second }]
            }
            [Some(first), second] if first.owner == placed.owner => [Some(placed), second],
            [first, _] => [Some(placed), first],
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn placed(index: u32, first: u32, length: u32, owner: usize) -> Placed {
        Placed { range: Range { first, last: first + length }, span: Span::new(index, index + 1), owner }
    }

    proptest! {
        /// The sweep sees an overlap exactly where comparing all with all does.
        #[test]
        fn overlaps_are_those_of_comparing_all(ranges in prop::collection::vec((0..60u32, 0..20u32, 0..3usize), 0..12)) {
            let ranges = ranges.into_iter().enumerate();
            let ranges: Vec<Placed> =
                ranges.map(|(at, (first, length, owner))| placed(u32::try_from(at).unwrap(), first, length, owner)).collect();
            let meet = |one: &Placed, other: &Placed| one.owner != other.owner && one.range.overlaps(other.range);
            let any = ranges.iter().any(|one| ranges.iter().any(|other| meet(one, other)));
            let found = overlaps(ranges);
            prop_assert_eq!(!found.is_empty(), any);
            prop_assert!(found.iter().all(|(later, earlier)| meet(later, earlier) && earlier.span < later.span));
        }
    }
}
