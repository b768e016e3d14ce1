"""Resource groups, what is in them, and locks on them."""

from .clients import Clients
from .trace import holds, same


def groups(clients: Clients, name: str, location: str) -> None:
    api = clients.resources.know("resource_groups", but={
        "resource.resource_groups.begin_export_template": "the local cloud deploys no templates",
    })
    holds(not api.resource_groups.check_existence(name), "the group is there before it was made")
    api.resource_groups.get(name, refused="ResourceGroupNotFound")
    made = api.resource_groups.create_or_update(name, {"location": location, "tags": {"made-by": "session"}})
    same(made.properties.provisioning_state, "Succeeded", "state of the group")
    holds(api.resource_groups.check_existence(name), "the group is not there after it was made")
    api.resource_groups.update(name, {"tags": {"made-by": "session", "second": "tag"}})
    same(api.resource_groups.get(name.upper()).tags, {"made-by": "session", "second": "tag"}, "tags of the group")
    holds(name in [group.name for group in api.resource_groups.list()], "the group is not listed")


def providers(clients: Clients) -> None:
    """Which services a subscription has: what tools ask before anything else."""
    skipped = {f"resource.providers.{name}": "nothing of the product uses it" for name in (
        "provider_permissions", "unregister", "register_at_management_group_scope", "get_at_tenant_scope",
        "list_at_tenant_scope",
    )}
    api = clients.resources.know("providers", but=skipped).providers
    same(api.get("Microsoft.Cache").registration_state, "Registered", "registration of Microsoft.Cache")
    types = [kind.resource_type for kind in api.get("Microsoft.Cache").resource_types]
    holds("redisEnterprise" in types, f"types of Microsoft.Cache: {types}")
    holds("Microsoft.Network" in [provider.namespace for provider in api.list()], "Microsoft.Network is not listed")
    same(api.register("Microsoft.KeyVault").registration_state, "Registered", "registration of Microsoft.KeyVault")


def contents(clients: Clients, group: str, wanted: set) -> None:
    """The generic list names everything that stands by itself."""
    found = {resource.type for resource in clients.resources.resources.list_by_resource_group(group)}
    holds(wanted <= found, f"the group's list has {sorted(found)}, without {sorted(wanted - found)}")
    clients.resources.resources.list()


def remove(clients: Clients, group: str) -> None:
    clients.resources.resource_groups.begin_delete(group)
    holds(not clients.resources.resource_groups.check_existence(group), "the group is there after it was deleted")
