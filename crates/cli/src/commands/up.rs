//! `tidelock up`: local cloud, resources, agents, gateways; ready to use when it returns.

use tidelock_control::cloud_api::WanSettings;
use tidelock_control::cloud_client::CloudControl;
use tidelock_control::{CertificateAuthority, Identity};

use crate::applying::writer;
use crate::args::{EnvironmentFile, LocalSettings, UpArgs};
use crate::environment::Opened;
use crate::exit::{Context, Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::local::resources::{self, Applied};
use crate::local::vault::OperatorAccount;
use crate::local::workloads::{Arranged, Arrangement};
use crate::local::{cloud, foundations, teardown};
use crate::operator::Operator;
use crate::printer;
use crate::settings::Settings;
use crate::state::{Lock, Note, to_json, write_private, write_secret};
use crate::topology::Topology;
use crate::views::moment;
use crate::views::status::{Shown, human};
use crate::wait;

/// What Linux takes as the path of a socket is 107 bytes; the local cloud keeps some in hand.
const MAX_SOCKET_PATH: usize = 100;

pub(crate) async fn run(settings: &Settings, args: &UpArgs) -> Outcome {
    let opened = Opened::load_checked(settings, &args.environment.file)?;
    let mut interrupt = Interrupt::listen()?;
    let lock = prepare(&opened, "up").await?;
    let brought = bring_up(&opened, &args.local, &lock, &mut interrupt).await;
    let topology = brought.map_err(|failure| interrupted(failure, &args.environment))?;
    let operator = Operator::new(&opened.state, &topology)?;
    let sites = operator.ask_all(&topology).await;
    printer::data(&human(Shown {
        topology: &topology,
        sites: &sites,
        supervised: true,
        file: opened.named_writer(),
        now: moment::now(),
    }));
    printer::say(&next_steps(&topology, args));
    Ok(Exit::Done)
}

/// An interruption that does not say yet how to go on, said in words.
fn interrupted(failure: Failure, args: &EnvironmentFile) -> Failure {
    if failure.exit != Exit::Interrupted || failure.hint.is_some() {
        return failure;
    }
    let file = args.file.display();
    Failure::interrupted("interrupted; what is there stays and serves as it is")
        .hint(format!("`tidelock up {file}` goes on where this stopped, `tidelock down {file}` removes everything"))
}

fn next_steps(topology: &Topology, args: &UpArgs) -> String {
    let file = args.environment.file.display();
    let regions: Vec<_> = topology.regions().map(|(site, _)| site.location.as_str()).collect();
    let (first, last) = (regions.first().copied().unwrap_or_default(), regions.last().copied().unwrap_or_default());
    format!("\nnext: tidelock connect {first}   tidelock switchover {file} --to {last}   tidelock down {file}")
}

/// Checks what can be checked before anything is touched, and takes the right to work on the environment.
pub(crate) async fn prepare(opened: &Opened, doing: &str) -> Outcome<Lock> {
    opened.group()?;
    tidelock_local_cloud::find_engine().await.context("an engine is needed")?;
    check_path_length(opened)?;
    let note = Note { file: opened.file.clone(), version: env!("CARGO_PKG_VERSION").to_owned() };
    opened.state.create(&note)?;
    let lock = opened.state.lock(doing)?;
    let noted = opened.state.note()?;
    if noted.file != opened.file {
        return Err(Failure::refused(format!(
            "{} is up already, from another file: {}",
            opened.state.id(),
            noted.file.display()
        ))
        .hint("take that one down first, or give this file another context_prefix or environment"));
    }
    Ok(lock)
}

/// The local cloud with the environment's resources on it.
struct Resources {
    cloud: CloudControl,
    account: OperatorAccount,
    applied: Applied,
}

/// Starts the local cloud and applies the file. Repeating it changes only what is not as it should be. Interrupted, it
/// finishes the steps in flight; whatever else is under way may be cut off anywhere.
async fn apply_resources(
    opened: &Opened,
    local: &LocalSettings,
    lock: &Lock,
    interrupt: &mut Interrupt,
) -> Outcome<Resources> {
    let started = async {
        let started = start_cloud(opened, local, lock).await?;
        writer::stays(opened).await?;
        Ok(started)
    };
    let (cloud, account) = interrupt.during(started).await?;
    let applied = resources::apply(opened, opened.group()?, (&cloud, &account), interrupt).await?;
    Ok(Resources { cloud, account, applied })
}

/// Starts the local cloud and its regions, or finds them running, with what the file takes as given there.
pub(crate) async fn start_cloud(
    opened: &Opened,
    local: &LocalSettings,
    _lock: &Lock,
) -> Outcome<(CloudControl, OperatorAccount)> {
    make_authority(opened)?;
    let cloud = cloud::ensure(&opened.state, local.wan_round_trip).await?;
    for region in &opened.environment.regions {
        cloud.put_region(&region.location).await?;
    }
    for region in cloud.status().await?.regions.iter().filter(|region| !region.running) {
        printer::say(&format!("{} was down; starting it", region.network.location));
        cloud.start_region(&region.network.location).await?;
    }
    restore_wan(&cloud, local).await?;
    let account = OperatorAccount::load(&opened.state)?;
    foundations::directory(&cloud, &opened.environment).await?;
    foundations::ensure(&account, &opened.environment).await?;
    Ok((cloud, account))
}

/// The longest path below the state directory is an engine's socket, and the system limits a socket's path.
fn check_path_length(opened: &Opened) -> Outcome<()> {
    let caches = opened.environment.regions.iter().flat_map(|region| region.caches.values());
    let sockets =
        caches.map(|cache| opened.state.cloud_dir().join("engines").join(&cache.azure_name).join("redis.sock"));
    let longest = sockets.max_by_key(|path| path.as_os_str().len());
    match longest {
        Some(path) if path.as_os_str().len() > MAX_SOCKET_PATH => Err(Failure::error(format!(
            "the state directory's path is too long: {} would have {} bytes, and a socket's path at most {MAX_SOCKET_PATH}",
            path.display(),
            path.as_os_str().len()
        ))
        .hint("choose a shorter one with --state-dir or TIDELOCK_STATE_DIR, such as /tmp/tl")),
        _ => Ok(()),
    }
}

/// The WAN as it is asked for: an interrupted demo may have left directions stalled.
async fn restore_wan(cloud: &CloudControl, local: &LocalSettings) -> Outcome<()> {
    let wanted = WanSettings { one_way_delay_ms: local.wan_round_trip / 2, stalled: Vec::new() };
    if cloud.status().await?.wan != wanted {
        printer::say(&format!("the WAN is set to a round trip of {} ms, nothing stalled", local.wan_round_trip));
        cloud.set_wan(&wanted).await?;
    }
    Ok(())
}

/// Everything `up` does, under the lock. Repeating it changes only what is not as it should be.
pub(crate) async fn bring_up(
    opened: &Opened,
    local: &LocalSettings,
    lock: &Lock,
    interrupt: &mut Interrupt,
) -> Outcome<Topology> {
    let resources = apply_resources(opened, local, lock, interrupt).await?;
    interrupt.during(arrange(opened, resources)).await
}

/// Agents and gateways on the resources, until they are ready.
async fn arrange(opened: &Opened, resources: Resources) -> Outcome<Topology> {
    let Resources { cloud, account, applied } = resources;
    let Applied { changed, caches } = applied;
    foundations::follow(&account, &opened.environment).await?;
    let group = opened.group()?;
    let state = &opened.state;
    let arrangement = Arrangement { opened, group, cloud: &cloud, account: &account, caches };
    let Arranged { topology, changed: processes } = arrangement.carry_out().await?;
    write_private(&state.topology_file(), &to_json(&topology)?)?;
    let operator = Operator::new(state, &topology)?;
    wait_until_ready(&operator, &topology).await?;
    let left = resources::plan(&opened.environment, &account).await?;
    if !left.is_empty() {
        return Err(Failure::error(format!("after `apply` there is still something to change:\n{}", left.render()))
            .hint("this is a fault in Tidelock; please report it with this output"));
    }
    if changed + processes == 0 {
        printer::say("No changes. The environment is as the file says.");
    }
    Ok(topology)
}

/// An old writer that holds what nobody else has is kept aside on purpose: that is for `failback`, not an error of `up`.
async fn wait_until_ready(operator: &Operator, topology: &Topology) -> Outcome<()> {
    wait::until_ready(operator, topology).await.map(drop).map_err(|failure| {
        failure.hint("`tidelock status FILE` shows each region; the processes' logs are in the state directory")
    })
}

fn make_authority(opened: &Opened) -> Outcome<()> {
    let state = &opened.state;
    let id = opened.environment.id();
    let authority =
        CertificateAuthority::load_or_create(&state.ca_dir(), &id).context("the environment's authority")?;
    if !state.operator_file().exists() {
        let issued = authority.issue(&Identity::operator(id)).context("the operator's certificate")?;
        write_secret(&state.operator_file(), &issued.to_bundle())?;
    }
    Ok(())
}

/// What `demo` does at its end, whatever happened before.
pub(crate) async fn take_down(opened: &Opened) -> Outcome<usize> {
    teardown::take_down(&opened.state).await
}
