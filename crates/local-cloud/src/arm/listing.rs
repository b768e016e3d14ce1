//! Lists across types: resource groups, and the resources in one of them or in all; filtered, in pages.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Call;
use super::authorization;
use super::error::ArmError;
use super::filter::{Condition, Filter};
use super::groups;
use super::path::Type;
use super::resource::Resource;
use crate::encoding::percent_encode;

/// As many a page has at most, as on Azure.
const PAGE_LIMIT: usize = 1000;

/// Resource groups; by tag if the filter says so.
pub(super) fn resource_groups(call: &Call<'_>) -> Result<Response, ArmError> {
    let filter = Filter::parse(call.parameter("$filter"))?;
    let mut found = Vec::new();
    for group in call.cloud.resources("/subscriptions/")? {
        if group.kind == groups::TYPE && filter.passes(|condition, beside| by_tag(&group, condition, beside))? {
            found.push(group);
        }
    }
    page(call, &found, Resource::to_json)
}

/// What is in a group, or in all: top-level resources, without their properties.
pub(super) fn resources(call: &Call<'_>, group: Option<&str>) -> Result<Response, ArmError> {
    let prefix = match group {
        Some(group) => format!("{}/", call.cloud.group(group)?.id),
        None => "/subscriptions/".to_owned(),
    };
    let filter = Filter::parse(call.parameter("$filter"))?;
    let expanded = call.parameter("$expand").unwrap_or_default().to_lowercase();
    let with_state = expanded.split(',').any(|name| name.trim() == "provisioningstate");
    let mut found = Vec::new();
    for resource in call.cloud.resources(&prefix)? {
        // A zone's link to a network has a location and tags of its own, and is listed like what stands by itself.
        let stands = resource.kind.matches('/').count() == 1 || resource.kind == Type::ZoneLink.full_name();
        let listed = resource.kind != groups::TYPE && stands && !authorization::is_ours(&resource.kind);
        if listed && filter.passes(|condition, beside| holds(&resource, condition, beside))? {
            found.push(resource);
        }
    }
    page(call, &found, |resource| {
        let mut shown = json!({
            "id": resource.id,
            "name": resource.name,
            "type": resource.kind,
            "location": resource.location,
            "tags": resource.tags,
        });
        if let Value::Object(fields) = &mut shown {
            for name in ["sku", "kind", "identity"] {
                fields.extend(resource.beside.get(name).map(|value| (name.to_owned(), value.clone())));
            }
            if with_state {
                fields.insert("provisioningState".to_owned(), json!(resource.provisioning_state()));
            }
        }
        shown
    })
}

fn holds(resource: &Resource, condition: &Condition, beside: &[Condition]) -> Option<bool> {
    let Condition::Is { name, value, negated } = condition else { return None };
    let is = |known: &str| Some(known.eq_ignore_ascii_case(value) != *negated);
    match name.to_lowercase().as_str() {
        "resourcetype" => is(&resource.kind),
        "name" => is(&resource.name),
        "location" => is(&resource.location),
        "resourcegroup" => is(resource.id.split('/').nth(4).unwrap_or_default()),
        _ => by_tag(resource, condition, beside),
    }
}

/// `tagName eq 'a'`, with or without `and tagValue eq 'b'`. Names have no case, values have.
fn by_tag(resource: &Resource, condition: &Condition, beside: &[Condition]) -> Option<bool> {
    let Condition::Is { name, value, negated: false } = condition else { return None };
    let tagged = |tag: &str, with: Option<&str>| {
        resource
            .tags
            .iter()
            .any(|(name, value)| name.eq_ignore_ascii_case(tag) && with.is_none_or(|with| value.as_str() == Some(with)))
    };
    if name.eq_ignore_ascii_case("tagName") {
        return Some(tagged(value, None));
    }
    if !name.eq_ignore_ascii_case("tagValue") {
        return None;
    }
    // A value alone says nothing: it belongs to the name beside it.
    beside.iter().find_map(|other| match other {
        Condition::Is { name, value: tag, .. } if name.eq_ignore_ascii_case("tagName") => {
            Some(tagged(tag, Some(value)))
        }
        _ => None,
    })
}

/// One page, with the address of the next. `all` are in the order of their ids.
fn page(call: &Call<'_>, all: &[Resource], show: impl Fn(&Resource) -> Value) -> Result<Response, ArmError> {
    let invalid = |name: &str| {
        let message = format!("The value of the query parameter '{name}' is invalid.");
        ArmError::new(StatusCode::BAD_REQUEST, "InvalidQueryParameterValue", message)
    };
    let top = match call.parameter("$top").filter(|text| !text.is_empty()) {
        Some(text) => text.parse::<usize>().ok().filter(|top| *top > 0).ok_or_else(|| invalid("$top"))?,
        None => PAGE_LIMIT,
    };
    let after = match call.parameter("$skiptoken").filter(|text| !text.is_empty()) {
        Some(token) => {
            let bytes = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            Some(bytes.ok_or_else(|| invalid("$skiptoken"))?)
        }
        None => None,
    };
    let size = top.min(PAGE_LIMIT);
    let rest = all.iter().filter(|found| after.as_ref().is_none_or(|after| found.id.to_lowercase() > *after));
    let mut rest = rest.peekable();
    let shown: Vec<&Resource> = rest.by_ref().take(size).collect();
    let mut body = json!({ "value": shown.iter().map(|found| show(found)).collect::<Vec<_>>() });
    if let (Some(_), Some(last), Value::Object(fields)) = (rest.peek(), shown.last(), &mut body) {
        fields.insert("nextLink".to_owned(), json!(next_link(call, &last.id.to_lowercase())));
    }
    Ok(Json(body).into_response())
}

fn next_link(call: &Call<'_>, last: &str) -> String {
    let token = URL_SAFE_NO_PAD.encode(last);
    let kept = call.query.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("$skiptoken"));
    let pairs: Vec<String> = kept.map(|(name, value)| format!("{name}={}", percent_encode(value))).collect();
    format!("{}{}?{}&$skiptoken={token}", call.cloud.arm_endpoint(), call.path, pairs.join("&"))
}
