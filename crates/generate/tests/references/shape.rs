//! How much is known of a value: which attributes it has.

use std::collections::BTreeMap;
use std::rc::Rc;

use tidelock_config::schema::Type;
use tidelock_model::RegionSuffix;

/// What is known of a value.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// Nothing: a string, what a provider returns, or what a function made of it.
    Any,
    /// `null`, which takes any shape.
    Null,
    /// These attributes and no others.
    Object(Rc<BTreeMap<String, Shape>>),
    /// Elements of one shape: a list, or a map under keys that are not known.
    Each(Rc<Shape>),
}

impl Shape {
    /// A collection of `element`.
    pub(crate) fn each(element: Self) -> Self {
        Self::Each(Rc::new(element))
    }

    /// These attributes.
    pub(crate) fn object(attributes: impl IntoIterator<Item = (String, Self)>) -> Self {
        Self::Object(Rc::new(attributes.into_iter().collect()))
    }

    /// What a variable of this type looks like in a region.
    pub(crate) fn of_type(holds: &Type, suffix: RegionSuffix) -> Self {
        match holds {
            Type::List(inner) | Type::Map(inner) => Self::each(Self::of_type(inner, suffix)),
            Type::Object(attributes) => Self::object(
                attributes.iter().map(|attribute| (attribute.name_in(suffix), Self::of_type(&attribute.holds, suffix))),
            ),
            _ => Self::Any,
        }
    }

    /// What a value looks like that may be the one or the other: only what both have can be relied on.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Null, known) | (known, Self::Null) => known,
            (Self::Object(left), Self::Object(right)) if Rc::ptr_eq(&left, &right) => Self::Object(left),
            (Self::Object(left), Self::Object(right)) => Self::object(left.iter().filter_map(|(name, shape)| {
                let other = right.get(name)?;
                Some((name.clone(), shape.clone().or(other.clone())))
            })),
            (Self::Each(left), Self::Each(right)) => Self::each(left.as_ref().clone().or(right.as_ref().clone())),
            _ => Self::Any,
        }
    }

    /// What `merge` makes of the two.
    pub(crate) fn merged(self, other: Self) -> Self {
        match (self, other) {
            (Self::Object(left), Self::Object(right)) => {
                Self::object(left.iter().chain(right.iter()).map(|(name, shape)| (name.clone(), shape.clone())))
            }
            (Self::Null, known) | (known, Self::Null) => known,
            (left, right) => Self::each(left.element().or(right.element())),
        }
    }

    /// What one gets by walking through the values.
    pub(crate) fn element(&self) -> Self {
        match self {
            Self::Each(element) => element.as_ref().clone(),
            Self::Object(attributes) => attributes.values().cloned().fold(Self::Null, Self::or),
            Self::Any | Self::Null => Self::Any,
        }
    }

    /// What `flatten` leaves: elements that are no lists. A map of known keys ends it, one of unknown keys does not, which
    /// says less than could be said.
    pub(crate) fn flattened(self) -> Self {
        match self {
            Self::Each(inner) if matches!(*inner, Self::Each(_)) => inner.as_ref().clone().flattened(),
            other => other,
        }
    }

    /// The attribute `name`, or the names that there are.
    pub(crate) fn attribute(&self, name: &str) -> Result<Self, String> {
        match self {
            Self::Object(attributes) => attributes.get(name).cloned().ok_or_else(|| {
                let known: Vec<_> = attributes.keys().map(String::as_str).collect();
                format!("there is no `{name}`, only {}", known.join(", "))
            }),
            other => Ok(other.element()),
        }
    }
}
