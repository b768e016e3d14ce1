//! Values checked against the schema: types, presence, unknown and repeated keys. What relates values to each other is
//! for those who read the result.

mod check;
mod file;
mod foreign;

use std::collections::BTreeMap;

use tidelock_model::RegionSuffix;

use crate::text::Span;

pub(crate) use file::check;

/// Something could not be read, and that has been reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reported;

/// A value and where it stands; a value that was left out stands where its object's key does.
#[derive(Clone, Debug)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// A value that fits the schema.
#[derive(Clone, Debug)]
pub(crate) enum Datum {
    /// Left out, and nothing takes its place.
    Absent,
    Text(String),
    Bool(bool),
    Integer(i64),
    List(Vec<Spanned<Datum>>),
    Map(Vec<Item>),
    Object(Fields),
    /// It was wrong, and that has been reported.
    Wrong,
}

/// An item of a map.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) key: Spanned<String>,
    pub(crate) value: Spanned<Datum>,
}

/// The attributes of an object, or the variables of a region, by their names without suffix; all of the schema's are
/// there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(pub(crate) BTreeMap<&'static str, Spanned<Datum>>);

/// A checked file.
#[derive(Debug)]
pub(crate) struct File {
    /// The variables that stand once.
    pub(crate) shared: Fields,
    /// The regions that are there, in suffix order.
    pub(crate) regions: Vec<RegionFields>,
}

/// The variables of one region.
#[derive(Debug)]
pub(crate) struct RegionFields {
    pub(crate) suffix: RegionSuffix,
    pub(crate) fields: Fields,
}

type Read<T> = Result<T, Reported>;

impl Fields {
    /// What stands under `name`; an attribute the schema does not have reads as wrong, which the tests would find.
    fn get(&self, name: &str) -> Read<&Spanned<Datum>> {
        self.0.get(name).filter(|field| !matches!(field.value, Datum::Wrong)).ok_or(Reported)
    }

    /// The text under `name`, if it was given.
    pub(crate) fn text_if_given(&self, name: &str) -> Read<Option<Spanned<&str>>> {
        let field = self.get(name)?;
        match &field.value {
            Datum::Text(text) => Ok(Some(Spanned { value: text, span: field.span })),
            Datum::Absent => Ok(None),
            _ => Err(Reported),
        }
    }

    /// The text under `name`.
    pub(crate) fn text(&self, name: &str) -> Read<Spanned<&str>> {
        self.text_if_given(name)?.ok_or(Reported)
    }

    /// The truth value under `name`, if it was given.
    pub(crate) fn bool_if_given(&self, name: &str) -> Read<Option<bool>> {
        match self.get(name)?.value {
            Datum::Bool(value) => Ok(Some(value)),
            Datum::Absent => Ok(None),
            _ => Err(Reported),
        }
    }

    /// The truth value under `name`.
    pub(crate) fn bool(&self, name: &str) -> Read<bool> {
        self.bool_if_given(name)?.ok_or(Reported)
    }

    /// The number under `name`, if it was given; the schema's limits hold.
    pub(crate) fn integer_if_given(&self, name: &str) -> Read<Option<Spanned<u64>>> {
        let field = self.get(name)?;
        match field.value {
            Datum::Integer(value) => {
                let value = u64::try_from(value).map_err(|_| Reported)?;
                Ok(Some(Spanned { value, span: field.span }))
            }
            Datum::Absent => Ok(None),
            _ => Err(Reported),
        }
    }

    /// The number under `name`.
    pub(crate) fn integer(&self, name: &str) -> Read<Spanned<u64>> {
        self.integer_if_given(name)?.ok_or(Reported)
    }

    /// The texts of the list under `name`.
    pub(crate) fn texts<'a>(&'a self, name: &str) -> Read<Vec<Spanned<&'a str>>> {
        let Datum::List(elements) = &self.get(name)?.value else { return Err(Reported) };
        let text = |element: &'a Spanned<Datum>| match &element.value {
            Datum::Text(value) => Ok(Spanned { value: value.as_str(), span: element.span }),
            _ => Err(Reported),
        };
        elements.iter().map(text).collect()
    }

    /// The items of the map under `name`.
    pub(crate) fn map(&self, name: &str) -> Read<&[Item]> {
        match &self.get(name)?.value {
            Datum::Map(items) => Ok(items),
            _ => Err(Reported),
        }
    }

    /// The objects of the list under `name`.
    pub(crate) fn objects<'a>(&'a self, name: &str) -> Read<Vec<&'a Fields>> {
        let Datum::List(elements) = &self.get(name)?.value else { return Err(Reported) };
        let object = |element: &'a Spanned<Datum>| match &element.value {
            Datum::Object(fields) => Ok(fields),
            _ => Err(Reported),
        };
        elements.iter().map(object).collect()
    }

    /// The object under `name`.
    pub(crate) fn object(&self, name: &str) -> Read<&Fields> {
        match &self.get(name)?.value {
            Datum::Object(fields) => Ok(fields),
            _ => Err(Reported),
        }
    }

    /// The object under `name`, if it was given.
    pub(crate) fn object_if_given(&self, name: &str) -> Read<Option<&Fields>> {
        match &self.get(name)?.value {
            Datum::Object(fields) => Ok(Some(fields)),
            Datum::Absent => Ok(None),
            _ => Err(Reported),
        }
    }

    /// Where the value under `name` stands.
    pub(crate) fn span(&self, name: &str) -> Span {
        self.0.get(name).map(|field| field.span).unwrap_or_default()
    }
}

impl Item {
    /// The item's attributes, where its type is an object.
    pub(crate) fn fields(&self) -> Read<&Fields> {
        match &self.value.value {
            Datum::Object(fields) => Ok(fields),
            _ => Err(Reported),
        }
    }

    /// The item's text, where its type is text.
    pub(crate) fn text(&self) -> Read<&str> {
        match &self.value.value {
            Datum::Text(text) => Ok(text),
            _ => Err(Reported),
        }
    }
}
