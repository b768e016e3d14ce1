//! `make model`: explores the protocol, then hunts every planted bug, and says what it saw. `protocol-model [small|large]
//! [trace]`; the traces are the shortest ways to what each bug breaks.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a report for a person")]

use std::process::ExitCode;

use tidelock_protocol_model::{Bounds, Bug, Finding, Scene, explore, hunt, properties};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let scenes: &[Scene] = match words.first().map_or("small", String::as_str) {
        "small" => &Bounds::SMALL,
        "large" => &Bounds::LARGE,
        other => {
            eprintln!("protocol-model: there are no bounds called {other:?}; use small or large");
            return ExitCode::FAILURE;
        }
    };
    let trace = words.iter().any(|word| word == "trace");
    // Each exploration has one thread, so that it is the same every time; two of them may run side by side.
    let good = std::thread::scope(|scope| {
        let hunts = scope.spawn(|| Bug::ALL.map(|bug| (bug, hunt(bug))));
        let mut good = true;
        for (name, bounds) in scenes {
            let report = explore(*bounds);
            println!("{name}: {} states, depth {}", report.states, report.depth);
            for property in properties() {
                let broken = report.broken.iter().find(|finding| finding.property == property.name);
                println!("  {} {}", if broken.is_none() { "holds " } else { "BROKEN" }, property.name);
                broken.into_iter().for_each(print_steps);
            }
            good &= report.broken.is_empty();
        }
        println!("planted bugs, each in the smallest bounds in which it shows:");
        let Ok(hunts) = hunts.join() else { return false };
        for (bug, report) in hunts {
            let words = bug.words();
            let Some(finding) = report.caught(bug) else {
                println!("  MISSED in {} states: {words}", report.states);
                good = false;
                continue;
            };
            let (states, steps) = (report.states, finding.steps.len());
            println!("  caught after {states:8} states, in {steps} steps: {words}\n      breaks: {}", finding.property);
            if trace {
                print_steps(finding);
            }
        }
        good
    });
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_steps(finding: &Finding) {
    for (number, step) in finding.steps.iter().enumerate() {
        println!("      {:3} {step}", number + 1);
    }
}
