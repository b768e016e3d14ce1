//! The `tidelock` command: reads what was typed, runs one verb, and turns its end into an exit code.

mod applying;
mod args;
mod commands;
mod environment;
mod exit;
mod files;
mod input;
mod interrupt;
mod local;
mod operator;
mod printer;
mod settings;
mod state;
mod topology;
mod views;
mod wait;
mod write_back;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::args::{Cli, Command};
use crate::exit::{Exit, Failure, Outcome};
use crate::settings::Settings;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(err) => return said_by_clap(&err),
    };
    start_logging(&cli);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(err) => return end(Err(Failure::error(format!("cannot start the runtime: {err}")))),
    };
    let outcome = runtime.block_on(run(cli));
    // Nothing that matters is left running in the background: whoever needs an end waits for it.
    runtime.shutdown_background();
    end(outcome)
}

/// Help and version are no errors; wrong words are exit code 1, because 2 means something else here.
fn said_by_clap(err: &clap::Error) -> ExitCode {
    // Where it is printed to may be gone; there is nobody left to tell.
    let _ = err.print();
    if err.use_stderr() { Exit::Error.into() } else { Exit::Done.into() }
}

async fn run(cli: Cli) -> Outcome {
    let settings = Settings { state_dir: cli.state_dir };
    match cli.command {
        Command::Demo(args) => commands::demo::run(&settings, &args).await,
        Command::Up(args) => commands::up::run(&settings, &args).await,
        Command::Down(args) => commands::down::run(&settings, &args).await,
        Command::Status(args) => commands::status::run(&settings, &args).await,
        Command::Switchover(args) => commands::switchover::run(&settings, &args).await,
        Command::Failover(args) => commands::failover::run(&settings, &args).await,
        Command::Failback(args) => commands::failback::run(&settings, &args).await,
        Command::Detach(args) => commands::detach::run(&settings, &args).await,
        Command::History(args) => commands::history::run(&settings, &args).await,
        Command::Pause(args) => commands::policy::pause(&settings, &args).await,
        Command::Resume(args) => commands::policy::resume(&settings, &args).await,
        Command::Connect(args) => commands::connect::run(&settings, &args).await,
        Command::Plan(args) => commands::plan::run(&settings, &args).await,
        Command::Apply(args) => commands::apply::run(&settings, &args).await,
        Command::Drift(args) => commands::drift::run(&settings, &args).await,
        Command::RotateKeys(args) => commands::rotate_keys::run(&settings, &args).await,
        Command::Destroy(args) => commands::destroy::run(&settings, &args).await,
        Command::Import(args) => commands::import::run(&settings, &args).await,
        Command::Check(args) => commands::check::run(&args),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Edit(args) => commands::edit::run(&args),
        Command::Cloud(args) => commands::daemons::cloud(&args).await,
        Command::CloudRegion(args) => commands::daemons::cloud_region(&args).await,
        Command::CloudWan(args) => commands::daemons::cloud_wan(&args).await,
        Command::Agent(args) => commands::daemons::agent(&args).await,
        Command::Gateway(args) => commands::daemons::gateway(&args).await,
    }
}

fn end(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            printer::say_failure(&failure);
            failure.exit.into()
        }
    }
}

/// Daemons tell what they do; verbs only what went wrong, unless asked for more. `RUST_LOG` overrides both.
fn start_logging(cli: &Cli) {
    let daemon = matches!(
        cli.command,
        Command::Cloud(_) | Command::CloudRegion(_) | Command::CloudWan(_) | Command::Agent(_) | Command::Gateway(_)
    );
    let level = match (cli.verbose, daemon) {
        (0, false) => "error",
        (0, true) | (1, _) => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(format!("{level},openraft=off")));
    let colour = std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour).init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::args::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
