//! Secrets that hold a cache's access keys, written through the management plane: the vault itself stays private.

use tidelock_arm_types::{ResourceId, SecretAttributes, SecretProperties, VaultSecret};

use super::{Decision, Scene};
use crate::context::PlanError;
use crate::step::{Action, KeyKind, Refusal, SecretSource};
use crate::tags::{self, FINGERPRINT_TAG};

/// What the vault is told about the value.
const CONTENT_TYPE: &str = "text/plain";

pub(crate) fn secret(scene: &Scene<'_>, database: &ResourceId, key: KeyKind) -> Result<Decision, PlanError> {
    let found = scene.snapshot.secrets.get(&scene.target.id);
    let current = scene.snapshot.key_fingerprints.get(database).map(|keys| match key {
        KeyKind::Primary => keys.primary.as_str(),
        KeyKind::Secondary => keys.secondary.as_str(),
    });
    let (action, reason) = match found {
        None => (Action::Create, format!("create from the database's {} key", key.as_str())),
        Some(found) => {
            if let Some(why) = scene.foreign(&found.tags) {
                let reason =
                    format!("{why}; remove it, rename the cache's key in the file, or mark it as ours with --adopt");
                return Ok(Decision::refuse(Refusal::Foreign, reason));
            }
            let written = tags::value(&found.tags, FINGERPRINT_TAG);
            match current {
                Some(current) if written == Some(current) => {
                    let changes = tags::changes(&found.tags, scene.tags);
                    if changes.is_empty() {
                        return Ok(Decision::unchanged());
                    }
                    return writing(scene, database, key, Action::Update, "").map(|made| made.because(changes));
                }
                Some(_) => (Action::Update, format!("the database's {} key is another one by now", key.as_str())),
                None => (Action::Update, format!("the database will have another {} key", key.as_str())),
            }
        }
    };
    writing(scene, database, key, action, &reason)
}

fn writing(
    scene: &Scene<'_>,
    database: &ResourceId,
    key: KeyKind,
    action: Action,
    reason: &str,
) -> Result<Decision, PlanError> {
    let body = VaultSecret {
        tags: scene.tags.clone(),
        properties: SecretProperties {
            content_type: Some(CONTENT_TYPE.to_owned()),
            attributes: Some(SecretAttributes { enabled: Some(true) }),
        },
    };
    let decision = Decision::new(action, reason).sending(scene.put(&body)?);
    Ok(Decision { secret_from: Some(SecretSource { database: database.clone(), key }), ..decision })
}
