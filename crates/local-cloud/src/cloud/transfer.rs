//! Export and import: a database's data as RDB files in a folder that stands for a storage container.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use tidelock_redis_client::{Client, ClientError, ConnectOptions, Endpoint, Value, snapshot};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::Cloud;
use crate::encoding::percent_decode;
use crate::engines::EngineRecord;
use crate::error::CloudError;
use crate::files;
use crate::supervise::MARKER;

/// An engine that sends nothing of its copy for this long is not waited for.
const COPY_TIMEOUT: Duration = Duration::from_secs(20);
/// A laptop's file is loaded within this.
const LOAD_DEADLINE: Duration = Duration::from_secs(30);
/// How often an engine that loads is asked.
const LOAD_INTERVAL: Duration = Duration::from_millis(20);
/// One command on either engine answers within this.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// Keys that are carried over at a time.
const KEYS_AT_A_TIME: &str = "500";

/// The path that an address of storage stands for: of `file:` its own, of `https:` one in the cloud's directory. What comes
/// after `?` is a secret and goes nowhere. None if it is no such address.
pub(crate) fn storage_path(root: &Path, uri: &str) -> Option<PathBuf> {
    let plain = uri.split('?').next()?;
    let decoded = percent_decode(plain)?;
    if let Some(path) = decoded.strip_prefix("file://") {
        let path = Path::new(path);
        let safe = path.is_absolute() && !path.components().any(|part| part == std::path::Component::ParentDir);
        return safe.then(|| path.to_owned());
    }
    let rest = decoded.strip_prefix("https://")?;
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let safe = parts.len() >= 2 && parts.iter().all(|part| *part != ".." && *part != ".");
    safe.then(|| parts.iter().fold(root.join("storage"), |path, part| path.join(part)))
}

impl Cloud {
    /// Writes the database's data as one RDB file. A file of that name is replaced as a whole.
    pub(crate) async fn export(&self, database_id: &str, file: &Path) -> Result<(), CloudError> {
        let engine = self.engine_to_transfer(database_id)?;
        let folder = file.parent().unwrap_or(file);
        files::private_dir(folder)?;
        let mut name = file.as_os_str().to_owned();
        name.push(".new");
        let temporary = PathBuf::from(name);
        let mut out = tokio::fs::File::create(&temporary).await.map_err(files::system("create", &temporary))?;
        let socket = self.primary_socket(&engine)?;
        let client = self.connect_to(&engine, socket).await.map_err(refused("export"))?;
        let copied = snapshot::copy(client, &engine.cluster, COPY_TIMEOUT, &mut out).await;
        copied.map_err(|err| CloudError::Refused(err.to_string()))?;
        out.sync_all().await.map_err(files::system("write", &temporary))?;
        Ok(tokio::fs::rename(&temporary, file).await.map_err(files::system("write", file))?)
    }

    /// Replaces the database's data with what is in the files. Only where writes go: the others follow.
    pub(crate) async fn import(&self, database_id: &str, from: &[PathBuf]) -> Result<(), CloudError> {
        let engine = self.engine_to_transfer(database_id)?;
        let admin = self.engine_admin(&engine)?;
        if !admin.leads().await? {
            return Err(CloudError::Refused(
                "only the member that takes writes can import: the others copy from it".to_owned(),
            ));
        }
        // All of them are read before anything is thrown away.
        let mut loaded = Vec::new();
        for file in from {
            loaded.push(self.load(file).await?);
        }
        admin.flush().await?;
        let socket = self.primary_socket(&engine)?;
        let mut target = self.connect_to(&engine, socket).await.map_err(refused("import"))?;
        for source in &mut loaded {
            carry(&mut source.client, &mut target).await.map_err(refused("import"))?;
        }
        for mut source in loaded {
            source.child.kill().await.ok();
            files::remove(&source.socket)?;
        }
        Ok(())
    }

    fn engine_to_transfer(&self, database_id: &str) -> Result<EngineRecord, CloudError> {
        self.engine(database_id)?
            .ok_or_else(|| CloudError::Refused(format!("the database {database_id} has no engine")))
    }

    async fn connect_to(&self, engine: &EngineRecord, socket: PathBuf) -> Result<Client, ClientError> {
        let user = tidelock_redis_client::acl::CLOUD_USER.to_owned();
        Client::connect(&options(socket, Some(user), Some(engine.cloud.secret().clone()))).await
    }

    /// An engine of its own that has loaded the file; it ends when it is dropped.
    async fn load(&self, file: &Path) -> Result<Loaded, CloudError> {
        if !file.is_file() {
            return Err(CloudError::Refused(format!("there is no file {}", file.display())));
        }
        let name = format!("import-{}", uuid::Uuid::new_v4().simple());
        let short: String = name.chars().take("import-".len() + 8).collect();
        let socket = files::socket_path(self.layout.root().join(format!("{short}.sock")))?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let folder = file.parent().map(text).unwrap_or_default();
        let rdb = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let socket_text = text(&socket);
        let mut child = Command::new(&self.engine.path)
            .args(["--port", "0", "--unixsocket", &socket_text, "--unixsocketperm", "700", "--save", ""])
            .args(["--appendonly", "no", "--databases", "1", "--dir", &folder, "--dbfilename", &rdb])
            .env(MARKER, format!("{}|{short}", self.layout.root().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(files::system("run", &self.engine.path))?;
        let deadline = Instant::now() + LOAD_DEADLINE;
        loop {
            let seen = match ready(&socket).await {
                Ok(client) => return Ok(Loaded { client, child, socket }),
                Err(err) => err.to_string(),
            };
            let ended = child.try_wait().ok().flatten();
            if ended.is_some() || Instant::now() >= deadline {
                files::remove(&socket)?;
                return Err(CloudError::Refused(format!("{} could not be loaded: {seen}", file.display())));
            }
            tokio::time::sleep(LOAD_INTERVAL).await;
        }
    }
}

struct Loaded {
    client: Client,
    child: Child,
    socket: PathBuf,
}

fn options(
    socket: PathBuf,
    username: Option<String>,
    password: Option<tidelock_model::SecretString>,
) -> ConnectOptions {
    ConnectOptions {
        endpoint: Endpoint::Unix(socket),
        username,
        password,
        connect_timeout: COMMAND_TIMEOUT,
        command_timeout: COMMAND_TIMEOUT,
    }
}

/// A client of an engine that has loaded its file; one that still loads refuses every command.
async fn ready(socket: &Path) -> Result<Client, ClientError> {
    let mut client = Client::connect(&options(socket.to_owned(), None, None)).await?;
    client.command(&["DBSIZE"]).await?;
    Ok(client)
}

/// Every key of `source` with its value and the moment it ends, which later files replace.
async fn carry(source: &mut Client, target: &mut Client) -> Result<(), ClientError> {
    let mut cursor = b"0".to_vec();
    loop {
        let page = source.command(&[b"SCAN".as_slice(), &cursor, b"COUNT", KEYS_AT_A_TIME.as_bytes()]).await?;
        let parts = page.as_array().unwrap_or_default();
        cursor = parts.first().and_then(Value::as_bytes).unwrap_or(b"0").to_vec();
        let keys = parts.get(1).and_then(Value::as_array).unwrap_or_default();
        for key in keys.iter().filter_map(Value::as_bytes) {
            let value = source.command(&[b"DUMP".as_slice(), key]).await?;
            let end = source.command(&[b"PEXPIRETIME".as_slice(), key]).await?;
            // Ended meanwhile.
            let Some(value) = value.as_bytes().map(Bytes::copy_from_slice) else { continue };
            let end = end.as_integer().filter(|end| *end > 0).unwrap_or(0).to_string();
            let restore = [b"RESTORE".as_slice(), key, end.as_bytes(), &value, b"REPLACE", b"ABSTTL"];
            target.command(&restore).await?;
        }
        if cursor == b"0" {
            return Ok(());
        }
    }
}

fn refused(what: &'static str) -> impl Fn(ClientError) -> CloudError {
    move |err| CloudError::Refused(format!("the engine did not {what}: {err}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_is_a_folder_and_secrets_are_left_out() {
        let root = Path::new("/cloud");
        let path = |uri: &str| storage_path(root, uri).map(|path| path.to_string_lossy().into_owned());
        assert_eq!(
            path("https://acc.blob.core.windows.net/box/a%20b.rdb?sig=s3cret").as_deref(),
            Some("/cloud/storage/acc.blob.core.windows.net/box/a b.rdb")
        );
        assert_eq!(path("file:///tmp/x").as_deref(), Some("/tmp/x"));
        for wrong in
            ["https://acc", "https://acc/../../etc/passwd", "file://relative", "file:///tmp/../etc", "s3://a/b"]
        {
            assert_eq!(path(wrong), None, "{wrong}");
        }
    }
}
