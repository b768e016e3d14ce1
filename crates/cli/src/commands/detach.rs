//! `tidelock detach`: a lost region is taken out of promotion and of the voters.

use tidelock_control::agent_api::{SagaKind, SagaRequest};

use super::role_change::{carry_out_unless_interrupted, conclude, confirm, new_id, register};
use crate::args::{DetachArgs, Output};
use crate::environment::Opened;
use crate::exit::{Exit, Failure, Outcome};
use crate::operator::Operator;
use crate::printer;
use crate::settings::Settings;
use crate::topology::Topology;

pub(crate) async fn run(settings: &Settings, args: &DetachArgs) -> Outcome {
    let region = &args.region;
    let opened = Opened::load(settings, &args.environment.file)?;
    let topology = Topology::load(&opened.state)?;
    topology.region(region)?;
    let _shared = opened.state.share("detach")?;
    let operator = Operator::new(&opened.state, &topology)?;
    let sites = operator.ask_all(&topology).await;
    let view = register(&sites)?;
    if view.writer == *region {
        return Err(Failure::refused(format!("{region} is the writer and cannot be detached; nothing was changed"))
            .hint("move the writer first: `tidelock switchover`, or `tidelock failover` if the region is lost"));
    }
    if view.detached.contains(region) {
        printer::data(&format!("{region} is detached; nothing to do"));
        return Ok(Exit::Done);
    }
    if args.output == Output::Human {
        printer::say(&format!(
            "{region} will not be made writer, not vote and not follow until `tidelock failback {} --region {region}`",
            args.environment.file.display()
        ));
    }
    if !args.yes {
        confirm("a detach", region, "to take it out", "pass --yes to confirm beforehand").await?;
    }
    let request = SagaRequest {
        id: new_id(),
        kind: SagaKind::Detach,
        to: region.clone(),
        expected: view.epoch,
        force: false,
        accept_loss: false,
        attest_down: false,
    };
    // Its own agent may be gone; the writer's is the one that has to go on.
    let saga = carry_out_unless_interrupted(&operator, &view.writer, &request, args.output).await?;
    conclude(&saga, args.output)
}
