//! Azure's locations, as far as they are public. New ones appear, and some are open to few: a location that is not among
//! them is worth a question, no more.

use std::collections::HashMap;

use super::UNKNOWN_LOCATION;
use crate::diagnostic::{Sink, quote};
use crate::scene::Scene;
use crate::suggest;
use crate::typed::Spanned;

/// Short names: the public cloud, then US Government and China.
const KNOWN: &[&str] = &[
    "australiacentral",
    "australiacentral2",
    "australiaeast",
    "australiasoutheast",
    "austriaeast",
    "belgiumcentral",
    "brazilsouth",
    "brazilsoutheast",
    "canadacentral",
    "canadaeast",
    "centralindia",
    "centralus",
    "centraluseuap",
    "chilecentral",
    "denmarkeast",
    "eastasia",
    "eastus",
    "eastus2",
    "eastus2euap",
    "eastus3",
    "francecentral",
    "francesouth",
    "germanynorth",
    "germanywestcentral",
    "indiasouthcentral",
    "indonesiacentral",
    "israelcentral",
    "israelnorthwest",
    "italynorth",
    "japaneast",
    "japanwest",
    "jioindiacentral",
    "jioindiawest",
    "koreacentral",
    "koreasouth",
    "malaysiasouth",
    "malaysiawest",
    "mexicocentral",
    "newzealandnorth",
    "northcentralus",
    "northeastus5",
    "northeurope",
    "norwayeast",
    "norwaywest",
    "polandcentral",
    "qatarcentral",
    "saudiarabiaeast",
    "southafricanorth",
    "southafricawest",
    "southcentralus",
    "southcentralus2",
    "southeastasia",
    "southeastus",
    "southeastus3",
    "southeastus5",
    "southindia",
    "southwestus",
    "spaincentral",
    "swedencentral",
    "swedensouth",
    "switzerlandnorth",
    "switzerlandwest",
    "taiwannorth",
    "taiwannorthwest",
    "uaecentral",
    "uaenorth",
    "uksouth",
    "ukwest",
    "westcentralus",
    "westeurope",
    "westindia",
    "westus",
    "westus2",
    "westus3",
    "usdodcentral",
    "usdodeast",
    "usgovarizona",
    "usgoviowa",
    "usgovtexas",
    "usgovvirginia",
    "usnateast",
    "usnatwest",
    "usseceast",
    "ussecwest",
    "usseccentral",
    "usgovwyoming",
    "chinaeast",
    "chinaeast2",
    "chinaeast3",
    "chinanorth",
    "chinanorth2",
    "chinanorth3",
    "bleufrancecentral",
    "bleufrancesouth",
    "deloscloudgermanycentral",
    "deloscloudgermanynorth",
];

/// Spellings that people use, and what they mean.
const MEANT: &[(&str, &str)] = &[
    ("useast", "eastus"),
    ("useast2", "eastus2"),
    ("uswest", "westus"),
    ("uswest2", "westus2"),
    ("uswest3", "westus3"),
    ("europewest", "westeurope"),
    ("europenorth", "northeurope"),
    ("southuk", "uksouth"),
    ("westuk", "ukwest"),
    ("asiasoutheast", "southeastasia"),
    ("asiaeast", "eastasia"),
];

/// Reports locations that Azure is not known to have.
pub(super) fn check(scene: &Scene<'_>, sink: &mut Sink) {
    for region in &scene.regions {
        if let Some(location) = &region.location {
            look_up(location, sink);
        }
    }
    let witness = scene.shared.object("dr_config").and_then(|recovery| recovery.text_if_given("witness_location"));
    if let Ok(Some(witness)) = witness {
        look_up(&witness, sink);
    }
}

fn look_up(location: &Spanned<&str>, sink: &mut Sink) {
    if KNOWN.contains(&location.value) {
        return;
    }
    let finding = UNKNOWN_LOCATION.at(location.span, format!("Azure has no known location {}", quote(location.value)));
    let meant: HashMap<&str, &str> = MEANT.iter().copied().collect();
    let help =
        match meant.get(location.value).copied().or_else(|| suggest::nearest(location.value, KNOWN.iter().copied())) {
            Some(near) => format!("did you mean `{near}`? If it is a new location, disregard this"),
            None => "see `az account list-locations`; if it is a new location, disregard this".to_owned(),
        };
    sink.push(finding.with_help(help));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_location_is_one() {
        assert!(KNOWN.iter().all(|name| tidelock_model::Location::new(*name).is_ok()));
        assert!(MEANT.iter().all(|(wrong, right)| !KNOWN.contains(wrong) && KNOWN.contains(right)));
    }
}
