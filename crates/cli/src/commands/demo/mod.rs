//! `tidelock demo`: the whole story, measured from the clients' side, and nothing left behind.

mod report;
mod stage;
mod story;

use crate::args::{DemoArgs, Output};
use crate::commands::up;
use crate::environment::Opened;
use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::printer;
use crate::settings::Settings;
use report::Report;
use stage::Stage;

pub(crate) async fn run(settings: &Settings, args: &DemoArgs) -> Outcome {
    let mut interrupt = Interrupt::listen()?;
    let opened = Opened::load_checked(settings, &args.environment.file)?;
    let file = args.environment.file.display();
    if opened.state.path().exists() {
        return Err(Failure::refused(format!("{} is up already; the demo would get in its way", opened.state.id()))
            .hint(format!("take it down first: tidelock down {file}")));
    }
    let lock = up::prepare(&opened, "demo").await?;
    // Whatever happens from here on, everything is taken down again.
    let told = tell(&opened, args, &lock, &mut interrupt).await.map_err(|failure| match failure.exit {
        // What is said of an interrupted `up` is not true of what is taken down.
        Exit::Interrupted => Failure::interrupted("interrupted"),
        _ => failure,
    });
    printer::say("\ntaking everything down");
    let down = up::take_down(&opened).await;
    drop(lock);
    if let (Err(_), Err(failure)) = (&told, &down) {
        printer::say(&format!("error: {failure}"));
    }
    let report = told?;
    let processes = down?;
    printer::say(&format!("  {processes} processes ended, state removed\n"));
    match args.output {
        Output::Human => printer::data(&report.human()),
        Output::Json => printer::data_json(&report)?,
    }
    Ok(report.exit())
}

async fn tell(
    opened: &Opened,
    args: &DemoArgs,
    lock: &crate::state::Lock,
    interrupt: &mut Interrupt,
) -> Outcome<Report> {
    let stage = Stage::set(opened, &args.local, lock, interrupt).await?;
    interrupt.during(play(&stage, opened, args)).await
}

async fn play(stage: &Stage, opened: &Opened, args: &DemoArgs) -> Outcome<Report> {
    let mut report = Report::new(opened, args);
    report.reads = Some(story::latencies(stage).await?);
    for number in 1..=args.runs {
        if args.runs > 1 {
            printer::say(&format!("\nrun {number} of {}", args.runs));
        }
        let switchover = story::switchover(stage, number, args.keep_log.as_deref()).await?;
        let loss = story::region_loss(stage, number, args.keep_log.as_deref()).await?;
        report.add(switchover, loss);
    }
    Ok(report)
}

impl Report {
    fn exit(&self) -> Exit {
        if !self.violations.is_empty() {
            Exit::InvariantViolated
        } else if !self.missed.is_empty() {
            Exit::ObjectiveMissed
        } else {
            Exit::Done
        }
    }
}
