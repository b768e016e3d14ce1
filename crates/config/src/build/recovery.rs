//! `dr_config`.

use std::time::Duration;

use tidelock_model::{DrConfig, Durability, EnvName, FailoverMode, Location, Policy, Timings};

use super::regions::location;
use crate::diagnostic::{Sink, quote};
use crate::rules::recovery;
use crate::text::Span;
use crate::typed::{Fields, File, Reported};

type Read<T> = Result<T, Reported>;

/// Builds the settings, and checks that they fit each other and the regions.
pub(super) fn build(file: &File, environment: Read<EnvName>, sink: &mut Sink) -> Read<DrConfig> {
    let fields = file.shared.object("dr_config")?;
    let witness_location = witness(file, fields, sink);
    let timings = timings(fields, file.shared.span("dr_config"), sink);
    let drills_allowed = match fields.bool_if_given("drills_allowed")? {
        Some(allowed) => allowed,
        None => environment? != EnvName::Prod,
    };
    let seconds = |name| Ok(fields.integer_if_given(name)?.map(|number| Duration::from_secs(number.value)));
    Ok(DrConfig {
        witness_location: witness_location?,
        mode: if fields.text("mode")?.value == "automatic" { FailoverMode::Automatic } else { FailoverMode::Manual },
        durability: if fields.text("durability")?.value == "remote" { Durability::Remote } else { Durability::Local },
        timings: timings?,
        policy: policy(fields)?,
        rto_objective: seconds("rto_objective_s")?,
        rpo_objective: seconds("rpo_objective_s")?,
        gateways_per_region: u8::try_from(fields.integer("gateways_per_region")?.value).map_err(|_| Reported)?,
        drills_allowed,
    })
}

/// Preferences are not in the file yet: every region may become writer.
fn policy(fields: &Fields) -> Read<Policy> {
    Ok(Policy {
        detection: Duration::from_millis(fields.integer("detection_ms")?.value),
        lag_limit: Duration::from_millis(fields.integer("lag_limit_ms")?.value),
        hold_off: Duration::from_secs(fields.integer("hold_off_s")?.value),
        ..Policy::default()
    })
}

fn witness(file: &File, fields: &Fields, sink: &mut Sink) -> Read<Option<Location>> {
    let Some(witness) = fields.text_if_given("witness_location")? else { return Ok(None) };
    for region in &file.regions {
        let Ok(other) = region.fields.text("location") else { continue };
        if other.value == witness.value {
            sink.push(
                recovery::WITNESS_IN_REGION
                    .at(witness.span, format!("the witness stands in a region: {}", quote(witness.value)))
                    .with_label("the witness")
                    .with_place(other.span, format!("`location{}` is the same", region.suffix.as_str()))
                    .with_source("the witness decides when a region is lost, so it must not be lost with it")
                    .with_help("choose a location that is none of the file's regions"),
            );
            return Err(Reported);
        }
    }
    location(witness.value).map(Some)
}

/// The periods; `left_out` is where those stand that the file does not give.
fn timings(fields: &Fields, left_out: Span, sink: &mut Sink) -> Read<Timings> {
    let milliseconds = |name| fields.integer(name).map(|number| Duration::from_millis(number.value));
    let (lease, margin) = (milliseconds("lease_ms")?, milliseconds("margin_ms")?);
    let staleness_bound = milliseconds("staleness_bound_ms")?;
    if staleness_bound <= lease + margin {
        let (bound, sum) = (staleness_bound.as_millis(), (lease + margin).as_millis());
        let message = format!("the staleness bound, {bound} ms, must exceed lease and margin together, {sum} ms");
        let mut finding = recovery::STALENESS_BOUND.at(fields.span("staleness_bound_ms"), message);
        for name in ["lease_ms", "margin_ms"] {
            if fields.span(name) != left_out {
                finding = finding.with_place(fields.span(name), format!("`{name}`"));
            }
        }
        sink.push(
            finding
                .with_source("else the surviving regions refuse reads while a lost writer's lease runs out")
                .with_help(format!("set `staleness_bound_ms` to at least {}, or shorten the lease", sum + 1)),
        );
        return Err(Reported);
    }
    Ok(Timings { lease, margin, staleness_bound, write_hold: milliseconds("write_hold_ms")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{self, Fallback, Presence, Type};

    #[test]
    fn the_schemas_defaults_are_the_models() {
        let variable = schema::variables().find(|variable| variable.name == "dr_config").unwrap();
        let Type::Object(attributes) = variable.holds else { panic!("dr_config is an object") };
        let default = |name: &str| {
            let attribute = attributes.iter().find(|attribute| attribute.name == name).unwrap();
            let Presence::Optional(Fallback::Integer(number)) = attribute.presence else { panic!("{name}") };
            Duration::from_millis(u64::try_from(number).unwrap())
        };
        let timings = Timings {
            lease: default("lease_ms"),
            margin: default("margin_ms"),
            staleness_bound: default("staleness_bound_ms"),
            write_hold: default("write_hold_ms"),
        };
        assert_eq!(timings, Timings::default());
    }
}
