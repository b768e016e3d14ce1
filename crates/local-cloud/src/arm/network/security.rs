//! Network security groups and their rules.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::{default_to, keep_or};
use crate::arm::error::ArmError;
use crate::arm::path::Type;
use crate::arm::resource::{self, Resource};
use crate::cloud::{Cloud, address_range, port_range};
use crate::store::{Batch, Kind};

/// What rules may have.
const PRIORITIES: std::ops::RangeInclusive<i64> = 100..=4096;
const PROTOCOLS: [&str; 6] = ["*", "Tcp", "Udp", "Icmp", "Esp", "Ah"];

/// A group. Its rules are resources of their own: left out, they stay; listed, they are all there is.
pub(super) fn group(cloud: &Cloud, written: &mut Resource, before: Option<&Resource>) -> Result<Batch, ArmError> {
    keep_or(written, before, "resourceGuid", || json!(uuid::Uuid::new_v4().to_string()));
    for read_only in ["defaultSecurityRules", "subnets", "networkInterfaces"] {
        written.properties.remove(read_only);
    }
    let existing = rules_of(cloud, &written.id)?;
    let mut batch = Batch::default();
    match written.properties.remove("securityRules") {
        None | Some(Value::Null) => {}
        Some(Value::Array(listed)) => {
            let wanted = listed.iter().map(|given| listed_rule(written, given)).collect::<Result<Vec<_>, _>>()?;
            check_priorities(&wanted)?;
            for gone in existing.iter().filter(|old| !wanted.iter().any(|new| new.id.eq_ignore_ascii_case(&old.id))) {
                batch = batch.delete(Kind::Resource, &gone.id.to_lowercase());
            }
            for rule in &wanted {
                batch = batch.put(Kind::Resource, &rule.id.to_lowercase(), rule)?;
            }
        }
        Some(_) => return Err(ArmError::bad_request("securityRules must be a list")),
    }
    Ok(batch)
}

/// A rule by itself.
pub(super) fn rule(cloud: &Cloud, written: &mut Resource) -> Result<Batch, ArmError> {
    check_rule(written)?;
    let group = written.id.rsplitn(3, '/').nth(2).unwrap_or_default();
    let mut all = rules_of(cloud, group)?;
    all.retain(|other| !other.id.eq_ignore_ascii_case(&written.id));
    all.push(written.clone());
    check_priorities(&all)?;
    Ok(Batch::default())
}

fn listed_rule(group: &Resource, given: &Value) -> Result<Resource, ArmError> {
    let name = given.get("name").and_then(Value::as_str).filter(|name| !name.is_empty() && !name.contains('/'));
    let name = name.ok_or_else(|| ArmError::bad_request("each of securityRules needs a name"))?;
    let properties = match given.get("properties") {
        Some(Value::Object(properties)) => properties.clone(),
        _ => Map::new(),
    };
    let mut rule = Resource {
        id: format!("{}/securityRules/{name}", group.id),
        name: name.to_owned(),
        kind: Type::SecurityRule.full_name(),
        location: group.location.clone(),
        tags: Map::new(),
        beside: Map::from_iter([("etag".to_owned(), json!(format!("W/\"{}\"", uuid::Uuid::new_v4())))]),
        properties,
    };
    rule.set_state("Succeeded", None);
    check_rule(&mut rule)?;
    Ok(rule)
}

fn check_rule(rule: &mut Resource) -> Result<(), ArmError> {
    for end in ["source", "destination"] {
        if rule.property(&format!("{end}ApplicationSecurityGroups")).as_array().is_some_and(|list| !list.is_empty()) {
            return Err(ArmError::not_here("application security groups"));
        }
    }
    for (name, known) in
        [("access", &["Allow", "Deny"][..]), ("direction", &["Inbound", "Outbound"]), ("protocol", &PROTOCOLS)]
    {
        let given = rule.text(name);
        if given.is_empty() {
            return Err(missing(rule, name));
        }
        // The service reads values without case and shows its own spelling.
        match known.iter().find(|known| known.eq_ignore_ascii_case(given)) {
            Some(known) => drop(rule.properties.insert(name.to_owned(), json!(known))),
            None => drop(resource::choice(&rule.properties, name, known)?),
        }
    }
    match rule.property("priority").as_i64() {
        Some(priority) if PRIORITIES.contains(&priority) => {}
        _ => {
            let message = format!(
                "Security rule has invalid priority. Value provided: {}. Allowed range {}-{}.",
                rule.property("priority"),
                PRIORITIES.start(),
                PRIORITIES.end()
            );
            return Err(ArmError::new(StatusCode::BAD_REQUEST, "SecurityRuleInvalidPriority", message));
        }
    }
    for (one, many) in [
        ("sourceAddressPrefix", "sourceAddressPrefixes"),
        ("destinationAddressPrefix", "destinationAddressPrefixes"),
        ("sourcePortRange", "sourcePortRanges"),
        ("destinationPortRange", "destinationPortRanges"),
    ] {
        default_to(rule, many, json!([]));
        let listed = rule.property(many).as_array().cloned().unwrap_or_default();
        let single = Some(rule.property(one).clone()).filter(|single| !single.is_null() && single != "");
        let given: Vec<Value> = listed.into_iter().chain(single).collect();
        if given.is_empty() {
            return Err(missing(rule, one));
        }
        let (is_right, code): (fn(&str) -> bool, _) = if one.ends_with("PortRange") {
            (is_port, "SecurityRuleInvalidPortRange")
        } else {
            (is_address, "SecurityRuleInvalidAddressPrefix")
        };
        if let Some(wrong) = given.iter().find(|given| !given.as_str().is_some_and(is_right)) {
            let message = format!("Security rule {} has an invalid {one}. Value provided: {wrong}.", rule.id);
            return Err(ArmError::new(StatusCode::BAD_REQUEST, code, message));
        }
    }
    Ok(())
}

/// A range, an address, a service's tag, or everything.
fn is_address(text: &str) -> bool {
    let is_tag = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    text == "*" || is_tag || address_range(text).is_some_and(|range| range.trunc() == range)
}

fn is_port(text: &str) -> bool {
    text == "*" || port_range(text).is_some()
}

fn missing(rule: &Resource, name: &str) -> ArmError {
    let message = format!(
        "Required security rule parameters are missing for security rule with Id: {}. Security rule must specify {name}.",
        rule.id
    );
    ArmError::new(StatusCode::BAD_REQUEST, "SecurityRuleParameterMissing", message)
}

fn check_priorities(rules: &[Resource]) -> Result<(), ArmError> {
    for (index, rule) in rules.iter().enumerate() {
        let same = |other: &&Resource| {
            other.text("direction") == rule.text("direction") && other.property("priority") == rule.property("priority")
        };
        if let Some(other) = rules.iter().skip(index + 1).find(same) {
            let message = format!(
                "Security rule {} conflicts with rule {}. Rules cannot have the same Priority and Direction. Suggestion: update the priority of the rule to an unused one between {} and {}.",
                rule.name,
                other.name,
                PRIORITIES.start(),
                PRIORITIES.end()
            );
            return Err(ArmError::new(StatusCode::BAD_REQUEST, "SecurityRuleConflict", message));
        }
    }
    Ok(())
}

fn rules_of(cloud: &Cloud, group: &str) -> Result<Vec<Resource>, ArmError> {
    cloud.resources(&format!("{group}/securityRules/"))
}

fn users(cloud: &Cloud, group: &Resource) -> Result<Vec<Value>, ArmError> {
    let subnet = Type::Subnet.full_name();
    let uses = |found: &Resource| {
        found.kind == subnet
            && super::reference(&found.properties, "networkSecurityGroup")
                .is_some_and(|id| id.eq_ignore_ascii_case(&group.id))
    };
    Ok(cloud
        .resources("/subscriptions/")?
        .iter()
        .filter(|found| uses(found))
        .map(|found| json!({ "id": found.id }))
        .collect())
}

pub(super) fn check_unused(cloud: &Cloud, group: &Resource) -> Result<(), ArmError> {
    let users = users(cloud, group)?;
    if users.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = users.iter().filter_map(|user| user.get("id")?.as_str()).collect();
    let message = format!(
        "Network security group {} cannot be deleted because it is in use by the following resources: {}. In order to delete the Network security group, remove the association with the resource(s).",
        group.id,
        names.join(", ")
    );
    Err(ArmError::new(StatusCode::BAD_REQUEST, "InUseNetworkSecurityGroupCannotBeDeleted", message))
}

pub(super) fn show(cloud: &Cloud, shown: &mut Resource) -> Result<(), ArmError> {
    let rules = rules_of(cloud, &shown.id)?.iter().map(Resource::to_json).collect();
    let subnets = users(cloud, shown)?;
    let defaults = default_rules(&shown.id);
    shown.properties.insert("securityRules".to_owned(), rules);
    shown.properties.insert("defaultSecurityRules".to_owned(), defaults);
    if !subnets.is_empty() {
        shown.properties.insert("subnets".to_owned(), Value::Array(subnets));
    }
    Ok(())
}

/// What every group ends with.
fn default_rules(group: &str) -> Value {
    let rule = |name: &str, direction: &str, priority: u16, access: &str, source: &str, destination: &str| {
        json!({
            "id": format!("{group}/defaultSecurityRules/{name}"),
            "name": name,
            "type": "Microsoft.Network/networkSecurityGroups/defaultSecurityRules",
            "properties": {
                "provisioningState": "Succeeded",
                "protocol": "*",
                "sourcePortRange": "*",
                "destinationPortRange": "*",
                "sourceAddressPrefix": source,
                "destinationAddressPrefix": destination,
                "access": access,
                "priority": priority,
                "direction": direction,
                "sourcePortRanges": [],
                "destinationPortRanges": [],
                "sourceAddressPrefixes": [],
                "destinationAddressPrefixes": [],
            },
        })
    };
    json!([
        rule("AllowVnetInBound", "Inbound", 65_000, "Allow", "VirtualNetwork", "VirtualNetwork"),
        rule("AllowAzureLoadBalancerInBound", "Inbound", 65_001, "Allow", "AzureLoadBalancer", "*"),
        rule("DenyAllInBound", "Inbound", 65_500, "Deny", "*", "*"),
        rule("AllowVnetOutBound", "Outbound", 65_000, "Allow", "VirtualNetwork", "VirtualNetwork"),
        rule("AllowInternetOutBound", "Outbound", 65_001, "Allow", "*", "Internet"),
        rule("DenyAllOutBound", "Outbound", 65_500, "Deny", "*", "*"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_without_case_and_shown_as_azure_spells_them() {
        let mut rule = Resource {
            id: "/r".to_owned(),
            name: "r".to_owned(),
            kind: Type::SecurityRule.full_name(),
            location: "eastus2".to_owned(),
            tags: Map::new(),
            beside: Map::new(),
            properties: Map::new(),
        };
        for (name, value) in [
            ("access", "allow"),
            ("direction", "INBOUND"),
            ("protocol", "tcp"),
            ("sourceAddressPrefix", "*"),
            ("destinationAddressPrefix", "VirtualNetwork"),
            ("sourcePortRange", "*"),
            ("destinationPortRange", "10000-10001"),
        ] {
            rule.properties.insert(name.to_owned(), json!(value));
        }
        rule.properties.insert("priority".to_owned(), json!(100));
        check_rule(&mut rule).unwrap();
        assert_eq!((rule.text("access"), rule.text("direction"), rule.text("protocol")), ("Allow", "Inbound", "Tcp"));
        rule.properties.insert("protocol".to_owned(), json!("carrier pigeon"));
        assert_eq!(check_rule(&mut rule).unwrap_err().status, StatusCode::BAD_REQUEST);
    }
}
