//! Terraform `import` blocks.

use std::fmt::Write as _;

use tidelock_plan::TerraformImport;

/// A block for each resource, ready to be written into a file beside the module's call.
pub(crate) fn human(module: &str, imports: &[TerraformImport]) -> String {
    let mut out = String::new();
    for import in imports {
        let resource = &import.resource;
        // Writing to a String cannot fail.
        let _ = match &import.id {
            Some(id) => writeln!(out, "import {{\n  to = {module}.{resource}\n  id = \"{id}\"\n}}\n"),
            None => writeln!(out, "# {module}.{resource}: {}\n", import.note),
        };
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_hcl_and_what_cannot_be_imported_is_said() {
        let imports = [
            TerraformImport {
                resource: "azurerm_resource_group.this[\"rg\"]".to_owned(),
                id: Some("/subscriptions/s/resourceGroups/rg".to_owned()),
                note: String::new(),
            },
            TerraformImport { resource: "x.y[\"z\"]".to_owned(), id: None, note: "not to be had".to_owned() },
        ];
        let expected = "import {
  to = module.m.azurerm_resource_group.this[\"rg\"]
  id = \"/subscriptions/s/resourceGroups/rg\"
}

# module.m.x.y[\"z\"]: not to be had";
        assert_eq!(human("module.m", &imports), expected);
    }
}
