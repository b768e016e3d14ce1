//! Reads and writes through both regions' gateways; the private endpoint is the only way in; nothing is left afterwards.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use redis::AsyncCommands;
use rustls_pki_types::ServerName;
use tidelock_model::{ExposeSecret, SecretString};
use tidelock_redis_client::{Client, ClientError, ConnectOptions, Endpoint, Value};

use crate::harness::{EAST, Env, UK, processes_mentioning, until_reads};

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_serves_both_regions_and_leaves_nothing() {
    let env = Env::up();
    writes_land_at_the_writer_and_are_read_everywhere(&env).await;
    an_independent_client_works(&env).await;
    the_engine_is_reached_only_through_its_private_endpoint(&env).await;
    status_tells_the_truth(&env);
    env.run(&["up"]).success().says(&["No changes"]);
    env.run(&["plan", "--detailed-exitcode"]).success().says(&["No changes"]);
    env.run(&["down"]).success();
    env.assert_clean();
    env.run(&["down"]).success().says(&["nothing to do"]);
}

async fn writes_land_at_the_writer_and_are_read_everywhere(env: &Env) {
    let mut east = env.client(EAST).await;
    let mut uk = env.client(UK).await;
    uk.command(&["SET", "from-uk", "1"]).await.unwrap();
    // Acknowledged means: the writer has it.
    assert_eq!(east.command(&["GET", "from-uk"]).await.unwrap().as_str(), Some("1"));
    until_reads(&mut uk, "from-uk", "1").await;
    east.command(&["SET", "from-east", "2"]).await.unwrap();
    until_reads(&mut uk, "from-east", "2").await;
}

async fn an_independent_client_works(env: &Env) {
    let gateway = env.gateway(UK);
    let key = env.access_key(UK).await;
    let url = format!(
        "redis://:{}@{gateway}/",
        key.expose_secret().replace('/', "%2F").replace('+', "%2B").replace('=', "%3D")
    );
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let count: i64 = connection.incr("visits", 5).await.unwrap();
    assert_eq!(count, 5);
    let (a, b): (i64, String) = redis::pipe()
        .atomic()
        .incr("visits", 1)
        .set("name", "x")
        .ignore()
        .get("name")
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!((a, b.as_str()), (6, "x"));
}

/// Every TCP port that a process of the environment listens on, tried with the right key but without TLS; the private
/// endpoint with TLS and a wrong key.
async fn the_engine_is_reached_only_through_its_private_endpoint(env: &Env) {
    let key = env.access_key(EAST).await;
    let gateways = BTreeSet::from([env.gateway(EAST), env.gateway(UK)]);
    let listeners = listeners(env);
    assert!(listeners.len() > 6, "the environment's listeners were not found: {listeners:?}");
    for address in listeners.iter().filter(|address| !gateways.contains(*address)) {
        let options = ConnectOptions {
            endpoint: Endpoint::Tcp(*address),
            username: None,
            password: Some(key.clone()),
            connect_timeout: Duration::from_secs(2),
            command_timeout: Duration::from_secs(2),
        };
        let reached = match Client::connect(&options).await {
            Ok(mut client) => client.command(&["GET", "from-east"]).await,
            Err(err) => Err(err),
        };
        assert!(reached.is_err(), "{address} lets anybody at the data: {reached:?}");
    }
    let wrong = through_private_endpoint(env, SecretString::from("wrong")).await;
    assert!(matches!(wrong, Err(ClientError::Auth { .. })), "{wrong:?}");
    assert_eq!(through_private_endpoint(env, key).await.unwrap().as_str(), Some("2"));
}

async fn through_private_endpoint(env: &Env, key: SecretString) -> Result<Value, ClientError> {
    let options = ConnectOptions {
        endpoint: Endpoint::Tls {
            address: env.private_endpoint(EAST),
            server_name: ServerName::try_from(env.server_name(EAST)).unwrap(),
            config: Arc::new(tidelock_control::trust_only(&env.ca()).unwrap()),
        },
        username: None,
        password: Some(key),
        connect_timeout: Duration::from_secs(5),
        command_timeout: Duration::from_secs(5),
    };
    Client::connect(&options).await?.command(&["GET", "from-east"]).await
}

/// Listening TCP sockets of the environment's processes, from /proc.
fn listeners(env: &Env) -> BTreeSet<SocketAddr> {
    let mut inodes = BTreeSet::new();
    for (_, pid) in env.processes() {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            let target = fs::read_link(entry.path()).unwrap_or_default();
            let text = target.to_string_lossy().into_owned();
            inodes.extend(text.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')).map(str::to_owned));
        }
    }
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listening = rows.filter(|row| row[3] == "0A" && inodes.contains(row[9]));
    listening
        .map(|row| {
            let (address, port) = row[1].split_once(':').unwrap();
            let address = u32::from_str_radix(address, 16).unwrap().swap_bytes();
            SocketAddr::new(Ipv4Addr::from(address).into(), u16::from_str_radix(port, 16).unwrap())
        })
        .collect()
}

fn status_tells_the_truth(env: &Env) {
    let status = env.status();
    assert_eq!(status["schema_version"], 2);
    assert_eq!((&status["writer"], &status["epoch"], &status["writable"]), (&EAST.into(), &1.into(), &true.into()));
    let roles: Vec<_> = status["sites"].as_array().unwrap().iter().map(|site| site["status"]["role"].clone()).collect();
    assert_eq!(roles, ["writer".into(), "reader".into(), serde_json::Value::Null]);
    env.run(&["status"]).success().says(&["epoch 1", "eastus2 writes", "uksouth", "follows", "witness"]);
}

/// A check of the checker: an environment that is up is found by its processes.
#[tokio::test(flavor = "multi_thread")]
async fn processes_of_an_environment_are_found() {
    let env = Env::up();
    assert!(processes_mentioning(&env.environment_dir()).len() > 8);
}
