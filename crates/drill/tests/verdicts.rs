//! Verdicts on histories made by hand, where the right answer is known beforehand.

// Helpers outside the test functions: whatever fails in them is a failed test.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;
use tidelock_drill::{
    Audit, ClientRole, DrillClient, History, HistoryError, Mark, Op, Outcome, Survivors, Window, Workload, WriteId,
    first_ack_after, latency, longest_write_gap, loss, outage_after, reads,
};
use tidelock_model::{BootTime, Location};

const LATE: Duration = Duration::from_millis(1_000);

fn at(millis: u64) -> BootTime {
    BootTime::from_nanos(1_000_000_000 + millis * 1_000_000)
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn region(name: &str) -> Location {
    Location::new(name).unwrap()
}

/// Clients 0 and 1 write in eastus2, 2 and 3 in uksouth; 4 reads in eastus2, 5 in uksouth.
fn history(ops: Vec<Op>) -> History {
    let place = |id| region(if matches!(id, 0 | 1 | 4) { "eastus2" } else { "uksouth" });
    let role = |id| if id < 4 { ClientRole::Writer } else { ClientRole::Reader };
    let clients = (0..6).map(|id| DrillClient { id, role: role(id), location: place(id) }).collect();
    let workload = Workload { run: "test".to_owned(), value_size: 64 };
    let mut history = History { workload, clients, ops, marks: Vec::new(), audits: Vec::new() };
    history.ops.sort_by_key(|op| (op.sent, op.client, op.number));
    history
}

fn op(client: u32, number: u64, sent: u64, ended: u64, outcome: Outcome) -> Op {
    let text = (outcome != Outcome::Acked).then(|| "TRYAGAIN later".into());
    Op { client, number, sent: at(sent), ended: at(ended), outcome, text }
}

use Outcome::{Acked, NotSent, Refused, Unknown, Wrong};

#[test]
fn without_a_failure_there_is_no_outage_and_the_gap_is_the_pace() {
    let calm = history((0..10).map(|n| op(0, n, n * 20, n * 20 + 1, Acked)).collect());
    assert_eq!(outage_after(&calm, None, at(0), LATE), None);
    let gap = longest_write_gap(&calm, None, Window::ALWAYS).unwrap();
    assert_eq!((gap.lasted, gap.to.is_some()), (millis(20), true));
}

#[test]
fn without_a_write_there_is_nothing_to_say() {
    let silent = history(Vec::new());
    assert_eq!(outage_after(&silent, None, at(0), LATE), None);
    assert_eq!(longest_write_gap(&silent, None, Window::ALWAYS), None);
    assert_eq!(first_ack_after(&silent, None, at(0)), None);
    assert_eq!(reads(&silent, None, Window::ALWAYS).attempted, 0);
    assert_eq!(latency(silent.writes(None)).count, 0);
}

#[test]
fn recovery_is_from_the_first_failed_write_to_the_first_acknowledged_one() {
    let failover = history(vec![
        op(2, 0, 0, 2, Acked),
        op(2, 1, 100, 102, Acked),
        // fault at 110
        op(2, 2, 120, 121, Refused),
        op(2, 3, 140, 1_140, Unknown),
        op(2, 4, 1_150, 1_151, NotSent),
        op(2, 5, 1_700, 1_705, Acked),
        op(2, 6, 1_720, 1_722, Acked),
    ]);
    let outage = outage_after(&failover, None, at(110), LATE).unwrap();
    assert_eq!((outage.from, outage.first_ack, outage.settled), (at(120), Some(at(1_705)), Some(at(1_705))));
    assert_eq!(outage.rto(), Some(millis(1_585)));
    assert_eq!(first_ack_after(&failover, None, at(110)), Some(at(1_705)));
    let gap = longest_write_gap(&failover, None, Window::since(at(110))).unwrap();
    assert_eq!((gap.from, gap.to, gap.lasted), (at(102), Some(at(1_705)), millis(1_603)));
}

#[test]
fn a_region_that_never_recovers_has_no_recovery_time_rather_than_zero() {
    let dead = history(vec![
        op(0, 0, 0, 2, Acked),
        op(0, 1, 100, 101, NotSent),
        op(0, 2, 9_000, 9_001, NotSent),
        op(2, 0, 100, 104, Refused),
        op(2, 1, 600, 604, Acked),
    ]);
    let east = region("eastus2");
    let outage = outage_after(&dead, Some(&east), at(50), LATE).unwrap();
    assert_eq!((outage.rto(), outage.until_settled(), outage.last_failure), (None, None, at(9_001)));
    let gap = longest_write_gap(&dead, Some(&east), Window::ALWAYS).unwrap();
    assert_eq!((gap.to, gap.lasted), (None, millis(8_999)));
    assert_eq!(outage_after(&dead, Some(&region("uksouth")), at(50), LATE).unwrap().rto(), Some(millis(504)));
    assert_eq!(outage_after(&dead, None, at(50), LATE).unwrap().rto(), Some(millis(504)), "anywhere");
}

#[test]
fn writes_that_never_succeeded_make_one_open_gap() {
    let never = history(vec![op(0, 0, 0, 1, NotSent), op(0, 1, 500, 501, NotSent)]);
    let gap = longest_write_gap(&never, None, Window::ALWAYS).unwrap();
    assert_eq!((gap.from, gap.to, gap.lasted), (at(0), None, millis(501)));
}

#[test]
fn a_write_on_its_way_at_the_fault_neither_starts_early_nor_ends_the_outage() {
    let racing = history(vec![
        op(0, 0, 95, 105, Acked),   // on its way at the fault, and lucky
        op(1, 0, 96, 300, Unknown), // on its way at the fault, and not
        op(0, 1, 110, 111, NotSent),
        op(0, 2, 700, 702, Acked),
    ]);
    let outage = outage_after(&racing, None, at(100), LATE).unwrap();
    assert_eq!((outage.from, outage.first_ack), (at(100), Some(at(702))));
}

#[test]
fn a_write_that_was_held_until_recovery_counts_as_late() {
    let held = history(vec![op(0, 0, 0, 1, Acked), op(0, 1, 120, 2_620, Acked), op(0, 2, 2_640, 2_641, Acked)]);
    let outage = outage_after(&held, None, at(100), LATE).unwrap();
    assert_eq!((outage.rto(), outage.until_settled()), (Some(millis(2_500)), Some(millis(2_500))));
    assert_eq!(outage_after(&held, None, at(100), millis(3_000)), None);
}

#[test]
fn an_early_acknowledgement_among_failures_recovers_but_does_not_settle() {
    let flapping = history(vec![
        op(0, 0, 100, 101, Refused),
        op(0, 1, 200, 201, Acked),
        op(1, 0, 250, 251, Refused),
        op(1, 1, 400, 401, Acked),
    ]);
    let outage = outage_after(&flapping, None, at(90), LATE).unwrap();
    assert_eq!((outage.rto(), outage.until_settled()), (Some(millis(101)), Some(millis(301))));
}

#[test]
fn acknowledgements_out_of_order_and_overlapping_clients_make_no_false_gap() {
    // Client 1's early write is acknowledged last; sorted by `sent` there would be a gap of 500 ms.
    let overlapping = history(vec![
        op(0, 0, 0, 100, Acked),
        op(1, 0, 1, 400, Acked),
        op(0, 1, 110, 200, Acked),
        op(0, 2, 210, 300, Acked),
        op(2, 0, 120, 500, Acked),
    ]);
    let gap = longest_write_gap(&overlapping, None, Window::ALWAYS).unwrap();
    assert_eq!(gap.lasted, millis(100));
}

#[test]
fn a_gap_outside_the_window_does_not_count_and_one_across_its_edge_does() {
    let acks = [0, 1_000, 1_010, 1_020, 1_500].iter().zip(0..);
    let gaps = history(acks.map(|(time, n)| op(0, n, *time, *time, Acked)).collect());
    let longest =
        |from, to| longest_write_gap(&gaps, None, Window { from: at(from), to: at(to) }).map(|gap| gap.lasted);
    assert_eq!(longest(0, 2_000), Some(millis(1_000)));
    assert_eq!(longest(1_005, 2_000), Some(millis(480)));
    assert_eq!(longest(900, 1_005), Some(millis(1_000)), "it reaches into the window");
    assert_eq!(longest(1_600, 2_000), None, "nobody tried");
}

#[test]
fn reads_that_fail_or_bring_the_wrong_value_are_counted_per_region_and_window() {
    let mut ops: Vec<Op> = (0..100).map(|n| op(5, n, n * 10, n * 10 + 1, Acked)).collect();
    ops.push(op(4, 0, 0, 3, Acked));
    ops.push(op(4, 1, 500, 502, NotSent));
    ops.push(op(4, 2, 600, 602, Wrong));
    let history = history(ops);
    let uk = reads(&history, Some(&region("uksouth")), Window::since(at(400)));
    assert_eq!((uk.attempted, uk.failed, uk.first_failure), (60, 0, None));
    assert_eq!(uk.longest_gap.unwrap().lasted, millis(10));
    assert_eq!((uk.latency.count, uk.latency.p99.as_micros().abs_diff(1_000) < 10), (60, true));
    let east = reads(&history, Some(&region("eastus2")), Window::since(at(400)));
    assert_eq!((east.attempted, east.failed, east.latency.count), (2, 2, 0));
    assert_eq!(east.first_failure.as_deref(), Some("NotSent: TRYAGAIN later"));
    assert_eq!(east.longest_gap.unwrap().to, None);
}

#[test]
fn lost_writes_are_the_acknowledged_ones_that_are_absent_or_altered() {
    let history = history(vec![
        op(0, 0, 0, 5, Acked),
        op(0, 1, 10, 15, Acked),
        op(2, 0, 12, 300, Acked),
        op(0, 2, 20, 25, Unknown),
        op(0, 3, 30, 35, Unknown),
        op(0, 4, 40, 45, Refused),
        op(0, 5, 50, 55, NotSent),
        op(4, 0, 0, 1, Acked), // a read
    ]);
    let write = |client, number| WriteId { client, number };
    let survivors = Survivors {
        present: HashSet::from([write(0, 0), write(0, 2), write(0, 4)]),
        altered: HashSet::from([write(2, 0)]),
    };
    let loss = loss(&history, &survivors);
    assert_eq!((loss.acked, loss.altered), (3, 1));
    assert_eq!(loss.lost, [write(0, 1), write(2, 0)]);
    let span = loss.span.unwrap();
    assert_eq!((span.first_sent, span.last_acked, span.duration()), (at(10), at(300), millis(290)));
    assert_eq!((loss.unknown_applied, loss.unknown_absent), (1, 1));
    assert_eq!(loss.denied_but_applied, [write(0, 4)]);
}

#[test]
fn nothing_lost_has_no_span() {
    let history = history(vec![op(0, 0, 0, 5, Acked)]);
    let all = Survivors { present: history.writes(None).map(Op::write).collect(), altered: HashSet::new() };
    assert_eq!((loss(&history, &all).lost.len(), loss(&history, &all).span), (0, None));
}

// --- the file -------------------------------------------------------------------------------------------------------

fn written(history: &History) -> Vec<u8> {
    let mut bytes = Vec::new();
    history.write_to(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_file_that_is_cut_off_or_of_another_version_or_nonsense_is_refused_with_its_line() {
    let mut history = history(vec![op(0, 0, 0, 5, Acked), op(0, 1, 10, 15, Refused)]);
    history.marks.push(Mark { name: "region killed".to_owned(), location: Some(region("eastus2")), at: at(7) });
    let text = String::from_utf8(written(&history)).unwrap();
    let read = |text: &str| History::read_from(text.as_bytes());
    assert_eq!(read(&text).unwrap(), history);

    let lines: Vec<&str> = text.lines().collect();
    let without_end = lines[..lines.len() - 1].join("\n");
    assert!(matches!(read(&without_end), Err(HistoryError::CutOff(_))));
    let without_an_op: Vec<&str> = lines.iter().copied().filter(|line| !line.contains("refused")).collect();
    assert!(matches!(read(&without_an_op.join("\n")), Err(HistoryError::CutOff(_))));
    assert!(matches!(read(""), Err(HistoryError::CutOff(_))));
    let newer = text.replacen("\"schema_version\":1", "\"schema_version\":2", 1);
    assert!(matches!(read(&newer), Err(HistoryError::Schema { found: 2 })));
    let broken = text.replacen("\"outcome\":\"acked\"", "\"outcome\":\"perhaps\"", 1);
    assert!(matches!(read(&broken), Err(HistoryError::Invalid { line: 9, .. })), "{:?}", read(&broken));
    let stranger = text.replacen("\"client\":0", "\"client\":77", 1);
    assert!(matches!(read(&stranger), Err(HistoryError::Invalid { line: 9, .. })));
    let endless = format!("{}\n{}", lines[0], "x".repeat(100_000));
    assert!(matches!(read(&endless), Err(HistoryError::Invalid { line: 2, .. })));
}

#[test]
fn a_short_line_cannot_ask_for_all_memory() {
    let mut history = history(vec![op(0, 0, 0, 5, Acked)]);
    let present = HashSet::from([WriteId { client: 0, number: 0 }]);
    let survivors = Survivors { present, altered: HashSet::new() };
    history.audits.push(Audit { name: "end".to_owned(), at: at(9), survivors });
    let text = String::from_utf8(written(&history)).unwrap();
    let huge = text.replace("[[0,0]]", "[[0,18446744073709551615]]");
    assert_ne!(huge, text);
    assert!(matches!(History::read_from(huge.as_bytes()), Err(HistoryError::Invalid { .. })));
    let reversed = text.replace("[[0,0]]", "[[5,1]]");
    assert!(matches!(History::read_from(reversed.as_bytes()), Err(HistoryError::Invalid { .. })));
}

// --- any history ----------------------------------------------------------------------------------------------------

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Present,
    Altered,
    Absent,
}

fn any_op() -> impl Strategy<Value = (u32, u64, u64, Outcome, Fate)> {
    let outcome = prop_oneof![4 => Just(Acked), 1 => Just(Refused), 1 => Just(Unknown), 1 => Just(NotSent)];
    let fate = prop_oneof![3 => Just(Fate::Present), 1 => Just(Fate::Altered), 1 => Just(Fate::Absent)];
    (0..6_u32, 0..2_000_u64, 0..1_500_u64, outcome, fate)
}

/// A history with any operations, and what became of each.
fn any_history() -> impl Strategy<Value = (History, Vec<(Op, Fate)>)> {
    proptest::collection::vec(any_op(), 0..80).prop_map(|drawn| {
        let with_fate: Vec<(Op, Fate)> = drawn
            .into_iter()
            .zip(0..)
            .map(|((client, sent, took, outcome, fate), n)| (op(client, n, sent, sent + took, outcome), fate))
            .collect();
        let mut history = history(with_fate.iter().map(|(op, _)| op.clone()).collect());
        let writes = || with_fate.iter().filter(|(op, _)| op.client < 4);
        let of = |wanted| writes().filter(|(_, fate)| *fate == wanted).map(|(op, _)| op.write()).collect();
        let survivors = Survivors { present: of(Fate::Present), altered: of(Fate::Altered) };
        history.audits.push(Audit { name: "end".to_owned(), at: at(5_000), survivors });
        (history, with_fate)
    })
}

proptest! {
    #[test]
    fn the_count_of_lost_writes_equals_counting_one_by_one((history, fates) in any_history()) {
        let loss = loss(&history, &history.audits[0].survivors);
        let count = |wanted: &dyn Fn(&Op, Fate) -> bool| {
            fates.iter().filter(|(op, fate)| op.client < 4 && wanted(op, *fate)).count() as u64
        };
        prop_assert_eq!(loss.lost.len() as u64, count(&|op, fate| op.outcome == Acked && fate != Fate::Present));
        prop_assert_eq!(loss.acked, count(&|op, _| op.outcome == Acked));
        prop_assert_eq!(loss.unknown_applied, count(&|op, fate| op.outcome == Unknown && fate != Fate::Absent));
        prop_assert_eq!(loss.unknown_absent, count(&|op, fate| op.outcome == Unknown && fate == Fate::Absent));
        let denied = count(&|op, fate| matches!(op.outcome, Refused | NotSent) && fate != Fate::Absent);
        prop_assert_eq!(loss.denied_but_applied.len() as u64, denied);
    }

    #[test]
    fn verdicts_on_the_file_equal_those_in_memory((history, _) in any_history(), fault in 0..2_000_u64) {
        let back = History::read_from(written(&history).as_slice()).unwrap();
        prop_assert_eq!(&back, &history);
        let uk = region("uksouth");
        for place in [None, Some(&uk)] {
            prop_assert_eq!(outage_after(&back, place, at(fault), LATE), outage_after(&history, place, at(fault), LATE));
            let window = Window::since(at(fault));
            prop_assert_eq!(longest_write_gap(&back, place, window), longest_write_gap(&history, place, window));
            prop_assert_eq!(reads(&back, place, window), reads(&history, place, window));
        }
        prop_assert_eq!(loss(&back, &back.audits[0].survivors), loss(&history, &history.audits[0].survivors));
    }

    #[test]
    fn no_time_without_acknowledgement_is_longer_than_the_longest_gap((history, _) in any_history()) {
        let Some(gap) = longest_write_gap(&history, None, Window::ALWAYS) else {
            prop_assert_eq!(history.writes(None).count(), 0);
            return Ok(());
        };
        let acks: Vec<BootTime> = history.writes(None).filter(|op| op.outcome == Acked).map(|op| op.ended).collect();
        for from in &acks {
            let next = acks.iter().filter(|ack| *ack > from).min();
            prop_assert!(next.is_none_or(|next| next.saturating_since(*from) <= gap.lasted));
        }
        // Inside the gap there is none.
        let end = gap.to.unwrap_or(gap.from + gap.lasted);
        prop_assert!(!acks.iter().any(|ack| *ack > gap.from && *ack < end));
    }

    #[test]
    fn an_outage_ends_after_it_began_and_settles_no_earlier((history, _) in any_history(), fault in 0..2_000_u64) {
        if let Some(outage) = outage_after(&history, None, at(fault), LATE) {
            prop_assert!(outage.from >= at(fault));
            prop_assert!(outage.first_ack.is_none_or(|ack| ack >= outage.from));
            prop_assert!(outage.last_failure >= outage.from);
            if let Some(settled) = outage.settled {
                prop_assert!(outage.first_ack.is_some_and(|ack| ack <= settled));
            }
        }
    }
}
