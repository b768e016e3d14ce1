"""A vault's own address: secrets and keys, their versions, deletion, backup, rotation, and what keys are for."""

import datetime
import hashlib

from azure.keyvault.keys import KeyRotationLifetimeAction, KeyRotationPolicy, KeyRotationPolicyAction
from azure.keyvault.keys.crypto import EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm

from .clients import Clients
from .trace import holds, same

LATER = datetime.datetime(2040, 1, 1, tzinfo=datetime.timezone.utc)
PAGE = 30  # more than one answer holds


def secrets(clients: Clients, address: str) -> None:
    api = clients.secrets(address).know("")
    first = api.set_secret("a", "1", tags={"x": "y"}, content_type="text", expires_on=LATER)
    same(first.properties.expires_on, LATER, "the expiry of a secret")
    second = api.set_secret("a", "2")
    holds(first.properties.version != second.properties.version, "two values have one version")
    same(api.get_secret("a").value, "2", "the newest value")
    same(api.get_secret("a", first.properties.version).value, "1", "an older value")
    same(len(api.list_properties_of_secret_versions("a")), 2, "versions")
    api.update_secret_properties("a", enabled=False)
    api.get_secret("a", refused="Forbidden")
    api.update_secret_properties("a", enabled=True)
    api.get_secret("nothing", refused="SecretNotFound")
    for number in range(PAGE):
        api.set_secret(f"page-{number}", "v")
    holds(len(api.list_properties_of_secrets()) > PAGE, "secrets on more than one page")
    kept = api.backup_secret("a")
    api.begin_delete_secret("a")
    same([secret.name for secret in api.list_deleted_secrets()], ["a"], "deleted secrets")
    holds(api.get_deleted_secret("a").scheduled_purge_date, "when a deleted secret is purged")
    api.set_secret("a", "3", refused="Conflict")
    api.begin_recover_deleted_secret("a")
    same(api.get_secret("a").value, "2", "the recovered value")
    api.begin_delete_secret("a")
    api.purge_deleted_secret("a")
    api.get_deleted_secret("a", refused="SecretNotFound")
    api.restore_secret_backup(kept)
    same(api.get_secret("a").value, "2", "the value from a backup")


def keys(clients: Clients, address: str) -> None:
    api = clients.keys(address).know("", but={
        "keyvault-keys.create_oct_key": "symmetric keys are for managed HSMs",
        "keyvault-keys.import_key": "the local cloud makes keys and takes none",
        "keyvault-keys.release_key": "secure key release is for confidential machines",
        "keyvault-keys.get_random_bytes": "for managed HSMs",
        "keyvault-keys.get_key_attestation": "for managed HSMs",
        "keyvault-keys.get_cryptography_client": "makes another client and calls nothing",
        "keyvault-keys.create_key": "called by the two that are named after a kind",
    })
    key = api.create_rsa_key("k", size=2048)
    same(key.key_type, "RSA", "the kind of a key")
    api.create_ec_key("e", curve="P-256")
    rotated = api.rotate_key("k")
    holds(rotated.properties.version != key.properties.version, "a rotated key has the same version")
    same(len(api.list_properties_of_key_versions("k")), 2, "versions of a rotated key")
    holds({"k", "e"} <= {found.name for found in api.list_properties_of_keys()}, "keys are not listed")
    action = KeyRotationLifetimeAction(KeyRotationPolicyAction.rotate, time_before_expiry="P30D")
    policy = KeyRotationPolicy(expires_in="P90D", lifetime_actions=[action])
    same(api.update_key_rotation_policy("k", policy).expires_in, "P90D", "the expiry of a rotation policy")
    same(api.get_key_rotation_policy("k").expires_in, "P90D", "the expiry of a rotation policy that was kept")
    api.update_key_properties("k", enabled=False)
    same(api.get_key("k").properties.enabled, False, "a key that was disabled")
    api.update_key_properties("k", enabled=True)
    api.get_key("nothing", refused="KeyNotFound")
    uses(clients, api.get_key("k"), api.get_key("e"))
    kept = api.backup_key("e")
    api.begin_delete_key("e")
    same([found.name for found in api.list_deleted_keys()], ["e"], "deleted keys")
    same(api.get_deleted_key("e").name, "e", "a deleted key")
    api.create_ec_key("e", refused="Conflict")
    api.begin_recover_deleted_key("e")
    api.begin_delete_key("e")
    api.purge_deleted_key("e")
    same(api.restore_key_backup(kept).name, "e", "a key from a backup")


def uses(clients: Clients, rsa, ec) -> None:
    """By the key's id: a client that holds the public part would do half of it by itself."""
    digest = hashlib.sha256(b"message").digest()
    api = clients.cryptography(rsa.id)
    data = b"x" * 32
    wrapped = api.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, data).encrypted_key
    same(api.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped).key, data, "what was wrapped")
    hidden = api.encrypt(EncryptionAlgorithm.rsa_oaep, b"hidden").ciphertext
    same(api.decrypt(EncryptionAlgorithm.rsa_oaep, hidden).plaintext, b"hidden", "what was encrypted")
    for algorithm in (SignatureAlgorithm.rs256, SignatureAlgorithm.ps256):
        signature = api.sign(algorithm, digest).signature
        holds(api.verify(algorithm, digest, signature).is_valid, f"a signature with {algorithm} is refused")
    api = clients.cryptography(ec.id)
    signature = api.sign(SignatureAlgorithm.es256, digest).signature
    holds(api.verify(SignatureAlgorithm.es256, digest, signature).is_valid, "a signature with ES256 is refused")
