//! What happens to an environment: regions die, vanish, or are cut off.

use rustix::process::Signal;
use tidelock_control::cloud_api::{Direction, ProcessKind, WanSettings};

use crate::environment::{Moment, Setting};
use crate::harness::{EAST, Env, UK, place, signal};

/// Where the witness of the development file is.
pub(crate) const WITNESS: &str = "northeurope";

/// The delay, and who is cut off from everybody else.
pub(crate) async fn weather(env: &Env, setting: Setting, cut_off: &[&str]) {
    let everywhere = [EAST, UK, WITNESS];
    let mut stalled = Vec::new();
    for from in everywhere {
        for to in everywhere {
            if from != to && (cut_off.contains(&from) || cut_off.contains(&to)) {
                stalled.push(Direction { from: place(from), to: place(to) });
            }
        }
    }
    let settings = WanSettings { one_way_delay_ms: setting.delay_ms, stalled };
    env.cloud().set_wan(&settings).await.unwrap();
}

/// A fault takes a moment to happen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// When it began: what is measured counts from here.
    pub(crate) begun: Moment,
    /// From here on it has certainly happened: what is sent now and acknowledged is so by somebody else.
    pub(crate) complete: Moment,
}

/// A region is cut off from all others.
pub(crate) async fn cut(env: &Env, setting: Setting, region: &str) -> Fault {
    let begun = Moment::now();
    weather(env, setting, &[region]).await;
    Fault { begun, complete: Moment::now() }
}

/// Every process of the region is killed. What they had handed to the system before still arrives, and whoever is
/// connected is told at once.
pub(crate) async fn kill(env: &Env, region: &str) -> Fault {
    let begun = Moment::now();
    env.cloud().kill_region(&place(region)).await.unwrap();
    Fault { begun, complete: Moment::now() }
}

/// The region is gone as after an earthquake: what was under way is lost, nobody is told, nothing answers. The relay
/// swallows what comes from and goes to it; its processes stand still, so that its own clients' connections stay open.
pub(crate) async fn vanish(env: &Env, setting: Setting, region: &str) -> Fault {
    let pids = processes_of(env, region).await;
    let begun = Moment::now();
    weather(env, setting, &[region]).await;
    for pid in pids {
        signal(pid, Signal::STOP);
    }
    Fault { begun, complete: Moment::now() }
}

/// Gateways first: they are what acknowledges.
async fn processes_of(env: &Env, region: &str) -> Vec<u32> {
    let mut found = env.cloud().status().await.unwrap().processes;
    found.retain(|process| process.location.as_ref() == Some(&place(region)));
    found.sort_by_key(|process| !(process.kind == ProcessKind::Workload && process.name.starts_with("gateway")));
    let pids: Vec<u32> = found.iter().filter_map(|process| process.pid).collect();
    assert!(pids.len() >= 4, "too few processes in {region}: {found:?}");
    pids
}

/// The ARM id of the database in a region.
pub(crate) async fn database_of(env: &Env, region: &str) -> String {
    let status = env.cloud().status().await.unwrap();
    let here = status.processes.into_iter().filter(|process| process.location.as_ref() == Some(&place(region)));
    here.filter_map(|process| process.engine).map(|engine| engine.database_id).next().unwrap()
}
