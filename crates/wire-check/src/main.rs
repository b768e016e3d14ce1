//! Checks recorded exchanges: `tidelock-wire-check DIRECTORY`, with Microsoft's descriptions in `TIDELOCK_AZURE_SPECS`.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a program that reports

use std::path::PathBuf;
use std::process::ExitCode;

use tidelock_wire_check::{Checker, Descriptions, Report, WireError, read_directory};

/// Where Microsoft's descriptions are.
const DESCRIPTIONS: &str = "TIDELOCK_AZURE_SPECS";

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("error: name the directory that exchanges were recorded in (TIDELOCK_RECORD_EXCHANGES)");
        return ExitCode::from(2);
    };
    let Some(descriptions) = std::env::var_os(DESCRIPTIONS).map(PathBuf::from) else {
        eprintln!(
            "SKIPPED: {DESCRIPTIONS} names no directory with Microsoft's descriptions, so no exchange was checked"
        );
        return ExitCode::SUCCESS;
    };
    match run(&directory, &descriptions) {
        Ok(report) => {
            print!("{report}");
            if report.exchanges() == 0 {
                eprintln!("error: nothing was recorded in {}", directory.display());
                return ExitCode::FAILURE;
            }
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(err) => {
            eprintln!("error: {err}");
            ExitCode::FAILURE
        }
    }
}

fn run(directory: &std::path::Path, descriptions: &std::path::Path) -> Result<Report, WireError> {
    let checker = Checker::new(Descriptions::read(descriptions)?);
    Ok(Report::of(&checker, &read_directory(directory)?))
}
