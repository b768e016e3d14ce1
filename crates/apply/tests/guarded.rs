//! What deletes, and what keeps two applies apart, over the wire.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../plan/tests/support/mod.rs"]
#[allow(dead_code)]
mod environments;
#[path = "../../secrets/tests/support/mod.rs"]
mod https;
#[allow(dead_code)]
mod support;

use std::collections::BTreeSet;

use environments::{cluster_id, context, database_id, environment};
use serde_json::json;
use support::Azure;
use tidelock_apply::{CLAIM_STALE_AFTER, CLAIM_TAG, Claim, ClaimError, Claimant, Event, Report, apply, observe};
use tidelock_model::Environment;
use tidelock_plan::{Action, Plan, PlanContext, destroy, plan};
use tokio_util::sync::CancellationToken;

fn allowing(addresses: &[&str]) -> PlanContext {
    let mut context = context();
    context.allow_data_loss.extend(addresses.iter().map(|address| (*address).to_owned()));
    context
}

async fn planned(azure: &Azure, environment: &Environment, context: &PlanContext) -> Plan {
    let snapshot = observe(&azure.client, environment, context).await.unwrap();
    plan(environment, context, &snapshot).unwrap()
}

async fn applied(azure: &Azure, plan: &Plan) -> Report {
    apply(plan, &azure.client, &|_: &Event| {}, &CancellationToken::new()).await.unwrap()
}

fn failures(report: &Report) -> Vec<String> {
    report.failed.iter().map(ToString::to_string).collect()
}

/// Everything of `environment` is there.
async fn made(environment: &Environment) -> Azure {
    let azure = Azure::start().await;
    let report = applied(&azure, &planned(&azure, environment, &context()).await).await;
    assert!(report.is_complete(), "{:?}", failures(&report));
    azure
}

fn key(id: &tidelock_arm_types::ResourceId) -> String {
    id.as_str().to_lowercase()
}

#[tokio::test]
async fn a_removed_member_leaves_through_another_and_nobody_else_is_touched() {
    let azure = made(&environment(3)).await;
    let before = azure.world().puts.clone();
    let two = environment(2);
    let refused = planned(&azure, &two, &context()).await;
    assert_eq!(refused.work().count(), 0, "{}", refused.render());
    assert!(
        refused.render().contains("it can be recovered for 90 days"),
        "a vault that is not in the file is read too"
    );
    let allowed =
        allowing(&["francecentral/database/demo-cache-francecentral", "francecentral/vault/kv-demo-francecentral"]);
    let plan = planned(&azure, &two, &allowed).await;
    let report = applied(&azure, &plan).await;
    assert!(report.is_complete(), "{:?}", failures(&report));
    {
        let world = azure.world();
        assert_eq!(world.unlinked, [key(&database_id(2))]);
        assert_eq!(world.deleted[..2], [key(&database_id(2)), key(&cluster_id(2))]);
        assert!(world.deleted.last().unwrap().ends_with("/rg-demo-francecentral"), "{:?}", world.deleted);
        assert_eq!(world.puts, before, "nothing was written");
        assert!(world.resources.keys().all(|path| !path.contains("rg-demo-francecentral")));
        assert_eq!(world.offences, Vec::<String>::new());
    }
    assert!(planned(&azure, &two, &context()).await.is_empty());
}

#[tokio::test]
async fn who_is_taken_out_of_the_file_loses_what_was_given_here_and_the_rest_is_said() {
    const ADMIN: &str = "aaaaaaaa-0000-4000-8000-000000000001";
    const READER: &str = "bbbbbbbb-0000-4000-8000-000000000002";
    let mut with = environment(1);
    with.regions[0].vaults.values_mut().next().unwrap().settings.administrators = vec![ADMIN.to_owned()];
    with.regions[0].caches.values_mut().next().unwrap().access_policies = vec![READER.to_owned()];
    let azure = made(&with).await;
    assert_eq!(planned(&azure, &with, &context()).await.notes, Vec::<String>::new());
    let assignments = || {
        let world = azure.world();
        world.resources.keys().filter(|path| path.contains("/roleassignments/")).cloned().collect::<Vec<_>>()
    };
    // Somebody else gives a role too, under a name of his own.
    let ours = assignments().pop().unwrap();
    let by_hand = ours.rsplit_once('/').unwrap().0.to_owned() + "/11111111-2222-4333-8444-555555555555";
    let mut body = azure.world().resources[&ours].clone();
    body["properties"]["principalId"] = json!(READER);
    azure.world().resources.insert(by_hand.clone(), body);

    let without = environment(1);
    let plan = planned(&azure, &without, &context()).await;
    let work: Vec<_> = plan.work().map(|step| (step.action, step.address.as_str())).collect();
    let address = format!("eastus2/role-assignment/primary/administrator/{ADMIN}");
    assert_eq!(work, [(Action::Delete, address.as_str())], "{}", plan.render());
    let notes = plan.notes.join("\n");
    assert!(notes.contains(&format!("{READER} still has Key Vault Administrator on kv-demo-eastus2")), "{notes}");
    assert!(notes.contains(&format!("{READER} still may reach the data of demo-cache-eastus2")), "{notes}");
    let report = applied(&azure, &plan).await;
    assert!(report.is_complete(), "{:?}", failures(&report));
    assert_eq!(assignments(), [by_hand], "only ours is taken away");
    assert!(planned(&azure, &without, &context()).await.is_empty());

    azure.world().broken.insert("/accesspolicyassignments".to_owned());
    let unread = planned(&azure, &without, &context()).await;
    assert!(unread.notes.iter().any(|note| note.contains("who else has access to demo-cache-eastus2 is not known")));
}

/// Whatever was done when it is cut off, the same command goes on, and ends where it should.
#[tokio::test]
async fn a_replacement_cut_off_at_any_request_is_completed_by_the_next_run() {
    let mut wanted = environment(2);
    let allowed = allowing(&["eastus2/cluster/primary"]);
    let whole = {
        let azure = made(&wanted).await;
        let begun = *azure.requests.borrow();
        let mut changed = wanted.clone();
        changed.regions[0].caches.values_mut().next().unwrap().high_availability = false;
        applied(&azure, &planned(&azure, &changed, &allowed).await).await;
        let ended = *azure.requests.borrow();
        ended - begun
    };
    assert!(whole > 30, "{whole}");
    for cut in (1..whole).step_by(5) {
        let mut azure = made(&environment(2)).await;
        wanted.regions[0].caches.values_mut().next().unwrap().high_availability = false;
        let begun = *azure.requests.borrow();
        let first = planned(&azure, &wanted, &allowed).await;
        let client = azure.client.clone();
        let task =
            tokio::spawn(async move { apply(&first, &client, &|_: &Event| {}, &CancellationToken::new()).await });
        tokio::select! {
            reached = azure.requests.wait_for(|count| *count >= begun + cut) => drop(reached.unwrap()),
            () = async { while !task.is_finished() { tokio::task::yield_now().await; } } => {}
        }
        task.abort();
        let _ = task.await;
        let rest = planned(&azure, &wanted, &allowed).await;
        assert_eq!(rest.refusals().count(), 0, "cut at {cut}:\n{}", rest.render());
        let report = applied(&azure, &rest).await;
        assert!(report.is_complete(), "cut at {cut}: {:?}", failures(&report));
        let after = planned(&azure, &wanted, &allowed).await;
        assert!(after.is_empty(), "cut at {cut}:\n{}", after.render());
        assert!(azure.world().unlinked.len() <= 2, "cut at {cut}");
    }
}

#[tokio::test]
async fn a_cluster_is_changed_by_one_step_at_a_time() {
    let mut environment = environment(1);
    let azure = made(&environment).await;
    // The cluster is scaled; its endpoint, which depends on its database only, is made anew.
    environment.regions[0].private_endpoints.values_mut().next().unwrap().azure_name = "demo-pe-new".to_owned();
    environment.regions[0].caches.values_mut().next().unwrap().sku = "Balanced_B5".to_owned();
    let plan = planned(&azure, &environment, &context()).await;
    let report = applied(&azure, &plan).await;
    assert!(report.is_complete(), "{:?}", failures(&report));
    assert_eq!(azure.world().offences, Vec::<String>::new());
    assert!(azure.world().deleted.iter().any(|path| path.ends_with("/demo-pe-eastus2")));
    let after = planned(&azure, &environment, &context()).await;
    assert!(after.is_empty(), "{}", after.render());
}

#[tokio::test]
async fn a_member_is_added_while_another_region_does_not_answer() {
    let azure = made(&environment(2)).await;
    azure.world().broken.insert("rg-demo-uksouth".to_owned());
    let three = environment(3);
    let plan = planned(&azure, &three, &context()).await;
    let step = plan.step("francecentral/database/secondary").unwrap();
    assert_eq!((step.action, step.expect_linked.len()), (Action::Create, 2), "nobody waits for who does not answer");
    let report = applied(&azure, &plan).await;
    assert_eq!(failures(&report), Vec::<String>::new());
    assert!(report.done.iter().any(|done| done.address == "francecentral/secret/redis-secondary-primary-key"));
    azure.world().broken.clear();
    // It has been away while its links were made.
    assert!(applied(&azure, &planned(&azure, &three, &context()).await).await.is_complete());
    let after = planned(&azure, &three, &context()).await;
    assert!(after.is_empty(), "{}", after.render());
}

#[tokio::test]
async fn the_end_spares_what_is_locked_and_what_is_not_ours() {
    let environment = environment(2);
    let azure = made(&environment).await;
    let subscription = environments::SUBSCRIPTION;
    let lock = format!("/subscriptions/{subscription}/resourceGroups/rg-demo-eastus2");
    azure.world().locks.push((lock, "keep".to_owned()));
    let foreign = "/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/rg-demo-uksouth/providers/\
                   microsoft.keyvault/vaults/theirs";
    azure.world().resources.insert(foreign.to_owned(), json!({"id": foreign, "location": "uksouth", "tags": {}}));
    let snapshot = observe(&azure.client, &environment, &context()).await.unwrap();
    let end = destroy(&environment, &context(), &snapshot).unwrap();
    let report = applied_what_can_be(&azure, end).await;
    assert_eq!(report.failed.len(), 1, "{:?}", failures(&report));
    assert!(failures(&report)[0].contains("is not empty and stays: it holds"), "{:?}", failures(&report));
    let world = azure.world();
    assert!(world.resources.contains_key(foreign));
    assert!(world.resources.keys().any(|path| path.contains("demo-cache-eastus2")), "locked");
    assert!(world.resources.keys().all(|path| !path.contains("demo-cache-uksouth")), "gone");
}

/// As `destroy` does it: what a lock forbids is left, the rest goes.
async fn applied_what_can_be(azure: &Azure, mut plan: Plan) -> Report {
    plan.steps.retain(|step| step.action != Action::Refuse);
    applied(azure, &plan).await
}

fn claimant(id: &str, now: u64) -> Claimant {
    Claimant { id: id.to_owned(), host: "here".to_owned(), earlier: BTreeSet::new(), now }
}

#[tokio::test]
async fn two_applies_are_kept_apart_by_a_claim() {
    let environment = environment(1);
    let azure = made(&environment).await;
    let plan = planned(&azure, &environment, &context()).await;
    let claimed = |azure: &Azure| {
        let world = azure.world();
        let (_, group) = world.resources.iter().find(|(path, _)| path.ends_with("rg-demo-eastus2")).unwrap();
        group["tags"][CLAIM_TAG].as_str().map(str::to_owned)
    };
    let first = Claim::take(&azure.client, &plan, &claimant("1", 1000), None).await.unwrap();
    assert!(first.is_held());
    assert_eq!(claimed(&azure).as_deref(), Some("1 here 1000"));
    assert!(planned(&azure, &environment, &context()).await.is_empty(), "a claim is no change");

    let held = Claim::take(&azure.client, &plan, &claimant("2", 1001), None).await.unwrap_err();
    assert!(matches!(&held, ClaimError::Held { id, host, .. } if id == "1" && host == "here"), "{held}");
    let stale = 1001 + CLAIM_STALE_AFTER.as_secs();
    let late = Claim::take(&azure.client, &plan, &claimant("2", stale), None).await.unwrap();
    first.release(&azure.client).await;
    assert!(claimed(&azure).unwrap().starts_with("2 "), "only its own claim is taken away");
    let forced = Claim::take(&azure.client, &plan, &claimant("3", stale), Some("2")).await.unwrap();
    let own = Claimant { earlier: BTreeSet::from(["3".to_owned()]), ..claimant("4", stale) };
    let again = Claim::take(&azure.client, &plan, &own, None).await.unwrap();
    drop((late, forced));
    again.release(&azure.client).await;
    assert_eq!(claimed(&azure), None);
}

/// Which group bears a claim depends on who answered: it counts wherever it is, and the group's other tags are not touched.
#[tokio::test]
async fn a_claim_counts_on_any_group_and_changes_no_other_tag() {
    let environment = environment(2);
    let azure = made(&environment).await;
    let plan = planned(&azure, &environment, &context()).await;
    let tag = |group: &str, name: &str| {
        let world = azure.world();
        let (_, found) = world.resources.iter().find(|(path, _)| path.ends_with(group)).unwrap();
        found["tags"][name].as_str().map(str::to_owned)
    };
    let (east, uk) = ("/rg-demo-eastus2", "/rg-demo-uksouth");
    // The first group does not answer.
    azure.world().broken.insert(east.to_owned());
    let first = Claim::take(&azure.client, &plan, &claimant("1", 1000), None).await.unwrap();
    assert_eq!(tag(uk, CLAIM_TAG).as_deref(), Some("1 here 1000"));
    azure.world().broken.clear();
    let held = Claim::take(&azure.client, &plan, &claimant("2", 1001), None).await.unwrap_err();
    assert!(matches!(&held, ClaimError::Held { id, .. } if id == "1"), "{held}");
    assert_eq!(tag(east, CLAIM_TAG), None, "nothing was written");

    azure.world().meanwhile = Some((east.to_owned(), "cost-center".to_owned()));
    let forced = Claim::take(&azure.client, &plan, &claimant("3", 1002), Some("1")).await.unwrap();
    for group in [east, uk] {
        assert_eq!(tag(group, CLAIM_TAG).as_deref(), Some("3 here 1002"), "one of them may be deleted meanwhile");
    }
    first.release(&azure.client).await;
    assert_eq!(tag(uk, CLAIM_TAG).as_deref(), Some("3 here 1002"), "only its own claim is taken away");
    forced.release(&azure.client).await;
    assert_eq!((tag(east, CLAIM_TAG), tag(uk, CLAIM_TAG)), (None, None));
    assert_eq!(tag(east, "cost-center").as_deref(), Some("theirs"));

    // One that answers and takes no tag holds up nobody; where none takes it, nothing of it is left.
    let tags = |group: &str| format!("{group}/providers/microsoft.resources/tags");
    azure.world().broken.insert(tags(east));
    let other = Claim::take(&azure.client, &plan, &claimant("4", 1003), None).await.unwrap();
    assert_eq!((tag(east, CLAIM_TAG), tag(uk, CLAIM_TAG).as_deref()), (None, Some("4 here 1003")));
    other.release(&azure.client).await;
    // Written, but nobody heard so.
    azure.world().mute.insert(tags(uk));
    let none = Claim::take(&azure.client, &plan, &claimant("5", 1004), None).await.unwrap_err();
    assert!(matches!(none, ClaimError::Arm(_)), "{none}");
    assert_eq!((tag(east, CLAIM_TAG), tag(uk, CLAIM_TAG)), (None, None));
}
