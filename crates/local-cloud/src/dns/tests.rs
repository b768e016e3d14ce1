//! What each network is told.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{RData, RecordType};

use super::message::{Carrier, reply};
use super::view::{Asker, Leads, Names, Public, RecordSet, Zone};

const CACHE: &str = "redis-a.eastus2.redis.azure.net";
const LINKED: Ipv4Addr = Ipv4Addr::new(127, 80, 1, 100);
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 80, 2, 100);
const STRANGER: Ipv4Addr = Ipv4Addr::LOCALHOST;
const PRIVATE: Ipv4Addr = Ipv4Addr::new(127, 80, 9, 4);
const PUBLIC: Ipv4Addr = Ipv4Addr::new(127, 80, 0, 254);

fn record(last: u8) -> RecordSet {
    RecordSet { ttl: 10, addresses: vec![Ipv4Addr::new(127, 80, 9, last)] }
}

fn zone(records: &[(&str, u8)]) -> Zone {
    Zone { records: records.iter().map(|(name, last)| ((*name).to_owned(), record(*last))).collect(), redirect: false }
}

fn names() -> Names {
    let asker = |third: u8, bits: u8, network: &str| Asker {
        range: Ipv4Addr::new(127, 80, third, 0),
        bits,
        network: network.to_owned(),
    };
    let leads = |target: &str| Leads::Alias(target.to_owned());
    Names {
        askers: vec![asker(0, 16, "everybody"), asker(1, 24, "linked"), asker(2, 24, "unlinked")],
        networks: BTreeMap::from([(
            "linked".to_owned(),
            BTreeMap::from([(
                "privatelink.redis.azure.net".to_owned(),
                zone(&[("redis-a.eastus2", 4), ("@", 9), ("*.wild", 7)]),
            )]),
        )]),
        public: Public {
            domains: vec!["redis.azure.net".to_owned(), "vault.tidelock.internal".to_owned()],
            names: BTreeMap::from([
                (CACHE.to_owned(), leads("redis-a.eastus2.privatelink.redis.azure.net")),
                ("redis-a.eastus2.privatelink.redis.azure.net".to_owned(), Leads::Address(PUBLIC)),
                ("redis-b.eastus2.redis.azure.net".to_owned(), leads("redis-b.eastus2.privatelink.redis.azure.net")),
                ("redis-b.eastus2.privatelink.redis.azure.net".to_owned(), Leads::Address(PUBLIC)),
                ("kv-a.vault.tidelock.internal".to_owned(), Leads::Address(Ipv4Addr::new(127, 80, 1, 250))),
                ("circle.redis.azure.net".to_owned(), leads("elcric.redis.azure.net")),
                ("elcric.redis.azure.net".to_owned(), leads("circle.redis.azure.net")),
            ]),
        },
    }
}

fn query(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(4711, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    // Not by `parse`, which makes it lower case.
    message.add_query(Query::query(hickory_proto::rr::Name::from_ascii(name).unwrap(), kind));
    message
}

fn ask_type(names: &Names, from: Ipv4Addr, name: &str, kind: RecordType) -> Message {
    let bytes = reply(names, from, &query(&format!("{name}."), kind).to_vec().unwrap(), Carrier::Udp).unwrap();
    let answer = Message::from_vec(&bytes).unwrap();
    assert_eq!(answer.metadata.id, 4711);
    assert_eq!(answer.metadata.message_type, MessageType::Response);
    assert!(answer.metadata.recursion_desired && answer.metadata.recursion_available);
    assert_eq!(answer.queries.len(), 1);
    answer
}

fn ask(from: Ipv4Addr, name: &str) -> Message {
    ask_type(&names(), from, name, RecordType::A)
}

fn addresses(answer: &Message) -> Vec<Ipv4Addr> {
    let address = |record: &hickory_proto::rr::Record| match &record.data {
        RData::A(address) => Some(address.0),
        _ => None,
    };
    answer.answers.iter().filter_map(address).collect()
}

fn soa_of(answer: &Message) -> Option<String> {
    answer
        .authorities
        .iter()
        .find(|record| record.record_type() == RecordType::SOA)
        .map(|record| record.name.to_ascii())
}

#[test]
fn a_linked_network_is_told_the_private_address_and_others_the_public_one() {
    for (from, address) in [(LINKED, PRIVATE), (OTHER, PUBLIC), (STRANGER, PUBLIC)] {
        let answer = ask(from, CACHE);
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
        assert_eq!(addresses(&answer), [address], "{from}");
        let RData::CNAME(alias) = &answer.answers[0].data else { panic!("{answer}") };
        assert_eq!(alias.0.to_ascii(), "redis-a.eastus2.privatelink.redis.azure.net.");
        assert!(answer.answers.iter().all(|record| record.ttl == 10));
    }
}

/// `resolutionPolicy` Default: a linked zone hides the public name, also where it has no record.
#[test]
fn a_linked_zone_without_the_record_says_no_unless_it_redirects() {
    let name = "redis-b.eastus2.redis.azure.net";
    let answer = ask(LINKED, name);
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(soa_of(&answer).as_deref(), Some("privatelink.redis.azure.net."));
    assert_eq!(answer.answers.len(), 1, "the alias that led there is shown: {answer}");
    let mut names = names();
    names.networks.get_mut("linked").unwrap().values_mut().for_each(|zone| zone.redirect = true);
    assert_eq!(addresses(&ask_type(&names, LINKED, name, RecordType::A)), [PUBLIC]);
}

#[test]
fn the_longest_zone_decides() {
    let mut names = names();
    let zones = names.networks.get_mut("linked").unwrap();
    zones.insert("redis.azure.net".to_owned(), zone(&[("redis-a.eastus2.privatelink", 33), ("other", 34)]));
    zones.insert("link.redis.azure.net".to_owned(), zone(&[]));
    assert_eq!(
        addresses(&ask_type(&names, LINKED, "other.redis.azure.net", RecordType::A)),
        [Ipv4Addr::new(127, 80, 9, 34)]
    );
    let private = "redis-a.eastus2.privatelink.redis.azure.net";
    assert_eq!(addresses(&ask_type(&names, LINKED, private, RecordType::A)), [PRIVATE]);
}

#[test]
fn other_types_of_a_name_that_exists_are_empty_and_not_missing() {
    for kind in [RecordType::AAAA, RecordType::TXT, RecordType::MX] {
        let answer = ask_type(&names(), LINKED, CACHE, kind);
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
        assert_eq!(addresses(&answer), [] as [Ipv4Addr; 0]);
        assert!(soa_of(&answer).is_some(), "{answer}");
    }
    let answer = ask_type(&names(), LINKED, CACHE, RecordType::CNAME);
    assert_eq!((answer.answers.len(), answer.authorities.len()), (1, 0));
    // Between the zone and its records there are names without records.
    let between = ask(LINKED, "eastus2.privatelink.redis.azure.net");
    assert_eq!(between.metadata.response_code, ResponseCode::NoError);
    assert!(between.answers.is_empty());
    let soa = ask_type(&names(), LINKED, "privatelink.redis.azure.net", RecordType::SOA);
    assert!(!soa.authorities.is_empty() || !soa.answers.is_empty(), "{soa}");
}

#[test]
fn the_zone_itself_wildcards_and_case() {
    assert_eq!(addresses(&ask(LINKED, "PrivateLink.Redis.Azure.NET")), [Ipv4Addr::new(127, 80, 9, 9)]);
    assert_eq!(addresses(&ask(LINKED, "x.y.wild.privatelink.redis.azure.net")), [Ipv4Addr::new(127, 80, 9, 7)]);
    let answer = ask(LINKED, &CACHE.to_uppercase());
    assert_eq!(addresses(&answer), [PRIVATE]);
    assert_eq!(answer.answers[0].name.to_ascii(), format!("{}.", CACHE.to_uppercase()));
}

#[test]
fn vaults_resolve_publicly_and_what_is_not_ours_is_refused() {
    assert_eq!(addresses(&ask(OTHER, "kv-a.vault.tidelock.internal")), [Ipv4Addr::new(127, 80, 1, 250)]);
    assert_eq!(ask(OTHER, "kv-b.vault.tidelock.internal").metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(ask(OTHER, "example.com").metadata.response_code, ResponseCode::Refused);
    // Names in a circle end.
    let circle = ask(OTHER, "circle.redis.azure.net");
    assert!(addresses(&circle).is_empty() && circle.answers.len() <= 8);
}

#[test]
fn nonsense_is_answered_shortly_or_not_at_all() {
    let names = names();
    let hear =
        |bytes: &[u8]| reply(&names, LINKED, bytes, Carrier::Udp).map(|bytes| Message::from_vec(&bytes).unwrap());
    assert_eq!(hear(b""), None);
    assert_eq!(hear(&[0; 11]), None);
    let mut cut = query(&format!("{CACHE}."), RecordType::A).to_vec().unwrap();
    cut.truncate(20);
    let refused = hear(&cut).unwrap();
    assert_eq!((refused.metadata.id, refused.metadata.response_code), (4711, ResponseCode::FormErr));
    // An answer is never answered: two servers would go on for ever.
    let mut answer = query(&format!("{CACHE}."), RecordType::A);
    answer.metadata.message_type = MessageType::Response;
    assert_eq!(hear(&answer.to_vec().unwrap()), None);
    let mut update = query(&format!("{CACHE}."), RecordType::A);
    update.metadata.op_code = OpCode::Notify;
    assert_eq!(hear(&update.to_vec().unwrap()).unwrap().metadata.response_code, ResponseCode::NotImp);
    let empty = Message::new(7, MessageType::Query, OpCode::Query);
    assert_eq!(hear(&empty.to_vec().unwrap()).unwrap().metadata.response_code, ResponseCode::FormErr);
}

#[test]
fn an_answer_that_does_not_fit_says_so_over_udp_and_comes_whole_over_tcp() {
    let mut names = names();
    let many = RecordSet { ttl: 10, addresses: (0..200).map(|last| Ipv4Addr::new(127, 80, 9, last)).collect() };
    let zone = names.networks.get_mut("linked").unwrap().get_mut("privatelink.redis.azure.net").unwrap();
    zone.records.insert("many".to_owned(), many);
    let mut question = query("many.privatelink.redis.azure.net.", RecordType::A);
    for payload in [None, Some(1232), Some(65_535)] {
        if let Some(payload) = payload {
            let mut edns = Edns::new();
            edns.set_max_payload(payload);
            question.set_edns(edns);
        }
        let bytes = question.to_vec().unwrap();
        let short = reply(&names, LINKED, &bytes, Carrier::Udp).unwrap();
        assert!(short.len() <= usize::from(payload.unwrap_or(512)).min(1232));
        assert!(Message::from_vec(&short).unwrap().metadata.truncation);
        let whole = Message::from_vec(&reply(&names, LINKED, &bytes, Carrier::Tcp).unwrap()).unwrap();
        assert_eq!(addresses(&whole).len(), 200);
        assert!(!whole.metadata.truncation);
    }
}
