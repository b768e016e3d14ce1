//! Which crate may reach which: the edges of ARCHITECTURE.md, read from cargo's own metadata. An arrow may be followed,
//! never reversed. A new crate must be given a row in [`RULES`].

// Helpers outside the test functions: a surprise in cargo's answer is a failed test.
#![allow(clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use serde_json::Value;

/// The composition root: it may reach everything, and nothing may reach it.
const ROOT: &str = "tidelock";
const ARM: &[&str] = &["tidelock-arm-types", "tidelock-arm-client"];
const CHANGES_AZURE: &[&str] = &["tidelock-plan", "tidelock-apply"];
const PROCESSES: &[&str] = &["tidelock-gateway", "tidelock-agent", "tidelock-local-cloud"];
const TALKS: &[&str] = &["tidelock-secrets", "tidelock-control", "tidelock-redis-client", "tidelock-names"];
const CONFIG: &[&str] = &["tidelock-config"];
const DRILL: &[&str] = &["tidelock-drill"];
const DECIDES: &[&str] = &["tidelock-failover"];
/// Only agents keep the register; everybody else asks an agent.
const QUORUM: &[&str] = &["tidelock-quorum"];
/// Crates that bring a runtime or are useless without one.
const ASYNC_RUNTIMES: &[&str] =
    &["tokio", "tokio-util", "async-std", "smol", "async-executor", "hyper", "reqwest", "axum", "tower"];

struct Rule {
    name: &'static str,
    /// Never reached through normal dependencies, directly or not.
    never: &'static [&'static [&'static str]],
    /// No async runtime anywhere in the tree.
    runtime_free: bool,
    why: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        name: "tidelock-model",
        never: &[ARM, CHANGES_AZURE, PROCESSES, TALKS, CONFIG, DRILL, DECIDES, &["tidelock-resp"], QUORUM],
        runtime_free: true,
        why: "the vocabulary depends on nothing of ours",
    },
    Rule {
        name: "tidelock-arm-types",
        never: &[&["tidelock-arm-client"], CHANGES_AZURE, PROCESSES, TALKS, CONFIG, DRILL, DECIDES, QUORUM],
        runtime_free: true,
        why: "wire structs only",
    },
    Rule {
        name: "tidelock-resp",
        never: &[ARM, CHANGES_AZURE, PROCESSES, TALKS, CONFIG, DRILL, DECIDES, QUORUM],
        runtime_free: true,
        why: "a codec decides nothing and does no I/O",
    },
    Rule {
        name: "tidelock-config",
        never: &[ARM, CHANGES_AZURE, PROCESSES, TALKS, DRILL, DECIDES, QUORUM],
        runtime_free: true,
        why: "a file is checked without any connection",
    },
    Rule {
        name: "tidelock-generate",
        never: &[ARM, CHANGES_AZURE, PROCESSES, TALKS, DRILL, QUORUM],
        runtime_free: true,
        why: "files are generated from the definitions of the variables, the rules and the transition table alone",
    },
    Rule {
        name: "tidelock-plan",
        never: &[&["tidelock-arm-client", "tidelock-apply"], PROCESSES, TALKS, CONFIG, DRILL, DECIDES, QUORUM],
        runtime_free: true,
        why: "a plan is a function of what is wanted and what was observed",
    },
    Rule {
        name: "tidelock-failover",
        never: &[ARM, CHANGES_AZURE, PROCESSES, TALKS, CONFIG, DRILL, QUORUM],
        runtime_free: true,
        why: "the transition table is pure",
    },
    Rule {
        name: "tidelock-protocol-model",
        never: &[ARM, CHANGES_AZURE, PROCESSES, TALKS, CONFIG, DRILL, DECIDES, &["tidelock-model", "tidelock-resp"]],
        runtime_free: true,
        why: "a model that shares code with the product agrees with its mistakes",
    },
    Rule {
        name: "tidelock-secrets",
        never: &[ARM, CHANGES_AZURE, PROCESSES, CONFIG, DRILL, QUORUM],
        runtime_free: false,
        why: "agents need it, and the failover path must not be able to link ARM",
    },
    Rule {
        name: "tidelock-control",
        never: &[ARM, CHANGES_AZURE, PROCESSES, CONFIG, DRILL, QUORUM],
        runtime_free: false,
        why: "agents need it, and the failover path must not be able to link ARM",
    },
    Rule {
        name: "tidelock-names",
        never: &[
            ARM,
            CHANGES_AZURE,
            PROCESSES,
            CONFIG,
            DRILL,
            DECIDES,
            QUORUM,
            &["tidelock-resp", "tidelock-secrets", "tidelock-control", "tidelock-redis-client"],
        ],
        runtime_free: false,
        why: "it looks names up for whoever connects, whatever to",
    },
    Rule {
        name: "tidelock-redis-client",
        never: &[ARM, CHANGES_AZURE, PROCESSES, CONFIG, DRILL, DECIDES, QUORUM],
        runtime_free: false,
        why: "a client knows the protocol only",
    },
    Rule {
        name: "tidelock-arm-client",
        never: &[CHANGES_AZURE, PROCESSES, CONFIG, DRILL, DECIDES, QUORUM],
        runtime_free: false,
        why: "it talks to ARM and decides nothing",
    },
    Rule {
        name: "tidelock-apply",
        never: &[PROCESSES, CONFIG, DRILL, DECIDES, QUORUM],
        runtime_free: false,
        why: "everything it changes, it changes through ARM",
    },
    Rule {
        name: "tidelock-gateway",
        never: &[ARM, CHANGES_AZURE, CONFIG, DRILL, &["tidelock-agent", "tidelock-local-cloud"], QUORUM],
        runtime_free: false,
        why: "the failover path must not be able to link ARM",
    },
    Rule {
        name: "tidelock-agent",
        never: &[ARM, CHANGES_AZURE, CONFIG, DRILL, &["tidelock-gateway", "tidelock-local-cloud"]],
        runtime_free: false,
        why: "the failover path must not be able to link ARM",
    },
    Rule {
        name: "tidelock-local-cloud",
        never: &[ARM, CHANGES_AZURE, CONFIG, DRILL, &["tidelock-gateway", "tidelock-agent"], QUORUM],
        runtime_free: false,
        why: "a cloud that shares the product's ideas of ARM lets tests agree with themselves",
    },
    Rule {
        name: "tidelock-drill",
        never: &[ARM, CHANGES_AZURE, PROCESSES, CONFIG, QUORUM],
        runtime_free: false,
        why: "a drill reaches processes through control only",
    },
    Rule {
        name: "tidelock-quorum",
        never: &[ARM, CHANGES_AZURE, PROCESSES, TALKS, CONFIG, DRILL, DECIDES, &["tidelock-resp"]],
        runtime_free: false,
        why: "it replicates texts it does not understand, over a transport it is given",
    },
    Rule {
        name: "tidelock-wire-check",
        never: &[
            ARM,
            CHANGES_AZURE,
            PROCESSES,
            TALKS,
            CONFIG,
            DRILL,
            DECIDES,
            QUORUM,
            &["tidelock-model", "tidelock-resp"],
        ],
        runtime_free: true,
        why: "a witness that shares code with whom it watches agrees with its mistakes",
    },
    Rule {
        name: "tidelock-azure",
        never: &[ARM, CHANGES_AZURE, PROCESSES, CONFIG, DRILL, DECIDES, QUORUM],
        runtime_free: false,
        why: "it says where Azure is and who we are, and nothing of what is done there",
    },
    Rule { name: ROOT, never: &[], runtime_free: false, why: "the composition root" },
];

/// Package name to the names of its normal dependencies.
#[derive(Default)]
struct Graph(BTreeMap<String, BTreeSet<String>>);

impl Graph {
    fn of(edges: &[(&str, &[&str])]) -> Self {
        Self(
            edges.iter().map(|(from, to)| ((*from).to_owned(), to.iter().map(|t| (*t).to_owned()).collect())).collect(),
        )
    }

    /// From `cargo metadata` with its resolve graph. Where a name occurs in several versions they are one node.
    fn from_metadata(metadata: &Value) -> Self {
        let names: BTreeMap<&str, &str> =
            list(&metadata["packages"]).map(|package| (text(&package["id"]), text(&package["name"]))).collect();
        let mut graph = Self::default();
        for node in list(&metadata["resolve"]["nodes"]) {
            let to = graph.0.entry(names[text(&node["id"])].to_owned()).or_default();
            let normal = list(&node["deps"]).filter(|dep| list(&dep["dep_kinds"]).any(|kind| kind["kind"].is_null()));
            to.extend(normal.map(|dep| names[text(&dep["pkg"])].to_owned()));
        }
        graph
    }

    /// From `cargo metadata --no-deps`: the workspace's crates and what they declare, whatever the platform or feature.
    fn from_declarations(metadata: &Value) -> Self {
        let mut graph = Self::default();
        for package in list(&metadata["packages"]) {
            let to = graph.0.entry(text(&package["name"]).to_owned()).or_default();
            let normal = list(&package["dependencies"]).filter(|dep| dep["kind"].is_null());
            to.extend(normal.map(|dep| text(&dep["name"]).to_owned()));
        }
        graph
    }

    /// Everything that can be reached from `start`, each with a shortest way there, for the message.
    fn reached_from(&self, start: &str) -> BTreeMap<String, String> {
        let mut ways = BTreeMap::from([(start.to_owned(), start.to_owned())]);
        let mut queue = VecDeque::from([start.to_owned()]);
        while let Some(at) = queue.pop_front() {
            for next in self.0.get(&at).into_iter().flatten() {
                if !ways.contains_key(next) {
                    ways.insert(next.clone(), format!("{} -> {next}", ways[&at]));
                    queue.push_back(next.clone());
                }
            }
        }
        ways.remove(start);
        ways
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("cargo metadata: an array").iter()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("cargo metadata: a string")
}

/// What is wrong with the edges between `members`, the crates of the workspace.
fn forbidden_edges(graph: &Graph, members: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for member in members {
        let Some(rule) = RULES.iter().find(|rule| rule.name == member) else {
            found.push(format!("{member} has no row in RULES: say what it may never reach"));
            continue;
        };
        let reached = graph.reached_from(member);
        for target in rule.never.iter().flat_map(|group| group.iter()).chain(std::iter::once(&ROOT)) {
            if let Some(way) = reached.get(*target) {
                found.push(format!("{member} must never reach {target} ({}): {way}", rule.why));
            }
        }
    }
    found
}

/// Async runtimes in the trees that must have none.
fn forbidden_runtimes(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for rule in RULES.iter().filter(|rule| rule.runtime_free) {
        let reached = graph.reached_from(rule.name);
        for runtime in ASYNC_RUNTIMES {
            if let Some(way) = reached.get(*runtime) {
                found.push(format!("{} must have no async runtime ({}): {way}", rule.name, rule.why));
            }
        }
    }
    found
}

/// Rows for crates that are gone; a rule that guards nothing reads as if it did.
fn stale_rules(members: &BTreeSet<String>) -> Vec<String> {
    let named = RULES.iter().flat_map(|rule| rule.never.iter().flat_map(|group| group.iter()).chain([&rule.name]));
    let unknown: BTreeSet<_> = named.filter(|name| !members.contains(**name)).collect();
    unknown.into_iter().map(|name| format!("RULES names {name}, which is no crate of this workspace")).collect()
}

// A developer's tool that ends before the test goes on; nothing to supervise.
#[allow(clippy::disallowed_methods)]
fn output_of(program: &str, arguments: &[&str]) -> String {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = std::process::Command::new(program).args(arguments).current_dir(workspace).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {program}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?} failed: {errors}");
    String::from_utf8(output.stdout).expect("cargo and rustc print UTF-8")
}

fn cargo_metadata(arguments: &[&str]) -> Value {
    let all = [&["metadata", "--format-version", "1", "--locked"], arguments].concat();
    serde_json::from_str(&output_of(env!("CARGO"), &all)).expect("cargo metadata prints JSON")
}

fn host() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = output_of(&rustc, &["-vV"]);
    version.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc -vV names its host").to_owned()
}

fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn no_crate_reaches_what_it_must_not() {
    let graph = Graph::from_declarations(&cargo_metadata(&["--no-deps"]));
    let members: BTreeSet<String> = graph.0.keys().cloned().collect();
    assert!(members.len() > 10, "the metadata looks wrong: it lists only {members:?}");
    assert_none(&forbidden_edges(&graph, &members));
    assert_none(&stale_rules(&members));
}

#[test]
fn pure_crates_have_no_async_runtime_anywhere_below_them() {
    // Without the filter cargo would fetch crates of other platforms, which a test must not.
    let graph = Graph::from_metadata(&cargo_metadata(&["--filter-platform", &host()]));
    assert!(
        graph.reached_from("tidelock-gateway").contains_key("tokio"),
        "the metadata looks wrong: the gateway has no tokio below it"
    );
    assert_none(&forbidden_runtimes(&graph));
}

// The checker itself can fail.

fn members(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_forbidden_edge_is_found_directly_and_through_others() {
    let direct = Graph::of(&[("tidelock-gateway", &["tidelock-arm-types"])]);
    let found = forbidden_edges(&direct, &members(&["tidelock-gateway"]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("tidelock-gateway -> tidelock-arm-types"), "{found:?}");

    let through = Graph::of(&[
        ("tidelock-gateway", &["tidelock-secrets"]),
        ("tidelock-secrets", &["helper"]),
        ("helper", &["tidelock-arm-client"]),
    ]);
    let found = forbidden_edges(&through, &members(&["tidelock-gateway", "tidelock-secrets"]));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("tidelock-gateway -> tidelock-secrets -> helper -> tidelock-arm-client"), "{found:?}");
}

#[test]
fn an_edge_to_the_composition_root_is_found_and_a_cycle_ends() {
    let graph = Graph::of(&[("tidelock-drill", &["tidelock"]), ("tidelock", &["tidelock-drill"])]);
    let found = forbidden_edges(&graph, &members(&["tidelock-drill", "tidelock"]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("must never reach tidelock "), "{found:?}");
}

#[test]
fn a_crate_without_a_row_and_a_row_without_a_crate_are_found() {
    let found = forbidden_edges(&Graph::default(), &members(&["tidelock-new"]));
    assert!(found[0].contains("tidelock-new has no row"), "{found:?}");
    let found = stale_rules(&members(&["tidelock-model"]));
    assert!(found.iter().any(|line| line.contains("tidelock-drill")), "{found:?}");
}

#[test]
fn a_runtime_is_found_deep_in_the_tree() {
    let graph = Graph::of(&[("tidelock-plan", &["innocent"]), ("innocent", &["tokio"])]);
    let found = forbidden_runtimes(&graph);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("tidelock-plan -> innocent -> tokio"), "{found:?}");
}

#[test]
fn development_and_build_dependencies_do_not_count() {
    let metadata = serde_json::json!({
        "packages": [{"id": "a 1", "name": "a", "dependencies": [
            {"name": "tokio", "kind": "dev"}, {"name": "cc", "kind": "build"}, {"name": "serde", "kind": null}]},
            {"id": "t 1", "name": "tokio"}, {"id": "s 1", "name": "serde"}],
        "resolve": {"nodes": [
            {"id": "a 1", "deps": [
                {"pkg": "t 1", "dep_kinds": [{"kind": "dev"}]}, {"pkg": "s 1", "dep_kinds": [{"kind": null}]}]}]},
    });
    let resolved = Graph::from_metadata(&metadata);
    assert_eq!(resolved.0["a"], members(&["serde"]));
    let only_a = serde_json::json!({ "packages": [metadata["packages"][0]] });
    assert_eq!(Graph::from_declarations(&only_a).0["a"], members(&["serde"]));
}
