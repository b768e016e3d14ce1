//! Agents and gateways in their regions: addresses, ways through the WAN, secrets in their own vaults, configurations.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde::Serialize;
use tidelock_agent::{AgentConfig, CacheAccess, IdentitySource, PeerConfig, RegisterMembers, VaultAccess};
use tidelock_control::cloud_api::{LinkView, ProcessKind, RegionNetwork, RouteSpec, WorkloadSpec};
use tidelock_control::cloud_client::CloudControl;
use tidelock_control::{CertificateAuthority, Identity};
use tidelock_gateway::{CacheEndpoint, GatewayConfig, GatewayLimits, GatewayTimings, RemoteDurability};
use tidelock_model::{Durability, FailoverMode, GeoGroup, Location, Timings};
use tidelock_secrets::ClientCredential;

use crate::environment::Opened;
use crate::exit::{Context, Failure, Outcome};
use crate::local::launch::{check_free, fingerprint};
use crate::local::names::{self, vault_by_address};
use crate::local::resources::CacheFacts;
use crate::local::rolling;
use crate::local::vault::OperatorAccount;
use crate::local::voters::register_members;
use crate::operator::Operator;
use crate::state::{StateDir, read_json, to_json, write_private, write_secret};
use crate::topology::{CacheSite, Site, Topology};

/// The address number of a region's agent, and its port.
const AGENT_HOST: u8 = 200;
const AGENT_PORT: u16 = 8400;
/// The address number of a region's first gateway; the others follow.
const FIRST_GATEWAY_HOST: u8 = 100;
/// Where gateways serve clients: Redis's own port, so that `redis-cli -h ADDRESS` is enough.
const GATEWAY_PORT: u16 = 6379;
/// Where gateways serve each other.
const PEER_PORT: u16 = 6390;
/// The secrets that hold the certificates of a region's agent and gateways.
const AGENT_IDENTITY: &str = "agent-identity";
const GATEWAY_IDENTITY: &str = "gateway-identity";

/// Another region confirms a write within this, or it is answered as unknown: a round trip around the world, twice.
const REMOTE_WAIT_MS: u64 = 1000;

/// What is needed to arrange the workloads of an environment.
pub(crate) struct Arrangement<'a> {
    pub(crate) opened: &'a Opened,
    pub(crate) group: &'a GeoGroup,
    pub(crate) cloud: &'a CloudControl,
    pub(crate) account: &'a OperatorAccount,
    pub(crate) caches: Vec<CacheFacts>,
}

/// A place with an agent: its addresses, and its cache if it has one.
struct Place {
    network: RegionNetwork,
    cache: Option<CacheFacts>,
    gateways: Vec<SocketAddr>,
    peers: Vec<SocketAddr>,
}

impl Place {
    fn location(&self) -> &Location {
        &self.network.location
    }

    fn agent(&self) -> SocketAddr {
        SocketAddr::new(self.network.host(AGENT_HOST).into(), AGENT_PORT)
    }
}

impl Arrangement<'_> {
    /// Brings every agent and gateway up, and says where everything is. Repeating it changes nothing that is as it should be.
    pub(crate) async fn carry_out(&self) -> Outcome<Arranged> {
        let running = self.running().await?;
        let mut wanted = Wanted { running, names: BTreeSet::new(), changed: 0 };
        let places = self.places().await?;
        self.write_identities(&places).await?;
        let links = self.cloud.links().await?;
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let program = program.to_string_lossy().into_owned();
        let operator = Operator::new(self.state(), &self.topology(&places))?;
        for place in &places {
            let config = self.agent_config(place, &places, &links).await?;
            let process =
                Process { verb: "agent", name: format!("agent-{}", place.location()), listens: vec![place.agent()] };
            if self.run(&program, &process, place.location(), &config, &mut wanted).await? == Run::Restarted {
                rolling::until_back(&operator, place.location()).await;
            }
        }
        for place in &places {
            for (index, (clients, peers)) in place.gateways.iter().zip(&place.peers).enumerate() {
                let name = format!("gateway-{}-{}", place.location(), index + 1);
                let config = self.gateway_config(place, &name, *clients, *peers).await?;
                let process = Process { verb: "gateway", name, listens: vec![*clients, *peers] };
                self.run(&program, &process, place.location(), &config, &mut wanted).await?;
            }
        }
        self.remove_others(&mut wanted).await?;
        Ok(Arranged { topology: self.topology(&places), changed: wanted.changed })
    }

    /// Agents and gateways that run now.
    async fn running(&self) -> Outcome<BTreeSet<String>> {
        let processes = self.cloud.status().await?.processes.into_iter();
        Ok(processes.filter(|process| process.kind == ProcessKind::Workload).map(|process| process.name).collect())
    }

    /// Ends what the file does not ask for any more.
    async fn remove_others(&self, wanted: &mut Wanted) -> Outcome<()> {
        for name in wanted.running.difference(&wanted.names).cloned().collect::<Vec<_>>() {
            self.cloud.delete_workload(&name).await?;
            let dir = self.state().workload_dir(&name);
            if dir.exists() {
                std::fs::remove_dir_all(&dir).context(format!("cannot remove {}", dir.display()))?;
            }
            wanted.changed += 1;
        }
        Ok(())
    }

    fn state(&self) -> &StateDir {
        &self.opened.state
    }

    fn timings(&self) -> Timings {
        self.opened.environment.dr.timings
    }

    async fn places(&self) -> Outcome<Vec<Place>> {
        let mut places = Vec::new();
        for cache in &self.caches {
            let network = self.cloud.put_region(&cache.location).await?;
            let gateways = 0..self.opened.environment.dr.gateways_per_region;
            let address = |index: u8, port| SocketAddr::new(network.host(FIRST_GATEWAY_HOST + index).into(), port);
            places.push(Place {
                gateways: gateways.clone().map(|index| address(index, GATEWAY_PORT)).collect(),
                peers: gateways.map(|index| address(index, PEER_PORT)).collect(),
                cache: Some(cache.clone()),
                network,
            });
        }
        if let Some(witness) = &self.opened.environment.dr.witness_location {
            let network = self.cloud.put_region(witness).await?;
            places.push(Place { network, cache: None, gateways: Vec::new(), peers: Vec::new() });
        }
        Ok(places)
    }

    /// Everybody who takes part in the register.
    fn register_members(&self) -> RegisterMembers {
        let regions = self.members();
        let witness = self.opened.environment.dr.witness_location.as_ref();
        let automatic = self.opened.environment.dr.mode == FailoverMode::Automatic;
        register_members(&self.founder(), &regions, witness, automatic)
    }

    /// Whose agent founded the register, or will. A file that follows the roles must neither move the writer nor restart an
    /// agent.
    fn founder(&self) -> Location {
        let topology = Topology::load(self.state()).ok().map(|topology| topology.founder);
        let founder = topology.or_else(|| read_json(&self.state().founder_file()).ok());
        let founder = founder.filter(|founder| self.members().contains(founder));
        founder.unwrap_or_else(|| self.group.seed_writer.location.clone())
    }

    /// The regions with a cache of this group.
    fn members(&self) -> Vec<Location> {
        self.caches.iter().map(|cache| cache.location.clone()).collect()
    }

    /// Certificates go into each region's own vault; a witness has none and gets a file.
    async fn write_identities(&self, places: &[Place]) -> Outcome<()> {
        let authority = CertificateAuthority::load(&self.state().ca_dir()).context("the environment's authority")?;
        let environment = self.opened.environment.id();
        for place in places {
            let agent = Identity::agent(environment.clone(), place.location().clone());
            let gateway = Identity::gateway(environment.clone(), place.location().clone());
            let Some(cache) = &place.cache else {
                let file = self.witness_identity_file(place);
                if !file.exists() {
                    write_secret(&file, &authority.issue(&agent).context("the witness's certificate")?.to_bundle())?;
                }
                continue;
            };
            let vault = self.account.vault(&vault_by_address(&cache.vault_url, &place.network))?;
            for (secret, identity) in [(AGENT_IDENTITY, agent), (GATEWAY_IDENTITY, gateway)] {
                if vault.get_secret(secret).await.context("the region's vault")?.is_none() {
                    let issued = authority.issue(&identity).context("a certificate")?;
                    vault.set_secret(secret, &issued.to_bundle()).await.context("the region's vault")?;
                }
            }
            let keeper = self.cloud.keeper(&cache.database_id).await?;
            let known = vault.get_secret(&cache.keeper_secret).await.context("the region's vault")?;
            let same = known.is_some_and(|known| {
                tidelock_model::ExposeSecret::expose_secret(&known)
                    == tidelock_model::ExposeSecret::expose_secret(&keeper.password)
            });
            if !same {
                vault.set_secret(&cache.keeper_secret, &keeper.password).await.context("the region's vault")?;
            }
        }
        Ok(())
    }

    fn witness_identity_file(&self, place: &Place) -> std::path::PathBuf {
        self.state().workload_dir(&format!("agent-{}", place.location())).join("identity.pem")
    }

    async fn agent_config(&self, place: &Place, places: &[Place], links: &[LinkView]) -> Outcome<AgentConfig> {
        let name = format!("agent-{}", place.location());
        let mut peers = Vec::new();
        for other in places.iter().filter(|other| other.location() != place.location()) {
            peers.push(self.peer(place, other, links).await?);
        }
        let (identity, cache) = match &place.cache {
            None => (IdentitySource::File(self.witness_identity_file(place)), None),
            Some(cache) => {
                let access = CacheAccess {
                    endpoint: None,
                    port: cache.private_endpoint.port(),
                    server_name: cache.server_name.clone(),
                    vault: self.vault_access(place, cache, &name).await?,
                    keeper_secret: cache.keeper_secret.clone(),
                    access_key_secret: cache.access_key_secret.clone(),
                };
                (IdentitySource::Vault(AGENT_IDENTITY.to_owned()), Some(access))
            }
        };
        Ok(AgentConfig {
            network: names::inside(&place.network, place.agent()),
            environment: self.opened.environment.id(),
            group: self.group.nickname.clone(),
            location: place.location().clone(),
            seed_writer: self.founder(),
            listen: place.agent(),
            state_dir: self.state().workload_dir(&name).join("state"),
            ca_file: self.state().ca_file(),
            identity,
            cache,
            register: self.register_members(),
            members: self.members(),
            automatic: self.opened.environment.dr.mode == FailoverMode::Automatic,
            policy: self.opened.environment.dr.policy.clone(),
            peers,
            gateways: place.gateways.clone(),
            timings: self.timings(),
        })
    }

    /// How `place` reaches `other`: everything through the WAN relay.
    async fn peer(&self, place: &Place, other: &Place, links: &[LinkView]) -> Outcome<PeerConfig> {
        let (from, to) = (place.location(), other.location());
        let control = self.route(&format!("control-{from}-{to}"), from, to, other.agent()).await?;
        let mut gateways = Vec::new();
        // A witness serves no clients: it forwards nothing.
        if place.cache.is_some() {
            for (index, peer) in other.peers.iter().enumerate() {
                gateways.push(self.route(&format!("peer-{from}-{to}-{}", index + 1), from, to, *peer).await?);
            }
        }
        let database = other.cache.as_ref().map(|cache| cache.database_id.as_str()).unwrap_or_default();
        let link = links
            .iter()
            .find(|link| link.from == *from && link.to == *to && link.database_id.eq_ignore_ascii_case(database));
        Ok(PeerConfig { location: to.clone(), control, link: link.map(|link| link.address), gateways })
    }

    async fn route(&self, name: &str, from: &Location, to: &Location, target: SocketAddr) -> Outcome<SocketAddr> {
        let spec = RouteSpec { from: from.clone(), to: to.clone(), target };
        Ok(self.cloud.put_route(name, &spec).await?.listen)
    }

    async fn gateway_config(
        &self,
        place: &Place,
        name: &str,
        clients: SocketAddr,
        peers: SocketAddr,
    ) -> Outcome<GatewayConfig> {
        let cache = place.cache.as_ref().ok_or_else(|| Failure::error("a witness has no gateways"))?;
        let vault = self.vault_access(place, cache, name).await?;
        let timings = self.timings();
        let millis = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Ok(GatewayConfig {
            network: names::inside(&place.network, clients),
            name: name.to_owned(),
            environment: self.opened.environment.id(),
            location: place.location().clone(),
            listen: clients,
            peer_listen: peers,
            agent: place.agent(),
            ca_pem: self.state().ca_file(),
            cache: CacheEndpoint {
                address: None,
                port: cache.private_endpoint.port(),
                server_name: cache.server_name.clone(),
                key: cache.key.clone(),
            },
            vault: tidelock_gateway::VaultAccess { url: vault.url, credential: vault.credential_file },
            timings: GatewayTimings {
                staleness_bound_ms: millis(timings.staleness_bound),
                write_hold_ms: millis(timings.write_hold),
            },
            limits: GatewayLimits::default(),
            durability: self.durability(&cache.key),
        })
    }

    /// A replica inside the region is one of those that confirm a write, and does not count.
    fn durability(&self, cache: &str) -> Option<RemoteDurability> {
        let environment = &self.opened.environment;
        let available = environment
            .regions
            .iter()
            .flat_map(|region| region.caches.iter())
            .any(|(key, found)| key.0 == cache && found.high_availability);
        (environment.dr.durability == Durability::Remote)
            .then_some(RemoteDurability { replicas: if available { 2 } else { 1 }, timeout_ms: REMOTE_WAIT_MS })
    }

    /// The region's vault and a credential that opens no other; tokens come from the region itself.
    async fn vault_access(&self, place: &Place, cache: &CacheFacts, name: &str) -> Outcome<VaultAccess> {
        let credential_file = self.state().workload_dir(name).join("credential.json");
        let granted = self.cloud.credential(name, place.location()).await?;
        let credential = ClientCredential {
            token_endpoint: format!("https://{}/{}/oauth2/v2.0/token", place.network.vault_address, granted.tenant),
            tenant: granted.tenant,
            client_id: granted.client_id,
            client_secret: granted.client_secret,
        };
        write_secret(&credential_file, &credential.to_json().context("a credential")?)?;
        Ok(VaultAccess { url: cache.vault_url.clone(), credential_file })
    }

    async fn run<C: Serialize + Sync>(
        &self,
        program: &str,
        process: &Process,
        location: &Location,
        config: &C,
        wanted: &mut Wanted,
    ) -> Outcome<Run> {
        let Process { verb, name, listens } = process;
        wanted.names.insert(name.clone());
        let runs = wanted.running.contains(name);
        if !runs {
            listens.iter().try_for_each(|address| check_free(*address, name))?;
        }
        let file = self.state().workload_dir(name).join(format!("{verb}.json"));
        let content = to_json(config)?;
        let changed = std::fs::read_to_string(&file).ok().as_deref() != Some(content.as_str());
        if changed {
            write_private(&file, &content)?;
        }
        if changed || !runs {
            wanted.changed += 1;
        }
        let argv = [program, verb, "--config", &file.to_string_lossy()].map(str::to_owned).to_vec();
        // The configuration's fingerprint is part of the specification: a changed one restarts the process.
        let env = BTreeMap::from([("TIDELOCK_CONFIG_FINGERPRINT".to_owned(), fingerprint(&content))]);
        let spec = WorkloadSpec { location: location.clone(), argv, env };
        self.cloud.put_workload(name, &spec).await?;
        Ok(if changed && runs { Run::Restarted } else { Run::Otherwise })
    }

    fn topology(&self, places: &[Place]) -> Topology {
        let site = |place: &Place| Site {
            location: place.location().clone(),
            agent: place.agent(),
            cache: place.cache.as_ref().map(|cache| CacheSite {
                name: cache.name.clone(),
                private_endpoint: cache.private_endpoint,
                server_name: cache.server_name.clone(),
                vault_url: vault_by_address(&cache.vault_url, &place.network),
                access_key_secret: cache.access_key_secret.clone(),
                gateways: place.gateways.clone(),
            }),
        };
        Topology {
            environment: self.opened.environment.id(),
            group: self.group.nickname.clone(),
            founder: self.founder(),
            sites: places.iter().map(site).collect(),
        }
    }
}

/// A process to run in a region.
struct Process {
    verb: &'static str,
    name: String,
    listens: Vec<SocketAddr>,
}

/// What became of a process.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    /// It served, and was started again.
    Restarted,
    /// It was started, or stays as it was.
    Otherwise,
}

/// What is to run, beside what does.
struct Wanted {
    running: BTreeSet<String>,
    names: BTreeSet<String>,
    /// How many processes were started, changed or ended.
    changed: usize,
}

/// Everything is where it should be.
pub(crate) struct Arranged {
    pub(crate) topology: Topology,
    /// How many processes were started, changed or ended.
    pub(crate) changed: usize,
}
