//! Key vaults and encryption keys.

mod check;

use super::{Example, Family, Rule, RuleId};
use crate::diagnostic::Severity;

pub(super) use check::check;

const ENCRYPTION: &str = "Azure documentation: disk encryption of Managed Redis with customer-managed keys";

/// The family's rules.
pub(crate) static RULES: &[&Rule] = &[
    &NAME_SYNTAX,
    &PURGE_PROTECTION_FOR_KEYS,
    &PURGE_PROTECTION,
    &KEY_TYPE,
    &KEY_ADDRESS,
    &KEY_ELSEWHERE,
    &KEY_GIVEN_ONCE,
    &KEY_SIZE,
    &PUBLIC,
    &ONE_PER_REGION,
];

const fn rule(id: u16, name: &'static str, severity: Severity, source: &'static str) -> Rule {
    Rule {
        id: RuleId(id),
        name,
        family: Family::Vault,
        severity,
        summary: "",
        why: "",
        source,
        mend: "",
        failing: Example::Change(""),
        passing: Example::Change(""),
    }
}

pub(crate) static NAME_SYNTAX: Rule = Rule {
    summary: "A vault's name has 3 to 24 letters, digits and hyphens, begins with a letter, ends with a letter or a digit, \
              and has no two hyphens in a row.",
    why: "It is a host name in all of Azure. Terraform and Azure refuse others.",
    mend: "Shorten or change the name; that of a vault which exists is shown in the portal.",
    failing: Example::Change("kv_config = { main = { name = \"kv-app-development-eastus2\" } }"),
    passing: Example::Change("kv_config = { main = { name = \"kv-app-develop-eastus2\" } }"),
    ..rule(
        100,
        "vault-name-syntax",
        Severity::Error,
        "Azure REST description of Microsoft.KeyVault: vaults; azurerm provider: key vault names",
    )
};

pub(crate) static PURGE_PROTECTION_FOR_KEYS: Rule = Rule {
    summary: "A vault whose keys encrypt a cache has purge protection.",
    why: "Azure refuses a key that somebody could destroy for good: all data of the cache would be lost with it.",
    mend: "Set `purge_protection_enabled = true`, or leave it out. It cannot be turned off later.",
    failing: Example::Change(
        "kv_config = { main = { purge_protection_enabled = false } }\n\
         managed_redis_config = { primary = { customer_managed_key = { key_name = \"redis\" } } }",
    ),
    passing: Example::Change(
        "kv_config = { main = { purge_protection_enabled = true } }\n\
         managed_redis_config = { primary = { customer_managed_key = { key_name = \"redis\" } } }",
    ),
    ..rule(101, "keys-without-purge-protection", Severity::Error, ENCRYPTION)
};

pub(crate) static PURGE_PROTECTION: Rule = Rule {
    summary: "Every vault has purge protection.",
    why: "Without it, whoever may delete the vault may also purge it at once, and the region's credentials with it.",
    mend: "Set `purge_protection_enabled = true`, or leave it out. It cannot be turned off later, and a deleted vault keeps \
           its name until `soft_delete_retention_days` are over.",
    failing: Example::Change("kv_config = { main = { purge_protection_enabled = false } }"),
    passing: Example::Change("kv_config = { main = { purge_protection_enabled = true } }"),
    ..rule(
        102,
        "no-purge-protection",
        Severity::Warning,
        "Azure documentation: Key Vault recovery; Tidelock's own design",
    )
};

pub(crate) static KEY_TYPE: Rule = Rule {
    summary: "A key that encrypts a cache is an RSA key.",
    why: "Managed Redis wraps its own key with it, and can do that with RSA only.",
    mend: "Set `key_type` to `RSA`, or to `RSA-HSM` for a key in hardware.",
    failing: Example::Change(
        "managed_redis_config = { primary = { customer_managed_key = { key_name = \"redis\", key_type = \"EC\" } } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { customer_managed_key = { key_name = \"redis\", key_type = \"RSA\" } } }",
    ),
    ..rule(103, "key-type", Severity::Error, ENCRYPTION)
};

pub(crate) static KEY_ADDRESS: Rule = Rule {
    summary: "`key_id` is the address of one version of a key in a vault.",
    why: "Managed Redis does not follow the rotation of a key: it is told which version to use, and Azure refuses an address \
          without one.",
    mend: "Copy the key identifier of the current version: `https://<vault>.vault.azure.net/keys/<key>/<version>`.",
    failing: Example::Change(
        "managed_redis_config = { primary = { customer_managed_key = { key_id = \
         \"https://kv-app-dev-eus2.vault.azure.net/keys/redis\" } } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { customer_managed_key = { key_id = \
         \"https://kv-app-dev-eus2.vault.azure.net/keys/redis/0123456789abcdef0123456789abcdef\" } } }",
    ),
    ..rule(104, "key-address", Severity::Error, ENCRYPTION)
};

pub(crate) static KEY_ELSEWHERE: Rule = Rule {
    summary: "The key that encrypts a cache is in the cache's own vault.",
    why: "The cache's identity is given access to its own vault. A key in another region's vault would also take the cache \
          down with that region.",
    mend: "Use a key of the vault that `kv_key` names, or name the vault that holds the key.",
    failing: Example::Change(
        "managed_redis_config = { primary = { customer_managed_key = { key_id = \
         \"https://kv-app-dev-uks.vault.azure.net/keys/redis/0123456789abcdef0123456789abcdef\" } } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { customer_managed_key = { key_id = \
         \"https://kv-app-dev-eus2.vault.azure.net/keys/redis/0123456789abcdef0123456789abcdef\" } } }",
    ),
    ..rule(
        105,
        "key-in-another-vault",
        Severity::Error,
        "the pattern: every region has its own vault; Azure documentation: the key's vault is in the cache's region",
    )
};

pub(crate) static KEY_GIVEN_ONCE: Rule = Rule {
    summary: "`customer_managed_key` has either `key_name`, a key to create, or `key_id`, a key that exists.",
    why: "With both, one of them would be ignored without a word; with neither, there is no key.",
    mend: "Remove one of the two, or add one.",
    failing: Example::Change(
        "managed_redis_config = { primary = { customer_managed_key = { key_name = \"redis\", key_id = \
         \"https://kv-app-dev-eus2.vault.azure.net/keys/redis/0123456789abcdef0123456789abcdef\" } } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { customer_managed_key = { key_name = \"redis\" } } }",
    ),
    ..rule(106, "key-name-or-id", Severity::Error, "Tidelock's own variables: docs/reference/variables.md")
};

pub(crate) static KEY_SIZE: Rule = Rule {
    summary: "An RSA key has 2048, 3072 or 4096 bits.",
    why: "Key Vault makes no others.",
    mend: "Write one of these three, or leave it out.",
    failing: Example::Change(
        "managed_redis_config = { primary = { customer_managed_key = { key_name = \"redis\", key_size = 2560 } } }",
    ),
    passing: Example::Change(
        "managed_redis_config = { primary = { customer_managed_key = { key_name = \"redis\", key_size = 3072 } } }",
    ),
    ..rule(107, "key-size", Severity::Error, "Azure documentation: Key Vault key types and sizes")
};

pub(crate) static PUBLIC: Rule = Rule {
    summary: "No vault answers on its public address.",
    why: "It holds the access keys of its region's caches, and then only its roles guard them.",
    mend: "Set `public_network_access_enabled = false`, give it a private endpoint with `snet_key`, and run Terraform from a \
           network that reaches it.",
    failing: Example::Change("kv_config = { main = { public_network_access_enabled = true } }"),
    passing: Example::Change("kv_config = { main = { public_network_access_enabled = false } }"),
    ..rule(108, "public-vault", Severity::Warning, "the pattern: private endpoints only, no public address")
};

pub(crate) static ONE_PER_REGION: Rule = Rule {
    summary: "The caches of a region keep their credentials in one vault, the region's.",
    why: "Every vault is one more that can fail, be forgotten in a role or expire. The region's gateways and agents would \
          need all of them.",
    mend: "Name the same vault in `kv_key` of all caches of the region.",
    failing: Example::Change(TWO_VAULTS),
    passing: Example::Change(ONE_VAULT),
    ..rule(109, "several-vaults-in-a-region", Severity::Warning, "the pattern: every region has its own vault")
};

const ONE_VAULT: &str = "managed_redis_config = {
  orders = {
    context_suffix   = \"orders\"
    instance         = \"01\"
    sku_name         = \"Balanced_B3\"
    kv_key           = \"main\"
    default_database = { clustering_policy = \"EnterpriseCluster\" }
  }
}
managed_redis_pe_config = {
  orders = { context = \"orders\", instance = \"01\", snet_key = \"redis\", managed_redis_key = \"orders\" }
}";

const TWO_VAULTS: &str = "kv_config = {
  orders = { name = \"kv-orders-dev-eus2\" }
}
managed_redis_config = {
  orders = {
    context_suffix   = \"orders\"
    instance         = \"01\"
    sku_name         = \"Balanced_B3\"
    kv_key           = \"orders\"
    default_database = { clustering_policy = \"EnterpriseCluster\" }
  }
}
managed_redis_pe_config = {
  orders = { context = \"orders\", instance = \"01\", snet_key = \"redis\", managed_redis_key = \"orders\" }
}";
