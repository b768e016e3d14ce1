//! The calls of the data plane. A vault is a host name, as on Azure; for clients that do not resolve names it is also the
//! first part of the path on the region's address.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use serde::de::DeserializeOwned;

use super::access::{self, Caller};
use super::items::{Area, ItemId, is_item_name};
use super::refused::Refused;
use super::store::VaultStore;
use super::terms::{VAULT_DOMAIN, VaultTerms, VaultsDesired, base_url};
use super::{items_api, keys_api, secrets_api};
use crate::encoding::{first, pairs, percent_decode};
use crate::https::PeerAddress;
use crate::region::RegionFaults;
use crate::token::TokenKey;
use crate::token_api::{self, Authority, KnownClient};

/// The data plane's versions that clients in use send.
const API_VERSIONS: [&str; 10] =
    ["7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6-preview.2", "7.6", "2025-07-01", "2026-04-01"];

/// What may be done here now; replaced as a whole when the cloud says so.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) location: String,
    pub(crate) tenant: String,
    /// `https://<address>`.
    pub(crate) base: String,
    /// Who issues tokens too.
    pub(crate) arm_endpoint: String,
    pub(crate) faults: RegionFaults,
    pub(crate) key: TokenKey,
    pub(crate) vaults: VaultsDesired,
    pub(crate) credentials: BTreeMap<String, String>,
}

/// The vaults and the token endpoint of one region.
pub(crate) struct VaultApi {
    pub(crate) store: VaultStore,
    pub(crate) access: tokio::sync::watch::Receiver<Arc<Access>>,
}

/// One call on one vault, by somebody known.
pub(super) struct Call<'a> {
    pub(super) store: &'a VaultStore,
    pub(super) vault: Arc<VaultTerms>,
    pub(super) caller: Caller,
    /// The vault's address as the caller wrote it: what links to further pages begin with.
    pub(super) asked: String,
    pub(super) version: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: &'a [u8],
}

impl Call<'_> {
    /// An item of this vault, if the caller may do that with such items.
    pub(super) fn item(&self, area: Area, name: &str, permission: &str) -> Result<ItemId, Refused> {
        self.may(area, permission)?;
        if !is_item_name(name) {
            return Err(Refused::bad(format!(
                "The request URI contains an invalid name: {name}: 1 to 127 letters, digits and hyphens"
            )));
        }
        Ok(ItemId::new(&self.vault.name, area, name))
    }

    pub(super) fn may(&self, area: Area, permission: &str) -> Result<(), Refused> {
        access::check_permission(&self.vault, &self.caller, area, permission)
    }

    /// The body. An empty one stands for an empty object.
    pub(super) fn parsed<T: DeserializeOwned>(&self) -> Result<T, Refused> {
        let body = if self.body.is_empty() { b"{}" } else { self.body };
        // The parser's own message could repeat a value.
        serde_json::from_slice(body)
            .map_err(|err| Refused::bad(format!("the body is not what this call takes (line {})", err.line())))
    }
}

pub(crate) fn router(api: VaultApi) -> Router {
    Router::new().fallback(dispatch).with_state(Arc::new(api))
}

async fn dispatch(
    State(api): State<Arc<VaultApi>>,
    peer: Option<Extension<PeerAddress>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let access = Arc::clone(&api.access.borrow());
    let Some(path) = percent_decode(uri.path()) else {
        return Refused::bad("the path is not text").into_response();
    };
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let named = named_vault(&uri, &headers);
    if named.is_none()
        && let Some(answer) = tokens(&access, &method, &path, &body)
    {
        return answer;
    }
    if access.faults.vaults_out {
        let message = "The vault is not available at the moment.".to_owned();
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Refused::Rule { status, code: "ServiceUnavailable", message, inner: None }.into_response();
    }
    let Some((vault, asked, rest)) = find_vault(&access, named, &segments) else {
        let message = "there is no such vault in this region".to_owned();
        let code = "VaultNotFound";
        return Refused::Rule { status: StatusCode::NOT_FOUND, code, message, inner: None }.into_response();
    };
    let address: Option<IpAddr> = peer.map(|Extension(PeerAddress(address))| SocketAddr::ip(&address));
    let caller = match access::authenticate(&access, &headers, address) {
        Ok(caller) => caller,
        Err(answer) => return *answer,
    };
    let query = pairs(uri.query().unwrap_or_default());
    let call = match check_version(&query) {
        Ok(version) => Call { store: &api.store, vault: Arc::new(vault), caller, asked, version, query, body: &body },
        Err(refused) => return refused.into_response(),
    };
    let answered = match access::check_network(&access, &call.vault, &call.caller) {
        Ok(()) => route(&call, &method, &rest).await,
        Err(refused) => Err(refused),
    };
    answered.unwrap_or_else(IntoResponse::into_response)
}

/// The vault that the host names, if the host is a vault's.
fn named_vault(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let host = uri.authority().map(|authority| authority.as_str().to_owned());
    let host = host.or_else(|| headers.get("host")?.to_str().ok().map(str::to_owned))?.to_lowercase();
    let host = host.rsplit_once(':').map_or(host.as_str(), |(host, _)| host);
    host.strip_suffix(VAULT_DOMAIN)?.strip_suffix('.').map(str::to_owned)
}

fn find_vault<'p>(
    access: &Access,
    named: Option<String>,
    segments: &[&'p str],
) -> Option<(VaultTerms, String, Vec<&'p str>)> {
    let known = |name: &str| access.vaults.vaults.iter().find(|vault| vault.name.eq_ignore_ascii_case(name)).cloned();
    match named {
        Some(name) => known(&name).map(|vault| (vault, base_url(&name), segments.to_vec())),
        None => {
            let (name, rest) = segments.split_first()?;
            known(name).map(|vault| (vault, format!("{}/{name}", access.base), rest.to_vec()))
        }
    }
}

fn tokens(access: &Access, method: &Method, path: &str, body: &Bytes) -> Option<Response> {
    let known = |client: &str| {
        let fingerprint = access.credentials.get(client)?.clone();
        Some(KnownClient { fingerprint, regions: vec![access.location.clone()] })
    };
    let authority =
        Authority { key: &access.key, tenant: &access.tenant, base: &access.base, out: access.faults.tokens_out };
    token_api::route(&authority, method, path, body, known)
}

fn check_version(query: &[(String, String)]) -> Result<String, Refused> {
    match first(query, "api-version") {
        None => Err(Refused::bad("api-version must be specified")),
        Some(version) if API_VERSIONS.contains(&version) => Ok(version.to_owned()),
        Some(version) => Err(Refused::bad(format!("The specified version ({version}) is not recognized."))),
    }
}

fn not_here() -> Refused {
    let message = "the local cloud's vaults do not have this call".to_owned();
    Refused::Rule { status: StatusCode::NOT_FOUND, code: "NotFound", message, inner: None }
}

async fn route(call: &Call<'_>, method: &Method, rest: &[&str]) -> Result<Response, Refused> {
    let verb = method.as_str();
    match rest {
        ["certificates", "contacts"] if verb == "GET" => {
            let message = "Contacts for this vault were not found.".to_owned();
            Err(Refused::Rule { status: StatusCode::NOT_FOUND, code: "ContactsNotFound", message, inner: None })
        }
        ["secrets", rest @ ..] => match (verb, rest) {
            ("PUT", [name]) => secrets_api::set(call, name).await,
            ("GET", [name]) => secrets_api::get(call, name, None).await,
            ("GET", [name, version]) if *version != "versions" => secrets_api::get(call, name, Some(version)).await,
            ("PATCH", [name]) => secrets_api::patch(call, name, None).await,
            ("PATCH", [name, version]) => secrets_api::patch(call, name, Some(version)).await,
            _ => shared(call, Area::Secrets, verb, rest).await,
        },
        ["keys", rest @ ..] => match (verb, rest) {
            ("POST", [name, "create"]) => keys_api::create(call, name).await,
            ("POST", [name, "rotate"]) => keys_api::rotate(call, name).await,
            ("GET", [name, "rotationpolicy"]) => keys_api::policy(call, name).await,
            ("PUT", [name, "rotationpolicy"]) => keys_api::put_policy(call, name).await,
            ("GET", [name]) => keys_api::get(call, name, None).await,
            ("GET", [name, version]) if *version != "versions" => keys_api::get(call, name, Some(version)).await,
            ("PATCH", [name]) => keys_api::patch(call, name, None).await,
            ("PATCH", [name, version]) => keys_api::patch(call, name, Some(version)).await,
            ("POST", [name, version, operation]) => keys_api::operate(call, name, Some(version), operation).await,
            ("POST", [name, operation]) if *operation != "backup" => {
                keys_api::operate(call, name, None, operation).await
            }
            _ => shared(call, Area::Keys, verb, rest).await,
        },
        ["deletedsecrets", rest @ ..] => deleted(call, Area::Secrets, verb, rest).await,
        ["deletedkeys", rest @ ..] => deleted(call, Area::Keys, verb, rest).await,
        _ => Err(not_here()),
    }
}

async fn shared(call: &Call<'_>, area: Area, verb: &str, rest: &[&str]) -> Result<Response, Refused> {
    match (verb, rest) {
        ("GET", []) => items_api::list(call, area).await,
        ("GET", [name, "versions"]) => items_api::versions(call, area, name).await,
        ("DELETE", [name]) => items_api::delete(call, area, name).await,
        ("POST", [name, "backup"]) => items_api::backup(call, area, name).await,
        ("POST", ["restore"]) => items_api::restore(call, area).await,
        _ => Err(not_here()),
    }
}

async fn deleted(call: &Call<'_>, area: Area, verb: &str, rest: &[&str]) -> Result<Response, Refused> {
    match (verb, rest) {
        ("GET", []) => items_api::list_deleted(call, area).await,
        ("GET", [name]) => items_api::get_deleted(call, area, name).await,
        ("DELETE", [name]) => items_api::purge(call, area, name).await,
        ("POST", [name, "recover"]) => items_api::recover(call, area, name).await,
        _ => Err(not_here()),
    }
}
