//! Differences between the file and what there is, each with who made it where Azure tells.

use serde::Serialize;
use tidelock_failover::group::UnixMillis;
use tidelock_plan::{Action, Change, LastChange, Plan, Refusal, Snapshot, Step};

use super::moment;

/// Grows when a field changes its meaning or goes away.
const SCHEMA_VERSION: u32 = 1;

/// What differs.
#[derive(Debug, Serialize)]
pub(crate) struct Drift {
    schema_version: u32,
    environment: String,
    differences: Vec<Difference>,
    notes: Vec<String>,
    /// Milliseconds since 1970; none if nothing was applied from this machine.
    last_apply_here_ms: Option<u64>,
}

/// How a resource differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Changed,
    Missing,
    NotInTheFile,
    UnderWay,
    Unknown,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::NotInTheFile => "not in the file",
            Self::UnderWay => "being changed",
            Self::Unknown => "not known",
        }
    }
}

#[derive(Debug, Serialize)]
struct Difference {
    address: String,
    resource_id: String,
    kind: Kind,
    /// `from` is what there is, `to` what the file says.
    changes: Vec<Change>,
    why: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_change: Option<LastChange>,
}

impl Drift {
    pub(crate) fn new(plan: &Plan, snapshot: &Snapshot, last_apply_here_ms: Option<u64>) -> Self {
        let differences = plan.steps.iter().filter_map(|step| difference(step, snapshot)).collect();
        Self {
            schema_version: SCHEMA_VERSION,
            environment: plan.environment.clone(),
            differences,
            notes: plan.notes.clone(),
            last_apply_here_ms,
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.differences.is_empty()
    }

    pub(crate) fn human(&self) -> String {
        let mut lines = Vec::new();
        for difference in &self.differences {
            lines.push(format!("{}  {}", difference.address, difference.kind.as_str()));
            for change in &difference.changes {
                lines.push(format!("    {}: {} there, {} in the file", change.field, change.from, change.to));
            }
            if difference.changes.is_empty() && !difference.why.is_empty() {
                lines.push(format!("    {}", difference.why));
            }
            match (&difference.last_change, difference.kind) {
                (Some(LastChange { by, at }), _) => lines.push(format!("    last changed by {by} at {at}")),
                (None, Kind::Missing | Kind::Unknown) => {}
                (None, _) => lines.push("    Azure does not say who changed it; its activity log may".to_owned()),
            }
        }
        lines.extend(self.notes.iter().map(|note| format!("note: {note}")));
        if self.is_none() {
            lines.push(format!("No drift. The resources of {} are as its file says.", self.environment));
        } else if let Some(at) = self.last_apply_here_ms {
            lines.push(format!("the last apply from this machine ended at {}", moment::utc(UnixMillis(at))));
        }
        lines.join("\n")
    }
}

fn difference(step: &Step, snapshot: &Snapshot) -> Option<Difference> {
    let kind = match (step.action, step.refusal) {
        (Action::None, _) => return None,
        // Only waits on another one, which is named itself.
        (_, Some(Refusal::Blocked)) => return None,
        (_, Some(Refusal::Unreadable)) => Kind::Unknown,
        (_, Some(Refusal::Missing)) | (Action::Create, _) => Kind::Missing,
        _ if step.not_in_file => Kind::NotInTheFile,
        (Action::Delete | Action::Unlink, _) => Kind::NotInTheFile,
        (Action::Wait, _) => Kind::UnderWay,
        _ => Kind::Changed,
    };
    Some(Difference {
        address: step.address.clone(),
        resource_id: step.resource_id.to_string(),
        kind,
        changes: step.changes.clone(),
        why: step.reason.clone(),
        last_change: snapshot.last_change(&step.resource_id),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidelock_arm_types::{ResourceId, ResourceKind};
    use tidelock_model::Location;
    use tidelock_plan::{DataClass, Summary};

    use super::*;

    fn step(address: &str, action: Action, refusal: Option<Refusal>) -> Step {
        Step {
            address: address.to_owned(),
            location: Location::new("uksouth").unwrap(),
            kind: ResourceKind::Cluster,
            resource_id: ResourceId::cluster("s", "rg", "c1").unwrap(),
            action,
            data: DataClass::KeepsData,
            reason: "because".to_owned(),
            changes: Vec::new(),
            refusal,
            not_in_file: false,
            depends_on: Vec::new(),
            request: None,
            secret_from: None,
            fill: Vec::new(),
            expect_linked: Vec::new(),
            permission: Vec::new(),
            alone_on: Vec::new(),
        }
    }

    fn plan(steps: Vec<Step>) -> Plan {
        Plan {
            schema_version: 1,
            environment: "app-dev".to_owned(),
            subscription_id: "s".to_owned(),
            summary: Summary::default(),
            notes: Vec::new(),
            steps,
        }
    }

    #[test]
    fn differences_are_named_with_who_made_them() {
        let mut changed = step("uksouth/cluster/replica", Action::Update, None);
        changed.changes =
            vec![Change { field: "sku_name".into(), from: "Balanced_B5".into(), to: "Balanced_B3".into() }];
        let mut removed = step("uksouth/database/old", Action::Refuse, Some(Refusal::DataLoss));
        removed.permission = vec!["uksouth/database/old".to_owned()];
        removed.not_in_file = true;
        removed.resource_id = ResourceId::cluster("s", "rg", "old").unwrap();
        let mut snapshot = Snapshot::default();
        let cluster = json!({"location": "uksouth", "sku": {"name": "x"}, "properties": {},
            "systemData": {"lastModifiedBy": "eve@example.com", "lastModifiedAt": "2026-11-23T04:00:00Z"}});
        snapshot.clusters.insert(changed.resource_id.clone(), serde_json::from_value(cluster).unwrap());
        let steps = vec![
            changed,
            removed,
            step("uksouth/vault/main", Action::Create, None),
            step("uksouth/secret/x", Action::Refuse, Some(Refusal::Blocked)),
        ];
        let drift = Drift::new(&plan(steps), &snapshot, Some(1_795_409_521_000));
        insta::assert_snapshot!(drift.human());
        assert_eq!(serde_json::to_value(&drift).unwrap()["differences"][0]["last_change"]["by"], "eve@example.com");
    }

    #[test]
    fn no_difference_is_said() {
        let drift = Drift::new(&plan(vec![step("a", Action::None, None)]), &Snapshot::default(), None);
        assert_eq!(drift.human(), "No drift. The resources of app-dev are as its file says.");
    }
}
