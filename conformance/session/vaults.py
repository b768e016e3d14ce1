"""Vaults as resources: made, changed, deleted softly, recovered and purged."""

from .clients import Clients
from .trace import holds, same

VAULT = "Microsoft.KeyVault/vaults"
NOBODY = "00000000-0000-0000-0000-0000000000ab"


def properties(clients: Clients, **more) -> dict:
    return {
        "tenantId": clients.cloud.tenant, "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": False, "accessPolicies": [], "enableSoftDelete": True, **more,
    }


def make(clients: Clients, group: str, name: str) -> str:
    """Answers the vault's address."""
    api = clients.vaults.know("vaults", "secrets", "keys", but={
        "keyvault.vaults.list": "the same list by a filter of the generic one, kept for old callers",
        "keyvault.keys.get_version": "versions of keys are the data plane's here",
        "keyvault.keys.list_versions": "the same",
    })
    asked = {"name": name, "type": VAULT}
    holds(api.vaults.check_name_availability(asked).name_available, "the vault's name is taken before it was made")
    made = api.vaults.begin_create_or_update(
        group, name, {"location": "uksouth", "properties": properties(clients), "tags": {"made-by": "session"}},
    )
    same(made.properties.provisioning_state, "Succeeded", "state of the vault")
    holds(not api.vaults.check_name_availability(asked).name_available, "the vault's name is free after it was made")
    same(api.vaults.get(group, name).name, name, "the vault")
    holds(name in [vault.name for vault in api.vaults.list_by_resource_group(group)], "not in the group's list")
    holds(name in [vault.name for vault in api.vaults.list_by_subscription()], "not in the subscription's list")
    policy = {"tenantId": clients.cloud.tenant, "objectId": NOBODY, "permissions": {"secrets": ["get"]}}
    for operation, left in (("add", 1), ("replace", 1), ("remove", 0)):
        api.vaults.update_access_policy(group, name, operation, {"properties": {"accessPolicies": [policy]}})
        same(len(api.vaults.get(group, name).properties.access_policies), left, f"access policies after {operation}")
    changed = api.vaults.update(group, name, {"tags": {"changed": "yes"}})
    same(changed.tags, {"changed": "yes"}, "tags after an update")
    return made.properties.vault_uri


def items(clients: Clients, group: str, vault: str) -> None:
    """Secrets and keys that are resources: written, shown without their values, never deleted from here."""
    api = clients.vaults
    made = api.secrets.create_or_update(group, vault, "of-arm", {"properties": {"value": "not shown"}})
    same(made.properties.value, None, "the value of a secret")
    api.secrets.update(group, vault, "of-arm", {"tags": {"changed": "yes"}})
    same(api.secrets.get(group, vault, "of-arm").tags, {"changed": "yes"}, "tags of a secret")
    same([secret.name for secret in api.secrets.list(group, vault)], ["of-arm"], "secrets")
    key = {"properties": {"kty": "RSA", "keySize": 2048}}
    made = api.keys.create_if_not_exist(group, vault, "of-arm", key)
    same(api.keys.get(group, vault, "of-arm").properties.key_uri_with_version,
         made.properties.key_uri_with_version, "the key's newest version")
    same([key.name for key in api.keys.list(group, vault)], ["of-arm"], "keys")


def remove(clients: Clients, group: str, name: str) -> None:
    """Deleted, recovered, deleted again and purged; its name is taken until then."""
    api = clients.vaults.vaults
    body = {"location": "uksouth", "properties": properties(clients)}
    api.delete(group, name)
    api.get(group, name, refused="ResourceNotFound")
    same(api.get_deleted(name, "uksouth").name, name, "the deleted vault")
    holds(name in [vault.name for vault in api.list_deleted()], "the deleted vault is not listed")
    api.begin_create_or_update(group, name, body, refused="ConflictError")
    recovered = {**body, "properties": properties(clients, createMode="recover")}
    same(api.begin_create_or_update(group, name, recovered).name, name, "the recovered vault")
    api.delete(group, name)
    api.begin_purge_deleted(name, "uksouth")
    api.get_deleted(name, "uksouth", refused="DeletedVaultNotFound")
