//! What is promised, and whether the settings can keep it.

use super::{DRILLS_IN_PROD, HOLD_OFF, ONE_GATEWAY, REMOTE_DURABILITY, RPO_LAG, RPO_ZERO, RTO_AUTOMATIC, RTO_MANUAL};
use crate::diagnostic::{Diagnostic, Sink};
use crate::scene::{Scene, flag};
use crate::text::Span;
use crate::typed::{Fields, Spanned};

/// The least time that is held to be enough for a person to be reached and to decide, in seconds. Our own figure.
const PERSON_S: u64 = 60;

/// The periods after which another region may write at the earliest.
const PERIODS: [&str; 3] = ["detection_ms", "lease_ms", "margin_ms"];

/// The gateways of a region that can lose one.
const GATEWAYS: u64 = 2;

pub(super) fn check(scene: &Scene<'_>, settings: &Fields, sink: &mut Sink) {
    let given = Given { settings, whole: scene.shared.span("dr_config") };
    given.check_durability(sink);
    given.check_times(sink);
    given.check_loss(sink);
    if scene.is_production() {
        given.check_production(scene, sink);
    }
}

/// The settings, and where those stand that were left out.
struct Given<'a> {
    settings: &'a Fields,
    whole: Span,
}

impl Given<'_> {
    fn is_given(&self, name: &str) -> bool {
        self.settings.span(name) != self.whole
    }

    /// A finding that also shows where the periods stand, as far as the file gives them.
    fn with_periods(&self, finding: Diagnostic) -> Diagnostic {
        PERIODS
            .iter()
            .filter(|name| self.is_given(name))
            .fold(finding, |finding, name| finding.with_place(self.settings.span(name), format!("`{name}`")))
    }

    /// Detection, lease and margin together, in milliseconds, and as they are told to the reader.
    fn periods(&self) -> Option<(u64, String)> {
        let [detection, lease, margin] =
            PERIODS.map(|name| self.settings.integer(name).ok().map(|number| number.value));
        let (detection, lease, margin) = (detection?, lease?, margin?);
        let sum = detection + lease + margin;
        Some((sum, format!("detection {detection}, lease {lease} and margin {margin} are {sum} ms")))
    }

    fn seconds(&self, name: &str) -> Option<Spanned<u64>> {
        self.settings.integer_if_given(name).ok().flatten()
    }

    fn check_durability(&self, sink: &mut Sink) {
        let Ok(durability) = self.settings.text("durability") else { return };
        if durability.value == "remote" {
            sink.push(
                REMOTE_DURABILITY
                    .at(durability.span, "Managed Redis cannot wait for another region before it acknowledges a write")
                    .with_source("its replication is asynchronous, and nobody is told when a write has arrived")
                    .with_help("set it to `local`, and say in `rpo_objective_s` what may be lost"),
            );
        }
    }

    fn check_times(&self, sink: &mut Sink) {
        let (Ok(mode), Some((sum, told))) = (self.settings.text("mode"), self.periods()) else { return };
        let is_automatic = mode.value == "automatic";
        if let Some(objective) = self.seconds("rto_objective_s") {
            let promised = objective.value;
            if is_automatic && promised * 1_000 < sum {
                let message =
                    format!("recovery in {promised} s cannot be kept: another region may write after {sum} ms");
                let finding = self.with_periods(RTO_AUTOMATIC.at(objective.span, message)).with_source(told.as_str());
                sink.push(finding.with_help(format!("promise more than {} s, or shorten them", sum.div_ceil(1_000))));
            } else if !is_automatic && promised * 1_000 < (PERSON_S * 1_000).max(sum) {
                let least = PERSON_S.max(sum.div_ceil(1_000));
                let message = format!("recovery in {promised} s is promised, but a person starts every failover");
                let mut finding = RTO_MANUAL.at(objective.span, message);
                if self.is_given("mode") {
                    finding = finding.with_place(mode.span, "nothing begins by itself");
                }
                sink.push(
                    finding
                        .with_source(format!(
                            "a person who must be reached and decide needs {PERSON_S} s at least; {told}"
                        ))
                        .with_help(format!("promise {least} s or more, or set `mode = \"automatic\"`")),
                );
            }
        }
        if let Ok(hold_off) = self.settings.integer("hold_off_s")
            && is_automatic
            && hold_off.value * 1_000 < sum
        {
            let message = format!("a second failover may begin {} s after the first", hold_off.value);
            let span = if self.is_given("hold_off_s") { hold_off.span } else { mode.span };
            sink.push(
                self.with_periods(HOLD_OFF.at(span, message))
                    .with_source(format!("{told}: a region that comes and goes would move the writer back and forth"))
                    .with_help("give somebody the time to look, such as 3600"),
            );
        }
    }

    fn check_loss(&self, sink: &mut Sink) {
        let (Some(objective), Ok(limit)) = (self.seconds("rpo_objective_s"), self.settings.integer("lag_limit_ms"))
        else {
            return;
        };
        if objective.value == 0 {
            sink.push(
                RPO_ZERO
                    .at(objective.span, "a promise of no loss cannot be kept")
                    .with_source("what a lost region had not sent to another yet is lost with it")
                    .with_help("promise the loss of some seconds, and keep what must not be lost elsewhere"),
            );
            return;
        }
        let accepted = objective.value * 1_000;
        if accepted >= limit.value {
            return;
        }
        let message = format!("a region {} ms behind may be made writer, but {accepted} ms may be lost", limit.value);
        let finding = if self.is_given("lag_limit_ms") {
            RPO_LAG
                .at(limit.span, message)
                .with_place(objective.span, "the loss that the policy accepts")
                .with_help(format!("set it to {accepted} or less, or promise less"))
        } else {
            RPO_LAG
                .at(objective.span, message)
                .with_help(format!("add `lag_limit_ms = {accepted}`: left out, it is {}", limit.value))
        };
        sink.push(finding.with_source("up to the lag limit nobody is asked whether the loss is accepted"));
    }

    fn check_production(&self, scene: &Scene<'_>, sink: &mut Sink) {
        if let Some(drills) = flag(self.settings, "drills_allowed").filter(|drills| drills.value) {
            sink.push(
                DRILLS_IN_PROD
                    .at(drills.span, "drills may be run on production")
                    .with_source("a drill kills, pauses and cuts off what it is run on")
                    .with_help("remove it, and drill an environment of the same shape"),
            );
        }
        let Ok(gateways) = self.settings.integer("gateways_per_region") else { return };
        if gateways.value < GATEWAYS && !scene.caches.is_empty() {
            let place = scene.environment.as_ref().map(|(_, text)| text.span);
            let span = if self.is_given("gateways_per_region") { Some(gateways.span) } else { place };
            let Some(span) = span else { return };
            sink.push(
                ONE_GATEWAY
                    .at(span, "production runs one gateway in each region")
                    .with_source("its crash, or its replacement, drops all clients of the region")
                    .with_help(format!("set `gateways_per_region = {GATEWAYS}` in `dr_config`")),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    /// What is found with these settings beside the witness.
    fn found(settings: &str) -> Vec<u16> {
        let witness = "witness_location = \"northeurope\"\n";
        let text = include_str!("../base.tfvars").replace(witness, &format!("{witness}{settings}\n"));
        crate::check(&text).findings.iter().map(|finding| finding.rule.id.0).collect()
    }

    #[test]
    fn objectives_are_compared_to_the_second() {
        // Detection 2000, lease 3000 and margin 500 by default.
        assert_eq!(found("mode = \"automatic\"\nrto_objective_s = 5"), [125]);
        assert_eq!(found("mode = \"automatic\"\nrto_objective_s = 6"), [0; 0]);
        assert_eq!((found("rto_objective_s = 59"), found("rto_objective_s = 60")), (vec![126], vec![]));
        assert_eq!(found("rto_objective_s = 100\ndetection_ms = 100000"), [126]);
        assert_eq!((found("rpo_objective_s = 9"), found("rpo_objective_s = 10")), (vec![127], vec![]));
        assert_eq!(found("rpo_objective_s = 0\nlag_limit_ms = 0"), [133]);
        assert_eq!(found("mode = \"automatic\"\nhold_off_s = 5"), [132]);
        assert_eq!((found("mode = \"automatic\"\nhold_off_s = 6"), found("hold_off_s = 0")), (vec![], vec![]));
    }
}
