"""Caches, by the commands for resources of any type: those for Azure Managed Redis are an extension."""

import json

from session.trace import holds, same

from .command import Az

TYPE = "Microsoft.Cache/redisEnterprise"
VERSION = ("--api-version", "2025-07-01")


def cluster_id(scope: str, name: str) -> str:
    return f"{scope}/providers/{TYPE}/{name}"


def database_id(scope: str, name: str) -> str:
    return f"{cluster_id(scope, name)}/databases/default"


def clusters(az: Az, scope: str) -> None:
    """Two clusters in two regions."""
    one = cluster_id(scope, "az-one")
    az("resource show", "--ids", one, *VERSION, refused="ResourceNotFound")
    for name, location in (("az-one", "uksouth"), ("az-two", "eastus2")):
        body = {"location": location, "sku": {"name": "Balanced_B3"}, "tags": {"made-by": "session"},
                "properties": {"minimumTlsVersion": "1.2", "publicNetworkAccess": "Disabled"}}
        made = az("resource create", "--id", cluster_id(scope, name), *VERSION, "--is-full-object", "--properties",
                  json.dumps(body))["properties"]
        same((made["provisioningState"], made["resourceState"]), ("Succeeded", "Running"), f"states of {name}")
    # Without a version: the CLI asks the provider for the newest.
    same(az("resource show", "--ids", one)["sku"]["name"], "Balanced_B3", "the size")
    same(az("resource show", "--ids", one.lower())["id"], one, "the id in other letters")
    listed = az("resource list", "--resource-type", TYPE)
    same(sorted(found["name"] for found in listed), ["az-one", "az-two"], "clusters")
    # Of an action that answers at once, `resource invoke-action` shows nothing.
    az("resource invoke-action", "--ids", one, *VERSION, "--action", "listSkusForScaling")
    sizes = az("rest", "--method", "post", "--url", f"{one}/listSkusForScaling?api-version=2025-07-01")["skus"]
    sizes = [sku["name"] for sku in sizes]
    holds("Balanced_B5" in sizes, f"sizes to scale to: {sizes}")
    changed = az("resource tag", "--ids", one, *VERSION, "--tags", "changed=yes")
    same(changed["tags"], {"changed": "yes"}, "tags of the cluster")
    az("resource patch", "--ids", one, *VERSION, "--is-full-object", "--properties", '{"tags": {"patched": "yes"}}')
    same(az("resource show", "--ids", one)["tags"], {"patched": "yes"}, "tags of the cluster after a patch")
    az("resource wait", "--ids", one, "--created")


def databases(az: Az, scope: str) -> None:
    """A database in each, linked, unlinked, and linked again; its keys, rotated."""
    one, two = database_id(scope, "az-one"), database_id(scope, "az-two")

    def body(*members: str) -> str:
        linked = [{"id": member} for member in members]
        return json.dumps({"properties": {
            "clientProtocol": "Encrypted", "port": 10000, "clusteringPolicy": "EnterpriseCluster",
            "evictionPolicy": "NoEviction", "accessKeysAuthentication": "Enabled",
            "geoReplication": {"groupNickname": "session", "linkedDatabases": linked},
        }})

    def states(database: str) -> dict:
        linked = az("resource show", "--ids", database, *VERSION)["properties"]["geoReplication"]["linkedDatabases"]
        return {member["id"]: member["state"] for member in linked}

    def post(database: str, action: str, said: dict = None) -> dict:
        return az("rest", "--method", "post", "--url", f"{database}/{action}?api-version=2025-07-01",
                  *(("--body", json.dumps(said)) if said is not None else ()))

    def settled(database: str) -> None:
        az("resource wait", "--ids", database, *VERSION, "--custom", "properties.provisioningState=='Succeeded'",
           "--interval", "1")

    def create(database: str, *members: str) -> None:
        # `resource create` wants a location, which databases have not.
        az("rest", "--method", "put", "--url", f"{database}?api-version=2025-07-01", "--body", body(*members))
        settled(database)

    create(one, one)
    create(two, one, two)
    same(states(two), {one: "Linked", two: "Linked"}, "links of the group")
    az("rest", "--method", "put", "--url", f"{one}?api-version=2025-07-01", "--body", body(one), refused="BadRequest")
    listed = az("rest", "--method", "get", "--url", f"{cluster_id(scope, 'az-one')}/databases?api-version=2025-07-01")
    same(len(listed["value"]), 1, "databases of a cluster")

    before = post(one, "listKeys")
    holds(before["primaryKey"] and before["secondaryKey"], "keys are empty")
    for which, changed in (("Secondary", (False, True)), ("Primary", (True, False))):
        az("resource invoke-action", "--ids", one, *VERSION, "--action", "regenerateKey", "--request-body",
           json.dumps({"keyType": which}), raw=True)
        after = post(one, "listKeys")
        same((after["primaryKey"] != before["primaryKey"], after["secondaryKey"] != before["secondaryKey"]), changed,
             f"keys changed by regenerating the {which.lower()}")
        before = after

    az("resource invoke-action", "--ids", one, *VERSION, "--action", "forceUnlink", "--request-body",
       json.dumps({"ids": [two]}), raw=True)
    same(list(states(one)), [one], "members after an unlink")
    post(two, "forceLinkToReplicationGroup", {"geoReplication": {
        "groupNickname": "session", "linkedDatabases": [{"id": one}, {"id": two}]}})
    settled(two)
    same(sorted(states(two).values()), ["Linked", "Linked"], "links after joining again")
    post(one, "flush", {"ids": [two]})
    settled(one)
    user = {"properties": {"accessPolicyName": "default", "user": {"objectId": "00000000-0000-0000-0000-0000000000aa"}}}
    person = f"{one}/accessPolicyAssignments/person"
    az("rest", "--method", "put", "--url", f"{person}?api-version=2025-07-01", "--body", json.dumps(user))
    settled(person)
    same(az("resource show", "--ids", person, *VERSION)["properties"]["accessPolicyName"], "default", "the policy")
    az("resource delete", "--ids", person, *VERSION)


def connections(az: Az, scope: str) -> None:
    """The cluster's side of a private endpoint that is there."""
    one = cluster_id(scope, "az-one")
    version = "?api-version=2025-07-01"
    kinds = az("rest", "--method", "get", "--url", f"{one}/privateLinkResources{version}")["value"]
    same([kind["properties"]["groupId"] for kind in kinds], ["redisEnterprise"], "what an endpoint can lead to")
    listed = az("rest", "--method", "get", "--url", f"{one}/privateEndpointConnections{version}")["value"]
    same(len(listed), 1, "connections of the cluster")
    for status in ("Rejected", "Approved"):
        said = {"properties": {"privateLinkServiceConnectionState": {"status": status, "description": "session"}}}
        az("rest", "--method", "put", "--url", f"{listed[0]['id']}{version}", "--body", json.dumps(said))
        shown = az("resource show", "--ids", listed[0]["id"], *VERSION)["properties"]
        same(shown["privateLinkServiceConnectionState"]["status"], status, "the connection")


def remove(az: Az, scope: str) -> None:
    for name in ("az-two", "az-one"):
        az("resource delete", "--ids", database_id(scope, name), *VERSION)
        az("resource delete", "--ids", cluster_id(scope, name), *VERSION)
    same(az("resource list", "--resource-type", TYPE), [], "clusters left")
