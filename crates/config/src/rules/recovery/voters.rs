//! Who decides: the regions of geo groups, and the witness.

use std::collections::BTreeSet;

use super::{AUTOMATIC_ALONE, EVEN_VOTERS, NO_WITNESS, NOTHING_TO_RECOVER};
use crate::diagnostic::{Sink, quote};
use crate::scene::Scene;
use crate::text::Span;
use crate::typed::Fields;

pub(super) fn check(scene: &Scene<'_>, settings: &Fields, sink: &mut Sink) {
    let whole = scene.shared.span("dr_config");
    let Ok(witness) = settings.text_if_given("witness_location") else { return };
    let Some(group) = scene.groups.first() else {
        // A file whose groups could not be read has been reported.
        if whole != Span::default()
            && scene.shared.map("managed_redis_geo_replication_config").is_ok_and(<[_]>::is_empty)
        {
            let opening = Span::new(whole.start, whole.start + 1);
            sink.push(
                NOTHING_TO_RECOVER
                    .at(opening, "this says how regions take over from each other, but none replicates to another")
                    .with_source("there is no geo group")
                    .with_help("link the caches in `managed_redis_geo_replication_config`, or remove `dr_config`"),
            );
        }
        return;
    };
    let automatic = settings.text("mode").ok().filter(|mode| mode.value == "automatic");
    if let (Some(mode), None) = (&automatic, &witness) {
        sink.push(
            AUTOMATIC_ALONE
                .at(mode.span, "an automatic failover has nobody to decide it")
                .with_source(
                    "without a witness the first writer's agent is the only voter, and is lost with its region",
                )
                .with_help("add `witness_location`, a location outside of every region, or set `mode = \"manual\"`"),
        );
        return;
    }
    let members = scene.groups.iter().flat_map(|group| scene.members(group));
    let regions: BTreeSet<usize> = members.map(|(cache, _)| cache.region).collect();
    let mut locations = regions.iter().filter_map(|at| scene.regions.get(*at)?.location.as_ref());
    if witness.as_ref().is_some_and(|witness| locations.any(|location| location.value == witness.value)) {
        // A witness in a region has been reported.
        return;
    }
    match (regions.len(), witness) {
        (2, None) => sink.push(
            NO_WITNESS
                .at(group.key.span, format!("the group {} has two regions and no witness", quote(&group.key.value)))
                .with_source("the first writer's agent is the only voter: if it is lost, a failover cannot fence it")
                .with_help("add `witness_location` to `dr_config`: a third location, which needs no cache"),
        ),
        (count, None) if count > 2 && count % 2 == 0 => sink.push(
            EVEN_VOTERS
                .at(group.key.span, format!("{count} regions are an even number of voters: one of them only listens"))
                .with_source("a majority of an even number bears no more losses than one of the odd number below it")
                .with_help("add `witness_location` to `dr_config`: one more voter, which needs no cache"),
        ),
        _ => {}
    }
}
