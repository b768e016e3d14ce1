"""Who may do what: role definitions, assignments, and locks."""

import uuid

from azure.mgmt.resource.locks.models import ManagementLockObject

from .clients import Clients
from .trace import holds, same

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"  # the same in every tenant


def know(clients: Clients) -> None:
    clients.rights.know("role_assignments", "role_definitions", but={
        f"authorization.{name}": reason for name, reason in {
            "role_assignments.validate": "not in the description of 2022-04-01",
            "role_assignments.validate_by_id": "the same",
            "role_assignments.list": "of older versions",
            "role_definitions.create_or_update": "the local cloud has built-in roles only",
            "role_definitions.delete": "the same",
        }.items()
    })
    clients.locks.know("management_locks", but={
        f"resource.locks.management_locks.{name}": "the same by another spelling of the scope"
        for name in (
            "create_or_update_by_scope", "get_by_scope", "delete_by_scope", "list_by_scope",
            "create_or_update_at_resource_level", "get_at_resource_level", "delete_at_resource_level",
        )
    })


def roles(clients: Clients, group: str, principal: str) -> None:
    scope = clients.resources.resource_groups.get(group).id
    api = clients.rights
    found = api.role_definitions.list(scope, filter="roleName eq 'Reader'")
    same([role.name for role in found], [READER], "the role called Reader")
    same(api.role_definitions.get(scope, READER).role_name, "Reader", "the role by its name")
    same(api.role_definitions.get_by_id(found[0].id).role_name, "Reader", "the role by its id")
    name = str(uuid.uuid4())
    wanted = {"properties": {
        "roleDefinitionId": found[0].id, "principalId": principal, "principalType": "ServicePrincipal",
    }}
    made = api.role_assignments.create(scope, name, wanted)
    same(made.principal_id, principal, "whom the role is assigned to")
    again = {"properties": {**wanted["properties"]}}
    api.role_assignments.create(scope, str(uuid.uuid4()), again, refused="RoleAssignmentExists")
    same(api.role_assignments.get(scope, name).id, made.id, "the assignment")
    same(api.role_assignments.get_by_id(made.id).id, made.id, "the assignment by its id")
    listed = api.role_assignments.list_for_scope(scope, filter=f"principalId eq '{principal}'")
    same([found.name for found in listed], [name], "assignments of the principal")
    holds(name in [found.name for found in api.role_assignments.list_for_resource_group(group)], "not in the group's")
    vault = ("Microsoft.KeyVault", "vaults", "kv-session")
    inherited = api.role_assignments.list_for_resource(group, *vault)
    holds(name in [found.name for found in inherited], "not among those of a vault in the group")
    holds(name in [found.name for found in api.role_assignments.list_for_subscription()], "not in the subscription's")
    api.role_assignments.delete(scope, name)
    made = api.role_assignments.create_by_id(made.id, wanted)
    api.role_assignments.delete_by_id(made.id)
    same(api.role_assignments.list_for_scope(scope, filter=f"principalId eq '{principal}'"), [], "assignments left")


def locks(clients: Clients, group: str) -> None:
    """What is locked cannot be deleted until it is unlocked."""
    api = clients.locks.management_locks
    body = ManagementLockObject(level="CanNotDelete", notes="of the session")
    made = api.create_or_update_at_resource_group_level(group, "keep", body)
    same(made.level, "CanNotDelete", "the lock's level")
    same(api.get_at_resource_group_level(group, "keep").notes, "of the session", "the lock's notes")
    holds(api.list_at_resource_group_level(group), "locks of the group")
    holds(api.list_at_subscription_level(), "locks of the subscription")
    # Those at the resource and below it, not those it inherits.
    same(api.list_at_resource_level(group, "Microsoft.KeyVault", "", "vaults", "kv-session"), [], "locks of a vault")
    clients.resources.resource_groups.begin_delete(group, refused="ScopeLocked")
    api.delete_at_resource_group_level(group, "keep")
    api.create_or_update_at_subscription_level("whole", ManagementLockObject(level="CanNotDelete"))
    same(api.get_at_subscription_level("whole").name, "whole", "the subscription's lock")
    clients.resources.resource_groups.begin_delete(group, refused="ScopeLocked")
    api.delete_at_subscription_level("whole")
