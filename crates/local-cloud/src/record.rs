//! A record of what goes over the wire, for tests: every request to the management endpoint and the vaults with its answer,
//! one JSON object a line, secrets taken out. Off unless [`DIRECTORY`] names a directory in the environment.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// The environment variable that names the directory. Every process of a cloud writes a file of its own there.
const DIRECTORY: &str = "TIDELOCK_RECORD_EXCHANGES";
/// A longer body is not let in while exchanges are recorded; without a record the server's own limit counts.
const BODY_LIMIT: usize = 8 * 1024 * 1024;
/// One process writes this much at most; what comes after is not recorded, and the record says so.
const FILE_LIMIT: u64 = 512 * 1024 * 1024;
/// The headers that say something about the protocol.
const HEADERS: [&str; 10] = [
    "azure-asyncoperation",
    "content-type",
    "host",
    "if-match",
    "if-none-match",
    "location",
    "retry-after",
    "user-agent",
    "www-authenticate",
    "x-ms-request-id",
];
/// Members whose texts are secrets, in either plane. Private parts of keys have the names of RFC 7517.
const SECRETS: [&str; 16] = [
    "value",
    "primarykey",
    "secondarykey",
    "password",
    "client_secret",
    "sasuri",
    "sasuris",
    "k",
    "d",
    "dp",
    "dq",
    "qi",
    "p",
    "q",
    "key_hsm",
    "access_token",
];
/// Further primes of a key, whose parts have names of their own: taken out as a whole.
const FURTHER_PRIMES: &str = "oth";
/// What stands in a secret's place.
const REDACTED: &str = "[redacted]";

/// What a router serves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Plane {
    Management,
    Vault,
}

/// The router, with everything recorded that it serves; the same router if nothing is to be recorded.
pub(crate) fn recorded(router: Router, plane: Plane) -> Router {
    if recorder().is_none() {
        return router;
    }
    router.layer(middleware::from_fn(move |request, next| exchange(plane, request, next)))
}

struct Recorder {
    file: Mutex<(File, u64)>,
}

/// This process's record, opened when it is first needed.
fn recorder() -> Option<&'static Recorder> {
    static RECORDER: OnceLock<Option<Recorder>> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let directory = PathBuf::from(std::env::var_os(DIRECTORY)?);
            let path = directory.join(format!("exchanges-{}-{}.jsonl", std::process::id(), uuid::Uuid::new_v4()));
            match create(&path) {
                Ok(file) => Some(Recorder { file: Mutex::new((file, 0)) }),
                Err(err) => {
                    tracing::error!(path = %path.display(), %err, "exchanges cannot be recorded");
                    None
                }
            }
        })
        .as_ref()
}

/// What is taken out is known by name: what is not known yet is for the owner's eyes only.
fn create(path: &Path) -> std::io::Result<File> {
    File::options().create_new(true).append(true).mode(0o600).open(path)
}

impl Recorder {
    /// One line, written at once, so that a kill cuts off at most the last one.
    fn write(&self, exchange: &Value) {
        let Ok(mut guard) = self.file.lock() else { return };
        let (file, written) = &mut *guard;
        if *written >= FILE_LIMIT {
            return;
        }
        let mut line = exchange.to_string();
        line.push('\n');
        *written = written.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        if *written >= FILE_LIMIT {
            line.push_str("{\"truncated\":true}\n");
        }
        if let Err(err) = file.write_all(line.as_bytes()) {
            tracing::error!(%err, "an exchange was not recorded");
        }
    }
}

async fn exchange(plane: Plane, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let asked = json!({ "headers": headers(&head.headers), "body": shown(&body) });
    let authority = head.uri.authority().map(ToString::to_string);
    let (method, path) = (head.method.to_string(), head.uri.path().to_owned());
    let query = head.uri.query().unwrap_or_default().to_owned();
    let answer = next.run(Request::from_parts(head, Body::from(body))).await;
    let (head, body) = answer.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    // Who asks for a token shows a secret, and is no call on a resource.
    if let Some(recorder) = recorder().filter(|_| !path.contains("/oauth2/")) {
        recorder.write(&json!({
            "plane": match plane {
                Plane::Management => "management",
                Plane::Vault => "vault",
            },
            "authority": authority,
            "method": method,
            "path": path,
            "query": query,
            "request": asked,
            "status": head.status.as_u16(),
            "response": { "headers": headers(&head.headers), "body": shown(&body) },
        }));
    }
    Response::from_parts(head, Body::from(body))
}

fn headers(all: &HeaderMap) -> Map<String, Value> {
    let text = |name: &str| Some(json!(all.get(name)?.to_str().ok()?));
    HEADERS.iter().filter_map(|name| Some(((*name).to_owned(), text(name)?))).collect()
}

/// A body without secrets; null for none, and only its length if it is no JSON.
fn shown(body: &Bytes) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    match serde_json::from_slice(body) {
        Ok(mut value) => {
            redact(&mut value);
            value
        }
        Err(_) => json!({ "$unparsed": body.len() }),
    }
}

fn redact(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.to_lowercase();
                if name == FURTHER_PRIMES {
                    *member = json!(REDACTED);
                } else if SECRETS.contains(&name.as_str()) {
                    hide(member);
                }
                redact(member);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}

/// A text, or each text of a list; lists of objects go by the same names and are no secret themselves.
fn hide(value: &mut Value) {
    match value {
        Value::String(text) => REDACTED.clone_into(text),
        Value::Array(items) => items.iter_mut().filter(|item| item.is_string()).for_each(hide),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_and_shapes_stay() {
        let body = json!({
            "primaryKey": "s1", "tags": { "a": "b" }, "value": [{ "id": "x", "value": "s2" }], "sasUris": ["s3"],
            "key": { "n": "public", "d": "s4" }, "properties": { "value": "s5", "attributes": { "enabled": true } },
        });
        let shown = shown(&Bytes::from(body.to_string()));
        let text = shown.to_string();
        for secret in ["s1", "s2", "s3", "s4", "s5"] {
            assert!(!text.contains(&format!("\"{secret}\"")), "{secret} in {text}");
        }
        assert_eq!(shown["value"][0]["id"], "x");
        assert_eq!(shown["key"]["n"], "public");
        assert_eq!(shown["properties"]["attributes"]["enabled"], true);
    }

    #[test]
    fn private_parts_of_imported_keys_are_taken_out() {
        let private = ["d", "dp", "dq", "k", "key_hsm", "oth", "p", "q", "qi"];
        let mut key: Map<String, Value> = private.iter().map(|name| ((*name).to_owned(), json!("secret"))).collect();
        key.insert("oth".to_owned(), json!([{ "r": "secret", "d": "secret", "t": "secret" }]));
        key.extend([
            ("kty".to_owned(), json!("RSA")),
            ("n".to_owned(), json!("public")),
            ("e".to_owned(), json!("AQAB")),
        ]);
        let shown = shown(&Bytes::from(json!({ "key": key, "Hsm": false }).to_string()));
        assert!(!shown.to_string().contains("secret"), "{shown}");
        assert_eq!((&shown["key"]["n"], &shown["key"]["e"]), (&json!("public"), &json!("AQAB")));
        assert!(private.iter().all(|name| shown["key"][name] == REDACTED), "{shown}");
    }

    #[test]
    fn a_record_is_its_owners_only() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("record");
        let mode = create(&path).unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn no_body_and_no_json_are_told_apart() {
        assert_eq!(shown(&Bytes::new()), Value::Null);
        assert_eq!(shown(&Bytes::from_static(b"not json")), json!({ "$unparsed": 8 }));
    }
}
