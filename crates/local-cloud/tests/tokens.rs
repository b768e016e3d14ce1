//! Tokens: who gets them, what they are good for, and that others can check them.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod support;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use support::vault::{SCOPE, client, make, vault_address};
use support::{Cloud, location};
use tidelock_model::ExposeSecret;

const MANAGEMENT: &str = "https://management.azure.com";

fn part(token: &str, index: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

async fn get(cloud: &Cloud, url: &str) -> Value {
    let answer = cloud.http.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{url}");
    answer.json().await.unwrap()
}

/// Whether management accepts a token; if not, with the reason.
async fn accepted(cloud: &Cloud, token: &str) -> Result<(), String> {
    let url = format!("{}{}?api-version=2022-12-01", arm(cloud), cloud.subscription());
    let answer = cloud.http.get(url).bearer_auth(token).send().await.unwrap();
    let status = answer.status().as_u16();
    let challenge = answer.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    let body: Value = answer.json().await.unwrap();
    if status == 200 {
        return Ok(());
    }
    assert_eq!((status, body["error"]["code"].as_str()), (401, Some("AuthenticationFailed")), "{body}");
    assert!(challenge.unwrap().contains("authorization_uri="), "it is said where to get a better one");
    Err(body["error"]["message"].as_str().unwrap().to_owned())
}

fn arm(cloud: &Cloud) -> String {
    cloud.operator["arm_endpoint"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_can_check_a_token_with_the_published_keys() {
    let cloud = Cloud::start().await;
    cloud.control.put_region(&location("eastus2")).await.unwrap();
    let tenant = cloud.operator["tenant"].as_str().unwrap();
    let region = format!("https://{}", vault_address(&cloud, "eastus2").await);
    let token = cloud.operator_token(SCOPE).await;
    let claims = part(&token, 1);
    assert_eq!((claims["aud"].as_str(), claims["tid"].as_str()), (Some(SCOPE), Some(tenant)));
    assert_eq!(claims["appid"], cloud.operator["client_id"]);
    for base in [arm(&cloud), region] {
        let discovery = get(&cloud, &format!("{base}/{tenant}/v2.0/.well-known/openid-configuration")).await;
        assert_eq!(discovery["issuer"], format!("{base}/{tenant}/v2.0"));
        assert_eq!(discovery["token_endpoint"], format!("{base}/{tenant}/oauth2/v2.0/token"));
        let keys = get(&cloud, discovery["jwks_uri"].as_str().unwrap()).await;
        let header = part(&token, 0);
        assert_eq!(header["alg"], "RS256");
        let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
        let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
        let public = PublicKeyComponents { n: number("n"), e: number("e") };
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let verify = |text: &str| public.verify(&RSA_PKCS1_2048_8192_SHA256, text.as_bytes(), &signature);
        assert!(verify(signed).is_ok());
        assert!(verify(&signed.replace('.', "..")).is_err());
    }
    // What Microsoft's clients ask of an authority that they have not heard of.
    let instance = get(&cloud, &format!("{}/common/discovery/instance?api-version=1.1", arm(&cloud))).await;
    let discovery = get(&cloud, instance["tenant_discovery_endpoint"].as_str().unwrap()).await;
    assert_eq!(discovery["issuer"], format!("{}/{tenant}/v2.0", arm(&cloud)));
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_its_audience_tenant_and_time() {
    let cloud = Cloud::start().await;
    let token = cloud.operator_token(MANAGEMENT).await;
    assert_eq!(accepted(&cloud, &token).await, Ok(()));
    let arms_own = cloud.operator_token(&arm(&cloud)).await;
    assert_eq!(accepted(&cloud, &arms_own).await, Ok(()), "the endpoint itself is an audience too");
    let reason = accepted(&cloud, &cloud.operator_token(SCOPE).await).await.unwrap_err();
    assert!(reason.contains("another audience"), "{reason}");

    // With the cloud's own key: what is signed well and says something wrong.
    let der = STANDARD.decode(std::fs::read_to_string(cloud.dir.join("token-rsa.key")).unwrap().trim()).unwrap();
    let own = RsaKeyPair::from_pkcs8(&der).unwrap();
    let sign = |pair: &RsaKeyPair, change: &dyn Fn(&mut Value)| {
        let mut claims = part(&token, 1);
        change(&mut claims);
        let signed = format!("{}.{}", token.split('.').next().unwrap(), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    let now = part(&token, 1)["iat"].as_u64().unwrap();
    assert_eq!(accepted(&cloud, &sign(&own, &|_| {})).await, Ok(()), "the way of signing here is right");
    let elsewhere = format!("{}/00000000-0000-4000-8000-000000000000/v2.0", arm(&cloud));
    let far = Value::from(now + 7200);
    for (name, value, expected) in [
        ("exp", Value::from(now - 1), "expired"),
        ("nbf", far, "not valid yet"),
        ("aud", Value::from("https://vault.azure.net"), "another audience"),
        ("iss", Value::from(elsewhere), "somebody else"),
    ] {
        let reason = accepted(&cloud, &sign(&own, &|claims| claims[name] = value.clone())).await.unwrap_err();
        assert!(reason.contains(expected), "{name}: {reason}");
    }
    // Signed by somebody else, changed, without a signature, or no token at all.
    let stranger = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let (head, rest) = token.split_once('.').unwrap();
    let mut wider = part(&token, 1);
    wider["aud"] = Value::from(arm(&cloud));
    let changed = format!("{head}.{}.{}", URL_SAFE_NO_PAD.encode(wider.to_string()), rest.rsplit_once('.').unwrap().1);
    let bare = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT","kid":""}"#),
        rest.split('.').next().unwrap()
    );
    for forged in [sign(&stranger, &|_| {}), changed, bare, "nonsense".to_owned()] {
        assert!(accepted(&cloud, &forged).await.is_err(), "{forged}");
    }

    // A vault is as careful.
    cloud.make_group().await;
    make(&cloud, "kv-tokens", "eastus2", json!({})).await;
    let mut vault = client(&cloud, "kv-tokens", "eastus2", None).await;
    for wrong in [sign(&own, &|_| {}), sign(&stranger, &|claims| claims["aud"] = Value::from(SCOPE))] {
        vault.token = Some(wrong);
        assert_eq!(vault.no("GET", "/secrets", None).await.0, 401);
    }
    vault.token = Some(sign(&own, &|claims| claims["aud"] = Value::from(SCOPE)));
    vault.ok("GET", "/secrets", None).await;
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_wrongly_for_a_token_is_told_why_in_entras_words() {
    let cloud = Cloud::start().await;
    let workload = cloud.control.credential("app", &location("uksouth")).await.unwrap();
    let tenant = cloud.operator["tenant"].as_str().unwrap().to_owned();
    let (id, secret) = (workload.client_id.clone(), workload.client_secret.expose_secret().to_owned());
    let ask = async |tenant: &str, version: &str, fields: &[(&str, &str)]| {
        let encoded = |text: &str| text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let form: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let url = format!("{}/{tenant}/oauth2/{version}token", arm(&cloud));
        let answer = cloud.http.post(url).body(form.join("&")).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let scope = format!("{SCOPE}/.default");
    let good: [(&str, &str); 4] =
        [("grant_type", "client_credentials"), ("client_id", &id), ("client_secret", &secret), ("scope", &scope)];
    let with = |name: &str, value: &'static str| {
        good.map(|(known, kept)| if known == name { (known, value) } else { (known, kept) })
    };

    let (status, answer) = ask(&tenant, "v2.0/", &good).await;
    assert_eq!((status, answer["expires_in"].as_u64()), (200, Some(3600)), "{answer}");
    assert_eq!(part(answer["access_token"].as_str().unwrap(), 1)["oid"], id.as_str());
    // The older endpoint names the audience otherwise, and writes its numbers as text.
    let resource = [good[0], good[1], good[2], ("resource", SCOPE)];
    let (status, answer) = ask(&tenant, "", &resource).await;
    assert_eq!((status, answer["expires_in"].as_str(), answer["resource"].as_str()), (200, Some("3600"), Some(SCOPE)));
    assert_eq!(part(answer["access_token"].as_str().unwrap(), 1)["ver"], "1.0");

    let elsewhere = "00000000-0000-4000-8000-000000000000";
    for (tenant, fields, status, error, code) in [
        (elsewhere, good, 400, "invalid_request", 90002),
        (&tenant, with("client_id", elsewhere), 400, "unauthorized_client", 700_016),
        (&tenant, with("client_secret", "wrong"), 401, "invalid_client", 7_000_215),
        (&tenant, with("client_secret", ""), 401, "invalid_client", 7_000_218),
        (&tenant, with("grant_type", "password"), 400, "unsupported_grant_type", 70003),
        (&tenant, with("scope", "https://vault.azure.net"), 400, "invalid_scope", 1_002_012),
        (&tenant, with("scope", ""), 400, "invalid_request", 90014),
    ] {
        let (got, answer) = ask(tenant, "v2.0/", &fields).await;
        assert_eq!((got, answer["error"].as_str(), &answer["error_codes"][0]), (status, Some(error), &json!(code)));
        let description = answer["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
        assert!(!description.contains(&secret));
    }

    // A workload manages nothing: it is known, and may not.
    let (_, answer) =
        ask(&tenant, "v2.0/", &[good[0], good[1], good[2], ("scope", "https://management.azure.com/.default")]).await;
    let url = format!("{}{}?api-version=2022-12-01", arm(&cloud), cloud.subscription());
    let refused = cloud.http.get(url).bearer_auth(answer["access_token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["code"], "AuthorizationFailed");
    cloud.finish().await;
}
