//! What Terraform would import, at the addresses of the module in `terraform/`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod support;

use support::{complete, context, environment};
use tidelock_plan::{Snapshot, terraform_imports};

#[test]
fn every_resource_has_its_address_in_the_module() {
    let environment = environment(2);
    assert!(terraform_imports(&environment, &context(), &Snapshot::default()).unwrap().is_empty());
    let imports = terraform_imports(&environment, &context(), &complete(&environment)).unwrap();
    let known: Vec<_> = imports.iter().filter(|import| import.id.is_some()).map(|import| &*import.resource).collect();
    let expected = [
        "azurerm_resource_group.this[\"rg-demo-eastus2\"]",
        "azurerm_key_vault.this[\"first/primary\"]",
        "azurerm_managed_redis.this[\"first/primary\"]",
        "azurerm_private_endpoint.cache[\"first/pe-primary\"]",
        "azurerm_resource_group.this[\"rg-demo-uksouth\"]",
        "azurerm_key_vault.this[\"replica/replica\"]",
        "azurerm_managed_redis.this[\"replica/replica\"]",
        "azurerm_private_endpoint.cache[\"replica/pe-replica\"]",
        "azurerm_managed_redis_geo_replication.this[\"main\"]",
    ];
    for resource in expected {
        assert!(known.contains(&resource), "{resource} is missing among {known:#?}");
    }
    let secret = "azurerm_key_vault_secret.access_key[\"replica/replica/secondary\"]";
    let secret = imports.iter().find(|import| import.resource == secret).unwrap();
    assert!(secret.id.is_none() && secret.note.contains("versioned"), "{secret:?}");
}

/// The addresses above are the module's own.
#[test]
fn the_module_has_these_resources() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../terraform");
    let files = std::fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path());
    let text: String = files
        .filter(|path| path.extension().is_some_and(|ext| ext == "tf"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let environment = environment(2);
    for import in terraform_imports(&environment, &context(), &complete(&environment)).unwrap() {
        let (kind, rest) = import.resource.split_once('.').unwrap();
        let name = rest.split_once('[').unwrap().0;
        assert!(text.contains(&format!("resource \"{kind}\" \"{name}\"")), "{}", import.resource);
    }
}
