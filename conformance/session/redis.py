"""Caches: everything that Azure Managed Redis can be told, on real engines."""

import pathlib

from azure.mgmt.redisenterprise import models

from .clients import Clients
from .trace import holds, same

CLUSTER = "Microsoft.Cache/redisEnterprise"
STORAGE = "https://account.blob.core.windows.net/backups"


def know(clients: Clients) -> None:
    clients.redis.know(
        "redis_enterprise", "databases", "access_policy_assignment", "operations_status", "operations", but={
            "redisenterprise.operations_status.get": "the pollers ask for it, by the address they were given",
        },
    )


def database(nickname: str = None, members: list = ()) -> models.Database:
    linked = [models.LinkedDatabase(id=member) for member in members]
    return models.Database(
        client_protocol="Encrypted", clustering_policy="EnterpriseCluster", eviction_policy="NoEviction",
        access_keys_authentication="Enabled",
        geo_replication=models.DatabasePropertiesGeoReplication(group_nickname=nickname, linked_databases=linked)
        if nickname else None,
    )


def clusters(clients: Clients, group: str, one: str, two: str) -> None:
    """Two clusters in two regions."""
    api = clients.redis.redis_enterprise
    api.get(group, one, refused="ResourceNotFound")
    for name, location in ((one, "uksouth"), (two, "eastus2")):
        made = api.begin_create(group, name, models.Cluster(
            location=location, sku=models.Sku(name="Balanced_B3"), minimum_tls_version="1.2",
            public_network_access="Disabled", tags={"made-by": "session"},
        ))
        same(made.provisioning_state, "Succeeded", f"state of {name}")
        same(made.resource_state, "Running", f"resource state of {name}")
        holds(made.host_name and name in made.host_name, f"host name of {name}: {made.host_name}")
    same(api.get(group.upper(), one.upper()).id, api.get(group, one).id, "a name in other letters")
    same(len(api.list_by_resource_group(group)), 2, "clusters of the group")
    holds(len(api.list()) >= 2, "clusters of the subscription")
    names = [operation.name for operation in clients.redis.operations.list()]
    holds("Microsoft.Cache/redisEnterprise/read" in names, f"operations of Microsoft.Cache: {names}")
    sizes = [sku.name for sku in api.list_skus_for_scaling(group, one).skus]
    holds("Balanced_B5" in sizes, f"sizes to scale to: {sizes}")
    changed = api.begin_update(group, one, models.ClusterUpdate(tags={"changed": "yes"}))
    same(changed.tags, {"changed": "yes"}, "tags after an update")
    api.begin_create(
        group, "no", models.Cluster(location="uksouth", sku=models.Sku(name="Balanced_B3")), refused="BadRequest",
    )


def databases(clients: Clients, group: str, one: str, two: str) -> None:
    """A database in each, linked, unlinked, and linked again."""
    api = clients.redis.databases
    ids = {name: f"{clients.redis.redis_enterprise.get(group, name).id}/databases/default" for name in (one, two)}
    first = api.begin_create(group, one, "default", database("session", [ids[one]]))
    same(first.port, 10000, "port of the database")
    second = api.begin_create(group, two, "default", database("session", [ids[one], ids[two]]))
    states = {member.id: member.state for member in second.geo_replication.linked_databases}
    same(states, {ids[one]: "Linked", ids[two]: "Linked"}, "links of the group")
    same(len(api.list_by_cluster(group, one)), 1, "databases of a cluster")
    # Without the other member: an update must not take one out.
    api.begin_create(group, one, "default", database("session", [ids[one]]), refused="BadRequest")
    api.begin_update(group, one, "default", models.DatabaseUpdate(eviction_policy="AllKeysLRU"), refused="BadRequest")

    keys(clients, group, one)
    assignments(clients, group, one)

    api.begin_force_unlink(group, one, "default", models.ForceUnlinkParameters(ids=[ids[two]]))
    shown = api.get(group, one, "default").geo_replication.linked_databases
    same([member.id for member in shown], [ids[one]], "members after an unlink")
    linked = [models.LinkedDatabase(id=member) for member in (ids[one], ids[two])]
    api.begin_force_link_to_replication_group(group, two, "default", models.ForceLinkParameters(
        geo_replication=models.ForceLinkParametersGeoReplication(group_nickname="session", linked_databases=linked),
    ))
    shown = api.get(group, two, "default").geo_replication.linked_databases
    same(sorted(member.state for member in shown), ["Linked", "Linked"], "links after joining again")
    api.begin_flush(group, one, "default", models.FlushParameters(ids=[ids[two]]))
    api.begin_upgrade_db_redis_version(group, one, "default")


def keys(clients: Clients, group: str, cluster: str) -> None:
    """The secondary first, then the primary: as a rotation goes."""
    api = clients.redis.databases
    before = api.list_keys(group, cluster, "default")
    holds(before.primary_key and before.secondary_key, "keys are empty")
    for which in ("Secondary", "Primary"):
        # What it answers is the operation, whose description says nothing of keys: they are asked for.
        api.begin_regenerate_key(group, cluster, "default", models.RegenerateKeyParameters(key_type=which))
        after = api.list_keys(group, cluster, "default")
        changed = (after.primary_key != before.primary_key, after.secondary_key != before.secondary_key)
        same(changed, (which == "Primary", which == "Secondary"), f"keys changed by regenerating the {which.lower()}")
        before = after


def assignments(clients: Clients, group: str, cluster: str) -> None:
    """Somebody of the directory may use the database."""
    api = clients.redis.access_policy_assignment
    user = models.AccessPolicyAssignmentPropertiesUser(object_id="00000000-0000-0000-0000-0000000000aa")
    wanted = models.AccessPolicyAssignment(access_policy_name="default", user=user)
    made = api.begin_create_update(group, cluster, "default", "person", wanted)
    same(made.user.object_id, user.object_id, "who was assigned")
    same(api.get(group, cluster, "default", "person").access_policy_name, "default", "the policy")
    same(len(api.list(group, cluster, "default")), 1, "assignments of the database")
    api.begin_delete(group, cluster, "default", "person")
    same(api.list(group, cluster, "default"), [], "assignments after the deletion")


def connections(clients: Clients, group: str, cluster: str) -> None:
    """The cluster's side of a private endpoint that is there: its owner looks at it, rejects, approves, removes."""
    api = clients.redis.know("private_endpoint_connections", "private_link_resources")
    kinds = [resource.group_id for resource in api.private_link_resources.list_by_cluster(group, cluster)]
    same(kinds, ["redisEnterprise"], "what an endpoint can lead to")
    api = api.private_endpoint_connections
    listed = api.list(group, cluster)
    same(len(listed), 1, "connections of the cluster")
    name = listed[0].name
    same(api.get(group, cluster, name).private_link_service_connection_state.status, "Approved", "the connection")
    for status in ("Rejected", "Approved"):
        state = models.PrivateLinkServiceConnectionState(status=status, description="by the session")
        wanted = models.PrivateEndpointConnection(private_link_service_connection_state=state)
        api.begin_put(group, cluster, name, wanted)
        shown = api.get(group, cluster, name).private_link_service_connection_state
        same((shown.status, shown.description), (status, "by the session"), "the connection after its owner's word")
    api.begin_delete(group, cluster, name)
    api.get(group, cluster, name, refused="ResourceNotFound")


def transfers(clients: Clients, group: str, cluster: str) -> None:
    """Out to a folder that stands for a container, and in again: a database of its own, as groups allow no import."""
    api = clients.redis
    api.redis_enterprise.begin_create(group, cluster, models.Cluster(
        location="uksouth", sku=models.Sku(name="Balanced_B0"), public_network_access="Disabled",
        high_availability="Disabled",
    ))
    api.databases.begin_create(group, cluster, "default", database())
    api.databases.begin_export(group, cluster, "default", models.ExportClusterParameters(sas_uri=f"{STORAGE}?sig=x"))
    folder: pathlib.Path = clients.cloud.root / "cloud" / "storage" / STORAGE.removeprefix("https://")
    files = [file.name for file in folder.iterdir()]
    same(len(files), 1, "exported files")
    source = [f"{STORAGE}/{files[0]}?sig=x"]
    api.databases.begin_import_method(group, cluster, "default", models.ImportClusterParameters(sas_uris=source))
    changed = api.databases.begin_update(group, cluster, "default", models.DatabaseUpdate(eviction_policy="AllKeysLRU"))
    same(changed.eviction_policy, "AllKeysLRU", "policy after an update")
    scaled = api.redis_enterprise.begin_update(group, cluster, models.ClusterUpdate(sku=models.Sku(name="Balanced_B1")))
    same(scaled.sku.name, "Balanced_B1", "size after scaling")


def remove(clients: Clients, group: str, *names: str) -> None:
    api = clients.redis
    for name in names:
        api.databases.begin_delete(group, name, "default")
        api.databases.get(group, name, "default", refused="ResourceNotFound")
        api.redis_enterprise.begin_delete(group, name)
    same(api.redis_enterprise.list_by_resource_group(group), [], "clusters after the deletion")
