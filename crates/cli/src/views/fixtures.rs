//! What agents say, for tests of views.

use std::collections::BTreeSet;

use tidelock_control::CallError;
use tidelock_control::agent_api::{AgentStatus, AtRisk, EngineState, EngineView, GatewayCounters, GatewayView};
use tidelock_control::register_api::{LeaseView, QuorumView, RegisterView};
use tidelock_failover::group::Record;
use tidelock_model::{Epoch, Location, Role};

use crate::operator::SiteStatus;
use crate::topology::{CacheSite, Site, Topology};

pub(crate) fn place(name: &str) -> Location {
    Location::new(name).unwrap()
}

/// eastus2 writes, everybody votes.
pub(crate) fn register() -> RegisterView {
    let mut record = Record::seed("dev-grp".into(), place("eastus2"));
    record.epoch = Epoch(3);
    RegisterView {
        record,
        lease_state: LeaseView::Held { at_most_ms: 2400 },
        quorum: QuorumView {
            leader: Some(place("northeurope")),
            voters: ["eastus2", "northeurope", "uksouth"].map(place).into(),
            learners: Vec::new(),
            waiting: None,
        },
    }
}

fn site(location: &str) -> Site {
    let number = location.len();
    let cache = CacheSite {
        name: format!("amr-app-dev-{location}"),
        private_endpoint: format!("127.86.{number}.4:10000").parse().unwrap(),
        server_name: location.to_owned(),
        vault_url: String::new(),
        access_key_secret: String::new(),
        gateways: vec![format!("127.86.{number}.100:6379").parse().unwrap()],
    };
    Site {
        location: place(location),
        agent: format!("127.86.{number}.200:8400").parse().unwrap(),
        cache: (location != "northeurope").then_some(cache),
    }
}

pub(crate) fn topology() -> Topology {
    Topology {
        environment: "app-dev".into(),
        group: "dev-grp".into(),
        founder: place("eastus2"),
        sites: ["eastus2", "uksouth", "northeurope"].map(site).into(),
    }
}

/// What an agent says while all is well.
pub(crate) fn answers(location: &str, view: &RegisterView) -> SiteStatus {
    let witness = location == "northeurope";
    let writes = view.writer == place(location);
    let state = if writes { EngineState::Writer } else { EngineState::Reader { link_up: true, synced: true } };
    let engine = EngineView {
        run_id: "run".into(),
        state,
        replication_id: "history".into(),
        offset: 5148,
        fork: None,
        keys: 12,
    };
    let gateway = GatewayView {
        name: format!("gateway-{location}-1"),
        last_seen_ms: 20,
        staleness_ms: Some(if writes { 0 } else { 310 }),
        counters: GatewayCounters::default(),
    };
    let role = if writes { Role::Writer } else { Role::Reader };
    let status = AgentStatus {
        location: place(location),
        witness,
        pid: 1,
        role: (!witness).then_some(role),
        register: Some(view.clone()),
        register_age_ms: Some(30),
        lease_remaining_ms: writes.then_some(2000),
        suspects_for_ms: None,
        at_risk: (!witness && !writes).then_some(AtRisk { window_ms: Some(400), writes: Some(80) }),
        engine: (!witness).then_some(engine),
        engine_error: None,
        salvage: None,
        salvaged_files: Vec::new(),
        gone_files: Vec::new(),
        writes_per_s: 0,
        gateways: if witness { Vec::new() } else { vec![gateway] },
    };
    SiteStatus { site: site(location), status: Ok(status) }
}

pub(crate) fn silent(location: &str) -> SiteStatus {
    let endpoint = format!("spiffe://tidelock/app-dev/agent/{location}");
    let status = Err(CallError::Unreachable { endpoint, reason: "connection refused".into() });
    SiteStatus { site: site(location), status }
}

/// The agent's answer, to be changed.
pub(crate) fn status(site: &mut SiteStatus) -> &mut AgentStatus {
    site.status.as_mut().unwrap()
}

pub(crate) fn detached(region: &str) -> BTreeSet<Location> {
    BTreeSet::from([place(region)])
}
