//! Where another region's replica reaches an engine. Replication comes through and nothing else: what a replica sends is
//! read and checked, so even the right password of another user is of no use here.

mod filter;

use std::io;
use std::path::Path;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

pub(crate) use filter::Filter;

/// One read from a replica, in bytes; it sends little but acknowledgements.
const READ_BYTES: usize = 4 * 1024;

/// Carries one connection until either side ends it, or the replica's side asks for something else than replication.
pub(crate) async fn carry(replica: TcpStream, socket: &Path) -> io::Result<()> {
    let engine = UnixStream::connect(socket).await?;
    let (mut from_replica, mut to_replica) = replica.into_split();
    let (mut from_engine, mut to_engine) = engine.into_split();
    let requests = async {
        let mut filter = Filter::default();
        let mut buffer = BytesMut::with_capacity(READ_BYTES);
        loop {
            if from_replica.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            let mut allowed = filter.pass(&mut buffer)?;
            while allowed.has_remaining() {
                to_engine.write_buf(&mut allowed).await?;
            }
        }
    };
    // Whichever side ends first ends the link: a replica that is gone needs no data, and one whose leader is gone
    // connects anew.
    tokio::select! {
        ended = requests => ended,
        ended = tokio::io::copy(&mut from_engine, &mut to_replica) => ended.map(drop),
    }
}
