//! A management endpoint in memory, as slow and as strict as Azure where that matters: operations take a few looks and
//! succeed too early, links come later still, a PUT that leaves a member of a group out is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, Request, Response, StatusCode};
use axum::response::IntoResponse;
use axum::{Json, Router};
use serde_json::{Value, json};
use tidelock_arm_client::{ARM_SCOPE, ArmClient, Settings};
use tidelock_model::SecretString;
use tidelock_secrets::{ClientCredential, TokenSource, http_client};
use tokio::sync::watch;

use crate::environments::{environment, nothing};
use crate::https::HttpsServer;

/// Looks at a resource until it is ready.
const LOOKS_UNTIL_READY: u32 = 2;

#[derive(Default)]
pub(crate) struct World {
    /// Bodies by lower-case path.
    pub(crate) resources: BTreeMap<String, Value>,
    /// Looks left until a resource is ready.
    looks: BTreeMap<String, u32>,
    /// Answered with 500 for ever: path fragments.
    pub(crate) broken: BTreeSet<String>,
    /// Carried out, and answered with 500 all the same: path fragments.
    pub(crate) mute: BTreeSet<String>,
    /// Writes whose operation ends badly: path fragments.
    pub(crate) doomed: BTreeSet<String>,
    /// PUTs by path.
    pub(crate) puts: BTreeMap<String, u32>,
    /// Deletions, in order.
    pub(crate) deleted: Vec<String>,
    /// Members taken out of their group.
    pub(crate) unlinked: Vec<String>,
    /// Locks: scope and name.
    pub(crate) locks: Vec<(String, String)>,
    /// A tag that somebody else sets on a group right after it was read, once: a part of the path, and its name.
    pub(crate) meanwhile: Option<(String, String)>,
    /// What must never happen.
    pub(crate) offences: Vec<String>,
}

pub(crate) struct Azure {
    pub(crate) server: HttpsServer,
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) client: ArmClient,
    /// Requests so far.
    pub(crate) requests: watch::Receiver<u32>,
}

struct Shared {
    world: Arc<Mutex<World>>,
    requests: watch::Sender<u32>,
}

impl Azure {
    pub(crate) async fn start() -> Self {
        let world = Arc::new(Mutex::new(World { resources: given(), ..World::default() }));
        let (sender, requests) = watch::channel(0);
        let shared = Arc::new(Shared { world: Arc::clone(&world), requests: sender });
        let server = HttpsServer::start(|_| Router::new().fallback(answer).with_state(shared)).await;
        let http = http_client(server.ca_pem.as_bytes()).unwrap();
        let credential = ClientCredential {
            tenant: "t".to_owned(),
            client_id: "operator".to_owned(),
            client_secret: SecretString::from("x"),
            token_endpoint: format!("{}/token", server.base),
        };
        let tokens = TokenSource::new(http.clone(), credential, ARM_SCOPE);
        let settings = Settings {
            poll_first: std::time::Duration::from_millis(2),
            poll_max: std::time::Duration::from_millis(10),
            ..Settings::default()
        };
        let client = ArmClient::new(http, &server.base, tokens, settings).unwrap();
        Self { server, world, client, requests }
    }

    pub(crate) fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }
}

/// What the network team has made for every region there is a place for.
fn given() -> BTreeMap<String, Value> {
    let given = nothing(&environment(5));
    given
        .subnets
        .iter()
        .map(|(id, subnet)| (id.as_str().to_lowercase(), serde_json::to_value(subnet).unwrap()))
        .collect()
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    if parts.uri.path() == "/token" {
        return Json(json!({"access_token": "t", "expires_in": 3600})).into_response();
    }
    let path = parts.uri.path().to_lowercase();
    let mut response = shared.world.lock().unwrap().handle(&parts.method, &path, parts.uri.path(), &body);
    if shared.world.lock().unwrap().mute.iter().any(|part| path.contains(part)) {
        response = trouble();
    }
    shared.requests.send_modify(|count| *count += 1);
    response
}

fn trouble() -> Response<Body> {
    (StatusCode::INTERNAL_SERVER_ERROR, [("retry-after", "0")]).into_response()
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    (status, Json(json!({"error": {"code": code, "message": message}}))).into_response()
}

impl World {
    fn handle(&mut self, method: &Method, path: &str, spelled: &str, body: &[u8]) -> Response<Body> {
        if self.broken.iter().any(|part| path.contains(part)) {
            return trouble();
        }
        if let Some(operation) = path.strip_prefix("/operations/") {
            // Success is told at once, whatever the resource is really doing.
            let failed = operation == "doomed";
            let status = if failed { "Failed" } else { "Succeeded" };
            return Json(json!({"status": status, "error": {"code": "OperationFailed"}})).into_response();
        }
        if let Some(list) = self.list(path) {
            return Json(json!({ "value": list })).into_response();
        }
        match method.as_str() {
            "GET" => self.get(path),
            "PUT" => self.put(path, spelled, body),
            "DELETE" => self.delete(path),
            "PATCH" => self.change_tags(path, body),
            "POST" if path.ends_with("/forceunlink") => self.unlink(path.trim_end_matches("/forceunlink"), body),
            "POST" if path.ends_with("/listkeys") => {
                let database = path.trim_end_matches("/listkeys");
                if !self.resources.contains_key(database) {
                    return refusal(StatusCode::NOT_FOUND, "ResourceNotFound", "no such database");
                }
                Json(json!({"primaryKey": format!("1-{database}"), "secondaryKey": format!("2-{database}")}))
                    .into_response()
            }
            _ => refusal(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "not here"),
        }
    }

    /// Lists of the subscription, of a group's contents, and of locks.
    fn list(&self, path: &str) -> Option<Vec<Value>> {
        let shown = |path: &String, body: &Value| {
            let mut shown = body.clone();
            shown["id"] = json!(path);
            shown
        };
        let depth = |path: &str| path.split('/').count();
        let (head, tail) = path.rsplit_once('/')?;
        let of = |parts: usize| {
            self.resources.iter().filter(move |(path, _)| path.starts_with(head) && depth(path) == parts)
        };
        match (depth(path), tail) {
            (4 | 6, "resources") => Some(of(9).map(|(path, body)| shown(path, body)).collect()),
            (4, "resourcegroups") => Some(of(5).map(|(path, body)| shown(path, body)).collect()),
            (_, "roleassignments") => {
                let given = self.resources.iter().filter(|(id, _)| id.starts_with(&format!("{path}/")));
                Some(given.map(|(id, body)| shown(id, body)).collect())
            }
            (_, "accesspolicyassignments") => {
                let given = self.resources.iter().filter(|(id, _)| id.starts_with(&format!("{path}/")));
                Some(given.map(|(id, body)| shown(id, body)).collect())
            }
            (6, "locks") => Some(
                self.locks
                    .iter()
                    .map(|(scope, name)| {
                        json!({
                            "id": format!("{scope}/providers/Microsoft.Authorization/locks/{name}"),
                            "name": name,
                            "properties": {"level": "CanNotDelete"},
                        })
                    })
                    .collect(),
            ),
            _ => None,
        }
    }

    fn delete(&mut self, path: &str) -> Response<Body> {
        if !self.resources.contains_key(path) {
            return StatusCode::NO_CONTENT.into_response();
        }
        self.deleted.push(path.to_owned());
        let gone = |other: &str| other == path || other.starts_with(&format!("{path}/"));
        self.resources.retain(|other, _| !gone(other));
        self.leave(&gone);
        (StatusCode::ACCEPTED, [("azure-asyncoperation", "/operations/1"), ("retry-after", "0")]).into_response()
    }

    /// Whoever stays in a group forgets who is gone.
    fn leave(&mut self, gone: &dyn Fn(&str) -> bool) {
        for body in self.resources.values_mut() {
            let linked = body.pointer_mut("/properties/geoReplication/linkedDatabases").and_then(Value::as_array_mut);
            if let Some(linked) = linked {
                linked.retain(|member| !gone(&member["id"].as_str().unwrap().to_lowercase()));
            }
        }
    }

    fn unlink(&mut self, database: &str, body: &[u8]) -> Response<Body> {
        let body: Value = serde_json::from_slice(body).unwrap();
        let ids: Vec<String> =
            body["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_lowercase()).collect();
        if ids.iter().any(|id| id == database) || !self.resources.contains_key(database) {
            return refusal(StatusCode::BAD_REQUEST, "BadRequest", "a member cannot name itself");
        }
        self.unlinked.extend(ids.clone());
        self.leave(&|id| ids.iter().any(|one| one == id));
        for id in &ids {
            // It keeps its own view of a group that has put it out.
            self.resources.get_mut(id).unwrap()["properties"]["geoReplication"]["linkedDatabases"] =
                json!([{"id": id}]);
        }
        (StatusCode::ACCEPTED, [("azure-asyncoperation", "/operations/1"), ("retry-after", "0")]).into_response()
    }

    fn change_tags(&mut self, path: &str, body: &[u8]) -> Response<Body> {
        let tagged = path.strip_suffix("/providers/microsoft.resources/tags/default");
        let Some(group) = tagged.and_then(|path| self.resources.get_mut(path)) else {
            return refusal(StatusCode::NOT_FOUND, "NotFound", path);
        };
        let body: Value = serde_json::from_slice(body).unwrap();
        let tags = group["tags"].as_object_mut().unwrap();
        for (name, value) in body["properties"]["tags"].as_object().unwrap() {
            match body["operation"].as_str().unwrap() {
                "Merge" => drop(tags.insert(name.clone(), value.clone())),
                "Delete" if tags.get(name) == Some(value) => drop(tags.remove(name)),
                _ => {}
            }
        }
        Json(json!({ "properties": { "tags": tags } })).into_response()
    }

    fn get(&mut self, path: &str) -> Response<Body> {
        let Some(resource) = self.resources.get(path) else {
            return refusal(StatusCode::NOT_FOUND, "ResourceNotFound", "not there");
        };
        let mut resource = resource.clone();
        if let Some((_, tag)) = self.meanwhile.take_if(|(part, _)| path.ends_with(part.as_str())) {
            self.resources.get_mut(path).unwrap()["tags"][tag] = json!("theirs");
        }
        let looks = self.looks.entry(path.to_owned()).or_default();
        let going = *looks > 0;
        *looks = looks.saturating_sub(1);
        if path.contains("/secrets/") {
            resource["properties"].as_object_mut().unwrap().remove("value");
        } else {
            let (state, running) = if going { ("Creating", "Creating") } else { ("Succeeded", "Running") };
            resource["properties"]["provisioningState"] = json!(state);
            if path.contains("/redisenterprise/") {
                resource["properties"]["resourceState"] = json!(running);
            }
        }
        if let Some(linked) =
            resource.pointer_mut("/properties/geoReplication/linkedDatabases").and_then(Value::as_array_mut)
        {
            for member in linked {
                member["state"] = json!(if going { "Linking" } else { "Linked" });
            }
        }
        Json(resource).into_response()
    }

    fn put(&mut self, path: &str, spelled: &str, body: &[u8]) -> Response<Body> {
        let mut body: Value = serde_json::from_slice(body).unwrap();
        let parent = parent(path);
        if !parent.is_empty() && !self.resources.contains_key(&parent) {
            return refusal(StatusCode::NOT_FOUND, "ParentResourceNotFound", &parent);
        }
        if self.looks.get(&parent).is_some_and(|looks| *looks > 0) {
            self.offences.push(format!("{path} was written while {parent} was not ready"));
        }
        let leads_to = body.pointer("/properties/privateLinkServiceConnections/0/properties/privateLinkServiceId");
        if let Some(cluster) = leads_to.and_then(Value::as_str).map(str::to_lowercase)
            && self.looks.get(&cluster).is_some_and(|looks| *looks > 0)
        {
            self.offences.push(format!("{path} was written while {cluster} was not ready"));
        }
        if path.ends_with("/databases/default")
            && let Some(refused) = self.link(path, &body)
        {
            return refused;
        }
        *self.puts.entry(path.to_owned()).or_default() += 1;
        let existed = self.resources.contains_key(path);
        body["id"] = json!(spelled);
        body["name"] = json!(spelled.rsplit('/').next());
        if body["properties"].is_null() {
            body["properties"] = json!({});
        }
        let doomed = self.doomed.iter().any(|part| path.contains(part));
        if !doomed {
            self.resources.insert(path.to_owned(), body.clone());
        }
        if path.contains("/secrets/") {
            return (StatusCode::CREATED, Json(json!({"properties": {}}))).into_response();
        }
        self.looks.insert(path.to_owned(), LOOKS_UNTIL_READY);
        body["properties"]["provisioningState"] = json!("Creating");
        let operation = if doomed { "/operations/doomed" } else { "/operations/1" };
        let status = if existed { StatusCode::OK } else { StatusCode::CREATED };
        (status, [("azure-asyncoperation", operation), ("retry-after", "0")], Json(body)).into_response()
    }

    /// Azure's rule: a PUT carries the whole membership as it is, and the database itself.
    fn link(&mut self, path: &str, body: &Value) -> Option<Response<Body>> {
        let members = ids(body);
        if members.is_empty() {
            return None;
        }
        let mut expected: BTreeSet<String> =
            members.iter().filter_map(|member| self.resources.get(member)).flat_map(ids).collect();
        expected.insert(path.to_owned());
        if members.iter().cloned().collect::<BTreeSet<_>>() != expected {
            return Some(refusal(
                StatusCode::BAD_REQUEST,
                "BadRequest",
                "Linked databases cannot by removed with this API",
            ));
        }
        if self.resources.contains_key(path) {
            self.offences.push(format!("{path} was written again"));
        }
        for other in members.iter().filter(|member| *member != path) {
            if self.looks.get(other).is_some_and(|looks| *looks > 0) {
                self.offences.push(format!("{path} joined while {other} was not ready"));
            }
            let other_body = self.resources.get_mut(other).unwrap();
            other_body["properties"]["geoReplication"] = body["properties"]["geoReplication"].clone();
            self.looks.insert(other.clone(), LOOKS_UNTIL_READY);
        }
        None
    }
}

fn ids(body: &Value) -> Vec<String> {
    let linked = body.pointer("/properties/geoReplication/linkedDatabases").and_then(Value::as_array);
    linked.into_iter().flatten().map(|member| member["id"].as_str().unwrap().to_lowercase()).collect()
}

fn parent(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.len() {
        0..=5 => String::new(),
        9 => parts[..5].join("/"),
        // A role is given on something.
        more if parts[more - 4] == "providers" => parts[..more - 4].join("/"),
        more => parts[..more - 2].join("/"),
    }
}
