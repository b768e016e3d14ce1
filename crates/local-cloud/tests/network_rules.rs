//! `Microsoft.Network` through management: what is kept, what is shown, what is refused.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::Cloud;

impl Cloud {
    fn network(&self, tail: &str) -> String {
        format!("{}/providers/Microsoft.Network/{tail}", self.group())
    }

    /// A refusal: its status and Azure's code.
    async fn refusal(&self, method: &str, path: &str, body: Option<Value>) -> (u16, String) {
        let (status, _, answer) = self.arm(method, path, body).await;
        (
            status,
            answer["error"]["code"].as_str().unwrap_or_else(|| panic!("{method} {path}: {status} {answer}")).to_owned(),
        )
    }

    async fn refuses(&self, method: &str, path: &str, body: Value, status: u16, code: &str) {
        let found = self.refusal(method, path, Some(body.clone())).await;
        assert_eq!(found, (status, code.to_owned()), "{method} {path} {body}");
    }

    async fn get(&self, path: &str) -> Value {
        let (status, _, found) = self.arm("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {found}");
        found
    }

    async fn status(&self, method: &str, path: &str, body: Option<Value>) -> u16 {
        self.arm(method, path, body).await.0
    }

    /// A network of 10.1.0.0/16 with one subnet for endpoints.
    async fn make_east(&self) -> (String, String) {
        let vnet = self.network("virtualNetworks/vnet-east");
        self.arm_done("PUT", &vnet, Some(vnet_body("eastus2", &[("endpoints", "10.1.1.0/24")]))).await;
        let subnet = format!("{vnet}/subnets/endpoints");
        (vnet, subnet)
    }
}

fn vnet_body(location: &str, subnets: &[(&str, &str)]) -> Value {
    let subnets: Vec<Value> = subnets
        .iter()
        .map(|(name, range)| json!({ "name": name, "properties": { "addressPrefixes": [range] } }))
        .collect();
    json!({
        "location": location,
        "tags": { "owner": "network" },
        "properties": { "addressSpace": { "addressPrefixes": ["10.1.0.0/16"] }, "subnets": subnets },
    })
}

fn rule(priority: u64, direction: &str) -> Value {
    json!({
        "access": "Allow",
        "direction": direction,
        "protocol": "Tcp",
        "priority": priority,
        "sourceAddressPrefix": "VirtualNetwork",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": "10000",
    })
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn virtual_networks_and_subnets_have_azures_rules() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let vnet = cloud.network("virtualNetworks/vnet-east");
    let none = json!({ "location": "eastus2", "properties": { "addressSpace": { "addressPrefixes": [] } } });
    cloud.refuses("PUT", &vnet, none, 400, "BadRequest").await;
    for (range, code) in [
        ("10.1.0.0", "InvalidAddressPrefixFormat"),
        ("ten/8", "InvalidAddressPrefixFormat"),
        ("10.1.2.3/16", "InvalidCIDRNotation"),
    ] {
        let body = json!({ "location": "eastus2", "properties": { "addressSpace": { "addressPrefixes": [range] } } });
        cloud.refuses("PUT", &vnet, body, 400, code).await;
    }
    cloud.refuses("PUT", &format!("{vnet}/subnets/a"), json!({}), 404, "ParentResourceNotFound").await;
    cloud
        .refuses("PUT", &vnet, vnet_body("eastus2", &[("a", "10.2.0.0/24")]), 400, "NetcfgSubnetRangeOutsideVnet")
        .await;
    let two = [("a", "10.1.0.0/24"), ("b", "10.1.0.128/25")];
    cloud.refuses("PUT", &vnet, vnet_body("eastus2", &two), 400, "NetcfgSubnetRangesOverlap").await;
    assert_eq!(cloud.status("GET", &vnet, None).await, 404, "what was refused is not there");

    let two = [("a", "10.1.1.0/24"), ("b", "10.1.2.0/24")];
    let (status, headers, made) = cloud.arm("PUT", &vnet, Some(vnet_body("East US 2", &two))).await;
    assert_eq!((status, made["location"].as_str()), (201, Some("eastus2")));
    assert!(!headers.contains_key("azure-asyncoperation"), "it is done when it is answered");
    let properties = &made["properties"];
    assert_eq!(properties["provisioningState"], "Succeeded");
    assert_eq!(properties["privateEndpointVNetPolicies"], "Disabled");
    assert_eq!(properties["virtualNetworkPeerings"], json!([]));
    assert_eq!(names(&properties["subnets"]), ["a", "b"]);
    let subnet = &properties["subnets"][0];
    assert_eq!(subnet["id"], format!("{vnet}/subnets/a"));
    assert_eq!(subnet["type"], "Microsoft.Network/virtualNetworks/subnets");
    assert_eq!(subnet["properties"]["privateEndpointNetworkPolicies"], "Disabled");
    assert_eq!(subnet["properties"]["privateLinkServiceNetworkPolicies"], "Enabled");
    assert_eq!(subnet["properties"]["provisioningState"], "Succeeded");
    assert_eq!(subnet.get("location"), None);
    assert!(made["etag"].as_str().unwrap().starts_with("W/\""), "{made}");

    // What comes back in the body is read-only or replaces; who says nothing of subnets keeps them.
    let mut again = made.clone();
    again["properties"].as_object_mut().unwrap().remove("subnets");
    again["properties"]["resourceGuid"] = json!("mine");
    let (status, _, kept) = cloud.arm("PUT", &vnet, Some(again)).await;
    assert_eq!(status, 200);
    assert_eq!(names(&kept["properties"]["subnets"]), ["a", "b"]);
    assert_eq!(kept["properties"]["resourceGuid"], properties["resourceGuid"]);
    assert_ne!(kept["etag"], made["etag"]);
    let (_, _, patched) = cloud.arm("PATCH", &vnet, Some(json!({ "tags": { "owner": "other" } }))).await;
    assert_eq!((patched["tags"]["owner"].as_str(), names(&patched["properties"]["subnets"]).len()), (Some("other"), 2));
    cloud.arm_done("PUT", &vnet, Some(vnet_body("eastus2", &[("a", "10.1.1.0/24")]))).await;
    assert_eq!(cloud.status("GET", &format!("{vnet}/subnets/b"), None).await, 404);
    assert_eq!(names(&cloud.get(&format!("{vnet}/subnets")).await["value"]), ["a"]);

    // A subnet of its own.
    let b = format!("{vnet}/subnets/b");
    let body = |range: &str| json!({ "properties": { "addressPrefix": range, "sharingScope": "" } });
    cloud.refuses("PUT", &b, body("10.2.0.0/24"), 400, "NetcfgSubnetRangeOutsideVnet").await;
    cloud.refuses("PUT", &b, body("10.1.1.64/26"), 400, "NetcfgSubnetRangesOverlap").await;
    let wrong =
        json!({ "properties": { "addressPrefix": "10.1.9.0/24", "privateEndpointNetworkPolicies": "Sometimes" } });
    cloud.refuses("PUT", &b, wrong, 400, "BadRequest").await;
    let made = cloud.arm_done("PUT", &b, Some(body("10.1.9.0/24"))).await;
    assert_eq!(
        (&made["properties"]["addressPrefix"], made["properties"].get("sharingScope")),
        (&json!("10.1.9.0/24"), None)
    );
    cloud
        .refuses(
            "PUT",
            &vnet,
            json!({ "location": "eastus2", "properties": { "addressSpace": { "addressPrefixes": ["10.1.1.0/24"] } } }),
            400,
            "NetcfgSubnetRangeOutsideVnet",
        )
        .await;
    let there = cloud.refusal("PUT", &vnet, Some(vnet_body("uksouth", &[]))).await;
    assert_eq!(there, (409, "InvalidResourceLocation".to_owned()));
    assert_eq!(cloud.status("DELETE", &b, None).await, 200);
    assert_eq!(cloud.status("DELETE", &b, None).await, 204);
    assert_eq!(cloud.status("DELETE", &vnet, None).await, 200);
    assert_eq!(cloud.status("GET", &format!("{vnet}/subnets/a"), None).await, 404);
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn security_groups_have_azures_rules() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let (vnet, subnet) = cloud.make_east().await;
    let group = cloud.network("networkSecurityGroups/nsg-east");
    let with = |rules: Value| json!({ "location": "eastus2", "properties": { "securityRules": rules } });
    let named = |name: &str, properties: Value| json!({ "name": name, "properties": properties });
    let mut port = rule(100, "Inbound");
    port["destinationPortRange"] = json!("80,443");
    let mut address = rule(100, "Inbound");
    address["sourceAddressPrefix"] = json!("10.1.2.3/16");
    for (wrong, code) in [
        (rule(99, "Inbound"), "SecurityRuleInvalidPriority"),
        (rule(4097, "Inbound"), "SecurityRuleInvalidPriority"),
        (port, "SecurityRuleInvalidPortRange"),
        (address, "SecurityRuleInvalidAddressPrefix"),
        (rule(100, "Sideways"), "BadRequest"),
    ] {
        cloud.refuses("PUT", &group, with(json!([named("r", wrong)])), 400, code).await;
    }
    let conflict = json!([named("one", rule(100, "Inbound")), named("two", rule(100, "Inbound"))]);
    cloud.refuses("PUT", &group, with(conflict), 400, "SecurityRuleConflict").await;
    let both = json!([named("in", rule(100, "Inbound")), named("out", rule(100, "Outbound"))]);
    let made = cloud.arm_done("PUT", &group, Some(with(both))).await;
    let kept = &made["properties"]["securityRules"];
    assert_eq!(names(kept), ["in", "out"]);
    assert_eq!(kept[0]["id"], format!("{group}/securityRules/in"));
    let shown = &kept[0]["properties"];
    assert_eq!(
        (&shown["access"], &shown["direction"], &shown["protocol"]),
        (&json!("Allow"), &json!("Inbound"), &json!("Tcp"))
    );
    assert_eq!((&shown["sourceAddressPrefixes"], &shown["provisioningState"]), (&json!([]), &json!("Succeeded")));
    let defaults = &made["properties"]["defaultSecurityRules"];
    assert_eq!(names(defaults)[..3], ["AllowVnetInBound", "AllowAzureLoadBalancerInBound", "DenyAllInBound"]);
    assert_eq!(defaults[2]["properties"]["priority"], 65500);

    // Rules by themselves.
    let third = format!("{group}/securityRules/third");
    cloud.refuses("PUT", &third, json!({ "properties": rule(100, "Inbound") }), 400, "SecurityRuleConflict").await;
    cloud.arm_done("PUT", &third, Some(json!({ "properties": rule(101, "Inbound") }))).await;
    cloud.arm_done("PUT", &third, Some(json!({ "properties": rule(101, "Inbound") }))).await;
    assert_eq!(names(&cloud.get(&group).await["properties"]["securityRules"]), ["in", "out", "third"]);
    assert_eq!(cloud.status("DELETE", &third, None).await, 200);
    cloud.arm_done("PUT", &group, Some(with(json!([named("in", rule(200, "Inbound"))])))).await;
    assert_eq!(names(&cloud.get(&format!("{group}/securityRules")).await["value"]), ["in"], "a PUT replaces the rules");

    // Association with a subnet.
    let associated = |group: &str| json!({ "properties": { "addressPrefixes": ["10.1.1.0/24"], "networkSecurityGroup": { "id": group } } });
    let other = cloud.network("networkSecurityGroups/nsg-south");
    cloud.refuses("PUT", &subnet, associated(&other), 400, "InvalidResourceReference").await;
    cloud.arm_done("PUT", &other, Some(json!({ "location": "uksouth" }))).await;
    cloud.refuses("PUT", &subnet, associated(&other), 400, "InvalidResourceReference").await;
    cloud
        .arm_done("PUT", &subnet, Some(associated(&group.to_uppercase().replace("/SUBSCRIPTIONS", "/subscriptions"))))
        .await;
    assert_eq!(cloud.get(&subnet).await["properties"]["networkSecurityGroup"]["id"], group);
    assert_eq!(cloud.get(&group).await["properties"]["subnets"], json!([{ "id": subnet }]));
    let refused = cloud.refusal("DELETE", &group, None).await;
    assert_eq!(refused, (400, "InUseNetworkSecurityGroupCannotBeDeleted".to_owned()));
    cloud.arm_done("PUT", &vnet, Some(vnet_body("eastus2", &[("endpoints", "10.1.1.0/24")]))).await;
    assert_eq!(cloud.get(&subnet).await["properties"].get("networkSecurityGroup"), None, "a PUT replaces the subnet");
    assert_eq!(cloud.status("DELETE", &group, None).await, 200);
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_endpoint_brings_its_interface_and_its_names_and_takes_them_with_it() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let (vnet, subnet) = cloud.make_east().await;
    cloud.make_cluster("redis-one", "eastus2").await;
    let address = cloud.make_endpoint_in("redis-one", "eastus2", &subnet).await.to_string();
    let endpoint = cloud.network("privateEndpoints/pe-redis-one");
    let shown = cloud.get(&endpoint).await;
    let nic = shown["properties"]["networkInterfaces"][0]["id"].as_str().unwrap().to_owned();
    let host = "redis-one.eastus2.redis.azure.net";
    let interface = cloud.get(&nic).await;
    assert!(interface["name"].as_str().unwrap().starts_with("pe-redis-one.nic."), "{interface}");
    assert_eq!(interface["properties"]["privateEndpoint"]["id"], endpoint);
    let configuration = &interface["properties"]["ipConfigurations"][0];
    assert_eq!(configuration["properties"]["privateIPAddress"], address);
    assert_eq!(configuration["properties"]["privateLinkConnectionProperties"]["fqdns"], json!([host]));
    assert_eq!(shown["properties"]["customDnsConfigs"], json!([{ "fqdn": host, "ipAddresses": [address] }]));
    let refused = cloud.refusal("DELETE", &nic, None).await;
    assert_eq!(refused, (400, "NicInUseWithPrivateEndpoint".to_owned()));

    // The subnet shows it, and neither it nor its network goes, nor its range.
    let used = cloud.get(&subnet).await;
    assert_eq!(used["properties"]["privateEndpoints"], json!([{ "id": endpoint }]));
    assert_eq!(used["properties"]["ipConfigurations"], json!([{ "id": configuration["id"] }]));
    let in_use = (400, "InUseSubnetCannotBeDeleted".to_owned());
    assert_eq!(cloud.refusal("DELETE", &subnet, None).await, in_use);
    assert_eq!(cloud.refusal("DELETE", &vnet, None).await, in_use);
    assert_eq!(cloud.refusal("PUT", &vnet, Some(vnet_body("eastus2", &[]))).await, in_use);
    let moved = json!({ "properties": { "addressPrefixes": ["10.1.7.0/24"] } });
    cloud.refuses("PUT", &subnet, moved, 400, "InUsePrefixCannotBeDeleted").await;

    // Names, by a group of zones.
    let zone = cloud.network("privateDnsZones/privatelink.redis.azure.net");
    let group = format!("{endpoint}/privateDnsZoneGroups/default");
    let body = json!({ "name": "pe", "properties": { "privateDnsZoneConfigs": [
        { "name": "privatelink.redis.azure.net", "properties": { "privateDnsZoneId": zone } },
    ] } });
    cloud.refuses("PUT", &group, body.clone(), 400, "InvalidPrivateDnsZoneIds").await;
    cloud.arm_done("PUT", &zone, Some(json!({ "location": "global" }))).await;
    let made = cloud.arm_done("PUT", &group, Some(body.clone())).await;
    let config = &made["properties"]["privateDnsZoneConfigs"][0];
    assert_eq!(config["name"], "privatelink.redis.azure.net");
    assert_eq!(
        config["properties"]["recordSets"],
        json!([{
            "recordType": "A",
            "recordSetName": "redis-one.eastus2",
            "fqdn": "redis-one.eastus2.privatelink.redis.azure.net",
            "provisioningState": "Succeeded",
            "ttl": 10,
            "ipAddresses": [address],
        }])
    );
    let record = format!("{zone}/A/redis-one.eastus2");
    let written = cloud.get(&record).await;
    assert_eq!(written["properties"]["aRecords"], json!([{ "ipv4Address": address }]));
    assert_eq!(written["properties"]["fqdn"], "redis-one.eastus2.privatelink.redis.azure.net.");
    assert!(written["properties"]["metadata"]["creator"].as_str().unwrap().contains("/privateEndpoints/pe-redis-one"));
    let second = format!("{endpoint}/privateDnsZoneGroups/second");
    let code = "MoreThanOnePrivateDnsZoneGroupPerPrivateEndpointNotAllowed";
    cloud.refuses("PUT", &second, body.clone(), 400, code).await;
    // A zone that the group no longer names loses the record.
    cloud.arm_done("PUT", &group, Some(json!({ "properties": { "privateDnsZoneConfigs": [] } }))).await;
    assert_eq!(cloud.status("GET", &record, None).await, 404);
    cloud.arm_done("PUT", &group, Some(body.clone())).await;
    assert_eq!(cloud.status("DELETE", &group, None).await, 200);
    assert_eq!(cloud.status("GET", &record, None).await, 404);
    cloud.arm_done("PUT", &group, Some(body)).await;
    assert_eq!(cloud.status("GET", &record, None).await, 200);

    // With the endpoint everything goes that came with it.
    cloud.arm_done("DELETE", &endpoint, None).await;
    for gone in [&record, &group, &nic, &endpoint] {
        assert_eq!(cloud.status("GET", gone, None).await, 404, "{gone}");
    }
    assert_eq!(cloud.get(&subnet).await["properties"].get("privateEndpoints"), None);
    assert_eq!(cloud.status("DELETE", &vnet, None).await, 200);
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn private_zones_links_and_records_have_azures_rules() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let (vnet, _) = cloud.make_east().await;
    let zone = cloud.network("privateDnsZones/privatelink.redis.azure.net");
    cloud.refuses("PUT", &zone, json!({}), 400, "LocationRequired").await;
    cloud.refuses("PUT", &zone, json!({ "location": "uksouth" }), 400, "LocationNotAvailableForResourceType").await;
    let short = cloud.network("privateDnsZones/local");
    cloud.refuses("PUT", &short, json!({ "location": "global" }), 400, "BadRequest").await;
    let made = cloud.arm_done("PUT", &zone, Some(json!({ "location": "global", "tags": { "a": "b" } }))).await;
    let properties = &made["properties"];
    assert_eq!((&properties["numberOfRecordSets"], &properties["maxNumberOfRecordSets"]), (&json!(1), &json!(25000)));
    assert_eq!(
        (&properties["numberOfVirtualNetworkLinks"], &properties["maxNumberOfVirtualNetworkLinks"]),
        (&json!(0), &json!(1000))
    );
    assert_eq!((&properties["provisioningState"], made["location"].as_str()), (&json!("Succeeded"), Some("global")));

    // The zone's authority: its owner changes times and address, never host and number.
    let authority = format!("{zone}/SOA/@");
    let first = cloud.get(&authority).await;
    assert_eq!(first["properties"]["soaRecord"]["host"], "azureprivatedns.net");
    assert_eq!(first["properties"]["fqdn"], "privatelink.redis.azure.net.");
    let soa = json!({ "email": "ops.example.com", "refreshTime": 60, "retryTime": 300, "expireTime": 600, "minimumTtl": 5, "host": "mine" });
    let changed =
        cloud.arm_done("PUT", &authority, Some(json!({ "properties": { "ttl": 30, "soaRecord": soa } }))).await;
    let changed = &changed["properties"];
    assert_eq!((&changed["ttl"], &changed["soaRecord"]["minimumTtl"]), (&json!(30), &json!(5)));
    assert_eq!(
        (&changed["soaRecord"]["host"], &changed["soaRecord"]["email"]),
        (&json!("azureprivatedns.net"), &json!("ops.example.com"))
    );
    let (status, _, patched) = cloud.arm("PATCH", &authority, Some(json!({ "properties": { "ttl": 40 } }))).await;
    assert_eq!(
        (status, &patched["properties"]["ttl"], &patched["properties"]["soaRecord"]["minimumTtl"]),
        (200, &json!(40), &json!(5))
    );
    assert_eq!(cloud.refusal("DELETE", &authority, None).await.0, 405);

    // Links.
    let link = format!("{zone}/virtualNetworkLinks/east");
    let body = |network: &str, registers: bool| json!({ "location": "global", "properties": { "virtualNetwork": { "id": network }, "registrationEnabled": registers } });
    let made = cloud.arm_done("PUT", &link, Some(body(&vnet, false))).await;
    assert_eq!(
        (&made["properties"]["virtualNetworkLinkState"], &made["properties"]["registrationEnabled"]),
        (&json!("Completed"), &json!(false))
    );
    assert_eq!(cloud.status("PUT", &link, Some(body(&vnet, true))).await, 200);
    cloud.refuses("PUT", &format!("{zone}/virtualNetworkLinks/again"), body(&vnet, false), 409, "Conflict").await;
    cloud.arm_done("PUT", &format!("{}-two", cloud.group()), Some(json!({ "location": "eastus2" }))).await;
    let same_name = zone.replace("rg-test", "rg-test-two");
    cloud.arm_done("PUT", &same_name, Some(json!({ "location": "global" }))).await;
    cloud.refuses("PUT", &format!("{same_name}/virtualNetworkLinks/east"), body(&vnet, false), 400, "BadRequest").await;
    let other = cloud.network("privateDnsZones/example.internal");
    cloud.arm_done("PUT", &other, Some(json!({ "location": "global" }))).await;
    cloud.refuses("PUT", &format!("{other}/virtualNetworkLinks/east"), body(&vnet, true), 409, "Conflict").await;
    let counted = cloud.get(&zone).await;
    assert_eq!(counted["properties"]["numberOfVirtualNetworkLinks"], 1);
    assert_eq!(counted["properties"]["numberOfVirtualNetworkLinksWithRegistration"], 1);
    assert_eq!(cloud.refusal("DELETE", &zone, None).await, (409, "CannotDeleteResource".to_owned()));

    // Record sets.
    let record = format!("{other}/A/www");
    let a = |ttl: u64, addresses: &[&str]| {
        let records: Vec<Value> = addresses.iter().map(|address| json!({ "ipv4Address": address })).collect();
        json!({ "properties": { "ttl": ttl, "aRecords": records } })
    };
    for wrong in [
        a(0, &["10.0.0.1"]),
        a(5, &["10.0.0.1", "10.0.0.1"]),
        a(5, &["ten"]),
        json!({ "properties": { "aRecords": [] } }),
    ] {
        cloud.refuses("PUT", &record, wrong, 400, "BadRequest").await;
    }
    let only_new = [("if-none-match", "*"), ("if-match", "")];
    assert_eq!(cloud.conditional("PUT", &record, a(5, &["10.0.0.1"]), &only_new).await.0, 201);
    let (status, answer) = cloud.conditional("PUT", &record, a(5, &["10.0.0.2"]), &only_new).await;
    assert_eq!((status, &answer["error"]["code"]), (412, &json!("PreconditionFailed")));
    let before = cloud.get(&record).await;
    assert_eq!(
        (&before["properties"]["isAutoRegistered"], &before["properties"]["fqdn"]),
        (&json!(false), &json!("www.example.internal."))
    );
    assert_eq!(before["properties"]["aRecords"], json!([{ "ipv4Address": "10.0.0.1" }]));
    let known = [("if-match", before["etag"].as_str().unwrap())];
    assert_eq!(cloud.conditional("PUT", &record, a(7, &["10.0.0.2"]), &known).await.0, 200);
    assert_eq!(cloud.conditional("PUT", &record, a(9, &["10.0.0.3"]), &known).await.0, 412);
    let types = |list: &Value| -> Vec<String> {
        list["value"].as_array().unwrap().iter().map(|set| set["type"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        types(&cloud.get(&format!("{other}/ALL")).await),
        ["Microsoft.Network/privateDnsZones/SOA", "Microsoft.Network/privateDnsZones/A"]
    );
    assert_eq!(types(&cloud.get(&format!("{other}/A")).await), ["Microsoft.Network/privateDnsZones/A"]);
    assert_eq!(cloud.get(&other).await["properties"]["numberOfRecordSets"], 2);

    // A network that goes takes its links along; then the zone goes, with its records.
    assert_eq!(cloud.status("DELETE", &vnet, None).await, 200);
    assert_eq!(cloud.status("GET", &link, None).await, 404);
    assert_eq!(cloud.status("DELETE", &zone, None).await, 200);
    assert_eq!(cloud.status("GET", &authority, None).await, 404);
    cloud.finish().await;
}
