//! Network security groups: who may come near a cache. The rules are read in `firewall`.

use std::collections::HashMap;

use super::super::{Example, Family, Rule, RuleId};
use super::cidr::{Outermost, Range};
use super::firewall::{CACHE_PORT, Place, Ports, Verdict};
use crate::diagnostic::{Diagnostic, Severity, Sink, quote};
use crate::scene::{ItemScene, RegionScene, Scene};
use crate::suggest::nearest;
use crate::text::Span;
use crate::typed::{Fields, Item, Spanned};

/// Service tags that are offered when something like them was written. Azure has many more, and adds to them.
const KNOWN_TAGS: [&str; 6] =
    ["VirtualNetwork", "Internet", "AzureLoadBalancer", "AzureCloud", "AzureMonitor", "GatewayManager"];

/// Subnets that Azure lets nobody guard, or guards itself.
const UNGUARDABLE: [&str; 3] = ["GatewaySubnet", "AzureFirewallSubnet", "RouteServerSubnet"];

const DEFAULTS: &str = "Azure documentation: network security groups, default security rules";

pub(crate) static PUBLIC: Rule = Rule {
    id: RuleId(90),
    name: "cache-open-to-internet",
    family: Family::Network,
    severity: Severity::Error,
    summary: "No security rule admits public addresses to the ports of a cache: 10000, and 8500 to 8599.",
    why: "Caches are reached over private endpoints only, and by gateways. A rule that admits the internet is one mistake \
          away from a cache that answers it.",
    source: "the pattern: private access only",
    mend: "Name the subnets of the gateways and of whoever else must reach the cache.",
    failing: Example::Change(
        "nsg_config = { redis = { rules = { gateways = { source_address_prefixes = [\"Internet\"] } } } }",
    ),
    passing: Example::Change(
        "nsg_config = { redis = { rules = { gateways = { source_address_prefixes = [\"VirtualNetwork\"] } } } }",
    ),
};

pub(crate) static CLOSED: Rule = Rule {
    id: RuleId(91),
    name: "cache-port-closed",
    family: Family::Network,
    severity: Severity::Error,
    summary: "The security group of an endpoint's subnet lets somebody reach port 10000.",
    why: "Rules are asked by priority, and the first that fits decides. Behind the file's rules Azure's own admit \
          `VirtualNetwork` (65000), which is the network and what it is joined with, then load balancers' probes (65001), and \
          deny the rest (65500). So a group without rules admits the network; a rule that denies everybody, or the network, \
          hides that, and what is asked after it admits nobody any more.",
    source: DEFAULTS,
    mend: "Admit the gateways in a rule with a lower priority number than the one that denies.",
    failing: Example::Change(
        "nsg_config = {\n  redis = {\n    rules = {\n      nobody_else = { priority = 100, access = \"Deny\", protocol = \
         \"*\", source_address_prefixes = [\"*\"], destination_port_ranges = [\"*\"] }\n      gateways    = { priority = \
         110 }\n    }\n  }\n}",
    ),
    passing: Example::Change(
        "nsg_config = {\n  redis = {\n    rules = {\n      nobody_else = { priority = 4096, access = \"Deny\", protocol = \
         \"*\", source_address_prefixes = [\"*\"], destination_port_ranges = [\"*\"] }\n      gateways    = { priority = \
         110 }\n    }\n  }\n}",
    ),
};

pub(crate) static NODES_CLOSED: Rule = Rule {
    id: RuleId(92),
    name: "node-ports-closed",
    family: Family::Network,
    severity: Severity::Warning,
    summary: "Whoever reaches a cache with `clustering_policy = \"OSSCluster\"` can reach the ports of its nodes too.",
    why: "Port 10000 only tells clients of an OSSCluster cache where the keys are: they are then sent to nodes that answer on \
          ports of the form 85xx, and time out if these are closed. How many of the hundred are in use is not documented.",
    source: "Azure documentation: node ports in the 85xx range; the range 8500 to 8599 is inferred",
    mend: "Admit 8500-8599 where 10000 is admitted, or use EnterpriseCluster, which has one port.",
    failing: Example::Change(
        "managed_redis_config = { primary = { default_database = { clustering_policy = \"OSSCluster\" } } }\n\
         managed_redis_config_replica = { replica = { default_database = { clustering_policy = \"OSSCluster\" } } }\n\
         nsg_config = {\n  redis = {\n    rules = {\n      nobody_else = { priority = 4096, access = \"Deny\", \
         source_address_prefixes = [\"*\"], destination_port_ranges = [\"*\"] }\n    }\n  }\n}",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { default_database = { clustering_policy = \"OSSCluster\" } } }\n\
         managed_redis_config_replica = { replica = { default_database = { clustering_policy = \"OSSCluster\" } } }\n\
         nsg_config = {\n  redis = {\n    rules = {\n      gateways    = { destination_port_ranges = [\"10000\", \
         \"8500-8599\"] }\n      nobody_else = { priority = 4096, access = \"Deny\", source_address_prefixes = [\"*\"], \
         destination_port_ranges = [\"*\"] }\n    }\n  }\n}",
    ),
};

pub(crate) static SAME_PRIORITY: Rule = Rule {
    id: RuleId(93),
    name: "same-priority",
    family: Family::Network,
    severity: Severity::Error,
    summary: "The rules of a security group that look the same way have different priorities.",
    why: "Azure refuses the group: it could not say which of the two decides.",
    source: "Azure: `SecurityRuleConflict`",
    mend: "Give one of them another priority, in the order in which they are to be asked.",
    failing: Example::Change(
        "nsg_config = { redis = { rules = { agents = { priority = 100, source_address_prefixes = [\"10.20.3.0/24\"], \
         destination_port_ranges = [\"10000\"] } } } }",
    ),
    passing: Example::Change(
        "nsg_config = { redis = { rules = { agents = { priority = 110, source_address_prefixes = [\"10.20.3.0/24\"], \
         destination_port_ranges = [\"10000\"] } } } }",
    ),
};

pub(crate) static NO_ADDRESS: Rule = Rule {
    id: RuleId(94),
    name: "no-address-or-tag",
    family: Family::Network,
    severity: Severity::Error,
    summary: "A security rule names address ranges, or one service tag, or `*`.",
    why: "Azure takes several ranges, but a service tag or `*` only by itself, and refuses what is neither.",
    source: "Azure: `SecurityRuleInvalidAddressPrefix`, `SecurityRuleParameterContainsUnsupportedValue`",
    mend: "Write ranges such as 10.20.2.0/24, or a tag such as VirtualNetwork, and give every further tag a rule of its own.",
    failing: Example::Change(
        "nsg_config = { redis = { rules = { gateways = { source_address_prefixes = [\"any\"] } } } }",
    ),
    passing: Example::Change(
        "nsg_config = { redis = { rules = { gateways = { source_address_prefixes = [\"10.20.2.0/24\", \"10.20.3.4\"] } } } }",
    ),
};

pub(crate) static UNGUARDED: Rule = Rule {
    id: RuleId(95),
    name: "subnet-without-security-group",
    family: Family::Network,
    severity: Severity::Warning,
    summary: "Every subnet that is created has a network security group.",
    why: "Without one, whoever is in the network, or in one that it is joined with, reaches what stands in the subnet.",
    source: "the pattern: every region has its own subnet with its own network security group",
    mend: "Add `nsg_key`, and a group to `nsg_config` that admits the gateways.",
    failing: Example::Change("snet_config = { redis = { nsg_key = null } }"),
    passing: Example::Change("snet_config = { redis = { nsg_key = \"redis\" } }"),
};

/// What a security group stands before.
#[derive(Default)]
struct Guarded {
    /// A place where an endpoint's subnet names it.
    endpoint: Option<Span>,
    /// Where a cache behind it says that it is an OSSCluster.
    cluster: Option<Span>,
    /// Whether a subnet of the file names it at all.
    is_used: bool,
}

pub(super) fn check(scene: &Scene<'_>, sink: &mut Sink) {
    let clusters = clusters(scene);
    let own = networks(scene);
    for (at, region) in scene.regions.iter().enumerate() {
        let guarded = guarded(at, region, &clusters, sink);
        for group in region.items("nsg_config") {
            let Ok(rules) = group.fields.map("rules") else { continue };
            check_priorities(&group, rules, sink);
            for rule in rules {
                check_addresses(rule, sink);
            }
            check_verdict(&group, rules, guarded.get(group.key.value.as_str()), &own, sink);
        }
    }
}

/// The ranges of the file's networks.
fn networks(scene: &Scene<'_>) -> Outermost {
    let networks = scene.regions.iter().flat_map(|region| region.items("vnet_config"));
    let texts = networks.flat_map(|network| network.fields.texts("address_space").unwrap_or_default());
    Outermost::of(texts.filter_map(|text| Range::parse(text.value)))
}

/// Caches that are OSSClusters, by region and key, and where that is said.
fn clusters<'a>(scene: &Scene<'a>) -> HashMap<(usize, &'a str), Span> {
    let policy = scene.caches.iter().filter_map(|cache| {
        let policy = cache.database_text("clustering_policy").filter(|policy| policy.value == "OSSCluster")?;
        Some(((cache.region, cache.key.value.as_str()), policy.span))
    });
    policy.collect()
}

/// What the region's security groups stand before; subnets without one are reported.
fn guarded<'a>(
    at: usize,
    region: &RegionScene<'a>,
    clusters: &HashMap<(usize, &'a str), Span>,
    sink: &mut Sink,
) -> HashMap<&'a str, Guarded> {
    let mut guarded: HashMap<&str, Guarded> = HashMap::new();
    let mut by_subnet: HashMap<&str, Spanned<&str>> = HashMap::new();
    for subnet in region.items("snet_config") {
        match subnet.fields.text_if_given("nsg_key") {
            Ok(Some(group)) => {
                guarded.entry(group.value).or_default().is_used = true;
                by_subnet.insert(&subnet.key.value, group);
            }
            Ok(None) => check_unguarded(region, &subnet, sink),
            Err(_) => {}
        }
    }
    for endpoint in region.items("managed_redis_pe_config") {
        let Ok(subnet) = endpoint.fields.text("snet_key") else { continue };
        let Some(group) = by_subnet.get(subnet.value) else { continue };
        let entry = guarded.entry(group.value).or_default();
        entry.endpoint.get_or_insert(group.span);
        let cache = endpoint.fields.text("managed_redis_key").ok();
        let cluster = cache.and_then(|cache| clusters.get(&(at, cache.value)));
        entry.cluster = entry.cluster.or(cluster.copied());
    }
    guarded
}

fn check_unguarded(region: &RegionScene<'_>, subnet: &ItemScene<'_>, sink: &mut Sink) {
    let Ok(name) = subnet.fields.text("name") else { return };
    if UNGUARDABLE.iter().any(|special| special.eq_ignore_ascii_case(name.value)) {
        return;
    }
    let (key, attribute) = (quote(&subnet.key.value), region.name("nsg_key"));
    sink.push(
        UNGUARDED
            .at(subnet.key.span, format!("the subnet {key} has no network security group"))
            .with_source("whoever is in the network, or in one that it is joined with, reaches what stands in it")
            .with_help(format!("add `{attribute}` with a group of `{}`", region.name("nsg_config"))),
    );
}

fn check_priorities(group: &ItemScene<'_>, rules: &[Item], sink: &mut Sink) {
    let mut seen: HashMap<(&str, u64), Span> = HashMap::new();
    for rule in rules {
        let Ok(fields) = rule.fields() else { continue };
        let (Ok(direction), Ok(priority)) = (fields.text("direction"), fields.integer("priority")) else { continue };
        match seen.get(&(direction.value, priority.value)) {
            None => {
                seen.insert((direction.value, priority.value), priority.span);
            }
            Some(first) => {
                let (group, way) = (quote(&group.key.value), direction.value.to_lowercase());
                let message = format!("two {way} rules of {group} have the priority {}", priority.value);
                sink.push(
                    SAME_PRIORITY
                        .at(priority.span, message)
                        .with_place(*first, "taken here")
                        .with_source(
                            "Azure refuses the group: the first rule that fits decides, so there must be a first",
                        )
                        .with_help("give one of them another priority; lower numbers are asked first"),
                );
            }
        }
    }
}

fn check_addresses(rule: &Item, sink: &mut Sink) {
    let Ok(fields) = rule.fields() else { return };
    for name in ["source_address_prefixes", "destination_address_prefixes"] {
        let Ok(texts) = fields.texts(name) else { continue };
        check_empty(fields, name, texts.len(), sink);
        for text in &texts {
            let is_alone = texts.len() == 1;
            if is_range(text.value) || (is_alone && is_tag(text.value)) {
                continue;
            }
            sink.push(if is_tag(text.value) { not_alone(text) } else { no_address(text) });
        }
    }
    if let Ok(ports) = fields.texts("destination_port_ranges") {
        check_empty(fields, "destination_port_ranges", ports.len(), sink);
    }
}

fn check_empty(fields: &Fields, name: &str, count: usize, sink: &mut Sink) {
    if count == 0 {
        sink.push(
            NO_ADDRESS
                .at(fields.span(name), format!("`{name}` names nothing"))
                .with_source("Azure refuses a rule that fits nothing")
                .with_help("name at least one, or `\"*\"` for all"),
        );
    }
}

fn not_alone(text: &Spanned<&str>) -> Diagnostic {
    NO_ADDRESS
        .at(text.span, format!("{} cannot stand beside others", quote(text.value)))
        .with_source("Azure takes a list of address ranges, or one service tag, or `*`")
        .with_help("give it a rule of its own")
}

fn no_address(text: &Spanned<&str>) -> Diagnostic {
    let finding = NO_ADDRESS
        .at(text.span, format!("{} is neither an address range nor a service tag", quote(text.value)))
        .with_source("Azure refuses the rule");
    if ["any", "all", "anywhere"].iter().any(|word| text.value.eq_ignore_ascii_case(word)) {
        return finding.with_help("Azure writes `*` for everybody; to admit gateways, name their subnets");
    }
    finding.with_help(match nearest(text.value, KNOWN_TAGS) {
        Some(tag) => format!("did you mean `{tag}`?"),
        None => "write a range such as 10.20.2.0/24, or a tag such as VirtualNetwork".to_owned(),
    })
}

/// An address or a range, of IPv4 or IPv6.
fn is_range(text: &str) -> bool {
    let (address, length) = text.split_once('/').unwrap_or((text, "0"));
    let Ok(address) = address.parse::<std::net::IpAddr>() else { return false };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    length.parse::<u8>().is_ok_and(|length| length <= longest) && !length.starts_with('+')
}

/// Whether it can be a service tag, which all begin with a capital, or `*`. The tags themselves are Azure's to know, except
/// those that stand for networks and not for a service.
fn is_tag(text: &str) -> bool {
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let near = nearest(text, KNOWN_TAGS).filter(|near| near.eq_ignore_ascii_case(text));
    let capital = text.starts_with(|first: char| first.is_ascii_uppercase());
    let is_everybody = ["any", "all", "anywhere"].iter().any(|word| text.eq_ignore_ascii_case(word));
    text == "*" || (capital && !is_everybody && near.is_none_or(|near| near == text) && text.split('.').all(is_word))
}

fn check_verdict(group: &ItemScene<'_>, rules: &[Item], guarded: Option<&Guarded>, own: &Outermost, sink: &mut Sink) {
    let endpoint = guarded.and_then(|guarded| guarded.endpoint);
    if guarded.is_some_and(|guarded| guarded.is_used) && endpoint.is_none() {
        // It guards something else, of which the file does not say who may reach it.
        return;
    }
    let verdict = Verdict::of(rules);
    let key = quote(&group.key.value);
    for (span, source) in verdict.public {
        // A network with public addresses is a fault of its own, and still no internet.
        if Range::parse_range_or_address(&source).is_some_and(|range| own.contains(range)) {
            continue;
        }
        sink.push(
            PUBLIC
                .at(span, format!("the security group {key} admits public addresses to a cache: {}", quote(&source)))
                .with_source("a cache is reached over its private endpoint, by gateways, and by nobody on the internet")
                .with_help("name the subnets of the gateways, such as 10.20.2.0/24"),
        );
    }
    let Some(endpoint) = endpoint else { return };
    let closed = |wanted: Ports| verdict.closed.iter().find(|(ports, ..)| !ports.and(wanted).is_empty());
    if let Some((_, rule, behind)) = closed(Ports::CACHE) {
        let message = format!("the security group {key} lets nobody reach a cache on port {CACHE_PORT}");
        sink.push(denied(CLOSED.at(rule.priority, message), *behind).with_place(endpoint, "an endpoint's subnet"));
        return;
    }
    let cluster = guarded.and_then(|guarded| guarded.cluster);
    if let (Some((ports, rule, behind)), Some(cluster)) = (closed(Ports::NODES), cluster) {
        let (first, last) = ports.nodes().unwrap_or_default();
        let message = format!("the security group {key} closes ports of a cluster's nodes, {first} to {last}");
        let finding = denied(NODES_CLOSED.at(rule.priority, message), *behind);
        let finding = finding.with_place(cluster, "its clients are sent to nodes on these ports");
        sink.push(finding.with_help(format!("admit {first}-{last} where {CACHE_PORT} is admitted")));
    }
}

fn denied(finding: Diagnostic, behind: Option<Place>) -> Diagnostic {
    let finding = finding.with_label("this rule denies them all");
    match behind {
        Some(other) => finding
            .with_place(other.priority, "this rule would admit some, but is asked later")
            .with_source("the rule with the lowest priority that fits decides")
            .with_help("give the rule that admits the lower number"),
        None => finding
            .with_source("Azure's own rule that admits the network is asked after all rules of the file")
            .with_help("add a rule with a lower number that admits the gateways"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_tags_are_told_from_anything_else() {
        for range in ["10.0.0.0/8", "10.0.0.4", "fd00::/8", "::1", "0.0.0.0/0"] {
            assert!(is_range(range), "{range}");
        }
        for tag in ["*", "VirtualNetwork", "Storage.WestUS", "AzureFrontDoor.Backend", "M365ManagementActivityApi"] {
            assert!(is_tag(tag) && !is_range(tag), "{tag}");
        }
        for neither in
            ["any", "Any", "ALL", "10.0.0.0/33", "10.0.0", "gateways", "Virtualnetwork", "A..B", "A B", "::/129"]
        {
            assert!(!is_tag(neither) && !is_range(neither), "{neither}");
        }
    }

    /// What is found when the first region's group has these rules behind the gateways' own, which has priority 100.
    fn found(gateways_from: &str, rules: &[(&str, &str, &str, &str)]) -> Vec<u16> {
        let rules = rules.iter().enumerate().map(|(at, (access, source, ports, more))| {
            format!(
                "r{at} = {{ priority = {}, access = \"{access}\", source_address_prefixes = [\"{source}\"], \
                 destination_port_ranges = [\"{ports}\"] {more} }}\n",
                101 + at
            )
        });
        let text = include_str!("../base.tfvars").replacen("10.20.2.0/24", gateways_from, 1);
        let text = text.replacen("gateways = {", &format!("{}gateways = {{", rules.collect::<String>()), 1);
        crate::check(&text).findings.iter().map(|finding| finding.rule.id.0).collect()
    }

    #[test]
    fn the_first_rule_that_fits_decides_whether_the_internet_comes_in() {
        let from = |rules: &[(&str, &str, &str, &str)]| found("10.20.2.0/24", rules);
        assert_eq!(from(&[("Allow", "Internet", "9999-10001", "")]), [90]);
        assert_eq!(from(&[("Allow", "*", "8500-8599", "")]), [90]);
        assert_eq!(from(&[("Deny", "8.8.0.0/16", "*", ""), ("Allow", "Internet", "*", "")]), [90]);
        assert_eq!(from(&[("Deny", "Internet", "8500-8599", ""), ("Allow", "*", "*", "")]), [90]);
        assert_eq!(from(&[("Deny", "Internet", "*", ""), ("Allow", "*", "*", "")]), [0; 0]);
        assert_eq!(from(&[("Allow", "*", "443", "")]), [0; 0]);
        assert_eq!(from(&[("Allow", "*", "*", ", protocol = \"Udp\"")]), [0; 0]);
        assert_eq!(from(&[("Allow", "*", "*", ", direction = \"Outbound\"")]), [0; 0]);
    }

    #[test]
    fn a_group_is_closed_only_where_azures_own_rule_is_hidden() {
        // Probes are no clients: nobody is admitted but by Azure's own rule.
        let from = |rules: &[(&str, &str, &str, &str)]| found("AzureLoadBalancer", rules);
        assert_eq!(from(&[]), [0; 0]);
        assert_eq!(from(&[("Deny", "Internet", "*", "")]), [0; 0]);
        assert_eq!(from(&[("Deny", "VirtualNetwork", "443", "")]), [0; 0]);
        assert_eq!(from(&[("Deny", "*", "*", ", destination_address_prefixes = [\"10.20.9.0/24\"]")]), [0; 0]);
        assert_eq!(from(&[("Deny", "VirtualNetwork", "10000", "")]), [91]);
        assert_eq!(from(&[("Deny", "0.0.0.0/0", "*", ""), ("Allow", "VirtualNetwork", "*", "")]), [91]);
        // The network is denied, and a part of it, or what is behind its VPN, is admitted after that: the file cannot tell.
        assert_eq!(from(&[("Deny", "VirtualNetwork", "*", ""), ("Allow", "192.168.7.0/24", "10000", "")]), [0; 0]);
    }
}
