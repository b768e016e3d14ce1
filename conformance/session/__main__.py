"""`python -m session`, in conformance/: everything, in an order in which it can be done and undone."""

import sys
import time

from . import identities, networks, redis, resources, rights, vault_items, vaults
from .clients import Clients
from .cloud import Cloud, program
from .trace import Calls

GROUP = "rg-session"


def run(cloud: Cloud, calls: Calls) -> None:
    clients = Clients(cloud, calls)
    redis.know(clients)
    networks.know(clients)
    rights.know(clients)
    resources.providers(clients)
    resources.groups(clients, GROUP, "uksouth")
    redis.clusters(clients, GROUP, "session-one", "session-two")
    redis.databases(clients, GROUP, "session-one", "session-two")
    redis.transfers(clients, GROUP, "session-three")
    address = vaults.make(clients, GROUP, "kv-session")
    vaults.items(clients, GROUP, "kv-session")
    vault_items.secrets(clients, address)
    vault_items.keys(clients, address)
    principal = identities.session(clients, GROUP)
    rights.roles(clients, GROUP, principal)
    rights.locks(clients, GROUP)
    subnet = networks.make(clients, GROUP, "uksouth")
    cache = clients.redis.redis_enterprise.get(GROUP, "session-one").id
    networks.endpoint(clients, GROUP, "uksouth", subnet, cache)
    networks.records(clients, GROUP)
    redis.connections(clients, GROUP, "session-one")
    resources.contents(clients, GROUP, {redis.CLUSTER, vaults.VAULT, "Microsoft.Network/virtualNetworks"})
    networks.remove(clients, GROUP)
    identities.remove(clients, GROUP)
    vaults.remove(clients, GROUP, "kv-session")
    redis.remove(clients, GROUP, "session-one", "session-two", "session-three")
    resources.remove(clients, GROUP)


def main() -> int:
    calls = Calls()
    begun = time.monotonic()
    with Cloud(program()) as cloud:
        try:
            run(cloud, calls)
        except BaseException:
            print(calls.table())
            print(f"\nthe local cloud said:\n{cloud.log()[-4000:]}", file=sys.stderr)
            raise
    print(calls.table())
    never = calls.never()
    if never:
        print(f"error: never called: {', '.join(never)}", file=sys.stderr)
        return 1
    print(f"{sum(calls.done.values())} calls of {len(calls.done)} kinds, all as meant, in {time.monotonic() - begun:.0f} s")
    return 0


sys.exit(main())
