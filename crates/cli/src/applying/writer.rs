//! The writer is never taken out: what it alone holds would go with it, and nobody could write.

use tidelock_arm_types::ResourceKind;
use tidelock_model::{GeoGroup, GeoMember, Location};
use tidelock_plan::{Action, Plan, Step};

use crate::environment::Opened;
use crate::exit::{Failure, Outcome};
use crate::operator::Operator;
use crate::state::StateDir;
use crate::topology::Topology;
use crate::views::status::newest_register;

/// Refuses where the file drops the region that may write now, or drops one and nobody can say who may. An environment whose
/// agents have never run has no writer.
pub(crate) async fn stays(opened: &Opened) -> Outcome<()> {
    if !opened.state.topology_file().exists() {
        return Ok(());
    }
    let topology = Topology::load(&opened.state)?;
    let members = &opened.group()?.members;
    let leaving: Vec<&Location> = topology
        .regions()
        .map(|(site, _)| &site.location)
        .filter(|location| !members.iter().any(|member| member.location == **location))
        .collect();
    let Some(first) = leaving.first() else { return Ok(()) };
    let file = opened.file.display();
    let sites = Operator::new(&opened.state, &topology)?.ask_all(&topology).await;
    let Some(register) = newest_register(&sites) else {
        return Err(Failure::refused(format!(
            "{file} drops {first}, and no agent has heard the register: whether {first} is the writer is not known; \
             nothing was changed"
        ))
        .hint("bring back enough of the places that vote with the file as it was, then repeat this"));
    };
    if leaving.contains(&&register.writer) {
        let writer = &register.writer;
        return Err(Failure::refused(format!("{file} drops {writer}, which is the writer; nothing was changed"))
            .hint("move the writer first, with the region still in the file: `tidelock switchover FILE --to REGION`"));
    }
    Ok(())
}

/// What `plan` does with the databases of the group, also with those that the file does not name any more.
pub(crate) fn members<'a>(plan: &'a Plan, group: &'a GeoGroup) -> impl Iterator<Item = &'a Step> {
    plan.steps.iter().filter(|step| {
        let named = |member: &GeoMember| {
            // A database has several steps where it is made again: `eastus2/database/primary:delete`.
            let key = step.address.rsplit('/').next().and_then(|name| name.split(':').next());
            member.location == step.location && key == Some(member.cache.0.as_str())
        };
        step.kind == ResourceKind::Database && (step.not_in_file || group.members.iter().any(named))
    })
}

/// Who writes now, if an agent can say.
pub(crate) async fn now(state: &StateDir) -> Outcome<Option<Location>> {
    let topology = Topology::load(state)?;
    let sites = Operator::new(state, &topology)?.ask_all(&topology).await;
    Ok(newest_register(&sites).map(|register| register.writer.clone()))
}

/// Refuses a plan that deletes the writer's database while another member stays. Where all of them begin empty anyway, which
/// had to be allowed, there is nothing to move.
pub(crate) async fn is_not_replaced(opened: &Opened, plan: &Plan) -> Outcome<()> {
    if !opened.state.topology_file().exists() {
        return Ok(());
    }
    let group = opened.group()?;
    let goes = |step: &&Step| step.action == Action::Delete;
    let leaving: Vec<&Location> = members(plan, group).filter(goes).map(|step| &step.location).collect();
    let stays = members(plan, group).any(|step| matches!(step.action, Action::None | Action::Update));
    if leaving.is_empty() || !stays {
        return Ok(());
    }
    match now(&opened.state).await? {
        Some(writer) if leaving.contains(&&writer) => Err(Failure::refused(format!(
            "this deletes the cache of {writer}, which is the writer; nothing was changed"
        ))
        .hint("move the writer first: `tidelock switchover FILE --to REGION`")),
        Some(_) => Ok(()),
        None => Err(Failure::refused(format!(
            "this deletes the cache of {}, and no agent has heard the register: whether it is the writer's is not known",
            leaving.first().map(|location| location.as_str()).unwrap_or_default()
        ))
        .hint("bring back enough of the places that vote, then repeat this")),
    }
}
