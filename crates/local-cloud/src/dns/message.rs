//! Questions and answers as DNS messages.

use std::net::Ipv4Addr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::lookup::{Answer, End, Step, look_up};
use super::view::Names;

/// A DNS header.
const HEADER_BYTES: usize = 12;
/// What a client without EDNS receives over UDP.
const UDP_BYTES_PLAIN: usize = 512;
/// What is sent over UDP at most, whatever a client says: what passes any path unfragmented.
pub(super) const UDP_BYTES_MAX: usize = 1232;
/// The longest message.
pub(super) const TCP_BYTES_MAX: usize = u16::MAX as usize;

/// The SOA record that Azure gives every private zone. Its minimum is how long a *no* holds, in seconds.
const SOA_MINIMUM: u32 = 10;
const SOA_TTL: u32 = 3600;
const SOA_HOST: &str = "azureprivatedns.net.";
const SOA_EMAIL: &str = "azureprivatedns-host.microsoft.com.";
const SOA_REFRESH: i32 = 3600;
const SOA_RETRY: i32 = 300;
const SOA_EXPIRE: i32 = 2_419_200;

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    Udp,
    Tcp,
}

/// The reply to a message from `source`. None for what deserves none: too short to be a message, or an answer itself.
pub(super) fn reply(names: &Names, source: Ipv4Addr, message: &[u8], carrier: Carrier) -> Option<Vec<u8>> {
    let Ok(query) = Message::from_vec(message) else {
        return unreadable(message);
    };
    if query.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.metadata.recursion_desired = query.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    reply.queries.clone_from(&query.queries);
    if let Some(edns) = &query.edns {
        let mut ours = Edns::new();
        ours.set_max_payload(u16::try_from(UDP_BYTES_MAX).unwrap_or(u16::MAX)).set_version(0);
        reply.set_edns(ours);
        if edns.version() > 0 {
            reply.metadata.response_code = ResponseCode::BADVERS;
            return reply.to_vec().ok();
        }
    }
    fill(names, source, &query, &mut reply);
    let limit = match carrier {
        Carrier::Udp => usize::from(query.max_payload()).clamp(UDP_BYTES_PLAIN, UDP_BYTES_MAX),
        Carrier::Tcp => TCP_BYTES_MAX,
    };
    match reply.to_vec() {
        Ok(bytes) if bytes.len() <= limit => Some(bytes),
        Ok(_) => reply.truncate().to_vec().ok(),
        Err(_) => Message::error_msg(query.metadata.id, query.metadata.op_code, ResponseCode::ServFail).to_vec().ok(),
    }
}

/// Nothing but the id can be taken from it.
fn unreadable(message: &[u8]) -> Option<Vec<u8>> {
    let header = message.get(..HEADER_BYTES)?;
    let is_answer = header.get(2).is_some_and(|flags| flags & 0x80 != 0);
    let id = u16::from_be_bytes([*header.first()?, *header.get(1)?]);
    let refusal = Message::error_msg(id, OpCode::Query, ResponseCode::FormErr);
    if is_answer { None } else { refusal.to_vec().ok() }
}

fn fill(names: &Names, source: Ipv4Addr, query: &Message, reply: &mut Message) {
    let code = &mut reply.metadata.response_code;
    if query.metadata.op_code != OpCode::Query {
        *code = ResponseCode::NotImp;
        return;
    }
    let [question] = query.queries.as_slice() else {
        *code = ResponseCode::FormErr;
        return;
    };
    if question.query_class != DNSClass::IN {
        *code = ResponseCode::Refused;
        return;
    }
    let asked = question.name.to_lowercase().to_ascii();
    let answer = look_up(names, source, asked.trim_end_matches('.'));
    if write(&answer, question.query_type, &question.name, reply).is_none() {
        reply.answers.clear();
        reply.metadata.response_code = ResponseCode::ServFail;
    }
}

/// The answer's records. None if a name cannot be written, which the cloud's own names always can.
fn write(answer: &Answer, wanted: RecordType, asked: &Name, reply: &mut Message) -> Option<()> {
    let wants_addresses = matches!(wanted, RecordType::A | RecordType::ANY);
    for step in &answer.steps {
        match step {
            Step::Alias { name, target, ttl } => {
                let alias = RData::CNAME(CNAME(absolute(target)?));
                reply.add_answer(Record::from_rdata(owner(name, asked)?, *ttl, alias));
                if wanted == RecordType::CNAME {
                    return Some(());
                }
            }
            Step::Address { name, address, ttl } if wants_addresses => {
                reply.add_answer(Record::from_rdata(owner(name, asked)?, *ttl, RData::A(A(*address))));
            }
            Step::Address { .. } => {}
        }
    }
    match &answer.end {
        End::Found if wants_addresses => {}
        // It exists and has none of that type, such as an IPv6 address.
        End::Found => {
            let last = answer.steps.iter().rev().find_map(|step| match step {
                Step::Address { name, .. } => name.split_once('.').map(|(_, domain)| domain),
                Step::Alias { .. } => None,
            });
            reply.add_authority(soa(last.unwrap_or_default())?);
        }
        End::Empty(domain) if wanted == RecordType::SOA && asked.to_lowercase() == absolute(domain)? => {
            reply.add_answer(soa(domain)?);
        }
        End::Empty(domain) => drop(reply.add_authority(soa(domain)?)),
        End::NoSuchName(domain) => {
            reply.metadata.response_code = ResponseCode::NXDomain;
            reply.add_authority(soa(domain)?);
        }
        End::NotOurs => reply.metadata.response_code = ResponseCode::Refused,
    }
    Some(())
}

/// The name as it was asked, whose case clients may compare, or as we write it.
fn owner(name: &str, asked: &Name) -> Option<Name> {
    let name = absolute(name)?;
    // As the asker spells it: some check that.
    Some(if name == asked.to_lowercase() { asked.clone() } else { name })
}

fn absolute(name: &str) -> Option<Name> {
    Name::from_ascii(format!("{name}.")).ok()
}

fn soa(domain: &str) -> Option<Record> {
    let (host, email) = (Name::from_ascii(SOA_HOST).ok()?, Name::from_ascii(SOA_EMAIL).ok()?);
    let soa = SOA::new(host, email, 1, SOA_REFRESH, SOA_RETRY, SOA_EXPIRE, SOA_MINIMUM);
    Some(Record::from_rdata(absolute(domain)?, SOA_TTL, RData::SOA(soa)))
}
