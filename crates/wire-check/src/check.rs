//! One exchange beside the description of its operation.

use serde_json::Value;

use crate::catalogue::{Answer, Descriptions, Operation, Source};
use crate::exceptions::excused;
use crate::exchange::{Exchange, Plane};
use crate::schema::{SchemaId, Side};

/// How our own client introduces itself.
const OUR_AGENT: &str = "tidelock/";
/// Addresses that a client polls because a header led it there: Azure describes them nowhere.
const POLLED: [&str; 2] = ["operationsstatus", "operationresults"];
/// What clients ask of Azure that the descriptions at hand do not contain.
const ELSEWHERE: [&str; 13] = [
    "GET /metadata/endpoints",
    "GET /tenants",
    "GET /subscriptions",
    "GET /subscriptions/*",
    "GET /subscriptions/*/locations",
    // At the tenant: the description says `{scope}`, which is empty then.
    "GET /providers/Microsoft.Authorization/roleDefinitions/*",
    "GET /common/discovery/instance",
    "GET /*/.well-known/openid-configuration",
    "GET /*/v2.0/.well-known/openid-configuration",
    "GET /*/discovery/keys",
    "GET /*/discovery/v2.0/keys",
    // At a region the first place is taken for a vault's name.
    "GET /discovery/v2.0/keys",
    "GET /common/userrealm",
];

/// Something that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Where in the exchange: `response /properties/sku`.
    pub at: String,
    /// What is wrong.
    pub what: String,
    /// Why it is known and stays.
    pub excuse: Option<&'static str>,
}

/// What was found out about one exchange.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The operation's name, or what else it was.
    pub operation: String,
    /// Whether a description was there to compare with.
    pub described: bool,
    /// What does not fit.
    pub violations: Vec<Violation>,
}

/// Compares exchanges with descriptions.
#[derive(Debug)]
pub struct Checker {
    pub(crate) descriptions: Descriptions,
}

impl Checker {
    /// With these descriptions.
    #[must_use]
    pub const fn new(descriptions: Descriptions) -> Self {
        Self { descriptions }
    }

    /// What one exchange is, and what is wrong with it.
    #[must_use]
    pub fn check(&self, exchange: &Exchange) -> Verdict {
        let path = segments(exchange);
        let among = match exchange.plane {
            Plane::Management => &self.descriptions.management,
            Plane::Vault => &self.descriptions.vaults,
        };
        let mut found = Findings { operation: String::new(), all: Vec::new() };
        let Some(operation) = find(among, exchange, &path) else {
            return undescribed(exchange, &path, found);
        };
        found.operation.clone_from(&operation.name);
        let kind = ResourceType::of(&path);
        self.request(exchange, operation, &kind, &mut found);
        if exchange.status < 400 {
            self.success(exchange, operation, &kind, &mut found);
        } else {
            self.refusal(exchange, operation, &mut found);
        }
        Verdict { operation: found.operation, described: true, violations: found.all }
    }

    fn request(&self, exchange: &Exchange, operation: &Operation, kind: &ResourceType<'_>, found: &mut Findings) {
        if exchange.plane == Plane::Management
            && !exchange.query.to_lowercase().contains("api-version=")
            && exchange.status < 400
        {
            found.add("request", "no api-version, and not refused");
        }
        // What was refused may be as wrong as it likes.
        if exchange.status >= 400 {
            return;
        }
        let ours = exchange.request.header("user-agent").is_some_and(|agent| agent.starts_with(OUR_AGENT));
        let side = if ours { Side::OurClient } else { Side::AnyClient };
        let body = &exchange.request.body;
        let typed = self.typed(operation, kind).filter(|_| operation.method == "PUT" && kind.is_item);
        let described = typed.or(operation.request.map(|(schema, _)| schema));
        match (described, body) {
            (Some(_), Value::Null) if operation.request.is_some_and(|(_, needed)| needed) => {
                found.add("request", "no body, and not refused");
            }
            (None, _) | (_, Value::Null) => {}
            (Some(schema), body) => self.compare("request", schema, body, side, found),
        }
    }

    fn success(&self, exchange: &Exchange, operation: &Operation, kind: &ResourceType<'_>, found: &mut Findings) {
        let Some(answer) = operation.answers.get(&exchange.status) else {
            let known: Vec<String> = operation.answers.keys().map(ToString::to_string).collect();
            return found.add("status", format!("{} is none of {}", exchange.status, known.join(", ")));
        };
        if operation.long_running {
            long_running(exchange, answer, found);
        }
        if exchange.method == "HEAD" {
            return;
        }
        let body = &exchange.response.body;
        let typed = self.typed(operation, kind).filter(|_| answer.schema.is_some());
        match (answer.schema, typed, body) {
            (None, _, Value::Null) => {}
            (None, ..) => {
                found.add("response", format!("a body, which is not described for status {}", exchange.status));
            }
            (Some(_), _, Value::Null) => found.add("response", "no body"),
            (Some(_), Some(schema), body) if kind.is_item => {
                self.compare("response", schema, body, Side::Server, found);
            }
            (Some(_), Some(schema), body) if body.get("value").is_some_and(Value::is_array) => {
                for item in body.get("value").and_then(Value::as_array).into_iter().flatten() {
                    self.compare("response /value/*", schema, item, Side::Server, found);
                }
            }
            (Some(schema), _, body) => self.compare("response", schema, body, Side::Server, found),
        }
        if exchange.plane == Plane::Management && kind.is_item && !body.is_null() {
            identity(exchange, kind, found);
        }
    }

    fn refusal(&self, exchange: &Exchange, operation: &Operation, found: &mut Findings) {
        if exchange.method == "HEAD" {
            return;
        }
        refused(exchange, found);
        if let Some(schema) = operation.refusal {
            self.compare("response", schema, &exchange.response.body, Side::Server, found);
        }
    }

    /// The type table's word on a resource, where the operation is not described better.
    fn typed(&self, operation: &Operation, kind: &ResourceType<'_>) -> Option<SchemaId> {
        if operation.source == Source::Current || !matches!(operation.method.as_str(), "GET" | "PUT" | "PATCH") {
            return None;
        }
        self.descriptions.types.get(&kind.name.to_lowercase()).copied()
    }

    fn compare(&self, part: &str, schema: SchemaId, body: &Value, side: Side, found: &mut Findings) {
        for (at, what) in self.descriptions.schemas.compare(schema, body, side) {
            found.add(format!("{part} {at}"), what);
        }
    }
}

struct Findings {
    operation: String,
    all: Vec<Violation>,
}

impl Findings {
    fn add(&mut self, at: impl Into<String>, what: impl Into<String>) {
        let (at, what) = (at.into(), what.into());
        let excuse = excused(&self.operation, &at, &what);
        let violation = Violation { at, what, excuse };
        if !self.all.contains(&violation) {
            self.all.push(violation);
        }
    }
}

/// The path's segments; at a vault without the vault's name, which stands there for clients that resolve no names.
fn segments(exchange: &Exchange) -> Vec<&str> {
    let all = exchange.path.trim_start_matches('/').split('/');
    // At a vault an empty place is the newest version; elsewhere two slashes are as good as one.
    let all: Vec<&str> = all.filter(|segment| exchange.plane == Plane::Vault || !segment.is_empty()).collect();
    let host = exchange.authority.as_deref().or_else(|| exchange.request.header("host")).unwrap_or_default();
    let by_address = host.starts_with(|sign: char| sign.is_ascii_digit()) || host.starts_with("localhost");
    match (exchange.plane, by_address, all.split_first()) {
        (Plane::Vault, true, Some((_, rest))) => rest.to_vec(),
        _ => all,
    }
}

fn find<'d>(among: &'d [Operation], exchange: &Exchange, path: &[&str]) -> Option<&'d Operation> {
    Descriptions::find(among, &exchange.method, path).or_else(|| {
        // The newest version of a secret or key: its place is in the path, and empty.
        let newest: Vec<&str> = path.iter().copied().chain([""]).collect();
        let vault = exchange.plane == Plane::Vault && matches!(path.first(), Some(&("secrets" | "keys")));
        Descriptions::find(among, &exchange.method, &newest).filter(|_| vault)
    })
}

/// A type and whether the path is one of it, or all.
struct ResourceType<'p> {
    name: String,
    own_name: &'p str,
    is_item: bool,
}

impl<'p> ResourceType<'p> {
    fn of(path: &[&'p str]) -> Self {
        let providers = path.iter().rposition(|segment| segment.eq_ignore_ascii_case("providers"));
        let below = providers.and_then(|at| path.get(at + 1..)).unwrap_or_default();
        let own_name = path.last().copied().unwrap_or_default();
        let Some((namespace, rest)) = below.split_first() else {
            let group = path.get(2).is_some_and(|segment| segment.eq_ignore_ascii_case("resourceGroups"));
            let name = if group && path.len() <= 4 { "Microsoft.Resources/resourceGroups" } else { "" };
            return Self { name: name.to_owned(), own_name, is_item: path.len() == 4 };
        };
        let types: Vec<&str> = rest.iter().step_by(2).copied().collect();
        Self {
            name: format!("{namespace}/{}", types.join("/")),
            own_name,
            is_item: rest.len() % 2 == 0 && !rest.is_empty(),
        }
    }
}

/// What is common to everything that takes its time.
fn long_running(exchange: &Exchange, answer: &Answer, found: &mut Findings) {
    let header = |name: &str| exchange.response.header(name);
    let urls: Vec<(&str, &str)> =
        ["azure-asyncoperation", "location"].into_iter().filter_map(|name| Some((name, header(name)?))).collect();
    for (name, url) in &urls {
        if !url.starts_with("https://") {
            found.add(format!("response header {name}"), format!("`{url}` is no absolute address"));
        }
        if exchange.status == 202 && !answer.headers.is_empty() && !answer.headers.iter().any(|known| known == name) {
            found.add(format!("response header {name}"), "not described");
        }
    }
    let state = exchange.response.body.pointer("/properties/provisioningState").and_then(Value::as_str);
    if urls.is_empty() && exchange.status == 202 {
        found.add("response", "202 without Azure-AsyncOperation or Location: nobody could wait for it");
    }
    if urls.is_empty() && exchange.method == "PUT" && state.is_none() {
        found.add("response", "neither a header to poll nor a provisioningState");
    }
    if header("retry-after").is_some_and(|text| text.parse::<u32>().is_err()) {
        found.add("response header retry-after", "no number of seconds");
    }
}

/// An answer names what was asked for.
fn identity(exchange: &Exchange, kind: &ResourceType<'_>, found: &mut Findings) {
    let text = |name: &str| exchange.response.body.get(name).and_then(Value::as_str);
    if matches!(exchange.method.as_str(), "GET" | "PUT" | "PATCH") {
        // The Azure CLI writes two slashes where a resource has no parent.
        let asked = exchange.path.replace("//", "/");
        if let Some(id) = text("id").filter(|id| !id.eq_ignore_ascii_case(&asked)) {
            found.add("response /id", format!("`{id}` is not what was asked for"));
        }
        if let Some(given) = text("type").filter(|given| !given.eq_ignore_ascii_case(&kind.name)) {
            found.add("response /type", format!("`{given}` is not {}", kind.name));
        }
        if let Some(given) = text("name").filter(|given| !given.eq_ignore_ascii_case(kind.own_name)) {
            found.add("response /name", format!("`{given}` is not what was asked for"));
        }
    }
}

/// Azure's envelope of errors, in both planes.
fn refused(exchange: &Exchange, found: &mut Findings) {
    for name in ["code", "message"] {
        let text = exchange.response.body.pointer(&format!("/error/{name}")).and_then(Value::as_str);
        if text.is_none_or(str::is_empty) {
            found.add(format!("response /error/{name}"), format!("missing in a refusal ({})", exchange.status));
        }
    }
    if exchange.status == 429 && exchange.response.header("retry-after").is_none() {
        found.add("response header retry-after", "missing when throttled");
    }
    if exchange.status == 401 && exchange.response.header("www-authenticate").is_none() {
        found.add("response header www-authenticate", "missing: nobody could know where tokens are");
    }
}

/// What no description speaks of.
fn undescribed(exchange: &Exchange, path: &[&str], mut found: Findings) -> Verdict {
    let known = |pattern: &str| {
        let (method, wanted) = pattern.split_once(' ').unwrap_or_default();
        let wanted: Vec<&str> = wanted.split('/').filter(|segment| !segment.is_empty()).collect();
        method == exchange.method
            && wanted.len() == path.len()
            && wanted.iter().zip(path).all(|(wanted, given)| *wanted == "*" || wanted.eq_ignore_ascii_case(given))
    };
    let polled = path.iter().any(|segment| POLLED.contains(&segment.to_lowercase().as_str()));
    found.operation = match () {
        () if polled => "(polling an operation)".to_owned(),
        () if ELSEWHERE.iter().any(|pattern| known(pattern)) => "(sign-in, metadata, subscriptions)".to_owned(),
        () if exchange.status >= 400 => "(no such operation, refused)".to_owned(),
        () => {
            found.operation = format!("{} {}", exchange.method, path.join("/"));
            found.add(
                "request",
                format!("no description knows this operation, and it was answered {}", exchange.status),
            );
            "(no such operation, answered)".to_owned()
        }
    };
    if exchange.status >= 400 && exchange.method != "HEAD" && !found.operation.starts_with("(sign-in") {
        refused(exchange, &mut found);
    }
    if polled && exchange.status < 400 {
        let status = exchange.response.body.get("status").and_then(Value::as_str);
        let by_status = exchange.path.to_lowercase().contains("operationsstatus");
        if by_status
            && !status.is_some_and(|status| ["InProgress", "Succeeded", "Failed", "Canceled"].contains(&status))
        {
            found.add("response /status", "no state that clients wait for");
        }
    }
    Verdict { operation: found.operation, described: false, violations: found.all }
}
