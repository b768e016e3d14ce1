//! `tidelock check` and `tidelock explain`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Output;

/// Exit codes stand behind the options, where people look for them.
#[derive(Debug, Args)]
#[command(after_help = "Findings and their summary go to stdout, what cannot be read to stderr.\n\n\
    Exit codes: 0 no errors (there may be warnings); 1 errors, or warnings with --deny warnings, or a file that cannot \
    be read.\n\n\
    Examples:\n  \
      tidelock check envs/prod.tfvars\n  \
      tidelock check envs/*.tfvars --deny warnings     as a gate before a merge\n  \
      tidelock check envs/dev.tfvars --fix             mend what can be mended mechanically\n  \
      git show main:envs/dev.tfvars | tidelock check -")]
pub(crate) struct CheckArgs {
    /// The environments' tfvars files; several are also compared with each other; `-` reads standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// How to print
    #[arg(long, short, value_enum, default_value_t = Report::Human)]
    pub(crate) output: Report,
    /// `--deny warnings`: exit with 1 for warnings too
    #[arg(long, value_enum, value_name = "WHAT", hide_possible_values = true)]
    pub(crate) deny: Option<Deny>,
    /// Write the changes that findings show as patches, print them as a diff, and report what is left
    #[arg(long)]
    pub(crate) fix: bool,
    /// Do not compare several files with each other
    #[arg(long)]
    pub(crate) no_compare: bool,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Report {
    /// For people
    Human,
    /// One JSON document (docs/reference/check-json.md)
    Json,
    /// One SARIF 2.1.0 document, for code-scanning views
    Sarif,
}

/// What is denied beside errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Deny {
    /// Findings that do not keep the file from being used
    Warnings,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The rule's number or name, as `check` shows it: TL004, given-twice; without one, all rules are listed
    #[arg(value_name = "RULE")]
    pub(crate) rule: Option<String>,
    /// How to print
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    pub(crate) output: Output,
}
