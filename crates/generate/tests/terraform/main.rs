//! Real Terraform on the generated `variables.tf`: it accepts what it should, sees what the definition says, and refuses
//! what its validation blocks are there for. Where there is no terraform this says so and tests nothing.

// A test fails by panicking; and a developer's tool that ends before the test goes on needs no supervision.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::disallowed_methods)]

mod expected;
mod sample;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tidelock_config::schema;
use tidelock_model::RegionSuffix;

/// A directory with `variables.tf` and nothing else, and the program to run in it.
struct Terraform {
    program: OsString,
    directory: TempDir,
}

impl Terraform {
    /// The program is `TIDELOCK_TERRAFORM`, or the one on the path.
    fn find() -> Option<Self> {
        let program = std::env::var_os("TIDELOCK_TERRAFORM").unwrap_or_else(|| "terraform".into());
        let found = Command::new(&program).arg("version").env("CHECKPOINT_DISABLE", "1").output();
        if !found.is_ok_and(|output| output.status.success()) {
            eprintln!("SKIPPED: there is no terraform on this machine");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let files = tidelock_generate::files();
        let variables = files.iter().find(|file| file.path == "terraform/variables.tf").unwrap();
        std::fs::write(directory.path().join("variables.tf"), &variables.text).unwrap();
        std::fs::write(directory.path().join("cli.rc"), "").unwrap();
        Some(Self { program, directory })
    }

    /// Every variable as Terraform has it after reading `text`, or what it says against it.
    fn read(&self, text: &str) -> Result<Value, String> {
        let pairs: Vec<_> = names().iter().map(|name| format!("{name} = var.{name}")).collect();
        let file = self.directory.path().join("given.tfvars");
        std::fs::write(&file, text).unwrap();
        let mut child = Command::new(&self.program)
            .args(["console", "-no-color", "-var-file=given.tfvars"])
            .current_dir(self.directory.path())
            .env("TF_CLI_CONFIG_FILE", self.directory.path().join("cli.rc"))
            .env("CHECKPOINT_DISABLE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(child.stdin.take().unwrap(), "jsonencode({{{}}})", pairs.join(", ")).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let against = String::from_utf8(output.stderr).unwrap();
        if !output.status.success() || against.contains("Error:") {
            return Err(flowing(&against));
        }
        // What `jsonencode` returns is a string, which the console quotes as JSON would.
        let json: String = serde_json::from_str(said.trim()).unwrap_or_else(|error| panic!("{error}: {said}"));
        Ok(serde_json::from_str(&json).unwrap())
    }
}

/// Words without the frame and the line breaks that Terraform puts around them.
fn flowing(text: &str) -> String {
    let words = text.split(|letter: char| letter.is_whitespace() || letter == '│').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// Every name a variable can have.
fn names() -> Vec<String> {
    let of_region = |suffix| schema::variables().filter(|v| v.scope.is_regional()).map(move |v| v.name_in(suffix));
    let shared = schema::variables().filter(|variable| !variable.scope.is_regional()).map(|v| v.name.to_owned());
    RegionSuffix::ALL.into_iter().flat_map(of_region).chain(shared).collect()
}

fn workspace_file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

fn assert_read_as_defined(terraform: &Terraform, name: &str, text: &str) {
    let seen = terraform.read(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let defined = expected::variables(text);
    for (variable, value) in defined.as_object().unwrap() {
        assert_eq!(&seen[variable], value, "{name}: {variable}");
    }
    assert_eq!(seen.as_object().unwrap().len(), defined.as_object().unwrap().len());
}

#[test]
fn terraform_sees_in_a_file_what_the_definition_says() {
    let Some(terraform) = Terraform::find() else { return };
    let files = [
        "envs/dev.tfvars",
        "envs/staging.tfvars",
        "envs/prod.tfvars",
        "crates/config/tests/fixtures/companion_like.tfvars",
    ];
    for file in files {
        assert_read_as_defined(&terraform, file, &workspace_file(file));
    }
}

#[test]
fn every_attribute_of_every_region_is_declared() {
    let Some(terraform) = Terraform::find() else { return };
    let text = sample::everything();
    for name in names() {
        assert!(text.contains(&format!("\n{name} = ")), "the sample gives {name}");
    }
    assert_read_as_defined(&terraform, "a file that gives everything", &text);
}

#[test]
fn a_file_with_what_it_must_have_and_nulls_gets_the_defaults() {
    let Some(terraform) = Terraform::find() else { return };
    let least =
        "environment = \"dev\"\ncontext_prefix = \"app\"\nlocation = \"eastus2\"\nresource_group_name = \"rg\"\n";
    assert_read_as_defined(&terraform, "the least", least);
    let nulls = names().into_iter().filter(|name| !least.contains(&format!("{name} =")));
    let nulls: String = nulls.map(|name| format!("{name} = null\n")).collect();
    assert_read_as_defined(&terraform, "nulls", &format!("{least}{nulls}"));
}

/// A change to `envs/dev.tfvars`, and words of the message it has to bring about.
const REFUSED: [(&str, &str, &str); 15] = [
    ("environment    = \"dev\"", "environment = \"live\"", "In `environment`: it is dev or development or test"),
    ("context_prefix = \"app\"", "context_prefix = \"app-\"", "In `context_prefix`: a prefix has 1 to 10"),
    ("location            = \"eastus2\"", "location = \"East US 2\"", "In `location`: a location is written"),
    (
        "location_replica            = \"uksouth\"",
        "",
        "The region `_replica` is described, so it needs `location_replica`.",
    ),
    ("resource_group_name_replica = \"rg-app-dev-replica\"", "", "so it needs `resource_group_name_replica`."),
    ("= \"rg-app-dev-primary\"", "= \"rg/app\"", "In `resource_group_name`: a resource group's name has 1 to 90"),
    (
        "kv_key_replica            = \"main\"",
        "kv_key_replica = \"mian\"",
        "`kv_key_replica`: it is the key of a key vault in",
    ),
    ("kv_key_replica            = \"main\"", "kv_key = \"main\"", "attribute \"kv_key_replica\" is required"),
    ("\"EnterpriseCluster\"", "\"Enterprise\"", "`default_database.clustering_policy`: it is OSSCluster or"),
    ("[\"redisEnterprise\"]", "[\"redis\"]", "`group_ids`: redisEnterprise is among them."),
    ("static_ip_required   = false", "static_ip_required = true", "where `static_ip_required` is true"),
    ("lease_ms  = 3000", "lease_ms = 1.5", "`lease_ms`: it is a whole number from 100 to 60000 (milliseconds)."),
    ("replica_keys      = [\"replica\"]", "replica_keys = []", "`replica_keys`: there are 1 to 4 of them."),
    ("replica_keys      = [\"replica\"]", "replica_keys = [\"primary\"]", "no cache is in a group twice."),
    (
        "name = \"kv-app-dev-eus2\"",
        "name = \"kv-app-dev-eus2\"\n soft_delete_retention_days = 91",
        "from 7 to 90 (days)",
    ),
];

#[test]
fn what_the_validation_blocks_are_for_is_refused() {
    let Some(terraform) = Terraform::find() else { return };
    let dev = workspace_file("envs/dev.tfvars");
    for (from, to, message) in REFUSED {
        assert!(dev.contains(from), "envs/dev.tfvars has no {from}");
        let said = terraform.read(&dev.replacen(from, to, 1)).expect_err(to);
        assert!(said.contains(message), "{to}: {said}");
    }
    let more = "kv_datasource_config = { main = { keyvault_name = \"kv\", keyvault_resource_group_name = \"rg\" } }\n";
    let said = terraform.read(&format!("{dev}\n{more}")).expect_err("a key in both maps");
    assert!(said.contains("No key is both in `kv_datasource_config`"), "{said}");
    let said = terraform.read(&dev.replace("  replica = {\n    context_suffix", "  primary = {\n    context_suffix"));
    assert!(said.expect_err("a key twice").contains("No two caches have the same key"));
}
