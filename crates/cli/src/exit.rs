//! How a command ends: the exit codes of the design, and errors with a hint.

use std::fmt;
use std::process::ExitCode;

use tidelock_control::{CallError, RefusalCode};

/// Exit codes. Documented in `--help`; never reused for anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or nothing to change.
    Done,
    /// Something is there to change (`--detailed-exitcode` only).
    Changes,
    /// An error.
    Error,
    /// A stated objective was missed.
    ObjectiveMissed,
    /// Something that must never happen happened.
    InvariantViolated,
    /// A guard refused; nothing was changed.
    Refused,
    /// Done, but something is still to follow.
    Pending,
    /// Interrupted.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Error => 1,
            Exit::Changes => 2,
            Exit::ObjectiveMissed => 3,
            Exit::InvariantViolated => 4,
            Exit::Refused => 5,
            Exit::Pending => 6,
            Exit::Interrupted => 130,
        })
    }
}

/// A command's failure, as a person reads it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// What, where and why.
    pub(crate) message: String,
    /// What to do next.
    pub(crate) hint: Option<String>,
    /// Why an agent said no, if one did.
    pub(crate) refusal: Option<RefusalCode>,
}

pub(crate) type Outcome<T = Exit> = Result<T, Failure>;

impl Failure {
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self { exit: Exit::Error, message: message.into(), hint: None, refusal: None }
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self { exit: Exit::Refused, message: message.into(), hint: None, refusal: None }
    }

    pub(crate) fn interrupted(message: impl Into<String>) -> Self {
        Self { exit: Exit::Interrupted, message: message.into(), hint: None, refusal: None }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// An error of a library below, with what was being done.
pub(crate) trait Context<T> {
    /// Says what was being done.
    fn context(self, doing: impl fmt::Display) -> Outcome<T>;
}

impl<T, E: std::error::Error> Context<T> for Result<T, E> {
    fn context(self, doing: impl fmt::Display) -> Outcome<T> {
        self.map_err(|err| Failure::error(format!("{doing}: {}", chain(&err))))
    }
}

/// An error with its causes, each said once.
pub(crate) fn chain(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = inner.source();
    }
    text
}

impl From<CallError> for Failure {
    fn from(err: CallError) -> Self {
        let refusal = err.refusal().map(|refusal| refusal.code);
        let exit = match refusal {
            Some(RefusalCode::Unavailable | RefusalCode::BadRequest | RefusalCode::NotEntitled) | None => Exit::Error,
            Some(_) => Exit::Refused,
        };
        Self { exit, message: err.to_string(), hint: None, refusal }
    }
}
