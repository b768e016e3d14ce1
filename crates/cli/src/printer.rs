//! stdout is data, stderr is talk.

use std::io::{IsTerminal, Write};

use serde::Serialize;
use tidelock_config::Style;

use crate::exit::{Context, Failure, Outcome};

/// A line of the result.
#[allow(clippy::print_stdout)]
pub(crate) fn data(text: &str) {
    // A closed pipe (`| head`) is the reader's decision, not an error.
    let _ = writeln!(std::io::stdout().lock(), "{}", text.trim_end_matches('\n'));
}

/// One JSON document as the result.
pub(crate) fn data_json<T: Serialize>(document: &T) -> Outcome<()> {
    data(&serde_json::to_string_pretty(document).context("cannot write JSON")?);
    Ok(())
}

/// One of many JSON documents, a line each.
pub(crate) fn data_json_line<T: Serialize>(document: &T) -> Outcome<()> {
    data(&serde_json::to_string(document).context("cannot write JSON")?);
    Ok(())
}

/// A line about what is going on.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A failure, and what helps.
pub(crate) fn say_failure(failure: &Failure) {
    say(&format!("error: {failure}"));
    if let Some(hint) = &failure.hint {
        say(&format!("  help: {hint}"));
    }
}

/// How findings are shown among the talk.
pub(crate) fn style() -> Style {
    style_on(&std::io::stderr())
}

/// How findings are shown as the result.
pub(crate) fn data_style() -> Style {
    style_on(&std::io::stdout())
}

fn style_on(stream: &impl IsTerminal) -> Style {
    let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if is_unwanted || !stream.is_terminal() { Style::Plain } else { Style::Coloured }
}

/// Whether a person can be asked.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks, and returns the answer without its line end; none at the end of input.
pub(crate) fn ask(question: &str) -> Option<String> {
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "{question} ");
    let _ = err.flush();
    drop(err);
    let mut line = String::new();
    match std::io::stdin().read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim().to_owned()),
    }
}
