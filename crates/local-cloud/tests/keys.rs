//! Keys: made, rotated and used through the vault's data plane by its own name.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod support;

use aws_lc_rs::{digest, signature};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use support::vault::{make, vault_id};
use support::{Cloud, location, signal};

fn bytes(value: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap()
}

/// A key's path in its vault, with the version.
fn path_of(key: &Value) -> String {
    key["key"]["kid"].as_str().unwrap().strip_prefix("https://kv-keys.vault.tidelock.internal:8443").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_used_rotated_deleted_and_recovered() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let vault = make(&cloud, "kv-keys", "uksouth", json!({ "softDeleteRetentionInDays": 7 })).await;

    let body = json!({ "kty": "RSA", "key_size": 3072, "key_ops": ["wrapKey", "unwrapKey", "sign", "verify"] });
    let key = vault.ok("POST", "/keys/cmk/create", Some(body)).await;
    assert_eq!(bytes(&key["key"]["n"]).len() * 8, 3072);
    assert_eq!((key["key"]["e"].as_str(), key["key"]["kty"].as_str()), (Some("AQAB"), Some("RSA")));
    assert_eq!(key["attributes"]["recoveryLevel"], "CustomizedRecoverable+Purgeable");
    assert!(key["key"].get("d").is_none(), "the private half stays: {key}");
    let first = path_of(&key);

    // Wrapped by the first version, unwrapped by it after a rotation; not by the second.
    let data_key = URL_SAFE_NO_PAD.encode([7; 32]);
    let wrap = json!({ "alg": "RSA-OAEP-256", "value": data_key });
    let wrapped = vault.ok("POST", &format!("{first}/wrapkey"), Some(wrap.clone())).await;
    assert_eq!(wrapped["kid"], key["key"]["kid"]);
    let rotated = vault.ok("POST", "/keys/cmk/rotate", None).await;
    assert_ne!(rotated["key"]["kid"], key["key"]["kid"]);
    assert_eq!(rotated["key"]["key_ops"], key["key"]["key_ops"]);
    let unwrap = json!({ "alg": "RSA-OAEP-256", "value": wrapped["value"] });
    assert_eq!(vault.ok("POST", &format!("{first}/unwrapkey"), Some(unwrap.clone())).await["value"], data_key);
    assert_eq!(vault.no("POST", "/keys/cmk//unwrapkey", Some(unwrap)).await.0, 400);
    let versions = vault.ok("GET", "/keys/cmk/versions", None).await;
    assert_eq!(versions["value"].as_array().unwrap().len(), 2);

    // A signature that another program can check with the public half alone.
    let digest = digest::digest(&digest::SHA256, b"message");
    let sign = json!({ "alg": "RS256", "value": URL_SAFE_NO_PAD.encode(digest.as_ref()) });
    let signed = vault.ok("POST", &format!("{first}/sign"), Some(sign)).await;
    let public = signature::RsaPublicKeyComponents { n: bytes(&key["key"]["n"]), e: bytes(&key["key"]["e"]) };
    public.verify(&signature::RSA_PKCS1_2048_8192_SHA256, b"message", &bytes(&signed["value"])).unwrap();
    let verify =
        |digest: &[u8]| json!({ "alg": "RS256", "digest": URL_SAFE_NO_PAD.encode(digest), "value": signed["value"] });
    let path = format!("{first}/verify");
    assert_eq!(vault.ok("POST", &path, Some(verify(digest.as_ref()))).await["value"], true);
    assert_eq!(vault.ok("POST", &path, Some(verify(&[0; 32]))).await["value"], false);

    // What a key may not be used for, and when it may not be used.
    let refused = vault.no("POST", &format!("{first}/encrypt"), Some(wrap.clone())).await;
    assert_eq!((refused.0, refused.2.as_str()), (403, "KeyOperationForbidden"));
    vault.ok("PATCH", &first, Some(json!({ "attributes": { "enabled": false } }))).await;
    let refused = vault.no("POST", &format!("{first}/wrapkey"), Some(wrap.clone())).await;
    assert_eq!((refused.0, refused.2.as_str()), (403, "KeyDisabled"));
    vault.ok("POST", "/keys/cmk//wrapkey", Some(wrap.clone())).await;
    vault.ok("PATCH", &first, Some(json!({ "attributes": { "enabled": true, "exp": 1 } }))).await;
    assert_eq!(vault.no("POST", &format!("{first}/wrapkey"), Some(wrap)).await.2, "KeyExpired");

    // The policy of rotation, Azure's until one is put.
    let policy = vault.ok("GET", "/keys/cmk/rotationpolicy", None).await;
    assert_eq!(policy["lifetimeActions"][0]["action"]["type"], "Notify");
    let body = json!({ "lifetimeActions": [], "attributes": { "expiryTime": "P90D" } });
    vault.ok("PUT", "/keys/cmk/rotationpolicy", Some(body)).await;
    assert!(vault.ok("POST", "/keys/cmk/rotate", None).await["attributes"]["exp"].as_u64().unwrap() > 1_700_000_000);

    // Deleted, its name reserved, recovered with all versions, and purged.
    let deleted = vault.ok("DELETE", "/keys/cmk", None).await;
    assert_eq!(deleted["recoveryId"], "https://kv-keys.vault.tidelock.internal:8443/deletedkeys/cmk");
    assert_eq!(deleted["scheduledPurgeDate"].as_u64().unwrap() - deleted["deletedDate"].as_u64().unwrap(), 7 * 86_400);
    assert_eq!(vault.no("GET", "/keys/cmk/", None).await.1, "KeyNotFound");
    let taken = vault.no("POST", "/keys/cmk/create", Some(json!({ "kty": "RSA" }))).await;
    assert_eq!((taken.0, taken.2.as_str()), (409, "ObjectIsDeletedButRecoverable"));
    vault.ok("POST", "/deletedkeys/cmk/recover", None).await;
    assert_eq!(vault.ok("GET", "/keys/cmk/versions", None).await["value"].as_array().unwrap().len(), 3);
    vault.ok("DELETE", "/keys/cmk", None).await;
    assert_eq!(vault.call("DELETE", "/deletedkeys/cmk", None).await.0, 204);
    assert_eq!(vault.no("GET", "/deletedkeys/cmk", None).await.0, 404);

    // Through management: made once, and what is there stays.
    let id = format!("{}/keys/by-arm", vault_id(&cloud, "kv-keys"));
    let body = json!({ "properties": { "kty": "RSA", "keySize": 2048 } });
    let (status, _, made) = cloud.arm("PUT", &id, Some(body.clone())).await;
    assert_eq!((status, made["properties"]["keySize"].as_u64()), (200, Some(2048)), "{made}");
    let again = cloud.arm("PUT", &id, Some(body)).await.2;
    assert_eq!(again["properties"]["keyUriWithVersion"], made["properties"]["keyUriWithVersion"]);
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_acknowledged_survives_the_process() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let vault = make(&cloud, "kv-keys", "uksouth", json!({})).await;
    let mut made = Vec::new();
    for round in 0..3 {
        let name = format!("/keys/k{round}/create");
        made.push(vault.ok("POST", &name, Some(json!({ "kty": "EC" }))).await);
        let old = cloud.pid("region-uksouth").await.unwrap();
        signal(old, "KILL");
        cloud.restarted("region-uksouth", old).await;
        support::eventually("the region serves its vaults again", || async {
            cloud.control.put_region(&location("uksouth")).await.map_err(|err| err.to_string())
        })
        .await;
        for (number, key) in made.iter().enumerate() {
            let found = vault.ok("GET", &format!("/keys/k{number}"), None).await;
            assert_eq!(&found["key"], &key["key"]);
        }
    }
    cloud.finish().await;
}
