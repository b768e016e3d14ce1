//! What holds for any input whatever. Shared by the tests of the corpus and by the fuzz targets, so that an input that
//! once broke something breaks the ordinary tests too.

#![allow(dead_code)] // each fuzz target uses one of them

mod edits;
mod findings;
mod values;

use tidelock_config::{Style, decode, read, render, syntax};

pub(crate) use edits::HEADER;

/// What a reader of bytes must do: read them, or say where they are not text.
pub(crate) fn parse(bytes: &[u8]) {
    let Some(text) = text_of(bytes) else { return };
    let (document, found) = syntax::parse(text);
    findings::are_sound(text, &found);
    values::are_sound(text, &document, &found);
}

/// What all rules together must do: the same on every run, at places that exist, in words that fit a terminal, with
/// fixes that can be made.
pub(crate) fn check(bytes: &[u8]) {
    let Some(text) = text_of(bytes) else { return };
    let checked = tidelock_config::check(text);
    findings::are_sound(text, &checked.findings);
    let shown = render("x.tfvars", text, &checked.findings, Style::Plain);
    assert!(!shown.contains('\u{1b}'), "an escape sequence reaches the terminal:\n{shown:?}");
    let _ = render("x.tfvars", text, &checked.findings, Style::Coloured); // only that it ends
    assert_eq!(tidelock_config::check(text).findings, checked.findings, "not the same twice");
    findings::fixes_can_be_made(text, &checked.findings);

    // What is only read is what is checked: a rule must not change what the file says.
    match read(text) {
        Ok(parsed) => {
            assert_eq!(Some(&parsed.environment), checked.environment.as_ref());
            findings::are_sound(text, &parsed.warnings);
        }
        Err(found) => {
            assert!(checked.environment.is_none() && checked.has_errors());
            assert!(!found.is_empty(), "refused without a reason");
            findings::are_sound(text, &found);
        }
    }
}

/// What an edit must do: exactly what was asked for, and nothing that its inverse does not undo.
pub(crate) fn edit(bytes: &[u8]) {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else { return };
    let Some(text) = text_of(rest) else { return };
    edits::are_right_or_refused(header, text);
}

fn text_of(bytes: &[u8]) -> Option<&str> {
    match decode(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            assert!(error.offset < bytes.len() && std::str::from_utf8(&bytes[..error.offset]).is_ok());
            None
        }
    }
}
