//! Plans for unit tests.

use tidelock_arm_types::ResourceKind;
use tidelock_model::Location;
use tidelock_plan::{Action, DataClass, Plan, Step, Summary};

pub(crate) fn step(location: &str, kind: ResourceKind, name: &str, action: Action, reason: &str) -> Step {
    Step {
        address: format!("{location}/{kind}/{name}"),
        location: Location::new(location).unwrap(),
        kind,
        resource_id: "/subscriptions/s/resourceGroups/g".parse().unwrap(),
        action,
        data: DataClass::KeepsData,
        reason: reason.to_owned(),
        changes: Vec::new(),
        refusal: None,
        depends_on: Vec::new(),
        request: None,
        secret_from: None,
        fill: Vec::new(),
        expect_linked: Vec::new(),
        permission: Vec::new(),
        alone_on: Vec::new(),
        not_in_file: false,
    }
}

pub(crate) fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        schema_version: tidelock_plan::SCHEMA_VERSION,
        environment: "app-dev".to_owned(),
        subscription_id: "s".to_owned(),
        summary: Summary::default(),
        notes: Vec::new(),
        steps,
    }
}
