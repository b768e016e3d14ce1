//! The root configuration that hands a tfvars file on to the module. Types, defaults and validation are the module's: a
//! `null` that is passed to it takes the module's default.

use tidelock_config::schema::{self, Scope};
use tidelock_model::RegionSuffix;

use crate::hcl::{Hcl, quote};
use crate::variables::is_required;

/// Variables that say how Terraform is run rather than what the environment is: `terraform/variables.module.tf`.
/// They have types here too: without one, Terraform takes what the command line gives for a string.
const OF_THE_RUN: [(&str, &str); 3] =
    [("only_regions", "list(string)"), ("write_credentials", "bool"), ("may_be_emptied", "list(string)")];

/// Its variables.
pub(crate) fn variables() -> String {
    let mut hcl = Hcl::default();
    hcl.comment(crate::NOTICE);
    hcl.comment("Types, defaults, descriptions and validation: ../variables.tf and ../variables.module.tf.");
    for (name, required) in of_file() {
        hcl.blank();
        if required {
            hcl.line(format!("variable {} {{}}", quote(&name)));
        } else {
            hcl.nested(format!("variable {} {{", quote(&name)), "}", |hcl| hcl.assign("default", "null"));
        }
    }
    for (name, holds) in OF_THE_RUN {
        hcl.blank();
        hcl.nested(format!("variable {} {{", quote(name)), "}", |hcl| {
            hcl.assign("type", holds);
            hcl.assign("default", "null");
        });
    }
    hcl.finish()
}

/// The call of the module.
pub(crate) fn module_call() -> String {
    let mut hcl = Hcl::default();
    hcl.comment(crate::NOTICE);
    hcl.blank();
    hcl.nested("module \"tidelock\" {", "}", |hcl| {
        hcl.assign("source", quote("./.."));
        hcl.blank();
        for name in of_file().map(|(name, _)| name).chain(OF_THE_RUN.map(|(name, _)| name.to_owned())) {
            hcl.assign(name.clone(), format!("var.{name}"));
        }
    });
    hcl.finish()
}

/// The name of every variable of the file, and whether a file must set it.
fn of_file() -> impl Iterator<Item = (String, bool)> {
    RegionSuffix::ALL.into_iter().flat_map(|suffix| {
        let here = schema::variables().filter(move |variable| match variable.scope {
            Scope::Regional { .. } => true,
            Scope::Shared => suffix == RegionSuffix::First,
        });
        here.map(move |variable| (variable.name_in(suffix), is_required(variable, suffix)))
    })
}
