//! Which server program the local cloud's databases run on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Names this engine explicitly: a path.
const ENGINE_VARIABLE: &str = "TIDELOCK_ENGINE";
/// Looked for on PATH, in this order.
const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];
/// `--version` is answered at once or never.
const VERSION_DEADLINE: Duration = Duration::from_secs(10);

/// Redis 7.0 brought ACL selectors and `shutdown-timeout`; earlier versions also lack the flags the profiles use.
const MINIMUM_REDIS: Version = Version(7, 0, 0);
/// The first Valkey.
const MINIMUM_VALKEY: Version = Version(7, 2, 0);

/// How to get an engine, for messages.
const INSTALL_HINT: &str = "run `make engine`, or install it by hand: `apt-get install redis-server` (Debian, Ubuntu), \
                            `dnf install valkey` (Fedora), `brew install redis` (macOS)";

/// A server program that can be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineBinary {
    /// Where it is.
    pub path: PathBuf,
    /// `redis-server` or `valkey-server`.
    pub name: String,
    /// Such as `7.0.15`.
    pub version: String,
}

impl std::fmt::Display for EngineBinary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// There is no usable engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Neither program is on PATH, or the one named is not there.
    #[error("no Redis or Valkey server was found ({looked_for}): {INSTALL_HINT}")]
    NotFound {
        /// Where we looked.
        looked_for: String,
    },
    /// It is there and too old.
    #[error(
        "{path} is {name} {version}, and {name} {minimum} or newer is needed: {INSTALL_HINT}, or name a newer one in {ENGINE_VARIABLE}"
    )]
    TooOld {
        /// Where it is.
        path: PathBuf,
        /// redis-server or valkey-server.
        name: String,
        /// What it says it is.
        version: String,
        /// What is needed.
        minimum: String,
    },
    /// It could not be asked for its version, or gave an answer that no engine gives.
    #[error("cannot find out the version of {path}: {reason}; name another engine in {ENGINE_VARIABLE}")]
    Unrecognised {
        /// Where it is.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32, u32);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Finds the engine: the one `TIDELOCK_ENGINE` names, else `redis-server` or `valkey-server` on PATH.
///
/// # Errors
/// If there is none, or it is too old, or does not say what it is.
pub async fn find_engine() -> Result<EngineBinary, EngineError> {
    let path = locate()?;
    let reason = |reason: String| EngineError::Unrecognised { path: path.clone(), reason };
    let output = tokio::process::Command::new(&path).arg("--version").kill_on_drop(true).output();
    let output = tokio::time::timeout(VERSION_DEADLINE, output)
        .await
        .map_err(|_| reason(format!("`--version` was not answered within {VERSION_DEADLINE:?}")))?
        .map_err(|err| reason(err.to_string()))?;
    let banner = String::from_utf8_lossy(&output.stdout).into_owned();
    accept(path.clone(), &banner)
}

fn locate() -> Result<PathBuf, EngineError> {
    if let Some(named) = std::env::var_os(ENGINE_VARIABLE).filter(|named| !named.is_empty()) {
        let path = PathBuf::from(named);
        return path
            .canonicalize()
            .ok()
            .filter(|path| path.is_file())
            .map(|_| path.clone())
            .ok_or_else(|| EngineError::NotFound { looked_for: format!("{ENGINE_VARIABLE}={}", path.display()) });
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    PROGRAMS
        .iter()
        .flat_map(|program| std::env::split_paths(&path).map(move |dir| dir.join(program)))
        .find(|candidate| is_program(candidate))
        .ok_or_else(|| EngineError::NotFound { looked_for: format!("{} on PATH", PROGRAMS.join(" and ")) })
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn accept(path: PathBuf, banner: &str) -> Result<EngineBinary, EngineError> {
    let Some((name, minimum, version)) = parse_banner(banner) else {
        let first = banner.lines().next().unwrap_or_default().to_owned();
        return Err(EngineError::Unrecognised { path, reason: format!("it says {first:?}") });
    };
    let (number, version) = version;
    if number < minimum {
        return Err(EngineError::TooOld { path, name: name.to_owned(), version, minimum: minimum.to_string() });
    }
    Ok(EngineBinary { path, name: name.to_owned(), version })
}

/// `Redis server v=7.0.15 sha=…` or `Valkey server v=8.0.1 …`.
fn parse_banner(banner: &str) -> Option<(&'static str, Version, (Version, String))> {
    let (name, minimum) = if banner.starts_with("Redis server") {
        ("redis-server", MINIMUM_REDIS)
    } else if banner.starts_with("Valkey server") {
        ("valkey-server", MINIMUM_VALKEY)
    } else {
        return None;
    };
    let text = banner.split_ascii_whitespace().find_map(|word| word.strip_prefix("v="))?;
    let mut numbers = text.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let number = Version(numbers.next()?, numbers.next()?, numbers.next().unwrap_or(0));
    Some((name, minimum, (number, text.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_are_recognised() {
        let redis = accept("/x".into(), "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc bits=64").unwrap();
        assert_eq!((redis.name.as_str(), redis.version.as_str()), ("redis-server", "7.0.15"));
        let valkey = accept("/x".into(), "Valkey server v=8.1.0 sha=0").unwrap();
        assert_eq!(valkey.to_string(), "valkey-server 8.1.0");
    }

    #[test]
    fn an_old_engine_is_named_with_path_version_and_minimum() {
        let message = accept("/opt/redis-server".into(), "Redis server v=6.2.7 sha=0").unwrap_err().to_string();
        for part in ["/opt/redis-server", "6.2.7", "7.0 or newer", "make engine"] {
            assert!(message.contains(part), "{part:?} is missing in {message:?}");
        }
    }

    #[test]
    fn anything_else_is_not_an_engine() {
        let err = accept("/bin/true".into(), "").unwrap_err();
        assert!(matches!(err, EngineError::Unrecognised { .. }), "{err}");
    }
}
