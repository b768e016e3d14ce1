//! Where roles are assigned and locks are set: on the subscription, a group or a resource, as the front part of a path.

use axum::http::StatusCode;

use super::error::ArmError;
use super::path::{Target, Type};
use crate::cloud::Cloud;

pub(super) const NAMESPACE: &str = "Microsoft.Authorization";

/// What a path of `Microsoft.Authorization` is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    RoleDefinitions,
    RoleAssignments,
    Locks,
}

impl Area {
    const ALL: [Self; 3] = [Self::RoleDefinitions, Self::RoleAssignments, Self::Locks];

    pub(super) const fn segment(self) -> &'static str {
        match self {
            Self::RoleDefinitions => "roleDefinitions",
            Self::RoleAssignments => "roleAssignments",
            Self::Locks => "locks",
        }
    }

    /// `Microsoft.Authorization/locks`
    pub(super) fn full_name(self) -> String {
        format!("{NAMESPACE}/{}", self.segment())
    }
}

/// The front part of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Above every subscription: role definitions only.
    Tenant,
    Subscription,
    Group(String),
    Resource {
        group: String,
        kind: Type,
        names: Vec<String>,
    },
}

impl Scope {
    /// The scope that a path without its tail names.
    pub(super) fn of(target: Target) -> Option<Self> {
        match target {
            Target::Subscription => Some(Self::Subscription),
            Target::Group { group } => Some(Self::Group(group)),
            Target::Item { group, kind, names } => Some(Self::Resource { group, kind, names }),
            _ => None,
        }
    }

    /// Its id in Azure's spelling; it must exist.
    pub(super) fn id(&self, cloud: &Cloud) -> Result<String, ArmError> {
        Ok(match self {
            Self::Tenant => String::new(),
            Self::Subscription => format!("/subscriptions/{}", cloud.operator.subscription_id),
            Self::Group(group) => cloud.group(group)?.id,
            // What a vault holds is its region's business: Azure asks the vault neither.
            Self::Resource { group, kind: kind @ (Type::Key | Type::Secret), names } => match names.as_slice() {
                [vault, name] => {
                    let vault = cloud.existing(group, Type::Vault, std::slice::from_ref(vault))?.id;
                    format!("{vault}/{}/{name}", if *kind == Type::Key { "keys" } else { "secrets" })
                }
                _ => return Err(not_a_scope()),
            },
            Self::Resource { group, kind, names } => cloud.existing(group, *kind, names)?.id,
        })
    }
}

/// Takes the tail off a path: what is before it, what it is about, and whose name. None if it has no such tail.
pub(super) fn split<'a>(segments: &'a [&'a str]) -> Option<(&'a [&'a str], Area, Option<String>)> {
    let of = |providers: &str, namespace: &str, area: &str| {
        let ours = providers.eq_ignore_ascii_case("providers") && namespace.eq_ignore_ascii_case(NAMESPACE);
        Area::ALL.into_iter().find(|known| ours && known.segment().eq_ignore_ascii_case(area))
    };
    if let [above @ .., providers, namespace, area, name] = segments
        && let Some(area) = of(providers, namespace, area)
    {
        return Some((above, area, Some((*name).to_owned())));
    }
    let [above @ .., providers, namespace, area] = segments else { return None };
    Some((above, of(providers, namespace, area)?, None))
}

/// What is before the tail of a path to tags; none if it has no such tail.
pub(super) fn tagged<'a>(segments: &'a [&'a str]) -> Option<&'a [&'a str]> {
    let [above @ .., providers, namespace, tags, default] = segments else { return None };
    let tail = format!("/{providers}/{namespace}/{tags}/{default}");
    tail.eq_ignore_ascii_case(super::tags::TAIL).then_some(above)
}

/// Whether `id` is `scope` or below it. Both in lower case.
pub(super) fn within(id: &str, scope: &str) -> bool {
    id.strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(super) fn not_a_scope() -> ArmError {
    let message = "The scope is none that roles can be assigned or locks be set on: name the subscription, a resource \
                   group or a resource.";
    ArmError::new(StatusCode::BAD_REQUEST, "MissingSubscription", message)
}
