//! Who a process is, as its certificate says it.

use std::fmt;

use serde::{Deserialize, Serialize};
use tidelock_model::Location;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The URI scheme of the name in the certificate.
const SCHEME: &str = "tidelock:";

/// The DNS suffix of servers' names. Such names are never looked up: the caller knows the address and checks the name.
const DNS_SUFFIX: &str = "tidelock.internal";

/// What a process may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityRole {
    /// A person at the command line.
    Operator,
    /// A region's agent, or the witness.
    Agent,
    /// A gateway.
    Gateway,
}

impl IdentityRole {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Agent => "agent",
            Self::Gateway => "gateway",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Operator, Self::Agent, Self::Gateway].into_iter().find(|role| role.as_str() == text)
    }
}

/// The name in a certificate: environment, role and region. A gateway's or agent's private key lives in its own region's
/// vault only, so the region in the name can be relied on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The environment's id, such as `app-dev`.
    pub environment: String,
    /// What it is.
    pub role: IdentityRole,
    /// Where it is; none for an operator.
    pub location: Option<Location>,
}

/// A certificate without a usable Tidelock identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the certificate does not name a Tidelock identity: {0}")]
pub struct InvalidIdentity(String);

impl Identity {
    /// An operator of `environment`.
    pub fn operator(environment: impl Into<String>) -> Self {
        Self { environment: environment.into(), role: IdentityRole::Operator, location: None }
    }

    /// The agent (or witness) of `location`.
    pub fn agent(environment: impl Into<String>, location: Location) -> Self {
        Self { environment: environment.into(), role: IdentityRole::Agent, location: Some(location) }
    }

    /// A gateway of `location`.
    pub fn gateway(environment: impl Into<String>, location: Location) -> Self {
        Self { environment: environment.into(), role: IdentityRole::Gateway, location: Some(location) }
    }

    /// The URI that stands in the certificate: `tidelock:<environment>/<role>/<location>`.
    #[must_use]
    pub fn uri(&self) -> String {
        let location = self.location.as_ref().map_or("-", Location::as_str);
        format!("{SCHEME}{}/{}/{location}", self.environment, self.role.as_str())
    }

    /// The DNS name that a client demands of this server's certificate.
    #[must_use]
    pub fn dns_name(&self) -> String {
        let location = self.location.as_ref().map_or("none", Location::as_str);
        format!("{}.{location}.{}.{DNS_SUFFIX}", self.role.as_str(), self.environment)
    }

    /// Reads the identity from a peer's end-entity certificate, which the TLS library has already verified.
    ///
    /// # Errors
    /// If the certificate cannot be parsed or names no identity, or more than one.
    pub fn from_certificate(der: &[u8]) -> Result<Self, InvalidIdentity> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|err| InvalidIdentity(err.to_string()))?;
        let names = certificate
            .subject_alternative_name()
            .map_err(|err| InvalidIdentity(err.to_string()))?
            .ok_or_else(|| InvalidIdentity("it has no subject alternative name".to_owned()))?;
        let mut uris = names.value.general_names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) if uri.starts_with(SCHEME) => Some(*uri),
            _ => None,
        });
        match (uris.next(), uris.next()) {
            (Some(uri), None) => Self::parse_uri(uri),
            (None, _) => Err(InvalidIdentity(format!("it has no {SCHEME} name"))),
            (Some(_), Some(_)) => Err(InvalidIdentity(format!("it has more than one {SCHEME} name"))),
        }
    }

    fn parse_uri(uri: &str) -> Result<Self, InvalidIdentity> {
        let wrong = || InvalidIdentity(format!("{uri:?} is not {SCHEME}<environment>/<role>/<location>"));
        let mut parts = uri.strip_prefix(SCHEME).ok_or_else(wrong)?.split('/');
        let (Some(environment), Some(role), Some(location), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        let role = IdentityRole::parse(role).ok_or_else(wrong)?;
        let location = match location {
            "-" => None,
            name => Some(Location::new(name).map_err(|_| wrong())?),
        };
        Ok(Self { environment: environment.to_owned(), role, location })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.uri())
    }
}
