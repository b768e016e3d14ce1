//! `tidelock status`.

use std::io::IsTerminal;
use std::time::Duration;

use crate::args::{Output, StatusArgs};
use crate::environment::Opened;
use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::local::cloud;
use crate::operator::Operator;
use crate::printer;
use crate::settings::Settings;
use crate::state::StateDir;
use crate::topology::Topology;
use crate::views::moment;
use crate::views::status::{Shown, document, human, signature};

/// How often `--watch` looks.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);
/// Clears a terminal and goes to its first line.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

pub(crate) async fn run(settings: &Settings, args: &StatusArgs) -> Outcome {
    let opened = Opened::load(settings, &args.environment.file)?;
    let topology = Topology::load(&opened.state)?;
    let operator = Operator::new(&opened.state, &topology)?;
    if args.watch {
        let mut interrupt = Interrupt::listen()?;
        return tokio::select! {
            watched = watch(settings, args, &opened.state, &operator, &topology) => watched,
            () = interrupt.wait() => Ok(Exit::Done),
        };
    }
    let (sites, supervised) = tokio::join!(operator.ask_all(&topology), supervised(&opened.state));
    let shown =
        Shown { topology: &topology, sites: &sites, supervised, file: opened.named_writer(), now: moment::now() };
    match args.output {
        Output::Human => printer::data(&human(shown)),
        Output::Json => printer::data_json(&document(shown))?,
    }
    Ok(Exit::Done)
}

async fn supervised(state: &StateDir) -> bool {
    cloud::control(state).status().await.is_ok()
}

/// On a terminal one picture that is drawn anew; elsewhere a report at each change, in JSON one document a line.
async fn watch(
    settings: &Settings,
    args: &StatusArgs,
    state: &StateDir,
    operator: &Operator,
    topology: &Topology,
) -> Outcome {
    let StatusArgs { environment, output, .. } = args;
    let (file, output) = (&environment.file, *output);
    let redraw = output == Output::Human && std::io::stdout().is_terminal();
    let mut last = String::new();
    loop {
        if !state.exists() {
            return Err(Failure::error(format!("{} has been taken down", state.id())));
        }
        let (sites, supervised) = tokio::join!(operator.ask_all(topology), supervised(state));
        // The file may be changed meanwhile, by whoever writes the roles back.
        let current = Opened::load_quietly(settings, file).ok();
        let named = current.as_ref().and_then(Opened::named_writer);
        let shown = Shown { topology, sites: &sites, supervised, file: named, now: moment::now() };
        let now = signature(shown);
        match output {
            Output::Human if redraw => printer::data(&format!("{CLEAR}{}", human(shown))),
            Output::Human if now != last => printer::data(&human(shown)),
            Output::Json if now != last => {
                printer::data(&serde_json::to_string(&document(shown)).unwrap_or_default());
            }
            _ => {}
        }
        last = now;
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
}
