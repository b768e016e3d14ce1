//! `tidelock status`.

use std::time::Duration;

use crate::args::{Output, StatusArgs};
use crate::environment::Opened;
use crate::exit::{Exit, Outcome};
use crate::operator::Operator;
use crate::printer;
use crate::settings::Settings;
use crate::topology::Topology;
use crate::views;

/// How often `--watch` looks.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

pub(crate) async fn run(settings: &Settings, args: &StatusArgs) -> Outcome {
    let opened = Opened::load(settings, &args.environment.file)?;
    let topology = Topology::load(&opened.state)?;
    let operator = Operator::new(&opened.state, &topology)?;
    print_once(&operator, &topology, args.output).await?;
    if args.watch {
        watch(&operator, &topology, args.output).await?;
    }
    Ok(Exit::Done)
}

async fn print_once(operator: &Operator, topology: &Topology, output: Output) -> Outcome<()> {
    let sites = operator.ask_all(topology).await;
    match output {
        Output::Human => printer::data(&views::status::human(topology, &sites)),
        Output::Json => printer::data_json(&views::status::document(topology, &sites))?,
    }
    Ok(())
}

async fn watch(operator: &Operator, topology: &Topology, output: Output) -> Outcome<()> {
    let mut shown = String::new();
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(()),
            () = tokio::time::sleep(WATCH_INTERVAL) => {}
        }
        let sites = operator.ask_all(topology).await;
        let text = match output {
            Output::Human => views::status::human(topology, &sites),
            Output::Json => serde_json::to_string(&views::status::document(topology, &sites)).unwrap_or_default(),
        };
        if text != shown {
            let separator = if output == Output::Human { "\n" } else { "" };
            printer::data(&format!("{separator}{text}"));
            shown = text;
        }
    }
}
