//! An environment for one trial: the development file with the settings under test.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tidelock_drill::{AuditTarget, History, LoadSettings, Loss, MAX_OPS, RunningLoad, Survivors, audit, loss};
use tidelock_model::{BootClock, BootTime, Clock};

use crate::harness::{EAST, Env, UK, place};

/// Detection, lease and margin, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Periods {
    pub(crate) detection: u64,
    pub(crate) lease: u64,
    pub(crate) margin: u64,
}

/// As for the comparison: lease and margin fit inside the detection time.
pub(crate) const SHORT: Periods = Periods { detection: 1000, lease: 600, margin: 100 };
/// As in the development file, which leaves the detection time at its default.
pub(crate) const USUAL: Periods = Periods { detection: 2000, lease: 3000, margin: 500 };

/// A write that takes longer was stuck.
pub(crate) const STUCK: Duration = Duration::from_millis(300);

/// Load before a fault: long enough for a steady rate.
const WARM: Duration = Duration::from_millis(1500);

/// How a role change ends that has moved the writer: also with the file still to be changed.
pub(crate) const MOVED: [Option<i32>; 2] = [Some(0), Some(6)];

/// What is the same in all runs of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Between any two regions, one way.
    pub(crate) delay_ms: u64,
    /// Writing clients in each region; many, since one alone cannot write faster than its round trips.
    pub(crate) writers: u32,
    /// Writes a second of each.
    pub(crate) rate: u32,
    pub(crate) periods: Periods,
}

impl Setting {
    /// 1000 writes a second in each region. One writer alone cannot do that where each write takes two ways; 100 can with
    /// 40 ms of delay.
    pub(crate) fn measured(delay_ms: u64, writers: u64) -> Self {
        let writers = u32::try_from(writers).unwrap();
        Self { delay_ms, writers, rate: 1000 / writers, periods: SHORT }
    }

    /// For tests: a slow build on a busy machine keeps up with it.
    pub(crate) const fn quick() -> Self {
        Self { delay_ms: 0, writers: 20, rate: 10, periods: SHORT }
    }

    pub(crate) const fn with(self, periods: Periods) -> Self {
        Self { periods, ..self }
    }

    pub(crate) const fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    pub(crate) fn words(&self) -> String {
        let Periods { detection, lease, margin } = self.periods;
        format!(
            "one-way delay {} ms, {} writers x {}/s in each region, detection {detection} ms, lease {lease} ms, margin \
             {margin} ms",
            self.delay_ms, self.writers, self.rate
        )
    }
}

/// Who may start a failover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Automatic,
    Manual,
    /// Two regions and nobody else to ask.
    NoWitness,
}

/// Up, with the delay set, and every reader in step.
pub(crate) async fn up(mode: Mode, setting: Setting) -> Env {
    let env = Env::new();
    let mut text = fs::read_to_string(&env.file).unwrap();
    let automatic = if mode == Mode::Automatic { "\"automatic\"" } else { "\"manual\"" };
    for (name, value) in [
        ("mode", automatic.to_owned()),
        ("lease_ms", setting.periods.lease.to_string()),
        ("margin_ms", setting.periods.margin.to_string()),
        ("detection_ms", setting.periods.detection.to_string()),
    ] {
        text = set(&text, name, Some(&value));
    }
    if mode == Mode::NoWitness {
        text = set(&text, "witness_location", None);
    }
    fs::write(&env.file, text).unwrap();
    let env = tokio::task::block_in_place(|| {
        env.run(&["up"]).success();
        env
    });
    crate::faults::weather(&env, setting, &[]).await;
    in_step(&env).await;
    env
}

/// A setting of `dr_config`, which is the last block of the file; none takes it out.
fn set(text: &str, name: &str, value: Option<&str>) -> String {
    let (head, block) = text.split_at(text.rfind("\ndr_config").unwrap());
    let is_it = |line: &str| line.split('=').next().is_some_and(|key| key.trim() == name);
    let mut lines: Vec<String> = block.lines().filter(|line| !is_it(line)).map(str::to_owned).collect();
    if let Some(value) = value {
        let end = lines.iter().rposition(|line| line == "}").unwrap();
        lines.insert(end, format!("  {name} = {value}"));
    }
    format!("{head}{}\n", lines.join("\n"))
}

/// Every region's cache leads or follows, and somebody writes.
pub(crate) async fn in_step(env: &Env) {
    in_step_within(env, crate::harness::PATIENCE).await.unwrap();
}

/// The same, for a time; otherwise how it stood at the end.
pub(crate) async fn in_step_within(env: &Env, patience: Duration) -> Result<(), String> {
    let until = BootClock.now() + patience;
    loop {
        let status = tokio::task::block_in_place(|| env.status());
        let fits = |site: usize| {
            let state = &status["sites"][site]["status"]["engine"]["state"];
            state["state"] == "writer" || (state["link_up"] == true && state["synced"] == true)
        };
        if status["writable"] == true && fits(0) && fits(1) {
            return Ok(());
        }
        if BootClock.now() >= until {
            return Err(format!("not in step within {patience:?}: {status}"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Clients as patient as those of the comparison: half a second. Where there is distance, ten round trips more: a new
/// connection through two gateways takes five of them, and who gives up earlier never gets one.
pub(crate) async fn load(env: &Env, setting: Setting) -> RunningLoad {
    start(env, setting, Duration::from_millis(500) + setting.delay() * 20).await
}

/// Clients that wait for whatever comes: a planned change must not make them give up.
pub(crate) async fn patient_load(env: &Env, setting: Setting) -> RunningLoad {
    start(env, setting, Duration::from_secs(5)).await
}

async fn start(env: &Env, setting: Setting, op_timeout: Duration) -> RunningLoad {
    let settings = LoadSettings {
        writers_per_region: setting.writers,
        readers_per_region: 0,
        rate: setting.rate,
        value_size: 64,
        op_timeout,
        max_ops: MAX_OPS,
        ..LoadSettings::default()
    };
    let load = tidelock_drill::Load::start(env.targets().await, settings, Arc::new(BootClock)).await.unwrap();
    for region in [EAST, UK] {
        load.wait_for_ack(Some(&place(region)), BootTime::from_nanos(0), Duration::from_secs(30)).await.unwrap();
    }
    tokio::time::sleep(WARM).await;
    load
}

/// Everything written, read back from the writer through a region's gateway.
pub(crate) async fn read_back(env: &Env, history: &History, region: &str) -> (Loss, Survivors) {
    let target = AuditTarget { options: env.options(region).await, from_writer: true };
    let found = audit(history, "after", &target, &BootClock).await.unwrap();
    (loss(history, &found.survivors), found.survivors)
}

/// `tidelock ARGUMENTS`, without holding up the load's clients.
pub(crate) fn run(env: &Env, arguments: &[&str]) -> crate::harness::Ran {
    tokio::task::block_in_place(|| env.run(arguments))
}

/// A moment on both clocks: the boot clock of the clients, and the wall clock of the journals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) boot: BootTime,
    pub(crate) unix_ms: u64,
}

impl Moment {
    #[allow(clippy::disallowed_methods)] // the register's steps carry wall clock times of this same machine
    pub(crate) fn now() -> Self {
        let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Self { boot: BootClock.now(), unix_ms: u64::try_from(unix.as_millis()).unwrap() }
    }
}
