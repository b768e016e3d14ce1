//! Paths and values as a person types them.

use tidelock_model::RegionSuffix;

use super::{OperationError, Scalar};
use crate::diagnostic::Sink;
use crate::schema::{self, Type};
use crate::syntax::{Document, TokenKind, ValueKind, parse, tokenize};

/// The steps of a path such as `dr_config.lease_ms`. A step with a dot or a quote in it stands in double quotes, as in
/// `managed_redis_config."redis.dev".sku_name`, with the escapes of a tfvars file.
///
/// # Errors
/// If a step is empty or a quote is not closed.
pub fn parse_path(text: &str) -> Result<Vec<String>, OperationError> {
    let wrong = || OperationError::WrongPath { path: text.to_owned() };
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        let length = match rest.starts_with('"') {
            true => quoted_length(rest).ok_or_else(wrong)?,
            false => rest.find('.').unwrap_or(rest.len()),
        };
        let (step, behind) = rest.split_at_checked(length).ok_or_else(wrong)?;
        steps.push(if rest.starts_with('"') { unquoted(step).ok_or_else(wrong)? } else { step.to_owned() });
        if step.is_empty() || (!step.starts_with('"') && step.contains('"')) {
            return Err(wrong());
        }
        match behind.strip_prefix('.') {
            Some(next) => rest = next,
            None if behind.is_empty() => return Ok(steps),
            None => return Err(wrong()),
        }
    }
}

/// What `given` means at `path`: what the schema says that stands there, or else what stands there now, or else what it
/// looks like. In double quotes it is a string everywhere.
///
/// # Errors
/// If it cannot be that.
pub fn read_scalar(document: &Document, path: &[&str], given: &str) -> Result<Scalar, OperationError> {
    if quoted_length(given) == Some(given.len())
        && let Some(text) = unquoted(given)
    {
        return Ok(Scalar::String(text));
    }
    let refused = |expected| OperationError::WrongValue { given: given.to_owned(), path: path.join("."), expected };
    let boolean = given.parse().ok().map(Scalar::Bool);
    let integer = given.parse().ok().map(Scalar::Integer);
    let text = || Scalar::String(given.to_owned());
    let now = document.find(path).map(|found| &found.value.kind);
    match (schema_type(path), now) {
        (Some(Type::Bool), _) | (None, Some(ValueKind::Bool(_))) => boolean.ok_or_else(|| refused("true or false")),
        (Some(Type::Integer { .. }), _) | (None, Some(ValueKind::Number(_))) => {
            integer.ok_or_else(|| refused("a whole number"))
        }
        (Some(Type::Text(_) | Type::Choice(_) | Type::Reference(_)), _) | (None, Some(ValueKind::String { .. })) => {
            Ok(text())
        }
        _ => Ok(boolean.or(integer).unwrap_or_else(text)),
    }
}

/// Length of the quoted string that `text` begins with.
fn quoted_length(text: &str) -> Option<usize> {
    let (tokens, _) = tokenize(text, &mut Sink::default());
    let first = tokens.first().filter(|token| token.kind == TokenKind::String && token.span.start == 0)?;
    Some(first.span.range().end)
}

/// What a quoted string says, if it has no errors.
fn unquoted(text: &str) -> Option<String> {
    let (document, findings) = parse(&format!("value = {text}\n"));
    match &document.find(&["value"])?.value.kind {
        ValueKind::String { value, .. } if findings.is_empty() => Some(value.clone()),
        _ => None,
    }
}

/// What the schema says that stands at a path.
fn schema_type(path: &[&str]) -> Option<&'static Type> {
    let (first, steps) = path.split_first()?;
    let suffixes = |variable: &schema::Variable| match variable.scope.is_regional() {
        true => RegionSuffix::ALL.as_slice(),
        false => &[RegionSuffix::First],
    };
    let (variable, suffix) = schema::variables().find_map(|variable| {
        let suffix = suffixes(variable).iter().find(|suffix| variable.name_in(**suffix) == *first)?;
        Some((variable, *suffix))
    })?;
    steps.iter().try_fold(&variable.holds, |holds, step| match holds {
        Type::Map(inner) | Type::List(inner) => Some(*inner),
        Type::Object(attributes) => {
            let attribute = attributes.iter().find(|attribute| attribute.name_in(suffix) == *step)?;
            Some(&attribute.holds)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_steps_with_quotes_where_they_need_them() {
        let steps = |text: &str| parse_path(text).unwrap();
        assert_eq!(steps("dr_config.lease_ms"), ["dr_config", "lease_ms"]);
        assert_eq!(steps("a.\"b.c\".d"), ["a", "b.c", "d"]);
        assert_eq!(steps("\"a\\\"b\\u002e\""), ["a\"b."]);
        assert_eq!(steps("a b.0"), ["a b", "0"]);
        for wrong in ["", ".", "a.", ".a", "a..b", "a.\"b", "a.\"b\"c", "a\"b\"", "\"${x}\"", "\"\\q\""] {
            assert!(matches!(parse_path(wrong), Err(OperationError::WrongPath { .. })), "{wrong}");
        }
    }

    #[test]
    fn values_are_what_their_place_wants() {
        let (document, _) = parse("tags = { cost = \"42\", n = 1 }\nx = { b = true, n = 1, s = \"\", l = null }\n");
        let read = |path: &[&str], given: &str| read_scalar(&document, path, given);
        let text = |text: &str| Ok(Scalar::String(text.to_owned()));
        assert_eq!(read(&["dr_config", "lease_ms"], "4000"), Ok(Scalar::Integer(4000)));
        assert_eq!(read(&["dr_config", "drills_allowed"], "false"), Ok(Scalar::Bool(false)));
        assert_eq!(read(&["managed_redis_config_replica", "x", "instance"], "02"), text("02"));
        assert_eq!(read(&["managed_redis_config_replica", "x", "kv_key_replica"], "true"), text("true"));
        assert_eq!(read(&["tags", "cost"], "43"), text("43"));
        assert_eq!(read(&["tags", "n"], "43"), text("43"));
        assert_eq!(read(&["tags", "n"], "\"a\\\"b\""), text("a\"b"));
        assert_eq!(read(&["tags", "n"], "\"a"), text("\"a"));
        assert_eq!(read(&["x", "b"], "false"), Ok(Scalar::Bool(false)));
        assert_eq!(read(&["x", "n"], "-2"), Ok(Scalar::Integer(-2)));
        assert_eq!(read(&["x", "s"], "-2"), text("-2"));
        assert_eq!(read(&["x", "l"], "true"), Ok(Scalar::Bool(true)));
        assert_eq!(read(&["x", "m"], "1 2"), text("1 2"));
        for (path, given) in [
            (&["dr_config", "lease_ms"], "4 s"),
            (&["dr_config", "drills_allowed"], "yes"),
            (&["x", "b"], "1"),
            (&["x", "n"], "99999999999999999999"),
        ] {
            assert!(matches!(read(path, given), Err(OperationError::WrongValue { .. })), "{given}");
        }
    }
}
