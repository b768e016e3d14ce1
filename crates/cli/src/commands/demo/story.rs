//! The story's scenes. Every figure comes from the clients' own log.

use std::path::Path;
use std::time::Duration;

use tidelock_control::agent_api::{SagaKind, SagaRequest};
use tidelock_control::register_api::{RegisterView, SagaView};
use tidelock_drill::{History, Op, Window, longest_write_gap, loss, outage_after, reads};
use tidelock_failover::group::Outcome as SagaEnd;
use tidelock_model::{BootTime, Location};
use tidelock_redis_client::Client;

use super::report::{ReadLatencies, RegionLoss, Switchover};
use super::stage::{CALM, Stage, keep};
use crate::args::Output;
use crate::commands::role_change;
use crate::exit::{Context, Failure, Outcome};
use crate::printer;
use crate::views;
use crate::views::moment;
use crate::views::status::{Shown, human};
use crate::wait;

/// The write path is back within this, or the story ends.
const RECOVERY_LIMIT: Duration = Duration::from_secs(30);
/// A write that takes longer than this counts as failed when the outage is measured.
const LATE: Duration = Duration::from_millis(500);
/// Reads per way when latencies are compared.
const SAMPLES: usize = 50;

/// Who writes now, and the region that does not.
async fn roles(stage: &Stage) -> Outcome<(RegisterView, Location)> {
    let sites = stage.operator.ask_all(&stage.topology).await;
    let view = views::status::newest_register(&sites)
        .cloned()
        .ok_or_else(|| Failure::error("no agent has heard the register"))?;
    let reader = stage.topology.regions().map(|(site, _)| &site.location).find(|location| **location != view.writer);
    let reader = reader.cloned().ok_or_else(|| Failure::error("the environment has only one region"))?;
    Ok((view, reader))
}

/// The same key, read in the reader's region and at the writer across the WAN.
pub(super) async fn latencies(stage: &Stage) -> Outcome<ReadLatencies> {
    let (view, reader) = roles(stage).await?;
    let gateway = |location: &Location| {
        stage.gateway(location).ok_or_else(|| Failure::error(format!("{location} has no gateway")))
    };
    let mut near = Client::connect(&gateway(&reader)?).await.context("the reader's gateway")?;
    let mut at_writer = Client::connect(&gateway(&view.writer)?).await.context("the writer's gateway")?;
    near.command(&["SET", "demo:hello", "written in the reader's region"])
        .await
        .context("a write through the reader")?;
    at_writer.command(&["SET", "demo:there", "written at the writer"]).await.context("a write at the writer")?;
    let near = &tokio::sync::Mutex::new(near);
    wait::until("that both writes can be read in the reader's region", RECOVERY_LIMIT, || async {
        let answer = near.lock().await.command(&["EXISTS", "demo:hello", "demo:there"]).await;
        match answer.map_err(|err| err.to_string())?.as_integer() {
            Some(2) => Ok(()),
            other => Err(format!("{other:?} of 2 keys are there")),
        }
    })
    .await?;
    let read_there =
        at_writer.command(&["EXISTS", "demo:hello", "demo:there"]).await.context("a read at the writer")?;
    if read_there.as_integer() != Some(2) {
        return Err(Failure::error("a write that was acknowledged in one region cannot be read at the writer"));
    }
    let mut near = near.lock().await;
    let local = median(stage, &mut near).await?;
    near.command(&["READWRITE"]).await.context("asking for the writer's state")?;
    let remote = median(stage, &mut near).await?;
    near.command(&["DEL", "demo:hello", "demo:there"]).await.context("cleaning up")?;
    printer::say(&format!(
        "\nreads in {reader}: {:.2} ms locally, {:.1} ms from the writer in {} (median of {SAMPLES})",
        millis(local),
        millis(remote),
        view.writer
    ));
    Ok(ReadLatencies { region: reader, local, remote })
}

async fn median(stage: &Stage, client: &mut Client) -> Outcome<Duration> {
    let mut spans = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        let start = stage.now();
        client.command(&["GET", "demo:hello"]).await.context("a read")?;
        spans.push(stage.now().saturating_since(start));
    }
    spans.sort_unstable();
    spans.get(SAMPLES / 2).copied().ok_or_else(|| Failure::error("no read was measured"))
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

async fn move_writer(stage: &Stage, view: &RegisterView, to: &Location, kind: SagaKind) -> Outcome<SagaView> {
    let request = SagaRequest {
        id: role_change::new_id(),
        kind,
        to: to.clone(),
        expected: view.epoch,
        force: false,
        accept_loss: false,
        attest_down: false,
    };
    let saga = role_change::carry_out(&stage.operator, to, &request, Output::Human).await?;
    match &saga.outcome {
        Some(SagaEnd::Done) => Ok(saga),
        _ => Err(Failure::error(format!("the {kind} to {to} did not succeed: {}", views::saga::summary(&saga)))),
    }
}

/// A planned move under load.
pub(super) async fn switchover(stage: &Stage, number: u32, log: Option<&Path>) -> Outcome<Switchover> {
    let (view, reader) = roles(stage).await?;
    printer::say(&format!("\nswitchover under load: {} -> {reader}", view.writer));
    let load = stage.load().await?;
    tokio::time::sleep(CALM).await;
    let commanded = load.mark("switchover commanded", Some(&reader)).context("the clients")?;
    move_writer(stage, &view, &reader, SagaKind::Switchover).await?;
    for (site, _) in stage.topology.regions() {
        load.wait_for_ack(Some(&site.location), stage.now(), RECOVERY_LIMIT).await.context("after the switchover")?;
    }
    tokio::time::sleep(CALM).await;
    let mut history = load.stop().await.context("the clients")?;
    stage.audit(&mut history, "after the switchover", &reader).await?;
    keep(&history, log, &format!("{number:04}-switchover"))?;
    let survivors = history.audit("after the switchover").map(|audit| &audit.survivors);
    let survivors = survivors.ok_or_else(|| Failure::error("the audit is missing"))?;
    let lost = loss(&history, survivors);
    let gap = longest_write_gap(&history, None, Window::since(commanded)).map(|gap| gap.lasted);
    let worst = stage.topology.regions().filter_map(|(site, _)| {
        longest_write_gap(&history, Some(&site.location), Window::since(commanded)).map(|gap| gap.lasted)
    });
    let measured = Switchover {
        from: view.writer.clone(),
        to: reader,
        acknowledged: lost.acked,
        lost: lost.lost.len() as u64,
        unknown: lost.unknown_applied + lost.unknown_absent,
        denied_but_applied: lost.denied_but_applied.len() as u64,
        write_gap: gap,
        write_gap_worst_region: worst.max(),
        reads_failed: reads(&history, None, Window::since(commanded)).failed,
    };
    printer::say(&format!("  {measured}"));
    wait::until_ready(&stage.operator, &stage.topology).await?;
    Ok(measured)
}

/// The writer's region dies under load; the other takes over; the dead one returns as a reader.
pub(super) async fn region_loss(stage: &Stage, number: u32, log: Option<&Path>) -> Outcome<RegionLoss> {
    let (view, survivor) = roles(stage).await?;
    let dead = view.writer.clone();
    printer::say(&format!("\nregion loss under load: {dead} vanishes, every process in it is killed"));
    let load = stage.load().await?;
    tokio::time::sleep(CALM).await;
    let killed = load.mark("region killed", Some(&dead)).context("the clients")?;
    stage.vanish(&dead).await?;
    let commanded = load.mark("failover commanded", Some(&survivor)).context("the clients")?;
    let saga = move_writer(stage, &view, &survivor, SagaKind::Failover).await?;
    load.wait_for_ack(Some(&survivor), stage.now(), RECOVERY_LIMIT).await.context("after the failover")?;
    tokio::time::sleep(CALM).await;
    let mut history = load.stop().await.context("the clients")?;
    stage.audit(&mut history, "after the failover", &survivor).await?;
    keep(&history, log, &format!("{number:04}-region-loss"))?;
    let survivors = history.audit("after the failover").map(|audit| &audit.survivors);
    let survivors = survivors.ok_or_else(|| Failure::error("the audit is missing"))?;
    let lost = loss(&history, survivors);
    let since_kill = Window::since(killed);
    let surviving_reads = reads(&history, Some(&survivor), since_kill);
    let outage = outage_after(&history, Some(&survivor), killed, LATE);
    let first_ack = first_new_ack(&history, &survivor, commanded);
    let measured = RegionLoss {
        first_ack_after_command: first_ack.map(|at| at.saturating_since(commanded)),
        rto: outage.and_then(|outage| outage.rto()),
        reads: surviving_reads.attempted,
        reads_failed: surviving_reads.failed,
        read_gap: surviving_reads.longest_gap.map(|gap| gap.lasted),
        first_read_failure: surviving_reads.first_failure,
        acknowledged: lost.acked,
        lost: lost.lost.len() as u64,
        lost_span: lost.span.map(|span| killed.saturating_since(span.first_sent)),
        unknown: lost.unknown_applied + lost.unknown_absent,
        denied_but_applied: lost.denied_but_applied.len() as u64,
        at_risk: saga.saga.at_risk.and_then(|risk| risk.window_ms).map(Duration::from_millis),
        dead: dead.clone(),
        survivor,
    };
    printer::say(&format!("  {measured}"));
    printer::say(&format!("\n{dead} returns"));
    stage.reappear(&dead).await?;
    wait::until_ready(&stage.operator, &stage.topology).await?;
    let sites = stage.operator.ask_all(&stage.topology).await;
    printer::say(&human(Shown {
        topology: &stage.topology,
        sites: &sites,
        supervised: true,
        file: None,
        now: moment::now(),
    }));
    Ok(measured)
}

/// The first acknowledged write that was sent after the command. One that was under way before may still be answered by
/// the dying region.
fn first_new_ack(history: &History, region: &Location, commanded: BootTime) -> Option<BootTime> {
    let acked = |op: &&Op| op.sent >= commanded && op.outcome == tidelock_drill::Outcome::Acked;
    history.writes(Some(region)).filter(acked).map(|op| op.ended).min()
}
