"""The cloud as the CLI knows it, who is signed in, and what a subscription has."""

from session.trace import holds, same

from .command import VAULTS, Az

CLOUD = "TidelockLocal"


def session(az: Az) -> None:
    az("account show", refused="az login")
    metadata = f"{az.cloud.endpoint}/metadata/endpoints?api-version=2019-05-01"
    elsewhere = {"ARM_CLOUD_METADATA_URL": metadata, "AZURE_CONFIG_DIR": str(az.directory / "other")}
    listed = az("cloud list", more=elsewhere)
    same([cloud["name"] for cloud in listed], [CLOUD], "clouds by ARM_CLOUD_METADATA_URL")
    az.sign_in(CLOUD)
    shown = az("cloud show")
    same(shown["endpoints"]["activeDirectory"], az.cloud.endpoint, "the authority that the metadata names")
    same(shown["suffixes"]["keyvaultDns"], VAULTS, "what vaults are called")
    shown = az("account show")
    same((shown["id"], shown["tenantId"], shown["environmentName"]), (az.cloud.subscription, az.cloud.tenant, CLOUD),
         "who is signed in")
    same([found["id"] for found in az("account list")], [az.cloud.subscription], "subscriptions")
    az("account set", "--subscription", az.cloud.subscription)
    same(az("account get-access-token")["tenant"], az.cloud.tenant, "the tenant of a token")
    holds("uksouth" in [found["name"] for found in az("account list-locations")], "uksouth is no location")
    az("login", "--service-principal", "--username", az.cloud.client_id, "--password=wrong", "--tenant",
       az.cloud.tenant, refused="AADSTS7000215", more=elsewhere)


def providers(az: Az) -> None:
    holds("Microsoft.Network" in [found["namespace"] for found in az("provider list")], "Microsoft.Network is missing")
    shown = az("provider show", "--namespace", "Microsoft.Cache")
    same(shown["registrationState"], "Registered", "registration of Microsoft.Cache")
    holds("redisEnterprise" in [kind["resourceType"] for kind in shown["resourceTypes"]], "redisEnterprise is missing")
    az("provider register", "--namespace", "Microsoft.KeyVault")
    az("provider show", "--namespace", "Microsoft.Nope", refused="InvalidResourceNamespace")


def groups(az: Az, name: str) -> str:
    """Answers the group's id."""
    az("group show", "--name", name, refused="ResourceGroupNotFound")
    same(az("group exists", "--name", name), False, "a group before it was made")
    made = az("group create", "--name", name, "--location", "uksouth", "--tags", "made-by=session")
    same(made["properties"]["provisioningState"], "Succeeded", "state of the group")
    same(az("group exists", "--name", name), True, "a group after it was made")
    changed = az("group update", "--name", name, "--set", "tags.second=tag")
    same(changed["tags"], {"made-by": "session", "second": "tag"}, "tags of the group after an update")
    same(az("group show", "--name", name.upper())["id"], made["id"], "the group in other letters")
    same([found["name"] for found in az("group list", "--tag", "second=tag")], [name], "groups with a tag")
    az("group wait", "--name", name, "--created")
    changed = az("tag update", "--resource-id", made["id"], "--operation", "Merge", "--tags", "third=tag")
    same(changed["properties"]["tags"]["third"], "tag", "a tag that was merged")
    az("tag update", "--resource-id", made["id"], "--operation", "Delete", "--tags", "third=tag")
    same(az("tag list", "--resource-id", made["id"])["properties"]["tags"], {"made-by": "session", "second": "tag"},
         "tags of the group as a resource of their own")
    return made["id"]


def remove(az: Az, name: str) -> None:
    az("group delete", "--name", name, "--yes")
    same(az("group exists", "--name", name), False, "the group after it was deleted")
    az("logout")
    az("account show", refused="az login")
    az("cloud set", "--name", "AzureCloud")
    az("cloud unregister", "--name", CLOUD)
