//! A region's DNS server: one socket for UDP, one listener for TCP.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::message::{Carrier, TCP_BYTES_MAX, reply};
use super::view::{DnsDesired, Names};
use crate::https;

/// The longest question that is read; anything longer is no question for an address.
const QUESTION_BYTES_MAX: usize = 4096;
/// TCP connections at a time: clients come by TCP only when an answer did not fit.
const CONNECTION_LIMIT: usize = 64;
/// A TCP client that asks nothing, or does not read, for so long is disconnected.
const IDLE_LIMIT: Duration = Duration::from_secs(5);
/// Questions on one TCP connection.
const QUESTIONS_MAX: usize = 100;
/// After receiving has failed, the next attempt is made after this.
const RECEIVE_PAUSE: Duration = Duration::from_millis(50);

/// The server of a region's process, if it runs.
#[derive(Default)]
pub(crate) struct DnsServer(Option<Running>);

struct Running {
    listen: SocketAddr,
    names: watch::Sender<Arc<Names>>,
    stop: CancellationToken,
    tasks: [JoinHandle<()>; 2],
}

impl DnsServer {
    /// Serves `desired` from now on; nothing, if it is none.
    ///
    /// # Errors
    /// In words, if its address cannot be had; the names are then not served.
    pub(crate) async fn apply(&mut self, desired: Option<&DnsDesired>, stop: &CancellationToken) -> Result<(), String> {
        let same = self.0.as_ref().map(|running| running.listen) == desired.map(|desired| desired.listen);
        if !same && let Some(running) = self.0.take() {
            running.stop.cancel();
            for task in running.tasks {
                task.await.ok();
            }
        }
        let Some(desired) = desired else { return Ok(()) };
        let names = Arc::new(desired.names.clone());
        if let Some(running) = &self.0 {
            running.names.send_replace(names);
            return Ok(());
        }
        let refused = |err: io::Error| format!("cannot answer DNS on {}: {err}", desired.listen);
        let udp = UdpSocket::bind(desired.listen).await.map_err(refused)?;
        let tcp = TcpListener::bind(desired.listen).await.map_err(refused)?;
        let (names, known) = watch::channel(names);
        let stop = stop.child_token();
        let tasks = [
            tokio::spawn(serve_udp(udp, known.clone(), stop.clone())),
            tokio::spawn(serve_tcp(tcp, known, stop.clone())),
        ];
        self.0 = Some(Running { listen: desired.listen, names, stop, tasks });
        Ok(())
    }
}

async fn serve_udp(socket: UdpSocket, names: watch::Receiver<Arc<Names>>, stop: CancellationToken) {
    let answering = async {
        let mut room = vec![0; QUESTION_BYTES_MAX];
        loop {
            let (length, from) = match socket.recv_from(&mut room).await {
                Ok(received) => received,
                // Such as that somebody has gone before his answer came.
                Err(err) => {
                    tracing::debug!(%err, "a question could not be received");
                    tokio::time::sleep(RECEIVE_PAUSE).await;
                    continue;
                }
            };
            let names = Arc::clone(&names.borrow());
            let Some(answer) = reply(&names, source(from), room.get(..length).unwrap_or_default(), Carrier::Udp) else {
                continue;
            };
            if let Err(err) = socket.send_to(&answer, from).await {
                tracing::debug!(%err, %from, "an answer could not be sent");
            }
        }
    };
    stop.run_until_cancelled(answering).await;
}

async fn serve_tcp(listener: TcpListener, names: watch::Receiver<Arc<Names>>, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(CONNECTION_LIMIT));
    while let Some((stream, slot)) = https::accept(&listener, &slots, &stop).await {
        let (names, stop) = (names.clone(), stop.clone());
        tokio::spawn(async move {
            let _slot = slot;
            if let Some(Err(err)) = stop.run_until_cancelled(converse(stream, &names)).await {
                tracing::debug!(%err, "a DNS connection ended");
            }
        });
    }
}

async fn converse(mut stream: TcpStream, names: &watch::Receiver<Arc<Names>>) -> io::Result<()> {
    let from = source(stream.peer_addr()?);
    for _ in 0..QUESTIONS_MAX {
        let Some(question) = timeout(IDLE_LIMIT, next_question(&mut stream)).await?? else { return Ok(()) };
        let names = Arc::clone(&names.borrow());
        let Some(answer) = reply(&names, from, &question, Carrier::Tcp) else { return Ok(()) };
        let length = u16::try_from(answer.len().min(TCP_BYTES_MAX)).unwrap_or(u16::MAX);
        timeout(IDLE_LIMIT, stream.write_all(&[&length.to_be_bytes()[..], &answer].concat())).await??;
    }
    Ok(())
}

/// None at the end of the connection.
async fn next_question(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let length = match stream.read_u16().await {
        Ok(length) => usize::from(length),
        Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(err) => return Err(err),
    };
    if length > QUESTION_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the question is too long"));
    }
    let mut question = vec![0; length];
    stream.read_exact(&mut question).await?;
    Ok(Some(question))
}

fn source(from: SocketAddr) -> Ipv4Addr {
    match from.ip() {
        IpAddr::V4(address) => address,
        IpAddr::V6(address) => address.to_ipv4_mapped().unwrap_or(Ipv4Addr::UNSPECIFIED),
    }
}
