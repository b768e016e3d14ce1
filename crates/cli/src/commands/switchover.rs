//! `tidelock switchover`: the writer moves, nothing is lost.

use tidelock_control::agent_api::{SagaKind, SagaRequest};

use super::role_change::{carry_out_unless_interrupted, conclude_move, decide_on, new_id};
use crate::args::{MoveArgs, Output};
use crate::environment::Opened;
use crate::exit::Outcome;
use crate::operator::Operator;
use crate::printer;
use crate::settings::Settings;
use crate::topology::Topology;

pub(crate) async fn run(settings: &Settings, args: &MoveArgs) -> Outcome {
    let opened = Opened::load(settings, &args.moving.environment.file)?;
    let topology = Topology::load(&opened.state)?;
    let _shared = opened.state.share("switchover")?;
    let operator = Operator::new(&opened.state, &topology)?;
    let sites = operator.ask_all(&topology).await;
    let view = decide_on(&topology, &sites, &args.to)?;
    let output = args.moving.output;
    if output == Output::Human {
        printer::say(&format!("switchover of {} from {} to {}", topology.environment, view.writer, args.to));
    }
    let request = SagaRequest {
        id: new_id(),
        kind: SagaKind::Switchover,
        to: args.to.clone(),
        expected: view.epoch,
        force: false,
        accept_loss: false,
        attest_down: false,
    };
    let saga = carry_out_unless_interrupted(&operator, &args.to, &request, output).await?;
    conclude_move(&saga, &args.moving, false)
}
