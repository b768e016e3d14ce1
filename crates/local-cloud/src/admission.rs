//! Who may connect to a private endpoint: compiled by the cloud from a network security group, obeyed by a region's process.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// The rules in the order of their priorities. The first that matches decides; whom none matches is not admitted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Admission {
    pub(crate) rules: Vec<AdmissionRule>,
}

/// One rule, as far as it is about this endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AdmissionRule {
    pub(crate) allow: bool,
    /// Any of them.
    pub(crate) from: Vec<Source>,
    /// The ports that a connection may come from: first and last.
    pub(crate) ports: Vec<(u16, u16)>,
}

/// Where a connection comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    Within(Range),
    /// In none of these.
    Outside(Vec<Range>),
}

/// Addresses that share their first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Range {
    pub(crate) first: Ipv4Addr,
    pub(crate) bits: u8,
}

impl Admission {
    pub(crate) fn admits(&self, peer: SocketAddr) -> bool {
        let IpAddr::V4(address) = peer.ip().to_canonical() else { return false };
        let matches = |rule: &&AdmissionRule| {
            rule.from.iter().any(|source| source.holds(address))
                && rule.ports.iter().any(|(first, last)| (*first..=*last).contains(&peer.port()))
        };
        self.rules.iter().find(matches).is_some_and(|rule| rule.allow)
    }
}

impl Source {
    fn holds(&self, address: Ipv4Addr) -> bool {
        match self {
            Self::Within(range) => range.holds(address),
            Self::Outside(ranges) => !ranges.iter().any(|range| range.holds(address)),
        }
    }
}

impl Range {
    pub(crate) fn holds(&self, address: Ipv4Addr) -> bool {
        let mask = u32::MAX.checked_shl(32_u32.saturating_sub(self.bits.into())).unwrap_or(0);
        u32::from(address) & mask == u32::from(self.first) & mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_matches_decides() {
        let range = |third: u8| Range { first: Ipv4Addr::new(127, 9, third, 0), bits: 24 };
        let rule = |allow, from, ports| AdmissionRule { allow, from, ports };
        let any = vec![(0, u16::MAX)];
        let admission = Admission {
            rules: vec![
                rule(true, vec![Source::Within(range(1))], vec![(1000, 2000)]),
                rule(false, vec![Source::Within(range(1))], any.clone()),
                rule(true, vec![Source::Outside(vec![range(2), range(3)])], any),
            ],
        };
        let admits = |text: &str| admission.admits(text.parse().unwrap());
        assert!(admits("127.9.1.7:1000"));
        assert!(!admits("127.9.1.7:999"), "another port is denied by the second rule");
        assert!(!admits("127.9.2.7:1000"));
        assert!(admits("127.0.0.1:5"));
        assert!(admits("[::ffff:127.0.0.1]:5"));
        assert!(!admits("[::1]:5"));
        assert!(!Admission::default().admits("127.0.0.1:1".parse().unwrap()), "who is not allowed is denied");
    }
}
