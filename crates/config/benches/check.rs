//! How long a file of 1,000 caches takes to check: in process, as `tidelock check`, and beside `terraform plan` of a
//! configuration without providers that declares the same variables, all in one run. `make bench-check` runs it.
//!
//! `TIDELOCK_BIN` names the program and `TIDELOCK_TERRAFORM` terraform; what is not there is left out, and said so. With
//! `TIDELOCK_BENCH_FILE` the file is written there and kept.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a benchmark that cannot run says so by panicking
#![allow(clippy::print_stdout)] // its result
#![allow(clippy::disallowed_methods)] // it measures wall time, of programs that it runs

mod support;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use support::{CACHES_PER_REGION, environment};

const TARGET: Duration = Duration::from_millis(100);
const RUNS_IN_PROCESS: usize = 200;
const RUNS_OF_PROGRAMS: usize = 50;
const RUNS_OF_TERRAFORM: usize = 10;
/// The declared types and validations take Terraform seconds.
const RUNS_OF_VALIDATIONS: usize = 3;

fn main() {
    let text = environment(CACHES_PER_REGION);
    let directory = tempfile::tempdir().unwrap();
    let kept = env::var_os("TIDELOCK_BENCH_FILE").map(Into::into);
    let file = kept.unwrap_or_else(|| directory.path().join("thousand.tfvars"));
    fs::write(&file, &text).unwrap();
    println!("{} caches, {} lines, {} KiB", 5 * CACHES_PER_REGION, text.lines().count(), text.len() / 1024);
    the_file_is_right(&text);

    measured("read in process", RUNS_IN_PROCESS, || drop(black_box(tidelock_config::read(black_box(&text)))));
    let check = |name: &str, text: &str| {
        measured(name, RUNS_IN_PROCESS, || drop(black_box(tidelock_config::check(black_box(text)))))
    };
    let in_process = check("check in process", &text);
    let larger = check("check of four times as many", &environment(4 * CACHES_PER_REGION));
    let times = larger.as_secs_f64() / in_process.as_secs_f64();
    println!("{:32} {times:9.1} times as long; 16, if a rule compared each with each", "");

    let ours = env::var_os("TIDELOCK_BIN").map(|program| {
        let program = fs::canonicalize(program).expect("TIDELOCK_BIN names a program");
        measured("tidelock check", RUNS_OF_PROGRAMS, || succeeds(Command::new(&program).arg("check").arg(&file)))
    });
    let terraform = env::var_os("TIDELOCK_TERRAFORM").unwrap_or_else(|| "terraform".into());
    if !Command::new(&terraform).arg("version").output().is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: there is no terraform on this machine to compare with");
    } else {
        let declared =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../terraform/variables.tf")).unwrap();
        for (name, declared, runs) in [
            ("any type", untyped(&declared), RUNS_OF_TERRAFORM),
            ("types and validations", declared.clone(), RUNS_OF_VALIDATIONS),
        ] {
            let root = directory.path().join(name.replace(' ', "-"));
            fs::create_dir(&root).unwrap();
            fs::write(root.join("variables.tf"), declared).unwrap();
            let name = format!("terraform plan, {name}");
            let theirs = measured(&name, runs, || {
                let mut plan = Command::new(&terraform);
                plan.args(["plan", "-input=false", "-lock=false"]).arg(format!("-var-file={}", file.display()));
                succeeds(plan.current_dir(&root).env("CHECKPOINT_DISABLE", "1"));
            });
            if let Some(ours) = ours {
                println!("{:32} {:9.1} times tidelock check", "", theirs.as_secs_f64() / ours.as_secs_f64());
            }
        }
    }
    let slowest = ours.unwrap_or(in_process);
    let verdict = if slowest < TARGET { "met" } else { "MISSED" };
    println!("target of {} ms at the median: {verdict}", TARGET.as_millis());
}

/// Nothing is measured on a file that is refused early.
fn the_file_is_right(text: &str) {
    let checked = tidelock_config::check(text);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    checked.findings.iter().for_each(|finding| *counts.entry(finding.rule.id.to_string()).or_default() += 1);
    println!("findings: {counts:?}");
    if checked.has_errors() || checked.environment.is_none() {
        panic!("{}", tidelock_config::render("thousand", text, &checked.findings, tidelock_config::Style::Plain));
    }
}

/// Runs it so often, prints median and 95th percentile in milliseconds, and returns the median.
fn measured(name: &str, runs: usize, mut run: impl FnMut()) -> Duration {
    run();
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort();
    let at = |percent: usize| times[(runs - 1) * percent / 100];
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    println!("{name:32} {:9.1} ms median {:9.1} ms p95   {runs} runs", milliseconds(at(50)), milliseconds(at(95)));
    at(50)
}

fn succeeds(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}

/// The same variables without types, defaults but null, or validations: the least that Terraform can be asked to do.
fn untyped(declared: &str) -> String {
    let names = declared.lines().filter_map(|line| line.strip_prefix("variable \"")?.strip_suffix("\" {"));
    names.map(|name| format!("variable \"{name}\" {{\n  type    = any\n  default = null\n}}\n")).collect()
}
