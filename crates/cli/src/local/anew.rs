//! When every member of the group is emptied with permission, the agents begin anew with it. Their register says which engine
//! holds the data of which epoch; that data goes, and an agent that finds another engine would keep it closed for ever, as it
//! must after a loss that nobody has allowed.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use tidelock_control::cloud_client::CloudControl;
use tidelock_model::{GeoGroup, Location};
use tidelock_plan::{Action, Plan};

use crate::applying::writer::{self, members};
use crate::exit::{Context, Outcome};
use crate::printer;
use crate::state::{StateDir, to_json, write_private};

/// Tails of a killed writer that an agent has saved: they are somebody's data, and stay.
const KEPT: &str = "salvage";

/// Whether `plan` leaves no member of the group with what it holds now. Something of it is deleted, then, and that was allowed:
/// members that are merely not there may be a loss that nobody knows of.
fn is_due(plan: &Plan, group: &GeoGroup) -> bool {
    let actions: Vec<Action> = members(plan, group).map(|step| step.action).collect();
    actions.contains(&Action::Delete) && actions.iter().all(|action| matches!(action, Action::Create | Action::Delete))
}

/// Ends agents and gateways before `plan` empties every member, and takes the register from the agents: `tidelock up` founds
/// another, with the writer there is now. Ended in the middle, the same plan is due again, and so is this.
pub(crate) async fn begin_if_due(cloud: &CloudControl, group: &GeoGroup, state: &StateDir, plan: &Plan) -> Outcome<()> {
    if !state.topology_file().exists() || !is_due(plan, group) {
        return Ok(());
    }
    let writer = writer::now(state).await?;
    begin(cloud, state, writer.as_ref()).await.map_err(|failure| {
        failure
            .hint("some agents and gateways may have ended; no data is deleted yet: repeat this, or `tidelock up FILE`")
    })?;
    printer::say(
        "every member begins empty: agents and gateways have ended, with their register of who holds what; \
         `tidelock up FILE` starts them anew",
    );
    Ok(())
}

async fn begin(cloud: &CloudControl, state: &StateDir, writer: Option<&Location>) -> Outcome<()> {
    let names = state.workloads()?;
    for name in &names {
        cloud.delete_workload(name).await?;
    }
    // If the plan comes to nothing, and the file is put back as it was, the newest data is still where it was written.
    match writer {
        Some(writer) => write_private(&state.founder_file(), &to_json(writer)?)?,
        None => forget_founder(state)?,
    }
    for name in &names {
        forget(&state.workload_dir(name).join("state"))?;
    }
    // The last of it: while it is there, this is not done.
    gone(fs::remove_file(state.topology_file()), &state.topology_file())
}

/// Nothing of the environment is left that anybody could have written.
pub(crate) fn forget_founder(state: &StateDir) -> Outcome<()> {
    gone(fs::remove_file(state.founder_file()), &state.founder_file())
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
    use tidelock_arm_types::ResourceKind;
    use tidelock_model::{CacheName, GeoMember};

    use super::*;
    use crate::applying::sample::{plan, step};

    #[test]
    fn only_what_is_deleted_with_permission_and_from_every_member_begins_anew() {
        let member = |location: &str, cache: &str| GeoMember {
            location: Location::new(location).unwrap(),
            cache: CacheName(cache.to_owned()),
        };
        let group = GeoGroup {
            key: "group".to_owned(),
            nickname: "group".to_owned(),
            members: vec![member("eastus2", "primary"), member("uksouth", "replica")],
            seed_writer: member("eastus2", "primary"),
        };
        let due = |east, uk| {
            let made_again = ("eastus2", "primary", Action::Create);
            // Another cache of the file, which is in no group.
            let alone = ("eastus2", "alone", Action::None);
            let all = [("eastus2", "primary:delete", east), made_again, ("uksouth", "replica", uk), alone];
            let step = |(location, cache, action)| step(location, ResourceKind::Database, cache, action, "");
            is_due(&plan(all.map(step).to_vec()), &group)
        };
        assert!(due(Action::Delete, Action::Delete));
        assert!(due(Action::Create, Action::Delete), "cut off after the first");
        assert!(!due(Action::Create, Action::Create), "nobody has allowed that both are gone");
        assert!(!due(Action::Delete, Action::None) && !due(Action::Delete, Action::Update));
    }

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
