//! Address ranges of networks and subnets. What a network or subnet has that exists already, the file does not say: nothing
//! is concluded about it.

use std::collections::{BTreeMap, HashMap};

use super::super::{Example, Family, Rule, RuleId};
use super::cidr::{Outermost, Range};
use super::overlap::{Placed, each_its_own, overlaps};
use crate::diagnostic::{Severity, Sink, quote};
use crate::scene::{ItemScene, RegionScene, Scene};
use crate::text::Span;
use crate::typed::Spanned;

/// The longest prefix of a subnet that Azure takes.
const LONGEST_SUBNET: u32 = 29;

/// Addresses of every subnet that Azure keeps: the first four and the last.
pub(super) const RESERVED_ADDRESSES: u64 = 5;

const CHOOSE: &str = "choose a range of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16";

const NETWORK_FAQ: &str = "Azure documentation: virtual network, frequently asked questions";

pub(crate) static REFUSED: Rule = Rule {
    id: RuleId(82),
    name: "range-refused",
    family: Family::Network,
    severity: Severity::Error,
    summary: "An address range begins at its own first address, and holds none that Azure keeps for itself.",
    why: "Azure refuses a range with bits set behind its length, and ranges such as multicast in which no network can be; \
          both only when the network is created.",
    source: "Azure: `InvalidCIDRNotation`; Azure documentation: virtual network, frequently asked questions",
    mend: "Write the first address of the range, or choose a range of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16.",
    failing: Example::Change("snet_config = { redis = { address_prefix = \"10.20.1.1/24\" } }"),
    passing: Example::Change("snet_config = { redis = { address_prefix = \"10.20.1.0/24\" } }"),
};

pub(crate) static OUTSIDE_NETWORK: Rule = Rule {
    id: RuleId(83),
    name: "subnet-outside-network",
    family: Family::Network,
    severity: Severity::Error,
    summary: "A subnet lies inside one of the address ranges of its network.",
    why: "Azure creates the network and then refuses the subnet. Of networks that exist already the file does not say the \
          ranges, so nothing is said about their subnets.",
    source: "Azure: `NetcfgInvalidSubnet`",
    mend: "Choose a range inside the network's, or add one to the network.",
    failing: Example::Change("snet_config = { redis = { address_prefix = \"10.21.1.0/24\" } }"),
    passing: Example::Change("snet_config = { redis = { address_prefix = \"10.20.1.0/24\" } }"),
};

pub(crate) static SUBNETS_OVERLAP: Rule = Rule {
    id: RuleId(84),
    name: "subnets-overlap",
    family: Family::Network,
    severity: Severity::Error,
    summary: "The subnets of a network share no address.",
    why: "Azure refuses the one that is created last.",
    source: "Azure: `NetcfgInvalidSubnet`, overlapping",
    mend: "Give one of them a range of its own.",
    failing: Example::Change(
        "kv_config = { main = { snet_key = \"vaults\" } }\nsnet_config = {\n  vaults = {\n    name                 = \
         \"snet-vaults\"\n    virtual_network_name = \"vnet-app-dev-eastus2\"\n    address_prefix       = \
         \"10.20.1.128/25\"\n    nsg_key              = \"redis\"\n  }\n}",
    ),
    passing: Example::Change(
        "kv_config = { main = { snet_key = \"vaults\" } }\nsnet_config = {\n  vaults = {\n    name                 = \
         \"snet-vaults\"\n    virtual_network_name = \"vnet-app-dev-eastus2\"\n    address_prefix       = \
         \"10.20.3.128/25\"\n    nsg_key              = \"redis\"\n  }\n}",
    ),
};

pub(crate) static NETWORKS_OVERLAP: Rule = Rule {
    id: RuleId(85),
    name: "networks-overlap",
    family: Family::Network,
    severity: Severity::Error,
    summary: "The ranges of a network share no address, nor do those of networks in different regions.",
    why: "Within one network Azure refuses it. Between regions Azure permits it, until the networks are to be joined: then \
          peering is refused, no gateway of one region can forward a write to another, and no firewall can tell the regions \
          apart. Ranges cannot be changed under what stands in them.",
    source: "Azure: virtual network peering requires address spaces that do not overlap; Tidelock: gateways of all regions \
             reach each other over private addresses",
    mend: "Give every region a range of its own.",
    failing: Example::Change("vnet_config = { main = { address_space = [\"10.20.0.0/16\", \"10.30.64.0/18\"] } }"),
    passing: Example::Change("vnet_config = { main = { address_space = [\"10.20.0.0/16\", \"10.40.64.0/18\"] } }"),
};

pub(crate) static TOO_SMALL: Rule = Rule {
    id: RuleId(86),
    name: "subnet-too-small",
    family: Family::Network,
    severity: Severity::Error,
    summary: "A subnet has room for the private endpoints that stand in it.",
    why: "Azure keeps five addresses of every subnet, the first four and the last, takes none smaller than a /29, and does \
          not let a subnet grow while something stands in it.",
    source: NETWORK_FAQ,
    mend: "Give it a larger range.",
    failing: Example::Change("snet_config = { redis = { address_prefix = \"10.20.1.0/30\" } }"),
    passing: Example::Change("snet_config = { redis = { address_prefix = \"10.20.1.0/29\" } }"),
};

pub(crate) static NOT_PRIVATE: Rule = Rule {
    id: RuleId(89),
    name: "range-not-private",
    family: Family::Network,
    severity: Severity::Warning,
    summary: "Networks use private addresses: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10.",
    why: "Other addresses belong to somebody on the internet. Azure takes them, and the network can then no longer reach \
          their owner.",
    source: "RFC 1918 and RFC 6598; Azure documentation: virtual network, frequently asked questions",
    mend: "Choose a private range.",
    failing: Example::Change(
        "vnet_config = { main = { address_space = [\"20.20.0.0/16\"] } }\nsnet_config = { redis = { address_prefix = \
         \"20.20.1.0/24\" } }",
    ),
    passing: Example::Change(
        "vnet_config = { main = { address_space = [\"10.21.0.0/16\"] } }\nsnet_config = { redis = { address_prefix = \
         \"10.21.1.0/24\" } }",
    ),
};

/// A network's or subnet's identity in Azure: its resource group and its name, in lower case.
type Identity = (String, String);

/// A network to create.
struct Network {
    key: Span,
    ranges: Vec<Placed>,
    outermost: Outermost,
}

/// A subnet to create.
pub(super) struct Subnet<'a> {
    pub(super) item: ItemScene<'a>,
    pub(super) prefix: Spanned<&'a str>,
    pub(super) range: Range,
    network: Option<Identity>,
}

pub(super) fn check(scene: &Scene<'_>, sink: &mut Sink) {
    let mut networks: HashMap<Identity, Network> = HashMap::new();
    let mut by_region: Vec<Placed> = Vec::new();
    let mut children: BTreeMap<Identity, Vec<Placed>> = BTreeMap::new();
    for (owner, region) in scene.regions.iter().enumerate() {
        for item in region.items("vnet_config") {
            let network = network(owner, &item, sink);
            by_region.extend(&network.ranges);
            if let Some(identity) = identity(region, &item, "name") {
                networks.entry(identity).or_insert(network);
            }
        }
    }
    for (owner, region) in scene.regions.iter().enumerate() {
        let standing = standing_in(region);
        for subnet in subnets(region) {
            let placed = Placed { range: subnet.range, span: subnet.prefix.span, owner };
            let network = subnet.network.as_ref().and_then(|identity| networks.get(identity));
            match network {
                Some(network) => {
                    // What Azure keeps is kept from the network too, and reported there.
                    check_beginning(subnet.range, &subnet.prefix, sink);
                    check_inside(&subnet, network, sink);
                }
                None => {
                    // A part of a network that exists already: all that the file says of its ranges.
                    by_region.push(placed);
                    check_range(subnet.range, &subnet.prefix, sink);
                }
            }
            check_size(&subnet, standing.get(subnet.item.key.value.as_str()).copied().unwrap_or_default(), sink);
            if let Some(identity) = subnet.network {
                children.entry(identity).or_default().push(placed);
            }
        }
    }
    report_overlaps(networks.into_values().map(|network| network.ranges), children, by_region, scene, sink);
}

/// The subnets of a region that are to be created, with a range that can be read.
pub(super) fn subnets<'a>(region: &RegionScene<'a>) -> impl Iterator<Item = Subnet<'a>> {
    region.items("snet_config").filter_map(|item| {
        let prefix = item.fields.text("address_prefix").ok()?;
        let range = Range::parse(prefix.value)?;
        Some(Subnet { item, range, network: identity(region, &item, "virtual_network_name"), prefix })
    })
}

fn identity(region: &RegionScene<'_>, item: &ItemScene<'_>, name: &str) -> Option<Identity> {
    let own = item.fields.text_if_given("resource_group_name").ok()?.map(|group| group.value);
    let group = own.or_else(|| region.resource_group.as_ref().map(|group| group.value))?;
    Some((group.to_lowercase(), item.fields.text(name).ok()?.value.to_lowercase()))
}

/// How many private endpoints stand in each subnet of the region, those of vaults included.
fn standing_in<'a>(region: &RegionScene<'a>) -> HashMap<&'a str, u64> {
    let mut count = HashMap::new();
    for item in region.items("managed_redis_pe_config").chain(region.items("kv_config")) {
        if let Ok(Some(subnet)) = item.fields.text_if_given("snet_key") {
            *count.entry(subnet.value).or_default() += 1;
        }
    }
    count
}

fn network(owner: usize, item: &ItemScene<'_>, sink: &mut Sink) -> Network {
    let texts = item.fields.texts("address_space").unwrap_or_default();
    let mut ranges = Vec::with_capacity(texts.len());
    for text in texts {
        let Some(range) = Range::parse(text.value) else { continue };
        check_range(range, &text, sink);
        ranges.push(Placed { range, span: text.span, owner });
    }
    let outermost = Outermost::of(ranges.iter().map(|placed| placed.range));
    Network { key: item.key.span, ranges, outermost }
}

/// Whether Azure takes the range, and whether it should be used.
fn check_range(range: Range, text: &Spanned<&str>, sink: &mut Sink) {
    if let Some((kept, what)) = range.kept_by_azure() {
        sink.push(
            REFUSED
                .at(text.span, format!("Azure takes no network with addresses of {kept}"))
                .with_source(format!("they are {what}"))
                .with_help(CHOOSE),
        );
        return;
    }
    check_beginning(range, text, sink);
    if !range.is_private() {
        sink.push(
            NOT_PRIVATE
                .at(text.span, format!("the addresses of {} are public", quote(text.value)))
                .with_source("they belong to somebody on the internet, whom the network could then no longer reach")
                .with_help(CHOOSE),
        );
    }
}

fn check_beginning(range: Range, text: &Spanned<&str>, sink: &mut Sink) {
    let begins = text.value.split('/').next().unwrap_or_default();
    if begins.parse() == Ok(std::net::Ipv4Addr::from(range.first)) {
        return;
    }
    let finding = REFUSED
        .at(text.span, format!("{} is an address inside a range, not a range", quote(text.value)))
        .with_source(format!("Azure refuses it: the range of this length begins at {range}"));
    sink.push(if begins.ends_with(".0") {
        // 10.20.1.0/16 is a whole range of another length: either may be what is wrong.
        finding.with_help(format!("write `{range}`, or the length that was meant"))
    } else {
        finding.with_fix("write the range's first address", text.span, format!("\"{range}\""))
    });
}

fn check_inside(subnet: &Subnet<'_>, network: &Network, sink: &mut Sink) {
    /// Ranges that are named to the reader.
    const SHOWN: usize = 4;
    if network.outermost.contains(subnet.range) || network.ranges.is_empty() {
        return;
    }
    let key = quote(&subnet.item.key.value);
    let mut finding =
        OUTSIDE_NETWORK.at(subnet.prefix.span, format!("the subnet {key} lies outside its network's address space"));
    let ranges: Vec<String> = network.ranges.iter().take(SHOWN).map(|placed| placed.range.to_string()).collect();
    finding = match network.ranges.first() {
        Some(only) if network.ranges.len() == 1 => finding.with_place(only.span, "all that the network has"),
        _ => finding.with_place(network.key, "the network"),
    };
    let more = if network.ranges.len() > SHOWN { " and more" } else { "" };
    sink.push(
        finding
            .with_source("Azure refuses a subnet that is not part of its network")
            .with_help(format!("choose a range inside {}{more}, or add one to the network", ranges.join(", "))),
    );
}

fn check_size(subnet: &Subnet<'_>, endpoints: u64, sink: &mut Sink) {
    let key = quote(&subnet.item.key.value);
    let usable = subnet.range.size().saturating_sub(RESERVED_ADDRESSES);
    let (message, reason) = if subnet.range.length() > LONGEST_SUBNET {
        let message = format!("the subnet {key} is smaller than a /{LONGEST_SUBNET}");
        (message, format!("Azure keeps {RESERVED_ADDRESSES} addresses of every subnet, and takes none that is smaller"))
    } else if endpoints > usable {
        let message = format!("the subnet {key} has {usable} addresses for {endpoints} private endpoints");
        (message, format!("Azure keeps {RESERVED_ADDRESSES} addresses of every subnet: the first four and the last"))
    } else {
        return;
    };
    let room = (1..=LONGEST_SUBNET).rev().find(|length| (1u64 << (32 - length)) >= endpoints + RESERVED_ADDRESSES);
    let finding = TOO_SMALL.at(subnet.prefix.span, message).with_source(reason);
    sink.push(finding.with_help(format!("use a /{} or larger", room.unwrap_or(LONGEST_SUBNET))));
}

fn report_overlaps(
    networks: impl Iterator<Item = Vec<Placed>>,
    children: BTreeMap<Identity, Vec<Placed>>,
    by_region: Vec<Placed>,
    scene: &Scene<'_>,
    sink: &mut Sink,
) {
    for (later, earlier) in networks.flat_map(|ranges| overlaps(each_its_own(ranges))) {
        let message = format!("{} and {} of one network overlap", later.range, earlier.range);
        sink.push(
            NETWORKS_OVERLAP
                .at(later.span, message)
                .with_place(earlier.span, "these addresses are in here too")
                .with_source("Azure refuses a network whose ranges overlap")
                .with_help("remove one of them, or make them apart"),
        );
    }
    for (later, earlier) in children.into_values().flat_map(|subnets| overlaps(each_its_own(subnets))) {
        sink.push(
            SUBNETS_OVERLAP
                .at(later.span, format!("the subnets {} and {} overlap", later.range, earlier.range))
                .with_place(earlier.span, "a subnet of the same network")
                .with_source("Azure refuses the one that is created last")
                .with_help("give one of them a range of its own"),
        );
    }
    for (later, earlier) in overlaps(by_region) {
        let place = |placed: Placed| scene.regions.get(placed.owner).map(RegionScene::describe).unwrap_or_default();
        let message = format!("the networks of {} and {} overlap", place(earlier), place(later));
        sink.push(
            NETWORKS_OVERLAP
                .at(later.span, message)
                .with_place(earlier.span, place(earlier))
                .with_source("Azure permits it, but refuses to peer them, and gateways forward writes between regions")
                .with_help("give every region a range of its own"),
        );
    }
}
