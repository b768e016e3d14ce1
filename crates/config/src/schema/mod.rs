//! The one definition of the variables: what they are called, what they hold, what may be left out and what that then
//! means. The reader of files, its messages, the reference documentation and the Terraform module's `variables.tf` all
//! come from here.

mod resources;
mod settings;

use tidelock_model::RegionSuffix;

/// All variables, in the order in which they are documented.
pub fn variables() -> impl Iterator<Item = &'static Variable> {
    settings::IDENTITY.iter().chain(resources::VARIABLES).chain(settings::SHARED)
}

/// A variable of the tfvars file.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name, without a region's suffix.
    pub name: &'static str,
    /// Once in the file, or once per region.
    pub scope: Scope,
    /// What it holds.
    pub holds: Type,
    /// Whether the first region, or the file, needs it.
    pub presence: Presence,
    /// What it is for, in one or two sentences.
    pub description: &'static str,
}

/// How often a variable stands in the file.
#[derive(Clone, Copy, Debug)]
pub enum Scope {
    /// Once.
    Shared,
    /// Once per region, told apart by the region's suffix.
    Regional {
        /// Whether a region with a suffix needs it.
        further: Presence,
    },
}

impl Scope {
    /// Whether the variable may carry a region's suffix.
    #[must_use]
    pub const fn is_regional(self) -> bool {
        matches!(self, Self::Regional { .. })
    }
}

impl Variable {
    /// Its name for a region: the base name and the suffix.
    #[must_use]
    pub fn name_in(&self, suffix: RegionSuffix) -> String {
        format!("{}{}", self.name, suffix.as_str())
    }

    /// Whether it must be given for a region that is there at all.
    #[must_use]
    pub fn presence_in(&self, suffix: RegionSuffix) -> Presence {
        match self.scope {
            Scope::Regional { further } if suffix != RegionSuffix::First => further,
            Scope::Regional { .. } | Scope::Shared => self.presence,
        }
    }
}

/// An attribute of an object.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// Its name, without a region's suffix.
    pub name: &'static str,
    /// What it holds. A reference into the maps of the same region carries that region's suffix in its name.
    pub holds: Type,
    /// Whether it must be given.
    pub presence: Presence,
    /// What it is for.
    pub description: &'static str,
}

impl Attribute {
    /// Its name inside a map of a region: keys that refer to other maps of the region carry the suffix too.
    #[must_use]
    pub fn name_in(&self, suffix: RegionSuffix) -> String {
        match self.holds {
            Type::Reference(target) if target.is_regional() => format!("{}{}", self.name, suffix.as_str()),
            _ => self.name.to_owned(),
        }
    }
}

/// Whether something must be given, and what it is if it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It must be given.
    Required,
    /// If it is left out, it is this.
    Optional(Fallback),
}

/// What holds for something that was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// Nothing takes its place.
    Nothing,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A string.
    Text(&'static str),
    /// A list of strings.
    Texts(&'static [&'static str]),
    /// An object of defaults, or a map without items.
    Empty,
    /// Something that follows from the rest of the file, in words.
    Derived(&'static str),
}

/// What a variable or attribute holds.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// A string that fits a rule.
    Text(&'static TextRule),
    /// One of a few strings.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Bool,
    /// A whole number within limits, both included.
    Integer {
        /// The least.
        least: i64,
        /// The most.
        most: i64,
        /// What is counted, for messages, such as "milliseconds".
        unit: &'static str,
    },
    /// A string that names an item of another map.
    Reference(Target),
    /// A list.
    List(&'static Type),
    /// Items of one type under keys that the user chooses.
    Map(&'static Type),
    /// Known attributes.
    Object(&'static [Attribute]),
}

/// A rule for a string.
#[derive(Debug)]
pub struct TextRule {
    /// What such a string is called in messages, such as "location".
    pub what: &'static str,
    /// The rule in words.
    pub rule: &'static str,
    /// Whether a string fits.
    pub fits: fn(&str) -> bool,
    /// A regular expression for readers that have no such function, Terraform's `validation` blocks among them. It
    /// matches every string that fits, and perhaps a few more; none if it would hardly say anything.
    pub pattern: Option<&'static str>,
}

/// The map whose items a [`Type::Reference`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A vault of the same region.
    Vault,
    /// A subnet of the same region.
    Subnet,
    /// A network security group of the same region.
    SecurityGroup,
    /// A private DNS zone of the same region.
    DnsZone,
    /// A cache of the same region.
    Cache,
    /// A cache of any region.
    AnyCache,
}

impl Target {
    /// Whether it means the maps of one region, so that the referring key carries the region's suffix.
    #[must_use]
    pub const fn is_regional(self) -> bool {
        !matches!(self, Self::AnyCache)
    }

    /// What is meant, for messages.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Vault => "key vault",
            Self::Subnet => "subnet",
            Self::SecurityGroup => "network security group",
            Self::DnsZone => "private DNS zone",
            Self::Cache | Self::AnyCache => "cache",
        }
    }

    /// The variables that define such items, without suffix.
    #[must_use]
    pub const fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Vault => &["kv_config", "kv_datasource_config"],
            Self::Subnet => &["snet_config", "snet_datasource_config"],
            Self::SecurityGroup => &["nsg_config", "nsg_datasource_config"],
            Self::DnsZone => &["dns_zone_config", "dns_zone_datasource_config"],
            Self::Cache | Self::AnyCache => &["managed_redis_config"],
        }
    }
}

/// Any string that says something.
pub(crate) static NAME: TextRule =
    TextRule { what: "name", rule: "it must not be empty", fits: |text| !text.trim().is_empty(), pattern: None };

/// Any string, the empty one included.
pub(crate) static ANYTHING: TextRule = TextRule { what: "text", rule: "", fits: |_| true, pattern: None };

/// An Azure location.
pub(crate) static LOCATION: TextRule = TextRule {
    what: "location",
    rule: "a location is written in its short form, 1 to 40 characters of a-z and 0-9, such as eastus2",
    fits: |text| tidelock_model::Location::new(text).is_ok(),
    pattern: Some("^[a-z0-9]{1,40}$"),
};

/// `context_prefix`.
pub(crate) static PREFIX: TextRule = TextRule {
    what: "prefix",
    rule: "a prefix has 1 to 10 characters of a-z, 0-9 and `-`, with no `-` at its ends, since it is part of every name",
    fits: |text| {
        let ends = [text.chars().next(), text.chars().last()];
        (1..=10).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !ends.contains(&Some('-'))
    },
    pattern: Some("^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$"),
};

/// An IPv4 address.
pub(crate) static IPV4: TextRule = TextRule {
    what: "address",
    rule: "an IPv4 address is four numbers, such as 10.20.1.5",
    fits: |text| text.parse::<std::net::Ipv4Addr>().is_ok(),
    pattern: Some(
        "^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$",
    ),
};

/// An IPv4 range.
pub(crate) static CIDR: TextRule = TextRule {
    what: "address range",
    rule: "an IPv4 range is an address and a length, such as 10.20.0.0/16",
    fits: |text| {
        text.split_once('/').is_some_and(|(address, length)| {
            let length_fits = length.parse::<u8>().is_ok_and(|length| length <= 32);
            address.parse::<std::net::Ipv4Addr>().is_ok() && length_fits && !length.starts_with('+')
        })
    },
    pattern: Some(
        "^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])/\
         0*([0-9]|[12][0-9]|3[0-2])$",
    ),
};

/// A port, or a range of ports.
pub(crate) static PORTS: TextRule = TextRule {
    what: "port range",
    rule: "ports are one number, a range such as 8500-8599, or `*` for all of them",
    fits: |text| {
        let port = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u16>().ok()).flatten();
        let range = text.split_once('-').unwrap_or((text, text));
        text == "*" || matches!((port(range.0), port(range.1)), (Some(first), Some(last)) if first <= last)
    },
    // That a range does not end before it begins is more than it can say.
    pattern: Some("^([*]|[0-9]+(-[0-9]+)?)$"),
};

/// The id of an Entra object.
pub(crate) static UUID: TextRule = TextRule {
    what: "object id",
    rule: "an object id is a UUID, such as 11111111-2222-3333-4444-555555555555",
    fits: |text| {
        let lengths = text.split('-').map(str::len);
        lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
    },
    pattern: Some("^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_and_described() {
        let mut names: Vec<_> = variables().map(|variable| variable.name).collect();
        assert!(variables().all(|variable| variable.description.ends_with('.')), "descriptions are sentences");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), variables().count());
    }

    #[test]
    fn every_attribute_is_described_and_every_default_fits_its_type() {
        for variable in variables() {
            check_type(variable.name, &variable.holds);
            check_presence(variable.name, &variable.holds, variable.presence);
        }
    }

    fn check_type(path: &str, holds: &Type) {
        match holds {
            Type::List(inner) | Type::Map(inner) => check_type(path, inner),
            Type::Object(attributes) => {
                for attribute in *attributes {
                    let path = format!("{path}.{}", attribute.name);
                    assert!(attribute.description.ends_with('.'), "{path} is described in sentences");
                    check_presence(&path, &attribute.holds, attribute.presence);
                    check_type(&path, &attribute.holds);
                }
            }
            _ => {}
        }
    }

    fn check_presence(path: &str, holds: &Type, presence: Presence) {
        let Presence::Optional(default) = presence else { return };
        let fits = match (holds, default) {
            (_, Fallback::Nothing | Fallback::Derived(_)) | (Type::Bool, Fallback::Bool(_)) => true,
            (Type::Integer { least, most, .. }, Fallback::Integer(value)) => (*least..=*most).contains(&value),
            (Type::Text(rule), Fallback::Text(text)) => (rule.fits)(text),
            (Type::Choice(choices), Fallback::Text(text)) => choices.contains(&text),
            (Type::List(_), Fallback::Texts(_)) | (Type::Map(_) | Type::Object(_), Fallback::Empty) => true,
            _ => false,
        };
        assert!(fits, "{path}: the default {default:?} does not fit");
    }

    #[test]
    fn references_carry_the_suffix_of_their_region() {
        let vault = Attribute {
            name: "kv_key",
            holds: Type::Reference(Target::Vault),
            presence: Presence::Required,
            description: "",
        };
        assert_eq!(vault.name_in(RegionSuffix::Replica), "kv_key_replica");
        assert_eq!(vault.name_in(RegionSuffix::First), "kv_key");
        let writer = Attribute { name: "primary_redis_key", holds: Type::Reference(Target::AnyCache), ..vault };
        assert_eq!(writer.name_in(RegionSuffix::Replica), "primary_redis_key");
    }

    #[test]
    fn text_rules_know_good_from_bad() {
        let cases: [(&TextRule, &[&str], &[&str]); 6] = [
            (&PORTS, &["10000", "8500-8599", "*", "0-65535"], &["", "-", "9-8", "65536", "+1", "1-2-3", "x"]),
            (&UUID, &["11111111-2222-3333-4444-55555555555f"], &["", "11111111-2222-3333-4444-55555555555g", "1-2"]),
            (&PREFIX, &["app", "a-1"], &["", "App", "-a", "a-", "elevenchars"]),
            (&CIDR, &["10.0.0.0/16", "0.0.0.0/0"], &["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "x/8", "10.0.0.0/+8"]),
            (&IPV4, &["10.0.0.1"], &["10.0.0", "::1"]),
            (&NAME, &["x"], &["", "  "]),
        ];
        for (rule, good, bad) in cases {
            assert!(good.iter().all(|text| (rule.fits)(text)), "{}", rule.what);
            assert!(!bad.iter().any(|text| (rule.fits)(text)), "{}", rule.what);
        }
    }
}
