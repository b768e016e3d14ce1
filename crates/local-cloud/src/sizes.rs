//! How big Azure's sizes are here.

/// Azure sells gigabytes; a laptop gives this many megabytes for each.
const MEGABYTES_PER_AZURE_GIGABYTE: u64 = 32;

const MEGABYTE: u64 = 1024 * 1024;

/// A family of SKUs and the suffixes it is sold in.
const FAMILIES: [(&str, &[u32]); 4] = [
    ("Balanced_B", &[0, 1, 3, 5, 10, 20, 50, 100, 150, 250, 350, 500, 700, 1000]),
    ("MemoryOptimized_M", &[10, 20, 50, 100, 150, 250, 350, 500, 700, 1000, 1500, 2000]),
    ("ComputeOptimized_X", &[3, 5, 10, 20, 50, 100, 150, 250, 350, 500, 700]),
    ("FlashOptimized_A", &[250, 500, 700, 1000, 1500, 2000, 4500]),
];

/// The number in the name is not the size: suffix and half gigabytes.
const HALF_GIGABYTES: [(u32, u64); 17] = [
    (0, 1),
    (1, 2),
    (3, 6),
    (5, 12),
    (10, 24),
    (20, 48),
    (50, 120),
    (100, 240),
    (150, 360),
    (250, 480),
    (350, 720),
    (500, 960),
    (700, 1440),
    (1000, 1920),
    (1500, 2880),
    (2000, 3840),
    (4500, 9000),
];

/// `maxmemory` in bytes for a SKU of Azure Managed Redis; none if there is no such SKU.
pub(crate) fn max_memory(sku: &str) -> Option<u64> {
    let (suffixes, number) = FAMILIES
        .iter()
        .find_map(|(family, suffixes)| Some((suffixes, sku.strip_prefix(family)?.parse::<u32>().ok()?)))?;
    if !suffixes.contains(&number) {
        return None;
    }
    let (_, half_gigabytes) = HALF_GIGABYTES.iter().find(|(suffix, _)| *suffix == number)?;
    Some(half_gigabytes * MEGABYTES_PER_AZURE_GIGABYTE * MEGABYTE / 2)
}

fn half_gigabytes(suffix: u32) -> u64 {
    HALF_GIGABYTES.iter().find(|(known, _)| *known == suffix).map_or(0, |(_, size)| *size)
}

fn family_and_suffix(sku: &str) -> Option<(&'static str, u32)> {
    let (family, suffixes) = FAMILIES.iter().find(|(family, _)| sku.starts_with(family))?;
    let suffix = sku.strip_prefix(family)?.parse().ok()?;
    suffixes.contains(&suffix).then_some((*family, suffix))
}

/// How much Azure sells under this name.
pub(crate) fn gigabytes(sku: &str) -> f64 {
    // At most 9000: exact.
    f64::from(u32::try_from(family_and_suffix(sku).map_or(0, |(_, suffix)| half_gigabytes(suffix))).unwrap_or(0)) / 2.0
}

/// The SKUs that a cluster may be scaled to: any size in memory, never from or to Flash. A member of a geo-replication group
/// only grows, and stays where groups are possible. Without hash slots 25 GB are the limit.
pub(crate) fn scaling(from: &str, grouped: bool, without_slots: bool) -> Vec<String> {
    const LARGEST_WITHOUT_SLOTS: u64 = 50;
    let Some((own_family, own)) = family_and_suffix(from) else { return Vec::new() };
    let is_flash = |family: &str| family == "FlashOptimized_A";
    let mut found = Vec::new();
    for (family, suffixes) in FAMILIES.iter().filter(|(family, _)| is_flash(family) == is_flash(own_family)) {
        for suffix in *suffixes {
            let sku = format!("{family}{suffix}");
            let size = half_gigabytes(*suffix);
            let grows = size >= half_gigabytes(own);
            let fits = !without_slots || size <= LARGEST_WITHOUT_SLOTS;
            if sku != from && fits && (!grouped || grows && may_replicate(&sku)) {
                found.push(sku);
            }
        }
    }
    found
}

/// Whether the SKU may be in a geo-replication group.
pub(crate) fn may_replicate(sku: &str) -> bool {
    !matches!(sku, "Balanced_B0" | "Balanced_B1") && !sku.starts_with("FlashOptimized_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_table_and_are_scaled_down() {
        assert_eq!(max_memory("Balanced_B0"), Some(16 * MEGABYTE));
        assert_eq!(max_memory("Balanced_B3"), Some(96 * MEGABYTE));
        assert_eq!(max_memory("MemoryOptimized_M10"), Some(12 * 32 * MEGABYTE));
        assert_eq!(max_memory("MemoryOptimized_M3"), None);
        assert_eq!(max_memory("Premium_P1"), None);
    }

    #[test]
    fn scaling_stays_in_memory_and_groups_only_grow() {
        let free = scaling("Balanced_B5", false, false);
        assert!(free.iter().any(|sku| sku == "Balanced_B1") && free.iter().any(|sku| sku == "MemoryOptimized_M10"));
        assert!(!free.iter().any(|sku| sku.starts_with("Flash") || sku == "Balanced_B5"));
        let grouped = scaling("Balanced_B5", true, false);
        assert!(grouped.iter().any(|sku| sku == "ComputeOptimized_X5"), "the same size in a higher tier");
        assert!(!grouped.iter().any(|sku| sku == "Balanced_B3"));
        assert!(!scaling("Balanced_B10", false, true).iter().any(|sku| sku == "Balanced_B50"));
        assert_eq!(scaling("FlashOptimized_A4500", true, false), Vec::<String>::new());
        assert!(scaling("Premium_P1", false, false).is_empty());
        assert_eq!((gigabytes("Balanced_B0"), gigabytes("Balanced_B5")), (0.5, 6.0));
    }

    #[test]
    fn every_suffix_of_every_family_has_a_size() {
        for (family, suffixes) in FAMILIES {
            for suffix in suffixes {
                assert!(max_memory(&format!("{family}{suffix}")).is_some(), "{family}{suffix}");
            }
        }
    }
}
