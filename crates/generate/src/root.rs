//! The root configuration that hands a tfvars file on to the module. Types, defaults and validation are the module's: a
//! `null` that is passed to it takes the module's default.

use tidelock_config::schema::{self, Scope};
use tidelock_model::RegionSuffix;

use crate::hcl::{Hcl, quote};
use crate::variables::is_required;

/// Variables that say how Terraform is run rather than what the environment is: `terraform/variables.module.tf`.
const OF_THE_RUN: [&str; 2] = ["only_regions", "write_credentials"];

/// Its variables.
pub(crate) fn variables() -> String {
    let mut hcl = Hcl::default();
    hcl.comment(crate::NOTICE);
    hcl.comment("Types, defaults, descriptions and validation: ../variables.tf and ../variables.module.tf.");
    for (name, required) in names() {
        hcl.blank();
        if required {
            hcl.line(format!("variable {} {{}}", quote(&name)));
        } else {
            hcl.nested(format!("variable {} {{", quote(&name)), "}", |hcl| hcl.assign("default", "null"));
        }
    }
    hcl.finish()
}

/// The call of the module.
pub(crate) fn module_call() -> String {
    let mut hcl = Hcl::default();
    hcl.comment(crate::NOTICE);
    hcl.blank();
    hcl.nested("module \"tidelock\" {", "}", |hcl| {
        hcl.assign("source", quote(".."));
        hcl.blank();
        for (name, _) in names() {
            hcl.assign(name.clone(), format!("var.{name}"));
        }
    });
    hcl.finish()
}

/// Every variable's name, and whether a file must set it.
fn names() -> impl Iterator<Item = (String, bool)> {
    let of_file = RegionSuffix::ALL.into_iter().flat_map(|suffix| {
        let here = schema::variables().filter(move |variable| match variable.scope {
            Scope::Regional { .. } => true,
            Scope::Shared => suffix == RegionSuffix::First,
        });
        here.map(move |variable| (variable.name_in(suffix), is_required(variable, suffix)))
    });
    of_file.chain(OF_THE_RUN.map(|name| (name.to_owned(), false)))
}
