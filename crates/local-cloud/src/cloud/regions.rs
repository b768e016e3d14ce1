//! Regions: their addresses, their process, their loss and return.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tidelock_control::cloud_api::{ProcessKind, RegionNetwork, RegionView};
use tidelock_model::{ExposeSecret, Location};
use tokio::time::Instant;

use super::Cloud;
use super::records::RegionRecord;
use crate::addresses::{HTTPS_PORT, REGION_LIMIT, VAULT_HOST};
use crate::argv::{Child, child_argv};
use crate::error::CloudError;
use crate::files;
use crate::layout;
use crate::region::{HttpsDesired, RegionClient, RegionDesired};
use crate::store::Kind;
use crate::supervise::{ProcessSpec, Restart, StopHow};
use crate::vault::VAULT_DOMAIN;

/// A region's process answers within this or is broken.
const READY_DEADLINE: Duration = Duration::from_secs(15);
/// How often it is asked until then.
const READY_INTERVAL: Duration = Duration::from_millis(5);
/// One question's time.
const ASK_DEADLINE: Duration = Duration::from_secs(2);

impl Cloud {
    /// Makes sure that the region exists and, unless it was killed, that its process runs and does what it should.
    pub(crate) async fn ensure_region(&self, location: &Location) -> Result<RegionNetwork, CloudError> {
        let running = {
            let _alone = self.topology.lock().await;
            self.check_not_stopping()?;
            let record = self.region_or_new(location)?;
            if record.running {
                self.write_region(location, &record)?;
                self.supervisor.ensure(self.region_spec(location)).await?;
            }
            record.running
        };
        if running {
            self.region_ready(location).await?;
            self.push_region(location).await?;
        }
        self.region_network(location)
    }

    /// As [`Self::ensure_region`], and the region must not be down.
    pub(crate) async fn require_region(&self, location: &Location) -> Result<RegionNetwork, CloudError> {
        let network = self.ensure_region(location).await?;
        if self.region_running(location)? {
            Ok(network)
        } else {
            Err(CloudError::RegionDown { location: location.clone() })
        }
    }

    /// SIGKILL for everything in the region. Remembered first, so that a cloud that dies half-way finishes it.
    pub(crate) async fn kill_region(&self, location: &Location) -> Result<(), CloudError> {
        let _alone = self.topology.lock().await;
        let record = self.region_record(location)?;
        self.store.put(Kind::Region, location.as_str(), &RegionRecord { running: false, ..record })?;
        tracing::info!(%location, "killing every process of a region");
        self.supervisor.stop_all(|spec| spec.location.as_ref() == Some(location), StopHow::Kill).await;
        Ok(())
    }

    /// Runs the region's processes again. Its engines are empty and isolated.
    pub(crate) async fn start_region(&self, location: &Location) -> Result<(), CloudError> {
        {
            let _alone = self.topology.lock().await;
            self.check_not_stopping()?;
            let record = self.region_record(location)?;
            self.store.put(Kind::Region, location.as_str(), &RegionRecord { running: true, ..record })?;
        }
        self.ensure_region(location).await?;
        self.start_engines_of(location).await?;
        self.start_workloads_of(location).await
    }

    pub(crate) fn region_running(&self, location: &Location) -> Result<bool, CloudError> {
        Ok(self.region_record(location)?.running)
    }

    pub(crate) fn region_network(&self, location: &Location) -> Result<RegionNetwork, CloudError> {
        Ok(self.network_of(location, self.region_record(location)?.number))
    }

    pub(super) fn region_views(&self) -> Result<Vec<RegionView>, CloudError> {
        self.regions()?
            .into_iter()
            .map(|(location, record)| {
                Ok(RegionView { network: self.network_of(&location, record.number), running: record.running })
            })
            .collect()
    }

    /// Where the vaults of all regions listen.
    pub(crate) fn region_addresses(&self) -> Result<Vec<SocketAddr>, CloudError> {
        Ok(self.region_views()?.into_iter().map(|view| view.network.vault_address).collect())
    }

    pub(crate) fn regions(&self) -> Result<Vec<(Location, RegionRecord)>, CloudError> {
        let all = self.store.list::<RegionRecord>(Kind::Region, "")?;
        all.into_iter().map(|(name, record)| Ok((Location::new(name)?, record))).collect()
    }

    /// Tells the region's process what it is to do now. A region that is down learns it when it is started.
    pub(crate) async fn push_region(&self, location: &Location) -> Result<(), CloudError> {
        {
            let _alone = self.topology.lock().await;
            let record = self.region_record(location)?;
            if !record.running {
                return Ok(());
            }
            self.write_region(location, &record)?;
        }
        let what = || format!("the process of region {location}");
        let applied =
            self.region_client(location)?.reload().await.map_err(|source| CloudError::Call { what: what(), source })?;
        if applied.problems.is_empty() {
            Ok(())
        } else {
            Err(CloudError::Problems { what: what(), problems: applied.problems })
        }
    }

    pub(crate) fn region_client(&self, location: &Location) -> Result<RegionClient, CloudError> {
        Ok(RegionClient::new(&self.layout.region(location))?)
    }

    fn region_record(&self, location: &Location) -> Result<RegionRecord, CloudError> {
        self.store
            .get(Kind::Region, location.as_str())?
            .ok_or_else(|| CloudError::NoSuchRegion { location: location.clone() })
    }

    fn region_or_new(&self, location: &Location) -> Result<RegionRecord, CloudError> {
        if let Some(record) = self.store.get(Kind::Region, location.as_str())? {
            return Ok(record);
        }
        let last = self.regions()?.iter().map(|(_, record)| record.number).max().unwrap_or(0);
        if last >= REGION_LIMIT {
            let limit = usize::from(REGION_LIMIT);
            return Err(CloudError::Exhausted { location: "the cloud".to_owned(), what: "regions", limit });
        }
        let record = RegionRecord { number: last + 1, running: true };
        self.store.put(Kind::Region, location.as_str(), &record)?;
        Ok(record)
    }

    fn network_of(&self, location: &Location, number: u8) -> RegionNetwork {
        let network = self.range.region(number);
        let mut found = RegionNetwork {
            location: location.clone(),
            network,
            vault_address: SocketAddr::new(IpAddr::V4(network), HTTPS_PORT),
        };
        found.vault_address.set_ip(IpAddr::V4(found.host(VAULT_HOST)));
        found
    }

    fn region_spec(&self, location: &Location) -> ProcessSpec {
        ProcessSpec {
            name: format!("region-{location}"),
            kind: ProcessKind::Region,
            location: Some(location.clone()),
            argv: child_argv(&self.program, Child::Region, &self.layout.region(location)),
            env: BTreeMap::new(),
            restart: Restart::Always,
        }
    }

    fn write_region(&self, location: &Location, record: &RegionRecord) -> Result<(), CloudError> {
        let dir = self.layout.region(location);
        files::private_dir(&dir.join("tls"))?;
        let network = self.network_of(location, record.number);
        let desired = RegionDesired {
            location: location.clone(),
            tenant: self.operator.tenant.clone(),
            arm_endpoint: self.arm_endpoint(),
            faults: self.faults.of_region(location),
            token_key: self.layout.token_key(),
            https: HttpsDesired {
                listen: network.vault_address,
                certificate: self.certificate(
                    location,
                    "vaults",
                    &[format!("*.{VAULT_DOMAIN}")],
                    network.vault_address.ip(),
                )?,
            },
            vaults: self.vaults_desired(&network)?,
            credentials: self.region_credentials(location)?,
            listeners: self.region_listeners(&network)?,
            dns: Some(self.region_dns(&network)?),
        };
        Ok(files::write_json(&layout::desired(&dir), &desired)?)
    }

    /// A certificate with its key for a server of the region, issued once.
    pub(super) fn certificate(
        &self,
        location: &Location,
        name: &str,
        dns_names: &[String],
        address: IpAddr,
    ) -> Result<PathBuf, CloudError> {
        let path = self.layout.region(location).join("tls").join(format!("{name}-{address}.pem"));
        if !path.exists() {
            let issued = self.authority.issue_server(dns_names, &[address])?;
            files::write_private(&path, issued.to_bundle().expose_secret().as_bytes())?;
        }
        Ok(path)
    }

    async fn region_ready(&self, location: &Location) -> Result<(), CloudError> {
        let client = self.region_client(location)?;
        let deadline = Instant::now() + READY_DEADLINE;
        loop {
            match client.healthy(ASK_DEADLINE).await {
                Ok(()) => return Ok(()),
                Err(source) if Instant::now() >= deadline => {
                    let log = self.layout.log(&format!("region-{location}"));
                    let what = format!("the process of region {location} (its log is {})", log.display());
                    return Err(CloudError::Call { what, source });
                }
                Err(_) => tokio::time::sleep(READY_INTERVAL).await,
            }
        }
    }
}
