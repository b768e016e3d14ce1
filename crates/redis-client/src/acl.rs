//! What each user of an engine may do, in each of the engine's roles. The one place where this is written down.

use sha2::{Digest, Sha256};
use tidelock_model::{ExposeSecret, SecretString};

/// Applications, through a gateway: its passwords are the cache's primary and secondary access key.
pub const DEFAULT_USER: &str = "default";
/// Replicas of this engine. It can replicate and nothing else.
pub const LINK_USER: &str = "tidelock-link";
/// The region's agent: roles, users, and the replication stream, out of which it saves what only a returning engine has.
/// No command on data. (Whoever may change users could give himself more: the account is a guard against mistakes, not
/// against its own owner.)
pub const KEEPER_USER: &str = "tidelock-keeper";
/// The local cloud: everything, over the Unix socket.
pub const CLOUD_USER: &str = "tidelock-cloud";

/// What an engine is open for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineProfile {
    /// Nobody but agent and cloud: how every engine starts.
    Isolated,
    /// Applications may read; nobody may replicate from it.
    Reader,
    /// As a reader, but those that follow it stay connected and take the rest of the stream: a writer handing over.
    Frozen,
    /// Applications may read and write; others may replicate from it.
    Writer,
}

/// No permission of any kind; the start of every list of rules, so that applying one does not depend on what was before.
const NOTHING: [&str; 3] = ["resetkeys", "resetchannels", "-@all"];

/// What applications may do anywhere. `@admin` and `@dangerous` cover what Azure blocks, except those named one by one;
/// of the dangerous ones, applications need a few that harm nobody.
const APPLICATION: [&str; 12] = [
    "~*",
    "&*",
    "+@all",
    "-@admin",
    "-@dangerous",
    "-move",
    "-select",
    "-cluster",
    "-script|debug",
    "+info",
    "+keys",
    "+sort_ro",
];

/// A writer also accepts the dangerous ones that write.
const WRITES: [&str; 2] = ["+sort", "+restore"];

/// A reader accepts nothing that changes data. PUBLISH on a replica would reach only its own subscribers.
const NO_WRITES: [&str; 3] = ["-@write", "-publish", "-spublish"];

/// The channel of the records of epoch and time that a writer's agent puts into the replication stream.
pub const RECORD_CHANNEL: &str = "tidelock:clock";

/// The keeper may put records into the stream of a writer and of nothing else: what a frozen engine's history ends with is
/// then certain, whatever its agent still has under way.
const RECORD: &str = "+spublish";
const NO_RECORD: &str = "-spublish";

const LINK: [&str; 3] = ["+psync", "+replconf", "+ping"];

const KEEPER: [&str; 15] = [
    "+ping",
    "+info",
    "+role",
    "+dbsize",
    "+replicaof",
    "+acl|setuser",
    "+acl|getuser",
    "+acl|whoami",
    "+client|kill",
    "+client|list",
    "+client|id",
    "+client|setname",
    "+psync",
    "+replconf",
    "&tidelock:clock",
];

const CLOUD: [&str; 3] = ["~*", "&*", "+@all"];

/// The commands that give an engine a profile, in order. All of them can be repeated.
///
/// Turning a user off does not cut the connections it has, so the commands that do follow: once the last command is
/// answered, nobody who may no longer use the engine is connected to it.
#[must_use]
pub fn profile_commands(profile: EngineProfile) -> Vec<Vec<String>> {
    let (applications, link) = match profile {
        EngineProfile::Isolated => (rules("off", &[]), rules("off", &[])),
        EngineProfile::Reader => (rules("on", &[&APPLICATION, &NO_WRITES]), rules("off", &[])),
        EngineProfile::Frozen => (rules("on", &[&APPLICATION, &NO_WRITES]), rules("on", &[&LINK])),
        EngineProfile::Writer => (rules("on", &[&APPLICATION, &WRITES]), rules("on", &[&LINK])),
    };
    let record = if profile == EngineProfile::Writer { RECORD } else { NO_RECORD };
    let mut commands = vec![
        // First: a user's rules are changed at once or not at all, and the rest must find the keeper as it was.
        set_user(KEEPER_USER, words(&[record])),
        set_user(DEFAULT_USER, applications),
        set_user(LINK_USER, link),
    ];
    if matches!(profile, EngineProfile::Isolated | EngineProfile::Reader) {
        commands.push(words(&["CLIENT", "KILL", "USER", LINK_USER]));
    }
    if profile == EngineProfile::Isolated {
        // By type: on a replica the connection to its leader runs as the default user and must live.
        commands.push(words(&["CLIENT", "KILL", "TYPE", "normal", "USER", DEFAULT_USER]));
        commands.push(words(&["CLIENT", "KILL", "TYPE", "pubsub", "USER", DEFAULT_USER]));
    }
    commands
}

/// The `user` lines of an engine's configuration file, in the isolated profile: an engine that restarts lets nobody in
/// until its agent has asked the register. Passwords stand there as SHA-256 only.
#[must_use]
pub fn config_file_users(
    default_passwords: [&SecretString; 2],
    link: &SecretString,
    keeper: &SecretString,
    cloud: &SecretString,
) -> SecretString {
    let [primary, secondary] = default_passwords;
    let lines = [
        user_line(DEFAULT_USER, &[primary, secondary], &rules("off", &[])),
        user_line(LINK_USER, &[link], &rules("off", &[])),
        user_line(KEEPER_USER, &[keeper], &rules("on", &[&KEEPER])),
        user_line(CLOUD_USER, &[cloud], &rules("on", &[&CLOUD])),
    ];
    SecretString::from(lines.concat())
}

/// The commands that give the default user these two passwords and no others: after a key was regenerated. Connections
/// that were made with an old key stay, as on Azure.
#[must_use]
pub fn password_commands(default_passwords: [&SecretString; 2]) -> Vec<Vec<String>> {
    let [primary, secondary] = default_passwords;
    let mut rules = vec!["resetpass".to_owned()];
    rules.extend([primary, secondary].map(password_hash));
    vec![set_user(DEFAULT_USER, rules)]
}

fn user_line(name: &str, passwords: &[&SecretString], rules: &[String]) -> String {
    let hashes: Vec<String> = passwords.iter().map(|password| password_hash(password)).collect();
    format!("user {name} {} {}\n", rules.join(" "), hashes.join(" "))
}

fn password_hash(password: &SecretString) -> String {
    let digest = Sha256::digest(password.expose_secret().as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("#{hex}")
}

fn rules(switch: &str, parts: &[&[&str]]) -> Vec<String> {
    std::iter::once(switch)
        .chain(NOTHING)
        .chain(parts.iter().flat_map(|part| part.iter().copied()))
        .map(str::to_owned)
        .collect()
}

fn set_user(name: &str, rules: Vec<String>) -> Vec<String> {
    let mut command = words(&["ACL", "SETUSER", name]);
    command.extend(rules);
    command
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_holds_hashes_and_lets_nobody_in() {
        let secret = |text: &str| SecretString::from(text.to_owned());
        let lines = config_file_users([&secret("abc"), &secret("two")], &secret("l"), &secret("k"), &secret("c"));
        let lines = lines.expose_secret();
        assert_eq!(lines.lines().count(), 4);
        assert!(lines.starts_with("user default off resetkeys resetchannels -@all #ba7816bf8f01cfea"), "{lines}");
        assert!(!lines.contains("two"));
    }
}
