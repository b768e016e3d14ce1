//! Runs the local cloud's processes for this crate's own tests; people use `tidelock`, which has the same subcommands.
#![allow(clippy::print_stderr)] // a program's last word

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tidelock_local_cloud::{
    CloudOptions, REGION_COMMAND, RegionOptions, WAN_COMMAND, WanOptions, find_engine, run_cloud, run_region, run_wan,
};

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().ok_or("which process?")?;
    let rest: Vec<String> = arguments.collect();
    let options: BTreeMap<&str, &str> =
        rest.chunks(2).filter_map(|pair| Some((pair.first()?.as_str(), pair.get(1)?.as_str()))).collect();
    let path = |name: &str| options.get(name).map(PathBuf::from).ok_or_else(|| format!("{name} is missing"));
    match command.as_str() {
        REGION_COMMAND => run_region(RegionOptions { dir: path("--dir")? }).await?,
        WAN_COMMAND => run_wan(WanOptions { dir: path("--dir")? }).await?,
        "cloud" => {
            let round_trip = options.get("--round-trip-ms").and_then(|text| text.parse().ok()).unwrap_or(0);
            let options = CloudOptions {
                dir: path("--dir")?,
                ca_dir: path("--ca-dir")?,
                program: std::env::current_exe()?,
                engine: find_engine().await?,
                wan_round_trip: Duration::from_millis(round_trip),
            };
            run_cloud(options).await?;
        }
        other => return Err(format!("there is no process {other}").into()),
    }
    Ok(())
}
