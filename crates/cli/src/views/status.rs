//! `tidelock status`: roles, epoch, lag, health, endpoints, who votes, and what waits for a person.

mod facts;

use serde::Serialize;
use tidelock_control::agent_api::{AgentStatus, EngineState};
use tidelock_control::register_api::{LeaseView, RegisterView};
use tidelock_failover::group::UnixMillis;
use tidelock_model::Role;

use crate::operator::SiteStatus;
use crate::topology::Topology;
use crate::views::table;
use crate::write_back::NamedWriter;

/// Version of the JSON document.
const SCHEMA_VERSION: u32 = 2;

/// What is shown.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) topology: &'a Topology,
    pub(crate) sites: &'a [SiteStatus],
    /// The local cloud's own process answers: it restarts whatever dies.
    pub(crate) supervised: bool,
    /// Which writer the file names.
    pub(crate) file: Option<NamedWriter<'a>>,
    /// This moment on this machine's wall clock.
    pub(crate) now: UnixMillis,
}

/// What the whole environment looks like, for `-o json`.
#[derive(Serialize)]
pub(crate) struct StatusDocument<'a> {
    schema_version: u32,
    environment: &'a str,
    group: &'a str,
    epoch: Option<u64>,
    writer: Option<&'a str>,
    /// Writes are acknowledged somewhere.
    writable: bool,
    /// The local cloud's own process answers: it restarts whatever dies.
    supervised: bool,
    /// What to type so that the file names the writer; none if it does.
    file_pending: Option<String>,
    register: Option<&'a RegisterView>,
    sites: Vec<SiteDocument<'a>>,
}

#[derive(Serialize)]
struct SiteDocument<'a> {
    location: &'a str,
    gateways: Vec<String>,
    private_endpoint: Option<String>,
    reachable: bool,
    error: Option<String>,
    status: Option<&'a AgentStatus>,
}

/// The newest register state that any agent knows.
pub(crate) fn newest_register(sites: &[SiteStatus]) -> Option<&RegisterView> {
    newest(sites).map(|(view, _)| view)
}

/// The same, and how long ago it was asked for, in milliseconds.
fn newest(sites: &[SiteStatus]) -> Option<(&RegisterView, u64)> {
    let known = sites.iter().filter_map(|site| {
        let status = site.status.as_ref().ok()?;
        Some((status.register.as_ref()?, status.register_age_ms.unwrap_or(0)))
    });
    known.max_by_key(|(view, age)| (view.generation.0, view.epoch, view.version, std::cmp::Reverse(*age)))
}

fn writable(sites: &[SiteStatus]) -> bool {
    sites.iter().any(|site| site.status.as_ref().is_ok_and(|status| status.lease_remaining_ms.is_some()))
}

pub(crate) fn document(shown: Shown<'_>) -> StatusDocument<'_> {
    let Shown { topology, sites, supervised, file, .. } = shown;
    let register = newest_register(sites);
    StatusDocument {
        schema_version: SCHEMA_VERSION,
        environment: &topology.environment,
        group: &topology.group,
        epoch: register.map(|view| view.epoch.0),
        writer: register.map(|view| view.writer.as_str()),
        writable: writable(sites),
        supervised,
        file_pending: file.zip(register).and_then(|(file, view)| file.pending(&view.writer)),
        register,
        sites: sites.iter().map(site_document).collect(),
    }
}

fn site_document(site: &SiteStatus) -> SiteDocument<'_> {
    let cache = site.site.cache.as_ref();
    SiteDocument {
        location: site.site.location.as_str(),
        gateways: cache.map(|cache| cache.gateways.iter().map(ToString::to_string).collect()).unwrap_or_default(),
        private_endpoint: cache.map(|cache| cache.private_endpoint.to_string()),
        reachable: site.status.is_ok(),
        error: site.status.as_ref().err().map(ToString::to_string),
        status: site.status.as_ref().ok(),
    }
}

/// The table for people.
pub(crate) fn human(shown: Shown<'_>) -> String {
    let Shown { topology, sites, supervised, .. } = shown;
    let mut text = headline(topology, sites);
    let mut rows =
        vec![["REGION", "ROLE", "CACHE", "STALENESS", "KEYS", "GATEWAYS", "ENDPOINT"].map(str::to_owned).to_vec()];
    rows.extend(sites.iter().map(row));
    text.push_str(&table::render(&rows));
    let facts = facts::facts(shown);
    if !facts.is_empty() {
        text.push('\n');
        text.push_str(&table::render(&facts));
    }
    for note in sites.iter().filter_map(note) {
        text.push_str(&format!("\n{note}\n"));
    }
    if !supervised {
        text.push_str(
            "\nThe local cloud's own process is not running: nothing that dies is started again. `tidelock up FILE` \
             starts it.\n",
        );
    }
    text
}

/// What a change of which is worth showing again: everything but figures that move all the time.
pub(crate) fn signature(shown: Shown<'_>) -> String {
    let words =
        human(shown).split_whitespace().filter(|word| word.parse::<f64>().is_err()).collect::<Vec<_>>().join(" ");
    let register = newest_register(shown.sites).map(|view| (view.epoch, view.version));
    format!("{register:?} {words}")
}

fn headline(topology: &Topology, sites: &[SiteStatus]) -> String {
    let name = format!("{} ({})", topology.environment, topology.group);
    let Some((view, age_ms)) = newest(sites) else {
        return format!("{name}: no agent answers, or none has heard the register\n\n");
    };
    let answers = sites.iter().any(|site| site.site.location == view.writer && site.status.is_ok());
    let who = if answers { "holds no lease now" } else { "does not answer" };
    let writes = match (writable(sites), view.lease_state) {
        (true, _) => format!("{} writes", view.writer),
        (false, LeaseView::Held { at_most_ms }) if at_most_ms > age_ms => {
            format!("{} is the writer, but {who}; its lease may last {} ms more", view.writer, at_most_ms - age_ms)
        }
        (false, LeaseView::Held { .. }) => {
            format!("{} is the writer, but {who}; the register was last heard {age_ms} ms ago", view.writer)
        }
        (false, LeaseView::Lapsed { for_ms }) => {
            format!("NO WRITES for {:.1} s: {} is the writer, but {who}", for_ms as f64 / 1000.0, view.writer)
        }
    };
    format!("{name}  epoch {}  {writes}\n\n", view.epoch)
}

fn row(site: &SiteStatus) -> Vec<String> {
    let location = site.site.location.to_string();
    let endpoint = site.site.cache.as_ref().and_then(|cache| cache.gateways.first()).map(ToString::to_string);
    let endpoint = endpoint.unwrap_or_else(|| "-".to_owned());
    let dash = || "-".to_owned();
    let status = match &site.status {
        Ok(status) => status,
        Err(_) if site.site.cache.is_none() => {
            return vec![location, "witness".to_owned(), "not reachable".to_owned(), dash(), dash(), dash(), endpoint];
        }
        Err(_) => return vec![location, dash(), "not reachable".to_owned(), dash(), dash(), dash(), endpoint],
    };
    if status.witness {
        return vec![location, "witness".to_owned(), dash(), dash(), dash(), dash(), endpoint];
    }
    let expected = site.site.cache.as_ref().map_or(0, |cache| cache.gateways.len());
    let live = status.gateways.iter().filter(|gateway| gateway.last_seen_ms < GATEWAY_LIVE_MS).count();
    let staleness = status.gateways.iter().filter_map(|gateway| gateway.staleness_ms).min();
    vec![
        location,
        status.role.map_or_else(dash, |role| role.to_string()),
        cache_words(status),
        staleness.map_or_else(dash, |millis| format!("{millis} ms")),
        status.engine.as_ref().map_or_else(dash, |engine| engine.keys.to_string()),
        format!("{live}/{expected}"),
        endpoint,
    ]
}

/// A gateway that has polled within this is alive.
const GATEWAY_LIVE_MS: u64 = 2500;

fn cache_words(status: &AgentStatus) -> String {
    let Some(engine) = &status.engine else { return "does not answer".to_owned() };
    match &engine.state {
        EngineState::Writer if status.role == Some(Role::Reader) => "changing over".to_owned(),
        EngineState::Writer if status.lease_remaining_ms.is_some() => "leads".to_owned(),
        EngineState::Writer => "leads, no lease".to_owned(),
        EngineState::Isolated { .. } => "kept aside".to_owned(),
        EngineState::Reader { synced: false, .. } => "synchronising".to_owned(),
        EngineState::Reader { link_up: false, .. } => "link down".to_owned(),
        EngineState::Reader { .. } => "follows".to_owned(),
    }
}

/// What needs a person's attention, in a sentence.
fn note(site: &SiteStatus) -> Option<String> {
    let location = &site.site.location;
    let status = match &site.status {
        Ok(status) => status,
        Err(err) => return Some(format!("{location}: {err}")),
    };
    if let Some(EngineState::Isolated { reason, .. }) = status.engine.as_ref().map(|engine| &engine.state) {
        return Some(format!("{location}: {reason}"));
    }
    status.engine_error.as_ref().map(|error| format!("{location}: the cache does not answer: {error}"))
}

#[cfg(test)]
mod tests;
