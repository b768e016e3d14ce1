//! The client as its users see it.

use std::fmt::{self, Write as _};

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tidelock_arm_types::{ApiVersion, Page, ResourceId, ResourceKind, Tags};
use tidelock_model::{ExposeSecret, SecretString};
use tidelock_secrets::TokenSource;

use crate::error::{ArmError, Doing, Verb};
use crate::judge::{self, Follow, Verdict};
use crate::settings::{PAGES_MAX, Settings};
use crate::transport::{Answer, Call, Repeat, Transport, refused};
use crate::wait::Patience;

/// The version of the resource that holds a group's tags. In later ones a change is a long-running operation.
const TAGS_VERSION: &str = "2021-04-01";

/// A client of one management endpoint under one identity. Cheap to clone; clones share connections, token and limits.
#[derive(Clone, Debug)]
pub struct ArmClient {
    transport: Transport,
}

/// A database's access keys.
#[derive(Clone)]
pub struct AccessKeys {
    /// `primaryKey`
    pub primary: SecretString,
    /// `secondaryKey`
    pub secondary: SecretString,
}

/// One of a database's two access keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// `Primary`
    Primary,
    /// `Secondary`
    Secondary,
}

impl KeyType {
    /// As Azure spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "Primary",
            Self::Secondary => "Secondary",
        }
    }
}

impl fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKeys").finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeysAnswer {
    primary_key: String,
    secondary_key: String,
}

impl ArmClient {
    /// A client of the endpoint at `endpoint`, such as `https://management.azure.com`. `http` should come from
    /// [`tidelock_secrets::http_client`], `tokens` be for [`crate::ARM_SCOPE`].
    ///
    /// # Errors
    /// [`ArmError::BadEndpoint`].
    pub fn new(
        http: reqwest::Client,
        endpoint: &str,
        tokens: TokenSource,
        settings: Settings,
    ) -> Result<Self, ArmError> {
        Ok(Self { transport: Transport::new(http, endpoint, tokens, settings)? })
    }

    /// The resource, or none if there is none.
    ///
    /// # Errors
    /// As [`ArmError`] says; so for all calls.
    pub async fn get<T: DeserializeOwned>(&self, kind: ResourceKind, id: &ResourceId) -> Result<Option<T>, ArmError> {
        let call = call(Verb::Read, Method::GET, id, target(id, kind), None);
        let answer = self.transport.send(&call).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        parse(&call.doing, &answer.body).map(Some)
    }

    /// Writes the resource and waits until it is ready.
    ///
    /// # Errors
    /// As [`ArmError`] says. After [`ArmError::Unreachable`] and [`ArmError::Deadline`] it may have been done all the same.
    pub async fn put(&self, kind: ResourceKind, id: &ResourceId, body: &Value) -> Result<(), ArmError> {
        let call = call(Verb::Write, Method::PUT, id, target(id, kind), Some(body));
        let answer = self.accepted(&call).await?;
        let mut patience = Patience::new(&self.transport);
        match judge::follow(answer.status, answer.operation.as_deref(), answer.location.as_deref(), true) {
            Follow::Operation(address) => {
                self.transport.wait_operation(&call.doing, address, answer.retry_after, &mut patience).await?;
            }
            // The answer is the resource: it may already say that all is done.
            _ if judge::resource(&answer.body) == Ok(Verdict::Done) => return Ok(()),
            _ => {}
        }
        // The operation may have ended before the resource is what it says.
        self.transport.wait_resource(&call.doing, &call.target, &mut patience).await
    }

    /// Writes a vault's secret: `body` with `value` put in.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn put_secret(&self, id: &ResourceId, body: &Value, value: &SecretString) -> Result<(), ArmError> {
        let mut body = body.clone();
        match body.pointer_mut("/properties").and_then(Value::as_object_mut) {
            Some(properties) => {
                properties.insert("value".to_owned(), Value::from(value.expose_secret()));
            }
            None => {
                let reason = "the body of a secret has no properties".to_owned();
                return Err(ArmError::Malformed { doing: Doing::new(Verb::Write, id), reason });
            }
        }
        self.put(ResourceKind::Secret, id, &body).await
    }

    /// Removes the resource and waits until it is gone. True if there was one.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn delete(&self, kind: ResourceKind, id: &ResourceId) -> Result<bool, ArmError> {
        let call = call(Verb::Delete, Method::DELETE, id, target(id, kind), None);
        let answer = self.transport.send(&call).await?;
        if matches!(answer.status, 204 | 404) {
            return Ok(false);
        }
        let mut patience = Patience::new(&self.transport);
        let followed = judge::follow(answer.status, answer.operation.as_deref(), answer.location.as_deref(), false);
        if let Follow::Operation(address) = followed {
            self.transport.wait_operation(&call.doing, address, answer.retry_after, &mut patience).await?;
        }
        self.transport.wait_gone(&call.doing, &call.target, &mut patience).await?;
        Ok(true)
    }

    /// Sets single tags of a resource group. Those of other names stay as they are, whoever writes them meanwhile.
    ///
    /// # Errors
    /// As [`ArmError`] says.
    pub async fn merge_tags(&self, group: &ResourceId, tags: &Tags) -> Result<(), ArmError> {
        self.change_tags(group, "Merge", tags).await
    }

    /// Takes single tags of a resource group away, where they have these values. The others stay as they are.
    ///
    /// # Errors
    /// As [`ArmError`] says.
    pub async fn delete_tags(&self, group: &ResourceId, tags: &Tags) -> Result<(), ArmError> {
        self.change_tags(group, "Delete", tags).await
    }

    async fn change_tags(&self, group: &ResourceId, operation: &str, tags: &Tags) -> Result<(), ArmError> {
        let body = serde_json::json!({ "operation": operation, "properties": { "tags": tags } });
        let target = format!("{group}/providers/Microsoft.Resources/tags/default?api-version={TAGS_VERSION}");
        self.accepted(&call(Verb::WriteTags, Method::PATCH, group, target, Some(&body))).await.map(drop)
    }

    /// Everything a collection holds, page by page. `path` begins with a slash and has no query.
    ///
    /// # Errors
    /// As [`ArmError`] says; [`ArmError::TooManyPages`] if there is no end.
    pub async fn list<T: DeserializeOwned>(&self, path: &str, version: ApiVersion) -> Result<Vec<T>, ArmError> {
        self.list_where(path, version.as_str(), None).await
    }

    /// As [`Self::list`], only what `filter` lets through, in the language of the collection. `version` may be one that no
    /// kind of ours has.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn list_where<T: DeserializeOwned>(
        &self,
        path: &str,
        version: &str,
        filter: Option<&str>,
    ) -> Result<Vec<T>, ArmError> {
        let doing = Doing { verb: Verb::List, target: path.to_owned() };
        let mut target = format!("{path}?api-version={version}");
        if let Some(filter) = filter {
            target.push_str("&$filter=");
            target.push_str(&percent_encoded(filter));
        }
        let mut items = Vec::new();
        for _ in 0..PAGES_MAX {
            let call = Call { doing: doing.clone(), method: Method::GET, target, body: None, repeat: Repeat::Safe };
            let answer = self.accepted(&call).await?;
            let page: Page<T> = parse(&doing, &answer.body)?;
            items.extend(page.value);
            match page.next_link.filter(|link| !link.is_empty()) {
                None => return Ok(items),
                Some(link) => target = self.transport.own_target(&doing, &link)?,
            }
        }
        Err(ArmError::TooManyPages { doing, limit: PAGES_MAX })
    }

    /// The access keys of a database.
    ///
    /// # Errors
    /// As [`ArmError`] says.
    pub async fn list_keys(&self, database: &ResourceId) -> Result<AccessKeys, ArmError> {
        let target = action(database, "listKeys");
        let call = call(Verb::ListKeys, Method::POST, database, target, None);
        let answer = self.accepted(&call).await?;
        // serde's own message could quote a key.
        let keys: KeysAnswer = serde_json::from_slice(&answer.body).map_err(|err| ArmError::Malformed {
            doing: call.doing.clone(),
            reason: format!("not the expected JSON at line {}", err.line()),
        })?;
        Ok(AccessKeys {
            primary: SecretString::from(keys.primary_key),
            secondary: SecretString::from(keys.secondary_key),
        })
    }

    /// Makes a new key in the place of an old one, and waits until the database accepts it. Whoever still uses the old one is
    /// refused from then on.
    ///
    /// # Errors
    /// As [`Self::put`]. It is not sent again once it may have been taken.
    pub async fn regenerate_key(&self, database: &ResourceId, key: KeyType) -> Result<(), ArmError> {
        let body = serde_json::json!({ "keyType": key.as_str() });
        let target = action(database, "regenerateKey");
        let mut call = call(Verb::RegenerateKey, Method::POST, database, target, Some(&body));
        call.repeat = Repeat::IfNotTaken;
        let answer = self.accepted(&call).await?;
        let mut patience = Patience::new(&self.transport);
        let followed = judge::follow(answer.status, answer.operation.as_deref(), answer.location.as_deref(), false);
        if let Follow::Operation(address) = followed {
            self.transport.wait_operation(&call.doing, address, answer.retry_after, &mut patience).await?;
        }
        let own = self::target(database, ResourceKind::Database);
        self.transport.wait_resource(&call.doing, &own, &mut patience).await
    }

    /// Links an existing database to a group, **which empties it**, and waits until it is ready again. Called on the
    /// database that joins.
    ///
    /// # Errors
    /// As [`Self::put`]. It is not sent again once it may have been taken.
    pub async fn force_link(&self, database: &ResourceId, body: &Value) -> Result<(), ArmError> {
        let target = action(database, "forceLinkToReplicationGroup");
        let mut call = call(Verb::ForceLink, Method::POST, database, target, Some(body));
        call.repeat = Repeat::IfNotTaken;
        let answer = self.accepted(&call).await?;
        let mut patience = Patience::new(&self.transport);
        match judge::follow(answer.status, answer.operation.as_deref(), answer.location.as_deref(), false) {
            Follow::Operation(address) => {
                self.transport.wait_operation(&call.doing, address, answer.retry_after, &mut patience).await?;
            }
            Follow::Lost => {
                let reason = "HTTP 202 without Azure-AsyncOperation or Location".to_owned();
                return Err(ArmError::Malformed { doing: call.doing, reason });
            }
            Follow::Resource | Follow::Nothing => {}
        }
        self.transport.wait_resource(&call.doing, &self::target(database, ResourceKind::Database), &mut patience).await
    }

    /// Takes members out of the group of `database`, which stays, and waits until it does not list them any more. They are
    /// out for good, with every write they had not sent.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn force_unlink(&self, database: &ResourceId, leaving: &[ResourceId]) -> Result<(), ArmError> {
        let body = serde_json::json!({ "ids": leaving });
        let target = action(database, "forceUnlink");
        let call = call(Verb::ForceUnlink, Method::POST, database, target, Some(&body));
        let answer = self.accepted(&call).await?;
        let mut patience = Patience::new(&self.transport);
        let followed = judge::follow(answer.status, answer.operation.as_deref(), answer.location.as_deref(), false);
        if let Follow::Operation(address) = followed {
            self.transport.wait_operation(&call.doing, address, answer.retry_after, &mut patience).await?;
        }
        let own = self::target(database, ResourceKind::Database);
        self.transport.wait_resource(&call.doing, &own, &mut patience).await?;
        self.transport.wait_unlinked(database, leaving).await
    }

    /// Waits until the resource is ready: `Succeeded`, and `Running` where it says so.
    ///
    /// # Errors
    /// As [`ArmError`] says.
    pub async fn wait_ready(&self, kind: ResourceKind, id: &ResourceId) -> Result<(), ArmError> {
        let doing = Doing::new(Verb::Await, id);
        self.transport.wait_resource(&doing, &target(id, kind), &mut Patience::new(&self.transport)).await
    }

    /// Waits until `database` sees every one of `members` as `Linked`.
    ///
    /// # Errors
    /// [`ArmError::LinkFailed`] as soon as one link has failed; else as [`ArmError`] says.
    pub async fn wait_linked(&self, database: &ResourceId, members: &[ResourceId]) -> Result<(), ArmError> {
        self.transport.wait_linked(database, members).await
    }

    /// Sends; here "not found" is a refusal.
    async fn accepted(&self, call: &Call<'_>) -> Result<Answer, ArmError> {
        let answer = self.transport.send(call).await?;
        if answer.status == 404 {
            return Err(refused(call, StatusCode::NOT_FOUND, &answer.body));
        }
        Ok(answer)
    }
}

/// What may stand in a query as it is.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

fn target(id: &ResourceId, kind: ResourceKind) -> String {
    format!("{id}?api-version={}", kind.api_version())
}

fn action(database: &ResourceId, action: &str) -> String {
    format!("{database}/{action}?api-version={}", ResourceKind::Database.api_version())
}

fn call<'a>(verb: Verb, method: Method, id: &ResourceId, target: String, body: Option<&'a Value>) -> Call<'a> {
    Call { doing: Doing::new(verb, id), method, target, body, repeat: Repeat::Safe }
}

fn parse<T: DeserializeOwned>(doing: &Doing, body: &[u8]) -> Result<T, ArmError> {
    serde_json::from_slice(body).map_err(|err| ArmError::Malformed { doing: doing.clone(), reason: err.to_string() })
}
