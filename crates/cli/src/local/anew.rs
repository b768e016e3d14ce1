//! When every member of the group begins empty, the agents begin anew with it. Their register says which engine holds the data
//! of which epoch; that data is gone by permission, and an agent that finds another engine would keep it closed for ever, as it
//! must after a loss that nobody has allowed.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use tidelock_arm_types::ResourceKind;
use tidelock_control::cloud_client::CloudControl;
use tidelock_plan::{Action, Plan};

use crate::exit::{Context, Outcome};
use crate::printer;
use crate::state::StateDir;

/// Tails of a killed writer that an agent has saved: they are somebody's data, and stay.
const KEPT: &str = "salvage";

/// Whether `plan` leaves no member of the group with what it holds now.
fn is_due(plan: &Plan) -> bool {
    let mut databases = plan.steps.iter().filter(|step| step.kind == ResourceKind::Database).peekable();
    let begins_empty = |action| matches!(action, Action::Create | Action::Delete);
    databases.peek().is_some() && databases.all(|step| begins_empty(step.action))
}

/// Ends agents and gateways before `plan` empties every member, and takes the register from the agents: `tidelock up` founds
/// another. Ended in the middle, the same plan is due again, and so is this.
pub(crate) async fn begin_if_due(cloud: &CloudControl, state: &StateDir, plan: &Plan) -> Outcome<()> {
    if !state.topology_file().exists() || !is_due(plan) {
        return Ok(());
    }
    for name in state.workloads()? {
        cloud.delete_workload(&name).await?;
        forget(&state.workload_dir(&name).join("state"))?;
    }
    // The last of it: while it is there, this is not done.
    gone(fs::remove_file(state.topology_file()), &state.topology_file())?;
    printer::say(
        "every member begins empty: agents and gateways have ended, with their register of who holds what; \
         `tidelock up FILE` starts them anew",
    );
    Ok(())
}

/// Removes what an agent remembers, but not what it has saved.
fn forget(dir: &Path) -> Outcome<()> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(()),
        Err(err) => return Err(err).context(format!("cannot read {}", dir.display())),
    };
    for entry in entries {
        let path = entry.context(format!("cannot read {}", dir.display()))?.path();
        if path.file_name().is_some_and(|name| name == KEPT) {
            continue;
        }
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        gone(removed, &path)?;
    }
    Ok(())
}

fn gone(removed: std::io::Result<()>, path: &Path) -> Outcome<()> {
    match removed {
        Err(err) if err.kind() != ErrorKind::NotFound => Err(err).context(format!("cannot remove {}", path.display())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_has_saved_stays() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["register", KEPT] {
            fs::create_dir(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join("file"), "1").unwrap();
        }
        fs::write(dir.path().join("seen.json"), "1").unwrap();
        forget(dir.path()).unwrap();
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [KEPT]);
        assert!(dir.path().join(KEPT).join("file").exists());
        forget(&dir.path().join("missing")).unwrap();
    }
}
