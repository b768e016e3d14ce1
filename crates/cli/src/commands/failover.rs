//! `tidelock failover`: another region becomes writer although the writer is gone.

use tidelock_control::RefusalCode;
use tidelock_control::agent_api::{SagaKind, SagaRequest};
use tidelock_control::register_api::RegisterView;
use tidelock_model::Location;

use super::role_change::{carry_out_unless_interrupted, conclude_move, confirm, decide_on, new_id};
use crate::args::{FailoverArgs, Output};
use crate::environment::Opened;
use crate::exit::{Failure, Outcome};
use crate::operator::Operator;
use crate::printer;
use crate::settings::Settings;
use crate::topology::Topology;
use crate::views::briefing::{Briefing, Majority};

pub(crate) async fn run(settings: &Settings, args: &FailoverArgs) -> Outcome {
    let to = &args.target.to;
    let moving = &args.target.moving;
    let opened = Opened::load(settings, &moving.environment.file)?;
    let topology = Topology::load(&opened.state)?;
    let _shared = opened.state.share("failover")?;
    let operator = Operator::new(&opened.state, &topology)?;
    let sites = operator.ask_all(&topology).await;
    let view = decide_on(&topology, &sites, to)?;
    let briefing = Briefing { sites: &sites, view, to };
    if moving.output == Output::Human || !args.yes {
        for line in briefing.lines() {
            printer::say(&line);
        }
    }
    let majority = briefing.majority();
    check_attestation(args, view, majority)?;
    let attest_down = attestation(args, &view.writer, majority).await?;
    let request = SagaRequest {
        id: new_id(),
        kind: SagaKind::Failover,
        to: to.clone(),
        expected: view.epoch,
        force: args.force,
        accept_loss: args.accept_loss,
        attest_down,
    };
    let saga = carry_out_unless_interrupted(&operator, to, &request, moving.output).await;
    conclude_move(&saga.map_err(|failure| advised(failure, &view.writer))?, moving, attest_down)
}

/// An attestation must be of the region it is about.
fn check_attestation(args: &FailoverArgs, view: &RegisterView, majority: Majority) -> Outcome<()> {
    match &args.attest_down {
        Some(attested) if *attested != view.writer => Err(Failure::refused(format!(
            "{attested} is attested to be down, but the writer is {}; nothing was changed",
            view.writer
        ))),
        None if args.yes && majority == Majority::Missing => Err(Failure::refused(format!(
            "the register has no majority, so nobody can take the lease of {0} away; nothing was changed",
            view.writer
        ))
        .hint(format!("if you know that {0} is down and takes no writes, add --attest-down {0}", view.writer))),
        _ => Ok(()),
    }
}

/// Asks what has to be asked. True: the old writer's region is attested to be down.
async fn attestation(args: &FailoverArgs, old: &Location, majority: Majority) -> Outcome<bool> {
    let to = &args.target.to;
    if !args.yes {
        confirm("a failover", to, "to continue", "pass --yes to confirm beforehand").await?;
    }
    if args.attest_down.is_some() {
        return Ok(true);
    }
    if majority == Majority::There {
        return Ok(false);
    }
    let purpose = format!("as well to attest that {old} is down and takes no writes");
    let hint = format!("pass --attest-down {old} to attest it beforehand");
    confirm("that the old writer's region is down", old, &purpose, &hint).await?;
    Ok(true)
}

/// What helps when the agents found no majority where this process still counted one.
fn advised(failure: Failure, old: &Location) -> Failure {
    if failure.hint.is_none() && failure.refusal == Some(RefusalCode::NoQuorum) {
        return failure.hint(format!(
            "`tidelock status FILE` shows who votes; if you know that {old} is down and takes no writes, add --attest-down {old}"
        ));
    }
    failure
}
