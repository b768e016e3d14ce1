//! Private means private: who finds a cache by its name, and who is let in at its private endpoint.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use serde_json::{Value, json};
use support::{Cloud, eventually, location, signal};
use tidelock_control::cloud_faults::FaultSettings;
use tidelock_control::trust_only;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const ZONE: &str = "privatelink.redis.azure.net";
const PORT: u16 = 10_000;
/// Where in a region's own range the tests stand.
const HERE: u8 = 200;

/// An address of the range that `address` is in.
fn beside(address: Ipv4Addr, host: u8) -> Ipv4Addr {
    let [a, b, c, _] = address.octets();
    Ipv4Addr::new(a, b, c, host)
}

/// What the DNS server of a region says to somebody who stands in that region.
#[derive(Debug, PartialEq)]
struct Told {
    code: ResponseCode,
    aliases: Vec<String>,
    addresses: Vec<Ipv4Addr>,
}

fn question(name: &str) -> Vec<u8> {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(format!("{name}.")).unwrap(), RecordType::A));
    message.to_vec().unwrap()
}

fn read(answer: &[u8]) -> Told {
    let answer = Message::from_vec(answer).unwrap();
    let mut told = Told { code: answer.metadata.response_code, aliases: vec![], addresses: vec![] };
    for record in &answer.answers {
        match &record.data {
            RData::A(address) => told.addresses.push(address.0),
            RData::CNAME(alias) => told.aliases.push(alias.0.to_ascii().trim_end_matches('.').to_owned()),
            other => panic!("{other:?}"),
        }
    }
    told
}

/// None if nothing answers.
async fn try_ask(region: Ipv4Addr, name: &str) -> Option<Told> {
    let socket = UdpSocket::bind((beside(region, HERE), 0)).await.unwrap();
    socket.send_to(&question(name), (beside(region, 249), 5353)).await.unwrap();
    let mut room = [0; 1500];
    let length = tokio::time::timeout(Duration::from_secs(2), socket.recv(&mut room)).await.ok()?.ok()?;
    Some(read(&room[..length]))
}

async fn ask(region: Ipv4Addr, name: &str) -> Told {
    try_ask(region, name).await.expect("the region's DNS server answers")
}

async fn ask_by_tcp(region: Ipv4Addr, name: &str) -> Told {
    let mut stream = connect_from(beside(region, HERE), (beside(region, 249), 5353).into()).await.unwrap();
    let question = question(name);
    stream.write_u16(u16::try_from(question.len()).unwrap()).await.unwrap();
    stream.write_all(&question).await.unwrap();
    let mut answer = vec![0; usize::from(stream.read_u16().await.unwrap())];
    stream.read_exact(&mut answer).await.unwrap();
    read(&answer)
}

async fn connect_from(source: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    tokio::time::timeout(Duration::from_secs(5), socket.connect(to)).await.expect("connecting ends")
}

/// A connection to a cache that is let in: TLS is up and the engine has answered. None if it is not let in.
async fn enter(cloud: &Cloud, cache: Ipv4Addr, source: Ipv4Addr) -> Option<TlsStream<TcpStream>> {
    let stream = connect_from(source, (cache, PORT).into()).await.ok()?;
    let connector = TlsConnector::from(Arc::new(trust_only(cloud.ca_pem.as_bytes()).unwrap()));
    let name = rustls_pki_types::ServerName::from(std::net::IpAddr::V4(cache));
    let shaking = connector.connect(name, stream);
    let mut stream = tokio::time::timeout(Duration::from_secs(5), shaking).await.expect("the handshake ends").ok()?;
    assert!(ping(&mut stream).await);
    Some(stream)
}

async fn ping(stream: &mut TlsStream<TcpStream>) -> bool {
    stream.write_all(b"PING\r\n").await.unwrap();
    let mut room = [0; 64];
    let answered = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut room)).await;
    let length = answered.expect("the engine answers").unwrap_or(0);
    room[..length].starts_with(b"-NOAUTH") || room[..length].starts_with(b"+PONG")
}

async fn link(cloud: &Cloud, zone: &str, place: &str) -> String {
    let network = cloud.make_network(place).await;
    let id = format!("{zone}/virtualNetworkLinks/{place}");
    let body = json!({ "location": "global", "properties": { "virtualNetwork": { "id": network } } });
    cloud.arm_done("PUT", &id, Some(body)).await;
    id
}

async fn register(cloud: &Cloud, cluster: &str, zone: &str) -> String {
    let id = format!("{}/privateDnsZoneGroups/default", cloud.network_id("privateEndpoints", &format!("pe-{cluster}")));
    let config = json!({ "name": "zone", "properties": { "privateDnsZoneId": zone } });
    cloud.arm_done("PUT", &id, Some(json!({ "properties": { "privateDnsZoneConfigs": [config] } }))).await;
    id
}

async fn make_zone(cloud: &Cloud) -> String {
    let zone = cloud.network_id("privateDnsZones", ZONE);
    cloud.arm_done("PUT", &zone, Some(json!({ "location": "global" }))).await;
    zone
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_leads_to_the_endpoint_only_where_its_zone_is_linked() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let zone = make_zone(&cloud).await;
    for (cluster, place) in [("redis-east", "eastus2"), ("redis-south", "uksouth")] {
        cloud.make_cluster(cluster, place).await;
    }
    let east = cloud.make_endpoint("redis-east", "eastus2").await;
    let south = cloud.make_endpoint("redis-south", "uksouth").await;
    let name = "redis-east.eastus2.redis.azure.net";
    let private = format!("redis-east.eastus2.{ZONE}");
    let front = cloud.control.status().await.unwrap().arm_endpoint;
    let front: SocketAddr = front.strip_prefix("https://").unwrap().parse().unwrap();
    let std::net::IpAddr::V4(front) = front.ip() else { panic!("{front}") };
    let public =
        Told { code: ResponseCode::NoError, aliases: vec![private.clone()], addresses: vec![beside(front, 254)] };
    let found = Told { code: ResponseCode::NoError, aliases: vec![private.clone()], addresses: vec![east] };
    let lost = Told { code: ResponseCode::NXDomain, aliases: vec![private.clone()], addresses: vec![] };

    // Without a zone the name leads to Azure's front, where there is no way in: nobody but private endpoints answers.
    assert_eq!(ask(east, name).await, public);
    assert!(connect_from(beside(east, HERE), (beside(front, 254), PORT).into()).await.is_err());
    // A linked zone hides the public name, also while it lacks it.
    let east_link = link(&cloud, &zone, "eastus2").await;
    assert_eq!(ask(east, name).await, lost);
    let group = register(&cloud, "redis-east", &zone).await;
    assert_eq!(ask(east, name).await, found);
    assert_eq!(ask(east, &name.to_uppercase()).await.addresses, [east], "names have no case");
    assert_eq!(ask_by_tcp(east, name).await, found);
    // The other region's network is not linked, and once it is, it finds the same.
    assert_eq!(ask(south, name).await, public);
    let south_link = link(&cloud, &zone, "uksouth").await;
    assert_eq!(ask(south, name).await, found);
    register(&cloud, "redis-south", &zone).await;
    let other = "redis-south.uksouth.redis.azure.net";
    assert_eq!((ask(east, other).await.addresses, ask(south, other).await.addresses), (vec![south], vec![south]));

    // What is removed is gone at once, and for those only from whom it was taken.
    cloud.arm_done("DELETE", &south_link, None).await;
    assert_eq!((ask(south, name).await, ask(east, name).await), (public, found));
    cloud.arm_done("DELETE", &group, None).await;
    assert_eq!(ask(east, name).await, lost);
    assert_eq!(ask(east, other).await.addresses, [south], "the other's records stay");
    register(&cloud, "redis-east", &zone).await;
    assert_eq!(ask(east, name).await.addresses, [east]);
    cloud.arm_done("DELETE", &cloud.network_id("privateEndpoints", "pe-redis-south"), None).await;
    assert_eq!(ask(east, other).await.addresses, [beside(front, 254)], "without an endpoint it is no alias any more");
    cloud.arm_done("DELETE", &east_link, None).await;
    cloud.arm_done("DELETE", &zone, None).await;
    assert_eq!(ask(east, name).await.addresses, [beside(front, 254)]);
    // A cache that is gone has no name.
    cloud.arm_done("DELETE", &cloud.cluster_id("redis-south"), None).await;
    eventually("the name is gone", || async {
        let told = ask(east, other).await;
        if told.code == ResponseCode::NXDomain { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vaults_have_names_too_and_their_outage_is_their_regions_alone() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    support::vault::make(&cloud, "kv-east", "eastus2", json!({})).await;
    let south_vault = support::vault::make(&cloud, "kv-south", "uksouth", json!({})).await;
    let zone = make_zone(&cloud).await;
    cloud.make_cluster("redis-south", "uksouth").await;
    let south = cloud.make_endpoint("redis-south", "uksouth").await;
    link(&cloud, &zone, "uksouth").await;
    register(&cloud, "redis-south", &zone).await;
    let name = "redis-south.uksouth.redis.azure.net";
    let network = |place: &'static str| {
        let cloud = &cloud;
        async move { cloud.control.put_region(&location(place)).await.unwrap().network }
    };
    let east = network("eastus2").await;
    for (vault, region) in [("kv-east", east), ("kv-south", south)] {
        let told = [
            ask(east, &format!("{vault}.vault.tidelock.internal")).await,
            ask(south, &format!("{vault}.vault.tidelock.internal")).await,
        ];
        assert!(told.iter().all(|told| told.addresses == [beside(region, 250)]), "{vault}: {told:?}");
    }

    // One region's vaults are out: the other's answer, and so do both regions' names.
    let out = FaultSettings { vault_outage: vec![location("eastus2")], ..FaultSettings::default() };
    cloud.control.set_faults(&out).await.unwrap();
    let east_vault = support::vault::client(&cloud, "kv-east", "eastus2", None).await;
    assert_eq!(east_vault.call("GET", "/secrets", None).await.0, 503);
    south_vault.ok("PUT", "/secrets/one", Some(json!({ "value": "1" }))).await;
    assert_eq!(ask(south, name).await.addresses, [south]);
    assert_eq!(ask(east, "kv-south.vault.tidelock.internal").await.addresses, [beside(south, 250)]);

    // A whole region is lost: its names are not answered, the other's are.
    cloud.control.kill_region(&location("eastus2")).await.unwrap();
    assert_eq!(try_ask(east, name).await, None);
    assert_eq!(ask(south, name).await.addresses, [south]);
    south_vault.ok("GET", "/secrets/one", None).await;
    cloud.control.start_region(&location("eastus2")).await.unwrap();
    assert_eq!(ask(east, "kv-south.vault.tidelock.internal").await.addresses, [beside(south, 250)]);
    assert_eq!(cloud.arm("DELETE", &support::vault::vault_id(&cloud, "kv-south"), None).await.0, 200);
    assert_eq!(ask(east, "kv-south.vault.tidelock.internal").await.code, ResponseCode::NXDomain);
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_hangs_holds_up_nobody_elses_names() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let zone = make_zone(&cloud).await;
    for (cluster, place) in [("redis-east", "eastus2"), ("redis-south", "uksouth")] {
        cloud.make_cluster(cluster, place).await;
    }
    let east = cloud.make_endpoint("redis-east", "eastus2").await;
    let south = cloud.make_endpoint("redis-south", "uksouth").await;
    register(&cloud, "redis-south", &zone).await;
    let hanging = cloud.pid("region-eastus2").await.unwrap();
    signal(hanging, "STOP");
    let linked = tokio::time::timeout(Duration::from_secs(8), link(&cloud, &zone, "uksouth"));
    linked.await.expect("a write is answered although a region hangs");
    let name = "redis-south.uksouth.redis.azure.net";
    assert_eq!(ask(south, name).await.addresses, [south]);
    // Once it goes on it learns what it has missed.
    link(&cloud, &zone, "eastus2").await;
    signal(hanging, "CONT");
    eventually("the region knows the link", || async {
        let told = try_ask(east, name).await;
        if told.as_ref().is_some_and(|told| told.addresses == [south]) { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
    cloud.finish().await;
}

/// An inbound rule about the port of caches.
fn rule(name: &str, priority: u32, access: &str, source: &str) -> Value {
    json!({ "name": name, "properties": {
        "access": access, "direction": "Inbound", "protocol": "Tcp", "priority": priority,
        "sourceAddressPrefix": source, "sourcePortRange": "*",
        "destinationAddressPrefix": "*", "destinationPortRange": "10000",
    } })
}

struct Guarded {
    cloud: Cloud,
    subnet: String,
    group: String,
    /// The cache in east, and somebody in each region and in none.
    cache: Ipv4Addr,
    east: Ipv4Addr,
    south: Ipv4Addr,
    outside: Ipv4Addr,
}

impl Guarded {
    async fn make() -> Self {
        let cloud = Cloud::start().await;
        cloud.make_group().await;
        let cache = cloud.make_all("redis-east", "eastus2", &[]).await.address;
        cloud.make_cluster("redis-south", "uksouth").await;
        // Ranges of their own, as networks that are to be told apart have.
        let network = cloud.network_id("virtualNetworks", "vnet-uksouth");
        let body = json!({ "location": "uksouth", "properties": {
            "addressSpace": { "addressPrefixes": ["10.2.0.0/16"] },
            "subnets": [{ "name": "s", "properties": { "addressPrefix": "10.2.1.0/24" } }],
        } });
        cloud.arm_done("PUT", &network, Some(body)).await;
        let south = cloud.make_endpoint("redis-south", "uksouth").await;
        let subnet = format!("{}/subnets/s", cloud.make_network("eastus2").await);
        let group = cloud.network_id("networkSecurityGroups", "nsg");
        let (east, south, outside) = (beside(cache, HERE), beside(south, HERE), Ipv4Addr::LOCALHOST);
        Self { cloud, subnet, group, cache, east, south, outside }
    }

    async fn rules(&self, rules: &[Value]) {
        let body = json!({ "location": "eastus2", "properties": { "securityRules": rules } });
        self.cloud.arm_done("PUT", &self.group, Some(body)).await;
    }

    async fn policies(&self, policies: &str) {
        let body = json!({ "properties": {
            "addressPrefix": "10.1.1.0/24",
            "privateEndpointNetworkPolicies": policies,
            "networkSecurityGroup": { "id": self.group },
        } });
        self.cloud.arm_done("PUT", &self.subnet, Some(body)).await;
    }

    /// Who gets in: somebody in the cache's network, in the other region's, and outside all.
    async fn admitted(&self) -> [bool; 3] {
        let enters = |source| async move { enter(&self.cloud, self.cache, source).await.is_some() };
        [enters(self.east).await, enters(self.south).await, enters(self.outside).await]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_admits_whom_its_subnets_security_group_admits() {
    let guarded = Guarded::make().await;
    assert_eq!(guarded.admitted().await, [true, true, true], "without a group everybody is admitted");
    guarded.rules(&[]).await;
    guarded.policies("Disabled").await;
    assert_eq!(guarded.admitted().await, [true, true, true], "the subnet's policies leave endpoints alone");
    guarded.policies("RouteTableEnabled").await;
    assert_eq!(guarded.admitted().await, [true, true, true]);
    for policies in ["Enabled", "NetworkSecurityGroupEnabled"] {
        guarded.policies(policies).await;
        assert_eq!(guarded.admitted().await, [true, false, false], "every group ends with the same rules");
    }

    // By priority, not by the order in the body or by name.
    guarded.rules(&[rule("a", 300, "Allow", "*"), rule("b", 200, "Deny", "VirtualNetwork")]).await;
    assert_eq!(guarded.admitted().await, [false, true, true]);
    guarded.rules(&[rule("a", 100, "Allow", "*"), rule("b", 200, "Deny", "VirtualNetwork")]).await;
    assert_eq!(guarded.admitted().await, [true, true, true]);
    let sources: [(&str, [bool; 3]); 9] = [
        ("10.2.0.0/16", [false, true, false]),
        ("10.2.1.0/24", [false, true, false]),
        ("10.0.0.0/8", [true, true, false]),
        ("10.3.0.0/16", [false, false, false]),
        ("0.0.0.0/0", [true, true, true]),
        ("Internet", [false, false, true]),
        ("AzureLoadBalancer", [false, false, false]),
        ("127.0.0.1", [false, false, true]),
        ("127.0.0.0/8", [true, true, true]),
    ];
    for (source, expected) in sources {
        guarded.rules(&[rule("in", 100, "Allow", source), rule("no", 4096, "Deny", "*")]).await;
        assert_eq!(guarded.admitted().await, expected, "{source}");
    }
    // A part of a network that is denied keeps nobody out, all of it does.
    guarded.rules(&[rule("no", 100, "Deny", "10.2.1.0/24"), rule("in", 200, "Allow", "*")]).await;
    assert_eq!(guarded.admitted().await, [true, true, true]);
    guarded.rules(&[rule("no", 100, "Deny", "10.2.0.0/16"), rule("in", 200, "Allow", "*")]).await;
    assert_eq!(guarded.admitted().await, [true, false, true]);
    // What is about something else says nothing here.
    for (field, value) in [
        ("destinationPortRange", "6379"),
        ("protocol", "Udp"),
        ("direction", "Outbound"),
        ("destinationAddressPrefix", "10.9.0.0/16"),
        ("sourcePortRange", "1-2"),
    ] {
        let mut other = rule("no", 100, "Deny", "*");
        other["properties"][field] = json!(value);
        guarded.rules(&[other, rule("in", 200, "Allow", "*")]).await;
        assert_eq!(guarded.admitted().await, [true, true, true], "{field} {value}");
    }
    // Lists are as good as single values.
    let mut several = rule("in", 100, "Allow", "");
    let fields = several["properties"].as_object_mut().unwrap();
    fields.retain(|name, _| name != "sourceAddressPrefix" && name != "destinationPortRange");
    fields.insert("sourceAddressPrefixes".to_owned(), json!(["10.2.0.0/16", "127.0.0.1/32"]));
    fields.insert("destinationPortRanges".to_owned(), json!(["443", "9000-11000"]));
    guarded.rules(&[several, rule("no", 200, "Deny", "*")]).await;
    assert_eq!(guarded.admitted().await, [false, true, true]);
    guarded.cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_stays_in_when_the_rules_change_and_rules_outlive_the_region() {
    let guarded = Guarded::make().await;
    let cloud = &guarded.cloud;
    guarded.rules(&[rule("in", 100, "Allow", "Internet")]).await;
    guarded.policies("Enabled").await;
    let mut inside = enter(cloud, guarded.cache, guarded.outside).await.expect("it is admitted");
    // A rule by itself.
    let denied = format!("{}/securityRules/no", guarded.group);
    cloud.arm_done("PUT", &denied, Some(rule("no", 101, "Deny", "*"))).await;
    assert_eq!(guarded.admitted().await, [false, false, true]);
    guarded.rules(&[rule("no", 101, "Deny", "*")]).await;
    assert_eq!(guarded.admitted().await, [false, false, false]);
    assert!(ping(&mut inside).await, "a connection that was admitted goes on");

    // The region's process comes back with the same rules.
    cloud.kill_and_wait("region-eastus2").await;
    guarded_again(&guarded).await;
    guarded.rules(&[rule("in", 100, "Allow", "10.1.0.0/16")]).await;
    assert_eq!(guarded.admitted().await, [true, false, false]);

    // Without the endpoint there is nothing to connect to.
    cloud.arm_done("DELETE", &cloud.network_id("privateEndpoints", "pe-redis-east"), None).await;
    assert!(connect_from(guarded.east, (guarded.cache, PORT).into()).await.is_err());
    guarded.cloud.finish().await;
}

/// Waits until the endpoint accepts connections again; none of them is let in.
async fn guarded_again(guarded: &Guarded) {
    eventually("the endpoint listens again", || async {
        connect_from(guarded.outside, (guarded.cache, PORT).into()).await.map(drop)
    })
    .await;
    assert_eq!(guarded.admitted().await, [false, false, false]);
}
