//! Processes that others asked to run in a region.

use tidelock_control::cloud_api::{ProcessKind, ProcessView, WorkloadSpec};
use tidelock_model::Location;

use super::Cloud;
use crate::error::CloudError;
use crate::store::Kind;
use crate::supervise::{ProcessSpec, Restart, StopHow};

/// The longest name; it is a file's name too.
const NAME_LIMIT: usize = 80;
/// Names of the cloud's own processes begin so.
const RESERVED: [&str; 4] = ["cloud", "wan", "region-", "engine-"];

/// Whether something may be called so.
pub(super) fn check_name(name: &str) -> Result<(), CloudError> {
    let fits = (1..=NAME_LIMIT).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !fits {
        return Err(CloudError::Refused(format!(
            "{name:?} is not a name: 1 to {NAME_LIMIT} characters of a-z, 0-9 and hyphens"
        )));
    }
    if RESERVED.iter().any(|reserved| name.starts_with(reserved)) {
        return Err(CloudError::Refused(format!("names that begin with {} are the cloud's own", RESERVED.join(", "))));
    }
    Ok(())
}

fn spec_of(name: &str, workload: &WorkloadSpec) -> ProcessSpec {
    ProcessSpec {
        name: name.to_owned(),
        kind: ProcessKind::Workload,
        location: Some(workload.location.clone()),
        argv: workload.argv.clone(),
        env: workload.env.clone(),
        restart: Restart::Always,
    }
}

impl Cloud {
    /// Runs a process in a region, from now on and whenever the region runs.
    pub(crate) async fn put_workload(&self, name: &str, workload: WorkloadSpec) -> Result<ProcessView, CloudError> {
        check_name(name)?;
        if workload.argv.is_empty() {
            return Err(CloudError::Refused(format!("the workload {name} has no program")));
        }
        self.require_region(&workload.location).await?;
        let _alone = self.topology.lock().await;
        self.check_not_stopping()?;
        if !self.region_running(&workload.location)? {
            return Err(CloudError::RegionDown { location: workload.location });
        }
        // Started before it is remembered: what cannot be started is not tried for ever.
        let view = match self.supervisor.ensure(spec_of(name, &workload)).await {
            Ok(view) => view,
            Err(err) => {
                self.supervisor.stop_all(|spec| spec.name == name, StopHow::Kill).await;
                return Err(err.into());
            }
        };
        self.store.put(Kind::Workload, name, &workload)?;
        Ok(view)
    }

    /// Ends a workload for good.
    pub(crate) async fn delete_workload(&self, name: &str) -> Result<(), CloudError> {
        check_name(name)?;
        let _alone = self.topology.lock().await;
        self.store.delete(Kind::Workload, name)?;
        self.supervisor
            .stop_all(|spec| spec.kind == ProcessKind::Workload && spec.name == name, StopHow::Gracefully)
            .await;
        Ok(())
    }

    /// Every workload of a region that was started again.
    pub(super) async fn start_workloads_of(&self, location: &Location) -> Result<(), CloudError> {
        let _alone = self.topology.lock().await;
        self.check_not_stopping()?;
        for (name, workload) in self.store.list::<WorkloadSpec>(Kind::Workload, "")? {
            if &workload.location == location && self.region_running(location)? {
                self.supervisor.ensure(spec_of(&name, &workload)).await?;
            }
        }
        Ok(())
    }
}
