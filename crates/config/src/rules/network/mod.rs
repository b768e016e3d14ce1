//! Networks, private endpoints and name resolution.

mod cidr;
mod endpoints;
mod firewall;
mod overlap;
mod ranges;
mod security;

use super::Rule;
use crate::diagnostic::Sink;
use crate::scene::Scene;

pub(crate) use endpoints::{STATIC_IP_MISSING, STATIC_IP_UNUSED};

/// The family's rules.
pub(crate) static RULES: &[&Rule] = &[
    &endpoints::STATIC_IP_MISSING,
    &endpoints::STATIC_IP_UNUSED,
    &ranges::REFUSED,
    &ranges::OUTSIDE_NETWORK,
    &ranges::SUBNETS_OVERLAP,
    &ranges::NETWORKS_OVERLAP,
    &ranges::TOO_SMALL,
    &endpoints::STATIC_IP_UNUSABLE,
    &endpoints::STATIC_IP_TWICE,
    &ranges::NOT_PRIVATE,
    &security::PUBLIC,
    &security::CLOSED,
    &security::NODES_CLOSED,
    &security::SAME_PRIORITY,
    &security::NO_ADDRESS,
    &security::UNGUARDED,
    &endpoints::GROUP_ID,
    &endpoints::WRONG_ZONE,
    &endpoints::MANUAL,
    &endpoints::TOO_MANY,
];

/// Looks for what breaks them, and is not seen while the file is read.
pub(super) fn check(scene: &Scene<'_>, sink: &mut Sink) {
    ranges::check(scene, sink);
    security::check(scene, sink);
    endpoints::check(scene, sink);
}
