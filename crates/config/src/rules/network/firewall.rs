//! What a network security group lets in. Rules are asked by priority, and the first that fits decides; behind the file's
//! own stand Azure's: 65000 admits `VirtualNetwork`, which is the network, what it is peered with and what is behind its VPN;
//! 65001 admits load balancers' probes; 65500 denies the rest.

use super::cidr::Range;
use crate::text::Span;
use crate::typed::{Fields, Item, Spanned};

/// The port of every cache.
pub(super) const CACHE_PORT: u16 = 10_000;

/// The first of the ports that a cluster's nodes answer on.
const FIRST_NODE_PORT: u16 = 8_500;

/// How many of these there are.
const NODE_PORTS: u16 = 100;

/// A set of the ports that a cache answers on: one bit for each of the nodes' ports, and one for the cache's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ports(u128);

impl Ports {
    pub(super) const NONE: Self = Self(0);
    pub(super) const CACHE: Self = Self(1 << NODE_PORTS);
    pub(super) const NODES: Self = Self((1 << NODE_PORTS) - 1);

    /// Those of a rule's port ranges.
    fn of(ranges: &[Spanned<&str>]) -> Self {
        ranges.iter().fold(Self::NONE, |all, range| Self(all.0 | Self::of_range(range.value).0))
    }

    fn of_range(text: &str) -> Self {
        if text == "*" {
            return Self(Self::CACHE.0 | Self::NODES.0);
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else { return Self::NONE };
        let cache = if (first..=last).contains(&CACHE_PORT) { Self::CACHE.0 } else { 0 };
        let (from, to) = (first.max(FIRST_NODE_PORT), last.min(FIRST_NODE_PORT + NODE_PORTS - 1));
        let nodes = if from > to { 0 } else { ((1 << (to - from + 1)) - 1) << (from - FIRST_NODE_PORT) };
        Self(cache | nodes)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The first and the last of the nodes' ports in it.
    pub(super) const fn nodes(self) -> Option<(u16, u16)> {
        let nodes = self.0 & Self::NODES.0;
        if nodes == 0 {
            return None;
        }
        let last = u128::BITS - 1 - nodes.leading_zeros();
        Some((FIRST_NODE_PORT + nodes.trailing_zeros() as u16, FIRST_NODE_PORT + last as u16))
    }

    const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// Where traffic comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Everywhere.
    Everywhere,
    /// The internet, or a public part of it.
    Public {
        /// All of it.
        whole: bool,
    },
    /// The network and what it is joined with.
    Network,
    /// Load balancers' probes, which are no clients.
    Probes,
    /// Something else: private addresses, or a service.
    Other,
}

impl Source {
    pub(super) fn parse(text: &str) -> Self {
        let tag = text.split('.').next().unwrap_or_default();
        if text == "*" {
            return Self::Everywhere;
        }
        for (known, source) in [
            ("Internet", Self::Public { whole: true }),
            ("AzureCloud", Self::Public { whole: false }),
            ("VirtualNetwork", Self::Network),
            ("AzureLoadBalancer", Self::Probes),
        ] {
            if tag.eq_ignore_ascii_case(known) {
                return source;
            }
        }
        match Range::parse_range_or_address(text) {
            Some(range) if range.length() == 0 => Self::Everywhere,
            Some(range) if !range.is_private() => Self::Public { whole: false },
            _ if text == "::/0" => Self::Public { whole: true },
            _ => Self::Other,
        }
    }

    const fn is_public(self) -> bool {
        matches!(self, Self::Everywhere | Self::Public { .. })
    }

    const fn is_whole_public(self) -> bool {
        matches!(self, Self::Everywhere | Self::Public { whole: true })
    }
}

/// An inbound rule as far as it is about a cache's ports.
struct Inbound<'a> {
    rule: Place,
    priority: u64,
    allows: bool,
    sources: Vec<(Source, &'a Spanned<&'a str>)>,
    ports: Ports,
    /// Whether it is about every address of the network, not some.
    is_for_all: bool,
}

/// Where a rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) key: Span,
    pub(super) priority: Span,
}

/// What a group lets in.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Sources on the internet that are admitted, with the rule that admits each.
    pub(super) public: Vec<(Span, String)>,
    /// Ports that nobody can reach, by the rule that denies them, and the first rule behind it that would have admitted
    /// somebody.
    pub(super) closed: Vec<(Ports, Place, Option<Place>)>,
}

impl Verdict {
    /// What the rules of a group let in.
    pub(super) fn of(rules: &[Item]) -> Self {
        let sources: Vec<(&Item, &Fields, Vec<Spanned<&str>>)> = rules
            .iter()
            .filter_map(|item| {
                let fields = item.fields().ok()?;
                Some((item, fields, fields.texts("source_address_prefixes").ok()?))
            })
            .collect();
        let mut inbound: Vec<Inbound<'_>> =
            sources.iter().filter_map(|(item, fields, sources)| about_caches(item, fields, sources)).collect();
        inbound.sort_by_key(|rule| rule.priority);
        let mut verdict = Self::default();
        verdict.find_public(&inbound);
        verdict.find_closed(&inbound);
        verdict
    }

    fn find_public(&mut self, rules: &[Inbound<'_>]) {
        let mut open = Ports(Ports::CACHE.0 | Ports::NODES.0);
        for rule in rules {
            let ports = rule.ports.and(open);
            if ports.is_empty() {
                continue;
            }
            if rule.allows {
                let public = rule.sources.iter().filter(|(source, _)| source.is_public());
                self.public.extend(public.map(|(_, text)| (text.span, text.value.to_owned())));
            } else if rule.is_for_all && rule.sources.iter().any(|(source, _)| source.is_whole_public()) {
                open = open.without(rule.ports);
            }
        }
    }

    /// A port is closed once everybody is denied who is not admitted before. A rule that denies the network alone hides
    /// Azure's own rule, and closes a port unless a rule of the file admits somebody.
    fn find_closed(&mut self, rules: &[Inbound<'_>]) {
        let mut undecided = Ports(Ports::CACHE.0 | Ports::NODES.0);
        let mut hidden: Vec<(Ports, Place)> = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            let ports = rule.ports.and(undecided);
            if ports.is_empty() {
                continue;
            }
            let from = |wanted: Source| rule.sources.iter().any(|(source, _)| *source == wanted);
            if rule.allows && rule.sources.iter().any(|(source, _)| *source != Source::Probes) {
                undecided = undecided.without(ports);
            } else if !rule.allows && rule.is_for_all && from(Source::Everywhere) {
                let behind = rules.iter().skip(at + 1).find(|other| other.allows && !other.ports.and(ports).is_empty());
                self.closed.push((ports, rule.rule, behind.map(|other| other.rule)));
                undecided = undecided.without(ports);
            } else if !rule.allows && rule.is_for_all && from(Source::Network) {
                hidden.push((ports, rule.rule));
            }
        }
        for (ports, rule) in hidden {
            let ports = ports.and(undecided);
            if !ports.is_empty() {
                self.closed.push((ports, rule, None));
                undecided = undecided.without(ports);
            }
        }
    }
}

fn about_caches<'a>(item: &Item, fields: &Fields, sources: &'a [Spanned<&'a str>]) -> Option<Inbound<'a>> {
    let is_tcp = matches!(fields.text("protocol").ok()?.value, "Tcp" | "*");
    let ports = Ports::of(&fields.texts("destination_port_ranges").ok()?);
    if fields.text("direction").ok()?.value != "Inbound" || !is_tcp || ports.is_empty() {
        return None;
    }
    let destinations = fields.texts("destination_address_prefixes").ok()?;
    let is_for_all =
        destinations.iter().any(|text| matches!(Source::parse(text.value), Source::Everywhere | Source::Network));
    Some(Inbound {
        rule: Place { key: item.key.span, priority: fields.span("priority") },
        priority: fields.integer("priority").ok()?.value,
        allows: fields.text("access").ok()?.value == "Allow",
        sources: sources.iter().map(|text| (Source::parse(text.value), text)).collect(),
        ports,
        is_for_all,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_those_of_a_cache() {
        let all = Ports::of_range("*");
        assert_eq!(Ports::of_range("0-65535"), all);
        assert_eq!((Ports::of_range("10000"), Ports::of_range("8500-8599")), (Ports::CACHE, Ports::NODES));
        assert_eq!(Ports::of_range("8599-10000"), Ports(Ports::CACHE.0 | 1 << 99));
        assert_eq!(Ports::of_range("8000-8500"), Ports(1));
        assert_eq!(Ports::of_range("8550-8599").nodes(), Some((8550, 8599)));
        assert_eq!((Ports::of_range("8500").nodes(), Ports::CACHE.nodes()), (Some((8500, 8500)), None));
        for other in ["443", "8600-9999", "10001-65535", "0-8499"] {
            assert!(Ports::of_range(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn sources_are_told_apart() {
        for public in ["*", "Internet", "internet", "0.0.0.0/0", "AzureCloud.EastUS2", "8.8.8.8", "20.0.0.0/8", "::/0"]
        {
            assert!(Source::parse(public).is_public(), "{public}");
        }
        for private in ["VirtualNetwork", "AzureLoadBalancer", "10.0.0.0/8", "10.20.2.4", "AzureMonitor", "fd00::/8"] {
            assert!(!Source::parse(private).is_public(), "{private}");
        }
        assert!(!Source::parse("20.0.0.0/8").is_whole_public());
    }
}
