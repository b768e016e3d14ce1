//! What a seed stands for: the shape of the group, its settings, its clocks and its network.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use tidelock_failover::core::Settings;
use tidelock_model::{BootTime, Location};

use super::faults::{self, Plan};
use super::rng::Rng;

/// Nanoseconds of true time.
pub type Time = u64;
pub const MS: Time = 1_000_000;
pub const SEC: Time = 1000 * MS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Two members, and a witness that votes.
    PairWitness,
    /// Three members, no witness.
    Triple,
    /// Three members, and a witness that only learns.
    TripleLearner,
    /// Two members; the first writer's agent is the only voter.
    Sole,
}

/// What the faults and wishes of a run dwell on; each property has seeds of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    OneWriter,
    Growing,
    Switchovers,
    Failovers,
    Policy,
    Settling,
    Witnessless,
    Refusals,
}

impl Focus {
    pub const ALL: [Self; 8] = [
        Self::OneWriter,
        Self::Growing,
        Self::Switchovers,
        Self::Failovers,
        Self::Policy,
        Self::Settling,
        Self::Witnessless,
        Self::Refusals,
    ];
}

/// One process's boot clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    base: u64,
    /// Local nanoseconds for a million true ones.
    ppm: u64,
}

impl Clock {
    pub fn at(self, time: Time) -> BootTime {
        BootTime::from_nanos(self.base + u64::try_from(u128::from(time) * u128::from(self.ppm) / 1_000_000).unwrap())
    }

    /// The true moment at which this clock shows `local`, or just after.
    pub fn when(self, local: BootTime) -> Time {
        let since = u128::from(local.as_nanos().saturating_sub(self.base));
        u64::try_from(since * 1_000_000 / u128::from(self.ppm)).unwrap() + 1
    }
}

#[derive(Debug)]
pub struct Scenario {
    pub seed: u64,
    pub focus: Focus,
    pub shape: Shape,
    pub members: usize,
    /// Members first, then the witness.
    pub sites: usize,
    pub gateways_each: usize,
    pub lease: Time,
    pub margin: Time,
    pub detection: Time,
    pub lag_limit: Time,
    pub automatic: bool,
    /// How long an agent waits for a proposal's fate.
    pub write_timeout: Time,
    /// One way, between each two sites.
    pub delay: Vec<Vec<Time>>,
    pub jitter: Time,
    pub loss_percent: u64,
    /// How far apart clock rates may be, in parts of a million.
    pub drift_ppm: u64,
    /// A client writes once in this time.
    pub write_every: Time,
    /// What agents say of times without a writer is compared with the truth.
    pub check_lapse: bool,
    /// How often a tail cannot be saved.
    pub salvage_fails_percent: u64,
    pub heal_at: Time,
    /// Of a generated crash: its cut is mended well after the role change.
    pub heals_late: bool,
    pub plan: Vec<(Time, Plan)>,
}

impl Scenario {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng(seed ^ 0x7164_6c6f_636b);
        let focus = Focus::ALL[usize::try_from(seed % 8).unwrap()];
        let shape = match (focus, rng.range(0, 100)) {
            (Focus::Policy, _) => Shape::PairWitness,
            (Focus::Witnessless, 0..50) => Shape::Sole,
            (Focus::Witnessless, 50..80) => Shape::Triple,
            (Focus::Witnessless, _) => Shape::TripleLearner,
            (_, 0..60) => Shape::PairWitness,
            (_, 60..75) => Shape::Triple,
            (_, 75..85) => Shape::TripleLearner,
            _ => Shape::Sole,
        };
        let mut scenario = Self::quiet(seed, focus, shape, &mut rng);
        scenario.plan = faults::plan(&scenario, &mut rng);
        scenario
    }

    /// Without faults and wishes.
    pub fn quiet(seed: u64, focus: Focus, shape: Shape, rng: &mut Rng) -> Self {
        let members = if matches!(shape, Shape::Triple | Shape::TripleLearner) { 3 } else { 2 };
        let witness = matches!(shape, Shape::PairWitness | Shape::TripleLearner);
        let sites = members + usize::from(witness);
        let lease = rng.range(800, 3000) * MS;
        let margin = rng.range(150, 500) * MS;
        let far = rng.range(1, 60) * MS;
        let delay = (0..sites).map(|_| (0..sites).map(|_| rng.range(MS / 2, far.max(MS))).collect()).collect();
        let detection = rng.range(600, 2500) * MS;
        Self {
            seed,
            focus,
            shape,
            members,
            sites,
            gateways_each: 1 + usize::from(rng.chance(40)),
            lease,
            margin,
            detection,
            lag_limit: rng.range(1, 20) * SEC,
            automatic: focus == Focus::Policy || rng.chance(50),
            write_timeout: rng.range(300, 1500) * MS,
            delay,
            jitter: rng.range(0, 20) * MS,
            loss_percent: if rng.chance(50) { 0 } else { rng.range(0, 6) },
            drift_ppm: 1_000_000 * margin / (lease + margin),
            write_every: rng.range(60, 200) * MS,
            check_lapse: true,
            salvage_fails_percent: 5,
            heal_at: 34 * SEC,
            heals_late: false,
            plan: Vec::new(),
        }
    }

    pub fn clock(&self, rng: &mut Rng) -> Clock {
        // Mostly at the edges of what is allowed.
        let slower = match rng.range(0, 3) {
            0 => 0,
            1 => self.drift_ppm,
            _ => rng.range(0, self.drift_ppm),
        };
        Clock { base: rng.range(1, 1_000_000) * SEC, ppm: 1_000_000 - slower }
    }

    pub fn location(&self, site: usize) -> Location {
        Location::new(if site < self.members { format!("r{site}") } else { "w".to_owned() }).unwrap()
    }

    pub fn site_of(&self, location: &Location) -> usize {
        (0..self.sites).find(|site| self.location(*site) == *location).unwrap()
    }

    /// Sites whose agents vote in the first generation.
    pub fn voters(&self) -> Vec<usize> {
        match self.shape {
            Shape::PairWitness => vec![0, 1, 2],
            Shape::Triple | Shape::TripleLearner => vec![0, 1, 2],
            Shape::Sole => vec![0],
        }
    }

    pub fn settings(&self, site: usize) -> Settings {
        let member = |other: usize| self.location(other);
        Settings {
            me: self.location(site),
            witness: site >= self.members,
            members: (0..self.members).map(member).collect(),
            voters: self.voters().into_iter().map(member).collect(),
            links: (0..self.members)
                .filter(|other| *other != site)
                .map(|other| (self.location(other), address(site, other)))
                .collect::<BTreeMap<_, _>>(),
            lease: Duration::from_nanos(self.lease),
            margin: Duration::from_nanos(self.margin),
            detection: Duration::from_nanos(self.detection),
            lag_limit: Duration::from_nanos(self.lag_limit),
            hold_off: Duration::from_secs(10),
            automatic: self.automatic,
            prefer: Vec::new(),
            never: BTreeSet::new(),
        }
    }
}

/// Where `other`'s engine is followed from `site`.
pub fn address(site: usize, other: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, u8::try_from(site).unwrap(), u8::try_from(other).unwrap()], 6379))
}

/// Whose engine stands behind an address.
pub fn engine_at(address: SocketAddr) -> usize {
    match address {
        SocketAddr::V4(v4) => usize::from(v4.ip().octets()[3]),
        SocketAddr::V6(_) => 0,
    }
}
