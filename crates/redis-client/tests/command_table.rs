//! The command table against what a real engine says about its own commands.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;

use common::Engine;
use tidelock_redis_client::Value;
use tidelock_resp::{Blocking, CommandSpec, Use, lookup};

/// Commands the engine does not flag as writes, and which the table sends to the writer all the same.
const TO_THE_WRITER: [(&str, &str); 9] = [
    ("EVAL", "a script may write"),
    ("EVALSHA", "a script may write"),
    ("FCALL", "a function may write"),
    ("SCRIPT", "scripts are kept where EVALSHA looks for them"),
    ("FUNCTION", "most subcommands write, and the container itself has no flag"),
    ("XGROUP", "its subcommands write; the container itself has no flag"),
    ("PUBLISH", "only the writer's messages reach the subscribers of every region"),
    ("SPUBLISH", "only the writer's messages reach the subscribers of every region"),
    ("WAIT", "it is about writes on the same connection"),
];

/// Commands the engine flags as writes, and which the table does not call writes. All of them are refused.
const REFUSED_WRITES: [&str; 7] = ["FLUSHALL", "FLUSHDB", "MIGRATE", "MOVE", "PFDEBUG", "RESTORE-ASKING", "SWAPDB"];

struct Described {
    name: String,
    flags: BTreeSet<String>,
}

fn described(entry: &Value) -> Described {
    let entry = entry.as_array().unwrap();
    let flags = entry[2].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap().to_owned()).collect();
    Described { name: entry[0].as_str().unwrap().to_uppercase(), flags }
}

#[tokio::test]
async fn the_table_agrees_with_the_engine_except_where_it_says_why() {
    let engine = Engine::isolated(0, "").await;
    let mut cloud = engine.connect("tidelock-cloud", "cloud").await;
    let reply = cloud.command(&["COMMAND"]).await.unwrap();
    let mut problems = Vec::new();
    for entry in reply.as_array().unwrap() {
        let command = described(entry);
        match lookup(command.name.as_bytes()) {
            None => problems.push(format!("{} is not in the table", command.name)),
            Some(spec) => problems.extend(disagreement(spec, &command)),
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

fn disagreement(spec: &CommandSpec, command: &Described) -> Option<String> {
    let name = command.name.as_str();
    let (writes, reads) = (command.flags.contains("write"), command.flags.contains("readonly"));
    let exempt = TO_THE_WRITER.iter().any(|(known, _)| *known == name);
    let problem = match spec.does {
        Use::Write if !writes && !exempt => Some("the table calls it a write"),
        Use::Read if writes => Some("the table calls it a read"),
        Use::Refused(_) if writes && !REFUSED_WRITES.contains(&name) => Some("a write is refused and not listed"),
        Use::Connection | Use::Subscription | Use::Transaction if writes || reads => Some("it works on data"),
        _ => None,
    };
    let blocking = command.flags.contains("blocking") && spec.blocking == Blocking::Never;
    let admin = command.flags.contains("admin") && !matches!(spec.does, Use::Refused(_) | Use::Connection);
    problem
        .or_else(|| blocking.then_some("it may block"))
        .or_else(|| admin.then_some("it is administrative"))
        .map(|problem| format!("{name}: {problem}; the engine says {:?}, the table {:?}", command.flags, spec.does))
}
