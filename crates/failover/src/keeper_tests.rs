//! Every situation an engine can be found in, and what is done about it.

use super::*;

fn place(name: &str) -> Location {
    Location::new(name).unwrap()
}

fn link() -> SocketAddr {
    "127.77.2.252:20000".parse().unwrap()
}

fn history(id: &str, offset: u64) -> History {
    History { id: id.into(), offset, forked_from: None }
}

fn following(address: SocketAddr, synced: bool) -> EngineRole {
    EngineRole::Follower { address, link_up: synced, synced }
}

/// An engine in uksouth that leads, is open for writes and holds keys, under epoch 2 of `writer`.
fn seen(writer: &str, engine: Option<&str>) -> Observed {
    let writer = place(writer);
    let link = (writer != place("uksouth")).then(link);
    Observed {
        me: place("uksouth"),
        register: Some(Standpoint {
            epoch: Epoch(2),
            writer,
            engine: engine.map(str::to_owned),
            link,
            yielding: false,
        }),
        run_id: "mine".into(),
        role: EngineRole::Leader,
        standing: Standing::Writer,
        history: history("old", 100),
        keys: 7,
        writer_history: None,
        discard: false,
    }
}

#[test]
fn the_confirmed_writer_is_left_alone() {
    let verdict = decide(&seen("uksouth", Some("mine")));
    assert_eq!(verdict, Verdict { actions: vec![], may_write: true, may_read: true, held: None });
}

#[test]
fn a_writer_whose_role_is_on_its_way_freezes_and_is_not_opened_again() {
    let mut case = seen("uksouth", Some("mine"));
    case.register.as_mut().unwrap().yielding = true;
    assert_eq!(decide(&case).actions, [Action::Stand(Standing::Frozen)]);
    case.standing = Standing::Frozen;
    let verdict = decide(&case);
    assert_eq!((verdict.actions.as_slice(), verdict.may_write, verdict.may_read), ([].as_slice(), false, true));
    case.register.as_mut().unwrap().yielding = false;
    assert_eq!(decide(&case).actions, [Action::Stand(Standing::Writer)], "called off: it goes on");
}

#[test]
fn a_promoted_follower_leads_then_opens_and_writes_only_afterwards() {
    let mut case = seen("uksouth", Some("mine"));
    case.role = following(link(), true);
    case.standing = Standing::Reader;
    let verdict = decide(&case);
    assert_eq!(verdict.actions, [Action::Lead, Action::Stand(Standing::Writer)]);
    assert!(!verdict.may_write);
}

#[test]
fn the_seed_writer_confirms_its_engine_before_it_writes() {
    let verdict = decide(&seen("uksouth", None));
    assert_eq!(verdict.actions, [Action::Confirm]);
    assert!(!verdict.may_write);
}

#[test]
fn a_writer_that_came_back_empty_is_never_opened() {
    let mut case = seen("uksouth", Some("the process before"));
    case.standing = Standing::Isolated;
    case.keys = 0;
    case.history = history("fresh", 0);
    let verdict = decide(&case);
    assert_eq!(verdict.actions, []);
    assert!(!verdict.may_write && !verdict.may_read);
    assert!(verdict.held.is_some_and(|held| held.needs_operator && held.reason.contains("restarted")));
}

#[test]
fn a_writer_that_was_replaced_while_open_is_closed() {
    let verdict = decide(&seen("uksouth", Some("the process before")));
    assert_eq!(verdict.actions, [Action::Stand(Standing::Isolated)]);
}

#[test]
fn a_restarted_empty_reader_follows_and_opens_only_when_synced() {
    let mut case = seen("eastus2", Some("theirs"));
    case.standing = Standing::Isolated;
    case.keys = 0;
    case.history = history("fresh", 0);
    let verdict = decide(&case);
    assert_eq!(verdict.actions, [Action::Follow(link())]);
    assert!(!verdict.may_read);

    case.role = following(link(), false);
    let verdict = decide(&case);
    assert_eq!((verdict.actions.as_slice(), verdict.may_read), ([].as_slice(), false));

    case.role = following(link(), true);
    let verdict = decide(&case);
    assert_eq!((verdict.actions.as_slice(), verdict.may_read), ([Action::Stand(Standing::Reader)].as_slice(), true));
}

#[test]
fn after_a_switchover_the_old_writer_follows_at_once_and_is_read_meanwhile() {
    let mut case = seen("eastus2", Some("theirs"));
    case.writer_history = Some(History { id: "new".into(), offset: 150, forked_from: Some(("old".into(), 101)) });
    let verdict = decide(&case);
    assert_eq!(verdict.actions, [Action::Stand(Standing::Reader), Action::Follow(link())]);
    assert!(verdict.may_read);
}

#[test]
fn a_returning_writer_with_a_tail_is_fenced_and_kept() {
    let mut case = seen("eastus2", Some("theirs"));
    case.writer_history = Some(History { id: "new".into(), offset: 150, forked_from: Some(("old".into(), 91)) });
    let verdict = decide(&case);
    assert_eq!(verdict.actions, [Action::Stand(Standing::Isolated)]);
    let held = verdict.held.unwrap();
    assert!(held.needs_operator && held.reason.contains("10 bytes") && held.reason.contains("--discard"), "{held:?}");

    case.discard = true;
    assert_eq!(decide(&case).actions, [Action::Stand(Standing::Isolated), Action::Follow(link())]);
}

#[test]
fn a_returning_writer_is_fenced_before_anybody_could_be_asked() {
    let verdict = decide(&seen("eastus2", Some("theirs")));
    assert_eq!(verdict.actions, [Action::Stand(Standing::Reader)]);
    assert!(!verdict.may_read);
    assert!(verdict.held.is_some_and(|held| !held.needs_operator && held.reason.contains("nothing is overwritten")));
}

#[test]
fn an_empty_looking_writer_may_hold_a_tail_of_deletions() {
    let mut case = seen("eastus2", Some("theirs"));
    case.keys = 0;
    assert!(!decide(&case).actions.iter().any(|action| matches!(action, Action::Follow(_))));
}

#[test]
fn before_the_first_epoch_has_written_anything_an_empty_leader_may_follow() {
    let mut case = seen("eastus2", None);
    case.register.as_mut().unwrap().epoch = Epoch::FIRST;
    case.keys = 0;
    assert!(decide(&case).actions.contains(&Action::Follow(link())));
}

#[test]
fn a_third_region_is_pointed_at_the_new_writer() {
    let mut case = seen("eastus2", Some("theirs"));
    case.role = following("127.77.3.252:20001".parse().unwrap(), true);
    case.standing = Standing::Reader;
    case.writer_history = Some(History { id: "new".into(), offset: 150, forked_from: Some(("old".into(), 101)) });
    assert_eq!(decide(&case).actions, [Action::Follow(link())]);
}

#[test]
fn without_the_register_nothing_is_changed() {
    let mut case = seen("eastus2", None);
    case.register = None;
    let verdict = decide(&case);
    assert_eq!((verdict.actions.as_slice(), verdict.may_write, verdict.may_read), ([].as_slice(), false, false));

    case.role = following(link(), true);
    case.standing = Standing::Reader;
    assert!(decide(&case).may_read);
}
