//! Private endpoints: the only ways to a cache.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use super::super::{Example, Family, Rule, RuleId};
use super::cidr::Range;
use super::ranges::subnets;
use crate::diagnostic::{Severity, Sink, quote};
use crate::scene::{ItemScene, RegionScene, Scene, flag};
use crate::schema::Target;
use crate::text::Span;
use crate::typed::Spanned;

/// What Azure calls a cache in a private endpoint.
const CACHE_GROUP_ID: &str = "redisEnterprise";

/// The zone in which clients look a cache's endpoint up.
const CACHE_ZONE: &str = "privatelink.redis.azure.net";

/// The zones of what came before Managed Redis, and what that was.
const FORMER_ZONES: [(&str, &str); 2] = [
    ("privatelink.redisenterprise.cache.azure.net", "the Enterprise tiers of Azure Cache for Redis"),
    ("privatelink.redis.cache.windows.net", "the Basic, Standard and Premium tiers of Azure Cache for Redis"),
];

/// Private endpoints that a cache can have.
const MOST_ENDPOINTS: usize = 84;

/// Addresses at the beginning of every subnet that Azure keeps; with the last one, five.
const RESERVED_AT_BEGINNING: u32 = 4;

const PRIVATE_LINK: &str = "Azure documentation: Azure Managed Redis with Private Link";

const TOGETHER: &str = "the pattern: `static_ip_required` and `static_ip_address` go together";

pub(crate) static STATIC_IP_MISSING: Rule = Rule {
    id: RuleId(80),
    name: "fixed-address-missing",
    family: Family::Network,
    severity: Severity::Error,
    summary: "A private endpoint that requires a fixed address gives one.",
    why: "Azure would choose one, and whoever wrote the address into a firewall would find it closed.",
    source: TOGETHER,
    mend: "Add `static_ip_address`, or set `static_ip_required = false`.",
    failing: Example::Change("managed_redis_pe_config = { primary = { static_ip_required = true } }"),
    passing: Example::Change(
        "managed_redis_pe_config = { primary = { static_ip_required = true, static_ip_address = \"10.20.1.10\" } }",
    ),
};

pub(crate) static STATIC_IP_UNUSED: Rule = Rule {
    id: RuleId(81),
    name: "fixed-address-unused",
    family: Family::Network,
    severity: Severity::Warning,
    summary: "An address that is given is used.",
    why: "With `static_ip_required` left false, Azure chooses an address and the one in the file means nothing.",
    source: TOGETHER,
    mend: "Set `static_ip_required = true`, or remove the address.",
    failing: Example::Change("managed_redis_pe_config = { primary = { static_ip_address = \"10.20.1.10\" } }"),
    passing: Example::Change(
        "managed_redis_pe_config = { primary = { static_ip_required = true, static_ip_address = \"10.20.1.10\" } }",
    ),
};

pub(crate) static STATIC_IP_UNUSABLE: Rule = Rule {
    id: RuleId(87),
    name: "fixed-address-unusable",
    family: Family::Network,
    severity: Severity::Error,
    summary: "A fixed address lies in the subnet of its endpoint, and is none of the five that Azure keeps there.",
    why: "Azure keeps the first four addresses of every subnet and the last, and refuses an endpoint with one of these, or \
          with one of another subnet. The ranges of subnets that exist already are not in the file: nothing is said of these.",
    source: "Azure documentation: virtual network, frequently asked questions; Azure: `PrivateIPAddressNotInSubnet`",
    mend: "Choose a free address of the subnet.",
    failing: Example::Change(
        "managed_redis_pe_config = { primary = { static_ip_required = true, static_ip_address = \"10.20.1.3\" } }",
    ),
    passing: Example::Change(
        "managed_redis_pe_config = { primary = { static_ip_required = true, static_ip_address = \"10.20.1.4\" } }",
    ),
};

pub(crate) static STATIC_IP_TWICE: Rule = Rule {
    id: RuleId(88),
    name: "fixed-address-taken",
    family: Family::Network,
    severity: Severity::Error,
    summary: "No two endpoints of a subnet have the same fixed address.",
    why: "Azure refuses the one that is created last.",
    source: "Azure: `PrivateIPAddressInUse`",
    mend: "Choose another address for one of them.",
    failing: Example::Change(
        "managed_redis_pe_config = {\n  primary = { static_ip_required = true, static_ip_address = \"10.20.1.10\" }\n  second  \
         = {\n    context            = \"cache\"\n    instance           = \"02\"\n    static_ip_required = true\n    \
         static_ip_address  = \"10.20.1.10\"\n    snet_key           = \"redis\"\n    managed_redis_key  = \"primary\"\n  \
         }\n}",
    ),
    passing: Example::Change(
        "managed_redis_pe_config = {\n  primary = { static_ip_required = true, static_ip_address = \"10.20.1.10\" }\n  second  \
         = {\n    context            = \"cache\"\n    instance           = \"02\"\n    static_ip_required = true\n    \
         static_ip_address  = \"10.20.1.11\"\n    snet_key           = \"redis\"\n    managed_redis_key  = \"primary\"\n  \
         }\n}",
    ),
};

pub(crate) static GROUP_ID: Rule = Rule {
    id: RuleId(96),
    name: "wrong-group-id",
    family: Family::Network,
    severity: Severity::Error,
    summary: "The endpoint of a cache has the one group id `redisEnterprise`.",
    why: "So Azure calls this kind of resource since before it was Managed Redis. Any other id, or two, it refuses.",
    source: PRIVATE_LINK,
    mend: "Write `group_ids = [\"redisEnterprise\"]`, or leave it out.",
    failing: Example::Change("managed_redis_pe_config = { primary = { group_ids = [\"redisCache\"] } }"),
    passing: Example::Change("managed_redis_pe_config = { primary = { group_ids = [\"redisEnterprise\"] } }"),
};

pub(crate) static WRONG_ZONE: Rule = Rule {
    id: RuleId(97),
    name: "wrong-dns-zone",
    family: Family::Network,
    severity: Severity::Error,
    summary: "The endpoint of a cache registers in the private DNS zone `privatelink.redis.azure.net`.",
    why: "In a zone of another name, such as those of the services before Managed Redis, nobody looks the cache up: its name \
          leads to its public address, which does not answer, and clients time out.",
    source: "Azure documentation: Azure Managed Redis with Private Link; its text had the wrong zone until it was corrected",
    mend: "Use a zone with this name, linked to every network in which clients of the cache are. A zone with another name may \
           stand beside it, for other services, as long as no cache's endpoint names it.",
    failing: Example::Change(
        "dns_zone_config = { redis = { name = \"privatelink.redisenterprise.cache.azure.net\" } }\n\
         managed_redis_pe_config = { primary = { dns_zone_key = \"redis\" } }",
    ),
    passing: Example::Change(
        "dns_zone_config = { redis = { name = \"privatelink.redis.azure.net\" } }\n\
         managed_redis_pe_config = { primary = { dns_zone_key = \"redis\" } }",
    ),
};

pub(crate) static MANUAL: Rule = Rule {
    id: RuleId(98),
    name: "endpoint-not-automatic",
    family: Family::Network,
    severity: Severity::Warning,
    summary: "The endpoint of a cache connects by itself, and to the cache of the file.",
    why: "A manual connection waits until somebody approves it, and until then nobody reaches the cache. An alias belongs to \
          somebody's own private link service: caches have none, and with one the endpoint does not lead to the file's cache.",
    source: "Azure REST description of Microsoft.Network/privateEndpoints; azurerm provider: `azurerm_private_endpoint`",
    mend: "Set `is_manual_connection = false` and remove `private_connection_resource_alias`.",
    failing: Example::Change("managed_redis_pe_config = { primary = { is_manual_connection = true } }"),
    passing: Example::Change("managed_redis_pe_config = { primary = { is_manual_connection = false } }"),
};

/// One endpoint more, of the cache `primary`, for each of the numbers.
macro_rules! endpoints {
    ($($number:literal)*) => {
        concat!(
            "managed_redis_pe_config = {\n",
            $("  e", $number, " = { context = \"cache\", instance = \"1", $number, "\", snet_key = \"redis\", \
              managed_redis_key = \"primary\" }\n",)*
            "}"
        )
    };
}

pub(crate) static TOO_MANY: Rule = Rule {
    id: RuleId(99),
    name: "too-many-endpoints",
    family: Family::Network,
    severity: Severity::Error,
    summary: "A cache has at most 84 private endpoints.",
    why: "Azure refuses the next one.",
    source: PRIVATE_LINK,
    mend: "Let several networks share an endpoint, by peering them with the network it stands in.",
    failing: Example::Change(endpoints!(
        "00" "01" "02" "03" "04" "05" "06" "07" "08" "09" "10" "11" "12" "13" "14" "15" "16" "17" "18" "19" "20" "21" "22"
        "23" "24" "25" "26" "27" "28" "29" "30" "31" "32" "33" "34" "35" "36" "37" "38" "39" "40" "41" "42" "43" "44" "45"
        "46" "47" "48" "49" "50" "51" "52" "53" "54" "55" "56" "57" "58" "59" "60" "61" "62" "63" "64" "65" "66" "67" "68"
        "69" "70" "71" "72" "73" "74" "75" "76" "77" "78" "79" "80" "81" "82" "83"
    )),
    passing: Example::Change(endpoints!("00" "01")),
};

pub(super) fn check(scene: &Scene<'_>, sink: &mut Sink) {
    for region in &scene.regions {
        let subnets: HashMap<&str, Range> =
            subnets(region).map(|subnet| (subnet.item.key.value.as_str(), subnet.range)).collect();
        let mut taken: HashMap<(&str, Ipv4Addr), Span> = HashMap::new();
        let mut count: HashMap<&str, usize> = HashMap::new();
        for endpoint in region.items("managed_redis_pe_config") {
            check_address(&endpoint, &subnets, &mut taken, sink);
            check_group_ids(&endpoint, sink);
            check_connection(&endpoint, sink);
            check_count(&endpoint, &mut count, sink);
        }
        check_zones(region, sink);
    }
}

fn check_address<'a>(
    endpoint: &ItemScene<'a>,
    subnets: &HashMap<&str, Range>,
    taken: &mut HashMap<(&'a str, Ipv4Addr), Span>,
    sink: &mut Sink,
) {
    let fields = endpoint.fields;
    let (Ok(true), Ok(Some(text))) = (fields.bool("static_ip_required"), fields.text_if_given("static_ip_address"))
    else {
        return;
    };
    let (Ok(subnet), Ok(address)) = (fields.text("snet_key"), text.value.parse::<Ipv4Addr>()) else { return };
    if let Some(range) = subnets.get(subnet.value) {
        check_usable(&text, address, *range, &subnet, sink);
    }
    if let Some(first) = taken.get(&(subnet.value, address)) {
        let message = format!("the address {} is given to two endpoints of one subnet", text.value);
        sink.push(
            STATIC_IP_TWICE
                .at(text.span, message)
                .with_place(*first, "given here already")
                .with_source("Azure refuses the endpoint that is created last")
                .with_help("choose another address for one of them"),
        );
    } else {
        taken.insert((subnet.value, address), text.span);
    }
}

fn check_usable(text: &Spanned<&str>, address: Ipv4Addr, range: Range, subnet: &Spanned<&str>, sink: &mut Sink) {
    let number = u32::from(address);
    let is_inside = (range.first..=range.last).contains(&number);
    let first_usable = range.first.saturating_add(RESERVED_AT_BEGINNING);
    if (first_usable..range.last).contains(&number) || range.last <= first_usable {
        // A subnet that has no usable address at all has been reported.
        return;
    }
    let (first, last) = (Ipv4Addr::from(first_usable), Ipv4Addr::from(range.last - 1));
    let (message, reason) = if is_inside {
        let message = format!("{address} is one of the addresses that Azure keeps in every subnet");
        (message, "Azure keeps the first four and the last")
    } else {
        let message = format!("{address} is not in the endpoint's subnet {}", quote(subnet.value));
        (message, "Azure refuses an endpoint with an address of another subnet")
    };
    sink.push(
        STATIC_IP_UNUSABLE
            .at(text.span, message)
            .with_place(subnet.span, format!("its range is {range}"))
            .with_source(reason)
            .with_help(format!("choose a free address from {first} to {last}")),
    );
}

fn check_group_ids(endpoint: &ItemScene<'_>, sink: &mut Sink) {
    let Ok(ids) = endpoint.fields.texts("group_ids") else { return };
    if ids.iter().map(|id| id.value).eq([CACHE_GROUP_ID]) {
        return;
    }
    let span = endpoint.fields.span("group_ids");
    let message = format!("the endpoint {} has other group ids than a cache's", quote(&endpoint.key.value));
    sink.push(
        GROUP_ID
            .at(span, message)
            .with_source(format!("Azure calls what a cache offers `{CACHE_GROUP_ID}`, and takes one id"))
            .with_fix("name the group id of caches", span, format!("[\"{CACHE_GROUP_ID}\"]")),
    );
}

fn check_connection(endpoint: &ItemScene<'_>, sink: &mut Sink) {
    if let Ok(Some(alias)) = endpoint.fields.text_if_given("private_connection_resource_alias") {
        sink.push(
            MANUAL
                .at(alias.span, "a cache has no alias")
                .with_source("an alias leads to somebody's own private link service, not to the file's cache")
                .with_help("remove `private_connection_resource_alias`"),
        );
    } else if let Some(manual) = flag(endpoint.fields, "is_manual_connection").filter(|manual| manual.value) {
        let message = format!("the endpoint {} waits for somebody to approve it", quote(&endpoint.key.value));
        sink.push(
            MANUAL
                .at(manual.span, message)
                .with_source("until then nobody reaches the cache; whoever may create both needs no approval")
                .with_help("set `is_manual_connection = false`, or plan who approves it"),
        );
    }
}

fn check_count<'a>(endpoint: &ItemScene<'a>, count: &mut HashMap<&'a str, usize>, sink: &mut Sink) {
    let Ok(cache) = endpoint.fields.text("managed_redis_key") else { return };
    let so_far = count.entry(cache.value).or_default();
    *so_far += 1;
    if *so_far == MOST_ENDPOINTS + 1 {
        let message = format!("the cache {} has more than {MOST_ENDPOINTS} private endpoints", quote(cache.value));
        sink.push(
            TOO_MANY
                .at(cache.span, message)
                .with_source("Azure refuses this one and all that follow")
                .with_help("let several networks share an endpoint, by peering them with the network it stands in"),
        );
    }
}

/// A zone that an endpoint names must be a cache's; one that none names is reported if it seems to be meant for caches.
fn check_zones(region: &RegionScene<'_>, sink: &mut Sink) {
    let mut named: HashMap<&str, Span> = HashMap::new();
    for endpoint in region.items("managed_redis_pe_config") {
        if let Ok(Some(zone)) = endpoint.fields.text_if_given("dns_zone_key") {
            named.entry(zone.value).or_insert(zone.span);
        }
    }
    let is_right =
        |zone: &ItemScene<'_>| zone.fields.text("name").is_ok_and(|name| name.value.eq_ignore_ascii_case(CACHE_ZONE));
    // Beside the right zone, one that no endpoint names belongs to caches of another service.
    let has_right = region.targets(Target::DnsZone).any(|zone| is_right(&zone));
    for zone in region.targets(Target::DnsZone) {
        let Ok(name) = zone.fields.text("name") else { continue };
        let written = name.value.to_lowercase();
        let former = FORMER_ZONES.iter().find(|(former, _)| *former == written);
        let reference = named.get(zone.key.value.as_str());
        let is_like_it = former.is_some() || written.starts_with("privatelink.redis.");
        let is_meant = reference.is_some() || (is_like_it && !has_right);
        if written == CACHE_ZONE || !is_meant {
            continue;
        }
        let reason = match former {
            Some((_, service)) => {
                format!("it is the zone of {service}: a name of Managed Redis is not looked up there")
            }
            None => {
                "nobody looks a cache up there: its name leads to its public address, and clients time out".to_owned()
            }
        };
        if let Some(span) = reference.filter(|_| written.starts_with("privatelink.") && !written.contains("redis")) {
            // The zone is right for something else: the endpoint names the wrong one.
            let message = format!("the endpoint registers in a zone that is not a cache's: {}", quote(name.value));
            sink.push(
                WRONG_ZONE
                    .at(*span, message)
                    .with_place(name.span, "the zone")
                    .with_source(reason)
                    .with_help(format!("name a zone called `{CACHE_ZONE}`, or leave the key out")),
            );
            continue;
        }
        let mut finding = WRONG_ZONE.at(name.span, format!("{} is not the zone of caches", quote(name.value)));
        if let Some(span) = reference {
            finding = finding.with_place(*span, "a cache's endpoint registers here");
        }
        // Another name is another zone: one that exists would be destroyed, one that is given may not exist. No patch.
        sink.push(finding.with_source(reason).with_help(format!("name it `{CACHE_ZONE}`")));
    }
}
