//! A resource group's tags as a resource of their own: single tags change, and the others stay as they are.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::Call;
use super::error::ArmError;
use super::resource::{self, Resource};
use super::scope::Scope;

/// Behind the id of what is tagged.
pub(super) const TAIL: &str = "/providers/Microsoft.Resources/tags/default";
/// Azure's limit on the tags of one resource.
const TAGS_LIMIT: usize = 50;

pub(super) fn answer(call: &Call<'_>, scope: &Scope) -> Result<Response, ArmError> {
    let Scope::Group(group) = scope else {
        return Err(ArmError::not_here("the tags of anything but a resource group as a resource of their own"));
    };
    match call.method.as_str() {
        "GET" => Ok(shown(&call.cloud.group(group)?)),
        "PATCH" => {
            let mut found = call.cloud.group_for_writing(group)?;
            let body = resource::object(call.body)?;
            let given = resource::tags(&resource::properties(&body)?)?;
            let operation = body.get("operation").and_then(Value::as_str).unwrap_or_default();
            found.tags = changed(found.tags, operation, given)?;
            call.cloud.save(&found)?;
            Ok(shown(&found))
        }
        _ => Err(super::method_not_allowed(call.method)),
    }
}

fn changed(
    mut tags: Map<String, Value>,
    operation: &str,
    given: Map<String, Value>,
) -> Result<Map<String, Value>, ArmError> {
    let is = |known: &str| operation.eq_ignore_ascii_case(known);
    match () {
        () if is("Replace") => tags = given,
        () if is("Merge") => {
            for (name, value) in given {
                // A name is one without regard to case, and stays as it was first spelt.
                let known = tags.keys().find(|known| known.eq_ignore_ascii_case(&name)).cloned();
                tags.insert(known.unwrap_or(name), value);
            }
        }
        () if is("Delete") => tags.retain(|name, value| {
            let goes = |(gone, only): (&String, &Value)| {
                name.eq_ignore_ascii_case(gone) && (only.as_str() == Some("") || only == value)
            };
            !given.iter().any(goes)
        }),
        () => return Err(ArmError::bad_request("operation must be Replace, Merge or Delete")),
    }
    if tags.len() > TAGS_LIMIT {
        return Err(ArmError::new(
            StatusCode::BAD_REQUEST,
            "InvalidTags",
            format!("A resource has at most {TAGS_LIMIT} tags."),
        ));
    }
    Ok(tags)
}

fn shown(tagged: &Resource) -> Response {
    Json(json!({
        "id": format!("{}{TAIL}", tagged.id),
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": { "tags": tagged.tags },
    }))
    .into_response()
}
