//! One running process, held so that a signal can never reach another one with the same number.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::process::{Child, Command};

/// Names the cloud and the process to whoever looks for leftovers: `<cloud directory>|<process name>`. It is in the
/// process from its first moment, before any record of it can be written.
pub(crate) const MARKER: &str = "TIDELOCK_SUPERVISED";

/// When the process started, in clock ticks since boot; none if it is gone or only waits to be reaped. With the pid it
/// names a process for as long as the machine runs.
pub(crate) fn start_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&stat)
}

fn parse_stat(stat: &str) -> Option<u64> {
    let mut fields = fields_from_the_third(stat)?;
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    // Field 22 of the file; the state was field 3.
    fields.nth(18)?.parse().ok()
}

/// The command's name, field 2, stands in parentheses and may hold anything, also parentheses and spaces.
fn fields_from_the_third(stat: &str) -> Option<std::str::SplitAsciiWhitespace<'_>> {
    Some(stat.rsplit_once(')')?.1.split_ascii_whitespace())
}

/// The process group, named by the process that leads it: a supervised process and its own children.
pub(crate) fn group_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    fields_from_the_third(&stat)?.nth(2)?.parse().ok()
}

/// The marker in a process's environment, if it is ours to read and has one.
pub(crate) fn marker_of(pid: u32) -> Option<String> {
    let environ = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    environ.split(|byte| *byte == 0).find_map(|entry| {
        let value = std::str::from_utf8(entry).ok()?.strip_prefix(MARKER)?.strip_prefix('=')?;
        Some(value.to_owned())
    })
}

/// Nobody tells us that an adopted process has ended: it is not our child. So we look, this often.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// A process of ours: started by us, or by an earlier life of ours and found again.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    start_ticks: u64,
    handle: OwnedFd,
    child: Option<Child>,
}

impl Process {
    /// Starts `argv` in a process group of its own, so that Ctrl-C in our terminal does not reach it.
    pub(crate) fn spawn(argv: &[String], env: &BTreeMap<String, String>, log: &Path) -> io::Result<Self> {
        let (program, arguments) =
            argv.split_first().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no program was given"))?;
        let output = open_log(log)?;
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(inherited())
            .envs(env)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .kill_on_drop(false)
            .spawn()?;
        match identify(&child) {
            Ok((pid, start_ticks, handle)) => Ok(Self { pid, start_ticks, handle, child: Some(child) }),
            Err(err) => {
                // Nobody would ever find it again.
                child.start_kill().ok();
                Err(err)
            }
        }
    }

    /// Finds a process again; none if it is gone, whatever now has its number.
    pub(crate) fn find(pid: u32, started: u64) -> Option<Self> {
        let handle = open_handle(pid).ok()?;
        // Looked at after the handle was opened: if it matches now, the handle is that very process for good.
        (start_ticks(pid) == Some(started)).then_some(Self { pid, start_ticks: started, handle, child: None })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn start_ticks(&self) -> u64 {
        self.start_ticks
    }

    /// Another handle on the same process, to signal it while somebody waits for it.
    pub(crate) fn signaller(&self) -> io::Result<Signaller> {
        Ok(Signaller { handle: self.handle.try_clone()? })
    }

    /// Until it has ended; says how, as far as can be known (an adopted process's status goes to somebody else).
    pub(crate) async fn wait(&mut self) -> String {
        if let Some(child) = &mut self.child {
            return match child.wait().await {
                Ok(status) => status.to_string(),
                Err(err) => format!("its end could not be observed: {err}"),
            };
        }
        while start_ticks(self.pid) == Some(self.start_ticks) {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        "it ended".to_owned()
    }
}

/// Sends signals to one process and never to another.
#[derive(Debug)]
pub(crate) struct Signaller {
    handle: OwnedFd,
}

impl Signaller {
    /// Sends it; a process that has ended is no error.
    pub(crate) fn send(&self, signal: Signal) -> io::Result<()> {
        match pidfd_send_signal(&self.handle, signal) {
            Err(rustix::io::Errno::SRCH) | Ok(()) => Ok(()),
            Err(err) => Err(err.into()),
        }
    }
}

/// A child that has not been waited for keeps its number, so this cannot hit another process.
fn identify(child: &Child) -> io::Result<(u32, u64, OwnedFd)> {
    let ended = || io::Error::other("it ended at once; its log may say why");
    let pid = child.id().ok_or_else(ended)?;
    let handle = open_handle(pid)?;
    Ok((pid, start_ticks(pid).ok_or_else(ended)?, handle))
}

fn open_handle(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a process number"))?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// What a child may know of our environment. Everything else could carry secrets, or make runs differ.
fn inherited() -> impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)> {
    std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        matches!(name.as_ref(), "PATH" | "HOME" | "RUST_LOG" | "RUST_BACKTRACE") || name.starts_with("TIDELOCK_")
    })
}

/// A log that has grown beyond this is put aside when its process is started again; one older generation is kept.
const LOG_LIMIT_BYTES: u64 = 8 * 1024 * 1024;

fn open_log(path: &Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() > LOG_LIMIT_BYTES) {
        std::fs::rename(path, path.with_extension("log.1"))?;
    }
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_field_22_whatever_the_name() {
        let stat = "12 (a) b ( c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21";
        assert_eq!(parse_stat(stat), Some(4711));
    }

    #[test]
    fn a_zombie_is_gone() {
        assert_eq!(parse_stat("12 (x) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20"), None);
    }

    #[test]
    fn our_own_start_time_can_be_read() {
        assert!(start_ticks(std::process::id()).is_some());
        assert_eq!(start_ticks(u32::MAX), None);
    }
}
