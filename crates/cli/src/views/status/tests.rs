use std::path::Path;

use insta::assert_snapshot;
use tidelock_control::agent_api::{SagaKind, SalvageView};
use tidelock_failover::group::{Cause, Paused, PhaseKind, Unacknowledged, Unfenced};
use tidelock_model::Epoch;

use super::*;
use crate::views::fixtures::{answers, detached, place, register, silent, status, topology};
use crate::views::spans::tests::saga;

const NOW: UnixMillis = UnixMillis(1_795_409_521_000);

fn shown(sites: &[SiteStatus], names: &str) -> String {
    let writer = place(names);
    let file = Some(NamedWriter { file: Path::new("envs/dev.tfvars"), writer: &writer });
    human(Shown { topology: &topology(), sites, supervised: true, file, now: NOW })
}

#[test]
fn while_all_is_well_there_is_nothing_to_say_but_who_votes() {
    let view = register();
    let sites = ["eastus2", "uksouth", "northeurope"].map(|name| answers(name, &view));
    assert_snapshot!(shown(&sites, "eastus2"));
}

#[test]
fn everything_that_waits_for_a_person_is_said() {
    let mut view = register();
    let mut under_way = saga(SagaKind::Failover, Cause::Operator, &[(PhaseKind::Fencing, 0)]);
    under_way.phase = tidelock_failover::group::Phase::Fencing;
    view.record.saga = Some(under_way);
    view.record.unfenced = Some(Unfenced { region: place("eastus2"), epoch: Epoch(2) });
    view.record.detached = detached("swedencentral");
    view.record.paused = Some(Paused { reason: "maintenance".into(), at: NOW });
    view.record.unacknowledged = Some(Unacknowledged { saga: "id".into(), at: NOW });
    view.record.hold_off_until = Some(UnixMillis(NOW.0 + 1_800_000));
    view.quorum.leader = None;
    view.quorum.waiting = Some("no answer from a majority".into());
    let mut sites = [silent("eastus2"), answers("uksouth", &view), silent("northeurope")];
    let uk = status(&mut sites[1]);
    uk.suspects_for_ms = Some(4200);
    uk.salvage = Some(SalvageView::Failed { reason: "the disk is full".into() });
    uk.salvaged_files = vec!["/state/salvage/uksouth-epoch-2.tail".into()];
    uk.gone_files = vec!["/state/salvage/gone-e2.json".into(), "/state/salvage/gone-e4.json".into()];
    assert_snapshot!(shown(&sites, "uksouth"));
}

#[test]
fn a_hold_off_that_is_over_is_not_said() {
    let mut view = register();
    view.record.hold_off_until = Some(NOW);
    let sites = [answers("uksouth", &view)];
    assert!(!shown(&sites, "eastus2").contains("hold-off"));
}

#[test]
fn scripts_see_what_to_type_for_the_file() {
    let view = register();
    let sites = [answers("eastus2", &view)];
    let pending = |names: &str| {
        let writer = place(names);
        let file = Some(NamedWriter { file: Path::new("dev.tfvars"), writer: &writer });
        let topology = topology();
        let shown = Shown { topology: &topology, sites: &sites, supervised: true, file, now: NOW };
        serde_json::to_value(document(shown)).unwrap()["file_pending"].clone()
    };
    assert_eq!(pending("uksouth"), "tidelock edit writer dev.tfvars --to eastus2 --write");
    assert!(pending("eastus2").is_null());
}
