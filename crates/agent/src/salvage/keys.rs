//! Which keys a command of the replication stream writes. Only for counting and for telling our own keys from
//! applications': the saved bytes do not depend on it.

use tidelock_resp::Command;

/// Keys that are ours: gateways' stamps, canaries.
const OWN_PREFIX: &[u8] = b"tidelock:";

/// Whose doing a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Applications'.
    Application,
    /// Our own stamps, canaries and records.
    Tidelock,
    /// The stream's own: SELECT, PING, MULTI, EXEC.
    Stream,
}

/// Whose doing it is. What is not known counts as applications'.
pub(super) fn origin(command: &Command) -> Origin {
    if ["SELECT", "PING", "REPLCONF", "MULTI", "EXEC"].iter().any(|name| command.is(name)) {
        return Origin::Stream;
    }
    let own = |name: &[u8]| name.starts_with(OWN_PREFIX);
    let ours = if command.is("PUBLISH") || command.is("SPUBLISH") {
        command.arg(1).is_some_and(own)
    } else {
        let keys = written_keys(command);
        !keys.is_empty() && keys.iter().all(|key| own(key))
    };
    if ours { Origin::Tidelock } else { Origin::Application }
}

/// The keys it writes. Scripts come as the commands they ran; a command that is not known is taken to write its first
/// argument.
pub(super) fn written_keys(command: &Command) -> Vec<&[u8]> {
    let name = command.name().to_ascii_uppercase();
    let arguments = || command.args().skip(1);
    match name.as_slice() {
        b"SELECT" | b"PING" | b"REPLCONF" | b"MULTI" | b"EXEC" | b"PUBLISH" | b"SPUBLISH" | b"FUNCTION" | b"SCRIPT"
        | b"FLUSHALL" | b"FLUSHDB" | b"SWAPDB" => Vec::new(),
        b"DEL" | b"UNLINK" => arguments().collect(),
        b"MSET" | b"MSETNX" => arguments().step_by(2).collect(),
        b"RENAME" | b"RENAMENX" | b"SMOVE" | b"LMOVE" | b"BLMOVE" | b"RPOPLPUSH" | b"BRPOPLPUSH" => {
            arguments().take(2).collect()
        }
        b"COPY" | b"BITOP" | b"XGROUP" => arguments().skip(1).take(1).collect(),
        b"SORT" | b"GEORADIUS" | b"GEORADIUSBYMEMBER" => {
            let stores = |word: &[u8]| word.eq_ignore_ascii_case(b"STORE") || word.eq_ignore_ascii_case(b"STOREDIST");
            arguments().skip_while(|word| !stores(word)).skip(1).take(1).collect()
        }
        _ => arguments().take(1).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(words: &[&str]) -> Vec<String> {
        let command = Command::from_args(words);
        written_keys(&command).iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect()
    }

    #[test]
    fn keys_are_found_where_the_command_has_them() {
        assert_eq!(keys(&["SET", "a", "1"]), ["a"]);
        assert_eq!(keys(&["mset", "a", "1", "b", "2"]), ["a", "b"]);
        assert_eq!(keys(&["DEL", "a", "b"]), ["a", "b"]);
        assert_eq!(keys(&["COPY", "a", "b"]), ["b"]);
        assert_eq!(keys(&["BITOP", "AND", "dest", "a", "b"]), ["dest"]);
        assert_eq!(keys(&["SORT", "a", "STORE", "b"]), ["b"]);
        assert_eq!(keys(&["RENAME", "a", "b"]), ["a", "b"]);
        assert_eq!(keys(&["MULTI"]), [""; 0]);
    }

    #[test]
    fn ours_is_told_from_applications() {
        let of = |words: &[&str]| origin(&Command::from_args(words));
        assert_eq!(of(&["SET", "tidelock:stamp:x", "1"]), Origin::Tidelock);
        assert_eq!(of(&["SPUBLISH", "tidelock:clock", "1 2"]), Origin::Tidelock);
        assert_eq!(of(&["DEL", "tidelock:stamp:x", "theirs"]), Origin::Application);
        assert_eq!(of(&["PUBLISH", "news", "x"]), Origin::Application);
        assert_eq!(of(&["FLUSHALL"]), Origin::Application);
        assert_eq!(of(&["SELECT", "0"]), Origin::Stream);
    }
}
