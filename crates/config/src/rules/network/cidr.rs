//! IPv4 ranges as numbers.

use std::net::Ipv4Addr;

/// An IPv4 range, from its first to its last address, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Range {
    pub(super) first: u32,
    pub(super) last: u32,
}

impl Range {
    /// The range written `10.20.0.0/16`. Bits behind the length are dropped, so the range is the one that was meant.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let address = u32::from(address.parse::<Ipv4Addr>().ok()?);
        Self::new(address, length.parse().ok()?)
    }

    /// As [`Self::parse`], or the range of one address.
    pub(super) fn parse_range_or_address(text: &str) -> Option<Self> {
        match text.parse::<Ipv4Addr>() {
            Ok(address) => Self::new(u32::from(address), 32),
            Err(_) => Self::parse(text),
        }
    }

    /// The range of that length which holds `address`.
    const fn new(address: u32, length: u32) -> Option<Self> {
        if length > 32 {
            return None;
        }
        // A shift by all 32 bits gives nothing: the range of everything has no fixed bits.
        let host_bits = match u32::MAX.checked_shr(length) {
            Some(bits) => bits,
            None => 0,
        };
        Some(Self { first: address & !host_bits, last: address | host_bits })
    }

    /// A range of the standards, whose text is right.
    const fn of(address: [u8; 4], length: u32) -> Self {
        match Self::new(u32::from_be_bytes(address), length) {
            Some(range) => range,
            None => Self { first: 0, last: 0 },
        }
    }

    /// How many leading bits are fixed.
    pub(super) const fn length(self) -> u32 {
        (self.last ^ self.first).leading_zeros()
    }

    /// How many addresses it has.
    pub(super) const fn size(self) -> u64 {
        (self.last - self.first) as u64 + 1
    }

    pub(super) const fn contains(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    pub(super) const fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// Whether networks that nobody shares may use it: RFC 1918, or the shared addresses of RFC 6598, which Azure treats
    /// alike.
    pub(super) fn is_private(self) -> bool {
        PRIVATE.iter().any(|private| private.contains(self))
    }

    /// The range that Azure keeps for itself and that this one touches, with what it is for.
    pub(super) fn kept_by_azure(self) -> Option<(Self, &'static str)> {
        KEPT.iter().copied().find(|(kept, _)| kept.overlaps(self))
    }
}

/// Ranges of which none is in another, from left to right.
#[derive(Debug, Default)]
pub(super) struct Outermost(Vec<Range>);

impl Outermost {
    pub(super) fn of(ranges: impl IntoIterator<Item = Range>) -> Self {
        let mut sorted: Vec<Range> = ranges.into_iter().collect();
        sorted.sort_by_key(|range| (range.first, std::cmp::Reverse(range.last)));
        let mut outermost: Vec<Range> = Vec::new();
        for range in sorted {
            if outermost.last().is_none_or(|last| !last.contains(range)) {
                outermost.push(range);
            }
        }
        Self(outermost)
    }

    /// Whether one of them holds all of `range`.
    pub(super) fn contains(&self, range: Range) -> bool {
        let behind = self.0.partition_point(|outer| outer.first <= range.first);
        behind.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|outer| outer.contains(range))
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.first), self.length())
    }
}

const PRIVATE: [Range; 4] = [
    Range::of([10, 0, 0, 0], 8),
    Range::of([172, 16, 0, 0], 12),
    Range::of([192, 168, 0, 0], 16),
    Range::of([100, 64, 0, 0], 10),
];

/// What Azure takes into no virtual network.
const KEPT: [(Range, &str); 5] = [
    (Range::of([127, 0, 0, 0], 8), "each machine's own addresses"),
    (Range::of([169, 254, 0, 0], 16), "link-local addresses"),
    (Range::of([168, 63, 129, 16], 32), "Azure's own name service"),
    (Range::of([224, 0, 0, 0], 4), "multicast"),
    (Range::of([255, 255, 255, 255], 32), "broadcast"),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(text: &str) -> Range {
        Range::parse(text).unwrap()
    }

    #[test]
    fn ranges_are_read_and_written() {
        assert_eq!(range("10.20.0.0/16"), Range { first: 0x0a14_0000, last: 0x0a14_ffff });
        assert_eq!(range("10.20.1.7/24").to_string(), "10.20.1.0/24");
        assert_eq!((range("0.0.0.0/0").size(), range("10.0.0.9/32").size()), (1 << 32, 1));
        assert_eq!((range("0.0.0.0/0").length(), range("10.0.0.9/32").length()), (0, 32));
        assert_eq!(Range::parse_range_or_address("10.0.0.9"), Range::parse("10.0.0.9/32"));
        for wrong in ["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "x/8", "", "VirtualNetwork"] {
            assert_eq!(Range::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_range_is_found_in_the_outermost_that_holds_it() {
        let ranges = Outermost::of(["10.9.0.0/16", "10.1.2.0/24", "10.1.0.0/16"].map(range));
        for (inner, expected) in [
            ("10.1.2.0/25", true),
            ("10.1.3.0/24", true),
            ("10.9.0.0/16", true),
            ("10.0.0.0/8", false),
            ("10.8.0.0/24", false),
        ] {
            assert_eq!(ranges.contains(range(inner)), expected, "{inner}");
        }
        assert!(!Outermost::default().contains(range("10.0.0.0/8")));
    }

    #[test]
    fn private_and_kept_ranges_are_told_apart_at_their_edges() {
        for private in ["10.0.0.0/8", "172.31.255.0/24", "192.168.0.0/16", "100.127.255.0/24"] {
            assert!(range(private).is_private(), "{private}");
        }
        for public in ["172.32.0.0/16", "172.0.0.0/8", "11.0.0.0/8", "100.128.0.0/16", "0.0.0.0/0"] {
            assert!(!range(public).is_private(), "{public}");
        }
        for kept in ["168.63.129.0/24", "127.0.0.1/32", "224.0.0.0/4", "0.0.0.0/0", "255.255.255.255/32"] {
            assert!(range(kept).kept_by_azure().is_some(), "{kept}");
        }
        assert!(range("10.0.0.0/8").kept_by_azure().is_none() && range("168.63.128.0/24").kept_by_azure().is_none());
    }

    proptest! {
        #[test]
        fn written_ranges_read_back_and_overlap_as_their_ends_say(
            (one, two) in (any::<u32>(), any::<u32>()),
            (short, long) in (0..=32u32, 0..=32u32),
        ) {
            let (one, two) = (Range::new(one, short).unwrap(), Range::new(two, long).unwrap());
            prop_assert_eq!(Range::parse(&one.to_string()), Some(one));
            prop_assert_eq!(one.overlaps(two), two.overlaps(one));
            // Ranges of whole lengths overlap only when one is inside the other.
            prop_assert_eq!(one.overlaps(two), one.contains(two) || two.contains(one));
        }
    }
}
