//! What the register and the agents say beside roles: who votes, what is under way, and what waits for a person.

use tidelock_control::agent_api::SalvageView;
use tidelock_control::register_api::RegisterView;
use tidelock_failover::group::SagaKind;

use super::{Shown, newest_register};
use crate::operator::SiteStatus;
use crate::views::moment::{span, utc};

/// Name and words, one line each. Nothing is said of what is as it always is, but for who votes.
pub(super) fn facts(shown: Shown<'_>) -> Vec<Vec<String>> {
    let Shown { sites, file, now, .. } = shown;
    let Some(view) = newest_register(sites) else { return Vec::new() };
    let name = file.map_or_else(|| "FILE".to_owned(), |file| file.file.display().to_string());
    let mut facts = vec![("register", quorum(view, sites))];
    let mut say = |name, words: Option<String>| facts.extend(words.map(|words| (name, words)));
    say("under way", under_way(view));
    say("suspected", suspicion(view, sites));
    say(
        "unfenced",
        view.unfenced.as_ref().map(|old| {
            format!(
                "{0} has not been seen to obey: if it is up, it may still take writes under epoch {1}",
                old.region, old.epoch
            )
        }),
    );
    for region in &view.detached {
        say(
            "detached",
            Some(format!(
                "{region} is not made writer and does not vote; `tidelock failback {name} --region {region}`"
            )),
        );
    }
    say(
        "paused",
        view.paused.as_ref().map(|paused| {
            let reason = if paused.reason.is_empty() { String::new() } else { format!(": {}", paused.reason) };
            format!("no automatic failover since {}{reason}; `tidelock resume {name}`", utc(paused.at))
        }),
    );
    say(
        "not looked at",
        view.unacknowledged.as_ref().map(|last| {
            format!(
                "an automatic failover at {}; no other one until `tidelock history {name}` and `tidelock resume {name}`",
                utc(last.at)
            )
        }),
    );
    say(
        "hold-off",
        view.hold_off_until
            .filter(|until| *until > now)
            .map(|until| format!("no automatic failover for {} more, until {}", span(until.since(now)), utc(until))),
    );
    for site in sites {
        for words in salvage(site) {
            say("saved", Some(words));
        }
        say("lost", gone(site));
    }
    say(
        "file",
        file.and_then(|file| {
            let pending = file.pending(&view.writer)?;
            Some(format!("role drift: it names {}, the writer is {}; pending: {pending}", file.writer, view.writer))
        }),
    );
    facts.into_iter().map(|(name, words)| vec![name.to_owned(), words]).collect()
}

fn quorum(view: &RegisterView, sites: &[SiteStatus]) -> String {
    let quorum = &view.quorum;
    let names =
        |places: &[tidelock_model::Location]| places.iter().map(|place| place.as_str()).collect::<Vec<_>>().join(", ");
    let leader = match &quorum.leader {
        Some(leader) => format!("led by {leader}"),
        None => "LED BY NOBODY".to_owned(),
    };
    let voters = match quorum.voters.as_slice() {
        [] => "nobody is known to vote".to_owned(),
        [only] => format!("{only} alone votes"),
        several => format!("votes: {}", names(several)),
    };
    let listens =
        if quorum.learners.is_empty() { String::new() } else { format!("; listening: {}", names(&quorum.learners)) };
    let silent: Vec<_> = sites
        .iter()
        .filter(|site| site.status.is_err() && quorum.voters.contains(&site.site.location))
        .map(|site| site.site.location.clone())
        .collect();
    let missing = match (silent.len(), quorum.voters.len()) {
        (0, _) => String::new(),
        (gone, all) if (all - gone) * 2 > all => format!("; {} of {all} answer, not {}", all - gone, names(&silent)),
        (gone, all) => format!("; NO MAJORITY: {} of {all} answer, not {}", all - gone, names(&silent)),
    };
    let waiting = quorum.waiting.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
    format!("{leader}; {voters}{listens}{missing}{waiting}")
}

fn under_way(view: &RegisterView) -> Option<String> {
    let saga = view.saga.as_ref()?;
    let what = match saga.kind {
        SagaKind::Detach => format!("a detach of {}", saga.to),
        kind => format!("a {kind} from {} to {}", saga.from, saga.to),
    };
    let last = saga.steps.last().map(|step| format!(" since {}: {}", utc(step.at), step.detail)).unwrap_or_default();
    Some(format!("{what}, {}{last}", saga.phase.kind()))
}

fn suspicion(view: &RegisterView, sites: &[SiteStatus]) -> Option<String> {
    let suspects: Vec<_> = sites
        .iter()
        .filter_map(|site| Some((site.site.location.as_str(), site.status.as_ref().ok()?.suspects_for_ms?)))
        .map(|(who, missed)| format!("{who} for {}", span(missed)))
        .collect();
    (!suspects.is_empty()).then(|| format!("{} is not seen by {}", view.writer, suspects.join(", by ")))
}

/// What an engine held when it was killed, as far as nobody else had it. It is not saved: whoever looks for it must know.
fn gone(site: &SiteStatus) -> Option<String> {
    let notes = &site.status.as_ref().ok()?.gone_files;
    let last = notes.last()?;
    let notes = if notes.len() == 1 { "1 note".to_owned() } else { format!("{} notes", notes.len()) };
    Some(format!("{}: what a killed engine alone held is lost: {notes}, such as {last}", site.site.location))
}

/// Writes that only one region's engine held when it came back.
fn salvage(site: &SiteStatus) -> Vec<String> {
    let Ok(status) = &site.status else { return Vec::new() };
    let location = &site.site.location;
    let mut words = match &status.salvage {
        Some(SalvageView::Running) => vec![format!("{location}: writes that only it held are being saved")],
        Some(SalvageView::Failed { reason }) => {
            vec![format!("{location}: writes that only it held CANNOT BE SAVED: {reason}")]
        }
        Some(SalvageView::Saved { .. }) | None => Vec::new(),
    };
    let files = status.salvaged_files.iter();
    words.extend(files.map(|file| format!("{location}: writes that only it held when it came back: {file}")));
    words
}
