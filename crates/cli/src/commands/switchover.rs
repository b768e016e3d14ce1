//! `tidelock switchover`: the writer moves, nothing is lost.

use tidelock_control::agent_api::SagaRequest;
use tidelock_control::register_api::TransferKind;

use super::role_change::{carry_out_unless_interrupted, conclude, decide_on};
use crate::args::{MoveArgs, Output};
use crate::environment::Opened;
use crate::exit::Outcome;
use crate::operator::Operator;
use crate::printer;
use crate::settings::Settings;
use crate::topology::Topology;

pub(crate) async fn run(settings: &Settings, args: &MoveArgs) -> Outcome {
    let opened = Opened::load(settings, &args.environment.file)?;
    let topology = Topology::load(&opened.state)?;
    let _shared = opened.state.share("switchover")?;
    let operator = Operator::new(&opened.state, &topology)?;
    let sites = operator.ask_all(&topology).await;
    let view = decide_on(&topology, &sites, &args.to)?;
    if args.output == Output::Human {
        printer::say(&format!("switchover of {} from {} to {}", topology.environment, view.writer, args.to));
    }
    let request = SagaRequest { kind: TransferKind::Switchover, expected: view.epoch, force: false };
    let saga = carry_out_unless_interrupted(&operator, &args.to, &request, args.output).await?;
    conclude(&saga, args.output)
}
