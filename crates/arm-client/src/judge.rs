//! What an answer says about an operation. Pure, so that every shape seen in the wild is a line in a test.

use serde::Deserialize;
use tidelock_arm_types::{ErrorBody, ErrorEnvelope, OperationStatus, ProvisioningState, ResourceState};

/// Azure gives no reason for some failures.
const NO_REASON: &str = "Azure gave no reason; the resource group's activity log may say more";

/// Where an operation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on; the state seen.
    Pending(String),
    /// It ended well.
    Done,
    /// It ended badly.
    Failed { state: String, code: String, message: String },
}

/// How to find out what became of a request that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follow<'a> {
    /// Ask this address about the operation.
    Operation(&'a str),
    /// Ask the resource.
    Resource,
    /// Nothing more to come.
    Nothing,
    /// Accepted, and no way to follow it was given.
    Lost,
}

/// How a write is followed, from its first answer. `creates` is true for PUT: then the resource itself can be asked.
pub(crate) fn follow<'a>(
    status: u16,
    operation: Option<&'a str>,
    location: Option<&'a str>,
    creates: bool,
) -> Follow<'a> {
    match (operation.or(location), status) {
        (Some(address), _) => Follow::Operation(address),
        (None, _) if creates => Follow::Resource,
        (None, 202) => Follow::Lost,
        (None, _) => Follow::Nothing,
    }
}

/// What the address of an operation answered. `Location` addresses answer 202 until the end, and then with anything.
pub(crate) fn operation(status: u16, body: &[u8]) -> Result<Verdict, String> {
    match status {
        // A status document may not be there yet when it is first asked for.
        202 | 404 => return Ok(Verdict::Pending(pending_word(body, status))),
        204 => return Ok(Verdict::Done),
        _ if body.is_empty() => return Ok(Verdict::Done),
        _ => {}
    }
    if let Ok(document) = serde_json::from_slice::<OperationStatus>(body) {
        return Ok(match document.status {
            ProvisioningState::Succeeded => Verdict::Done,
            state @ (ProvisioningState::Failed | ProvisioningState::Canceled) => failed(&state, document.error),
            state => Verdict::Pending(state.to_string()),
        });
    }
    // Not a status document: the end of a `Location`, which is the resource or some other result.
    resource(body)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ResourceView {
    properties: Option<PropertiesView>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PropertiesView {
    provisioning_state: Option<ProvisioningState>,
    resource_state: Option<ResourceState>,
}

/// What a resource says about itself. Without any state it is ready: groups' secrets, records and the like have none.
pub(crate) fn resource(body: &[u8]) -> Result<Verdict, String> {
    let view: ResourceView = serde_json::from_slice(body).map_err(|err| format!("not the expected JSON: {err}"))?;
    let properties = view.properties.unwrap_or_default();
    let told = match (&properties.provisioning_state, &properties.resource_state) {
        (Some(provisioning), Some(resource)) => format!("{provisioning}, resource {resource}"),
        (Some(state), None) => state.to_string(),
        (None, Some(state)) => state.to_string(),
        (None, None) => return Ok(Verdict::Done),
    };
    if matches!(properties.provisioning_state, Some(ProvisioningState::Failed | ProvisioningState::Canceled)) {
        return Ok(Verdict::Failed {
            state: told,
            code: "ProvisioningFailed".to_owned(),
            message: NO_REASON.to_owned(),
        });
    }
    let settled = matches!(properties.provisioning_state, None | Some(ProvisioningState::Succeeded));
    match properties.resource_state {
        Some(state) if state.is_failed() && settled => {
            Ok(Verdict::Failed { state: told, code: state.to_string(), message: NO_REASON.to_owned() })
        }
        None | Some(ResourceState::Running) if settled => Ok(Verdict::Done),
        _ => Ok(Verdict::Pending(told)),
    }
}

/// Code and message of a refusal; empty where the body has none.
pub(crate) fn refusal(body: &[u8]) -> (String, String) {
    let envelope: ErrorEnvelope = serde_json::from_slice(body).unwrap_or_default();
    envelope.error.told()
}

/// Codes with which Azure says that another operation on the same resource has to end first. A vault's reserved name, or a
/// conflict of settings, is a 409 too, and no wait helps.
const BUSY_CODES: [&str; 9] = [
    "AnotherOperationInProgress",
    "ConcurrentOperationInProgress",
    "OperationInProgress",
    "OperationNotAllowedWhileBusy",
    "ResourceBusy",
    "ResourceIsBusy",
    "RetryableError",
    "ReferencedResourceNotProvisioned",
    "Busy",
];
/// What the messages of such refusals have in common where the code is only `Conflict`.
const BUSY_WORDS: [&str; 5] = ["in progress", "being updated", "being created", "is busy", "another operation"];

/// Whether a 409 is worth waiting out.
pub(crate) fn is_busy(code: &str, message: &str, has_retry_after: bool) -> bool {
    let message = message.to_ascii_lowercase();
    has_retry_after
        || BUSY_CODES.iter().any(|busy| busy.eq_ignore_ascii_case(code))
        || BUSY_WORDS.iter().any(|words| message.contains(words))
}

fn failed(state: &ProvisioningState, error: Option<ErrorBody>) -> Verdict {
    let (code, message) = error.unwrap_or_default().told();
    Verdict::Failed {
        state: state.to_string(),
        code: if code.is_empty() { "OperationFailed".to_owned() } else { code },
        message: if message.is_empty() { NO_REASON.to_owned() } else { message },
    }
}

fn pending_word(body: &[u8], status: u16) -> String {
    match serde_json::from_slice::<OperationStatus>(body) {
        Ok(document) => document.status.to_string(),
        Err(_) => format!("HTTP {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(state: &str, code: &str, message: &str) -> Verdict {
        Verdict::Failed { state: state.to_owned(), code: code.to_owned(), message: message.to_owned() }
    }

    #[test]
    fn operations_in_every_shape_seen() {
        let pending = |word: &str| Verdict::Pending(word.to_owned());
        let cases: [(u16, &str, Verdict); 12] = [
            (202, "", pending("HTTP 202")),
            (202, r#"{"status": "InProgress"}"#, pending("InProgress")),
            (404, "{}", pending("HTTP 404")),
            (200, "", Verdict::Done),
            (204, "", Verdict::Done),
            (200, r#"{"status": "succeeded"}"#, Verdict::Done),
            (200, r#"{"status": "Resolving"}"#, pending("Resolving")),
            (200, r#"{"status": "Failed"}"#, failed("Failed", "OperationFailed", NO_REASON)),
            (
                200,
                r#"{"status": "Failed", "error": {"code": "InsufficientCapacity", "message": "no room"}}"#,
                failed("Failed", "InsufficientCapacity", "no room"),
            ),
            (
                200,
                r#"{"status": "Canceled", "error": {"error": {"code": "Stopped", "message": "by hand"}}}"#,
                failed("Canceled", "Stopped", "by hand"),
            ),
            (200, r#"{"properties": {"provisioningState": "Updating"}}"#, pending("Updating")),
            (200, r#"{"primaryKey": "x"}"#, Verdict::Done),
        ];
        for (status, body, verdict) in cases {
            assert_eq!(operation(status, body.as_bytes()), Ok(verdict), "{status} {body}");
        }
        assert!(operation(200, b"<html>").is_err());
    }

    #[test]
    fn a_resource_is_ready_only_when_both_states_say_so() {
        let judge = |provisioning: &str, state: &str| {
            let body =
                format!(r#"{{"properties": {{"provisioningState": "{provisioning}", "resourceState": "{state}"}}}}"#);
            resource(body.as_bytes()).unwrap()
        };
        assert_eq!(judge("Succeeded", "Running"), Verdict::Done);
        assert!(matches!(judge("Succeeded", "Creating"), Verdict::Pending(_)));
        assert!(matches!(judge("Creating", "Running"), Verdict::Pending(_)));
        assert!(matches!(judge("Updating", "UpdateFailed"), Verdict::Pending(_)), "the repair is under way");
        assert!(matches!(judge("Succeeded", "CreateFailed"), Verdict::Failed { .. }));
        assert!(matches!(judge("Failed", "Running"), Verdict::Failed { .. }));
        assert_eq!(resource(b"{}"), Ok(Verdict::Done));
        let vault = br#"{"properties": {"provisioningState": "RegisteringDns"}}"#;
        assert!(matches!(resource(vault), Ok(Verdict::Pending(_))));
    }

    #[test]
    fn how_a_write_is_followed() {
        assert_eq!(follow(201, Some("a"), Some("b"), true), Follow::Operation("a"));
        assert_eq!(follow(202, None, Some("b"), false), Follow::Operation("b"));
        assert_eq!(follow(200, None, None, true), Follow::Resource);
        assert_eq!(follow(202, None, None, false), Follow::Lost);
        assert_eq!(follow(204, None, None, false), Follow::Nothing);
    }

    #[test]
    fn only_some_conflicts_pass() {
        assert!(is_busy("Conflict", "The resource is being updated by another operation", false));
        assert!(is_busy("AnotherOperationInProgress", "", false));
        assert!(is_busy("Conflict", "", true));
        assert!(!is_busy("VaultAlreadyExists", "The name is already in use", false));
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_fall_over(status in 200_u16..600, body in ".{0,200}") {
            let _ = operation(status, body.as_bytes());
            let _ = resource(body.as_bytes());
            let _ = refusal(body.as_bytes());
        }
    }
}
