//! The environment's file: read, checked, and the place of its state.

use std::fs;
use std::path::{Path, PathBuf};

use tidelock_config::{Diagnostic, render};
use tidelock_model::{Environment, GeoGroup};

use crate::exit::{Failure, Outcome};
use crate::settings::Settings;
use crate::state::{self, StateDir};
use crate::write_back::NamedWriter;
use crate::{input, printer};

/// An environment's file that could be read, and where its state is or would be.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The file, absolute.
    pub(crate) file: PathBuf,
    /// What was in it, as it was read.
    pub(crate) text: String,
    pub(crate) environment: Environment,
    pub(crate) state: StateDir,
}

impl Opened {
    /// Reads `file`, and no more: for what must work during an incident, when a rule must not stand in the way. Findings go
    /// to stderr.
    pub(crate) fn load(settings: &Settings, file: &Path) -> Outcome<Self> {
        let text = input::file(file)?;
        let (environment, findings) = match tidelock_config::read(&text) {
            Ok(parsed) => (Some(parsed.environment), parsed.warnings),
            Err(findings) => (None, findings),
        };
        Self::usable(settings, file, &text, environment, &findings)
    }

    /// The same, saying nothing: for who looks again and again.
    pub(crate) fn load_quietly(settings: &Settings, file: &Path) -> Outcome<Self> {
        let text = input::file(file)?;
        let environment = tidelock_config::read(&text).ok().map(|parsed| parsed.environment);
        Self::usable(settings, file, &text, environment, &[])
    }

    /// Reads `file` and checks it against every rule: for what brings about what the file says. Findings go to stderr.
    pub(crate) fn load_checked(settings: &Settings, file: &Path) -> Outcome<Self> {
        let text = input::file(file)?;
        let checked = tidelock_config::check(&text);
        let environment = if checked.has_errors() { None } else { checked.environment };
        Self::usable(settings, file, &text, environment, &checked.findings)
    }

    fn usable(
        settings: &Settings,
        file: &Path,
        text: &str,
        environment: Option<Environment>,
        findings: &[Diagnostic],
    ) -> Outcome<Self> {
        let name = file.display().to_string();
        if !findings.is_empty() {
            printer::say(render(&name, text, findings, printer::style()).trim_end());
        }
        let Some(environment) = environment else {
            let failure = Failure::error(format!("{name} cannot be used; nothing was changed"));
            let worst = findings.iter().min_by_key(|finding| finding.severity);
            return Err(match worst {
                Some(worst) => failure.hint(format!("more about a rule: tidelock explain {}", worst.rule.id)),
                None => failure,
            });
        };
        let root = state::root(settings.state_dir.as_deref())?;
        let state = StateDir::new(&root, &environment.id());
        let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        Ok(Self { file, text: text.to_owned(), environment, state })
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

    /// Which writer the file names, if it has one group.
    pub(crate) fn named_writer(&self) -> Option<NamedWriter<'_>> {
        let group = self.group().ok()?;
        Some(NamedWriter { file: &self.file, writer: &group.seed_writer.location })
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
