//! An environment for one test.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use tidelock_arm_client::{ARM_SCOPE, AccessKeys, ArmClient, KeyType, Settings};
use tidelock_arm_types::{ResourceId, ResourceKind};
use tidelock_control::cloud_client::CloudControl;
use tidelock_drill::{GatewayTarget, Load, LoadSettings, RunningLoad};
use tidelock_model::{BootClock, Location, SecretString};
use tidelock_redis_client::{Client, ConnectOptions, Endpoint};

/// Nothing here takes longer on two busy cores, unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const EAST: &str = "eastus2";
pub(crate) const UK: &str = "uksouth";

pub(crate) fn place(name: &str) -> Location {
    Location::new(name).unwrap()
}

/// The management endpoint.
pub(crate) struct Arm {
    client: ArmClient,
    subscription: String,
}

impl Arm {
    /// The id of what `tail` names in `group`: `Microsoft.Network/virtualNetworks/vnet`.
    pub(crate) fn id(&self, group: &str, tail: &str) -> ResourceId {
        let (subscription, tail) = (&self.subscription, tail.trim_start_matches('/'));
        format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/{tail}").parse().unwrap()
    }

    /// The id of a resource group.
    pub(crate) fn group(&self, name: &str) -> ResourceId {
        format!("/subscriptions/{}/resourceGroups/{name}", self.subscription).parse().unwrap()
    }

    pub(crate) async fn get(&self, kind: ResourceKind, id: &ResourceId) -> Option<Json> {
        self.client.get(kind, id).await.unwrap()
    }

    /// Writes `body`, which may be what was read: what only Azure sets is left out, as in everything that we send.
    pub(crate) async fn put(&self, kind: ResourceKind, id: &ResourceId, body: &Json) {
        let mut body = body.clone();
        leave_out(&mut body, READ_ONLY);
        if kind == ResourceKind::Nsg {
            leave_out(&mut body["properties"], READ_ONLY_OF_AN_NSG);
        }
        if let Json::Object(members) = &mut body {
            members.retain(|name, _| name != "name" && name != "id");
        }
        self.client.put(kind, id, &body).await.unwrap();
    }

    /// A new key for the database at `id`, as the portal makes it: no vault hears of it.
    pub(crate) async fn regenerate_key(&self, id: &ResourceId, key: KeyType) {
        self.client.regenerate_key(id, key).await.unwrap();
    }

    pub(crate) async fn keys(&self, database: &ResourceId) -> AccessKeys {
        self.client.list_keys(database).await.unwrap()
    }

    pub(crate) async fn delete(&self, kind: ResourceKind, id: &ResourceId) {
        assert!(self.client.delete(kind, id).await.unwrap(), "{id} is not there");
    }
}

/// Microsoft's descriptions mark these as read-only wherever they stand in the kinds that tests change.
const READ_ONLY: &[&str] = &[
    "etag",
    "ipConfigurations",
    "privateEndpoints",
    "provisioningState",
    "resourceGuid",
    "type",
    "virtualNetworkLinkState",
];
const READ_ONLY_OF_AN_NSG: &[&str] = &["defaultSecurityRules", "networkInterfaces", "subnets"];

fn leave_out(body: &mut Json, names: &[&str]) {
    match body {
        Json::Object(members) => {
            members.retain(|name, _| !names.contains(&name.as_str()));
            members.values_mut().for_each(|member| leave_out(member, names));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| leave_out(item, names)),
        _ => {}
    }
}

/// An environment's directory, its file and the program. Dropping it takes everything down.
pub(crate) struct Env {
    root: tempfile::TempDir,
    pub(crate) file: PathBuf,
}

impl Env {
    /// Nothing is up yet. Sockets' paths are short, so the directory is one of /tmp.
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new().prefix("tl").tempdir_in("/tmp").unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../envs/dev.tfvars");
        let file = root.path().join("dev.tfvars");
        fs::copy(source, &file).unwrap();
        Self { root, file }
    }

    /// Up and ready.
    pub(crate) fn up() -> Self {
        let env = Self::new();
        env.run(&["up"]).success();
        env
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.root.path().join("state")
    }

    pub(crate) fn environment_dir(&self) -> PathBuf {
        self.state_dir().join("app-dev")
    }

    /// `tidelock VERB FILE ARGUMENTS...`
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        #[allow(clippy::disallowed_methods)] // the program under test is run as a person runs it
        let mut command = Command::new(program());
        command.env("TIDELOCK_STATE_DIR", self.state_dir()).env_remove("RUST_LOG").stdin(Stdio::null());
        let (verb, rest) = arguments.split_first().unwrap();
        command.arg(verb).arg(&self.file).args(rest);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran { what: arguments.join(" "), output: self.command(arguments).output().unwrap() }
    }

    /// Starts a command and lets it run.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub(crate) fn status(&self) -> Json {
        let ran = self.run(&["status", "-o", "json"]).success();
        serde_json::from_slice(&ran.output.stdout).unwrap()
    }

    pub(crate) fn cloud(&self) -> CloudControl {
        CloudControl::new(&self.environment_dir().join("cloud/control.sock"))
    }

    pub(crate) fn topology(&self) -> Json {
        serde_json::from_slice(&fs::read(self.environment_dir().join("topology.json")).unwrap()).unwrap()
    }

    fn site(&self, region: &str) -> Json {
        let topology = self.topology();
        let sites = topology["sites"].as_array().unwrap();
        sites.iter().find(|site| site["location"] == region).unwrap().clone()
    }

    pub(crate) fn gateway(&self, region: &str) -> SocketAddr {
        self.site(region)["cache"]["gateways"][0].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn private_endpoint(&self, region: &str) -> SocketAddr {
        self.site(region)["cache"]["private_endpoint"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn server_name(&self, region: &str) -> String {
        self.site(region)["cache"]["server_name"].as_str().unwrap().to_owned()
    }

    /// The region's access key, from its own vault's answer to a gateway's credential.
    pub(crate) async fn access_key(&self, region: &str) -> SecretString {
        let name = format!("gateway-{region}-1");
        let dir = self.environment_dir().join("workloads").join(&name);
        let credential = fs::read(dir.join("credential.json")).unwrap();
        let credential = tidelock_secrets::ClientCredential::from_json(&credential).unwrap();
        let http = tidelock_secrets::http_client(&self.ca()).unwrap();
        let tokens = tidelock_secrets::TokenSource::new(http.clone(), credential, tidelock_secrets::VAULT_SCOPE);
        let cache = &self.site(region)["cache"];
        let vault = tidelock_secrets::VaultClient::new(http, cache["vault_url"].as_str().unwrap(), tokens).unwrap();
        vault.get_secret(cache["access_key_secret"].as_str().unwrap()).await.unwrap().expect("the access key")
    }

    /// The management endpoint, as a person with every right sees it.
    pub(crate) fn arm(&self) -> Arm {
        let operator = tidelock_local_cloud::OperatorCredential::load(&self.environment_dir().join("cloud"));
        let operator = operator.unwrap().expect("the cloud has come up");
        let http = tidelock_secrets::http_client(&self.ca()).unwrap();
        let credential = tidelock_secrets::ClientCredential {
            token_endpoint: format!("{}/{}/oauth2/v2.0/token", operator.arm_endpoint, operator.tenant),
            tenant: operator.tenant,
            client_id: operator.client_id,
            client_secret: operator.client_secret,
        };
        let tokens = tidelock_secrets::TokenSource::new(http.clone(), credential, ARM_SCOPE);
        let client = ArmClient::new(http, &operator.arm_endpoint, tokens, Settings::default()).unwrap();
        Arm { client, subscription: operator.subscription_id }
    }

    pub(crate) fn ca(&self) -> Vec<u8> {
        fs::read(self.environment_dir().join("ca/ca.pem")).unwrap()
    }

    pub(crate) async fn client(&self, region: &str) -> Client {
        Client::connect(&self.options(region).await).await.unwrap()
    }

    pub(crate) async fn options(&self, region: &str) -> ConnectOptions {
        ConnectOptions {
            endpoint: Endpoint::Tcp(self.gateway(region)),
            username: None,
            password: Some(self.access_key(region).await),
            connect_timeout: Duration::from_secs(5),
            command_timeout: Duration::from_secs(5),
        }
    }

    pub(crate) async fn targets(&self) -> Vec<GatewayTarget> {
        let mut targets = Vec::new();
        for region in [EAST, UK] {
            targets.push(GatewayTarget {
                location: place(region),
                addresses: vec![self.gateway(region)],
                password: self.access_key(region).await,
            });
        }
        targets
    }

    pub(crate) async fn load(&self) -> RunningLoad {
        let settings =
            LoadSettings { writers_per_region: 2, readers_per_region: 1, rate: 100, ..LoadSettings::default() };
        Load::start(self.targets().await, settings, Arc::new(BootClock)).await.unwrap()
    }

    /// Processes of this environment that run now: name and id.
    pub(crate) fn processes(&self) -> Vec<(String, u32)> {
        let left = tidelock_local_cloud::leftovers(&self.environment_dir().join("cloud")).unwrap();
        left.into_iter().map(|left| (left.name, left.pid)).collect()
    }

    pub(crate) fn pid(&self, name: &str) -> u32 {
        let all = self.processes();
        let found = all.iter().find(|(known, _)| known.starts_with(name));
        found.unwrap_or_else(|| panic!("no process {name} among {all:?}")).1
    }

    /// Nothing of this environment runs or lies about.
    pub(crate) fn assert_clean(&self) {
        let marker = self.environment_dir();
        let running = processes_mentioning(&marker);
        assert!(running.is_empty(), "left running: {running:?}");
        assert!(!self.state_dir().exists(), "left behind: {:?}", list(&self.state_dir()));
    }
}

impl Drop for Env {
    fn drop(&mut self) {
        if std::thread::panicking() {
            print_logs(&self.environment_dir());
        }
        let ran = self.run(&["down"]);
        if !ran.output.status.success() && !std::thread::panicking() {
            panic!("{ran:?}");
        }
    }
}

/// The program under test; `TIDELOCK_BIN` names another one, such as a copy that no build replaces meanwhile.
fn program() -> PathBuf {
    std::env::var_os("TIDELOCK_BIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_tidelock")), PathBuf::from)
}

fn print_logs(dir: &Path) {
    let logs = dir.join("cloud/logs");
    let files = fs::read_dir(logs).into_iter().flatten().flatten().map(|entry| entry.path());
    for file in files.chain([dir.join("cloud.log")]) {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(25)..];
        eprintln!("--- {}\n{}", file.file_name().unwrap().to_string_lossy(), tail.join("\n"));
    }
}

fn list(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Every process whose command line or environment names `dir`.
pub(crate) fn processes_mentioning(dir: &Path) -> Vec<String> {
    let needle = dir.to_string_lossy().into_owned();
    let own = std::process::id().to_string();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut found = Vec::new();
    for pid in pids.filter(|pid| pid.bytes().all(|b| b.is_ascii_digit()) && *pid != own) {
        let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let text = String::from_utf8_lossy(&[read("cmdline"), read("environ")].concat()).replace('\0', " ");
        if text.contains(&needle) {
            found.push(format!("{pid}: {text}"));
        }
    }
    found
}

/// A command that has ended.
pub(crate) struct Ran {
    pub(crate) what: String,
    pub(crate) output: Output,
}

impl std::fmt::Debug for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Output { status, stdout, stderr } = &self.output;
        let (stdout, stderr) = (String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
        write!(f, "`tidelock {}` ended with {status}\n{stdout}\n{stderr}", self.what)
    }
}

impl Ran {
    pub(crate) fn success(self) -> Self {
        self.code(0)
    }

    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.output.status.code(), Some(code), "{self:?}");
        self
    }

    pub(crate) fn text(&self) -> String {
        let all = [self.output.stdout.as_slice(), self.output.stderr.as_slice()].concat();
        String::from_utf8_lossy(&all).into_owned()
    }

    /// stdout and stderr together hold all of `words`.
    pub(crate) fn says(self, words: &[&str]) -> Self {
        let text = self.text();
        for word in words {
            assert!(text.contains(word), "{word:?} is missing: {self:?}");
        }
        self
    }
}

/// Looks until `look` is content; the last word is in the panic.
pub(crate) async fn eventually<T, F: Future<Output = Result<T, String>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let mut last = String::new();
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            match look().await {
                Ok(value) => return value,
                Err(why) => last = why,
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    waited.unwrap_or_else(|_| panic!("{what} did not happen within {PATIENCE:?}: {last}"))
}

/// The value of `key` in a region, as soon as it is `wanted`.
pub(crate) async fn until_reads(client: &mut Client, key: &str, wanted: &str) {
    let client = tokio::sync::Mutex::new(client);
    eventually(&format!("that {key} is {wanted:?}"), || async {
        let value = client.lock().await.command(&["GET", key]).await.map_err(|err| err.to_string())?;
        if value.as_str() == Some(wanted) { Ok(()) } else { Err(format!("{value:?}")) }
    })
    .await;
}

pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}
