"""Networks, private endpoints and private zones."""

from .clients import Clients
from .trace import holds, same

ZONE = "privatelink.redis.azure.net"


def know(clients: Clients) -> None:
    clients.network.know(
        "virtual_networks", "subnets", "network_security_groups", "security_rules", "private_endpoints",
        "private_dns_zone_groups", but={f"network.{name}": "nothing of the product uses it" for name in (
            "virtual_networks.begin_list_ddos_protection_status", "virtual_networks.list_usage",
            "virtual_networks.check_ip_address_availability", "virtual_networks.begin_move_ip_configurations",
            "subnets.begin_prepare_network_policies", "subnets.begin_unprepare_network_policies",
        )},
    )
    clients.dns.know("private_zones", "virtual_network_links")


def make(clients: Clients, group: str, location: str) -> str:
    """A network with a guarded subnet; answers the subnet's id."""
    api = clients.network
    guard = api.network_security_groups.begin_create_or_update(group, "nsg", {"location": location})
    rule = {
        "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp", "sourceAddressPrefix": "*",
        "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "10000",
    }
    made = api.security_rules.begin_create_or_update(group, "nsg", "gateways", {"properties": rule})
    same(made.properties.provisioning_state, "Succeeded", "state of the rule")
    same(api.security_rules.get(group, "nsg", "gateways").properties.priority, 100, "priority of the rule")
    same(len(api.security_rules.list(group, "nsg")), 1, "rules")
    shown = api.network_security_groups.get(group, "nsg").properties
    same([rule.name for rule in shown.security_rules], ["gateways"], "rules shown in their group")
    holds(len(shown.default_security_rules) == 6, "the rules that every group has")
    same(api.network_security_groups.update_tags(group, "nsg", {"tags": {"a": "b"}}).tags, {"a": "b"}, "tags")
    holds(api.network_security_groups.list(group), "security groups of the group")
    holds(api.network_security_groups.list_all(), "security groups of the subscription")
    network = {"location": location, "properties": {"addressSpace": {"addressPrefixes": ["10.20.0.0/16"]}}}
    same(api.virtual_networks.begin_create_or_update(group, "vnet", network).name, "vnet", "the network")
    subnet = {"properties": {"addressPrefix": "10.20.1.0/24", "networkSecurityGroup": {"id": guard.id}}}
    subnet = api.subnets.begin_create_or_update(group, "vnet", "redis", subnet)
    same(api.subnets.get(group, "vnet", "redis").id, subnet.id, "the subnet")
    same(len(api.subnets.list(group, "vnet")), 1, "subnets")
    shown = api.virtual_networks.get(group, "vnet").properties.subnets
    same([(found.name, found.properties.network_security_group.id) for found in shown],
         [("redis", guard.id)], "subnets shown in their network")
    same(api.virtual_networks.update_tags(group, "vnet", {"tags": {"a": "b"}}).tags, {"a": "b"}, "tags")
    holds(api.virtual_networks.list(group), "networks of the group")
    holds(api.virtual_networks.list_all(), "networks of the subscription")
    return subnet.id


def endpoint(clients: Clients, group: str, location: str, subnet: str, cache: str) -> None:
    """A cache's way into the network, under its name."""
    api = clients.network
    body = {"location": location, "properties": {
        "subnet": {"id": subnet},
        "privateLinkServiceConnections": [
            {"name": "cache", "properties": {"privateLinkServiceId": cache, "groupIds": ["redisEnterprise"]}},
        ],
    }}
    made = api.private_endpoints.begin_create_or_update(group, "pe", body)
    state = made.properties.private_link_service_connections[0].properties.private_link_service_connection_state
    same(state.status, "Approved", "the endpoint's connection")
    holds(made.properties.custom_dns_configs[0].ip_addresses, "the endpoint has no address")
    same(api.private_endpoints.get(group, "pe").id, made.id, "the endpoint")
    interface = made.properties.network_interfaces[0].id.split("/")[-1]
    address = api.network_interfaces.get(group, interface).properties.ip_configurations[0].properties
    same([address.private_ip_address], made.properties.custom_dns_configs[0].ip_addresses, "the interface's address")
    holds(api.network_interfaces.list(group), "interfaces of the group")
    holds(api.network_interfaces.list_all(), "interfaces of the subscription")
    holds(api.private_endpoints.list(group), "endpoints of the group")
    holds(api.private_endpoints.list_by_subscription(), "endpoints of the subscription")
    zone = zones(clients, group)
    config = {"properties": {"privateDnsZoneConfigs": [{"name": "redis", "properties": {"privateDnsZoneId": zone}}]}}
    api.private_dns_zone_groups.begin_create_or_update(group, "pe", "default", config)
    same(api.private_dns_zone_groups.get(group, "pe", "default").name, "default", "the zone group")
    same(len(api.private_dns_zone_groups.list("pe", group)), 1, "zone groups")


def zones(clients: Clients, group: str) -> str:
    """A zone that the network is linked to; answers its id."""
    api = clients.dns
    zone = api.private_zones.begin_create_or_update(group, ZONE, {"location": "global"})
    same(zone.name, ZONE, "the zone")
    network = clients.network.virtual_networks.get(group, "vnet").id
    link = {"location": "global", "properties": {"virtualNetwork": {"id": network}, "registrationEnabled": False}}
    made = api.virtual_network_links.begin_create_or_update(group, ZONE, "vnet", link)
    same(made.properties.virtual_network_link_state, "Completed", "the link")
    same(api.virtual_network_links.get(group, ZONE, "vnet").id, made.id, "the link")
    same(len(api.virtual_network_links.list(group, ZONE)), 1, "links")
    api.virtual_network_links.begin_update(group, ZONE, "vnet", {"tags": {"a": "b"}})
    api.private_zones.begin_update(group, ZONE, {"tags": {"a": "b"}})
    same(api.private_zones.get(group, ZONE).tags, {"a": "b"}, "tags of the zone")
    holds(api.private_zones.list_by_resource_group(group), "zones of the group")
    holds(api.private_zones.list(), "zones of the subscription")
    return zone.id


def records(clients: Clients, group: str) -> None:
    """Those that a person writes, beside those of the endpoint."""
    api = clients.dns.know("record_sets").record_sets
    body = {"properties": {"ttl": 30, "aRecords": [{"ipv4Address": "10.20.1.9"}]}}
    same(api.create_or_update(group, ZONE, "A", "by-hand", body).properties.ttl, 30, "a record's lifetime")
    changed = {"properties": {"ttl": 60}}
    same(api.update(group, ZONE, "A", "by-hand", changed).properties.ttl, 60, "a record's lifetime after a change")
    same(api.get(group, ZONE, "SOA", "@").name, "@", "the zone's own record")
    holds(len(api.list_by_type(group, ZONE, "A")) >= 1, "records of a type")
    holds(len(api.list(group, ZONE)) >= 2, "records of all types")
    api.delete(group, ZONE, "A", "by-hand")


def remove(clients: Clients, group: str) -> None:
    api = clients.network
    api.private_dns_zone_groups.begin_delete(group, "pe", "default")
    api.private_endpoints.begin_delete(group, "pe")
    clients.dns.virtual_network_links.begin_delete(group, ZONE, "vnet")
    clients.dns.private_zones.begin_delete(group, ZONE)
    api.subnets.begin_delete(group, "vnet", "redis")
    api.virtual_networks.begin_delete(group, "vnet")
    api.security_rules.begin_delete(group, "nsg", "gateways")
    api.network_security_groups.begin_delete(group, "nsg")
