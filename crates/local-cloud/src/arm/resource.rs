//! ARM resources as documents.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tidelock_model::Location;

use super::error::ArmError;
use super::path::{self, Standing, Type, group_id};
use crate::cloud::Cloud;
use crate::store::Kind;

/// A resource, without what is worked out when it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Resource {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) location: String,
    #[serde(default)]
    pub(super) tags: Map<String, Value>,
    /// `sku`, `identity`, `kind`: what stands beside `properties`.
    #[serde(default)]
    pub(super) beside: Map<String, Value>,
    pub(super) properties: Map<String, Value>,
}

impl Resource {
    pub(super) fn provisioning_state(&self) -> &str {
        self.properties.get("provisioningState").and_then(Value::as_str).unwrap_or("Succeeded")
    }

    /// Sets `provisioningState`, and `resourceState` where the type has one.
    pub(super) fn set_state(&mut self, provisioning: &str, resource: Option<&str>) {
        self.properties.insert("provisioningState".to_owned(), json!(provisioning));
        if let Some(resource) = resource {
            self.properties.insert("resourceState".to_owned(), json!(resource));
        }
    }

    /// Refuses while an operation is under way.
    pub(super) fn check_idle(&self) -> Result<(), ArmError> {
        match self.provisioning_state() {
            "Succeeded" | "Failed" | "Canceled" => Ok(()),
            state => Err(ArmError::busy(&self.id, state)),
        }
    }

    pub(super) fn property(&self, name: &str) -> &Value {
        self.properties.get(name).unwrap_or(&Value::Null)
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.property(name).as_str().unwrap_or_default()
    }

    pub(super) fn sku(&self) -> &str {
        self.beside.get("sku").and_then(|sku| sku.get("name")).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn to_json(&self) -> Value {
        let mut body = Map::new();
        body.insert("id".to_owned(), json!(self.id));
        body.insert("name".to_owned(), json!(self.name));
        body.insert("type".to_owned(), json!(self.kind));
        // A part of another resource has none of its own.
        if Type::named(&self.kind).is_none_or(|kind| kind.standing() != Standing::Part) {
            body.insert("location".to_owned(), json!(self.location));
            body.insert("tags".to_owned(), Value::Object(self.tags.clone()));
        }
        body.extend(self.beside.clone());
        body.insert("properties".to_owned(), Value::Object(self.properties.clone()));
        Value::Object(body)
    }
}

/// Reading and writing resources by what a path says.
impl Cloud {
    pub(super) fn resource(&self, id: &str) -> Result<Option<Resource>, ArmError> {
        Ok(self.store.get(Kind::Resource, &id.to_lowercase())?)
    }

    /// All resources whose id begins so, in the order of their ids.
    pub(super) fn resources(&self, prefix: &str) -> Result<Vec<Resource>, ArmError> {
        let found = self.store.list::<Resource>(Kind::Resource, &prefix.to_lowercase())?;
        Ok(found.into_iter().map(|(_, resource)| resource).collect())
    }

    pub(super) fn save(&self, resource: &Resource) -> Result<(), ArmError> {
        Ok(self.store.put(Kind::Resource, &resource.id.to_lowercase(), resource)?)
    }

    /// The group a resource is to be made in, in its own spelling.
    pub(super) fn group_for_writing(&self, group: &str) -> Result<Resource, ArmError> {
        let found = self.group(group)?;
        if found.provisioning_state() == "Deleting" {
            let message =
                format!("The resource group '{group}' is in deprovisioning state and cannot perform this operation.");
            return Err(ArmError::new(StatusCode::CONFLICT, "ResourceGroupBeingDeleted", message));
        }
        Ok(found)
    }

    pub(super) fn group(&self, group: &str) -> Result<Resource, ArmError> {
        self.resource(&group_id(&self.operator.subscription_id, group))?.ok_or_else(|| ArmError::group_not_found(group))
    }

    /// The id of something in a group.
    pub(super) fn id(&self, group: &str, kind: Type, names: &[String]) -> String {
        path::id_of(&self.operator.subscription_id, group, kind, names)
    }

    /// An existing resource.
    pub(super) fn existing(&self, group: &str, kind: Type, names: &[String]) -> Result<Resource, ArmError> {
        let group = self.group(group)?;
        self.resource(&self.id(&group.name, kind, names))?.ok_or_else(|| {
            let segments: Vec<&str> = names.iter().map(String::as_str).collect();
            ArmError::not_found(&format!("{}/{}", kind.full_name(), segments.join("/")), &group.name)
        })
    }
}

/// The body of a request, as an object.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, ArmError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        // The parser's own message could repeat a secret.
        _ => Err(ArmError::new(
            StatusCode::BAD_REQUEST,
            "InvalidRequestContent",
            "The request content was invalid and could not be deserialized: a JSON object is expected.",
        )),
    }
}

/// `properties` of a body; an empty object if there is none.
pub(super) fn properties(body: &Map<String, Value>) -> Result<Map<String, Value>, ArmError> {
    match body.get("properties") {
        Some(Value::Object(properties)) => Ok(properties.clone()),
        None | Some(Value::Null) => Ok(Map::new()),
        Some(_) => Err(ArmError::bad_request("properties must be an object")),
    }
}

/// `tags` of a body.
pub(super) fn tags(body: &Map<String, Value>) -> Result<Map<String, Value>, ArmError> {
    match body.get("tags") {
        Some(Value::Object(tags)) if tags.values().all(Value::is_string) => Ok(tags.clone()),
        None | Some(Value::Null) => Ok(Map::new()),
        Some(_) => Err(ArmError::bad_request("tags must be an object of texts")),
    }
}

/// `location` of a body in Azure's short form: `East US 2` is `eastus2`.
pub(super) fn location(body: &Map<String, Value>) -> Result<Location, ArmError> {
    let Some(text) = body.get("location").and_then(Value::as_str) else {
        let message = "The location property is required for this definition.";
        return Err(ArmError::new(StatusCode::BAD_REQUEST, "LocationRequired", message));
    };
    let short: String = text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    Location::new(short)
        .map_err(|err| ArmError::new(StatusCode::BAD_REQUEST, "LocationNotAvailableForResourceType", err.to_string()))
}

/// A text property with the values it may have; the first is the default.
pub(super) fn choice(
    properties: &Map<String, Value>,
    name: &str,
    allowed: &[&'static str],
) -> Result<&'static str, ArmError> {
    let refused =
        |given: &Value| ArmError::bad_request(format!("{name} is {given} and must be one of {}", allowed.join(", ")));
    match properties.get(name) {
        None | Some(Value::Null) => allowed.first().copied().ok_or_else(|| refused(&Value::Null)),
        Some(Value::String(text)) => {
            allowed.iter().copied().find(|known| known == text).ok_or_else(|| refused(&json!(text)))
        }
        Some(other) => Err(refused(other)),
    }
}
