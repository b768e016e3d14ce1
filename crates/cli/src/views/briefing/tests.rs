use insta::assert_snapshot;

use super::*;
use crate::views::fixtures::{answers, place, register, silent, status};

fn lines(sites: &[SiteStatus], view: &RegisterView) -> String {
    Briefing { sites, view, to: &place("uksouth") }.lines().join("\n")
}

fn majority(sites: &[SiteStatus], view: &RegisterView) -> Majority {
    Briefing { sites, view, to: &place("uksouth") }.majority()
}

#[test]
fn a_lost_writer_with_a_majority_and_a_lease_that_runs() {
    let view = register();
    let mut sites = [silent("eastus2"), answers("uksouth", &view), answers("northeurope", &view)];
    status(&mut sites[1]).suspects_for_ms = Some(2345);
    assert_snapshot!(lines(&sites, &view));
    assert_eq!(majority(&sites, &view), Majority::There);
}

#[test]
fn no_majority_a_lease_that_is_over_and_a_loss_that_is_not_known() {
    let mut view = register();
    view.quorum.voters = vec![place("eastus2")];
    view.lease_state = LeaseView::Lapsed { for_ms: 61_000 };
    let mut sites = [silent("eastus2"), answers("uksouth", &view)];
    status(&mut sites[1]).at_risk = None;
    assert_snapshot!(lines(&sites, &view));
    assert_eq!(majority(&sites, &view), Majority::Missing);
}

#[test]
fn a_healthy_writer() {
    let view = register();
    let mut sites = ["eastus2", "uksouth", "northeurope"].map(|name| answers(name, &view));
    assert_snapshot!(lines(&sites, &view));
    assert_eq!(majority(&sites, &view), Majority::There);
    // This process sees it, and who is to take over does not: that one decides.
    status(&mut sites[1]).suspects_for_ms = Some(700);
    assert!(!lines(&sites, &view).contains("no need"));
}

#[test]
fn the_count_at_risk_covers_the_rest_of_the_lease_and_is_rounded_up() {
    let mut view = register();
    let at_risk = |view: &RegisterView, risk| {
        let mut target = answers("uksouth", view);
        status(&mut target).at_risk = Some(risk);
        Briefing { sites: &[target], view, to: &place("uksouth") }.at_risk()
    };
    let risk = |window, writes| tidelock_control::agent_api::AtRisk { window_ms: window, writes };
    // 200 a second for 0.4 + 2.4 s.
    assert!(at_risk(&view, risk(Some(400), Some(80))).starts_with("at most 2.8 s of acknowledged writes, about 560 "));
    view.lease_state = LeaseView::Lapsed { for_ms: 5 };
    assert!(at_risk(&view, risk(Some(401), Some(81))).starts_with("at most 0.5 s of acknowledged writes, about 81 "));
    // Nothing to scale by.
    assert!(at_risk(&view, risk(Some(0), Some(0))).starts_with("at most 0.0 s of acknowledged writes: "));
    assert!(at_risk(&view, risk(Some(7), None)).starts_with("at most 0.1 s of acknowledged writes: "));
}
