//! What the local cloud was told to do wrong, and whether it is to do so now.
//!
//! Told on the control socket, never on Azure's own paths; `tidelock_control::cloud_faults` has every knob. In the
//! directory of an environment's state:
//!
//! ```sh
//! curl --unix-socket cloud/control.sock http://cloud/v1/faults
//! curl --unix-socket cloud/control.sock -X PUT --json '{ "throttle": 3 }' http://cloud/v1/faults
//! curl --unix-socket cloud/control.sock -X PUT --json '{}' http://cloud/v1/faults   # a cloud without faults
//! ```

use std::time::Duration;

use tidelock_control::cloud_faults::{FaultSettings, OperationFault, OperationFaultKind, OperationStyle};
use tidelock_model::Location;
use tokio::sync::watch;

use crate::cloud::Cloud;
use crate::error::CloudError;
use crate::region::RegionFaults;

/// Entries in each list, at most: a person writes them.
const ENTRY_LIMIT: usize = 1000;
/// Work is held up this long, at most.
const DELAY_LIMIT: Duration = Duration::from_secs(3600);
/// Microsoft's clients wait 30 s if nothing is said.
const RETRY_AFTER_S: u32 = 1;

/// The settings, with what is counted.
#[derive(Debug)]
pub(crate) struct Faults(watch::Sender<FaultSettings>);

impl Default for Faults {
    fn default() -> Self {
        Self(watch::Sender::new(FaultSettings::default()))
    }
}

/// What is to go wrong with an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Planned {
    Early,
    Fails { code: String, message: String },
    LinkFailed,
}

impl Faults {
    pub(crate) fn settings(&self) -> FaultSettings {
        self.0.borrow().clone()
    }

    /// Whether this management call is to be throttled, and for how many seconds.
    pub(crate) fn throttled(&self) -> Option<u32> {
        let mut wait = None;
        self.0.send_if_modified(|settings| {
            if let Some(left) = settings.throttle.checked_sub(1) {
                settings.throttle = left;
                wait = Some(settings.throttle_retry_after_s);
            }
            wait.is_some()
        });
        wait
    }

    /// Whether this write is to meet somebody else's.
    pub(crate) fn busy(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.0.send_if_modified(|settings| {
            let found = settings.busy.iter_mut().find(|(id, left)| **left > 0 && id.eq_ignore_ascii_case(path));
            found.is_some_and(|(_, left)| {
                *left -= 1;
                true
            })
        })
    }

    /// What goes wrong with an operation that begins now.
    pub(crate) fn plan(&self, resource: &str) -> Option<Planned> {
        let mut planned = None;
        self.0.send_if_modified(|settings| {
            let found = settings
                .operations
                .iter_mut()
                .find(|fault| fault.times > 0 && fault.kind != OperationFaultKind::Stuck && concerns(fault, resource));
            let Some(fault) = found else { return false };
            fault.times -= 1;
            planned = Some(match &fault.kind {
                OperationFaultKind::Stuck | OperationFaultKind::EarlySuccess => Planned::Early,
                OperationFaultKind::Fails { code, message } => {
                    Planned::Fails { code: code.clone(), message: message.clone() }
                }
                OperationFaultKind::FailsWithoutReason => {
                    Planned::Fails { code: "OperationFailed".to_owned(), message: String::new() }
                }
                OperationFaultKind::LinkFailed => Planned::LinkFailed,
            });
            true
        });
        planned
    }

    /// Waits as long as work on a resource is to take, and while it is stuck.
    pub(crate) async fn hold_up(&self, kind: &str, resource: &str) {
        let delay = {
            let settings = self.0.borrow();
            let own = settings.provisioning_ms.iter().find(|(name, _)| name.eq_ignore_ascii_case(kind));
            own.map(|(_, milliseconds)| *milliseconds).or_else(|| settings.provisioning_ms.get("*").copied())
        };
        if let Some(milliseconds) = delay {
            tokio::time::sleep(Duration::from_millis(milliseconds).min(DELAY_LIMIT)).await;
        }
        let free = |settings: &FaultSettings| {
            !settings
                .operations
                .iter()
                .any(|fault| fault.kind == OperationFaultKind::Stuck && concerns(fault, resource))
        };
        self.0.subscribe().wait_for(free).await.ok();
    }

    pub(crate) fn has_no_capacity(&self, location: &str) -> bool {
        self.0.borrow().no_capacity.iter().any(|full| full.as_str() == location)
    }

    pub(crate) fn arm_tokens_out(&self) -> bool {
        self.0.borrow().arm_token_outage
    }

    pub(crate) fn retry_after_s(&self) -> u32 {
        self.0.borrow().retry_after_s.unwrap_or(RETRY_AFTER_S)
    }

    pub(crate) fn style(&self) -> OperationStyle {
        self.0.borrow().operation_style
    }

    /// What a region's process is told.
    pub(crate) fn of_region(&self, location: &Location) -> RegionFaults {
        let settings = self.0.borrow();
        RegionFaults {
            vaults_out: settings.vault_outage.contains(location),
            tokens_out: settings.token_outage.contains(location),
        }
    }
}

fn concerns(fault: &OperationFault, resource: &str) -> bool {
    fault.resource.is_empty() || fault.resource.eq_ignore_ascii_case(resource)
}

impl Cloud {
    /// Replaces the settings and tells the regions that are concerned.
    pub(crate) async fn set_faults(&self, settings: FaultSettings) -> Result<(), CloudError> {
        let entries = [settings.busy.len(), settings.operations.len(), settings.provisioning_ms.len()];
        if entries.iter().any(|entries| *entries > ENTRY_LIMIT) {
            return Err(CloudError::Refused(format!("a list of faults has at most {ENTRY_LIMIT} entries")));
        }
        let regions = self.regions()?;
        let of = |settings: &FaultSettings| {
            [&settings.vault_outage, &settings.token_outage].into_iter().flatten().cloned().collect::<Vec<_>>()
        };
        let named = of(&settings);
        if let Some(unknown) = named.iter().find(|name| !regions.iter().any(|(location, _)| location == *name)) {
            return Err(CloudError::NoSuchRegion { location: unknown.clone() });
        }
        let mut concerned = of(&self.faults.0.send_replace(settings));
        concerned.extend(named);
        concerned.sort();
        concerned.dedup();
        for location in concerned {
            self.push_region(&location).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(settings: FaultSettings) -> Faults {
        Faults(watch::Sender::new(settings))
    }

    #[test]
    fn counted_faults_end() {
        let faults = faults(FaultSettings {
            throttle: 2,
            throttle_retry_after_s: 7,
            busy: [("/Some/Id".to_owned(), 1)].into(),
            operations: vec![OperationFault {
                resource: String::new(),
                kind: OperationFaultKind::EarlySuccess,
                times: 1,
            }],
            ..FaultSettings::default()
        });
        assert_eq!([faults.throttled(), faults.throttled(), faults.throttled()], [Some(7), Some(7), None]);
        assert!(!faults.busy("/some/other"));
        assert!(faults.busy("/some/id/"));
        assert!(!faults.busy("/some/id"));
        assert_eq!(faults.plan("/x"), Some(Planned::Early));
        assert_eq!(faults.plan("/x"), None);
        assert_eq!(faults.settings().throttle, 0);
    }

    #[tokio::test]
    async fn what_is_stuck_goes_on_when_the_fault_is_gone() {
        let stuck = OperationFault { resource: "/a".to_owned(), kind: OperationFaultKind::Stuck, times: 1 };
        let faults = faults(FaultSettings { operations: vec![stuck], ..FaultSettings::default() });
        faults.hold_up("Microsoft.Cache/redisEnterprise", "/b").await;
        let mut waiting = std::pin::pin!(faults.hold_up("Microsoft.Cache/redisEnterprise", "/A"));
        assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx))).await.is_pending());
        faults.0.send_replace(FaultSettings::default());
        waiting.await;
    }
}
