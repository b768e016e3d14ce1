//! The environment the story plays in, and the clients in it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidelock_control::cloud_api::Direction;
use tidelock_control::cloud_client::CloudControl;
use tidelock_drill::{AuditTarget, GatewayTarget, History, Load, LoadSettings, RunningLoad, audit};
use tidelock_model::{BootClock, BootTime, Clock, Location, SecretString};
use tidelock_redis_client::{ConnectOptions, Endpoint};

use crate::args::LocalSettings;
use crate::commands::up;
use crate::environment::Opened;
use crate::exit::{Context, Outcome};
use crate::interrupt::Interrupt;
use crate::local::{cloud, vault};
use crate::operator::Operator;
use crate::printer;
use crate::state::Lock;
use crate::topology::Topology;
use crate::views::moment;
use crate::views::status::{Shown, human};

/// How long a client waits for one answer.
const OP_TIMEOUT: Duration = Duration::from_secs(5);
/// Clients keep the load up for this long before and after what is measured.
pub(super) const CALM: Duration = Duration::from_millis(700);

/// An environment that is up, with everything needed to play on it.
pub(super) struct Stage {
    pub(super) topology: Topology,
    pub(super) operator: Operator,
    pub(super) cloud: CloudControl,
    pub(super) clock: Arc<dyn Clock>,
    targets: Vec<GatewayTarget>,
}

impl Stage {
    pub(super) async fn set(
        opened: &Opened,
        local: &LocalSettings,
        lock: &Lock,
        interrupt: &mut Interrupt,
    ) -> Outcome<Self> {
        printer::say(&format!("bringing up {} from {}", opened.environment.id(), opened.file.display()));
        let clock: Arc<dyn Clock> = Arc::new(BootClock);
        let started = clock.now();
        let topology = up::bring_up(opened, local, lock, interrupt).await?;
        interrupt.during(Self::on(opened, topology, clock, started)).await
    }

    async fn on(opened: &Opened, topology: Topology, clock: Arc<dyn Clock>, started: BootTime) -> Outcome<Self> {
        let operator = Operator::new(&opened.state, &topology)?;
        let sites = operator.ask_all(&topology).await;
        let took = clock.now().saturating_since(started);
        printer::say(&format!("  ready after {:.1} s\n", took.as_secs_f64()));
        printer::say(&human(Shown {
            topology: &topology,
            sites: &sites,
            supervised: true,
            file: opened.named_writer(),
            now: moment::now(),
        }));
        let mut targets = Vec::new();
        for (site, cache) in topology.regions() {
            targets.push(GatewayTarget {
                location: site.location.clone(),
                addresses: cache.gateways.clone(),
                password: vault::access_key(&opened.state, cache).await?,
            });
        }
        Ok(Self { topology, operator, cloud: cloud::control(&opened.state), clock, targets })
    }

    pub(super) fn now(&self) -> BootTime {
        self.clock.now()
    }

    /// Two clients write and two read in every region, as applications there would.
    pub(super) async fn load(&self) -> Outcome<RunningLoad> {
        let settings = LoadSettings {
            writers_per_region: 2,
            readers_per_region: 2,
            rate: 100,
            op_timeout: OP_TIMEOUT,
            ..LoadSettings::default()
        };
        Load::start(self.targets.clone(), settings, Arc::clone(&self.clock)).await.context("the clients")
    }

    pub(super) fn gateway(&self, location: &Location) -> Option<ConnectOptions> {
        let target = self.targets.iter().find(|target| target.location == *location)?;
        Some(options(target.addresses.first().copied()?, target.password.clone()))
    }

    /// The region is gone as if its power were: nothing that was on its way arrives any more, and every process in it is
    /// killed. (Killed processes alone would leave their last bytes with the WAN relay, which delivers them.)
    pub(super) async fn vanish(&self, region: &Location) -> Outcome<()> {
        let mut wan = self.cloud.status().await?.wan;
        for other in self.topology.sites.iter().map(|site| &site.location).filter(|location| *location != region) {
            wan.stalled.push(Direction { from: region.clone(), to: other.clone() });
            wan.stalled.push(Direction { from: other.clone(), to: region.clone() });
        }
        self.cloud.set_wan(&wan).await?;
        self.cloud.kill_region(region).await?;
        Ok(())
    }

    /// The region is back: its network, then its processes.
    pub(super) async fn reappear(&self, region: &Location) -> Outcome<()> {
        let mut wan = self.cloud.status().await?.wan;
        wan.stalled.retain(|direction| direction.from != *region && direction.to != *region);
        self.cloud.set_wan(&wan).await?;
        self.cloud.start_region(region).await?;
        Ok(())
    }

    /// Reads every write back through the gateway at `location`, as the writer has it.
    pub(super) async fn audit(&self, history: &mut History, name: &str, location: &Location) -> Outcome<()> {
        let options =
            self.gateway(location).ok_or_else(|| crate::exit::Failure::error(format!("{location} has no gateway")))?;
        let target = AuditTarget { options, from_writer: true };
        let found = audit(history, name, &target, &*self.clock).await.context("reading the writes back")?;
        history.audits.push(found);
        Ok(())
    }
}

fn options(address: std::net::SocketAddr, password: SecretString) -> ConnectOptions {
    ConnectOptions {
        endpoint: Endpoint::Tcp(address),
        username: None,
        password: Some(password),
        connect_timeout: OP_TIMEOUT,
        command_timeout: OP_TIMEOUT,
    }
}

/// Keeps the raw log, from which every figure can be computed again.
pub(super) fn keep(history: &History, dir: Option<&Path>, name: &str) -> Outcome<()> {
    let Some(dir) = dir else { return Ok(()) };
    fs::create_dir_all(dir).context(format!("cannot create {}", dir.display()))?;
    let path = dir.join(format!("{name}.ndjson"));
    let file = fs::File::create(&path).context(format!("cannot write {}", path.display()))?;
    history.write_to(std::io::BufWriter::new(file)).context(format!("cannot write {}", path.display()))
}
