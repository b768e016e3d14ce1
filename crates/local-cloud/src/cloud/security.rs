//! Whom a private endpoint admits: the network security group of its subnet, in the addresses of this machine.
//!
//! Whoever stands in a region's own range counts as standing anywhere in that region's virtual network (that of its first
//! private endpoint): a rule that allows a part of the network admits him, and only one that denies the whole of it keeps
//! him out. Loopback addresses in a rule are meant as they are. Everybody else stands outside every network.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use serde_json::Value;

use super::Cloud;
use super::records::EndpointRecord;
use crate::addresses::ENDPOINT_PORT;
use crate::admission::{Admission, AdmissionRule, Range, Source};
use crate::dns::Asker;
use crate::error::CloudError;
use crate::store::Kind;

/// Bits of the range that addresses of this machine are in.
const LOOPBACK: Range = Range { first: Ipv4Addr::new(127, 0, 0, 0), bits: 8 };
const EVERYWHERE: Range = Range { first: Ipv4Addr::UNSPECIFIED, bits: 0 };

/// What has to be known of all regions, and what has been found out of subnets.
pub(super) struct Guards<'a> {
    cloud: &'a Cloud,
    /// Every region's range and its network, with the network's own ranges; read when it is first needed.
    places: Option<Vec<(Asker, Vec<IpNet>)>>,
    /// By a subnet's id in lower case: its own ranges and its group's rules. None where no group counts.
    subnets: BTreeMap<String, Option<Guard>>,
}

struct Guard {
    ranges: Vec<IpNet>,
    rules: Vec<Value>,
}

impl<'a> Guards<'a> {
    pub(super) fn new(cloud: &'a Cloud) -> Self {
        Self { cloud, places: None, subnets: BTreeMap::new() }
    }

    /// Whom the endpoint admits; none if it asks nobody who he is.
    pub(super) fn of(&mut self, id: &str, endpoint: &EndpointRecord) -> Result<Option<Admission>, CloudError> {
        let Some(subnet) = self.cloud.subnet_of(id, endpoint)? else { return Ok(None) };
        if !self.subnets.contains_key(&subnet) {
            let guard = guard(self.cloud, &subnet)?;
            self.subnets.insert(subnet.clone(), guard);
        }
        let Some(Some(guard)) = self.subnets.get(&subnet) else { return Ok(None) };
        if self.places.is_none() {
            self.places = Some(places(self.cloud)?);
        }
        let network = network_of(&subnet);
        let view = View {
            network: network.as_deref().unwrap_or_default(),
            places: self.places.as_deref().unwrap_or_default(),
            address: endpoint.address,
            ranges: &guard.ranges,
        };
        Ok(Some(view.compile(&guard.rules)))
    }
}

/// The virtual network of a subnet, in lower case.
pub(super) fn network_of(subnet: &str) -> Option<String> {
    let subnet = subnet.to_lowercase();
    subnet.split_once("/subnets/").map(|(network, _)| network.to_owned())
}

/// A port, or the first and last of several, as rules write them.
pub(crate) fn port_range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some((first, last))
}

fn guard(cloud: &Cloud, subnet: &str) -> Result<Option<Guard>, CloudError> {
    let Some(document) = cloud.store.get::<Value>(Kind::Resource, subnet)? else { return Ok(None) };
    let text = |path: &str| document.pointer(path).and_then(Value::as_str);
    let counts =
        matches!(text("/properties/privateEndpointNetworkPolicies"), Some("Enabled" | "NetworkSecurityGroupEnabled"));
    let Some(group) = text("/properties/networkSecurityGroup/id").filter(|_| counts) else { return Ok(None) };
    let below = format!("{}/securityrules/", group.to_lowercase());
    let rules = cloud.store.list::<Value>(Kind::Resource, &below)?;
    Ok(Some(Guard { ranges: ranges(&document), rules: rules.into_iter().map(|(_, rule)| rule).collect() }))
}

/// The ranges of a subnet or of a network, in whichever way they are said.
fn ranges(document: &Value) -> Vec<IpNet> {
    let lists = ["/properties/addressPrefixes", "/properties/addressSpace/addressPrefixes"];
    let listed = lists.iter().filter_map(|path| document.pointer(path)?.as_array()).flatten();
    listed.chain(document.pointer("/properties/addressPrefix")).filter_map(|text| text.as_str()?.parse().ok()).collect()
}

fn places(cloud: &Cloud) -> Result<Vec<(Asker, Vec<IpNet>)>, CloudError> {
    let mut places = Vec::new();
    for asker in cloud.askers()? {
        let document = cloud.store.get::<Value>(Kind::Resource, &asker.network)?;
        places.push((asker, document.as_ref().map(ranges).unwrap_or_default()));
    }
    Ok(places)
}

/// What rules are translated for.
struct View<'a> {
    /// The endpoint's virtual network.
    network: &'a str,
    places: &'a [(Asker, Vec<IpNet>)],
    address: Ipv4Addr,
    /// Of the endpoint's subnet.
    ranges: &'a [IpNet],
}

impl View<'_> {
    /// The group's own inbound rules by priority, then those that every group has.
    fn compile(&self, rules: &[Value]) -> Admission {
        let mut own: Vec<(u64, AdmissionRule)> = rules.iter().filter_map(|rule| self.rule(rule)).collect();
        own.sort_by_key(|(priority, _)| *priority);
        let mut rules: Vec<AdmissionRule> = own.into_iter().map(|(_, rule)| rule).collect();
        let ports = vec![(0, u16::MAX)];
        rules.push(AdmissionRule { allow: true, from: self.inside(), ports: ports.clone() });
        rules.push(AdmissionRule { allow: false, from: vec![Source::Within(EVERYWHERE)], ports });
        Admission { rules }
    }

    /// One rule; none if it is not about connections to this endpoint.
    fn rule(&self, document: &Value) -> Option<(u64, AdmissionRule)> {
        let properties = document.get("properties")?;
        let text = |name: &str| properties.get(name).and_then(Value::as_str).unwrap_or_default();
        let all = |end: &str, what: &str| -> Vec<&str> {
            let several =
                properties.get(format!("{end}{what}s").replace("Prefixs", "Prefixes")).and_then(Value::as_array);
            let one = properties.get(format!("{end}{what}"));
            several.into_iter().flatten().chain(one).filter_map(Value::as_str).collect()
        };
        let allow = text("access") == "Allow";
        let ports = |end: &str| -> Vec<(u16, u16)> {
            let range = |text: &str| if text == "*" { Some((0, u16::MAX)) } else { port_range(text) };
            all(end, "PortRange").into_iter().filter_map(range).collect()
        };
        let is_ours = text("direction") == "Inbound"
            && matches!(text("protocol"), "Tcp" | "*")
            && ports("destination").iter().any(|(first, last)| (*first..=*last).contains(&ENDPOINT_PORT))
            && all("destination", "AddressPrefix").into_iter().any(|text| self.is_meant(text, allow));
        let from = all("source", "AddressPrefix").into_iter().flat_map(|text| self.sources(text, allow)).collect();
        let rule = AdmissionRule { allow, from, ports: ports("source") };
        Some((properties.get("priority")?.as_u64()?, rule)).filter(|_| is_ours)
    }

    /// Whether the endpoint is among these destinations.
    fn is_meant(&self, destination: &str, allow: bool) -> bool {
        match loopback(destination) {
            Some(range) => range.holds(self.address),
            None => match address_range(destination) {
                Some(prefix) => covers(&prefix, self.ranges, allow),
                None => destination == "*" || destination.eq_ignore_ascii_case("VirtualNetwork"),
            },
        }
    }

    /// Who stands in these sources.
    fn sources(&self, source: &str, allow: bool) -> Vec<Source> {
        if let Some(range) = loopback(source) {
            return vec![Source::Within(range)];
        }
        if let Some(prefix) = address_range(source) {
            if prefix == IpNet::V4(Ipv4Net::default()) {
                return vec![Source::Within(EVERYWHERE)];
            }
            let covered = self.places.iter().filter(|(_, ranges)| covers(&prefix, ranges, allow));
            return covered.map(|(asker, _)| Source::Within(range_of(asker))).collect();
        }
        match source.to_ascii_lowercase().as_str() {
            "*" => vec![Source::Within(EVERYWHERE)],
            "virtualnetwork" => self.inside(),
            // Whoever is in no network at all.
            "internet" => vec![Source::Outside(self.places.iter().map(|(asker, _)| range_of(asker)).collect())],
            // Services of Azure do not connect to anybody here.
            _ => Vec::new(),
        }
    }

    /// Who stands in the endpoint's own network.
    fn inside(&self) -> Vec<Source> {
        let same = self.places.iter().filter(|(asker, _)| asker.network == self.network);
        same.map(|(asker, _)| Source::Within(range_of(asker))).collect()
    }
}

/// Whether a rule about `prefix` is about somebody who stands anywhere in `ranges`.
fn covers(prefix: &IpNet, ranges: &[IpNet], allow: bool) -> bool {
    if allow {
        ranges.iter().any(|range| range.contains(prefix) || prefix.contains(range))
    } else {
        !ranges.is_empty() && ranges.iter().all(|range| prefix.contains(range))
    }
}

fn range_of(asker: &Asker) -> Range {
    Range { first: asker.range, bits: asker.bits }
}

/// A range of this machine's own addresses.
fn loopback(text: &str) -> Option<Range> {
    let IpNet::V4(range) = address_range(text)? else { return None };
    let (first, bits) = (range.network(), range.prefix_len());
    let inside = IpAddr::V4(first).is_loopback() && bits >= LOOPBACK.bits;
    inside.then_some(Range { first, bits })
}

/// A range, or one address.
pub(crate) fn address_range(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}
