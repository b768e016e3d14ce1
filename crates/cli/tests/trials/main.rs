//! Failover, measured: real environments under load, real faults, verdicts from the clients' own logs.
//!
//! The tests of each scenario are its quick form: a run or two that must keep what is promised. How fast things go is
//! measured by `make trials SCENARIO=<name> RUNS=<n>`, in a release build: that is the one ignored test, `measure`, which
//! prints a table and PASS or FAIL for each criterion.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]
#![allow(clippy::print_stderr, clippy::indexing_slicing, clippy::cast_precision_loss)]

mod crashes;
mod environment;
mod faults;
// The same environments as in the tests from end to end.
#[allow(dead_code)]
#[path = "../e2e/harness.rs"]
mod harness;
mod journal;
mod measures;
mod no_witness;
mod partition;
mod region_loss;
mod report;
mod sentinel;
mod switchover;

use environment::Setting;
use report::Table;

/// Scenarios by name, as `make trials` takes them.
const SCENARIOS: &[&str] = &[
    "region-loss-kill",
    "region-loss-vanish",
    "partition",
    "switchover",
    "engine-kill",
    "agent-kill",
    "agent-kill-short-lease",
    "no-witness",
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: make trials SCENARIO=<name> RUNS=<n>"]
async fn measure() {
    let scenario = std::env::var("TRIAL").unwrap_or_else(|_| panic!("set TRIAL to one of {SCENARIOS:?}"));
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().filter(|text| !text.is_empty()).map_or(default, |text| text.parse().unwrap())
    };
    let setting = Setting::measured(number("TRIAL_DELAY_MS", 0), number("TRIAL_WRITERS", 100));
    let runs = usize::try_from(number("TRIAL_RUNS", 5)).unwrap();
    let table: Table = match scenario.as_str() {
        "region-loss-kill" => region_loss::measure(region_loss::How::Kill, setting, runs).await,
        "region-loss-vanish" => region_loss::measure(region_loss::How::Vanish, setting, runs).await,
        "partition" => partition::measure(setting, runs).await,
        "switchover" => switchover::measure(setting, runs).await,
        "engine-kill" => crashes::measure_engine(setting, runs).await,
        "agent-kill" => crashes::measure_agents(setting.with(environment::USUAL), runs).await,
        "agent-kill-short-lease" => crashes::measure_agents(setting, runs).await,
        "no-witness" => no_witness::measure(setting, runs).await,
        other => panic!("there is no scenario {other:?}; there are {SCENARIOS:?}"),
    };
    println!("{table}");
    if let Ok(path) = std::env::var("TRIAL_JSON") {
        std::fs::write(&path, serde_json::to_vec_pretty(&table).unwrap()).unwrap();
        println!("as JSON: {path}");
    }
}
