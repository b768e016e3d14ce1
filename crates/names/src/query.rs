//! One question to one DNS server: over UDP, again over TCP if the answer did not fit.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::time::timeout;

/// The question is sent again after this: a packet may be lost.
const RESEND_AFTER: Duration = Duration::from_millis(150);
/// What we are ready to receive over UDP: what passes any path unfragmented.
const UDP_BYTES: u16 = 1232;
/// Names that lead to each other in one answer.
const ALIASES_MAX: usize = 8;
/// Addresses taken from one answer.
const ADDRESSES_MAX: usize = 16;

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The name leads there, for so long.
    Addresses(Vec<IpAddr>, Duration),
    /// It leads nowhere, and why.
    Nothing(String),
}

/// Asks for the IPv4 addresses of `name`: private endpoints have no others. Goes on asking until it is dropped.
pub(crate) async fn ask(server: SocketAddr, source: Option<IpAddr>, name: &Name) -> io::Result<Answer> {
    let question = question(name);
    let packet = question.to_vec().map_err(io::Error::other)?;
    let answer = over_udp(server, source, &question, &packet).await?;
    let answer = if answer.metadata.truncation { over_tcp(server, source, &question, &packet).await? } else { answer };
    read(name, &answer)
}

fn question(name: &Name) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name.clone(), RecordType::A));
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_BYTES);
    message.set_edns(edns);
    message
}

async fn over_udp(
    server: SocketAddr,
    source: Option<IpAddr>,
    question: &Message,
    packet: &[u8],
) -> io::Result<Message> {
    let any = if server.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
    // A socket of its own for each question: a port that is hard to guess. Connected: others' packets do not come in, and
    // that nobody listens is told.
    let socket = UdpSocket::bind(SocketAddr::new(from(source, server).unwrap_or(any), 0)).await?;
    socket.connect(server).await?;
    let mut room = vec![0; usize::from(UDP_BYTES)];
    loop {
        socket.send(packet).await?;
        let received = timeout(RESEND_AFTER, async {
            loop {
                let length = socket.recv(&mut room).await?;
                if let Some(answer) = room.get(..length).and_then(|bytes| answer_to(question, bytes)) {
                    return io::Result::Ok(answer);
                }
            }
        });
        if let Ok(answer) = received.await {
            return answer;
        }
    }
}

async fn over_tcp(
    server: SocketAddr,
    source: Option<IpAddr>,
    question: &Message,
    packet: &[u8],
) -> io::Result<Message> {
    let socket = if server.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = from(source, server) {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let mut stream = socket.connect(server).await?;
    let length = u16::try_from(packet.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], packet].concat()).await?;
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes).await?;
    answer_to(question, &bytes).ok_or_else(|| io::Error::other("what came over TCP is no answer to the question"))
}

fn from(source: Option<IpAddr>, server: SocketAddr) -> Option<IpAddr> {
    source.filter(|source| source.is_ipv4() == server.is_ipv4())
}

/// What answers this very question; anything else that arrives is not looked at.
fn answer_to(question: &Message, bytes: &[u8]) -> Option<Message> {
    let answer = Message::from_vec(bytes).ok()?;
    let ours = answer.metadata.message_type == MessageType::Response
        && answer.metadata.id == question.metadata.id
        // A server that could not read the question may leave it out.
        && (answer.queries.is_empty() && answer.metadata.response_code != ResponseCode::NoError
            || same_question(&answer, question));
    ours.then_some(answer)
}

fn same_question(answer: &Message, question: &Message) -> bool {
    let [asked] = question.queries.as_slice() else { return false };
    matches!(answer.queries.as_slice(), [query] if query.name == asked.name && query.query_type == asked.query_type)
}

/// The addresses at the end of the chain of aliases, for as long as its shortest-lived part.
fn read(asked: &Name, answer: &Message) -> io::Result<Answer> {
    match answer.metadata.response_code {
        ResponseCode::NoError => {}
        ResponseCode::NXDomain => return Ok(Answer::Nothing("that there is no such name (NXDOMAIN)".to_owned())),
        code => return Err(io::Error::other(format!("it answers {code}"))),
    }
    let mut name = asked.clone();
    let mut ttl = u32::MAX;
    for _ in 0..=ALIASES_MAX {
        let here = || answer.answers.iter().filter(|record| record.name == name);
        let addresses: Vec<(Ipv4Addr, u32)> = here()
            .filter_map(|record| match &record.data {
                RData::A(address) => Some((address.0, record.ttl)),
                _ => None,
            })
            .take(ADDRESSES_MAX)
            .collect();
        if let Some(shortest) = addresses.iter().map(|(_, ttl)| *ttl).min() {
            let ttl = Duration::from_secs(ttl.min(shortest).into());
            return Ok(Answer::Addresses(addresses.into_iter().map(|(address, _)| address.into()).collect(), ttl));
        }
        let alias = here().find_map(|record| match &record.data {
            RData::CNAME(target) => Some((target.0.clone(), record.ttl)),
            _ => None,
        });
        let Some((target, alias_ttl)) = alias else { break };
        ttl = ttl.min(alias_ttl);
        name = target;
    }
    Ok(Answer::Nothing(format!("that {name} has no IPv4 address")))
}
