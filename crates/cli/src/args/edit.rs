//! `tidelock edit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    #[command(subcommand)]
    pub(crate) change: Change,
}

/// What is to be changed.
#[derive(Debug, Subcommand)]
pub(crate) enum Change {
    /// Let the writer and one of the replicas trade places
    Writer(WriterArgs),
    /// Take a cache out of its geo group; the caches themselves stay
    RemoveMember(MemberArgs),
    /// Add a cache to a geo group
    AddMember(MemberArgs),
    /// Set a string, a number or a boolean
    Set(SetArgs),
}

impl Change {
    /// The file, and whether it is to be written.
    pub(crate) const fn target(&self) -> &EditedFile {
        match self {
            Self::Writer(args) => &args.target,
            Self::RemoveMember(args) | Self::AddMember(args) => &args.target,
            Self::Set(args) => &args.target,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct EditedFile {
    /// The environment's tfvars file; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Write the file; otherwise the change is only shown
    #[arg(long)]
    pub(crate) write: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WriterArgs {
    #[command(flatten)]
    pub(crate) target: EditedFile,
    /// The region that is to be writer, or its cache's key
    #[arg(long, value_name = "REGION|KEY")]
    pub(crate) to: String,
    /// The geo group; not needed while there is only one
    #[arg(long, value_name = "KEY")]
    pub(crate) group: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct MemberArgs {
    #[command(flatten)]
    pub(crate) target: EditedFile,
    /// The cache's key
    #[arg(value_name = "KEY")]
    pub(crate) cache: String,
    /// The geo group; not needed while there is only one
    #[arg(long, value_name = "KEY")]
    pub(crate) group: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    #[command(flatten)]
    pub(crate) target: EditedFile,
    /// The variable and the keys below it, such as dr_config.lease_ms; a key with a dot in it stands in double quotes
    #[arg(value_name = "PATH")]
    pub(crate) path: String,
    /// The new value; in double quotes it is a string wherever it stands
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) value: String,
}
