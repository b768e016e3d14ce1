//! Where another region's replica reaches an engine. Replication comes through and nothing else: what a replica sends is
//! read and checked, so even the right password of another user is of no use here.

mod filter;

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

pub(crate) use filter::Filter;

/// One read from a replica, in bytes; it sends little but acknowledgements.
const READ_BYTES: usize = 4 * 1024;

/// Once the engine is gone, what it had sent is still delivered, for as long as this at most.
const TAIL_DEADLINE: Duration = Duration::from_secs(5);

/// Carries one connection until either side ends it, or the replica's side asks for something else than replication.
pub(crate) async fn carry(replica: TcpStream, socket: &Path, user: &'static str) -> io::Result<()> {
    let engine = UnixStream::connect(socket).await?;
    replica.set_nodelay(true)?;
    let (mut from_replica, mut to_replica) = replica.into_split();
    let (mut from_engine, mut to_engine) = engine.into_split();
    let requests = async {
        let mut filter = Filter::new(user);
        let mut buffer = BytesMut::with_capacity(READ_BYTES);
        loop {
            if from_replica.read_buf(&mut buffer).await? == 0 {
                return Ok::<_, io::Error>(Ended::Replica);
            }
            let mut allowed = filter.pass(&mut buffer)?;
            while allowed.has_remaining() {
                if to_engine.write_buf(&mut allowed).await.is_err() {
                    return Ok(Ended::Engine);
                }
            }
        }
    };
    let stream = tokio::io::copy(&mut from_engine, &mut to_replica);
    tokio::pin!(stream);
    // Whichever side ends first ends the link: a replica that is gone needs no data, and one whose leader is gone
    // connects anew. But an engine that was killed has usually sent more than has been delivered: the last bytes of its
    // history, acknowledged to its clients. They are the replica's whether or not the engine still takes answers.
    let ended = tokio::select! {
        ended = requests => ended?,
        ended = &mut stream => return ended.map(drop),
    };
    match ended {
        Ended::Replica => Ok(()),
        Ended::Engine => match tokio::time::timeout(TAIL_DEADLINE, stream).await {
            Ok(ended) => ended.map(drop),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the replica does not take the end of the stream")),
        },
    }
}

/// Which side of a link is gone.
enum Ended {
    Replica,
    Engine,
}
