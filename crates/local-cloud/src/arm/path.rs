//! What a management URL names. Paths are matched without case; what they name is written in Azure's own spelling.

use axum::http::StatusCode;

use super::error::ArmError;
use crate::encoding::percent_decode;

/// The resource types that exist here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Vault,
    Secret,
    Cluster,
    Database,
    PrivateEndpoint,
}

impl Type {
    const ALL: [Self; 5] = [Self::Vault, Self::Secret, Self::Cluster, Self::Database, Self::PrivateEndpoint];

    pub(super) const fn namespace(self) -> &'static str {
        match self {
            Self::Vault | Self::Secret => "Microsoft.KeyVault",
            Self::Cluster | Self::Database => "Microsoft.Cache",
            Self::PrivateEndpoint => "Microsoft.Network",
        }
    }

    const fn segments(self) -> &'static [&'static str] {
        match self {
            Self::Vault => &["vaults"],
            Self::Secret => &["vaults", "secrets"],
            Self::Cluster => &["redisEnterprise"],
            Self::Database => &["redisEnterprise", "databases"],
            Self::PrivateEndpoint => &["privateEndpoints"],
        }
    }

    /// `Microsoft.Cache/redisEnterprise/databases`
    pub(super) fn full_name(self) -> String {
        format!("{}/{}", self.namespace(), self.segments().join("/"))
    }

    fn find(namespace: &str, segments: &[&str]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| {
            kind.namespace().eq_ignore_ascii_case(namespace)
                && kind.segments().len() == segments.len()
                && kind.segments().iter().zip(segments).all(|(known, given)| known.eq_ignore_ascii_case(given))
        })
    }
}

/// What a URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Subscription,
    Groups,
    Group { group: String },
    Resources { group: Option<String> },
    Collection { group: Option<String>, kind: Type, parents: Vec<String> },
    Item { group: String, kind: Type, names: Vec<String> },
    Action { group: String, kind: Type, names: Vec<String>, action: String },
    Operation { id: String },
    OperationResult { id: String },
}

impl Target {
    /// Which set of api-versions applies.
    pub(super) fn namespace(&self) -> Option<&'static str> {
        match self {
            Self::Collection { kind, .. } | Self::Item { kind, .. } | Self::Action { kind, .. } => {
                Some(kind.namespace())
            }
            Self::Operation { .. } | Self::OperationResult { .. } => None,
            _ => Some("Microsoft.Resources"),
        }
    }
}

/// Takes a path apart: its subscription and what it names there.
pub(super) fn parse(path: &str) -> Result<(String, Target), ArmError> {
    let segments: Vec<String> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(percent_decode)
        .collect::<Option<_>>()
        .ok_or_else(|| ArmError::bad_request("the path is not text"))?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let unknown = || ArmError::new(StatusCode::NOT_FOUND, "NotFound", format!("the local cloud has no {path}"));
    let [first, subscription, rest @ ..] = segments.as_slice() else { return Err(unknown()) };
    if !first.eq_ignore_ascii_case("subscriptions") {
        return Err(unknown());
    }
    Ok(((*subscription).to_owned(), in_subscription(rest)?.ok_or_else(unknown)?))
}

fn in_subscription(rest: &[&str]) -> Result<Option<Target>, ArmError> {
    let is = |given: &str, known: &str| given.eq_ignore_ascii_case(known);
    Ok(Some(match rest {
        [] => Target::Subscription,
        [one] if is(one, "resourceGroups") => Target::Groups,
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
