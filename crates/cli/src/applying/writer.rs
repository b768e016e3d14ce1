//! The writer is never taken out: what it alone holds would go with it, and nobody could write.

use tidelock_arm_types::ResourceKind;
use tidelock_model::Location;
use tidelock_plan::{Action, Plan, Step};

use crate::environment::Opened;
use crate::exit::{Failure, Outcome};
use crate::operator::Operator;
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

/// Refuses a plan that deletes the writer's database while another member stays. Where all of them begin empty anyway, which
/// had to be allowed, there is nothing to move.
pub(crate) async fn is_not_replaced(opened: &Opened, plan: &Plan) -> Outcome<()> {
    if !opened.state.topology_file().exists() {
        return Ok(());
    }
    let databases = || plan.steps.iter().filter(|step| step.kind == ResourceKind::Database);
    let goes = |step: &&Step| step.action == Action::Delete;
    let leaving: Vec<&Location> = databases().filter(goes).map(|step| &step.location).collect();
    let stays = databases().any(|step| matches!(step.action, Action::None | Action::Update));
    if leaving.is_empty() || !stays {
        return Ok(());
    }
    let topology = Topology::load(&opened.state)?;
    let sites = Operator::new(&opened.state, &topology)?.ask_all(&topology).await;
    match newest_register(&sites) {
        Some(register) if leaving.contains(&&register.writer) => Err(Failure::refused(format!(
            "this deletes the cache of {}, which is the writer; nothing was changed",
            register.writer
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
