//! The client of the local cloud's control API, and of anything that speaks HTTP with JSON on a Unix socket.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidelock_model::{Location, SecretString};
use tokio::net::UnixStream;

use crate::cloud_api::{
    CloudStatus, EngineSignal, KillRequest, KillSignal, LinkView, ProcessView, RegionNetwork, RouteSpec, RouteView,
    WanSettings, WorkloadSpec,
};
use crate::cloud_faults::FaultSettings;
use crate::error::{CallError, Refusal};

/// The largest answer that is read, in bytes.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;
/// Calls that only look or write down.
const QUICK: Duration = Duration::from_secs(10);
/// Calls that start or end processes and wait until they have.
const SLOW: Duration = Duration::from_secs(60);

/// HTTP with JSON on one Unix socket. Each call is a connection of its own: the other side may be restarted at any time.
#[derive(Clone, Debug)]
pub struct SocketClient {
    path: PathBuf,
}

impl SocketClient {
    /// A client for the socket at `path`. Nothing is connected yet.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Reads.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn get<Resp: DeserializeOwned>(&self, path: &str, timeout: Duration) -> Result<Resp, CallError> {
        self.call(Method::GET, path, Vec::new(), timeout).await
    }

    /// Makes something be as the body says.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn put<Req: Serialize + Sync, Resp: DeserializeOwned>(
        &self,
        path: &str,
        body: &Req,
        timeout: Duration,
    ) -> Result<Resp, CallError> {
        self.call(Method::PUT, path, self.encode(body)?, timeout).await
    }

    /// Asks for something to be done.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn post<Req: Serialize + Sync, Resp: DeserializeOwned>(
        &self,
        path: &str,
        body: &Req,
        timeout: Duration,
    ) -> Result<Resp, CallError> {
        self.call(Method::POST, path, self.encode(body)?, timeout).await
    }

    /// Removes.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn delete<Resp: DeserializeOwned>(&self, path: &str, timeout: Duration) -> Result<Resp, CallError> {
        self.call(Method::DELETE, path, Vec::new(), timeout).await
    }

    fn encode<Req: Serialize>(&self, body: &Req) -> Result<Vec<u8>, CallError> {
        serde_json::to_vec(body).map_err(|err| self.protocol(&err))
    }

    async fn call<Resp: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<Resp, CallError> {
        let answered = tokio::time::timeout(timeout, self.exchange(method, path, body)).await;
        let (status, bytes) = answered.map_err(|_| self.unanswered(timeout))??;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|err| self.protocol(&err));
        }
        match serde_json::from_slice::<Refusal>(&bytes) {
            Ok(refusal) => Err(CallError::Refused(refusal)),
            Err(_) => Err(self.protocol(&format!("HTTP {status} to {path}"))),
        }
    }

    async fn exchange(&self, method: Method, path: &str, body: Vec<u8>) -> Result<(StatusCode, Vec<u8>), CallError> {
        let unreachable = |reason: String| CallError::Unreachable { endpoint: self.path.display().to_string(), reason };
        let stream = UnixStream::connect(&self.path).await.map_err(|err| unreachable(err.to_string()))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake::<_, Body>(TokioIo::new(stream))
            .await
            .map_err(|err| unreachable(err.to_string()))?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("connection", "close")
            .body(Body::from(body))
            .map_err(|err| self.protocol(&err))?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(|err| self.broken(&err))?;
            let status = response.status();
            let bytes = axum::body::to_bytes(Body::new(response.into_body()), ANSWER_LIMIT)
                .await
                .map_err(|err| self.broken(&err))?;
            Ok((status, bytes.to_vec()))
        };
        tokio::pin!(answer);
        tokio::select! {
            answered = &mut answer => answered,
            // The connection ends when it has delivered the answer, which may still have to be looked at.
            _ = connection => answer.await,
        }
    }

    /// Sent, and not answered: it may have been carried out.
    fn broken(&self, err: &dyn std::fmt::Display) -> CallError {
        tracing::debug!(socket = %self.path.display(), %err, "a control call was not answered");
        self.unanswered(Duration::ZERO)
    }

    fn unanswered(&self, after: Duration) -> CallError {
        CallError::Timeout { endpoint: self.path.display().to_string(), after }
    }

    fn protocol(&self, reason: &dyn std::fmt::Display) -> CallError {
        CallError::Protocol { endpoint: self.path.display().to_string(), reason: reason.to_string() }
    }
}

/// What a workload gets tokens with, good for its own region's vaults only.
#[derive(Clone, Debug)]
pub struct WorkloadCredential {
    /// The tenant to ask.
    pub tenant: String,
    /// Who asks.
    pub client_id: String,
    /// How it proves that.
    pub client_secret: SecretString,
}

/// An engine's account for its region's agent.
#[derive(Clone, Debug)]
pub struct KeeperAccount {
    /// The user.
    pub username: String,
    /// Its password.
    pub password: SecretString,
}

#[derive(Deserialize)]
struct CredentialAnswer {
    tenant: String,
    client_id: String,
    client_secret: String,
}

#[derive(Deserialize)]
struct KeeperAnswer {
    username: String,
    password: String,
}

#[derive(Serialize)]
struct CredentialRequest<'a> {
    name: &'a str,
    location: &'a Location,
}

/// The local cloud's control API.
#[derive(Clone, Debug)]
pub struct CloudControl {
    socket: SocketClient,
}

impl CloudControl {
    /// A client for the control socket, `control.sock` in the cloud's directory.
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self { socket: SocketClient::new(socket.to_owned()) }
    }

    /// Everything the cloud knows of itself.
    ///
    /// # Errors
    /// As [`CallError`] says; so for all calls here.
    pub async fn status(&self) -> Result<CloudStatus, CallError> {
        self.socket.get("/v1/status", QUICK).await
    }

    /// Makes sure that the region exists, and, unless it was killed, that its process runs.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn put_region(&self, location: &Location) -> Result<RegionNetwork, CallError> {
        self.socket.put(&format!("/v1/regions/{location}"), &(), SLOW).await
    }

    /// SIGKILL for every process of the region.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn kill_region(&self, location: &Location) -> Result<(), CallError> {
        self.socket.post(&format!("/v1/regions/{location}/kill"), &(), SLOW).await
    }

    /// Starts the region again; its engines come back empty and isolated.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn start_region(&self, location: &Location) -> Result<(), CallError> {
        self.socket.post(&format!("/v1/regions/{location}/start"), &(), SLOW).await
    }

    /// Makes a way through the relay, or finds the one of that name.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn put_route(&self, name: &str, spec: &RouteSpec) -> Result<RouteView, CallError> {
        self.socket.put(&format!("/v1/routes/{name}"), spec, SLOW).await
    }

    /// How each linked cache's engine is reached from each other region of its group.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn links(&self) -> Result<Vec<LinkView>, CallError> {
        self.socket.get("/v1/links", QUICK).await
    }

    /// Runs a process in a region and keeps it running.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn put_workload(&self, name: &str, spec: &WorkloadSpec) -> Result<ProcessView, CallError> {
        self.socket.put(&format!("/v1/workloads/{name}"), spec, SLOW).await
    }

    /// Ends a workload for good; one that does not exist is no error.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn delete_workload(&self, name: &str) -> Result<(), CallError> {
        self.socket.delete(&format!("/v1/workloads/{name}"), SLOW).await
    }

    /// Sends a signal to one process.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn signal_process(&self, name: &str, signal: KillSignal) -> Result<(), CallError> {
        self.socket.post(&format!("/v1/processes/{name}/kill"), &KillRequest { signal }, QUICK).await
    }

    /// Sends a signal to the engine that has a part in a database now, and says which process that was.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn signal_engine(&self, signal: &EngineSignal) -> Result<ProcessView, CallError> {
        self.socket.post("/v1/databases/signal", signal, QUICK).await
    }

    /// Sets the relay's delay and stalled directions.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn set_wan(&self, settings: &WanSettings) -> Result<(), CallError> {
        self.socket.put("/v1/wan", settings, QUICK).await
    }

    /// What the cloud is told to do wrong, as far as it has not happened yet.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn faults(&self) -> Result<FaultSettings, CallError> {
        self.socket.get("/v1/faults", QUICK).await
    }

    /// Replaces what the cloud is told to do wrong.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn set_faults(&self, settings: &FaultSettings) -> Result<(), CallError> {
        self.socket.put("/v1/faults", settings, SLOW).await
    }

    /// Ends every process of the cloud, then the cloud. It is answered before the cloud itself ends.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn shutdown(&self) -> Result<(), CallError> {
        self.socket.post("/v1/shutdown", &(), SLOW).await
    }

    /// The credential of a workload in a region; asked again with the same name, the same one.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn credential(&self, name: &str, location: &Location) -> Result<WorkloadCredential, CallError> {
        let answer: CredentialAnswer =
            self.socket.post("/v1/credentials", &CredentialRequest { name, location }, SLOW).await?;
        Ok(WorkloadCredential {
            tenant: answer.tenant,
            client_id: answer.client_id,
            client_secret: SecretString::from(answer.client_secret),
        })
    }

    /// Makes principals known to the directory: roles can be given to nobody else.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn add_principals(&self, object_ids: &BTreeSet<String>) -> Result<(), CallError> {
        self.socket.post("/v1/principals", object_ids, SLOW).await
    }

    /// The agent's account on the engine of a database, by the database's ARM id.
    ///
    /// # Errors
    /// As [`CallError`] says.
    pub async fn keeper(&self, database_id: &str) -> Result<KeeperAccount, CallError> {
        let answer: KeeperAnswer = self.socket.get(&format!("/v1/databases/keeper?id={database_id}"), QUICK).await?;
        Ok(KeeperAccount { username: answer.username, password: SecretString::from(answer.password) })
    }
}
