//! Names that are checked once and then trusted.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name that does not fit the alphabet or length its place demands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value:?} is not valid: {rule}")]
pub struct InvalidName {
    /// What the name was meant to be, such as "location".
    pub what: &'static str,
    /// What was given.
    pub value: String,
    /// The rule it breaks, in words.
    pub rule: &'static str,
}

/// An Azure location in its canonical short form, such as `eastus2`. It names a region everywhere in Tidelock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Location(String);

impl Location {
    /// Checks and wraps a location.
    ///
    /// # Errors
    /// If it is empty, longer than 40 characters, or has anything but `a-z` and `0-9` (the published pattern's rule).
    pub fn new(value: impl Into<String>) -> Result<Self, InvalidName> {
        let value = value.into();
        let fits = !value.is_empty()
            && value.len() <= 40
            && value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if fits {
            Ok(Self(value))
        } else {
            Err(InvalidName { what: "location", value, rule: "1 to 40 characters of a-z and 0-9, such as eastus2" })
        }
    }

    /// The location as Azure spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for Location {
    type Error = InvalidName;
    fn try_from(value: String) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

impl From<Location> for String {
    fn from(location: Location) -> Self {
        location.0
    }
}

impl std::str::FromStr for Location {
    type Err = InvalidName;
    fn from_str(value: &str) -> Result<Self, Self::Err> {
        Self::new(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_follow_the_patterns_alphabet() {
        assert!(Location::new("eastus2").is_ok());
        for bad in ["", "East US 2", "east-us", "é"] {
            assert!(Location::new(bad).is_err(), "{bad:?} must be refused");
        }
    }
}
