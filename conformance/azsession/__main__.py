"""`python -m azsession`, in conformance/: everything, in an order in which it can be done and undone."""

import sys
import time

from session.cloud import Cloud, program

from . import account, networks, redis, rights, vaults
from .command import Az

GROUP = "rg-az"
LOOK_AGAIN_SECONDS = 1  # told 0, the CLI waits for 30


def run(az: Az) -> None:
    account.session(az)
    account.providers(az)
    scope = account.groups(az, GROUP)
    redis.clusters(az, scope)
    redis.databases(az, scope)
    vaults.make(az, GROUP)
    vaults.secrets(az)
    vaults.keys(az)
    principal = rights.identities(az, GROUP)
    rights.roles(az, scope, principal)
    rights.locks(az, GROUP)
    networks.make(az, GROUP)
    networks.zones(az, GROUP)
    networks.endpoint(az, GROUP, redis.cluster_id(scope, "az-one"))
    redis.connections(az, scope)
    networks.remove(az, GROUP)
    rights.remove(az, GROUP)
    vaults.remove(az, GROUP)
    redis.remove(az, scope)
    account.remove(az, GROUP)


def main() -> int:
    begun = time.monotonic()
    with Cloud(program(), LOOK_AGAIN_SECONDS) as cloud:
        az = Az(cloud)
        try:
            version = az("version")["azure-cli"]
            run(az)
        except BaseException as err:
            print(az.table())
            print(f"\nthe local cloud said:\n{cloud.log()[-4000:]}", file=sys.stderr)
            if isinstance(err, AssertionError):
                print(f"error: {err}", file=sys.stderr)
                return 1
            raise
        finally:
            az.end()
    print(f"{az.table()}\n\n{az.groups()}")
    refused = sum(sum(codes.values()) for codes in az.refused.values())
    print(f"{sum(az.done.values())} runs of {len(az.done)} commands of az {version} answered, and {refused} were "
          f"refused as meant, in {time.monotonic() - begun:.0f} s")
    return 0


sys.exit(main())
