//! A real local cloud for a test: its own directory, its own processes, its own range of addresses; all gone afterwards.
#![allow(dead_code)] // each test program uses a part of it
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)] // helpers of tests fail as tests do

pub(crate) mod vault;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tidelock_control::cloud_client::CloudControl;
use tidelock_control::{CertificateAuthority, trust_only};
use tidelock_model::{Location, SecretString};
use tidelock_redis_client::{Client, ClientError, ConnectOptions, Endpoint};
use tokio::process::{Child, Command};

pub(crate) const WITHIN: Duration = Duration::from_secs(30);

pub(crate) struct Cloud {
    pub(crate) root: tempfile::TempDir,
    pub(crate) dir: PathBuf,
    pub(crate) control: CloudControl,
    pub(crate) http: reqwest::Client,
    pub(crate) ca_pem: String,
    pub(crate) operator: Value,
    daemon: Option<Child>,
}

impl Cloud {
    pub(crate) async fn start() -> Self {
        Self::start_with_round_trip(0).await
    }

    pub(crate) async fn start_with_round_trip(milliseconds: u64) -> Self {
        if let Err(err) = tidelock_local_cloud::find_engine().await {
            panic!("this test needs a real engine; run `make engine`: {err}");
        }
        let root = tempfile::Builder::new().prefix("tl").tempdir().unwrap();
        let authority = CertificateAuthority::load_or_create(&root.path().join("ca"), "test").unwrap();
        let ca_pem = authority.certificate_pem().to_owned();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(trust_only(ca_pem.as_bytes()).unwrap())
            .no_proxy()
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        let dir = root.path().canonicalize().unwrap().join("cloud");
        let control = CloudControl::new(&dir.join("control.sock"));
        let mut cloud = Self { root, dir, control, http, ca_pem, operator: Value::Null, daemon: None };
        cloud.start_daemon(milliseconds).await;
        cloud
    }

    pub(crate) fn command(&self, milliseconds: u64) -> Command {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.root.path().join("daemon.log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidelock-cloud-host"));
        command
            .arg("cloud")
            .arg("--dir")
            .arg(&self.dir)
            .arg("--ca-dir")
            .arg(self.root.path().join("ca"))
            .arg("--round-trip-ms")
            .arg(milliseconds.to_string())
            .stdin(Stdio::null())
            .stderr(log.unwrap());
        command
    }

    pub(crate) async fn start_daemon(&mut self, milliseconds: u64) {
        let command = self.command(milliseconds);
        self.start_command(command).await;
    }

    /// A cloud that records its exchanges there, or nowhere, whatever this test's own environment says.
    pub(crate) async fn start_recording(&mut self, directory: Option<&Path>) {
        let mut command = self.command(0);
        match directory {
            Some(directory) => command.env("TIDELOCK_RECORD_EXCHANGES", directory),
            None => command.env_remove("TIDELOCK_RECORD_EXCHANGES"),
        };
        self.start_command(command).await;
    }

    async fn start_command(&mut self, mut command: Command) {
        self.daemon = Some(command.spawn().unwrap());
        eventually("the control socket answers", || async { self.control.status().await.map_err(|e| e.to_string()) })
            .await;
        let operator = std::fs::read(self.dir.join("operator.json")).unwrap();
        self.operator = serde_json::from_slice(&operator).unwrap();
    }

    /// SIGKILL, as a crash would be.
    pub(crate) async fn kill_daemon(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.kill().await.unwrap();
    }

    pub(crate) async fn daemon_ended(&mut self) -> std::process::ExitStatus {
        tokio::time::timeout(WITHIN, self.daemon.as_mut().unwrap().wait()).await.unwrap().unwrap()
    }

    /// Ends everything properly and proves that nothing is left.
    pub(crate) async fn finish(mut self) {
        self.control.shutdown().await.unwrap();
        assert!(self.daemon_ended().await.success());
        assert_eq!(tidelock_local_cloud::leftovers(&self.dir).unwrap(), vec![]);
    }

    pub(crate) fn log(&self, name: &str) -> String {
        let path = if name == "cloud" {
            self.root.path().join("daemon.log")
        } else {
            self.dir.join("logs").join(format!("{name}.log"))
        };
        std::fs::read_to_string(path).unwrap_or_default()
    }

    fn text(&self, name: &str) -> &str {
        self.operator[name].as_str().unwrap()
    }

    pub(crate) async fn token(&self, issuer: &str, client: (&str, &str), scope: &str) -> reqwest::Response {
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope={scope}/.default",
            client.0,
            client.1.replace('+', "%2B").replace('=', "%3D").replace('/', "%2F")
        );
        let url = format!("{issuer}/{}/oauth2/v2.0/token", self.text("tenant"));
        self.http.post(url).body(form).send().await.unwrap()
    }

    pub(crate) async fn operator_token(&self, scope: &str) -> String {
        let client = (self.text("client_id"), self.text("client_secret"));
        let answer = self.token(self.text("arm_endpoint"), client, scope).await;
        assert!(answer.status().is_success(), "{:?}", answer.text().await);
        answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn subscription(&self) -> String {
        format!("/subscriptions/{}", self.text("subscription_id"))
    }

    pub(crate) fn group(&self) -> String {
        format!("{}/resourceGroups/rg-test", self.subscription())
    }

    pub(crate) fn cluster_id(&self, cluster: &str) -> String {
        format!("{}/providers/Microsoft.Cache/redisEnterprise/{cluster}", self.group())
    }

    pub(crate) fn database_id(&self, cluster: &str) -> String {
        format!("{}/databases/default", self.cluster_id(cluster))
    }

    pub(crate) async fn arm(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (u16, reqwest::header::HeaderMap, Value) {
        let token = self.operator_token("https://management.azure.com").await;
        let version = match path.to_lowercase() {
            path if path.contains("microsoft.authorization/locks") => "2020-05-01",
            path if path.contains("microsoft.authorization") => "2022-04-01",
            path if path.contains("microsoft.cache") => "2025-07-01",
            path if path.contains("microsoft.network") => "2025-01-01",
            path if path.contains("microsoft.keyvault") => "2026-02-01",
            path if path.contains("microsoft.managedidentity") => "2024-11-30",
            _ => "2023-07-01",
        };
        let url = if path.starts_with("https://") {
            path.to_owned()
        } else {
            let join = if path.contains('?') { '&' } else { '?' };
            format!("{}{path}{join}api-version={version}", self.text("arm_endpoint"))
        };
        let mut request = self.http.request(method.parse().unwrap(), url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        (status, headers, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// A call whose operation must succeed.
    pub(crate) async fn arm_done(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let (status, headers, answer) = self.arm(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        if let Some(url) = headers.get("azure-asyncoperation") {
            assert_eq!(headers["retry-after"], "1");
            let ended = self.operation(url.to_str().unwrap()).await;
            assert_eq!(ended["status"], "Succeeded", "{method} {path}: {ended}\n{}", self.log("cloud"));
        }
        answer
    }

    pub(crate) async fn operation(&self, url: &str) -> Value {
        eventually("the operation ends", || async {
            let (_, _, status) = self.arm("GET", url, None).await;
            if status["status"] == "InProgress" { Err(status.to_string()) } else { Ok(status) }
        })
        .await
    }

    pub(crate) async fn make_group(&self) {
        self.arm_done("PUT", &self.group(), Some(json!({ "location": "eastus2" }))).await;
    }

    pub(crate) async fn make_cluster(&self, cluster: &str, location: &str) {
        let body = json!({
            "location": location,
            "sku": { "name": "Balanced_B3" },
            "properties": { "publicNetworkAccess": "Disabled" },
        });
        self.arm_done("PUT", &self.cluster_id(cluster), Some(body)).await;
    }

    pub(crate) fn database_body(&self, members: &[&str]) -> Value {
        let mut properties = json!({ "accessKeysAuthentication": "Enabled", "evictionPolicy": "NoEviction" });
        if !members.is_empty() {
            let linked: Vec<Value> = members.iter().map(|member| json!({ "id": self.database_id(member) })).collect();
            properties["geoReplication"] = json!({ "groupNickname": "test-grp", "linkedDatabases": linked });
        }
        json!({ "properties": properties })
    }

    pub(crate) async fn make_database(&self, cluster: &str, members: &[&str]) {
        self.arm_done("PUT", &self.database_id(cluster), Some(self.database_body(members))).await;
    }

    pub(crate) fn network_id(&self, kind: &str, name: &str) -> String {
        format!("{}/providers/Microsoft.Network/{kind}/{name}", self.group())
    }

    /// A network with one subnet, `s`, in which private endpoints of that region stand.
    pub(crate) async fn make_network(&self, location: &str) -> String {
        let id = self.network_id("virtualNetworks", &format!("vnet-{location}"));
        let subnet = json!({ "name": "s", "properties": { "addressPrefix": "10.1.1.0/24" } });
        let body = json!({
            "location": location,
            "properties": { "addressSpace": { "addressPrefixes": ["10.1.0.0/16"] }, "subnets": [subnet] },
        });
        if self.arm("GET", &id, None).await.0 == 404 {
            self.arm_done("PUT", &id, Some(body)).await;
        }
        id
    }

    /// A private DNS call with conditions: status and body.
    pub(crate) async fn conditional(
        &self,
        method: &str,
        path: &str,
        body: Value,
        headers: &[(&str, &str)],
    ) -> (u16, Value) {
        let token = self.operator_token("https://management.azure.com").await;
        let url = format!("{}{path}?api-version=2024-06-01", self.text("arm_endpoint"));
        let mut request = self.http.request(method.parse().unwrap(), url).bearer_auth(token).json(&body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    /// Returns the endpoint's address.
    pub(crate) async fn make_endpoint(&self, cluster: &str, location: &str) -> std::net::Ipv4Addr {
        let subnet = format!("{}/subnets/s", self.make_network(location).await);
        self.make_endpoint_in(cluster, location, &subnet).await
    }

    /// Returns the endpoint's address.
    pub(crate) async fn make_endpoint_in(&self, cluster: &str, location: &str, subnet: &str) -> std::net::Ipv4Addr {
        let id = self.network_id("privateEndpoints", &format!("pe-{cluster}"));
        let body = json!({
            "location": location,
            "properties": {
                "subnet": { "id": subnet },
                "privateLinkServiceConnections": [{
                    "name": "c",
                    "properties": { "privateLinkServiceId": self.cluster_id(cluster), "groupIds": ["redisEnterprise"] },
                }],
            },
        });
        self.arm_done("PUT", &id, Some(body)).await;
        let (_, _, endpoint) = self.arm("GET", &id, None).await;
        endpoint["properties"]["customDnsConfigs"][0]["ipAddresses"][0].as_str().unwrap().parse().unwrap()
    }

    /// One database with a private endpoint.
    pub(crate) async fn make_all(&self, cluster: &str, location: &str, members: &[&str]) -> Cache {
        self.make_cluster(cluster, location).await;
        self.make_database(cluster, members).await;
        let address = self.make_endpoint(cluster, location).await;
        let (_, _, keys) = self.arm("POST", &format!("{}/listKeys", self.database_id(cluster)), None).await;
        let key = |name: &str| SecretString::from(keys[name].as_str().unwrap().to_owned());
        Cache {
            address,
            primary: key("primaryKey"),
            secondary: key("secondaryKey"),
            tls: Arc::new(trust_only(self.ca_pem.as_bytes()).unwrap()),
        }
    }

    pub(crate) async fn pid(&self, process: &str) -> Option<u32> {
        let status = self.control.status().await.unwrap();
        status.processes.iter().find(|view| view.name == process).and_then(|view| view.pid)
    }

    /// SIGKILL to one process, until its supervisor has started it again.
    pub(crate) async fn kill_and_wait(&self, process: &str) {
        let old = self.pid(process).await.unwrap();
        self.control.signal_process(process, tidelock_control::cloud_api::KillSignal::Kill).await.unwrap();
        self.restarted(process, old).await;
    }

    pub(crate) async fn restarted(&self, process: &str, old: u32) -> u32 {
        eventually("the process runs again", || async {
            self.pid(process).await.filter(|pid| *pid != old).ok_or_else(|| "not yet".to_owned())
        })
        .await
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the cloud's log\n{}", self.log("cloud"));
            for entry in std::fs::read_dir(self.dir.join("logs")).into_iter().flatten().flatten() {
                let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
                eprintln!("--- {}\n{text}", entry.path().display());
            }
        }
        if let Some(mut daemon) = self.daemon.take() {
            daemon.start_kill().ok();
        }
        let dir = self.dir.clone();
        let cleaned = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(tidelock_local_cloud::terminate_leftovers(&dir, Duration::from_millis(500))).map(drop)
        });
        if let Ok(Err(err)) = cleaned.join() {
            eprintln!("cleaning up failed: {err}");
        }
    }
}

/// A database as an application sees it.
pub(crate) struct Cache {
    pub(crate) address: std::net::Ipv4Addr,
    pub(crate) primary: SecretString,
    pub(crate) secondary: SecretString,
    tls: Arc<rustls::ClientConfig>,
}

impl Cache {
    /// The same cache by another way.
    pub(crate) fn at(&self, address: std::net::Ipv4Addr) -> Self {
        let (primary, secondary) = (self.primary.clone(), self.secondary.clone());
        Self { address, primary, secondary, tls: Arc::clone(&self.tls) }
    }

    pub(crate) async fn connect_as(&self, user: Option<&str>, password: &SecretString) -> Result<Client, ClientError> {
        let options = ConnectOptions {
            endpoint: Endpoint::Tls {
                address: (self.address, 10_000).into(),
                server_name: rustls_pki_types::ServerName::from(std::net::IpAddr::V4(self.address)),
                config: Arc::clone(&self.tls),
            },
            username: user.map(str::to_owned),
            password: Some(password.clone()),
            connect_timeout: Duration::from_secs(5),
            command_timeout: Duration::from_secs(5),
        };
        Client::connect(&options).await
    }

    /// One command on a connection of its own.
    pub(crate) async fn ask(&self, args: &[&str]) -> Result<Value, String> {
        let mut client = self.connect_as(None, &self.primary).await.map_err(|err| err.to_string())?;
        let answer = client.command(args).await.map_err(|err| err.to_string())?;
        Ok(json!(answer.as_str()))
    }

    pub(crate) async fn connect(&self) -> Client {
        self.connect_as(None, &self.primary).await.unwrap()
    }
}

pub(crate) fn location(name: &str) -> Location {
    Location::new(name).unwrap()
}

/// Polls until it is so, or fails with the last reason why not.
pub(crate) async fn eventually<T, E: std::fmt::Display, F: Future<Output = Result<T, E>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let deadline = tokio::time::Instant::now() + WITHIN;
    loop {
        let last = match ask().await {
            Ok(value) => return value,
            Err(last) => last,
        };
        assert!(tokio::time::Instant::now() < deadline, "{what}: not within {WITHIN:?}; last: {last}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a process with this number runs (and is no zombie).
pub(crate) fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z')))
}

pub(crate) fn signal(pid: u32, name: &str) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let signal = match name {
        "KILL" => rustix::process::Signal::KILL,
        "STOP" => rustix::process::Signal::STOP,
        "CONT" => rustix::process::Signal::CONT,
        other => panic!("{other}"),
    };
    rustix::process::kill_process(pid, signal).unwrap();
}

pub(crate) fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
