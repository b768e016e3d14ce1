"""Vaults, and the secrets and keys in them."""

import base64
import hashlib
import json

from session.trace import holds, same

from .command import Az

NAME = "kv-az"
NOBODY = "00000000-0000-0000-0000-0000000000ab"


def make(az: Az, group: str) -> None:
    vault = ("--resource-group", group, "--name", NAME)
    made = az("keyvault create", *vault, "--enable-rbac-authorization", "false", "--no-self-perms", "--retention-days",
              "7")
    same(made["properties"]["provisioningState"], "Succeeded", "state of the vault")
    az("keyvault create", *vault, refused="already exists")
    az("keyvault set-policy", *vault, "--object-id", NOBODY, "--secret-permissions", "get", "list")
    policies = az("keyvault show", *vault)["properties"]["accessPolicies"]
    same([sorted(policy["permissions"]["secrets"]) for policy in policies], [["get", "list"]], "access policies")
    az("keyvault delete-policy", *vault, "--object-id", NOBODY)
    same(az("keyvault show", "--name", NAME)["properties"]["accessPolicies"], [], "access policies left")
    az("keyvault network-rule add", *vault, "--ip-address", "192.0.2.0/24")
    rules = az("keyvault network-rule list", *vault)["ipRules"]
    same([rule["value"] for rule in rules], ["192.0.2.0/24"], "rules of the vault's firewall")
    az("keyvault network-rule remove", *vault, "--ip-address", "192.0.2.0/24")
    changed = az("keyvault update", *vault, "--set", "tags.changed=yes")
    same(changed["tags"], {"changed": "yes"}, "tags of the vault after an update")
    same([found["name"] for found in az("keyvault list", "--resource-group", group)], [NAME], "vaults of the group")
    same([found["name"] for found in az("keyvault list")], [NAME], "vaults of the subscription")


def secrets(az: Az) -> None:
    of = ("--vault-name", NAME)
    secret = (*of, "--name", "a")
    first = az("keyvault secret set", *secret, "--value", "1", "--tags", "x=y", "--content-type", "text", "--expires",
               "2040-01-01T00:00:00Z")
    same((first["value"], first["attributes"]["expires"]), ("1", "2040-01-01T00:00:00+00:00"), "the secret")
    az("keyvault secret set", *secret, "--value", "2")
    same(az("keyvault secret show", *secret)["value"], "2", "the newest value")
    same(az("keyvault secret show", "--id", first["id"])["value"], "1", "an older value")
    same(len(az("keyvault secret list-versions", *secret)), 2, "versions")
    az("keyvault secret set-attributes", *secret, "--enabled", "false")
    az("keyvault secret show", *secret, refused="Forbidden")
    az("keyvault secret set-attributes", *secret, "--enabled", "true")
    az("keyvault secret show", *of, "--name", "nothing", refused="SecretNotFound")
    same([found["name"] for found in az("keyvault secret list", *of)], ["a"], "secrets")
    target = az.directory / "value"
    az("keyvault secret download", *secret, "--file", str(target))
    same(target.read_text(), "2", "the value in a file")
    kept = az.directory / "secret"
    az("keyvault secret backup", *secret, "--file", str(kept))
    az("keyvault secret delete", *secret)
    same([found["name"] for found in az("keyvault secret list-deleted", *of)], ["a"], "deleted secrets")
    holds(az("keyvault secret show-deleted", *secret)["scheduledPurgeDate"], "when a deleted secret is purged")
    az("keyvault secret set", *secret, "--value", "3", refused="Conflict")
    az("keyvault secret recover", *secret)
    same(az("keyvault secret show", *secret)["value"], "2", "the recovered value")
    az("keyvault secret delete", *secret)
    az("keyvault secret purge", *secret)
    az("keyvault secret show-deleted", *secret, refused="SecretNotFound")
    az("keyvault secret restore", *of, "--file", str(kept))
    same(az("keyvault secret show", *secret)["value"], "2", "the value from a backup")


def keys(az: Az) -> None:
    of = ("--vault-name", NAME)
    key = (*of, "--name", "k")
    first = az("keyvault key create", *key, "--kty", "RSA", "--size", "2048")
    same(first["key"]["kty"], "RSA", "the kind of a key")
    az("keyvault key create", *of, "--name", "e", "--kty", "EC", "--curve", "P-256")
    rotated = az("keyvault key rotate", *key)
    holds(rotated["key"]["kid"] != first["key"]["kid"], "a rotated key has the same version")
    same(az("keyvault key show", *key)["key"]["kid"], rotated["key"]["kid"], "the newest version")
    same(len(az("keyvault key list-versions", *key)), 2, "versions of a rotated key")
    same(sorted(found["name"] for found in az("keyvault key list", *of)), ["e", "k"], "keys")
    policy = {"lifetimeActions": [{"trigger": {"timeBeforeExpiry": "P30D"}, "action": {"type": "Rotate"}}],
              "attributes": {"expiryTime": "P90D"}}
    az("keyvault key rotation-policy update", *key, "--value", json.dumps(policy))
    same(az("keyvault key rotation-policy show", *key)["expiresIn"], "P90D", "the expiry of a rotation policy")
    az("keyvault key set-attributes", *key, "--enabled", "false")
    same(az("keyvault key show", *key)["attributes"]["enabled"], False, "a key that was disabled")
    az("keyvault key set-attributes", *key, "--enabled", "true")
    az("keyvault key show", *of, "--name", "nothing", refused="KeyNotFound")
    text = base64.b64encode(b"hidden").decode()
    hidden = az("keyvault key encrypt", *key, "--algorithm", "RSA-OAEP-256", "--value", text, "--data-type", "base64")
    shown = az("keyvault key decrypt", *key, "--algorithm", "RSA-OAEP-256", "--value", hidden["result"], "--data-type",
               "base64")
    same(shown["result"], text, "what was encrypted")
    digest = base64.b64encode(hashlib.sha256(b"message").digest()).decode()
    signed = az("keyvault key sign", *key, "--algorithm", "RS256", "--digest", digest)
    checked = az("keyvault key verify", *key, "--algorithm", "RS256", "--digest", digest, "--signature",
                 signed["signature"])
    same(checked["isValid"], True, "a signature")
    kept, name = az.directory / "key", (*of, "--name", "e")
    az("keyvault key backup", *name, "--file", str(kept))
    az("keyvault key delete", *name)
    same([found["name"] for found in az("keyvault key list-deleted", *of)], ["e"], "deleted keys")
    same(az("keyvault key show-deleted", *name)["key"]["kty"], "EC", "a deleted key")
    az("keyvault key create", *name, "--kty", "EC", refused="Conflict")
    az("keyvault key recover", *name)
    az("keyvault key delete", *name)
    az("keyvault key purge", *name)
    az("keyvault key restore", *of, "--file", str(kept))
    same(az("keyvault key show", *name)["key"]["kty"], "EC", "a key from a backup")


def remove(az: Az, group: str) -> None:
    """Deleted, recovered, deleted again and purged; its name is taken until then."""
    vault = ("--resource-group", group, "--name", NAME)
    az("keyvault delete", *vault)
    same([found["name"] for found in az("keyvault list-deleted", "--resource-type", "vault")], [NAME], "deleted vaults")
    holds(az("keyvault show-deleted", "--name", NAME)["properties"]["scheduledPurgeDate"], "when a vault is purged")
    az("keyvault recover", "--name", NAME)
    same(az("keyvault secret show", "--vault-name", NAME, "--name", "a")["value"], "2", "a secret of a recovered vault")
    az("keyvault delete", *vault)
    az("keyvault create", *vault, "--no-self-perms", refused="ConflictError")
    az("keyvault purge", "--name", NAME)
    same(az("keyvault list-deleted", "--resource-type", "vault"), [], "deleted vaults after a purge")
    guarded = ("--resource-group", group, "--name", "kv-az-guarded")
    az("keyvault create", *guarded, "--enable-purge-protection", "true", "--no-self-perms")
    az("keyvault delete", *guarded)
    az("keyvault purge", "--name", "kv-az-guarded", refused="purge protection")
