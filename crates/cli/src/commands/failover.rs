//! `tidelock failover`: another region becomes writer although the writer is gone.

use tidelock_control::agent_api::SagaRequest;
use tidelock_control::register_api::{LeaseView, RegisterView, TransferKind};

use super::role_change::{carry_out_unless_interrupted, conclude, decide_on};
use crate::args::{FailoverArgs, Output};
use crate::environment::Opened;
use crate::exit::{Failure, Outcome};
use crate::operator::{Operator, SiteStatus};
use crate::printer;
use crate::settings::Settings;
use crate::topology::Topology;

pub(crate) async fn run(settings: &Settings, args: &FailoverArgs) -> Outcome {
    let to = &args.target.to;
    let output = args.target.output;
    let opened = Opened::load(settings, &args.target.environment.file)?;
    let topology = Topology::load(&opened.state)?;
    let _shared = opened.state.share("failover")?;
    let operator = Operator::new(&opened.state, &topology)?;
    let sites = operator.ask_all(&topology).await;
    let view = decide_on(&topology, &sites, to)?;
    if output == Output::Human || !args.yes {
        for line in briefing(&sites, view, args) {
            printer::say(&line);
        }
    }
    if !args.yes {
        confirm(args)?;
    }
    let request = SagaRequest { kind: TransferKind::Failover, expected: view.epoch, force: args.force };
    let saga = carry_out_unless_interrupted(&operator, to, &request, output).await?;
    conclude(&saga, output)
}

/// What the operator has to know before the question: who is gone, who is fit, what may be lost.
fn briefing(sites: &[SiteStatus], view: &RegisterView, args: &FailoverArgs) -> Vec<String> {
    let mut lines = Vec::new();
    for site in sites {
        let words = match &site.status {
            Err(err) => err.to_string(),
            Ok(status) if status.witness => "witness, answers".to_owned(),
            Ok(status) => match &status.engine {
                Some(engine) => format!("answers; its cache is at offset {}", engine.offset),
                None => "answers; its cache does not".to_owned(),
            },
        };
        lines.push(format!("{:<12} {words}", site.site.location));
    }
    lines.push(match view.lease {
        LeaseView::Held { at_most_ms } => {
            format!(
                "lease        epoch {} of {} may last {at_most_ms} ms more; it is waited for",
                view.epoch, view.writer
            )
        }
        LeaseView::Lapsed { for_ms } => {
            format!("lease        epoch {} of {} is certainly over for {for_ms} ms", view.epoch, view.writer)
        }
    });
    lines.push(format!("at risk      {}", at_risk(sites, view, args)));
    lines
}

/// What may be lost at most: as far as the target is behind now, and whatever the old writer may still acknowledge until
/// its lease is over.
fn at_risk(sites: &[SiteStatus], view: &RegisterView, args: &FailoverArgs) -> String {
    let to = &args.target.to;
    let target = sites.iter().find(|site| site.site.location == *to);
    let gateways = target.and_then(|site| site.status.as_ref().ok()).map(|status| &status.gateways);
    let behind = gateways.and_then(|gateways| gateways.iter().filter_map(|gateway| gateway.staleness_ms).min());
    let Some(behind) = behind else {
        return format!("not known: no gateway in {to} has measured how far behind it is");
    };
    let lease = match view.lease {
        LeaseView::Held { at_most_ms } => at_most_ms,
        LeaseView::Lapsed { .. } => 0,
    };
    format!(
        "at most {:.1} s of acknowledged writes: {to} is up to {behind} ms behind, and {} may go on for {lease} ms",
        (behind + lease) as f64 / 1000.0,
        view.writer
    )
}

/// Typing the target's name is the confirmation.
fn confirm(args: &FailoverArgs) -> Outcome<()> {
    let to = &args.target.to;
    if !printer::can_ask() {
        return Err(Failure::refused(
            "a failover must be confirmed, and there is no terminal to ask on; nothing was changed",
        )
        .hint("pass --yes to confirm beforehand"));
    }
    match printer::ask(&format!("Type \"{to}\" to continue:")) {
        Some(answer) if answer == to.as_str() => Ok(()),
        _ => Err(Failure::refused("not confirmed; nothing was changed")),
    }
}
