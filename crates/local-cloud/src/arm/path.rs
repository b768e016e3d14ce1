//! What a management URL names. Paths are matched without case; what they name is written in Azure's own spelling.

use axum::http::StatusCode;

use super::error::ArmError;
use super::scope::{self, Area, Scope};
use super::types;
pub(super) use super::types::{Standing, Type};
use crate::encoding::percent_decode;

/// What a URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Subscriptions,
    Tenants,
    /// Of the subscription, or of the tenant.
    Providers,
    /// `register`, `unregister`, or to be shown.
    Provider {
        namespace: String,
        action: Option<String>,
    },
    /// What can be done with a provider's types.
    ProviderOperations {
        namespace: String,
    },
    Locations,
    Subscription,
    Groups,
    Group {
        group: String,
    },
    Resources {
        group: Option<String>,
    },
    Collection {
        group: Option<String>,
        kind: Type,
        parents: Vec<String>,
    },
    Item {
        group: String,
        kind: Type,
        names: Vec<String>,
    },
    Action {
        group: String,
        kind: Type,
        names: Vec<String>,
        action: String,
    },
    Operation {
        id: String,
    },
    OperationResult {
        id: String,
    },
    DeletedVaults,
    DeletedVault {
        location: String,
        name: String,
        purge: bool,
    },
    VaultName,
    /// Roles and locks, at a scope.
    Authorization {
        scope: Scope,
        area: Area,
        name: Option<String>,
    },
    /// The tags of what a scope names.
    Tags {
        scope: Scope,
    },
}

impl Target {
    /// Which set of api-versions applies.
    pub(super) fn namespace(&self) -> Option<&'static str> {
        match self {
            Self::Collection { kind, .. } | Self::Item { kind, .. } | Self::Action { kind, .. } => {
                Some(kind.namespace())
            }
            Self::Operation { .. } | Self::OperationResult { .. } => None,
            Self::ProviderOperations { namespace } => types::known_namespace(namespace),
            Self::DeletedVaults | Self::DeletedVault { .. } | Self::VaultName => Some("Microsoft.KeyVault"),
            Self::Authorization { .. } => Some(scope::NAMESPACE),
            _ => Some("Microsoft.Resources"),
        }
    }
}

/// Takes a path apart: its subscription, if it names one, and what it names there.
pub(super) fn parse(path: &str) -> Result<(Option<String>, Target), ArmError> {
    let segments: Vec<String> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(percent_decode)
        .collect::<Option<_>>()
        .ok_or_else(|| ArmError::bad_request("the path is not text"))?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let unknown = || ArmError::new(StatusCode::NOT_FOUND, "NotFound", format!("the local cloud has no {path}"));
    if let Some((above, area, name)) = scope::split(&segments) {
        if above.is_empty() {
            return Ok((None, Target::Authorization { scope: Scope::Tenant, area, name }));
        }
        let (subscription, target) = below_root(above)?.ok_or_else(unknown)?;
        let scope = Scope::of(target).ok_or_else(scope::not_a_scope)?;
        return Ok((Some(subscription), Target::Authorization { scope, area, name }));
    }
    if let Some(above) = scope::tagged(&segments) {
        let (subscription, target) = below_root(above)?.ok_or_else(unknown)?;
        let scope = Scope::of(target).ok_or_else(unknown)?;
        return Ok((Some(subscription), Target::Tags { scope }));
    }
    let is = |given: &str, known: &str| given.eq_ignore_ascii_case(known);
    match segments.as_slice() {
        [one] if is(one, "subscriptions") => return Ok((None, Target::Subscriptions)),
        [one] if is(one, "tenants") => return Ok((None, Target::Tenants)),
        [first, rest @ ..] if is(first, "providers") => {
            let target = match rest {
                [namespace, operations] if is(operations, "operations") => {
                    Some(Target::ProviderOperations { namespace: (*namespace).to_owned() })
                }
                _ => providers(rest),
            };
            return target.map(|target| (None, target)).ok_or_else(unknown);
        }
        _ => {}
    }
    let (subscription, target) = below_root(&segments)?.ok_or_else(unknown)?;
    Ok((Some(subscription), target))
}

/// What stands behind `providers` and is about providers themselves.
fn providers(rest: &[&str]) -> Option<Target> {
    let (namespace, action) = match rest {
        [] => return Some(Target::Providers),
        [namespace] => (namespace, None),
        [namespace, action] if ["register", "unregister"].iter().any(|known| action.eq_ignore_ascii_case(known)) => {
            (namespace, Some(action.to_lowercase()))
        }
        _ => return None,
    };
    Some(Target::Provider { namespace: (*namespace).to_owned(), action })
}

fn below_root(segments: &[&str]) -> Result<Option<(String, Target)>, ArmError> {
    let [first, subscription, rest @ ..] = segments else { return Ok(None) };
    if !first.eq_ignore_ascii_case("subscriptions") {
        return Ok(None);
    }
    Ok(in_subscription(rest)?.map(|target| ((*subscription).to_owned(), target)))
}

fn in_subscription(rest: &[&str]) -> Result<Option<Target>, ArmError> {
    let is = |given: &str, known: &str| given.eq_ignore_ascii_case(known);
    if let [first, rest @ ..] = rest
        && is(first, "providers")
        && let Some(target) = providers(rest)
    {
        return Ok(Some(target));
    }
    Ok(Some(match rest {
        [] => Target::Subscription,
        [one] if is(one, "resourceGroups") => Target::Groups,
        [one] if is(one, "locations") => Target::Locations,
        [one] if is(one, "resources") => Target::Resources { group: None },
        [groups, group] if is(groups, "resourceGroups") => Target::Group { group: (*group).to_owned() },
        [groups, group, one] if is(groups, "resourceGroups") && is(one, "resources") => {
            Target::Resources { group: Some((*group).to_owned()) }
        }
        [groups, group, providers, namespace, tail @ ..]
            if is(groups, "resourceGroups") && is(providers, "providers") =>
        {
            return provider(Some((*group).to_owned()), namespace, tail).map(Some);
        }
        [providers, vaults, one]
            if is(providers, "providers") && is(vaults, "Microsoft.KeyVault") && is(one, "deletedVaults") =>
        {
            Target::DeletedVaults
        }
        [providers, vaults, one]
            if is(providers, "providers") && is(vaults, "Microsoft.KeyVault") && is(one, "checkNameAvailability") =>
        {
            Target::VaultName
        }
        [providers, vaults, locations, location, deleted, name, tail @ ..]
            if is(providers, "providers")
                && is(vaults, "Microsoft.KeyVault")
                && is(locations, "locations")
                && is(deleted, "deletedVaults")
                && (tail.is_empty() || matches!(tail, [one] if is(one, "purge"))) =>
        {
            Target::DeletedVault { location: (*location).to_owned(), name: (*name).to_owned(), purge: !tail.is_empty() }
        }
        [providers, _, locations, _, what, id] if is(providers, "providers") && is(locations, "locations") => {
            let id = (*id).to_owned();
            match () {
                () if is(what, "operationsStatus") => Target::Operation { id },
                () if is(what, "operationResults") => Target::OperationResult { id },
                () => return Ok(None),
            }
        }
        [providers, namespace, tail @ ..] if is(providers, "providers") => {
            return provider(None, namespace, tail).map(Some);
        }
        _ => return Ok(None),
    }))
}

fn provider(group: Option<String>, namespace: &str, tail: &[&str]) -> Result<Target, ArmError> {
    let types: Vec<&str> = tail.iter().copied().step_by(2).collect();
    let names: Vec<String> = tail.iter().copied().skip(1).step_by(2).map(str::to_owned).collect();
    let kind = Type::find(namespace, &types);
    match (kind, group) {
        (Some(kind), Some(group)) if types.len() == names.len() => Ok(Target::Item { group, kind, names }),
        (Some(kind), group) if types.len() == names.len() + 1 => Ok(Target::Collection { group, kind, parents: names }),
        (None, Some(group)) if types.len() == names.len() + 1 => {
            let (action, types) = types.split_last().ok_or_else(|| no_such_type(namespace, tail))?;
            let kind = Type::find(namespace, types).ok_or_else(|| no_such_type(namespace, tail))?;
            Ok(Target::Action { group, kind, names, action: (*action).to_owned() })
        }
        _ => Err(no_such_type(namespace, tail)),
    }
}

fn no_such_type(namespace: &str, tail: &[&str]) -> ArmError {
    if !Type::ALL.iter().any(|kind| kind.namespace().eq_ignore_ascii_case(namespace)) {
        let message = format!("The resource namespace '{namespace}' is invalid.");
        return ArmError::new(StatusCode::NOT_FOUND, "InvalidResourceNamespace", message);
    }
    let types: Vec<&str> = tail.iter().copied().step_by(2).collect();
    let message = format!("The resource type '{}' could not be found in the namespace '{namespace}'.", types.join("/"));
    ArmError::new(StatusCode::NOT_FOUND, "InvalidResourceType", message)
}

/// The id of a resource in Azure's spelling.
pub(super) fn id_of(subscription: &str, group: &str, kind: Type, names: &[String]) -> String {
    let tail: Vec<String> =
        kind.segments().iter().zip(names).map(|(segment, name)| format!("{segment}/{name}")).collect();
    format!("{}/providers/{}/{}", group_id(subscription, group), kind.namespace(), tail.join("/"))
}

/// The id of a resource group in Azure's spelling.
pub(super) fn group_id(subscription: &str, group: &str) -> String {
    format!("/subscriptions/{subscription}/resourceGroups/{group}")
}

/// The group, type and names in an id; none if it is not one of a type that exists here.
pub(super) fn parse_id(id: &str) -> Option<(String, Type, Vec<String>)> {
    match parse(id) {
        Ok((_, Target::Item { group, kind, names })) => Some((group, kind, names)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_collections_and_actions_are_told_apart_without_case() {
        let base = "/SUBSCRIPTIONS/s/resourcegroups/rg/PROVIDERS/microsoft.cache/REDISENTERPRISE";
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let target = |path: &str| parse(path).map(|(_, target)| target);
        let group = || "rg".to_owned();
        assert_eq!(
            target(base).unwrap(),
            Target::Collection { group: Some(group()), kind: Type::Cluster, parents: vec![] }
        );
        assert_eq!(
            target(&format!("{base}/c/Databases/default")).unwrap(),
            Target::Item { group: group(), kind: Type::Database, names: names(&["c", "default"]) }
        );
        assert_eq!(
            target(&format!("{base}/c/databases/default/listKeys")).unwrap(),
            Target::Action {
                group: group(),
                kind: Type::Database,
                names: names(&["c", "default"]),
                action: "listKeys".to_owned()
            }
        );
    }

    #[test]
    fn unknown_types_and_namespaces_have_azures_codes() {
        let code = |path: &str| parse(path).unwrap_err().code;
        assert_eq!(code("/subscriptions/s/resourceGroups/rg/providers/Microsoft.Nope/x/y"), "InvalidResourceNamespace");
        assert_eq!(code("/subscriptions/s/resourceGroups/rg/providers/Microsoft.Cache/redis/y"), "InvalidResourceType");
        assert_eq!(code("/elsewhere"), "NotFound");
    }

    #[test]
    fn ids_are_canonical() {
        let id = id_of("s", "rg", Type::Database, &["c".to_owned(), "default".to_owned()]);
        let expected =
            "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Cache/redisEnterprise/c/databases/default";
        assert_eq!(id, expected);
        assert_eq!(parse_id(&id.to_lowercase()).unwrap().1, Type::Database);
    }
}
