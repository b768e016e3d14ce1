//! Every reference of the Terraform module, its root configuration and its examples leads somewhere, read by our own
//! reader: no provider is needed for this, nor Terraform.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod module;
mod resolve;
mod shape;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hcl_edit::expr::Expression;
use module::Module;
use regex::Regex;
use resolve::Resolver;

/// What the module does not use, and why it is declared: Terraform warns of a value for a variable that is not.
const NOT_FOR_TERRAFORM: [(&str, &str); 1] = [("var.dr_config", "recovery is Tidelock's")];

fn terraform() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../terraform")
}

/// Directories that call the module.
fn callers() -> Vec<PathBuf> {
    let examples = std::fs::read_dir(terraform().join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let mut callers: Vec<_> = examples.filter(|path| path.is_dir()).collect();
    callers.push(terraform().join("root"));
    callers
}

#[test]
fn every_reference_of_the_module_leads_somewhere() {
    let module = Module::load(&terraform());
    assert!(module.variables.len() > 80 && module.locals.len() > 20 && module.resources.len() > 15);
    let resolved = Resolver::walk(&module, BTreeMap::new());
    assert!(resolved.findings.is_empty(), "\n{}\n", resolved.findings.join("\n"));
}

#[test]
fn every_variable_and_local_of_the_module_is_used() {
    let mut module = Module::load(&terraform());
    // That a validation looks at a variable is no use of it.
    module.blocks.retain(|(_, block)| block.ident.as_str() != "variable");
    let used = Resolver::walk(&module, BTreeMap::new()).used;
    let variables = module.variables.keys().map(|name| format!("var.{name}"));
    let declared: BTreeSet<_> = variables.chain(module.locals.keys().map(|name| format!("local.{name}"))).collect();
    let unused: Vec<_> = declared.difference(&used).map(String::as_str).collect();
    assert_eq!(unused, NOT_FOR_TERRAFORM.map(|(name, _)| name));
}

#[test]
fn whoever_calls_the_module_gives_it_what_it_has() {
    let module = Module::load(&terraform());
    for caller in callers() {
        let calling = Module::load(&caller);
        let (_, call) = calling.blocks.iter().find(|(_, block)| block.ident.as_str() == "module").unwrap();
        let source = call.body.get_attribute("source").and_then(|source| source.value.as_str()).unwrap();
        let target = caller.join(source).canonicalize().unwrap();
        assert_eq!(target, terraform().canonicalize().unwrap(), "{}", caller.display());

        let given: Vec<_> = call.body.attributes().map(|attribute| attribute.key.as_str()).collect();
        let unknown: Vec<_> =
            given.iter().filter(|name| **name != "source" && !module.variables.contains_key(**name)).collect();
        assert!(unknown.is_empty(), "{}: the module has no {unknown:?}", caller.display());
        let missing: Vec<_> = module.required.iter().filter(|name| !given.contains(&name.as_str())).collect();
        assert!(missing.is_empty(), "{}: the module needs {missing:?}", caller.display());

        let called = BTreeMap::from([("tidelock".to_owned(), module.outputs.clone())]);
        let resolved = Resolver::walk(&calling, called);
        assert!(resolved.findings.is_empty(), "{}:\n{}\n", caller.display(), resolved.findings.join("\n"));
    }
}

#[test]
fn the_root_configuration_hands_on_every_variable_under_its_own_name() {
    let module = Module::load(&terraform());
    let root = Module::load(&terraform().join("root"));
    let (_, call) = root.blocks.iter().find(|(_, block)| block.ident.as_str() == "module").unwrap();
    for name in module.variables.keys() {
        let given = call.body.get_attribute(name).unwrap_or_else(|| panic!("{name} is not handed on"));
        assert_eq!(given.value.to_string().trim(), format!("var.{name}"));
        assert_eq!(root.required.contains(name), module.required.contains(name), "{name}");
    }
    assert_eq!(root.variables.len(), module.variables.len());
}

#[test]
fn the_root_configuration_shows_nothing_that_changes_with_a_switchover() {
    let module = Module::load(&terraform());
    assert!(module.outputs.iter().any(|output| output == "writers"));
    let root = Module::load(&terraform().join("root"));
    assert!(!root.outputs.is_empty() && !root.outputs.iter().any(|output| output == "writers"));
}

/// The arguments of an example are an environment's file; so Tidelock checks them as one.
#[test]
fn the_examples_break_no_rule_of_tidelock() {
    for caller in callers().into_iter().filter(|path| !path.ends_with("root")) {
        let example = Module::load(&caller);
        let (_, call) = example.blocks.iter().find(|(_, block)| block.ident.as_str() == "module").unwrap();
        let of_the_file = call.body.attributes().filter(|attribute| {
            !["source", "write_credentials", "only_regions", "may_be_emptied"].contains(&attribute.key.as_str())
        });
        let text: String =
            of_the_file.map(|attribute| format!("{} ={}\n", attribute.key.as_str(), attribute.value)).collect();
        let checked = tidelock_config::check(&text);
        assert!(checked.findings.is_empty(), "{}: {:#?}", caller.display(), checked.findings);
        let regions = checked.environment.unwrap().regions.len();
        assert_eq!(regions, if caller.ends_with("three-regions") { 3 } else { 2 }, "{}", caller.display());
    }
}

#[test]
fn the_file_of_the_end_to_end_test_breaks_no_rule() {
    let text = std::fs::read_to_string(terraform().join("tests/e2e.tfvars")).unwrap();
    let checked = tidelock_config::check(&text);
    assert!(checked.findings.is_empty() && checked.environment.is_some(), "{:#?}", checked.findings);
}

#[test]
fn tests_of_the_module_are_hcl() {
    let files = std::fs::read_dir(terraform().join("tests")).unwrap().map(|entry| entry.unwrap().path());
    let tests: Vec<_> = files.filter(|path| path.to_string_lossy().ends_with(".tftest.hcl")).collect();
    assert!(!tests.is_empty());
    for path in tests {
        let text = std::fs::read_to_string(&path).unwrap();
        let body: hcl_edit::structure::Body =
            text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(
            body.get_blocks("run")
                .all(|run| run.body.has_blocks("assert") || run.body.has_attribute("expect_failures"))
        );
    }
}

// The resolver itself can fail.

/// Breaks every kind of reference that stands in the module, one at a time.
#[test]
fn no_reference_of_the_module_could_be_misspelt_unnoticed() {
    let pattern = Regex::new(
        r"\b(each\.value|local|var|data\.[a-z_]+|azurerm_[a-z_]+|terraform_data|region|cache|credential|link|zone)\.[a-z_]+",
    )
    .unwrap();
    let mut files: Vec<_> = std::fs::read_dir(terraform()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let is_written_by_hand =
        |path: &&PathBuf| path.extension().is_some_and(|e| e == "tf") && !path.ends_with("variables.tf");
    let texts: Vec<(String, String)> = files
        .iter()
        .filter(is_written_by_hand)
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap()))
        .collect();
    let (mut broken, mut unnoticed) = (0, Vec::new());
    for (name, text) in &texts {
        let mut others = Module::load(&terraform().join("variables.tf"));
        texts.iter().filter(|(other, _)| other != name).for_each(|(other, text)| others.add(other, text));
        // Validations of variables take longest, and hold nothing that is written by hand.
        others.blocks.retain(|(_, block)| block.ident.as_str() != "variable");
        let code: String =
            text.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n");
        let references: BTreeSet<&str> = pattern.find_iter(&code).map(|found| found.as_str()).collect();
        for reference in references {
            let misspelt = Regex::new(&format!(r"\b{}\b", regex::escape(reference))).unwrap();
            let mut module = others.clone();
            module.add(name, &misspelt.replace_all(&code, format!("{reference}_misspelt")));
            broken += 1;
            if Resolver::walk(&module, BTreeMap::new()).findings.is_empty() {
                unnoticed.push(format!("{name}: {reference}"));
            }
        }
    }
    assert!(broken > 150, "only {broken} references were found to break");
    // Of what a provider returns nothing is known here; `terraform validate` knows it.
    assert_eq!(unnoticed, ["main.dns.tf: zone.id", "main.geo_guard.tf: cache.id"]);
}

fn findings(text: &str) -> Vec<String> {
    let mut module = Module::default();
    module.add("x.tf", "variable \"managed_redis_config_replica\" {\n  default = {}\n}\nvariable \"environment\" {}\n");
    module.add("y.tf", text);
    Resolver::walk(&module, BTreeMap::new()).findings
}

#[test]
fn what_leads_nowhere_is_found() {
    let cases = [
        ("locals {\n  a = var.environmnet\n}", "there is no var.environmnet"),
        ("locals {\n  a = local.b\n}", "there is no local.b"),
        ("locals {\n  a = local.b\n  b = local.a\n}", "local.a refers to itself"),
        ("locals {\n  a = [for x in [1] : y]\n}", "nothing is called `y` here"),
        ("locals {\n  a = \"${azurerm_x.y.id}\"\n}", "there is no azurerm_x.y"),
        ("output \"o\" {\n  value = data.azurerm_x.y[\"a\"].id\n}", "there is no data.azurerm_x.y"),
        ("output \"o\" {\n  value = module.m.o\n}", "there is no module.m.o"),
        (
            "resource \"t\" \"n\" {\n  for_each = var.managed_redis_config_replica\n  k = each.value.kv_key\n}",
            "there is no `kv_key`",
        ),
        (
            "resource \"t\" \"n\" {\n  for_each = { a = { b = 1 } }\n  k = each.value.c\n}",
            "in `each.value.c` there is no `c`, only b",
        ),
        ("resource \"t\" \"n\" {\n  k = each.value\n}", "there is no each.value"),
        ("resource \"t\" \"n\" {\n  depends_on = [t.m]\n}", "there is no t.m"),
        (
            "locals {\n  a = { for k, v in var.managed_redis_config_replica : k => { n = v.default_database.evict } }\n}",
            "there is no `evict`",
        ),
        (
            "resource \"t\" \"n\" {\n  dynamic \"d\" {\n    for_each = [{ x = 1 }]\n    content {\n      k = d.value.y\n    }\n  }\n}",
            "there is no `y`, only x",
        ),
    ];
    for (text, message) in cases {
        let found = findings(text);
        assert!(found.iter().any(|finding| finding.contains(message)), "{text}\n{found:?}");
    }
}

#[test]
fn what_leads_somewhere_is_not() {
    let text = r#"
locals {
  caches = merge([for r in ["a", "b"] : { for k, v in var.managed_redis_config_replica : "${r}/${k}" => { key = k, config = v } }]...)
  again  = { for k, c in local.caches : k => merge(c, { more = c.config.kv_key_replica }) if c.config.sku_name != "" }
  maybe  = try(local.caches.x.y.z, null)
}
resource "t" "n" {
  for_each = local.again
  a        = each.value.more
  b        = each.value.config.default_database.modules[0].name
  c        = var.environment == null ? each.key : self.x
}
output "o" {
  value = [for k, c in local.caches : t.n[k].id if c.key == local.maybe]
}
"#;
    assert_eq!(findings(text), [""; 0]);
}

#[test]
fn an_expression_that_is_not_understood_is_not_passed_over() {
    let text = "locals {\n  a = \"%{ if true }x%{ endif }\"\n}";
    assert!(std::panic::catch_unwind(|| findings(text)).is_err());
    assert!(matches!("1".parse::<Expression>().unwrap(), Expression::Number(_)));
}
