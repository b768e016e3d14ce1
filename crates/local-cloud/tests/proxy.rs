//! The proxy leads to this cloud and nowhere else; the metadata say where everything is.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use support::vault::{SCOPE, make, vault_address};
use support::{Cloud, WITHIN};
use tidelock_control::trust_only;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn arm(cloud: &Cloud) -> SocketAddr {
    cloud.operator["arm_endpoint"].as_str().unwrap().trim_start_matches("https://").parse().unwrap()
}

fn proxy(cloud: &Cloud) -> SocketAddr {
    SocketAddr::new(arm(cloud).ip(), 8444)
}

/// The first line of the answer; empty if the connection was closed without one.
async fn ask(cloud: &Cloud, request: &str) -> String {
    let mut stream = TcpStream::connect(proxy(cloud)).await.unwrap();
    // Refused half-way through, writing the rest may fail.
    stream.write_all(request.as_bytes()).await.ok();
    let mut answer = vec![0; 256];
    let read = tokio::time::timeout(WITHIN, stream.read(&mut answer)).await.unwrap().unwrap_or(0);
    String::from_utf8_lossy(&answer[..read]).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_dials_the_clouds_own_names_only() {
    let cloud = Cloud::start().await;
    cloud.make_group().await;
    let vault = make(&cloud, "kv-proxied", "eastus2", json!({ "publicNetworkAccess": "Enabled" })).await;
    vault.ok("PUT", "/secrets/s", Some(json!({ "value": "v" }))).await;

    // A client that resolves nothing reaches management and vaults through it, with TLS to the end.
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(trust_only(cloud.ca_pem.as_bytes()).unwrap())
        .proxy(reqwest::Proxy::all(format!("http://{}", proxy(&cloud))).unwrap())
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap();
    let token = cloud.operator_token(SCOPE).await;
    let secret = "https://kv-proxied.vault.tidelock.internal:8443/secrets/s?api-version=7.6";
    let answer: Value = client.get(secret).bearer_auth(&token).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["value"], "v");
    let metadata = format!("https://{}/metadata/endpoints?api-version=2022-09-01", arm(&cloud));
    assert_eq!(client.get(metadata).send().await.unwrap().status(), 200);

    let region = vault_address(&cloud, "eastus2").await;
    for own in [
        arm(&cloud).to_string(),
        "localhost:8443".to_owned(),
        region.to_string(),
        "KV-Proxied.Vault.Tidelock.Internal:8443".to_owned(),
    ] {
        let answer = ask(&cloud, &format!("CONNECT {own} HTTP/1.1\r\nHost: {own}\r\n\r\n")).await;
        assert_eq!(answer, "HTTP/1.1 200 Connection Established", "{own}");
    }

    // Something listens on this machine that is none of the cloud's: nobody comes there this way.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let foreign = listener.local_addr().unwrap();
    for other in [
        foreign.to_string(),
        format!("localhost:{}", foreign.port()),
        "127.0.0.1:8443".to_owned(),
        format!("{}:10000", region.ip()),
        proxy(&cloud).to_string(),
        "example.com:443".to_owned(),
        "example.com:8443".to_owned(),
        "kv-nobodys.vault.tidelock.internal:8443".to_owned(),
        "kv-proxied.vault.tidelock.internal:443".to_owned(),
        "kv-proxied.vault.tidelock.internal.example.com:8443".to_owned(),
        "[::1]:8443".to_owned(),
        "8443".to_owned(),
        String::new(),
    ] {
        let answer = ask(&cloud, &format!("CONNECT {other} HTTP/1.1\r\n\r\n")).await;
        assert_eq!(answer, "HTTP/1.1 403 Forbidden", "{other}");
    }
    assert_eq!(
        ask(&cloud, &format!("GET http://{foreign}/ HTTP/1.1\r\n\r\n")).await,
        "HTTP/1.1 405 Method Not Allowed"
    );
    let accepted = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(accepted.is_err(), "nothing was dialled: {accepted:?}");
    assert_eq!(ask(&cloud, &format!("CONNECT {}", "x".repeat(9000))).await, "", "a head has a limit");
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_need_no_token_and_lead_to_this_cloud() {
    let cloud = Cloud::start().await;
    let endpoint = cloud.operator["arm_endpoint"].as_str().unwrap();
    let get = async |path: &str| {
        let answer = cloud.http.get(format!("{endpoint}{path}")).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    // azurerm asks with two slashes.
    for path in ["/metadata/endpoints?api-version=2022-09-01", "//metadata/endpoints?api-version=2018-01-01"] {
        let (status, found) = get(path).await;
        assert_eq!(status, 200, "{found}");
        assert_eq!(found["resourceManager"], format!("{endpoint}/"));
        assert_eq!(found["authentication"]["loginEndpoint"], endpoint);
        assert_eq!(found["suffixes"]["keyVaultDns"], "vault.tidelock.internal");
        let audiences = found["authentication"]["audiences"].as_array().unwrap();
        assert!(audiences.contains(&json!("https://management.azure.com")));
        assert_ne!(found["name"], "AzureCloud", "clients have a list of Microsoft's own built in");
    }
    let (_, clouds) = get("/metadata/endpoints?api-version=2019-05-01").await;
    assert_eq!(clouds.as_array().map(Vec::len), Some(1), "the Azure CLI wants a list");
    let (_, oldest) = get("/metadata/endpoints?api-version=2015-01-01").await;
    assert_eq!(oldest["authentication"]["loginEndpoint"], endpoint);
    for (path, code) in [
        ("/metadata/endpoints", "MissingApiVersionParameter"),
        ("/metadata/endpoints?api-version=1999-01-01", "InvalidApiVersionParameter"),
    ] {
        let (status, refused) = get(path).await;
        assert_eq!((status, refused["error"]["code"].as_str()), (400, Some(code)));
    }
    // An audience that is published is one that is accepted.
    for audience in ["https://management.azure.com", "https://management.core.windows.net", endpoint] {
        let token = cloud.operator_token(audience).await;
        let url = format!("{endpoint}/subscriptions?api-version=2022-12-01");
        assert_eq!(cloud.http.get(url).bearer_auth(token).send().await.unwrap().status(), 200, "{audience}");
    }
    cloud.finish().await;
}
