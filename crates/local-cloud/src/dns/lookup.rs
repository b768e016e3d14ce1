//! What a name leads to, for whoever asks: pure.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::view::{Leads, Names, RecordSet, Zone, Zones, longest};

/// Names that lead to each other, at most.
const ALIASES_MAX: usize = 8;
/// How long public names hold, in seconds.
const PUBLIC_TTL: u32 = 10;

/// One step of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// `name` is another name for `target`.
    Alias { name: String, target: String, ttl: u32 },
    /// `name` has an address.
    Address { name: String, address: Ipv4Addr, ttl: u32 },
}

/// How an answer ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With addresses.
    Found,
    /// The name exists in this domain, without an address.
    Empty(String),
    /// The domain has no such name.
    NoSuchName(String),
    /// The name is in no domain of ours: Azure's resolver would ask the Internet.
    NotOurs,
}

/// An answer: the chain of aliases, the addresses, and how it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) steps: Vec<Step>,
    pub(super) end: End,
}

/// What `name` (lower case, no final dot) leads to, for whoever asks from `source`.
pub(super) fn look_up(names: &Names, source: Ipv4Addr, name: &str) -> Answer {
    let none = Zones::new();
    let zones = names.zones_of(source).unwrap_or(&none);
    let mut steps = Vec::new();
    let mut name = name.to_owned();
    let end = loop {
        match step(names, zones, &name) {
            Next::Addresses(set) => {
                let address =
                    |address: &Ipv4Addr| Step::Address { name: name.clone(), address: *address, ttl: set.ttl };
                steps.extend(set.addresses.iter().map(address));
                break End::Found;
            }
            Next::Alias(target) if steps.len() < ALIASES_MAX => {
                steps.push(Step::Alias { name, target: target.clone(), ttl: PUBLIC_TTL });
                name = target;
            }
            // A circle: there is nothing at its end.
            Next::Alias(_) => break End::Empty(name),
            Next::End(end) => break end,
        }
    };
    Answer { steps, end }
}

enum Next {
    Addresses(RecordSet),
    Alias(String),
    End(End),
}

/// A zone linked to the asking network hides the public names below it, those it lacks too.
fn step(names: &Names, zones: &Zones, name: &str) -> Next {
    if let Some((domain, zone)) = longest(name, zones.iter()) {
        match in_zone(domain, zone, name) {
            InZone::Addresses(set) => return Next::Addresses(set.clone()),
            InZone::Empty => return Next::End(End::Empty(domain.to_owned())),
            InZone::Missing if !zone.redirect => return Next::End(End::NoSuchName(domain.to_owned())),
            InZone::Missing => {}
        }
    }
    match names.public.names.get(name) {
        Some(Leads::Alias(target)) => Next::Alias(target.clone()),
        Some(Leads::Address(address)) => Next::Addresses(RecordSet { ttl: PUBLIC_TTL, addresses: vec![*address] }),
        None => match longest(name, names.public.domains.iter().map(|domain| (domain, ()))) {
            Some((domain, ())) if has_below(&names.public.names, name) => Next::End(End::Empty(domain.to_owned())),
            Some((domain, ())) => Next::End(End::NoSuchName(domain.to_owned())),
            None => Next::End(End::NotOurs),
        },
    }
}

enum InZone<'a> {
    Addresses(&'a RecordSet),
    Empty,
    Missing,
}

fn in_zone<'a>(domain: &str, zone: &'a Zone, name: &str) -> InZone<'a> {
    let relative = name.strip_suffix(domain).unwrap_or(name).trim_end_matches('.');
    if relative.is_empty() {
        return zone.records.get("@").map_or(InZone::Empty, InZone::Addresses);
    }
    if let Some(set) = zone.records.get(relative) {
        return InZone::Addresses(set);
    }
    // A name with others below it exists.
    if has_below(&zone.records, relative) {
        return InZone::Empty;
    }
    // The wildcard of the closest name above, as RFC 4592 has it.
    let mut above = relative;
    loop {
        let parent = above.split_once('.').map(|(_, parent)| parent);
        let wildcard = parent.map_or_else(|| "*".to_owned(), |parent| format!("*.{parent}"));
        if let Some(set) = zone.records.get(&wildcard) {
            return InZone::Addresses(set);
        }
        match parent {
            Some(parent) if !zone.records.contains_key(parent) && !has_below(&zone.records, parent) => above = parent,
            _ => return InZone::Missing,
        }
    }
}

fn has_below<T>(names: &BTreeMap<String, T>, name: &str) -> bool {
    names.keys().any(|other| other.strip_suffix(name).is_some_and(|before| before.ends_with('.')))
}
