//! Type constraints and defaults.

use tidelock_config::schema::{Attribute, Fallback, Presence, Type};
use tidelock_model::RegionSuffix;

use crate::hcl::{self, Hcl};

/// How a type is written for the variables of one region.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypeWriter {
    /// The region: it is part of the names of references.
    pub(crate) suffix: RegionSuffix,
    /// Whether attributes are explained. Once is enough.
    pub(crate) explained: bool,
}

impl TypeWriter {
    /// Writes `type = …`.
    pub(crate) fn constraint(self, hcl: &mut Hcl, holds: &Type) {
        self.write(hcl, "type", holds, None);
    }

    fn write(self, hcl: &mut Hcl, key: &str, holds: &Type, presence: Option<Presence>) {
        let shape = Shape::of(holds);
        let (open, close) = match presence {
            Some(Presence::Optional(fallback)) => {
                let default = default(fallback).map_or(String::new(), |default| format!(", {default}"));
                ("optional(", format!("{default})"))
            }
            Some(Presence::Required) | None => ("", String::new()),
        };
        let before = format!("{open}{}", shape.open);
        let after = format!("{}{close}", shape.close);
        match shape.inner {
            Inner::Scalar(word) => hcl.assign(key, format!("{before}{word}{after}")),
            Inner::Object(attributes) => {
                hcl.nested(format!("{key} = {before}object({{"), format!("}}){after}"), |hcl| {
                    self.attributes(hcl, attributes);
                });
            }
        }
    }

    fn attributes(self, hcl: &mut Hcl, attributes: &[Attribute]) {
        for attribute in attributes {
            if self.explained {
                hcl.comment(attribute.description);
            }
            self.write(hcl, &attribute.name_in(self.suffix), &attribute.holds, Some(attribute.presence));
        }
    }
}

/// A type taken apart: the collections around it, and what they hold in the end.
struct Shape<'a> {
    open: String,
    close: String,
    inner: Inner<'a>,
}

enum Inner<'a> {
    Scalar(&'static str),
    Object(&'a [Attribute]),
}

impl<'a> Shape<'a> {
    fn of(holds: &'a Type) -> Self {
        let wrapped = |word: &str, inner: &'a Type| {
            let shape = Self::of(inner);
            Self { open: format!("{word}({}", shape.open), close: format!("{})", shape.close), inner: shape.inner }
        };
        let plain = |inner| Self { open: String::new(), close: String::new(), inner };
        match holds {
            Type::Text(_) | Type::Choice(_) | Type::Reference(_) => plain(Inner::Scalar("string")),
            Type::Bool => plain(Inner::Scalar("bool")),
            Type::Integer { .. } => plain(Inner::Scalar("number")),
            Type::Object(attributes) => plain(Inner::Object(attributes)),
            Type::List(inner) => wrapped("list", inner),
            Type::Map(inner) => wrapped("map", inner),
        }
    }
}

/// What takes the place of something left out; none where Terraform's null does.
pub(crate) fn default(fallback: Fallback) -> Option<String> {
    match fallback {
        Fallback::Nothing | Fallback::Derived(_) => None,
        Fallback::Bool(value) => Some(value.to_string()),
        Fallback::Integer(value) => Some(value.to_string()),
        Fallback::Text(text) => Some(hcl::quote(text)),
        Fallback::Texts(texts) => Some(hcl::list(texts)),
        Fallback::Empty => Some("{}".to_owned()),
    }
}
