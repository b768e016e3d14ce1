//! Names of sizes: those of Azure Managed Redis, those of its predecessors, and misspelt ones.

use super::{CLASSIC, RETIRED, UNKNOWN};
use crate::diagnostic::{Diagnostic, Sink, quote};
use crate::scene::{CacheScene, Sku, Tier};
use crate::suggest;
use crate::typed::Spanned;

/// Azure Cache for Redis: names, and memory in MB.
const CLASSIC_SIZES: &[(&str, u32)] = &[
    ("c0", 250),
    ("c1", 1_000),
    ("c2", 2_500),
    ("c3", 6_000),
    ("c4", 13_000),
    ("c5", 26_000),
    ("c6", 53_000),
    ("p1", 6_000),
    ("p2", 13_000),
    ("p3", 26_000),
    ("p4", 53_000),
    ("p5", 120_000),
];

/// How much less memory still counts as the same size, in percent: 24 GB took the place of 25, 240 of 250.
const SAME_SIZE_PERCENT: u32 = 95;

/// Reports a size that cannot be had.
pub(super) fn check(cache: &CacheScene<'_>, sink: &mut Sink) {
    let Some((name, sku)) = &cache.sku else { return };
    match sku {
        Some(sku) if sku.tier.is_retired() => sink.push(retired(cache, name, *sku)),
        Some(_) => {}
        None => {
            let lower = name.value.to_ascii_lowercase();
            let finding = classic(cache, name, &lower).unwrap_or_else(|| misspelt(name, &lower, sink));
            sink.push(finding);
        }
    }
}

fn retired(cache: &CacheScene<'_>, name: &Spanned<&str>, sku: Sku) -> Diagnostic {
    let is_flash = sku.tier.is_flash();
    // Sizes are those of the least capacity, 2 for Enterprise and 3 for Flash; more capacity is more memory.
    let least = if is_flash { 3 } else { 2 };
    let capacity = name.value.split_once('-').and_then(|(_, capacity)| capacity.parse::<u32>().ok()).unwrap_or(least);
    let megabytes = sku.megabytes() / least * capacity.max(least);
    let tier = if is_flash { Tier::FlashOptimized } else { Tier::Balanced };
    let product = if is_flash { "Enterprise Flash" } else { "Enterprise" };
    let finding = RETIRED
        .at(
            name.span,
            format!("{} has {}, a size of the retired {product} tier", quote(&cache.key.value), quote(name.value)),
        )
        .with_label(format!("{} GB", gigabytes(megabytes)))
        .with_source("Azure turns it off on 31 March 2027, and `azurerm_managed_redis` refuses the name");
    let Some(same) = smallest(tier, megabytes, cache.group.is_some()) else {
        return finding.with_help("no single size of Azure Managed Redis has as much memory");
    };
    let (current, size) = (same.name(), gigabytes(same.megabytes()));
    if is_flash && cache.group.is_some() {
        return finding.with_help(format!("`{current}` has {size} GB, but no Flash size may join a geo group"));
    }
    // Which of them, and at what price, is for people to say: no patch.
    finding.with_help(format!("`{current}` has {size} GB{}", other_tiers(same)))
}

/// The sizes beside a balanced one that have the same memory and more or fewer cores.
fn other_tiers(sku: Sku) -> String {
    let has = |tier: Tier| sku.tier == Tier::Balanced && tier.numbers().contains(&sku.number);
    let others = [Tier::MemoryOptimized, Tier::ComputeOptimized].into_iter().filter(|tier| has(*tier));
    let others: Vec<String> = others.map(|tier| format!("`{}`", Sku { tier, number: sku.number }.name())).collect();
    if others.is_empty() {
        return String::new();
    }
    let have = if others.len() == 1 { "has" } else { "have" };
    format!("; so {have} {}, with more cores or fewer", others.join(" and "))
}

/// The smallest size of a tier that holds as much; groups do not take the two smallest.
fn smallest(tier: Tier, megabytes: u32, in_group: bool) -> Option<Sku> {
    let least = if in_group { 3_000 } else { 0 };
    let enough = |sku: &Sku| sku.megabytes() >= (megabytes / 100 * SAME_SIZE_PERCENT).max(least);
    tier.numbers().iter().map(|number| Sku { tier, number: *number }).find(enough)
}

fn gigabytes(megabytes: u32) -> String {
    if megabytes.is_multiple_of(1_000) {
        (megabytes / 1_000).to_string()
    } else {
        format!("{}", f64::from(megabytes) / 1_000.0)
    }
}

/// `Basic`, `Standard_C1`, `Premium_P1` or `P1`.
fn classic(cache: &CacheScene<'_>, name: &Spanned<&str>, lower: &str) -> Option<Diagnostic> {
    let tier = ["basic", "standard", "premium"].into_iter().find(|tier| lower.starts_with(tier));
    let size = lower.trim_start_matches(tier.unwrap_or_default()).trim_start_matches(['_', '-', ' ']);
    let size = CLASSIC_SIZES.iter().find(|(known, _)| *known == size);
    if tier.is_none() && size.is_none() {
        return None;
    }
    let finding = CLASSIC
        .at(name.span, format!("{} has {}, a size of another service", quote(&cache.key.value), quote(name.value)))
        .with_source(
            "Basic, Standard and Premium belong to Azure Cache for Redis, which Azure turns off on 30 September 2028",
        );
    let same = size.and_then(|(_, megabytes)| {
        Some((gigabytes(*megabytes), smallest(Tier::Balanced, *megabytes, cache.group.is_some())?))
    });
    Some(match same {
        Some((had, same)) => {
            let (current, size) = (same.name(), gigabytes(same.megabytes()));
            finding.with_help(format!("it had {had} GB; `{current}` has {size} GB"))
        }
        None => finding.with_help("the smallest that may join a geo group is `Balanced_B3`, with 3 GB"),
    })
}

fn misspelt(name: &Spanned<&str>, lower: &str, sink: &Sink) -> Diagnostic {
    let finding = UNKNOWN.at(name.span, format!("Azure Managed Redis has no size {}", quote(name.value)));
    if let Some(meant) = respelt(lower) {
        let meant = meant.name();
        return finding
            .with_source("Azure and azurerm compare the name letter by letter")
            .with_help(format!("it is written `{meant}`"))
            .with_fix(format!("write `{meant}`"), name.span, format!("\"{meant}\""));
    }
    let tiers = Tier::CURRENT.into_iter();
    if let Some(tier) = tiers.clone().find(|tier| lower.starts_with(&tier.prefix().to_ascii_lowercase())) {
        let numbers = tier.numbers().iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        return finding.with_help(format!("the numbers behind `{}` are {numbers}", tier.prefix()));
    }
    let names: Vec<(String, Sku)> = Sku::current().map(|sku| (sku.name().to_ascii_lowercase(), sku)).collect();
    let near = if sink.is_full() { None } else { suggest::nearest(lower, names.iter().map(|(name, _)| name.as_str())) };
    match names.iter().find(|(name, _)| Some(name.as_str()) == near) {
        Some((_, sku)) => finding.with_help(format!("did you mean `{}`?", sku.name())),
        None => {
            let tiers = tiers.map(|tier| format!("`{}…`", tier.prefix())).collect::<Vec<_>>().join(", ");
            finding.with_help(format!("a size begins with one of {tiers}, such as `Balanced_B10`"))
        }
    }
}

/// The size that a name means when case, `_`, `-` and blanks do not count, and the tier's name may be left out: `B10`.
fn respelt(lower: &str) -> Option<Sku> {
    let bare = |text: &str| text.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).collect::<String>();
    let wanted = bare(lower);
    Sku::current().find(|sku| {
        let name = sku.name().to_ascii_lowercase();
        let short = name.split_once('_').map(|(_, short)| short);
        bare(&name) == wanted || short == Some(wanted.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retired_size_is_replaced_by_one_that_holds_as_much() {
        let same = |tier, megabytes, in_group| smallest(tier, megabytes, in_group).map(Sku::name);
        let balanced = |megabytes| same(Tier::Balanced, megabytes, false);
        assert_eq!(balanced(12_000).as_deref(), Some("Balanced_B10"));
        assert_eq!(balanced(25_000).as_deref(), Some("Balanced_B20"));
        assert_eq!(balanced(50_000).as_deref(), Some("Balanced_B50"));
        assert_eq!(balanced(400_000).as_deref(), Some("Balanced_B500"));
        assert_eq!(balanced(1_200_000), None);
        assert_eq!(same(Tier::Balanced, 1_000, true).as_deref(), Some("Balanced_B3"));
        assert_eq!(same(Tier::FlashOptimized, 1_500_000, false).as_deref(), Some("FlashOptimized_A1500"));
    }

    #[test]
    fn a_name_is_respelt_only_where_one_is_meant() {
        let names = |text: &str| respelt(&text.to_ascii_lowercase()).map(Sku::name);
        for text in ["balanced_b10", "Balanced-B10", "BalancedB10", "B10", "BALANCED B10"] {
            assert_eq!(names(text).as_deref(), Some("Balanced_B10"), "{text}");
        }
        for text in ["", "10", "Balanced", "Balanced_10", "B2", "Premium_P1"] {
            assert_eq!(names(text), None, "{text}");
        }
    }
}
