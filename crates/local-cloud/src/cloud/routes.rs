//! Ways through the relay.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tidelock_control::cloud_api::{LinkView, ProcessKind, RouteSpec, RouteView, WanSettings};
use tidelock_model::Location;
use tokio::time::Instant;

use super::Cloud;
use super::records::RouteRecord;
use crate::addresses::{PORTS_PER_ADDRESS, RELAY_FIRST_PORT, RELAY_HOST};
use crate::argv::{Child, child_argv};
use crate::error::CloudError;
use crate::files;
use crate::layout;
use crate::store::Kind;
use crate::supervise::{ProcessSpec, Restart};
use crate::wan::{RouteDesired, WanClient, WanDesired};

/// The longest delay in one direction, in milliseconds: longer than once around the earth and more than any timeout
/// here is made for.
const DELAY_LIMIT_MS: u64 = 2_000;
/// The relay answers within this or is broken.
const READY_DEADLINE: Duration = Duration::from_secs(15);
/// How often it is asked until then.
const READY_INTERVAL: Duration = Duration::from_millis(5);
/// One question's time.
const ASK_DEADLINE: Duration = Duration::from_secs(2);

impl Cloud {
    /// Makes a route, or finds the one of that name; its address in the caller's region stays what it was.
    pub(crate) async fn put_route(
        &self,
        name: &str,
        spec: RouteSpec,
        link: Option<String>,
    ) -> Result<RouteView, CloudError> {
        let record = self.record_route(name, spec, link).await?;
        self.push_wan().await?;
        Ok(RouteView { name: name.to_owned(), spec: record.spec, listen: record.listen })
    }

    pub(super) async fn record_route(
        &self,
        name: &str,
        spec: RouteSpec,
        link: Option<String>,
    ) -> Result<RouteRecord, CloudError> {
        let network = self.region_network(&spec.from)?;
        self.region_network(&spec.to)?;
        let _alone = self.topology.lock().await;
        let before = self.store.get::<RouteRecord>(Kind::Route, name)?;
        let listen = match before {
            Some(record) if record.spec.from == spec.from => record.listen,
            _ => self.free_route_address(&spec.from, IpAddr::V4(network.host(RELAY_HOST)))?,
        };
        let record = RouteRecord { spec, listen, link };
        self.store.put(Kind::Route, name, &record)?;
        Ok(record)
    }

    /// How engines are reached for replication.
    pub(crate) fn links(&self) -> Result<Vec<LinkView>, CloudError> {
        let routes = self.store.list::<RouteRecord>(Kind::Route, "")?;
        Ok(routes
            .into_iter()
            .filter_map(|(_, route)| {
                let database_id = route.link?;
                Some(LinkView { from: route.spec.from, to: route.spec.to, database_id, address: route.listen })
            })
            .collect())
    }

    pub(crate) async fn set_wan(&self, settings: &WanSettings) -> Result<(), CloudError> {
        if settings.one_way_delay_ms > DELAY_LIMIT_MS {
            return Err(CloudError::Refused(format!(
                "a delay of {} ms in one direction is more than the limit of {DELAY_LIMIT_MS} ms",
                settings.one_way_delay_ms
            )));
        }
        self.store.put(Kind::Setting, "wan", settings)?;
        self.push_wan().await
    }

    /// Makes sure that the relay runs.
    pub(super) async fn run_wan_process(&self) -> Result<(), CloudError> {
        let dir = self.layout.wan();
        {
            let _alone = self.topology.lock().await;
            self.check_not_stopping()?;
            files::private_dir(&dir)?;
            self.write_wan()?;
            let spec = ProcessSpec {
                name: "wan".to_owned(),
                kind: ProcessKind::Wan,
                location: None,
                argv: child_argv(&self.program, Child::Wan, &dir),
                env: BTreeMap::new(),
                restart: Restart::Always,
            };
            self.supervisor.ensure(spec).await?;
        }
        self.wan_ready().await?;
        self.push_wan().await
    }

    /// Tells the relay what it is to do now.
    pub(super) async fn push_wan(&self) -> Result<(), CloudError> {
        {
            let _alone = self.topology.lock().await;
            self.write_wan()?;
        }
        // The relay may just be starting again after a crash.
        self.wan_ready().await?;
        let client = WanClient::new(&self.layout.wan())?;
        let what = || "the relay between regions".to_owned();
        let applied = client.reload().await.map_err(|source| CloudError::Call { what: what(), source })?;
        if applied.problems.is_empty() {
            Ok(())
        } else {
            Err(CloudError::Problems { what: what(), problems: applied.problems })
        }
    }

    fn write_wan(&self) -> Result<(), CloudError> {
        let routes = self.store.list::<RouteRecord>(Kind::Route, "")?;
        let desired = WanDesired {
            settings: self.wan_settings()?,
            routes: routes
                .into_iter()
                .map(|(name, route)| {
                    let RouteSpec { from, to, target } = route.spec;
                    (name, RouteDesired { from, to, listen: route.listen, target })
                })
                .collect(),
        };
        Ok(files::write_json(&layout::desired(&self.layout.wan()), &desired)?)
    }

    fn free_route_address(&self, from: &Location, address: IpAddr) -> Result<SocketAddr, CloudError> {
        let taken: Vec<SocketAddr> =
            self.store.list::<RouteRecord>(Kind::Route, "")?.into_iter().map(|(_, route)| route.listen).collect();
        (RELAY_FIRST_PORT..RELAY_FIRST_PORT + PORTS_PER_ADDRESS)
            .map(|port| SocketAddr::new(address, port))
            .find(|listen| !taken.contains(listen))
            .ok_or_else(|| CloudError::Exhausted {
                location: from.to_string(),
                what: "ports for routes to other regions",
                limit: usize::from(PORTS_PER_ADDRESS),
            })
    }

    async fn wan_ready(&self) -> Result<(), CloudError> {
        let client = WanClient::new(&self.layout.wan())?;
        let deadline = Instant::now() + READY_DEADLINE;
        loop {
            match client.healthy(ASK_DEADLINE).await {
                Ok(()) => return Ok(()),
                Err(source) if Instant::now() >= deadline => {
                    let what = format!("the relay between regions (its log is {})", self.layout.log("wan").display());
                    return Err(CloudError::Call { what, source });
                }
                Err(_) => tokio::time::sleep(READY_INTERVAL).await,
            }
        }
    }
}
