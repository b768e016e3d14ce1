//! What a person types.

mod check;
mod edit;
mod resources;
mod roles;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tidelock_model::Location;

pub(crate) use check::{CheckArgs, Deny, ExplainArgs, Report};
pub(crate) use edit::{Change, EditArgs, MemberArgs, SetArgs, WriterArgs};
pub(crate) use resources::{
    ApplyArgs, CloudKind, DestroyArgs, DriftArgs, IdentityKind, ImportArgs, Permissions, PlanArgs, RotateKeysArgs,
    WhichCloud, WhichKey,
};
pub(crate) use roles::{DetachArgs, FailbackArgs, FailoverArgs, HistoryArgs, MoveArgs, Moving, PauseArgs};

/// Redis in several Azure regions from one tfvars file: one writer, local reads, failover that is measured.
#[derive(Debug, Parser)]
#[command(name = "tidelock", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done, or nothing to change; 1 error; 2 changes found (only with \
    --detailed-exitcode); 3 an objective was missed; 4 an invariant was violated; 5 refused by a guard, nothing was \
    changed; 6 done, with a follow-up pending; 130 interrupted.")]
pub(crate) struct Cli {
    /// Where local environments keep their state [env: TIDELOCK_STATE_DIR; otherwise ~/.local/state/tidelock]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,

    /// Say more on stderr (twice: everything)
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole story on this machine: two regions, a switchover, a lost region, a failover; then clean up
    Demo(DemoArgs),
    /// Bring an environment up on this machine, ready to use
    Up(UpArgs),
    /// Take an environment down and remove everything it left
    Down(EnvironmentFile),
    /// Show roles, epoch, lag, health, who votes, and what waits for a person
    Status(StatusArgs),
    /// Move the writer to another healthy region; nothing is lost
    Switchover(MoveArgs),
    /// Make another region the writer although the writer is gone; says what may be lost before it asks
    Failover(FailoverArgs),
    /// Bring a region back that was lost, kept aside or detached, and make it the writer again
    Failback(FailbackArgs),
    /// Take a lost region out: it is not made writer and does not vote until it comes back by `failback`
    Detach(DetachArgs),
    /// Show the role changes there have been: who asked, how long each part took, what was at risk, how it ended
    History(HistoryArgs),
    /// Hold automatic failover until `resume`
    Pause(PauseArgs),
    /// Let automatic failover happen again; the last one counts as looked at
    Resume(EnvironmentFile),
    /// Open redis-cli on a region's gateway
    Connect(ConnectArgs),
    /// Check files against every rule of Azure, Terraform and the pattern, offline; show what is wrong at its line
    Check(CheckArgs),
    /// Explain a rule that `check` reports: what it demands, why, and what to do
    Explain(ExplainArgs),
    /// Show what `apply` would change; says DATA LOSS where data would be lost
    Plan(PlanArgs),
    /// Make the environment's resources as the file says; what would lose data needs a permission of its own
    Apply(ApplyArgs),
    /// Show where the resources differ from the file, and who changed them
    Drift(DriftArgs),
    /// Give a region's cache new access keys, one after the other, and its vault too; no command fails
    RotateKeys(RotateKeysArgs),
    /// Delete every resource of an environment, with all it holds
    Destroy(DestroyArgs),
    /// Print Terraform `import` blocks for the environment's resources, at the addresses of the module in terraform/
    Import(ImportArgs),
    /// Change the file in place: the writer, a member, a setting; everything else in it stays as it is
    Edit(EditArgs),
    /// Serve the local cloud (started by `up`)
    #[command(hide = true)]
    Cloud(CloudArgs),
    /// Serve one region of the local cloud (started by the cloud)
    #[command(hide = true)]
    CloudRegion(HostArgs),
    /// Serve the WAN relay of the local cloud (started by the cloud)
    #[command(hide = true)]
    CloudWan(HostArgs),
    /// Keep a region's role and steer its gateways
    Agent(DaemonArgs),
    /// Serve Redis clients in a region
    Gateway(DaemonArgs),
}

/// The environment's file.
#[derive(Debug, Args)]
pub(crate) struct EnvironmentFile {
    /// The environment's tfvars file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct LocalSettings {
    /// Delay the WAN relay adds to a round trip between regions, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 80, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub(crate) wan_round_trip: u64,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(crate) environment: EnvironmentFile,
    #[command(flatten)]
    pub(crate) local: LocalSettings,
    /// Repeat switchover and region loss so often, and report the distribution
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) runs: u32,
    /// Keep the clients' raw log (NDJSON), from which every figure can be computed again
    #[arg(long, value_name = "DIR")]
    pub(crate) keep_log: Option<PathBuf>,
    /// The report as one JSON document on stdout
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Makes what is missing and changes what can be changed in place; asks nothing. What would delete or empty \
    something is refused and belongs to `tidelock apply FILE`.\n\n\
    Exit codes: 0 up; 1 something failed, repeating it goes on; 5 refused by a guard, nothing was changed; 130 interrupted, \
    the steps in flight were finished."
)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub(crate) environment: EnvironmentFile,
    #[command(flatten)]
    pub(crate) local: LocalSettings,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) environment: EnvironmentFile,
    /// How to print
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    pub(crate) output: Output,
    /// Print again whenever something changes, until interrupted
    #[arg(long, short)]
    pub(crate) watch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConnectArgs {
    /// The region
    #[arg(value_name = "REGION")]
    pub(crate) region: Location,
    /// The environment's tfvars file; not needed while only one environment is up
    #[arg(long, value_name = "FILE")]
    pub(crate) env: Option<PathBuf>,
    /// Passed to redis-cli
    #[arg(last = true)]
    pub(crate) arguments: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CloudArgs {
    /// The environment's state directory
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// Delay of a round trip between regions, in milliseconds
    #[arg(long)]
    pub(crate) wan_round_trip: u64,
}

#[derive(Debug, Args)]
pub(crate) struct HostArgs {
    /// Its directory
    #[arg(long)]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DaemonArgs {
    /// Its configuration
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Human,
    /// One JSON document
    Json,
}
