//! The one subscription and its tenant, the locations in it, and the resource providers.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::error::ArmError;
use super::path::{Standing, Type};
use super::scope::{self, Area};
use super::types::known_namespace;
use super::{Call, groups, versions};
use crate::cloud::Cloud;

const RESOURCES: &str = "Microsoft.Resources";
const NAME: &str = "Tidelock local cloud";

/// Regions of the public cloud: short name, name, group of geographies, geography.
const LOCATIONS: [(&str, &str, &str, &str); 40] = [
    ("australiacentral", "Australia Central", "Asia Pacific", "Australia"),
    ("australiaeast", "Australia East", "Asia Pacific", "Australia"),
    ("australiasoutheast", "Australia Southeast", "Asia Pacific", "Australia"),
    ("brazilsouth", "Brazil South", "South America", "Brazil"),
    ("canadacentral", "Canada Central", "Canada", "Canada"),
    ("canadaeast", "Canada East", "Canada", "Canada"),
    ("centralindia", "Central India", "Asia Pacific", "India"),
    ("centralus", "Central US", "US", "United States"),
    ("eastasia", "East Asia", "Asia Pacific", "Asia Pacific"),
    ("eastus", "East US", "US", "United States"),
    ("eastus2", "East US 2", "US", "United States"),
    ("francecentral", "France Central", "Europe", "France"),
    ("germanywestcentral", "Germany West Central", "Europe", "Germany"),
    ("israelcentral", "Israel Central", "Middle East", "Israel"),
    ("italynorth", "Italy North", "Europe", "Italy"),
    ("japaneast", "Japan East", "Asia Pacific", "Japan"),
    ("japanwest", "Japan West", "Asia Pacific", "Japan"),
    ("koreacentral", "Korea Central", "Asia Pacific", "Korea"),
    ("koreasouth", "Korea South", "Asia Pacific", "Korea"),
    ("mexicocentral", "Mexico Central", "Mexico", "Mexico"),
    ("newzealandnorth", "New Zealand North", "Asia Pacific", "New Zealand"),
    ("northcentralus", "North Central US", "US", "United States"),
    ("northeurope", "North Europe", "Europe", "Europe"),
    ("norwayeast", "Norway East", "Europe", "Norway"),
    ("polandcentral", "Poland Central", "Europe", "Poland"),
    ("qatarcentral", "Qatar Central", "Middle East", "Qatar"),
    ("southafricanorth", "South Africa North", "Africa", "South Africa"),
    ("southcentralus", "South Central US", "US", "United States"),
    ("southeastasia", "Southeast Asia", "Asia Pacific", "Asia Pacific"),
    ("southindia", "South India", "Asia Pacific", "India"),
    ("spaincentral", "Spain Central", "Europe", "Spain"),
    ("swedencentral", "Sweden Central", "Europe", "Sweden"),
    ("switzerlandnorth", "Switzerland North", "Europe", "Switzerland"),
    ("uaenorth", "UAE North", "Middle East", "UAE"),
    ("uksouth", "UK South", "Europe", "United Kingdom"),
    ("ukwest", "UK West", "Europe", "United Kingdom"),
    ("westcentralus", "West Central US", "US", "United States"),
    ("westeurope", "West Europe", "Europe", "Europe"),
    ("westus2", "West US 2", "US", "United States"),
    ("westus3", "West US 3", "US", "United States"),
];

pub(super) fn subscription(cloud: &Cloud) -> Value {
    let operator = &cloud.operator;
    json!({
        "id": format!("/subscriptions/{}", operator.subscription_id),
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": operator.subscription_id,
        "tenantId": operator.tenant,
        "displayName": NAME,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    })
}

pub(super) fn subscriptions(cloud: &Cloud) -> Response {
    let count = json!({ "type": "Total", "value": 1 });
    Json(json!({ "value": [subscription(cloud)], "count": count })).into_response()
}

pub(super) fn tenants(cloud: &Cloud) -> Response {
    let tenant = &cloud.operator.tenant;
    let shown = json!({
        "id": format!("/tenants/{tenant}"),
        "tenantId": tenant,
        "displayName": NAME,
        "tenantCategory": "Home",
        "tenantType": "AAD",
    });
    Json(json!({ "value": [shown] })).into_response()
}

/// Azure's own, and whatever other ones this cloud was given.
pub(super) fn locations(cloud: &Cloud) -> Result<Response, ArmError> {
    let show = |name: &str, display: &str, group: &str, geography: &str| {
        json!({
            "id": format!("/subscriptions/{}/locations/{name}", cloud.operator.subscription_id),
            "name": name,
            "type": "Region",
            "displayName": display,
            "regionalDisplayName": if group.is_empty() { display.to_owned() } else { format!("({group}) {display}") },
            "metadata": {
                "regionType": "Physical",
                "regionCategory": "Recommended",
                "geographyGroup": group,
                "geography": geography,
            },
        })
    };
    let mut shown: Vec<Value> =
        LOCATIONS.iter().map(|(name, display, group, geo)| show(name, display, group, geo)).collect();
    for (location, _) in cloud.regions()? {
        let name = location.as_str();
        if !LOCATIONS.iter().any(|(known, ..)| *known == name) {
            shown.push(show(name, name, "", ""));
        }
    }
    Ok(Json(json!({ "value": shown })).into_response())
}

/// The namespaces with what is in them: types below the namespace, and whether they have a location.
fn namespaces() -> Vec<(String, Vec<(String, Standing)>)> {
    let mut found = vec![
        (RESOURCES.to_owned(), vec![("resourceGroups".to_owned(), Standing::Regional)]),
        (
            scope::NAMESPACE.to_owned(),
            [Area::RoleAssignments, Area::RoleDefinitions, Area::Locks]
                .map(|area| (area.segment().to_owned(), Standing::Part))
                .to_vec(),
        ),
    ];
    for kind in Type::ALL {
        let entry = (kind.name_in_namespace(), kind.standing());
        match found.iter_mut().find(|(namespace, _)| namespace == kind.namespace()) {
            Some((_, types)) => types.push(entry),
            None => found.push((kind.namespace().to_owned(), vec![entry])),
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

pub(super) fn providers(call: &Call<'_>) -> Response {
    let shown: Vec<Value> = namespaces().iter().map(|(name, types)| provider(call, name, types)).collect();
    Json(json!({ "value": shown })).into_response()
}

/// One provider: shown, or registered, which all are from the beginning.
pub(super) fn one_provider(call: &Call<'_>, namespace: &str) -> Result<Response, ArmError> {
    let all = namespaces();
    let found = all.iter().find(|(name, _)| name.eq_ignore_ascii_case(namespace));
    let (name, types) = found.ok_or_else(|| no_namespace(namespace))?;
    Ok(Json(provider(call, name, types)).into_response())
}

fn no_namespace(namespace: &str) -> ArmError {
    let message = format!("The resource namespace '{namespace}' is invalid.");
    ArmError::new(StatusCode::NOT_FOUND, "InvalidResourceNamespace", message)
}

/// What role definitions can speak of: three actions for each type.
pub(super) fn operations(namespace: &str) -> Result<Response, ArmError> {
    let namespace = known_namespace(namespace).ok_or_else(|| no_namespace(namespace))?;
    let mut listed = Vec::new();
    for kind in Type::ALL.into_iter().filter(|kind| kind.namespace() == namespace) {
        let resource = kind.name_in_namespace();
        for (verb, what) in [("read", "Read"), ("write", "Create or change"), ("delete", "Delete")] {
            listed.push(json!({
                "name": format!("{namespace}/{resource}/{verb}"),
                "isDataAction": false,
                "display": {
                    "provider": namespace,
                    "resource": resource,
                    "operation": format!("{what} {resource}"),
                    "description": format!("{what} {resource}"),
                },
            }));
        }
    }
    Ok(Json(json!({ "value": listed })).into_response())
}

fn provider(call: &Call<'_>, namespace: &str, types: &[(String, Standing)]) -> Value {
    let mut api_versions = versions::known(namespace).to_vec();
    api_versions.sort_unstable_by(|one, other| other.cmp(one));
    let places: Vec<&str> = LOCATIONS.iter().map(|(_, display, ..)| *display).collect();
    let types: Vec<Value> = types
        .iter()
        .map(|(name, standing)| {
            let locations = match standing {
                Standing::Regional => places.clone(),
                Standing::Global => vec!["global"],
                Standing::Part => Vec::new(),
            };
            let tagged = *standing != Standing::Part || format!("{namespace}/{name}") == groups::TYPE;
            json!({
                "resourceType": name,
                "locations": locations,
                "apiVersions": api_versions,
                "capabilities": if tagged { "SupportsTags, SupportsLocation" } else { "None" },
            })
        })
        .collect();
    let above = if call.below_subscription {
        format!("/subscriptions/{}", call.cloud.operator.subscription_id)
    } else {
        String::new()
    };
    let mut shown = json!({
        "id": format!("{above}/providers/{namespace}"),
        "namespace": namespace,
        "resourceTypes": types,
    });
    // Registration is the subscription's.
    if let (true, Value::Object(fields)) = (call.below_subscription, &mut shown) {
        fields.insert("registrationState".to_owned(), json!("Registered"));
        fields.insert("registrationPolicy".to_owned(), json!("RegistrationRequired"));
    }
    shown
}
