"""Networks, private endpoints and private zones."""

from session.trace import holds, same

from .command import Az

ZONE = "privatelink.redis.azure.net"


def make(az: Az, group: str) -> None:
    """A network with a guarded subnet."""
    of = ("--resource-group", group)
    made = az("network nsg create", *of, "--name", "nsg")["NewNSG"]
    same(made["provisioningState"], "Succeeded", "state of the security group")
    rule = ("--nsg-name", "nsg", "--name", "gateways")
    made = az("network nsg rule create", *of, *rule, "--priority", "100", "--destination-port-ranges", "10000")
    same((made["direction"], made["access"], made["destinationPortRange"]), ("Inbound", "Allow", "10000"), "the rule")
    az("network nsg rule create", *of, "--nsg-name", "nsg", "--name", "same", "--priority", "100",
       refused="SecurityRuleConflict")
    changed = az("network nsg rule update", *of, *rule, "--source-address-prefixes", "10.20.0.0/24", "10.20.1.0/24")
    same(changed["sourceAddressPrefixes"], ["10.20.0.0/24", "10.20.1.0/24"], "sources of the rule after an update")
    same(az("network nsg rule show", *of, *rule)["priority"], 100, "priority of the rule")
    same(len(az("network nsg rule list", *of, "--nsg-name", "nsg")), 1, "rules")
    changed = az("network nsg update", *of, "--name", "nsg", "--set", "tags.a=b")
    same((changed["tags"], len(changed["securityRules"])), ({"a": "b"}, 1), "the security group after an update")
    same(len(az("network nsg show", *of, "--name", "nsg")["defaultSecurityRules"]), 6, "the rules every group has")
    same(len(az("network nsg list", *of)), 1, "security groups")

    made = az("network vnet create", *of, "--name", "vnet", "--address-prefixes", "10.20.0.0/16")["newVNet"]
    same(made["addressSpace"]["addressPrefixes"], ["10.20.0.0/16"], "the network's range")
    subnet = ("--vnet-name", "vnet", "--name", "redis")
    az("network vnet subnet create", *of, "--vnet-name", "vnet", "--name", "out", "--address-prefixes", "10.99.0.0/24",
       refused="NetcfgSubnetRangeOutsideVnet")
    az("network vnet subnet create", *of, *subnet, "--address-prefixes", "10.20.1.0/24")
    changed = az("network vnet subnet update", *of, *subnet, "--network-security-group", "nsg",
                 "--private-endpoint-network-policies", "Enabled")
    holds(changed["networkSecurityGroup"]["id"].endswith("/nsg"), "the subnet's security group")
    same(az("network vnet subnet show", *of, *subnet)["addressPrefix"], "10.20.1.0/24", "the subnet's range")
    same(len(az("network vnet subnet list", *of, "--vnet-name", "vnet")), 1, "subnets")
    changed = az("network vnet update", *of, "--name", "vnet", "--set", "tags.a=b")
    same((changed["tags"], len(changed["subnets"])), ({"a": "b"}, 1), "the network after an update")
    shown = az("network vnet show", *of, "--name", "vnet")["subnets"]
    same([found["name"] for found in shown], ["redis"], "subnets shown in their network")
    same(len(az("network vnet list", *of)), 1, "networks of the group")
    same(len(az("network vnet list")), 1, "networks of the subscription")


def zones(az: Az, group: str) -> None:
    """A zone that the network is linked to, and records that a person writes."""
    zone = ("--resource-group", group, "--zone-name", ZONE)
    named = ("--resource-group", group, "--name", ZONE)
    same(az("network private-dns zone create", *named)["name"], ZONE, "the zone")
    az("network private-dns zone create", *named, refused="exists already")
    same(az("network private-dns zone update", *named, "--tags", "a=b")["tags"], {"a": "b"}, "tags of the zone")
    same(az("network private-dns zone show", *named)["numberOfRecordSets"], 1, "records of a new zone")
    same(len(az("network private-dns zone list", "--resource-group", group)), 1, "zones")
    made = az("network private-dns link vnet create", *zone, "--name", "vnet", "--virtual-network", "vnet",
              "--registration-enabled", "false")
    same(made["virtualNetworkLinkState"], "Completed", "the link")
    changed = az("network private-dns link vnet update", *zone, "--name", "vnet", "--tags", "a=b")
    same(changed["tags"], {"a": "b"}, "tags of the link")
    same(az("network private-dns link vnet show", *zone, "--name", "vnet")["id"], made["id"], "the link")
    same(len(az("network private-dns link vnet list", *zone)), 1, "links")

    record = (*zone, "--name", "by-hand")
    az("network private-dns record-set a create", *record, "--ttl", "30")
    for address in ("10.20.1.9", "10.20.1.10"):
        az("network private-dns record-set a add-record", *zone, "--record-set-name", "by-hand", "--ipv4-address",
           address)
    az("network private-dns record-set a remove-record", *zone, "--record-set-name", "by-hand", "--ipv4-address",
       "10.20.1.10")
    shown = az("network private-dns record-set a show", *record)
    same((shown["ttl"], [found["ipv4Address"] for found in shown["aRecords"]]), (30, ["10.20.1.9"]), "the record")
    changed = az("network private-dns record-set a update", *record, "--set", "ttl=60")
    same(changed["ttl"], 60, "the record's lifetime after an update")
    same(len(az("network private-dns record-set a list", *zone)), 1, "records of a type")
    changed = az("network private-dns record-set soa update", *zone, "--minimum-ttl", "20")
    same(changed["soaRecord"]["minimumTtl"], 20, "the zone's own record after an update")
    same(az("network private-dns record-set soa show", *zone)["soaRecord"]["minimumTtl"], 20, "the zone's own record")
    same(len(az("network private-dns record-set list", *zone)), 2, "records of all types")
    az("network private-dns record-set a delete", *record, "--yes")
    az("network private-dns record-set a show", *record, refused="NotFound")


def endpoint(az: Az, group: str, cache: str) -> None:
    """A cache's way into the network, under its name."""
    of = ("--resource-group", group)
    made = az("network private-endpoint create", *of, "--name", "pe", "--vnet-name", "vnet", "--subnet", "redis",
              "--private-connection-resource-id", cache, "--group-id", "redisEnterprise", "--connection-name", "cache")
    state = made["privateLinkServiceConnections"][0]["privateLinkServiceConnectionState"]["status"]
    same(state, "Approved", "the endpoint's connection")
    addresses = made["customDnsConfigs"][0]["ipAddresses"]
    same(az("network private-endpoint show", *of, "--name", "pe")["id"], made["id"], "the endpoint")
    same(len(az("network private-endpoint list", *of)), 1, "endpoints of the group")
    same(len(az("network private-endpoint list")), 1, "endpoints of the subscription")
    changed = az("network private-endpoint update", *of, "--name", "pe", "--set", "tags.a=b")
    same(changed["tags"], {"a": "b"}, "tags of the endpoint")
    interface = az("network nic show", "--ids", made["networkInterfaces"][0]["id"])
    same([interface["ipConfigurations"][0]["privateIPAddress"]], addresses, "the interface's address")
    same(len(az("network nic list", *of)), 1, "interfaces")
    zone_group = (*of, "--endpoint-name", "pe", "--name", "default")
    az("network private-endpoint dns-zone-group create", *zone_group, "--private-dns-zone", ZONE, "--zone-name",
       "redis")
    shown = az("network private-endpoint dns-zone-group show", *zone_group)["privateDnsZoneConfigs"]
    same([config["name"] for config in shown], ["redis"], "zones of the group")
    same(len(az("network private-endpoint dns-zone-group list", *of, "--endpoint-name", "pe")), 1, "zone groups")
    records = az("network private-dns record-set a list", *of, "--zone-name", ZONE)
    same([found["ipv4Address"] for found in records[0]["aRecords"]], addresses, "the cache's record")


def remove(az: Az, group: str) -> None:
    of = ("--resource-group", group)
    az("network vnet subnet delete", *of, "--vnet-name", "vnet", "--name", "redis",
       refused="InUseSubnetCannotBeDeleted")
    az("network private-endpoint dns-zone-group delete", *of, "--endpoint-name", "pe", "--name", "default")
    az("network private-endpoint delete", *of, "--name", "pe")
    az("network private-endpoint show", *of, "--name", "pe", refused="ResourceNotFound")
    az("network private-dns zone delete", *of, "--name", ZONE, "--yes", refused="CannotDeleteResource")
    az("network private-dns link vnet delete", *of, "--zone-name", ZONE, "--name", "vnet", "--yes")
    az("network private-dns zone delete", *of, "--name", ZONE, "--yes")
    az("network nsg delete", *of, "--name", "nsg", refused="InUseNetworkSecurityGroupCannotBeDeleted")
    az("network vnet subnet delete", *of, "--vnet-name", "vnet", "--name", "redis")
    az("network vnet delete", *of, "--name", "vnet")
    az("network nsg rule delete", *of, "--nsg-name", "nsg", "--name", "gateways")
    az("network nsg delete", *of, "--name", "nsg")
    same(az("network nsg list", *of), [], "security groups left")
