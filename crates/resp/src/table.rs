//! What a command does, and therefore where it belongs.

use crate::commands::COMMANDS;
use crate::request::Command;

/// Why a command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedBecause {
    /// Azure Managed Redis blocks it too, or blocks it for members of a geo group.
    BlockedOnAzure,
    /// It manages the engine: that is done through Azure or by the agents.
    Administrative,
    /// It speaks about one connection to one engine, and a gateway stands between.
    NotThroughGateway,
}

impl RefusedBecause {
    /// In words, for the client.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::BlockedOnAzure => "Azure Managed Redis blocks it in a geo-replication group",
            Self::Administrative => "it manages the engine, which is done through Azure or by the agents",
            Self::NotThroughGateway => "it is about one connection to one engine, and a gateway stands between",
        }
    }
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It reads; any engine that is fresh enough can answer.
    Read,
    /// It changes data, or is about what happens where data is changed (WAIT, SCRIPT, PUBLISH).
    Write,
    /// It is about the connection.
    Connection,
    /// It begins or ends a subscription.
    Subscription,
    /// MULTI, EXEC, DISCARD, WATCH, UNWATCH.
    Transaction,
    /// It is not available.
    Refused(RefusedBecause),
}

/// Whether a command may wait for something to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocking {
    /// It answers at once.
    Never,
    /// It may wait.
    Always,
    /// It may wait if the word BLOCK is among its options.
    WithBlockOption,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct CommandSpec {
    /// In upper case.
    pub name: &'static str,
    /// What it does, and what its subcommands do that are not listed.
    pub does: Use,
    /// Whether it may wait.
    pub blocking: Blocking,
    /// Subcommands that differ, in upper case.
    pub subcommands: &'static [(&'static str, Use)],
}

/// What is to be done with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// What it does.
    pub does: Use,
    /// Whether it may wait.
    pub blocks: bool,
    /// Whether the table has it. A command it does not have counts as a write: that is always safe.
    pub known: bool,
}

/// The table, in the order of names.
#[must_use]
pub const fn all_commands() -> &'static [CommandSpec] {
    COMMANDS
}

/// No name in the table is longer; a longer one is not in it.
const LONGEST_NAME: usize = 24;

/// Looks a name up; case does not matter.
#[must_use]
pub fn lookup(name: &[u8]) -> Option<&'static CommandSpec> {
    let mut upper = [0_u8; LONGEST_NAME];
    let upper = upper.get_mut(..name.len())?;
    upper.copy_from_slice(name);
    upper.make_ascii_uppercase();
    let at = COMMANDS.binary_search_by(|spec| spec.name.as_bytes().cmp(upper)).ok()?;
    COMMANDS.get(at)
}

/// Says what a request does.
#[must_use]
pub fn classify(command: &Command) -> Class {
    let Some(spec) = lookup(command.name()) else {
        return Class { does: Use::Write, blocks: false, known: false };
    };
    let does = match command.arg(1) {
        Some(sub) if !spec.subcommands.is_empty() => spec
            .subcommands
            .iter()
            .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(sub))
            .map_or(spec.does, |(_, does)| *does),
        _ => spec.does,
    };
    let blocks = match spec.blocking {
        Blocking::Never => false,
        Blocking::Always => true,
        Blocking::WithBlockOption => has_block_option(command),
    };
    Class { does, blocks, known: true }
}

/// Options end at the word STREAMS; what follows are keys, one of which may be called BLOCK.
fn has_block_option(command: &Command) -> bool {
    command
        .args()
        .skip(1)
        .take_while(|arg| !arg.eq_ignore_ascii_case(b"STREAMS"))
        .any(|arg| arg.eq_ignore_ascii_case(b"BLOCK"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(args: &[&str]) -> Class {
        classify(&Command::from_args(args))
    }

    #[test]
    fn the_table_is_sorted_and_its_names_fit() {
        for pair in COMMANDS.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} before {}", pair[0].name, pair[1].name);
        }
        assert!(COMMANDS.iter().all(|spec| spec.name.len() <= LONGEST_NAME));
    }

    #[test]
    fn commands_are_classified_by_name_subcommand_and_option() {
        assert_eq!(class(&["get", "k"]).does, Use::Read);
        assert_eq!(class(&["SeT", "k", "v"]).does, Use::Write);
        assert_eq!(class(&["OBJECT", "encoding", "k"]).does, Use::Read);
        assert_eq!(class(&["xgroup", "create"]).does, Use::Write);
        assert_eq!(class(&["function", "list"]).does, Use::Read);
        assert_eq!(class(&["function", "load", "x"]).does, Use::Write);
        assert_eq!(class(&["config", "get", "*"]).does, Use::Refused(RefusedBecause::Administrative));
        assert_eq!(class(&["replicaof", "no", "one"]).does, Use::Refused(RefusedBecause::BlockedOnAzure));
        assert!(class(&["blpop", "k", "0"]).blocks);
        assert!(class(&["xread", "block", "0", "streams", "s", "$"]).blocks);
        assert!(!class(&["xread", "streams", "block", "0"]).blocks);
    }

    #[test]
    fn what_is_not_in_the_table_counts_as_a_write() {
        assert_eq!(class(&["json.get", "k"]), Class { does: Use::Write, blocks: false, known: false });
        assert_eq!(class(&["a-name-that-is-longer-than-any-known"]).does, Use::Write);
        assert_eq!(class(&[""]).does, Use::Write);
    }
}
