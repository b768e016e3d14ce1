//! What a person has to know before a failover: who is gone, who is fit, who can decide, what may be lost.

use tidelock_control::CallError;
use tidelock_control::agent_api::{AgentStatus, EngineState};
use tidelock_control::register_api::{LeaseView, RegisterView};
use tidelock_model::Location;

use super::moment::span;
use crate::operator::SiteStatus;

/// How wide the first column is at least.
const NAME_WIDTH: usize = 12;

/// What is known before the question.
#[derive(Clone, Copy)]
pub(crate) struct Briefing<'a> {
    pub(crate) sites: &'a [SiteStatus],
    pub(crate) view: &'a RegisterView,
    /// The region that is to take over.
    pub(crate) to: &'a Location,
}

/// Whether enough of the register's voters answer for anything to be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Majority {
    There,
    Missing,
}

impl Briefing<'_> {
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<(String, String)> =
            self.sites.iter().map(|site| (site.site.location.to_string(), self.site(site))).collect();
        lines.push(("quorum".to_owned(), self.quorum()));
        lines.push(("lease".to_owned(), self.lease()));
        lines.push(("at risk".to_owned(), self.at_risk()));
        lines.extend(self.no_need().map(|words| ("no need".to_owned(), words)));
        let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max(NAME_WIDTH);
        lines.into_iter().map(|(name, words)| format!("{name:<width$}  {words}")).collect()
    }

    /// Counted by who answers this process; the agents count among themselves.
    pub(crate) fn majority(&self) -> Majority {
        let voters = &self.view.quorum.voters;
        let silent = self.silent_voters().len();
        if voters.is_empty() || (voters.len() - silent) * 2 > voters.len() {
            Majority::There
        } else {
            Majority::Missing
        }
    }

    fn silent_voters(&self) -> Vec<&Location> {
        let answers =
            |voter: &Location| self.sites.iter().any(|site| site.site.location == *voter && site.status.is_ok());
        self.view.quorum.voters.iter().filter(|voter| !answers(voter)).collect()
    }

    fn site(&self, site: &SiteStatus) -> String {
        let role = if site.site.location == self.view.writer { "the writer; " } else { "" };
        let status = match &site.status {
            Err(err) => return format!("{role}does not answer{}: {}", self.missed(&site.site.location), why(err)),
            Ok(status) if status.witness => return "the witness; answers".to_owned(),
            Ok(status) => status,
        };
        format!("{role}answers; {}", cache(status))
    }

    /// Since when the agents that answer have missed the writer.
    fn missed(&self, location: &Location) -> String {
        let suspicions = self.sites.iter().filter_map(|site| site.status.as_ref().ok()?.suspects_for_ms);
        match suspicions.max().filter(|_| *location == self.view.writer) {
            Some(longest) => format!(" (missed by the agents for {})", span(longest)),
            None => String::new(),
        }
    }

    fn quorum(&self) -> String {
        let voters = &self.view.quorum.voters;
        let silent = self.silent_voters();
        let answering = voters.len() - silent.len();
        let names = silent.iter().map(|voter| voter.as_str()).collect::<Vec<_>>().join(", ");
        match (self.majority(), silent.is_empty()) {
            (Majority::There, true) => format!("all {} voters answer", voters.len()),
            (Majority::There, false) => {
                format!("{answering} of {} voters answer, a majority; not {names}", voters.len())
            }
            (Majority::Missing, _) => format!(
                "NO MAJORITY: {answering} of {} voters answer, not {names}. Nobody can take the lease of {} away: you have to \
                 know that it is down",
                voters.len(),
                self.view.writer
            ),
        }
    }

    fn lease(&self) -> String {
        let (epoch, writer) = (self.view.epoch, &self.view.writer);
        match self.view.lease_state {
            LeaseView::Held { at_most_ms } => {
                format!("epoch {epoch} of {writer} may last {} more; it is waited for", span(at_most_ms))
            }
            LeaseView::Lapsed { for_ms } => format!("epoch {epoch} of {writer} is certainly over for {}", span(for_ms)),
        }
    }

    /// The writer does its work, as far as this process can see: the agents, which decide, see it for themselves.
    fn no_need(&self) -> Option<String> {
        let of =
            |location: &Location| self.sites.iter().find(|site| site.site.location == *location)?.status.as_ref().ok();
        let writer = &self.view.writer;
        let leads = of(writer)?.lease_remaining_ms.is_some_and(|left| left > 0);
        let missed = of(self.to)?.suspects_for_ms.is_some();
        (leads && !missed).then(|| {
            format!("{writer} holds the lease. A failover is refused without --force; a switchover loses nothing")
        })
    }

    /// As far as the target is behind now, and whatever the old writer may still acknowledge until its lease is over.
    fn at_risk(&self) -> String {
        let to = self.to;
        let target = self.sites.iter().find(|site| site.site.location == *to);
        let risk = target.and_then(|site| site.status.as_ref().ok()?.at_risk);
        let Some(behind) = risk.and_then(|risk| risk.window_ms) else {
            return format!("not known: no gateway in {to} has measured how far behind it is");
        };
        let lease = match self.view.lease_state {
            LeaseView::Held { at_most_ms } => at_most_ms,
            LeaseView::Lapsed { .. } => 0,
        };
        let total = behind.saturating_add(lease);
        // The count goes with the span: the rate is the last that was heard of the writer.
        let writes = risk.and_then(|risk| risk.writes).filter(|_| behind > 0);
        let writes = writes.map(|writes| writes.saturating_mul(total).div_ceil(behind));
        let about =
            writes.map(|writes| format!(", about {writes} at the writer's last known rate")).unwrap_or_default();
        let after =
            if lease > 0 { format!(", and {} may go on for {}", self.view.writer, span(lease)) } else { String::new() };
        format!(
            "at most {:.1} s of acknowledged writes{about}: {to} is up to {} behind{after}",
            seconds(total),
            span(behind)
        )
    }
}

/// Without the endpoint: whom it is about stands before it.
fn why(err: &CallError) -> String {
    match err {
        CallError::Unreachable { reason, .. } => reason.clone(),
        CallError::Timeout { after, .. } => format!("silent for {after:?}"),
        other => other.to_string(),
    }
}

/// Rounded up: less than the truth is never said.
fn seconds(millis: u64) -> f64 {
    millis.div_ceil(100) as f64 / 10.0
}

fn cache(status: &AgentStatus) -> String {
    let Some(engine) = &status.engine else {
        let why = status.engine_error.as_deref().unwrap_or("it does not say why");
        return format!("its cache does not: {why}");
    };
    let state = match &engine.state {
        EngineState::Writer => "leads".to_owned(),
        EngineState::Isolated { reason, .. } => format!("is kept aside ({reason})"),
        EngineState::Reader { synced: false, .. } => "holds no complete copy yet".to_owned(),
        EngineState::Reader { link_up: true, .. } => "follows".to_owned(),
        EngineState::Reader { .. } => "holds a complete copy, its link is down".to_owned(),
    };
    format!("its cache {state}, at offset {}", engine.offset)
}

#[cfg(test)]
mod tests;
