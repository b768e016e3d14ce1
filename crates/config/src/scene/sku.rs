//! The SKUs of Azure Managed Redis and of what came before it, from Microsoft's own description of
//! `Microsoft.Cache/redisEnterprise`, api-version 2025-07-01.

/// The tier of a SKU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// `Balanced_B`
    Balanced,
    /// `MemoryOptimized_M`
    MemoryOptimized,
    /// `ComputeOptimized_X`
    ComputeOptimized,
    /// `FlashOptimized_A`
    FlashOptimized,
    /// `Enterprise_E`, retired.
    Enterprise,
    /// `EnterpriseFlash_F`, retired.
    EnterpriseFlash,
}

/// A SKU that exists, or existed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sku {
    pub(crate) tier: Tier,
    /// The number at the end of its name, which is not its size.
    pub(crate) number: u16,
}

impl Tier {
    /// Those that can be had, in the order of Microsoft's description.
    pub(crate) const CURRENT: [Self; 4] =
        [Self::Balanced, Self::MemoryOptimized, Self::ComputeOptimized, Self::FlashOptimized];

    /// What its names begin with.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Balanced => "Balanced_B",
            Self::MemoryOptimized => "MemoryOptimized_M",
            Self::ComputeOptimized => "ComputeOptimized_X",
            Self::FlashOptimized => "FlashOptimized_A",
            Self::Enterprise => "Enterprise_E",
            Self::EnterpriseFlash => "EnterpriseFlash_F",
        }
    }

    /// The numbers its names end with.
    pub(crate) const fn numbers(self) -> &'static [u16] {
        match self {
            Self::Balanced => &[0, 1, 3, 5, 10, 20, 50, 100, 150, 250, 350, 500, 700, 1000],
            Self::MemoryOptimized => &[10, 20, 50, 100, 150, 250, 350, 500, 700, 1000, 1500, 2000],
            Self::ComputeOptimized => &[3, 5, 10, 20, 50, 100, 150, 250, 350, 500, 700],
            Self::FlashOptimized => &[250, 500, 700, 1000, 1500, 2000, 4500],
            Self::Enterprise => &[1, 5, 10, 20, 50, 100, 200, 400],
            Self::EnterpriseFlash => &[300, 700, 1500],
        }
    }

    /// Whether it is no longer sold.
    pub(crate) const fn is_retired(self) -> bool {
        matches!(self, Self::Enterprise | Self::EnterpriseFlash)
    }

    /// Whether it keeps values on disk.
    pub(crate) const fn is_flash(self) -> bool {
        matches!(self, Self::FlashOptimized | Self::EnterpriseFlash)
    }
}

impl Sku {
    /// The SKU with this name; a retired one may carry its capacity, as in `Enterprise_E10-2`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let tiers = [Tier::EnterpriseFlash, Tier::Enterprise].into_iter().chain(Tier::CURRENT);
        let (tier, rest) = tiers.into_iter().find_map(|tier| Some((tier, name.strip_prefix(tier.prefix())?)))?;
        let number = match rest.split_once('-') {
            Some((number, capacity)) if tier.is_retired() && capacity.parse::<u8>().is_ok() => number,
            Some(_) => return None,
            None => rest,
        };
        let number = tier.numbers().iter().copied().find(|known| known.to_string() == number)?;
        Some(Self { tier, number })
    }

    /// Its name.
    pub(crate) fn name(self) -> String {
        format!("{}{}", self.tier.prefix(), self.number)
    }

    /// The names of all that can be had.
    pub(crate) fn current() -> impl Iterator<Item = Self> {
        Tier::CURRENT
            .into_iter()
            .flat_map(|tier| tier.numbers().iter().map(move |number| Self { tier, number: *number }))
    }

    /// Its size in MB of memory (of memory and disk for Flash); about a fifth is not for values.
    pub(crate) const fn megabytes(self) -> u32 {
        if matches!(self.tier, Tier::Enterprise | Tier::EnterpriseFlash) {
            return match (self.tier, self.number) {
                (Tier::Enterprise, 5) => 4_000,
                (Tier::Enterprise, 10) => 12_000,
                (Tier::Enterprise, 20) => 25_000,
                (_, number) => number as u32 * 1_000,
            };
        }
        match self.number {
            0 => 500,
            5 => 6_000,
            10 => 12_000,
            20 => 24_000,
            50 => 60_000,
            100 => 120_000,
            150 => 180_000,
            250 => 240_000,
            350 => 360_000,
            500 => 480_000,
            700 => 720_000,
            1000 => 960_000,
            1500 => 1_440_000,
            2000 => 1_920_000,
            number => number as u32 * 1_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_azure_writes_them() {
        assert!(Sku::current().all(|sku| Sku::parse(&sku.name()) == Some(sku)));
        assert_eq!(Sku::current().count(), 44);
        let retired = Sku { tier: Tier::Enterprise, number: 10 };
        assert_eq!((Sku::parse("Enterprise_E10"), Sku::parse("Enterprise_E10-2")), (Some(retired), Some(retired)));
        for wrong in ["", "Balanced_B", "Balanced_B2", "balanced_b3", "Balanced_B03", "Balanced_B3-2", "Premium_P1"] {
            assert_eq!(Sku::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_number_is_not_the_size() {
        let size = |name: &str| Sku::parse(name).unwrap().megabytes();
        assert_eq!((size("Balanced_B0"), size("Balanced_B3"), size("Balanced_B5")), (500, 3_000, 6_000));
        assert_eq!((size("MemoryOptimized_M1500"), size("FlashOptimized_A4500")), (1_440_000, 4_500_000));
    }
}
