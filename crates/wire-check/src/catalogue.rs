//! Everything that is described, and which operation an address belongs to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::openapi::Reader;
use crate::schema::{SchemaId, Schemas};
use crate::{WireError, operations, types};

/// Which description an operation is from, the better one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// OpenAPI of the version that we speak.
    Current,
    /// A table of operations.
    Table,
    /// OpenAPI of an earlier version.
    Older,
}

/// One call that a service has.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// `Databases_ForceUnlink`
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) method: String,
    /// Segments; `{name}` stands for any one, a leading `{scope}` for one or more.
    pub(crate) template: Vec<String>,
    pub(crate) answers: BTreeMap<u16, Answer>,
    /// The body of every other status.
    pub(crate) refusal: Option<SchemaId>,
    /// The request's body, and whether there has to be one.
    pub(crate) request: Option<(SchemaId, bool)>,
    pub(crate) long_running: bool,
}

/// What is answered with one status.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) schema: Option<SchemaId>,
    /// Headers that are described, in small letters.
    pub(crate) headers: Vec<String>,
}

/// What Microsoft describes.
#[derive(Debug)]
pub struct Descriptions {
    pub(crate) schemas: Schemas,
    pub(crate) management: Vec<Operation>,
    pub(crate) vaults: Vec<Operation>,
    /// Bodies of resources by their types, in small letters.
    pub(crate) types: BTreeMap<String, SchemaId>,
}

const CURRENT: &str = "redisenterprise/";
/// Parts of the older descriptions about services that the local cloud has.
const OLDER: [&str; 9] = [
    "privatedns/",
    "keyvault/resource-manager/",
    "privateEndpoint.json",
    "virtualNetwork.json",
    "networkInterface.json",
    "networkSecurityGroup.json",
    "authorization/",
    "resources/",
    "msi/",
];

impl Descriptions {
    /// Reads the descriptions below `root`: `openapi/specification`, `bicep-types` and `operations`.
    ///
    /// # Errors
    /// If one cannot be read or understood, or there are none of redisEnterprise.
    pub fn read(root: &Path) -> Result<Self, WireError> {
        let mut all =
            Self { schemas: Schemas::default(), management: Vec::new(), vaults: Vec::new(), types: BTreeMap::new() };
        for path in files(&root.join("operations"))? {
            let table = operations::read(&path, &mut all.schemas)?;
            if table.of_vaults { &mut all.vaults } else { &mut all.management }.extend(table.operations);
        }
        for path in files(&root.join("bicep-types"))?.iter().filter(|path| !path.to_string_lossy().contains("preview"))
        {
            types::read(path, &mut all.schemas, &mut all.types)?;
        }
        let specification = root.join("openapi").join("specification");
        let mut reader = Reader::new(&mut all.schemas);
        for path in files(&specification)?.iter().filter(|path| !path.to_string_lossy().contains("/examples/")) {
            let below = path.strip_prefix(&specification).unwrap_or(path).to_string_lossy().into_owned();
            let source = match () {
                () if below.starts_with(CURRENT) => Source::Current,
                () if OLDER.iter().any(|part| below.starts_with(part) || below.ends_with(&format!("/{part}"))) => {
                    Source::Older
                }
                () if below.starts_with("keyvault/data-plane/") => {
                    all.vaults.extend(reader.operations(path, Source::Older)?);
                    continue;
                }
                () => continue,
            };
            all.management.extend(reader.operations(path, source)?);
        }
        if !all.management.iter().any(|operation| operation.source == Source::Current) {
            return Err(WireError::malformed(root, "there is no description of redisEnterprise"));
        }
        // Tables of what is described better elsewhere, and the generic list as vaults once had it.
        all.management.retain(|operation| {
            let worse = operation.name.starts_with("RedisEnterprise ") && operation.source != Source::Current;
            // `/{roleAssignmentId}` is every address.
            let somewhere = operation.template.iter().any(|segment| !segment.starts_with('{'));
            !worse && somewhere && operation.name != "Vaults_List"
        });
        Ok(all)
    }

    /// The operation that `method` on `path` is: of the best description, and there the one with most fixed words.
    pub(crate) fn find<'d>(among: &'d [Operation], method: &str, path: &[&str]) -> Option<&'d Operation> {
        among.iter().filter(|operation| operation.method == method && matches(&operation.template, path)).min_by_key(
            |operation| {
                let fixed = operation.template.iter().filter(|segment| !segment.starts_with('{')).count();
                (operation.source, std::cmp::Reverse(fixed))
            },
        )
    }
}

/// Every JSON file below a directory, in order.
fn files(directory: &Path) -> Result<Vec<PathBuf>, WireError> {
    let unreadable = |source| WireError::Unreadable { path: directory.to_owned(), source };
    let mut found = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(&next).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The segments of a path; a query some descriptions put there is no part of it.
pub(crate) fn template(path: &str) -> Vec<String> {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
}

/// Places that stand for an id of any length.
fn is_scope(segment: &str) -> bool {
    matches!(segment, "{scope}" | "{resourceId}" | "{resourceScope}")
}

fn matches(template: &[String], path: &[&str]) -> bool {
    let (Some(first), Some(rest)) = (template.first(), template.get(1..)) else { return path.is_empty() };
    let same = |template: &[String], path: &[&str]| {
        template.len() == path.len()
            && template
                .iter()
                .zip(path)
                .all(|(wanted, given)| wanted.starts_with('{') || wanted.eq_ignore_ascii_case(given))
    };
    if is_scope(first) {
        let skipped = path.len().checked_sub(rest.len()).filter(|skipped| *skipped > 0);
        return !rest.is_empty()
            && skipped.and_then(|skipped| path.get(skipped..)).is_some_and(|tail| same(rest, tail));
    }
    same(template, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_match_without_case_and_scopes_are_of_any_length() {
        let fits = |pattern: &str, path: &str| {
            let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
            matches(&template(pattern), &segments)
        };
        let group = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}";
        assert!(fits(group, "/SUBSCRIPTIONS/s/resourcegroups/rg"));
        assert!(!fits(group, "/subscriptions/s/resourceGroups"));
        let locks = "/{scope}/providers/Microsoft.Authorization/locks/{lockName}";
        assert!(fits(locks, "/subscriptions/s/resourceGroups/rg/providers/microsoft.authorization/locks/l"));
        assert!(!fits(locks, "/providers/Microsoft.Authorization/locks/l"));
        assert!(!fits("/{resourceId}", "/anything/at/all"));
    }
}
