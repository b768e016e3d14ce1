//! A plan that was kept, to be applied later if nothing has changed since.
//!
//! What is kept decides nothing: the plan is made again, from the file and from what there is then, with the permissions that
//! were kept, and has to be the same to the byte. So a stale plan cannot be applied, and neither can one that was tampered with.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tidelock_plan::Plan;

use crate::args::Permissions;
use crate::environment::Opened;
use crate::exit::{Context, Failure, Outcome};
use crate::input;
use crate::state::{to_json, write_private};

/// The form of the file. It changes when what is in it changes its meaning.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Saved {
    tidelock_plan: u32,
    /// The tfvars file, absolute.
    pub(crate) file: PathBuf,
    file_sha256: String,
    plan_sha256: String,
    allow_data_loss: Vec<String>,
    adopt: bool,
    /// As a person reads it.
    text: Vec<String>,
}

impl Saved {
    /// Writes the plan, made from `opened`, to `out`, which may be an older plan and nothing else.
    pub(crate) fn keep(out: &Path, opened: &Opened, permissions: &Permissions, plan: &Plan) -> Outcome<()> {
        if out.symlink_metadata().is_ok() && !matches!(Self::read(out), Ok(Some(_))) {
            return Err(Failure::refused(format!(
                "{} exists and is no kept plan; it was left as it is",
                out.display()
            ))
            .hint("give --out another name"));
        }
        let saved = Self {
            tidelock_plan: VERSION,
            file: opened.file.clone(),
            // Not the file as it is by now: somebody may be writing it.
            file_sha256: digest(opened.text.as_bytes()),
            plan_sha256: fingerprint(plan)?,
            allow_data_loss: permissions.allow_data_loss.clone(),
            adopt: permissions.adopt,
            text: plan.render().lines().map(str::to_owned).collect(),
        };
        write_private(out, &to_json(&saved)?)
    }

    /// The plan kept in `file`; none if that is something else, such as a tfvars file.
    pub(crate) fn read(file: &Path) -> Outcome<Option<Self>> {
        if !file.exists() {
            // Whoever reads the tfvars file says it better.
            return Ok(None);
        }
        let bytes = input::bounded(input::open(file)?).context(format!("cannot read {}", file.display()))?;
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Ok(None);
        }
        let unusable = |why: String| {
            Failure::error(format!("{} is no plan that can be applied: {why}", file.display()))
                .hint("make it again with `tidelock plan FILE --out PLAN`")
        };
        let saved: Self = serde_json::from_slice(&bytes).map_err(|err| unusable(err.to_string()))?;
        if saved.tidelock_plan != VERSION {
            return Err(unusable(format!("it is of version {}, this program reads {VERSION}", saved.tidelock_plan)));
        }
        Ok(Some(saved))
    }

    pub(crate) fn permissions(&self) -> Permissions {
        Permissions { allow_data_loss: self.allow_data_loss.clone(), adopt: self.adopt }
    }

    /// Refuses if `plan`, made just now from `opened`, is not the one that was kept.
    pub(crate) fn check(&self, opened: &Opened, plan: &Plan) -> Outcome<()> {
        let stale = |what: &str| {
            Failure::refused(format!("the plan is stale: {what} since it was made; nothing was changed"))
                .hint(format!("look at `tidelock plan {}` and keep that one", self.file.display()))
        };
        if digest(opened.text.as_bytes()) != self.file_sha256 {
            return Err(stale(&format!("{} has changed", self.file.display())));
        }
        if fingerprint(plan)? != self.plan_sha256 {
            return Err(stale("the resources, or this program, have changed"));
        }
        Ok(())
    }
}

fn fingerprint(plan: &Plan) -> Outcome<String> {
    Ok(digest(&serde_json::to_vec(plan).context("cannot write JSON")?))
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::settings::Settings;

    #[test]
    fn a_kept_plan_is_of_the_text_it_was_made_from() {
        let root = tempfile::tempdir().unwrap();
        let (file, out) = (root.path().join("dev.tfvars"), root.path().join("kept.plan"));
        let text = include_str!("../../../../envs/dev.tfvars");
        fs::write(&file, text).unwrap();
        let settings = Settings { state_dir: Some(root.path().to_owned()) };
        let plan = Plan {
            schema_version: tidelock_plan::SCHEMA_VERSION,
            environment: "app-dev".to_owned(),
            subscription_id: "s".to_owned(),
            summary: tidelock_plan::Summary::default(),
            notes: Vec::new(),
            steps: Vec::new(),
        };
        let read = Opened::load_checked(&settings, &file).unwrap();
        // Somebody writes the file after it was read.
        fs::write(&file, format!("{text}\n# a remark\n")).unwrap();
        Saved::keep(&out, &read, &Permissions::default(), &plan).unwrap();
        let saved = Saved::read(&out).unwrap().unwrap();
        let changed = Opened::load_checked(&settings, &file).unwrap();
        let refused = saved.check(&changed, &plan).unwrap_err();
        assert!(refused.message.contains("has changed since it was made"), "{refused}");
        fs::write(&file, text).unwrap();
        saved.check(&Opened::load_checked(&settings, &file).unwrap(), &plan).unwrap();
    }
}
