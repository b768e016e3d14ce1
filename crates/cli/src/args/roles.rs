//! The verbs that move the writer role, and what is around them.

use clap::Args;
use tidelock_model::Location;

use super::{EnvironmentFile, Output};

/// What every verb that moves the writer takes.
#[derive(Debug, Args)]
pub(crate) struct Moving {
    #[command(flatten)]
    pub(crate) environment: EnvironmentFile,
    /// Name the new writer in the file, too; otherwise the change is shown and left to do (exit code 6)
    #[arg(long)]
    pub(crate) write: bool,
    /// How to print the result
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The old writer stops first, and the new one starts when it has everything. Refused, with everything \
    as it was, unless both regions are healthy.\n\n\
    Exit codes: 0 done; 5 refused by a guard, nothing was changed; 6 the writer has moved, and something is left to do: \
    the file still names the old one, or what `status` shows; 130 interrupted, the agents go on.\n\n\
    Examples:\n  \
      tidelock switchover envs/dev.tfvars --to uksouth            move the writer, show the change to the file\n  \
      tidelock switchover envs/dev.tfvars --to uksouth --write    and make it"
)]
pub(crate) struct MoveArgs {
    /// The region that is to be writer
    #[arg(long, value_name = "REGION")]
    pub(crate) to: Location,
    #[command(flatten)]
    pub(crate) moving: Moving,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Says who is gone, who is fit and what may be lost, and asks for the target's name. It needs neither \
    Azure nor Terraform nor anything in the lost region.\n\n\
    Without a majority of the register's voters nobody can take the old writer's lease away: then a person has to attest \
    that its region is down, and the register stays marked `unfenced` until that region has been seen to obey.\n\n\
    Exit codes: 0 done; 5 refused by a guard, or not confirmed, nothing was changed; 6 the writer has moved, and something is \
    left to do: the file still names the old one, or the old region is not fenced yet; 130 interrupted, the agents go on.\n\n\
    Examples:\n  \
      tidelock failover envs/dev.tfvars --to uksouth                 asks before it acts\n  \
      tidelock failover envs/dev.tfvars --to uksouth --yes --write   in a script"
)]
pub(crate) struct FailoverArgs {
    #[command(flatten)]
    pub(crate) target: MoveArgs,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Go on although the writer answers and holds its lease, or the target holds less than it should
    #[arg(long)]
    pub(crate) force: bool,
    /// Go on although more than dr_config.lag_limit_ms may be lost
    #[arg(long)]
    pub(crate) accept_loss: bool,
    /// Without a majority: attest that the old writer's region is down and takes no writes
    #[arg(long, value_name = "REGION")]
    pub(crate) attest_down: Option<Location>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The region first saves the writes that only it holds, then follows the writer until it has everything; \
    only then the writer is moved to it as by a switchover. It is also how a detached region comes back.\n\n\
    Exit codes: 0 done; 5 refused by a guard, or not confirmed; 6 done, and something is left to do; 130 interrupted, the \
    agents go on."
)]
pub(crate) struct FailbackArgs {
    /// The region that comes back
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Location,
    /// Throw away what only this region holds and could not be saved: acknowledged writes are lost for good
    #[arg(long)]
    pub(crate) discard: bool,
    /// Let it follow, and leave the writer where it is
    #[arg(long)]
    pub(crate) as_reader: bool,
    /// Do not ask before anything is thrown away
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) moving: Moving,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A detached region is not made writer, does not vote and does not follow; the others do not wait for it \
    any more. The file and the resources stay as they are. It comes back by `tidelock failback`.\n\n\
    Exit codes: 0 done; 5 refused by a guard, or not confirmed; 6 done, but its agent could not be told; 130 interrupted."
)]
pub(crate) struct DetachArgs {
    #[command(flatten)]
    pub(crate) environment: EnvironmentFile,
    /// The region that is taken out
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Location,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// How to print the result
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Spans: DETECT the writer was not seen, up to dr_config.detection_ms; DECIDE until a majority agreed \
    and the failover was begun (both only for failovers that no person asked for); FENCE until the old writer had certainly \
    stopped and the next epoch was granted; PROMOTE until the new writer was open for writes; REPOINT until the other regions \
    followed it; SETTLE until a write had gone through its gateway."
)]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    pub(crate) environment: EnvironmentFile,
    /// How to print
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    pub(crate) environment: EnvironmentFile,
    /// Why, for whoever looks at the status
    #[arg(long, value_name = "WORDS", default_value = "")]
    pub(crate) reason: String,
}
