//! Sizes and tiers.

mod names;

use super::{Example, Family, Rule, RuleId};
use crate::diagnostic::{Severity, Sink, quote};
use crate::scene::{CacheScene, Scene, Tier, flag};

/// The family's rules.
pub(crate) static RULES: &[&Rule] = &[&UNKNOWN, &RETIRED, &CLASSIC, &SMALLEST_WITH_REPLICA, &NO_SLA];

/// Looks for what breaks them.
pub(super) fn check(scene: &Scene<'_>, sink: &mut Sink) {
    for cache in &scene.caches {
        names::check(cache, sink);
        availability(cache, scene.is_production(), sink);
    }
}

fn availability(cache: &CacheScene<'_>, is_production: bool, sink: &mut Sink) {
    let Some(available) = flag(cache.fields, "high_availability_enabled") else { return };
    let smallest =
        cache.sku.as_ref().filter(|(_, sku)| sku.is_some_and(|sku| sku.tier == Tier::Balanced && sku.number == 0));
    if let (true, Some((name, _))) = (available.value, smallest) {
        let finding =
            SMALLEST_WITH_REPLICA.at(name.span, "Balanced_B0 with high availability is reported to be refused");
        let finding = if available.span == cache.key.span {
            finding.with_source("high availability is on unless `high_availability_enabled = false` is given")
        } else {
            finding.with_place(available.span, "high availability is on")
        };
        sink.push(finding.with_help("choose Balanced_B1 or a larger size, or turn high availability off"));
    }
    // A member of a group must have it, which is a rule of its own.
    if !available.value && is_production && cache.group.is_none() {
        let finding =
            NO_SLA.at(available.span, format!("{} has no replica inside its region", quote(&cache.key.value)));
        sink.push(
            finding
                .with_source("without high availability there is no SLA, and maintenance or scaling empties the cache")
                .with_help("set `high_availability_enabled = true`"),
        );
    }
}

const fn rule(id: u16, name: &'static str, severity: Severity, source: &'static str) -> Rule {
    Rule {
        id: RuleId(id),
        name,
        family: Family::Sku,
        severity,
        summary: "",
        why: "",
        source,
        mend: "",
        failing: Example::Change(""),
        passing: Example::Change(""),
    }
}

pub(crate) static UNKNOWN: Rule = Rule {
    summary: "A size is one that Azure Managed Redis has, spelt as Azure spells it.",
    why: "Azure refuses others, and azurerm does so while it plans. The numbers of the tiers differ: there is a Balanced_B1, but \
          the smallest MemoryOptimized is M10.",
    mend: "Write one of the names: Balanced_B…, MemoryOptimized_M…, ComputeOptimized_X…, FlashOptimized_A….",
    failing: Example::Change("managed_redis_config = { primary = { sku_name = \"balanced_b3\" } }"),
    passing: Example::Change("managed_redis_config = { primary = { sku_name = \"Balanced_B3\" } }"),
    ..rule(40, "unknown-sku", Severity::Error, "Azure REST description of Microsoft.Cache/redisEnterprise 2025-07-01")
};

pub(crate) static RETIRED: Rule = Rule {
    summary: "No cache has a size of the retired Enterprise or Enterprise Flash tier.",
    why: "Azure turns these tiers off on 31 March 2027, creates hardly any new ones, and `azurerm_managed_redis` does not take \
          their names, with or without the capacity (`Enterprise_E10-2`) that the former resource wanted.",
    mend: "Choose a size of Azure Managed Redis with as much memory; Microsoft moves the data of an existing cache, or export \
           and import do.",
    failing: Example::Change(
        "managed_redis_config         = { primary = { sku_name = \"Enterprise_E10\" } }\n\
         managed_redis_config_replica = { replica = { sku_name = \"Enterprise_E10\" } }",
    ),
    passing: Example::Change(
        "managed_redis_config         = { primary = { sku_name = \"Balanced_B10\" } }\n\
         managed_redis_config_replica = { replica = { sku_name = \"Balanced_B10\" } }",
    ),
    ..rule(
        41,
        "retired-sku",
        Severity::Error,
        "Azure documentation: retirement of Azure Cache for Redis; azurerm provider: `azurerm_managed_redis`",
    )
};

pub(crate) static CLASSIC: Rule = Rule {
    summary: "No cache has a size of Azure Cache for Redis: Basic, Standard or Premium.",
    why: "That is another service, `Microsoft.Cache/redis`, with other resources, ports and zones. It is turned off on 30 September \
          2028, and has no active geo-replication.",
    mend: "Choose a size of Azure Managed Redis with as much memory.",
    failing: Example::Change("managed_redis_config = { primary = { sku_name = \"Premium_P1\" } }"),
    passing: Example::Change("managed_redis_config = { primary = { sku_name = \"Balanced_B3\" } }"),
    ..rule(42, "classic-sku", Severity::Error, "Azure documentation: retirement of Azure Cache for Redis")
};

pub(crate) static SMALLEST_WITH_REPLICA: Rule = Rule {
    summary: "Balanced_B0 goes without high availability.",
    why: "With it, Azure is reported to refuse the cache; one user said so, and no documentation does.",
    mend: "Choose a larger size, or turn high availability off, where nothing is lost with the cache.",
    failing: Example::Change(
        "managed_redis_config = {\n  other = {\n    context_suffix            = \"cache\"\n    instance                  = \
         \"02\"\n    sku_name                  = \"Balanced_B0\"\n    kv_key                    = \"main\"\n  }\n}",
    ),
    passing: Example::Change(
        "managed_redis_config = {\n  other = {\n    context_suffix            = \"cache\"\n    instance                  = \
         \"02\"\n    sku_name                  = \"Balanced_B0\"\n    kv_key                    = \"main\"\n    \
         high_availability_enabled = false\n  }\n}\nmanaged_redis_pe_config = {\n  other = {\n    context           = \
         \"cache\"\n    instance          = \"02\"\n    snet_key          = \"redis\"\n    managed_redis_key = \"other\"\n  \
         }\n}",
    ),
    ..rule(43, "smallest-with-replica", Severity::Warning, "reported by users (langchain-ai/terraform 109), unverified")
};

pub(crate) static NO_SLA: Rule = Rule {
    summary: "In production, every cache has a replica inside its region.",
    why: "Without high availability Azure promises nothing, and maintenance, scaling or one lost node empties the cache. It \
          can be turned on later by Azure, but azurerm replaces the cache for it.",
    mend: "Set `high_availability_enabled = true`, which is also the default.",
    failing: Example::Change(
        "environment = \"prod\"\ntags = { environment = \"prod\" }\nmanaged_redis_config = {\n  other = {\n    \
         context_suffix            = \"cache\"\n    instance                  = \"02\"\n    sku_name                  = \
         \"Balanced_B3\"\n    kv_key                    = \"main\"\n    high_availability_enabled = false\n  }\n}",
    ),
    passing: Example::Change("managed_redis_config = {\n  primary = {\n    high_availability_enabled = true\n  }\n}"),
    ..rule(
        44,
        "no-sla-in-production",
        Severity::Warning,
        "Azure documentation: high availability of Azure Managed Redis",
    )
};
