//! What secrets and keys have in common: lists, deletion and recovery, backups.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::Call;
use super::items::{Area, DAY, Deletion, Head, ItemId, Version};
use super::refused::Refused;
use super::store::{Reading, Writing};
use super::{crypto, views};
use crate::encoding::first;
use crate::token::unix_now;

/// Key Vault's own limit on a page.
const PAGE_LIMIT: usize = 25;

/// Which part of a list is asked for.
struct Page {
    limit: usize,
    /// The last entry of the page before.
    after: Option<String>,
}

fn page(call: &Call<'_>) -> Result<Page, Refused> {
    let limit = match first(&call.query, "maxresults") {
        None => PAGE_LIMIT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=PAGE_LIMIT).contains(limit))
            .ok_or_else(|| Refused::bad(format!("maxresults must be between 1 and {PAGE_LIMIT}")))?,
    };
    Ok(Page { limit, after: first(&call.query, "$skiptoken").map(str::to_owned) })
}

/// A page of entries, each with what it is found again by.
fn paged(call: &Call<'_>, path: &str, page: &Page, entries: Vec<(String, Value)>) -> Response {
    let mut rest = entries.into_iter().peekable();
    if let Some(after) = &page.after {
        while rest.next_if(|(key, _)| key <= after).is_some() {}
    }
    let shown: Vec<(String, Value)> = rest.by_ref().take(page.limit).collect();
    let next = shown.last().filter(|_| rest.peek().is_some()).map(|(last, _)| {
        format!("{}/{path}?api-version={}&maxresults={}&$skiptoken={last}", call.asked, call.version, page.limit)
    });
    let value: Vec<Value> = shown.into_iter().map(|(_, entry)| entry).collect();
    Json(json!({ "value": value, "nextLink": next })).into_response()
}

async fn entries(call: &Call<'_>, area: Area, deleted: bool) -> Result<Vec<(String, Value)>, Refused> {
    let terms = call.vault.clone();
    call.store
        .read(move |tables: &Reading| {
            let mut found = Vec::new();
            for head in tables.heads(&terms.name.to_lowercase(), area)? {
                if head.deleted.is_some() != deleted {
                    continue;
                }
                let id = ItemId::new(&terms.name, area, &head.name);
                if let Some(version) = tables.version(&id, head.latest)? {
                    let shown = views::item(&terms, area, &head, &version, false);
                    found.push((id.name, views::with_deletion(&terms, area, &head, shown)));
                }
            }
            Ok::<_, Refused>(found)
        })
        .await
}

pub(super) async fn list(call: &Call<'_>, area: Area) -> Result<Response, Refused> {
    call.may(area, "list")?;
    let page = page(call)?;
    Ok(paged(call, area.as_str(), &page, entries(call, area, false).await?))
}

pub(super) async fn list_deleted(call: &Call<'_>, area: Area) -> Result<Response, Refused> {
    call.may(area, "list")?;
    let page = page(call)?;
    Ok(paged(call, &format!("deleted{}", area.as_str()), &page, entries(call, area, true).await?))
}

pub(super) async fn versions(call: &Call<'_>, area: Area, name: &str) -> Result<Response, Refused> {
    let id = call.item(area, name, "list")?;
    let page = page(call)?;
    let terms = call.vault.clone();
    let found = call
        .store
        .read(move |tables: &Reading| {
            let Some(head) = tables.head(&id)?.filter(|head| head.deleted.is_none()) else { return Ok(Vec::new()) };
            let shown = tables.versions(&id)?.into_iter();
            // Twenty digits: as text, in the order of the numbers.
            let entry = |(number, version): (u64, Version)| {
                (format!("{number:020}"), views::item(&terms, area, &head, &version, true))
            };
            Ok::<_, Refused>(shown.map(entry).collect())
        })
        .await?;
    Ok(paged(call, &format!("{}/{name}/versions", area.as_str()), &page, found))
}

pub(super) async fn delete(call: &Call<'_>, area: Area, name: &str) -> Result<Response, Refused> {
    let id = call.item(area, name, "delete")?;
    let terms = call.vault.clone();
    let shown = call
        .store
        .write(move |tables: &mut Writing<'_>| {
            let missing = || Refused::missing(area, &id.name);
            let mut head = tables.head(&id)?.filter(|head| head.deleted.is_none()).ok_or_else(missing)?;
            let at = unix_now();
            head.deleted = Some(Deletion { at, purge_at: at + terms.retention_days * DAY });
            tables.put_head(&id, &head)?;
            let version = tables.version(&id, head.latest)?.ok_or_else(missing)?;
            let shown = views::bundle(&terms, area, &head, &version);
            Ok::<_, Refused>(views::with_deletion(&terms, area, &head, shown))
        })
        .await?;
    Ok(Json(shown).into_response())
}

pub(super) async fn get_deleted(call: &Call<'_>, area: Area, name: &str) -> Result<Response, Refused> {
    let id = call.item(area, name, "get")?;
    let terms = call.vault.clone();
    let shown = call
        .store
        .read(move |tables: &Reading| {
            let missing = || Refused::missing(area, &id.name);
            let head = tables.head(&id)?.filter(|head| head.deleted.is_some()).ok_or_else(missing)?;
            let version = tables.version(&id, head.latest)?.ok_or_else(missing)?;
            let shown = views::bundle(&terms, area, &head, &version);
            Ok::<_, Refused>(views::with_deletion(&terms, area, &head, shown))
        })
        .await?;
    Ok(Json(shown).into_response())
}

pub(super) async fn recover(call: &Call<'_>, area: Area, name: &str) -> Result<Response, Refused> {
    let id = call.item(area, name, "recover")?;
    let terms = call.vault.clone();
    let shown = call
        .store
        .write(move |tables: &mut Writing<'_>| {
            let missing = || Refused::missing(area, &id.name);
            let mut head = tables.head(&id)?.filter(|head| head.deleted.is_some()).ok_or_else(missing)?;
            head.deleted = None;
            tables.put_head(&id, &head)?;
            let version = tables.version(&id, head.latest)?.ok_or_else(missing)?;
            Ok::<_, Refused>(views::bundle(&terms, area, &head, &version))
        })
        .await?;
    Ok(Json(shown).into_response())
}

pub(super) async fn purge(call: &Call<'_>, area: Area, name: &str) -> Result<Response, Refused> {
    let id = call.item(area, name, "purge")?;
    if call.vault.purge_protected {
        let message = "Operation \"purge\" is not allowed on this vault: purge protection is enabled.";
        return Err(Refused::forbidden(message, "ForbiddenByPolicy"));
    }
    call.store
        .write(move |tables: &mut Writing<'_>| {
            let deleted = tables.head(&id)?.is_some_and(|head| head.deleted.is_some());
            if !deleted {
                return Err(Refused::missing(area, &id.name));
            }
            Ok::<_, Refused>(tables.remove(&id)?)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What is in a backup, before it is sealed.
#[derive(Serialize, Deserialize)]
struct Backup {
    area: Area,
    head: Head,
    versions: Vec<(u64, Version)>,
}

pub(super) async fn backup(call: &Call<'_>, area: Area, name: &str) -> Result<Response, Refused> {
    let id = call.item(area, name, "backup")?;
    let backup = call
        .store
        .read(move |tables: &Reading| {
            let missing = || Refused::missing(area, &id.name);
            let head = tables.head(&id)?.filter(|head| head.deleted.is_none()).ok_or_else(missing)?;
            Ok::<_, Refused>(Backup { area, head, versions: tables.versions(&id)? })
        })
        .await?;
    let plain = serde_json::to_vec(&backup).map_err(|_| Refused::bad("the item cannot be backed up"))?;
    let blob = crypto::seal(call.store.seal(), &plain)?;
    Ok(Json(json!({ "value": URL_SAFE_NO_PAD.encode(blob) })).into_response())
}

#[derive(Deserialize)]
struct Restore {
    value: String,
}

pub(super) async fn restore(call: &Call<'_>, area: Area) -> Result<Response, Refused> {
    call.may(area, "restore")?;
    let wrong = || Refused::bad("the value is no backup that was made in this region of this cloud");
    let blob = URL_SAFE_NO_PAD.decode(call.parsed::<Restore>()?.value.trim_end_matches('=')).map_err(|_| wrong())?;
    let plain = crypto::open(call.store.seal(), &blob).map_err(|_| wrong())?;
    let backup: Backup = serde_json::from_slice(&plain).map_err(|_| wrong())?;
    if backup.area != area {
        return Err(Refused::bad(format!("the value is the backup of a {}", backup.area.singular())));
    }
    let terms = call.vault.clone();
    let shown = call
        .store
        .write(move |tables: &mut Writing<'_>| {
            let id = ItemId::new(&terms.name, area, &backup.head.name);
            match tables.head(&id)? {
                Some(head) if head.deleted.is_some() => return Err(Refused::deleted(area, &head.name)),
                Some(head) => {
                    let message = format!("The {} {} already exists.", area.singular(), head.name);
                    return Err(Refused::conflict(message, None));
                }
                None => tables.remove(&id)?,
            }
            for (number, version) in &backup.versions {
                tables.put_version(&id, *number, version)?;
            }
            tables.put_head(&id, &backup.head)?;
            let version = tables.version(&id, backup.head.latest)?.ok_or_else(wrong)?;
            Ok(views::bundle(&terms, area, &backup.head, &version))
        })
        .await?;
    Ok(Json(shown).into_response())
}
