//! `$filter`, as far as ARM's own lists know it: equalities and named tests, joined by `and` and `or`.

use axum::http::StatusCode;

use super::error::ArmError;

/// A person or a client writes it; longer is a mistake.
const LENGTH_LIMIT: usize = 4096;

/// One test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// `name eq 'value'`; the other way round with `ne`.
    Is { name: String, value: String, negated: bool },
    /// `atScope()`, `assignedTo('id')`
    Call { name: String, argument: Option<String> },
}

/// Alternatives of tests that must all hold. `and` binds closer than `or`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter(Vec<Vec<Condition>>);

impl Filter {
    /// Reads it; no text, or none at all, lets everything through.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, ArmError> {
        let text = text.unwrap_or_default().trim();
        if text.len() > LENGTH_LIMIT {
            return Err(invalid(&format!("it is longer than {LENGTH_LIMIT} bytes")));
        }
        if text.is_empty() {
            return Ok(Self(vec![Vec::new()]));
        }
        split(text, " or ").into_iter().map(conditions).collect::<Result<_, _>>().map(Self)
    }

    /// Whether what `holds` judges passes. It says nothing of a condition that the list does not know; the second argument
    /// is all that has to hold together with it.
    pub(super) fn passes(&self, holds: impl Fn(&Condition, &[Condition]) -> Option<bool>) -> Result<bool, ArmError> {
        for all in &self.0 {
            let mut passes = true;
            for condition in all {
                let Some(held) = holds(condition, all) else {
                    return Err(invalid("it tests something that this list cannot be filtered by"));
                };
                passes &= held;
            }
            if passes {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn conditions(text: &str) -> Result<Vec<Condition>, ArmError> {
    split(text, " and ").into_iter().map(condition).collect()
}

fn condition(text: &str) -> Result<Condition, ArmError> {
    let text = text.trim();
    for (operator, negated) in [(" eq ", false), (" ne ", true)] {
        if let [name, value] = split(text, operator).as_slice() {
            let name = name.trim().to_owned();
            return Ok(Condition::Is { name, value: literal(value)?, negated });
        }
    }
    let (name, rest) = text.split_once('(').ok_or_else(|| invalid(&format!("'{text}' is no test")))?;
    let argument = rest.strip_suffix(')').ok_or_else(|| invalid(&format!("'{text}' is not closed")))?.trim();
    let argument = if argument.is_empty() { None } else { Some(literal(argument)?) };
    Ok(Condition::Call { name: name.trim().to_owned(), argument })
}

/// A text in quotes, in which a quote is written twice.
fn literal(text: &str) -> Result<String, ArmError> {
    let text = text.trim();
    let inner = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    inner.map(|inner| inner.replace("''", "'")).ok_or_else(|| invalid(&format!("{text} is not in quotes")))
}

/// Splits at a word outside quotes, whatever its case.
fn split<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let (mut begin, mut quoted) = (0, false);
    for (at, c) in text.char_indices() {
        quoted ^= c == '\'';
        let found =
            !quoted && at >= begin && text.get(at..at + word.len()).is_some_and(|s| s.eq_ignore_ascii_case(word));
        if found {
            parts.extend(text.get(begin..at));
            begin = at + word.len();
        }
    }
    parts.extend(text.get(begin..));
    parts
}

fn invalid(reason: &str) -> ArmError {
    let message = format!("Invalid $filter in the query string: {reason}.");
    ArmError::new(StatusCode::BAD_REQUEST, "InvalidFilterInQueryString", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equalities_calls_and_quotes() {
        let is = |name: &str, value: &str, negated| Condition::Is { name: name.into(), value: value.into(), negated };
        let parsed = Filter::parse(Some("tagName eq 'a and b' and tagValue EQ 'it''s' or name ne 'x'")).unwrap();
        assert_eq!(
            parsed,
            Filter(vec![
                vec![is("tagName", "a and b", false), is("tagValue", "it's", false)],
                vec![is("name", "x", true)]
            ])
        );
        let scope = Filter::parse(Some("atScope() and assignedTo('p')")).unwrap();
        let call = |name: &str, argument: Option<&str>| Condition::Call {
            name: name.into(),
            argument: argument.map(str::to_owned),
        };
        assert_eq!(scope, Filter(vec![vec![call("atScope", None), call("assignedTo", Some("p"))]]));
        for wrong in ["name", "name eq x", "name eq 'x' and", "f('x'"] {
            assert_eq!(Filter::parse(Some(wrong)).unwrap_err().code, "InvalidFilterInQueryString", "{wrong}");
        }
    }

    #[test]
    fn nothing_lets_everything_through_and_the_unknown_is_refused() {
        assert_eq!(Filter::parse(None).unwrap().passes(|_, _| None), Ok(true));
        let filter = Filter::parse(Some("a eq 'b'")).unwrap();
        assert!(filter.passes(|_, _| None).is_err());
        assert_eq!(filter.passes(|_, _| Some(false)), Ok(false));
    }
}
