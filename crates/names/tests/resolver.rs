//! What is asked, what is remembered, and what happens when the server is silent: against a real server on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME};
use hickory_proto::rr::{Name, RData, Record};
use tidelock_model::{BootTime, Clock, ManualClock};
use tidelock_names::{Dial, LOOKUP_LIMIT, NameError, Network, RECHECK_AFTER, Resolver, STALE_LIMIT};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

const HOST: &str = "redis-app.eastus2.redis.azure.net";
const PRIVATE: &str = "redis-app.eastus2.privatelink.redis.azure.net.";
const TTL: u32 = 10;

/// What the server does with a question.
#[derive(Clone, Debug)]
enum Does {
    Answers(Vec<Ipv4Addr>),
    SaysNo,
    Fails,
    SaysNothing,
    /// Another question's answer first, then the right one.
    IsSpoofed(Ipv4Addr),
    /// Over UDP it says that the answer does not fit.
    NeedsTcp(Ipv4Addr),
}

struct Server {
    address: SocketAddr,
    does: Arc<Mutex<Does>>,
    asked: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Server {
    async fn start(does: Does) -> Self {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let server =
            Self { address: udp.local_addr().unwrap(), does: Arc::new(Mutex::new(does)), asked: Arc::default() };
        let (does, asked) = (Arc::clone(&server.does), Arc::clone(&server.asked));
        tokio::spawn(async move {
            let mut room = [0; 512];
            loop {
                let (length, from) = udp.recv_from(&mut room).await.unwrap();
                asked.lock().unwrap().push(from);
                let does = does.lock().unwrap().clone();
                for reply in replies(&room[..length], &does) {
                    udp.send_to(&reply, from).await.unwrap();
                }
            }
        });
        let does = Arc::clone(&server.does);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = tcp.accept().await.unwrap();
                let Does::NeedsTcp(address) = does.lock().unwrap().clone() else { panic!("asked over TCP") };
                let mut question = vec![0; stream.read_u16().await.unwrap().into()];
                stream.read_exact(&mut question).await.unwrap();
                let reply = replies(&question, &Does::Answers(vec![address])).remove(0);
                stream.write_u16(reply.len().try_into().unwrap()).await.unwrap();
                stream.write_all(&reply).await.unwrap();
            }
        });
        server
    }

    fn now(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }

    fn questions(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn resolver(&self) -> (Resolver, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::starting_at(BootTime::from_nanos(1_000_000_000_000)));
        (Resolver::with_clock(Some(self.address), None, Arc::clone(&clock) as Arc<dyn Clock>), clock)
    }
}

fn replies(question: &[u8], does: &Does) -> Vec<Vec<u8>> {
    let question = Message::from_vec(question).unwrap();
    let mut reply = Message::response(question.metadata.id, question.metadata.op_code);
    assert_eq!(question.metadata.message_type, MessageType::Query);
    reply.queries = question.queries;
    let name = reply.queries[0].name.clone();
    let mut answer = |addresses: &[Ipv4Addr]| {
        let private: Name = PRIVATE.parse().unwrap();
        reply.add_answer(Record::from_rdata(name.clone(), 60, RData::CNAME(CNAME(private.clone()))));
        for address in addresses {
            reply.add_answer(Record::from_rdata(private.clone(), TTL, RData::A(A(*address))));
        }
        reply.to_vec().unwrap()
    };
    match does {
        Does::Answers(addresses) => vec![answer(addresses)],
        Does::IsSpoofed(address) => {
            let mut other = answer(&[Ipv4Addr::new(192, 0, 2, 1)]);
            other[0] ^= 0xff;
            reply.answers.clear();
            let private: Name = PRIVATE.parse().unwrap();
            reply.add_answer(Record::from_rdata(name, 60, RData::CNAME(CNAME(private.clone()))));
            reply.add_answer(Record::from_rdata(private, TTL, RData::A(A(*address))));
            vec![b"no message".to_vec(), other, reply.to_vec().unwrap()]
        }
        Does::SaysNo => {
            reply.metadata.response_code = ResponseCode::NXDomain;
            vec![reply.to_vec().unwrap()]
        }
        Does::Fails => {
            reply.metadata.response_code = ResponseCode::ServFail;
            vec![reply.to_vec().unwrap()]
        }
        Does::SaysNothing => vec![],
        Does::NeedsTcp(_) => {
            reply.metadata.truncation = true;
            vec![reply.to_vec().unwrap()]
        }
    }
}

fn at(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 9, last)
}

fn ip(last: u8) -> Vec<IpAddr> {
    vec![IpAddr::V4(at(last))]
}

#[tokio::test]
async fn an_answer_holds_for_its_shortest_time_to_live() {
    let server = Server::start(Does::Answers(vec![at(1)])).await;
    let (resolver, clock) = server.resolver();
    assert_eq!(resolver.lookup(HOST).await.unwrap(), ip(1));
    server.now(Does::Answers(vec![at(2)]));
    clock.advance(Duration::from_secs(u64::from(TTL)) - Duration::from_millis(1));
    assert_eq!(resolver.lookup(&format!("{}.", HOST.to_uppercase())).await.unwrap(), ip(1));
    assert_eq!(server.questions(), 1);
    clock.advance(Duration::from_millis(1));
    assert_eq!(resolver.lookup(HOST).await.unwrap(), ip(2));
    assert_eq!(resolver.lookup("127.0.0.7").await.unwrap(), [IpAddr::from([127, 0, 0, 7])]);
    assert_eq!(server.questions(), 2);
}

#[tokio::test]
async fn the_last_answer_is_used_while_the_server_is_silent_or_fails_and_not_for_ever() {
    let server = Server::start(Does::Answers(vec![at(1)])).await;
    let (resolver, clock) = server.resolver();
    resolver.lookup(HOST).await.unwrap();
    for does in [Does::SaysNothing, Does::Fails] {
        server.now(does);
        clock.advance(Duration::from_secs(u64::from(TTL)));
        assert_eq!(resolver.lookup(HOST).await.unwrap(), ip(1));
        // It is not asked by everybody, and asked again soon.
        let asked = server.questions();
        assert_eq!(resolver.lookup(HOST).await.unwrap(), ip(1));
        assert_eq!(server.questions(), asked);
        clock.advance(RECHECK_AFTER);
        assert_eq!(resolver.lookup(HOST).await.unwrap(), ip(1));
        assert!(server.questions() > asked);
    }
    clock.advance(STALE_LIMIT);
    let lost = resolver.lookup(HOST).await.unwrap_err();
    assert!(matches!(&lost, NameError::NoAnswer { .. }), "{lost}");
    server.now(Does::Answers(vec![at(2)]));
    assert_eq!(resolver.lookup(HOST).await.unwrap(), ip(2));
}

#[tokio::test]
async fn a_no_counts_at_once_and_is_not_remembered() {
    let server = Server::start(Does::Answers(vec![at(1)])).await;
    let (resolver, clock) = server.resolver();
    resolver.lookup(HOST).await.unwrap();
    for no in [Does::SaysNo, Does::Answers(vec![])] {
        server.now(no);
        clock.advance(Duration::from_secs(u64::from(TTL)));
        let denied = resolver.lookup(HOST).await.unwrap_err();
        assert!(denied.is_denial(), "{denied}");
        // The old address is forgotten: silence afterwards does not bring it back.
        server.now(Does::Fails);
        assert!(resolver.lookup(HOST).await.is_err());
        server.now(Does::Answers(vec![at(1)]));
        assert_eq!(resolver.lookup(HOST).await.unwrap(), ip(1));
    }
}

#[tokio::test]
async fn who_waits_at_the_same_time_shares_one_question_and_its_failure() {
    let server = Server::start(Does::Answers(vec![at(1)])).await;
    let resolver = Resolver::server(server.address, None);
    let lookups: Vec<_> = (0..50)
        .map(|_| {
            let resolver = resolver.clone();
            tokio::spawn(async move { resolver.lookup(HOST).await })
        })
        .collect();
    for lookup in lookups {
        assert_eq!(lookup.await.unwrap().unwrap(), ip(1));
    }
    assert_eq!(server.questions(), 1);

    server.now(Does::SaysNothing);
    let other = "other.eastus2.redis.azure.net";
    let lookups: Vec<_> = (0..50)
        .map(|_| {
            let resolver = resolver.clone();
            tokio::spawn(async move { resolver.lookup(other).await })
        })
        .collect();
    let all = async {
        for lookup in lookups {
            assert!(matches!(lookup.await.unwrap(), Err(NameError::NoAnswer { .. })));
        }
    };
    tokio::time::timeout(LOOKUP_LIMIT * 10, all).await.expect("each waited for its own question");
}

#[tokio::test]
async fn answers_that_do_not_fit_come_over_tcp_and_strangers_answers_are_not_believed() {
    let server = Server::start(Does::NeedsTcp(at(3))).await;
    assert_eq!(Resolver::server(server.address, None).lookup(HOST).await.unwrap(), ip(3));
    server.now(Does::IsSpoofed(at(4)));
    assert_eq!(Resolver::server(server.address, None).lookup(HOST).await.unwrap(), ip(4));
}

#[tokio::test]
async fn questions_come_from_the_address_that_is_ours() {
    let server = Server::start(Does::Answers(vec![at(1)])).await;
    let ours = IpAddr::from([127, 0, 9, 77]);
    let network = Network { dns_server: Some(server.address), source: Some(ours) };
    network.resolver().lookup(HOST).await.unwrap();
    assert_eq!(server.asked.lock().unwrap()[0].ip(), ours);
}

#[tokio::test]
async fn a_server_that_does_not_run_is_told_at_once() {
    let free = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gone = Resolver::server(free, None).lookup(HOST).await.unwrap_err();
    assert!(matches!(&gone, NameError::NoAnswer { reason, .. } if reason.contains("refused")), "{gone}");
    let bad = Resolver::server(free, None).lookup("a..b").await.unwrap_err();
    assert!(matches!(bad, NameError::BadName { .. }), "{bad}");
}

/// The endpoint moves: who cannot connect asks again before the time to live is over.
#[tokio::test]
async fn an_address_that_refuses_is_doubted() {
    let listener = TcpListener::bind((at(6), 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server::start(Does::Answers(vec![at(5)])).await;
    let (resolver, clock) = server.resolver();
    let ours = IpAddr::from([127, 0, 9, 78]);
    let dial = Dial::new(resolver, HOST, port, Some(ours));
    let connect = || dial.connect(async |stream| Ok(stream));
    connect().await.unwrap_err();
    server.now(Does::Answers(vec![at(6)]));
    // At once it would ask for every attempt.
    connect().await.unwrap_err();
    assert_eq!(server.questions(), 1);
    clock.advance(Duration::from_millis(500));
    connect().await.unwrap_err();
    connect().await.unwrap();
    assert_eq!(server.questions(), 2);
    assert_eq!(listener.accept().await.unwrap().1.ip(), ours);

    // Who connects but finds the wrong server there doubts it too, and so does who gives up waiting.
    clock.advance(Duration::from_millis(500));
    dial.connect(async |_| Err::<(), _>(std::io::Error::other("another's certificate"))).await.unwrap_err();
    connect().await.unwrap();
    assert_eq!(server.questions(), 3);
    clock.advance(Duration::from_millis(500));
    let waiting = dial.connect(async |_| std::future::pending::<std::io::Result<()>>().await);
    tokio::time::timeout(Duration::from_millis(50), waiting).await.unwrap_err();
    connect().await.unwrap();
    assert_eq!(server.questions(), 4);
}

#[tokio::test]
async fn without_a_server_the_system_is_asked() {
    let found = Resolver::system().lookup("localhost").await.unwrap();
    assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty(), "{found:?}");
}
