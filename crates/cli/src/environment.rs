//! The environment's file: read, checked, and the place of its state.

use std::fs;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use tidelock_config::{Style, limits, render};
use tidelock_model::{Environment, GeoGroup};

use crate::exit::{Failure, Outcome};
use crate::printer;
use crate::settings::Settings;
use crate::state::{self, StateDir};

/// An environment's file that could be read, and where its state is or would be.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The file, absolute.
    pub(crate) file: PathBuf,
    pub(crate) environment: Environment,
    pub(crate) state: StateDir,
}

impl Opened {
    /// Reads `file`; findings go to stderr.
    pub(crate) fn load(settings: &Settings, file: &Path) -> Outcome<Self> {
        let text = read(file)?;
        let name = file.display().to_string();
        let parsed = tidelock_config::read(&text).map_err(|findings| {
            printer::say(render(&name, &text, &findings, style()).trim_end());
            Failure::error(format!("{name} cannot be used; nothing was changed"))
        })?;
        if !parsed.warnings.is_empty() {
            printer::say(render(&name, &text, &parsed.warnings, style()).trim_end());
        }
        let root = state::root(settings.state_dir.as_deref())?;
        let state = StateDir::new(&root, &parsed.environment.id());
        let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        Ok(Self { file, environment: parsed.environment, state })
    }

    /// The state of the environment that was brought up from `file`, also if the file can no longer be read or names another
    /// environment now; otherwise that of the environment the file describes.
    pub(crate) fn state_of(settings: &Settings, file: &Path) -> Outcome<StateDir> {
        let root = state::root(settings.state_dir.as_deref())?;
        let absolute =
            fs::canonicalize(file).or_else(|_| std::path::absolute(file)).unwrap_or_else(|_| file.to_owned());
        let noted = StateDir::all(&root).into_iter().find(|state| state.note().is_ok_and(|note| note.file == absolute));
        if let Some(state) = noted {
            return Ok(state);
        }
        let opened = Self::load(settings, file)?;
        if opened.state.exists() {
            let other = opened.state.note()?.file;
            return Err(Failure::refused(format!(
                "{} was brought up from another file: {}; nothing was changed",
                opened.state.id(),
                other.display()
            ))
            .hint("give that file"));
        }
        Ok(opened.state)
    }

    /// The one geo group that the local processes are built around.
    pub(crate) fn group(&self) -> Outcome<&GeoGroup> {
        let mut groups = self.environment.geo_groups.values();
        match (groups.next(), groups.next()) {
            (Some(group), None) => Ok(group),
            (None, _) => Err(Failure::error(format!(
                "{} has no geo group, so there is nothing to fail over",
                self.file.display()
            ))
            .hint("add managed_redis_geo_replication_config; envs/dev.tfvars shows how")),
            (Some(_), Some(_)) => Err(Failure::error(format!(
                "{} has more than one geo group; this version runs one group per environment",
                self.file.display()
            ))
            .hint("give each group its own file")),
        }
    }
}

fn read(file: &Path) -> Outcome<String> {
    let fail = |why: &dyn std::fmt::Display| Failure::error(format!("cannot read {}: {why}", file.display()));
    let opened = fs::File::open(file).map_err(|err| {
        let failure = fail(&err);
        if err.kind() == std::io::ErrorKind::NotFound {
            failure.hint("give the path of the environment's tfvars file, such as envs/dev.tfvars")
        } else {
            failure
        }
    })?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(limits::MAX_FILE_BYTES).unwrap_or(u64::MAX);
    opened.take(limit + 1).read_to_end(&mut bytes).map_err(|err| fail(&err))?;
    if bytes.len() > limits::MAX_FILE_BYTES {
        return Err(fail(&format!("it is larger than {} bytes", limits::MAX_FILE_BYTES)));
    }
    tidelock_config::decode(&bytes).map(str::to_owned).map_err(|err| fail(&err))
}

pub(crate) fn style() -> Style {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) || !std::io::stderr().is_terminal();
    if plain { Style::Plain } else { Style::Coloured }
}
