//! The rules: what Azure, the pattern, Terraform and Tidelock itself demand of a file. One definition of each is the
//! source of its findings, of the page that `tidelock explain` prints and `docs/rules/` publishes, and of its tests: the
//! failing example must be found, the passing one must not.
//!
//! A rule is a `static` in its family's file. Rules about reading (`reading`, parts of `references`, `regions`, `geo`,
//! `recovery`) are found while the file is read; all others by the family's `check` function, which looks at a
//! [`Scene`] and reports to the sink. Nothing here does I/O.

pub(crate) mod database;
mod example;
pub(crate) mod geo;
pub(crate) mod isolation;
pub(crate) mod network;
mod page;
pub(crate) mod reading;
pub(crate) mod recovery;
pub(crate) mod references;
pub(crate) mod regions;
pub(crate) mod shape;
pub(crate) mod sku;
pub(crate) mod tags;
pub(crate) mod vault;

use std::fmt;

use serde::{Serialize, Serializer};

pub use example::Example;
pub use page::page;

use crate::diagnostic::{Diagnostic, Severity, Sink};
use crate::scene::Scene;
use crate::text::Span;

/// The number of a rule, written `TL001`. A number is never given to another rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub(crate) u16);

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TL{:03}", self.0)
    }
}

impl Serialize for RuleId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a rule is about; its file, and its chapter in the index of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Text, keys and types.
    Reading,
    /// Keys that name items of other maps.
    References,
    /// Regions, their locations, and the names made for them.
    Regions,
    /// Sizes and tiers.
    Sku,
    /// Geo groups.
    Geo,
    /// The database of a cache, and who may reach it.
    Database,
    /// Networks, private endpoints and name resolution.
    Network,
    /// Key vaults and encryption keys.
    Vault,
    /// Regions share nothing.
    Isolation,
    /// Recovery: who decides, how fast, and what may be lost.
    Recovery,
    /// Tags.
    Tags,
    /// Several files beside each other.
    Shape,
}

impl Family {
    /// All of them, in the order of the index.
    pub const ALL: [Self; 12] = [
        Self::Reading,
        Self::References,
        Self::Regions,
        Self::Sku,
        Self::Geo,
        Self::Database,
        Self::Network,
        Self::Vault,
        Self::Isolation,
        Self::Recovery,
        Self::Tags,
        Self::Shape,
    ];

    /// Its heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Reading => "Reading the file",
            Self::References => "References between maps",
            Self::Regions => "Regions and names",
            Self::Sku => "Sizes and tiers",
            Self::Geo => "Geo groups",
            Self::Database => "Databases and access",
            Self::Network => "Networks and private endpoints",
            Self::Vault => "Key vaults and encryption keys",
            Self::Isolation => "Isolation of regions",
            Self::Recovery => "Recovery",
            Self::Tags => "Tags",
            Self::Shape => "Several environments",
        }
    }
}

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// Its number.
    pub id: RuleId,
    /// Its name, in words with hyphens, such as `group-sku-differs`.
    pub name: &'static str,
    /// What it is about.
    pub family: Family,
    /// How bad it is.
    pub severity: Severity,
    /// The rule in one sentence, as something that holds: "All caches of a geo group have the same size."
    pub summary: &'static str,
    /// What goes wrong otherwise, in one or a few sentences.
    pub why: &'static str,
    /// Whose rule it is and where that is written: Azure's documentation, the pattern, Terraform, Tidelock's own design.
    pub source: &'static str,
    /// What to do, in one or a few sentences.
    pub mend: &'static str,
    /// A file that breaks it.
    pub failing: Example,
    /// The nearest file that does not.
    pub passing: Example,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Rule {}

/// A finding names its rule by number.
impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.id.serialize(serializer)
    }
}

impl Rule {
    /// A finding of this rule at `span`; what is wrong is said in one line.
    pub(crate) fn at(&'static self, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self, Some(span), message.into())
    }

    /// A finding of this rule about the file as a whole.
    pub(crate) fn on_file(&'static self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self, None, message.into())
    }
}

/// A family's rules, and the function that looks for what breaks them.
type Check = fn(&Scene<'_>, &mut Sink);

/// The families' rules, in the order of [`Family::ALL`].
const RULES: &[&[&Rule]] = &[
    reading::RULES,
    references::RULES,
    regions::RULES,
    sku::RULES,
    geo::RULES,
    database::RULES,
    network::RULES,
    vault::RULES,
    isolation::RULES,
    recovery::RULES,
    tags::RULES,
    shape::RULES,
];

/// What is looked for once a file has been read.
const CHECKS: &[Check] = &[
    references::check,
    regions::check,
    sku::check,
    geo::check,
    database::check,
    network::check,
    vault::check,
    isolation::check,
    recovery::check,
    tags::check,
];

/// All rules, by number.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().copied().flatten().copied()
}

/// The rule with a number, as in `TL001`, `tl1` or `1`, or with a name.
#[must_use]
pub fn find(id_or_name: &str) -> Option<&'static Rule> {
    let wanted = id_or_name.trim().to_ascii_lowercase();
    let number = wanted.strip_prefix("tl").unwrap_or(&wanted).parse::<u16>().ok();
    all().find(|rule| Some(rule.id.0) == number || rule.name == wanted)
}

/// Reports everything that breaks a rule in `scene`.
pub(crate) fn run(scene: &Scene<'_>, sink: &mut Sink) {
    for check in CHECKS {
        check(scene, sink);
    }
}

#[cfg(test)]
mod tests;
