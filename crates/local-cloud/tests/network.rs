//! Networks, security groups, zones and names, on a real local cloud.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use std::net::Ipv4Addr;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use serde_json::{Value, json};
use support::{Cloud, eventually};

const ZONE: &str = "privatelink.redis.azure.net";

/// A refused call's status and code.
async fn refused(cloud: &Cloud, method: &str, id: &str, body: Option<Value>) -> (u16, String) {
    let (status, _, answer) = cloud.arm(method, id, body).await;
    (status, answer["error"]["code"].as_str().unwrap_or_default().to_owned())
}

fn prefix(range: &str) -> Option<Value> {
    Some(json!({ "properties": { "addressPrefix": range } }))
}

#[tokio::test(flavor = "multi_thread")]
async fn subnets_lie_in_their_network_and_are_not_removed_under_an_endpoint() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let network = cloud.network_id("virtualNetworks", "net");
    let body = |subnets: Option<Value>| {
        let mut body =
            json!({ "location": "uksouth", "properties": { "addressSpace": { "addressPrefixes": ["10.2.0.0/16"] } } });
        if let Some(subnets) = subnets {
            body["properties"]["subnets"] = subnets;
        }
        Some(body)
    };
    let shown = cloud.arm_done("PUT", &network, body(Some(json!([])))).await;
    assert_eq!(
        (&shown["properties"]["provisioningState"], &shown["properties"]["subnets"]),
        (&json!("Succeeded"), &json!([]))
    );
    assert!(shown["etag"].as_str().unwrap().starts_with("W/"));

    let one = format!("{network}/subnets/one");
    assert_eq!(
        refused(&cloud, "PUT", &one, prefix("10.3.0.0/24")).await,
        (400, "NetcfgSubnetRangeOutsideVnet".to_owned())
    );
    assert_eq!(refused(&cloud, "PUT", &one, prefix("10.2.0.1/24")).await, (400, "InvalidCIDRNotation".to_owned()));
    let made = cloud.arm_done("PUT", &one, prefix("10.2.0.0/24")).await;
    assert_eq!(made["properties"]["privateEndpointNetworkPolicies"], "Disabled");
    assert!(made.get("location").is_none(), "{made}");
    let two = format!("{network}/subnets/two");
    assert_eq!(
        refused(&cloud, "PUT", &two, prefix("10.2.0.128/25")).await,
        (400, "NetcfgSubnetRangesOverlap".to_owned())
    );
    let absent = format!("{}/subnets/x", cloud.network_id("virtualNetworks", "none"));
    assert_eq!(
        refused(&cloud, "PUT", &absent, prefix("10.2.0.0/24")).await,
        (404, "ParentResourceNotFound".to_owned())
    );

    // Left out, subnets stay; listed, they are all there is.
    let shown = cloud.arm_done("PUT", &network, body(None)).await;
    assert_eq!(shown["properties"]["subnets"].as_array().unwrap().len(), 1);
    let listed = json!([{ "name": "two", "properties": { "addressPrefixes": ["10.2.1.0/24"] } }]);
    let shown = cloud.arm_done("PUT", &network, body(Some(listed))).await;
    assert_eq!(shown["properties"]["subnets"][0]["name"], "two");
    assert_eq!(refused(&cloud, "GET", &one, None).await.0, 404);

    cloud.make_all("redis-a", "eastus2", &[]).await;
    let used = cloud.make_network("eastus2").await;
    let in_use = (400, "InUseSubnetCannotBeDeleted".to_owned());
    assert_eq!(refused(&cloud, "DELETE", &format!("{used}/subnets/s"), None).await, in_use);
    assert_eq!(refused(&cloud, "DELETE", &used, None).await, in_use);
    let (_, _, subnet) = cloud.arm("GET", &format!("{used}/subnets/s"), None).await;
    assert!(subnet["properties"]["privateEndpoints"][0]["id"].as_str().unwrap().ends_with("/pe-redis-a"), "{subnet}");
    let (_, _, endpoint) = cloud.arm("GET", &cloud.network_id("privateEndpoints", "pe-redis-a"), None).await;
    let interface = endpoint["properties"]["networkInterfaces"][0]["id"].as_str().unwrap().to_owned();
    let (_, _, shown) = cloud.arm("GET", &interface, None).await;
    let address = &shown["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"];
    assert_eq!(address, &endpoint["properties"]["customDnsConfigs"][0]["ipAddresses"][0]);
    cloud.arm_done("DELETE", &cloud.network_id("privateEndpoints", "pe-redis-a"), None).await;
    assert_eq!(refused(&cloud, "GET", &interface, None).await.0, 404);
    cloud.arm_done("DELETE", &used, None).await;
    assert_eq!(refused(&cloud, "GET", &format!("{used}/subnets/s"), None).await.0, 404);
    assert_eq!(cloud.arm("DELETE", &used, None).await.0, 204);
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn security_groups_keep_their_rules_apart_and_are_not_removed_in_use() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let group = cloud.network_id("networkSecurityGroups", "nsg");
    let rule = |name: &str, priority: u32| {
        json!({ "name": name, "properties": {
            "access": "Allow", "direction": "Inbound", "protocol": "Tcp", "priority": priority,
            "sourceAddressPrefix": "VirtualNetwork", "sourcePortRange": "*",
            "destinationAddressPrefix": "*", "destinationPortRange": "10000",
        } })
    };
    let body = |rules: Value| Some(json!({ "location": "eastus2", "properties": { "securityRules": rules } }));
    let two = body(json!([rule("a", 100), rule("b", 100)]));
    assert_eq!(refused(&cloud, "PUT", &group, two).await, (400, "SecurityRuleConflict".to_owned()));
    assert_eq!(refused(&cloud, "PUT", &group, body(json!([rule("a", 99)]))).await.1, "SecurityRuleInvalidPriority");
    let shown = cloud.arm_done("PUT", &group, body(json!([rule("a", 100)]))).await;
    assert_eq!(shown["properties"]["securityRules"][0]["name"], "a");
    assert_eq!(shown["properties"]["defaultSecurityRules"].as_array().unwrap().len(), 6);
    let b = format!("{group}/securityRules/b");
    assert_eq!(refused(&cloud, "PUT", &b, Some(rule("b", 100))).await.1, "SecurityRuleConflict");
    cloud.arm_done("PUT", &b, Some(rule("b", 110))).await;
    let (_, _, shown) = cloud.arm("GET", &format!("{group}/securityRules"), None).await;
    assert_eq!(shown["value"].as_array().unwrap().len(), 2);

    let network = cloud.make_network("eastus2").await;
    let with = json!({ "properties": { "addressPrefix": "10.1.1.0/24", "networkSecurityGroup": { "id": group.to_uppercase() } } });
    let shown = cloud.arm_done("PUT", &format!("{network}/subnets/s"), Some(with)).await;
    assert_eq!(shown["properties"]["networkSecurityGroup"]["id"], group.as_str());
    assert_eq!(
        refused(&cloud, "DELETE", &group, None).await,
        (400, "InUseNetworkSecurityGroupCannotBeDeleted".to_owned())
    );
    let gone = json!({ "properties": { "addressPrefix": "10.1.1.0/24", "networkSecurityGroup": { "id": format!("{group}x") } } });
    assert_eq!(refused(&cloud, "PUT", &format!("{network}/subnets/s"), Some(gone)).await.1, "InvalidResourceReference");
    // PUT replaces.
    cloud.arm_done("PUT", &format!("{network}/subnets/s"), prefix("10.1.1.0/24")).await;
    cloud.arm_done("DELETE", &group, None).await;
    assert_eq!(refused(&cloud, "GET", &b, None).await.0, 404);
    cloud.finish().await;
}

/// What the DNS server of the region whose network this address is in says to somebody there.
async fn ask(network: Ipv4Addr, name: &str) -> (ResponseCode, Vec<Ipv4Addr>) {
    try_ask(network, name).await.expect("the DNS server answers")
}

/// None if nothing answers.
async fn try_ask(network: Ipv4Addr, name: &str) -> Option<(ResponseCode, Vec<Ipv4Addr>)> {
    let [a, b, c, _] = network.octets();
    let socket = tokio::net::UdpSocket::bind((Ipv4Addr::new(a, b, c, 200), 0)).await.unwrap();
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(format!("{name}.")).unwrap(), RecordType::A));
    socket.send_to(&message.to_vec().unwrap(), (Ipv4Addr::new(a, b, c, 249), 5353)).await.unwrap();
    let mut buffer = [0; 1500];
    let length = tokio::time::timeout(Duration::from_secs(2), socket.recv(&mut buffer)).await.ok()?.ok()?;
    let answer = Message::from_vec(&buffer[..length]).unwrap();
    let addresses = answer.answers.iter().filter_map(|record| match &record.data {
        RData::A(address) => Some(address.0),
        _ => None,
    });
    Some((answer.metadata.response_code, addresses.collect()))
}

#[tokio::test(flavor = "multi_thread")]
async fn names_resolve_through_linked_zones_only() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let cache = cloud.make_all("redis-a", "eastus2", &[]).await;
    let other = cloud.make_all("redis-b", "uksouth", &[]).await;
    let endpoint = cloud.network_id("privateEndpoints", "pe-redis-a");
    let (_, _, shown) = cloud.arm("GET", &endpoint, None).await;
    let name = shown["properties"]["customDnsConfigs"][0]["fqdn"].as_str().unwrap().to_owned();
    let zone = cloud.network_id("privateDnsZones", ZONE);
    let group = format!("{endpoint}/privateDnsZoneGroups/default");
    let configs = json!({ "properties": { "privateDnsZoneConfigs": [{ "name": "z", "properties": { "privateDnsZoneId": zone } }] } });
    assert_eq!(refused(&cloud, "PUT", &group, Some(configs.clone())).await.1, "InvalidPrivateDnsZoneIds");
    let global = Some(json!({ "location": "global" }));
    let made = cloud.arm_done("PUT", &zone, global.clone()).await;
    assert_eq!(made["properties"]["numberOfRecordSets"], 1);
    let made = cloud.arm_done("PUT", &group, Some(configs)).await;
    let set = &made["properties"]["privateDnsZoneConfigs"][0]["properties"]["recordSets"][0];
    assert_eq!(set["fqdn"], format!("{}.{ZONE}", name.strip_suffix(".redis.azure.net").unwrap()));
    let (_, _, records) = cloud.arm("GET", &format!("{zone}/A"), None).await;
    assert_eq!(records["value"][0]["properties"]["aRecords"][0]["ipv4Address"], cache.address.to_string());
    let (_, _, soa) = cloud.arm("GET", &format!("{zone}/SOA/@"), None).await;
    assert_eq!(soa["properties"]["soaRecord"]["host"], "azureprivatedns.net");
    let (_, _, all) = cloud.arm("GET", &format!("{zone}/ALL"), None).await;
    assert_eq!(all["value"].as_array().unwrap().len(), 2);

    // Without a link the name leads to Azure's public front, where nobody listens.
    let own = |found: &(ResponseCode, Vec<Ipv4Addr>)| found.1 == [cache.address];
    assert!(!own(&ask(cache.address, &name).await));
    let network = cloud.make_network("eastus2").await;
    let link = format!("{zone}/virtualNetworkLinks/east");
    let linked = json!({ "location": "global", "properties": { "virtualNetwork": { "id": network }, "registrationEnabled": false } });
    let made = cloud.arm_done("PUT", &link, Some(linked.clone())).await;
    assert_eq!(made["properties"]["virtualNetworkLinkState"], "Completed");
    assert!(own(&ask(cache.address, &name).await));
    assert!(!own(&ask(other.address, &name).await), "the other region's network is not linked");
    let mut second = linked.clone();
    second["properties"]["virtualNetwork"]["id"] = json!(cloud.make_network("uksouth").await);
    assert_eq!(refused(&cloud, "PUT", &link, Some(second)).await.0, 400, "a link stays with its network");
    assert_eq!(refused(&cloud, "PUT", &format!("{zone}/virtualNetworkLinks/again"), Some(linked.clone())).await.0, 409);
    assert_eq!(refused(&cloud, "DELETE", &zone, None).await, (409, "CannotDeleteResource".to_owned()));

    // A link, a record, a zone group removed: at once nobody finds it any more.
    cloud.arm_done("DELETE", &link, None).await;
    assert!(!own(&ask(cache.address, &name).await));
    cloud.arm_done("PUT", &link, Some(linked)).await;
    assert!(own(&ask(cache.address, &name).await));
    cloud.kill_and_wait("region-eastus2").await;
    eventually("the region answers again as before", || async {
        let found = try_ask(cache.address, &name).await;
        if found.as_ref().is_some_and(own) { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    cloud.arm_done("DELETE", &group, None).await;
    assert!(!own(&ask(cache.address, &name).await));
    let (_, _, records) = cloud.arm("GET", &format!("{zone}/A"), None).await;
    assert_eq!(records["value"], json!([]));
    cloud.finish().await;
}
