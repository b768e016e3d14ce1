//! Who may ask a vault for something, and from where.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::api::Access;
use super::items::Area;
use super::refused::Refused;
use super::terms::{VAULT_DOMAIN, VaultTerms, data_action};
use crate::addresses::HTTPS_PORT;
use crate::token::Claims;
use crate::token_api;

/// What Microsoft's clients of the public cloud ask a token for.
const PUBLIC_AUDIENCE: &str = "https://vault.azure.net";

/// Who asks, and where he stands.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) claims: Claims,
    /// One of the environment's own workloads of this region, or its operator.
    pub(super) own: bool,
    pub(super) address: Option<IpAddr>,
}

/// The holder of a token, or the answer that asks for one.
pub(super) fn authenticate(
    access: &Access,
    headers: &HeaderMap,
    address: Option<IpAddr>,
) -> Result<Caller, Box<Response>> {
    let with_port = format!("https://{VAULT_DOMAIN}:{HTTPS_PORT}");
    let without = format!("https://{VAULT_DOMAIN}");
    let Some(token) = token_api::bearer(headers) else {
        return Err(Box::new(challenge(access, "AKV10000: Request is missing a Bearer or PoP token.")));
    };
    let issuers = [&access.base, &access.arm_endpoint].map(|base| format!("{base}/{}", access.tenant));
    match access.key.verify(token, &[PUBLIC_AUDIENCE, access.base.as_str(), &with_port, &without], &issuers) {
        Ok(claims) => {
            let own = claims.covers(&access.location);
            Ok(Caller { claims, own, address })
        }
        Err(reason) => Err(Box::new(challenge(access, &format!("the token is not accepted: {reason}")))),
    }
}

/// Microsoft's clients send a token only to a host that lies below the resource's, and compare the port too.
fn challenge(access: &Access, message: &str) -> Response {
    let header = format!(
        "Bearer authorization=\"{}/{}\", resource=\"https://{VAULT_DOMAIN}:{HTTPS_PORT}\"",
        access.base, access.tenant
    );
    let refused = Refused::Rule {
        status: StatusCode::UNAUTHORIZED,
        code: "Unauthorized",
        message: message.to_owned(),
        inner: None,
    };
    let mut response = refused.into_response();
    if let Ok(value) = header.parse() {
        response.headers_mut().insert("www-authenticate", value);
    }
    response
}

/// Refuses who comes by a way that the vault does not have.
pub(super) fn check_network(access: &Access, vault: &VaultTerms, caller: &Caller) -> Result<(), Refused> {
    // They stand in the region, whatever address their connection comes from.
    if caller.own {
        return Ok(());
    }
    let private = caller.address.is_some_and(|address| access.vaults.networks.iter().any(|net| in_24(*net, address)));
    if private {
        return Ok(());
    }
    if !vault.public {
        let message = format!(
            "Public network access is disabled and request is not from a trusted service nor via an approved private \
             link.\r\nCaller: {}\r\nVault: {};location={}",
            who(&caller.claims),
            vault.name,
            vault.location
        );
        return Err(Refused::forbidden(message, "ForbiddenByConnection"));
    }
    match &vault.firewall {
        Some(admitted) if !caller.address.is_some_and(|address| admitted.iter().any(|rule| matches(rule, address))) => {
            let from = caller.address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
            let message = format!(
                "Client address is not authorized and caller is not a trusted service.\r\nClient address: \
                 {from}\r\nCaller: {}\r\nVault: {};location={}",
                who(&caller.claims),
                vault.name,
                vault.location
            );
            Err(Refused::forbidden(message, "ForbiddenByFirewall"))
        }
        _ => Ok(()),
    }
}

/// Refuses who has no permission.
pub(super) fn check_permission(
    vault: &VaultTerms,
    caller: &Caller,
    area: Area,
    permission: &str,
) -> Result<(), Refused> {
    if caller.own || vault.allows(&caller.claims.oid, area, permission) {
        return Ok(());
    }
    let who = who(&caller.claims);
    if vault.rbac {
        let message = format!(
            "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role \
             definitions were changed recently, please observe propagation time.\r\nCaller: {who}\r\nAction: \
             '{}'\r\nResource: '{}/{}'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: null \
             \r\nVault: {};location={}\r\n",
            data_action(area, permission),
            vault.id,
            area.as_str(),
            vault.name,
            vault.location
        );
        return Err(Refused::forbidden(message, "ForbiddenByRbac"));
    }
    let message = format!(
        "The user, group or application '{who}' does not have {} {permission} permission on key vault \
         '{};location={}'.",
        area.as_str(),
        vault.name,
        vault.location
    );
    Err(Refused::forbidden(message, "ForbiddenByPolicy"))
}

fn who(claims: &Claims) -> String {
    format!("appid={};oid={};iss={}", claims.appid, claims.oid, claims.iss)
}

fn in_24(network: Ipv4Addr, address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.octets()[..3] == network.octets()[..3])
}

/// An address, or a range such as `203.0.113.0/24`. What is neither admits nobody.
fn matches(rule: &str, address: IpAddr) -> bool {
    let IpAddr::V4(address) = address else { return false };
    let (network, bits) = rule.split_once('/').unwrap_or((rule, "32"));
    let (Ok(network), Ok(bits)) = (network.parse::<Ipv4Addr>(), bits.parse::<u32>()) else { return false };
    let mask = match bits {
        0 => 0,
        1..=32 => u32::MAX << (32 - bits),
        _ => return false,
    };
    network.to_bits() & mask == address.to_bits() & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firewall_rules_are_addresses_or_ranges() {
        let address = "203.0.113.7".parse().unwrap();
        for rule in ["203.0.113.7", "203.0.113.0/24", "0.0.0.0/0", "203.0.113.7/32"] {
            assert!(matches(rule, address), "{rule}");
        }
        for rule in ["203.0.113.8", "203.0.112.0/24", "nonsense", "203.0.113.0/33", ""] {
            assert!(!matches(rule, address), "{rule}");
        }
        assert!(in_24(Ipv4Addr::new(127, 9, 1, 0), "127.9.1.77".parse().unwrap()));
        assert!(!in_24(Ipv4Addr::new(127, 9, 1, 0), "127.9.2.77".parse().unwrap()));
    }
}
