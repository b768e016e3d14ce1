//! The user as which the replica inside a region copies from its primary.
//!
//! It is none of the users that open and close an engine for others: also a region's primary that nobody else may
//! replicate from, a reader's or an isolated one's, feeds its own replica.

use tidelock_model::{ExposeSecret, SecretString};

/// The replica inside the region. It can replicate and nothing else.
pub(crate) const INNER_USER: &str = "tidelock-inner";

/// Everything taken, then what replication needs: applying it does not depend on what was before.
const RULES: [&str; 8] = ["on", "resetkeys", "resetchannels", "resetpass", "-@all", "+psync", "+replconf", "+ping"];

/// The user's line in an engine's configuration.
pub(super) fn inner_user_line(password: &SecretString) -> String {
    format!("user {INNER_USER} {} #{}\n", RULES.join(" "), digest(password))
}

/// The command that makes or renews the user on a running engine.
pub(super) fn inner_user_command(password: &SecretString) -> Vec<String> {
    let mut command = ["ACL", "SETUSER", INNER_USER].map(str::to_owned).to_vec();
    command.extend(RULES.map(str::to_owned));
    command.push(format!("#{}", digest(password)));
    command
}

fn digest(password: &SecretString) -> String {
    crate::secrets::fingerprint(password.expose_secret())
}

/// What a primary says of the replica inside its region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Feeding {
    /// The replica is connected and has its copy. It may not be sent writes yet: they wait for its first acknowledgement.
    pub(crate) online: bool,
    /// The end of what the replica acknowledged on this connection; 0 before its first acknowledgement.
    pub(crate) acknowledged: u64,
    /// How many full copies the primary has given in its life, to whomever.
    pub(crate) full_copies: u64,
}

impl Feeding {
    /// Reads `slave0:ip=tidelock-inner,port=0,state=online,offset=70,lag=0` and `sync_full:1` of an engine's INFO.
    pub(crate) fn read(info: &str) -> Self {
        let number = |text: Option<&str>| text.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let own = format!("ip={INNER_USER},");
        // The connection that ended may still be listed beside the one that took its place.
        let of_replica = info
            .lines()
            .filter(|line| line.starts_with("slave") && line.contains(&own) && line.contains(",state=online,"))
            .map(|line| number(line.split(',').find_map(|field| field.strip_prefix("offset="))));
        let acknowledged: Option<u64> = of_replica.max();
        let full_copies = number(info.lines().find_map(|line| line.strip_prefix("sync_full:")));
        Self { online: acknowledged.is_some(), acknowledged: acknowledged.unwrap_or(0), full_copies }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_replica_inside_the_region_is_told_from_the_others() {
        let text = "sync_full:3\r\nslave0:ip=,port=0,state=online,offset=90,lag=0\r\n\
                    slave1:ip=tidelock-inner,port=0,state=online,offset=70,lag=1\r\n";
        assert_eq!(Feeding::read(text), Feeding { online: true, acknowledged: 70, full_copies: 3 });
        let copying = "slave0:ip=tidelock-inner,port=0,state=send_bulk,offset=0,lag=0\r\n";
        assert_eq!(Feeding::read(copying), Feeding::default());
    }
}
