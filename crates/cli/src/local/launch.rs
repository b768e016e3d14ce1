//! What is looked at before a process is started.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{SocketAddr, TcpListener};

use crate::exit::{Failure, Outcome};

/// Said at once, and by its name: the process itself could only say it in its log.
pub(super) fn check_free(address: SocketAddr, name: &str) -> Outcome<()> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(err) => Err(Failure::error(format!("{name} cannot listen on {address}: {err}")).hint(format!(
            "find out who does with `ss -ltnp 'src {}'`, end it, and run the same command again",
            address.ip()
        ))),
    }
}

/// Tells one content from another; not a secret and not a signature.
pub(super) fn fingerprint(content: &str) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
