"""Identities that users assign."""

from .clients import Clients
from .trace import holds, same


def session(clients: Clients, group: str) -> str:
    """Answers the identity's principal."""
    api = clients.identities.know("user_assigned_identities").user_assigned_identities
    made = api.create_or_update(group, "id", {"location": "uksouth"})
    holds(made.principal_id and made.client_id and made.tenant_id, "an identity without ids")
    same(api.update(group, "id", {"tags": {"a": "b"}}).tags, {"a": "b"}, "tags of the identity")
    same(api.get(group, "id").principal_id, made.principal_id, "the identity's principal")
    holds(api.list_by_resource_group(group), "identities of the group")
    holds(api.list_by_subscription(), "identities of the subscription")
    return made.principal_id


def remove(clients: Clients, group: str) -> None:
    clients.identities.user_assigned_identities.delete(group, "id")
    clients.identities.user_assigned_identities.get(group, "id", refused="ResourceNotFound")
