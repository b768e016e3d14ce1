//! Records of epoch and time in the replication stream, which itself carries neither.
//!
//! `SPUBLISH` is replicated, also where nobody subscribes, and touches no key: no permission on data is needed, an engine
//! at its `maxmemory` does not refuse it, an engine without data keeps looking empty, and, unlike `PUBLISH`, it does not
//! reach applications that subscribe to patterns.

use tidelock_model::Epoch;
use tidelock_redis_client::acl::RECORD_CHANNEL;
use tidelock_resp::Command;

/// What a record says: everything after it was written under this epoch, and not before this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Record {
    /// The writer's epoch.
    pub epoch: Epoch,
    /// Milliseconds since 1970 by the writer region's wall clock: for people, not for decisions.
    pub unix_ms: u64,
}

/// The command that puts a record into the stream.
#[must_use]
pub fn record_command(epoch: Epoch, unix_ms: u64) -> Vec<String> {
    vec!["SPUBLISH".to_owned(), RECORD_CHANNEL.to_owned(), format!("{epoch} {unix_ms}")]
}

/// Reads a record; none if the command is something else.
///
/// Whoever may publish can write a record, applications too: it dates what is around it and proves nothing.
#[must_use]
pub fn parse_record(command: &Command) -> Option<Record> {
    let is_record = command.len() == 3 && command.is("SPUBLISH") && command.arg(1) == Some(RECORD_CHANNEL.as_bytes());
    let text = std::str::from_utf8(command.arg(2).filter(|_| is_record)?).ok()?;
    let (epoch, unix_ms) = text.split_once(' ')?;
    Some(Record { epoch: Epoch(epoch.parse().ok()?), unix_ms: unix_ms.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_nothing_else_is() {
        let written = record_command(Epoch(7), 1_700_000_000_123);
        let read = parse_record(&Command::from_args(&written));
        assert_eq!(read, Some(Record { epoch: Epoch(7), unix_ms: 1_700_000_000_123 }));
        for other in [
            &["SPUBLISH", "tidelock:clock", "7"][..],
            &["SPUBLISH", "tidelock:clock", "7 x"],
            &["SPUBLISH", "other", "7 1"],
            &["PUBLISH", "tidelock:clock", "7 1"],
            &["SPUBLISH", "tidelock:clock", "7 1", "2"],
        ] {
            assert_eq!(parse_record(&Command::from_args(other)), None, "{other:?}");
        }
    }
}
