//! What was read: values with the place of every key, value and element. Comments and layout stay in the text, which is
//! only ever changed by splicing at these places.

use crate::text::Span;

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// The variables, in the order of the file; a name may stand there twice, which has then been reported.
    pub variables: Vec<Entry>,
}

/// A key and its value: a variable, or an item of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The value.
    pub value: Value,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name, unquoted.
    pub name: String,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Where it stands, with its quotes or brackets.
    pub span: Span,
    /// What it is.
    pub kind: ValueKind,
}

/// The kinds of values.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueKind {
    /// `null`: as if it were not given.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    String {
        /// What it says, escapes replaced.
        value: String,
        /// How it is written.
        style: StringStyle,
    },
    /// `[…]`
    List(Vec<Value>),
    /// `{…}`; a key may stand there twice, which the typed reading reports.
    Object(Vec<Entry>),
    /// Something stood here that could not be read; it has been reported.
    Invalid,
}

impl ValueKind {
    /// What it is, for messages: "a string", "a list" and so on.
    #[must_use]
    pub const fn describe(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String { .. } => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
            Self::Invalid => "something unreadable",
        }
    }
}

/// How a string is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringStyle {
    /// In double quotes.
    Quoted,
    /// As `<<EOT` or `<<-EOT`.
    Heredoc,
}

/// A number as it is written, so that nothing is lost before someone says which kind of number is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    pub(super) text: String,
}

impl Number {
    /// The whole number it is, if it is one and fits. `3.0` and `3e0` are 3, as with Terraform.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        /// Above this, a `f64` no longer tells neighbouring whole numbers apart.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if let Ok(integer) = self.text.parse() {
            return Some(integer);
        }
        let value = self.as_f64();
        #[allow(clippy::cast_possible_truncation)] // whole and within 2^53
        (value.fract() == 0.0 && value.abs() < EXACT).then_some(value as i64)
    }

    /// The nearest floating-point number; infinite if it is too large.
    #[must_use]
    pub fn as_f64(&self) -> f64 {
        self.text.parse().unwrap_or(f64::NAN)
    }

    /// As it is written, the sign included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// What a path leads to.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The key; absent for an element of a list.
    pub key: Option<&'a Key>,
    /// The value.
    pub value: &'a Value,
}

impl Document {
    /// What stands at `path`: a variable's name, then keys; elements of lists by their index in decimal, from 0. For
    /// example `["managed_redis_geo_replication_config", "sessions", "replica_keys", "0"]`.
    #[must_use]
    pub fn find(&self, path: &[&str]) -> Option<Found<'_>> {
        let (first, rest) = path.split_first()?;
        let mut found = find_entry(&self.variables, first)?;
        for step in rest {
            found = match &found.value.kind {
                ValueKind::Object(entries) => find_entry(entries, step)?,
                ValueKind::List(elements) => Found { key: None, value: elements.get(step.parse::<usize>().ok()?)? },
                _ => return None,
            };
        }
        Some(found)
    }
}

fn find_entry<'a>(entries: &'a [Entry], name: &str) -> Option<Found<'a>> {
    let entry = entries.iter().find(|entry| entry.key.name == name)?;
    Some(Found { key: Some(&entry.key), value: &entry.value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_where_terraform_says_so() {
        let integer = |text: &str| Number { text: text.to_owned() }.as_integer();
        assert_eq!(integer("3"), Some(3));
        assert_eq!(integer("03"), Some(3));
        assert_eq!(integer("-3.0"), Some(-3));
        assert_eq!(integer("3e2"), Some(300));
        assert_eq!(integer("9223372036854775807"), Some(i64::MAX));
        for not_whole in ["3.5", "1e300", "9223372036854775808", "1e999"] {
            assert_eq!(integer(not_whole), None, "{not_whole}");
        }
    }
}
