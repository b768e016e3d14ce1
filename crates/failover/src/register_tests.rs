//! The register's promises, one test each.

use proptest::prelude::*;

use super::*;

fn place(name: &str) -> Location {
    Location::new(name).unwrap()
}

fn at(millis: u64) -> BootTime {
    BootTime::from_nanos(millis * 1_000_000)
}

fn timings() -> Timings {
    Timings::default()
}

fn transfer(id: &str, kind: TransferKind, to: &str) -> Transfer {
    Transfer { id: id.into(), kind, to: place(to), engine: format!("engine-{to}") }
}

fn begin(id: &str, kind: TransferKind, to: &str, expected: u64) -> Request {
    Request::Begin { expected: Epoch(expected), transfer: transfer(id, kind, to) }
}

fn renew(holder: &str, epoch: u64) -> Request {
    Request::Renew { holder: place(holder), epoch: Epoch(epoch), engine: format!("engine-{holder}") }
}

fn grant(id: &str) -> Request {
    Request::Grant { transfer_id: id.into() }
}

struct Case(Register);

impl Case {
    fn new() -> Self {
        let mut case = Self(Register::seed("dev-grp".into(), place("eastus2"), at(0), &timings()));
        case.ok(0, &Request::Confirm { holder: place("eastus2"), epoch: Epoch(1), engine: "engine-eastus2".into() });
        case
    }

    fn ok(&mut self, millis: u64, request: &Request) -> Accepted {
        let accepted = self.0.apply(request, at(millis), &timings()).unwrap_or_else(|err| panic!("{request:?}: {err}"));
        self.0 = accepted.register.clone();
        accepted
    }

    fn no(&self, millis: u64, request: &Request) -> Rejection {
        self.0.apply(request, at(millis), &timings()).expect_err("must be rejected")
    }
}

#[test]
fn a_failover_waits_for_the_lease_and_its_margin() {
    let mut case = Case::new();
    assert_eq!(case.ok(1000, &renew("eastus2", 1)).lease, Some(Duration::from_secs(3)));
    case.ok(2000, &begin("t", TransferKind::Failover, "uksouth", 1));
    assert_eq!(
        case.no(2100, &renew("eastus2", 1)),
        Rejection::Superseded { kind: TransferKind::Failover, to: place("uksouth") }
    );
    let Rejection::LeaseNotOver { wait, .. } = case.no(2500, &grant("t")) else { panic!() };
    assert_eq!(wait, Duration::from_millis(2000));
    assert!(matches!(case.no(4499, &grant("t")), Rejection::LeaseNotOver { .. }));
    let granted = case.ok(4500, &grant("t")).register;
    assert_eq!((granted.record.epoch, granted.record.writer.as_str()), (Epoch(2), "uksouth"));
    assert_eq!(granted.record.engine.as_deref(), Some("engine-uksouth"));
    assert!(!case.ok(4600, &grant("t")).changed, "a repeated grant is the same grant");
    assert_eq!(case.no(4700, &renew("eastus2", 1)), Rejection::WrongEpoch { current: Epoch(2), named: Epoch(1) });
}

#[test]
fn a_switchover_is_granted_as_soon_as_the_writer_lets_go() {
    let mut case = Case::new();
    case.ok(1000, &renew("eastus2", 1));
    case.ok(1100, &begin("t", TransferKind::Switchover, "uksouth", 1));
    case.ok(1200, &renew("eastus2", 1));
    assert!(matches!(case.no(1300, &grant("t")), Rejection::LeaseNotOver { .. }));
    case.ok(1400, &Request::Release { holder: place("eastus2"), epoch: Epoch(1), transfer_id: "t".into() });
    assert!(matches!(case.no(1401, &renew("eastus2", 1)), Rejection::Superseded { .. }));
    assert_eq!(case.ok(1402, &grant("t")).register.record.epoch, Epoch(2));
}

#[test]
fn an_aborted_switchover_gives_the_lease_back_under_the_same_epoch() {
    let mut case = Case::new();
    case.ok(1000, &renew("eastus2", 1));
    case.ok(1100, &begin("t", TransferKind::Switchover, "uksouth", 1));
    case.ok(1200, &Request::Release { holder: place("eastus2"), epoch: Epoch(1), transfer_id: "t".into() });
    case.ok(1300, &Request::Abort { transfer_id: "t".into() });
    case.ok(1400, &renew("eastus2", 1));
    assert_eq!(case.0.record.epoch, Epoch(1));
    assert_eq!(case.no(1500, &grant("t")), Rejection::NoSuchTransfer);
}

#[test]
fn an_abandoned_transfer_is_dropped_at_the_next_renewal() {
    let mut case = Case::new();
    case.ok(1000, &begin("t", TransferKind::Failover, "uksouth", 1));
    assert!(matches!(case.no(20_000, &renew("eastus2", 1)), Rejection::Superseded { .. }));
    assert!(case.ok(31_000, &renew("eastus2", 1)).changed);
    assert_eq!(case.no(31_100, &grant("t")), Rejection::NoSuchTransfer);
}

#[test]
fn an_engine_that_was_restarted_gets_no_lease() {
    let case = Case::new();
    let restarted = Request::Renew { holder: place("eastus2"), epoch: Epoch(1), engine: "another".into() };
    assert_eq!(case.no(100, &restarted), Rejection::EngineReplaced { writer: place("eastus2") });
    let confirm = Request::Confirm { holder: place("eastus2"), epoch: Epoch(1), engine: "another".into() };
    assert_eq!(case.no(100, &confirm), Rejection::EngineReplaced { writer: place("eastus2") });
}

#[test]
fn only_one_transfer_at_a_time_but_a_failover_replaces_a_switchover() {
    let mut case = Case::new();
    case.ok(1000, &begin("s", TransferKind::Switchover, "uksouth", 1));
    assert!(matches!(
        case.no(1100, &begin("x", TransferKind::Switchover, "uksouth", 1)),
        Rejection::TransferInProgress { .. }
    ));
    case.ok(1200, &begin("f", TransferKind::Failover, "uksouth", 1));
    assert_eq!(case.no(1300, &grant("s")), Rejection::NoSuchTransfer);
    assert!(matches!(
        case.no(1300, &begin("y", TransferKind::Failover, "northeurope", 1)),
        Rejection::TransferInProgress { .. }
    ));
}

#[test]
fn a_transfer_to_the_writer_and_one_on_an_old_epoch_are_refused() {
    let case = Case::new();
    assert_eq!(
        case.no(0, &begin("t", TransferKind::Failover, "eastus2", 1)),
        Rejection::AlreadyWriter(place("eastus2"))
    );
    assert!(matches!(case.no(0, &begin("t", TransferKind::Failover, "uksouth", 7)), Rejection::WrongEpoch { .. }));
}

#[test]
fn a_restarted_register_does_not_grant_before_a_whole_lease_has_passed() {
    let mut case = Case::new();
    case.ok(1000, &renew("eastus2", 1));
    case.ok(1100, &begin("t", TransferKind::Failover, "uksouth", 1));
    let json = serde_json::to_string(case.0.record()).unwrap();
    case.0 = Register::recover(serde_json::from_str(&json).unwrap(), at(50_000), &timings());
    assert!(matches!(case.no(53_499, &grant("t")), Rejection::LeaseNotOver { .. }));
    case.ok(53_500, &grant("t"));
}

/// Steps of a random history: who does what, and how much time passes before it.
fn step() -> impl Strategy<Value = (u64, Request)> {
    let region = prop_oneof![Just("eastus2"), Just("uksouth"), Just("northeurope")];
    let id = prop_oneof![Just("a"), Just("b"), Just("c")];
    let kind = prop_oneof![Just(TransferKind::Switchover), Just(TransferKind::Failover)];
    let request = (0..6u8, region, id, kind, 1..4u64).prop_map(|(op, region, id, kind, epoch)| match op {
        0 => Request::Confirm { holder: place(region), epoch: Epoch(epoch), engine: format!("engine-{region}") },
        1 => renew(region, epoch),
        2 => begin(id, kind, region, epoch),
        3 => Request::Release { holder: place(region), epoch: Epoch(epoch), transfer_id: id.into() },
        4 => grant(id),
        _ => Request::Abort { transfer_id: id.into() },
    });
    (0..4000u64, request)
}

proptest! {
    /// In any history: epochs never go back, a new epoch is granted only when every lease that was ever handed out under
    /// the old one is over on its holder's own count, and two regions never hold a valid lease at once.
    #[test]
    fn no_history_has_two_holders(steps in prop::collection::vec(step(), 1..120)) {
        let timings = timings();
        let mut register = Register::seed("dev-grp".into(), place("eastus2"), at(0), &timings);
        let mut now = 0;
        let mut leases: Vec<(Location, Epoch, BootTime)> = Vec::new();
        for (pause, request) in steps {
            now += pause;
            let before = register.record().clone();
            let Ok(accepted) = register.apply(&request, at(now), &timings) else { continue };
            register = accepted.register;
            prop_assert!(register.record().epoch >= before.epoch);
            prop_assert_eq!(register.record().version > before.version, accepted.changed);
            if let (Request::Renew { holder, epoch, .. }, Some(length)) = (&request, accepted.lease) {
                leases.push((holder.clone(), *epoch, at(now) + length));
            }
            if let Request::Release { holder, epoch, .. } = &request {
                // Letting go is the holder's own promise: it has stopped already.
                leases.retain(|(who, when, _)| who != holder || when != epoch);
            }
            let valid: Vec<_> = leases.iter().filter(|(_, _, until)| *until > at(now)).collect();
            for (who, epoch, _) in &valid {
                prop_assert_eq!(*epoch, register.record().epoch, "{} holds a lease of an epoch that is over", who);
                prop_assert_eq!(who, &register.record().writer);
            }
        }
    }
}
