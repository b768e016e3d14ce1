//! The cloud is killed while several write to it: what was acknowledged is there afterwards, and operations go on.

#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)] // helpers of tests fail as tests do; a delay is timed

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::vault::{SCOPE, Vault, client, make};
use support::{Cloud, WITHIN, eventually};
use tidelock_control::cloud_api::KillSignal;
use tidelock_control::cloud_faults::FaultSettings;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const REGION: &str = "eastus2";
/// Answers after which the cloud is killed, and whether the region, which holds the vaults, is killed with it.
const KILLED_AFTER: [(u64, bool); 8] =
    [(1, true), (2, false), (5, true), (9, false), (17, true), (33, true), (50, false), (80, true)];
/// Clusters begun in each round; more would only make the test longer.
const CLUSTERS: usize = 2;
/// How long a cluster takes, so that some are under way when the cloud is killed.
const PROVISIONING_MS: u64 = 200;
/// All rounds together, without the first start.
const AT_MOST: Duration = Duration::from_secs(15);

/// What one writer writes, each time with the next number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writes {
    /// The number as a tag of one identity of its own.
    Tag(u8),
    /// Another subnet into a network that they share.
    Subnet(u8),
    /// Makes an identity with odd numbers and deletes it with even ones.
    OnAndOff,
    /// Another cluster, which is an operation.
    Cluster,
    /// The number as the next version of one secret of its own.
    Secret(u8),
}

const WRITERS: [Writes; 8] = [
    Writes::Tag(0),
    Writes::Tag(1),
    Writes::Subnet(0),
    Writes::Subnet(1),
    Writes::OnAndOff,
    Writes::Cluster,
    Writes::Secret(0),
    Writes::Secret(1),
];

/// What a writer knows.
#[derive(Debug)]
struct Log {
    writes: Writes,
    /// The last number it asked for.
    asked: u64,
    /// What was acknowledged, with the operation's or the version's address where there is one.
    acknowledged: Vec<(u64, String)>,
}

impl Log {
    fn last(&self) -> u64 {
        self.acknowledged.last().map_or(0, |(number, _)| *number)
    }
}

/// Every call of a writer; an error only where no answer came.
#[derive(Clone)]
struct Clients {
    http: reqwest::Client,
    token: String,
    endpoint: String,
    group: String,
    vault: Arc<Vault>,
}

impl Clients {
    async fn of(cloud: &Cloud) -> Self {
        let mut vault = client(cloud, "kv-crash", REGION, None).await;
        vault.token = Some(cloud.operator_token(SCOPE).await);
        Self {
            http: cloud.http.clone(),
            token: cloud.operator_token("https://management.azure.com").await,
            endpoint: cloud.operator["arm_endpoint"].as_str().unwrap().to_owned(),
            group: cloud.group(),
            vault: Arc::new(vault),
        }
    }

    async fn write(&self, writes: Writes, number: u64) -> Result<String, reqwest::Error> {
        let (kind, name) = (kind(writes), name(writes, number));
        let version = match writes {
            Writes::Tag(_) | Writes::OnAndOff => "2024-11-30",
            Writes::Subnet(_) => "2025-01-01",
            Writes::Cluster => "2025-07-01",
            Writes::Secret(_) => {
                let url = format!("{}/secrets/{name}?api-version=7.6", self.vault.uri);
                let request = self.vault.http.put(url).bearer_auth(self.vault.token.as_deref().unwrap());
                let answer = request.json(&json!({ "value": number.to_string() })).send().await?;
                let status = answer.status();
                let body: Value = answer.json().await?;
                assert_eq!(status, 200, "{writes:?} {number}: {body}");
                return Ok(body["id"].as_str().unwrap().to_owned());
            }
        };
        let url = format!("{}{}/providers/{kind}/{name}?api-version={version}", self.endpoint, self.group);
        let request = match writes {
            Writes::OnAndOff if number.is_multiple_of(2) => self.http.delete(url),
            Writes::Subnet(writer) => {
                let prefix = format!("10.{}.{}.0/24", u64::from(writer) * 100 + number / 256, number % 256);
                self.http.put(url).json(&json!({ "properties": { "addressPrefix": prefix } }))
            }
            Writes::Cluster => self.http.put(url).json(&json!({
                "location": REGION,
                "sku": { "name": "Balanced_B3" },
                "properties": { "publicNetworkAccess": "Disabled" },
            })),
            _ => self.http.put(url).json(&json!({ "location": REGION, "tags": { "n": number.to_string() } })),
        };
        // With the head of the answer it is acknowledged, whatever becomes of the rest.
        let answer = request.bearer_auth(&self.token).send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        assert!(status.is_success(), "{writes:?} {number}: {status} {:?}", answer.text().await);
        let report = headers.get("azure-asyncoperation").map(|url| url.to_str().unwrap().to_owned());
        assert_eq!(report.is_some(), writes == Writes::Cluster, "{headers:?}");
        Ok(report.unwrap_or_default())
    }
}

fn kind(writes: Writes) -> &'static str {
    match writes {
        Writes::Tag(_) | Writes::OnAndOff => "Microsoft.ManagedIdentity/userAssignedIdentities",
        Writes::Subnet(_) => "Microsoft.Network/virtualNetworks/vnet-crash/subnets",
        Writes::Cluster => "Microsoft.Cache/redisEnterprise",
        Writes::Secret(_) => "secrets",
    }
}

fn name(writes: Writes, number: u64) -> String {
    match writes {
        Writes::Tag(writer) => format!("id-{writer}"),
        Writes::Subnet(writer) => format!("s-{writer}-{number}"),
        Writes::OnAndOff => "id-on-and-off".to_owned(),
        Writes::Cluster => format!("redis-{number}"),
        Writes::Secret(writer) => format!("secret-{writer}"),
    }
}

/// One round, as the writers see it.
#[derive(Clone)]
struct Round {
    clients: Clients,
    /// Set before anything is killed: from then on an answer may fail to come.
    killing: CancellationToken,
    stop: CancellationToken,
    /// Answers so far: all, and a vault's.
    answers: Arc<watch::Sender<u64>>,
    vault_answers: Arc<watch::Sender<u64>>,
}

impl Round {
    /// Writes until no answer comes any more.
    async fn go_on(self, mut log: Log) -> Log {
        let before = log.acknowledged.len();
        let limit = if log.writes == Writes::Cluster { before + CLUSTERS } else { usize::MAX };
        while !self.stop.is_cancelled() && log.acknowledged.len() < limit {
            log.asked += 1;
            match self.clients.write(log.writes, log.asked).await {
                Ok(evidence) => log.acknowledged.push((log.asked, evidence)),
                Err(err) if self.killing.is_cancelled() => {
                    assert!(!err.is_timeout(), "{:?} {}: {err}", log.writes, log.asked);
                    break;
                }
                Err(err) => panic!("{:?} {}: nothing was killed yet: {err:?}", log.writes, log.asked),
            }
            self.answers.send_modify(|count| *count += 1);
            if matches!(log.writes, Writes::Secret(_)) {
                self.vault_answers.send_modify(|count| *count += 1);
            }
        }
        log
    }
}

async fn wait_for(count: &watch::Sender<u64>, least: u64) {
    let mut seen = count.subscribe();
    let reached = tokio::time::timeout(WITHIN, seen.wait_for(|count| *count >= least)).await;
    assert!(reached.is_ok(), "{} answers instead of {least}", *count.borrow());
}

/// Whether `found` is what was acknowledged last, or what was asked for and never answered.
fn is_between(log: &Log, found: &Value) {
    let found: u64 = found.as_str().unwrap_or("0").parse().unwrap();
    assert!(
        (log.last()..=log.asked).contains(&found),
        "{:?}: {found} is not {}..={}",
        log.writes,
        log.last(),
        log.asked
    );
}

/// What was acknowledged is there; of secrets, the versions from `since` on.
async fn check(cloud: &Cloud, clients: &Clients, log: &Log, since: usize) {
    let id = |number| format!("{}/providers/{}/{}", cloud.group(), kind(log.writes), name(log.writes, number));
    match log.writes {
        Writes::Tag(_) => is_between(log, &cloud.arm("GET", &id(0), None).await.2["tags"]["n"]),
        Writes::Subnet(writer) => {
            let network = cloud.network_id("virtualNetworks", "vnet-crash");
            let (_, _, network) = cloud.arm("GET", &network, None).await;
            let subnets = network["properties"]["subnets"].as_array().unwrap();
            let own = format!("s-{writer}-");
            let found: Vec<u64> = subnets
                .iter()
                .filter_map(|subnet| subnet["name"].as_str().unwrap().strip_prefix(&own)?.parse().ok())
                .collect();
            let missing: Vec<_> = log.acknowledged.iter().filter(|(number, _)| !found.contains(number)).collect();
            assert!(missing.is_empty(), "{:?}: {missing:?} of {found:?}", log.writes);
            assert!(found.iter().all(|number| *number <= log.asked), "{found:?}");
        }
        Writes::OnAndOff => {
            let there = cloud.arm("GET", &id(0), None).await.0 == 200;
            let last = log.last() % 2 == 1;
            assert!(there == last || log.asked > log.last(), "there: {there}, {} acknowledged", log.last());
        }
        Writes::Cluster => {
            for (number, report) in &log.acknowledged {
                assert_eq!(cloud.operation(report).await["status"], "Succeeded", "cluster {number}");
                let (status, _, cluster) = cloud.arm("GET", &id(*number), None).await;
                assert_eq!((status, &cluster["properties"]["resourceState"]), (200, &json!("Running")), "{cluster}");
            }
        }
        Writes::Secret(_) => {
            let path = format!("/secrets/{}", name(log.writes, 0));
            let current = clients.vault.call("GET", &path, None).await;
            if log.last() > 0 {
                is_between(log, &current.2["value"]);
            }
            for (number, version) in log.acknowledged.iter().skip(since) {
                let path = format!("{version}?api-version=7.6");
                let found = clients.vault.ok("GET", &path, None).await;
                assert_eq!(found["value"], number.to_string(), "{version}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_to_any_of_several_writers_survives_every_kill() {
    let mut cloud = Cloud::start().await;
    cloud.make_group().await;
    let space = json!({ "addressSpace": { "addressPrefixes": ["10.0.0.0/8"] }, "subnets": [] });
    let network = json!({ "location": REGION, "properties": space });
    cloud.arm_done("PUT", &cloud.network_id("virtualNetworks", "vnet-crash"), Some(network)).await;
    make(&cloud, "kv-crash", REGION, json!({})).await;
    let began = Instant::now();
    let mut logs = WRITERS.map(|writes| Log { writes, asked: 0, acknowledged: Vec::new() });
    let mut resumed = 0;
    for (point, with_region) in KILLED_AFTER {
        let provisioning_ms = [("Microsoft.Cache/redisEnterprise".to_owned(), PROVISIONING_MS)].into();
        cloud.control.set_faults(&FaultSettings { provisioning_ms, ..FaultSettings::default() }).await.unwrap();
        let round = Round {
            clients: Clients::of(&cloud).await,
            killing: CancellationToken::new(),
            stop: CancellationToken::new(),
            answers: Arc::new(watch::Sender::new(0)),
            vault_answers: Arc::new(watch::Sender::new(0)),
        };
        let since = logs.each_ref().map(|log| log.acknowledged.len());
        let writers = logs.map(|log| tokio::spawn(round.clone().go_on(log)));
        wait_for(&round.answers, point).await;
        let region = cloud.pid(&format!("region-{REGION}")).await;
        round.killing.cancel();
        if with_region {
            cloud.control.signal_process(&format!("region-{REGION}"), KillSignal::Kill).await.unwrap();
        }
        cloud.kill_daemon().await;
        if !with_region {
            // A region needs nobody: its vaults go on without the cloud. At most two answers were on their way.
            let so_far = *round.vault_answers.borrow();
            wait_for(&round.vault_answers, so_far + 5).await;
        }
        round.stop.cancel();
        let mut back = Vec::new();
        for writer in writers {
            back.push(tokio::time::timeout(WITHIN, writer).await.unwrap().unwrap());
        }
        logs = back.try_into().unwrap();

        cloud.start_daemon(0).await;
        let process = eventually("the region runs", || async {
            cloud.pid(&format!("region-{REGION}")).await.ok_or_else(|| "not yet".to_owned())
        })
        .await;
        assert_eq!(Some(process) == region, !with_region, "a region is adopted unless it was killed");
        let clients = Clients::of(&cloud).await;
        eventually("the vault answers", || async {
            let url = format!("{}/secrets?api-version=7.6", clients.vault.uri);
            clients.vault.http.get(url).send().await.map_err(|err| format!("{err:?}"))
        })
        .await;
        resumed += usize::from(cloud.log("cloud").contains("going on with an operation"));
        for (log, since) in logs.iter().zip(since) {
            check(&cloud, &clients, log, since).await;
        }
    }
    let clients = Clients::of(&cloud).await;
    for log in &logs {
        assert!(log.acknowledged.len() > 2, "{:?} wrote next to nothing: {}", log.writes, log.acknowledged.len());
        check(&cloud, &clients, log, 0).await;
    }
    assert!(resumed > 0, "no operation was ever under way when the cloud was killed");
    assert!(began.elapsed() < AT_MOST, "{:?}", began.elapsed());
    cloud.finish().await;
}
