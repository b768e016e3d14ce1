"""Identities, the roles they are given, and locks."""

from session.trace import holds, same

from .command import Az


def identities(az: Az, group: str) -> str:
    """Answers the identity's principal."""
    made = az("identity create", "--resource-group", group, "--name", "id")
    holds(made["principalId"] and made["clientId"] and made["tenantId"], "an identity without ids")
    az("identity create", "--resource-group", group, "--name", "id", "--tags", "a=b")
    shown = az("identity show", "--resource-group", group, "--name", "id")
    same((shown["principalId"], shown["tags"]), (made["principalId"], {"a": "b"}), "the identity")
    changed = az("identity update", "--resource-group", group, "--name", "id", "--tags", "a=c")
    same(changed["tags"], {"a": "c"}, "tags of the identity after an update")
    same(len(az("identity list", "--resource-group", group)), 1, "identities of the group")
    same(len(az("identity list")), 1, "identities of the subscription")
    return made["principalId"]


def roles(az: Az, scope: str, principal: str) -> None:
    """Without the directory's names: there is no Graph here."""
    reader = az("role definition list", "--name", "Reader")
    same(len(reader), 1, "roles of the name")
    same(az("role definition show", "--id", reader[0]["id"])["roleName"], "Reader", "a role by its id")
    whom = ("--assignee-object-id", principal, "--assignee-principal-type", "ServicePrincipal")
    made = az("role assignment create", *whom, "--role", "Reader", "--scope", scope)
    same((made["principalId"], made["scope"]), (principal, scope), "the assignment")
    again = az("role assignment create", *whom, "--role", "Reader", "--scope", scope)
    same(again["id"], made["id"], "the assignment that is there already")
    az("role assignment create", *whom, "--role", "No such role", "--scope", scope, refused="doesn't exist")
    listed = az("role assignment list", "--scope", scope, "--fill-principal-name", "false")
    same([(found["id"], found["roleDefinitionName"]) for found in listed], [(made["id"], "Reader")], "assignments")
    az("role assignment delete", "--ids", made["id"])
    same(az("role assignment list", "--scope", scope, "--fill-principal-name", "false"), [], "assignments left")


def locks(az: Az, group: str) -> None:
    made = az("lock create", "--resource-group", group, "--name", "keep", "--lock-type", "CanNotDelete", "--notes", "a")
    same(made["level"], "CanNotDelete", "the lock's level")
    az("group delete", "--name", group, "--yes", refused="ScopeLocked")
    az("lock update", "--resource-group", group, "--name", "keep", "--notes", "b")
    same(az("lock show", "--resource-group", group, "--name", "keep")["notes"], "b", "the lock's notes")
    same([lock["name"] for lock in az("lock list", "--resource-group", group)], ["keep"], "locks of the group")
    vault = ("--resource-group", group, "--resource-type", "Microsoft.KeyVault/vaults", "--resource", "kv-az")
    az("lock create", *vault, "--name", "vault", "--lock-type", "ReadOnly")
    az("keyvault delete", "--name", "kv-az", "--resource-group", group, refused="ScopeLocked")
    az("lock delete", *vault, "--name", "vault")
    az("lock delete", "--resource-group", group, "--name", "keep")
    same(az("lock list"), [], "locks of the subscription")


def remove(az: Az, group: str) -> None:
    az("identity delete", "--resource-group", group, "--name", "id")
    az("identity show", "--resource-group", group, "--name", "id", refused="ResourceNotFound")
