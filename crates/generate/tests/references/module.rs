//! The declarations of a directory of `.tf` files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hcl_edit::expr::Expression;
use hcl_edit::structure::{Block, Body};
use tidelock_config::schema;
use tidelock_model::RegionSuffix;

use crate::shape::Shape;

/// What a directory declares.
#[derive(Clone, Debug, Default)]
pub(crate) struct Module {
    /// Variables, and what is known of their values.
    pub(crate) variables: BTreeMap<String, Shape>,
    /// Those that must be given.
    pub(crate) required: Vec<String>,
    pub(crate) locals: BTreeMap<String, Expression>,
    /// `type.name`, and for data sources `data.type.name`.
    pub(crate) resources: Vec<String>,
    pub(crate) outputs: Vec<String>,
    /// Every block with the file it stands in.
    pub(crate) blocks: Vec<(String, Block)>,
}

impl Module {
    /// Reads one `.tf` file, or those of a directory; every one of them must be HCL.
    pub(crate) fn load(place: &Path) -> Self {
        let mut module = Self::default();
        for path in files(place) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            module.add(&name, &std::fs::read_to_string(&path).unwrap());
        }
        module
    }

    /// Adds the declarations of one file.
    pub(crate) fn add(&mut self, file: &str, text: &str) {
        let body: Body = text.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
        for structure in body {
            let block = structure.into_block().unwrap_or_else(|_| panic!("{file}: an attribute outside of blocks"));
            self.declare(&block);
            self.blocks.push((file.to_owned(), block));
        }
    }

    fn declare(&mut self, block: &Block) {
        let labels: Vec<_> = block.labels.iter().map(|label| label.as_str().to_owned()).collect();
        match (block.ident.as_str(), labels.as_slice()) {
            ("variable", [name]) => {
                self.variables.insert(name.clone(), of_variable(name));
                if !block.body.has_attribute("default") {
                    self.required.push(name.clone());
                }
            }
            ("locals", []) => {
                for attribute in block.body.attributes() {
                    let twice = self.locals.insert(attribute.key.to_string(), attribute.value.clone());
                    assert!(twice.is_none(), "local.{} is declared twice", attribute.key.as_str());
                }
            }
            ("resource", [kind, name]) => self.resources.push(format!("{kind}.{name}")),
            ("data", [kind, name]) => self.resources.push(format!("data.{kind}.{name}")),
            ("output", [name]) => self.outputs.push(name.clone()),
            _ => {}
        }
    }
}

fn files(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![place.to_owned()];
    }
    let entries = std::fs::read_dir(place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "tf"));
    paths.sort();
    assert!(!paths.is_empty(), "{} has no .tf files", place.display());
    paths
}

/// What the definition says of a variable; of one that it does not have nothing is known.
fn of_variable(name: &str) -> Shape {
    for variable in schema::variables() {
        for suffix in RegionSuffix::ALL {
            if variable.name_in(suffix) == name && (variable.scope.is_regional() || suffix == RegionSuffix::First) {
                return Shape::of_type(&variable.holds, suffix);
            }
        }
    }
    Shape::Any
}
