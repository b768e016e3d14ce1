//! A region's networks: virtual networks, subnets, security groups and private DNS zones.

use std::collections::BTreeMap;

use tidelock_model::{DnsZone, ResourceOrigin, SecurityGroup, SecurityRule, SubnetRef, VnetRef};

use super::resources::{RegionContext, owned, text_if_given};
use crate::diagnostic::Sink;
use crate::typed::{Fields, Item, Reported};

type Read<T> = Result<T, Reported>;

/// Networks by key.
pub(super) fn vnets(context: &RegionContext<'_>, sink: &mut Sink) -> Read<BTreeMap<String, VnetRef>> {
    let created = context.items("vnet_config", |_, fields| {
        Ok(VnetRef {
            name: name(fields)?,
            resource_group: context.group(fields)?,
            origin: ResourceOrigin::Created,
            address_space: owned(fields, "address_space")?,
        })
    });
    let given = context.items("vnet_datasource_config", |_, fields| {
        Ok(VnetRef {
            name: name(fields)?,
            resource_group: given_group(fields)?,
            origin: ResourceOrigin::Existing,
            address_space: Vec::new(),
        })
    });
    context.union(created, given, sink)
}

/// Subnets by key.
pub(super) fn subnets(context: &RegionContext<'_>, sink: &mut Sink) -> Read<BTreeMap<String, SubnetRef>> {
    let network = |fields: &Fields| Ok(fields.text("virtual_network_name")?.value.to_owned());
    let created = context.items("snet_config", |_, fields| {
        Ok(SubnetRef {
            name: name(fields)?,
            virtual_network: network(fields)?,
            resource_group: context.group(fields)?,
            origin: ResourceOrigin::Created,
            address_prefix: Some(fields.text("address_prefix")?.value.to_owned()),
            security_group_key: text_if_given(fields, "nsg_key")?,
        })
    });
    let given = context.items("snet_datasource_config", |_, fields| {
        Ok(SubnetRef {
            name: name(fields)?,
            virtual_network: network(fields)?,
            resource_group: given_group(fields)?,
            origin: ResourceOrigin::Existing,
            address_prefix: None,
            security_group_key: None,
        })
    });
    context.union(created, given, sink)
}

/// Network security groups by key.
pub(super) fn security_groups(context: &RegionContext<'_>) -> Read<BTreeMap<String, SecurityGroup>> {
    let created = context.items("nsg_config", |_, fields| {
        let rules: Vec<(String, SecurityRule)> = fields.map("rules")?.iter().map(rule).collect::<Read<_>>()?;
        Ok(SecurityGroup {
            name: name(fields)?,
            resource_group: context.group(fields)?,
            origin: ResourceOrigin::Created,
            rules: rules.into_iter().collect(),
        })
    });
    let given = context.items("nsg_datasource_config", |_, fields| {
        Ok(SecurityGroup {
            name: name(fields)?,
            resource_group: given_group(fields)?,
            origin: ResourceOrigin::Existing,
            rules: BTreeMap::new(),
        })
    });
    both(created, given)
}

fn rule(item: &Item) -> Read<(String, SecurityRule)> {
    let fields = item.fields()?;
    let text = |name: &str| Ok(fields.text(name)?.value.to_owned());
    let rule = SecurityRule {
        priority: u16::try_from(fields.integer("priority")?.value).map_err(|_| Reported)?,
        direction: text("direction")?,
        access: text("access")?,
        protocol: text("protocol")?,
        sources: owned(fields, "source_address_prefixes")?,
        destinations: owned(fields, "destination_address_prefixes")?,
        destination_ports: owned(fields, "destination_port_ranges")?,
    };
    Ok((item.key.value.clone(), rule))
}

/// Private DNS zones by key. Their names are compared, and written, in lower case.
pub(super) fn dns_zones(context: &RegionContext<'_>) -> Read<BTreeMap<String, DnsZone>> {
    let created = context.items("dns_zone_config", |_, fields| {
        let (name, resource_group) = (name(fields)?.to_lowercase(), context.group(fields)?);
        Ok(DnsZone { name, resource_group, origin: ResourceOrigin::Created })
    });
    let given = context.items("dns_zone_datasource_config", |_, fields| {
        let (name, resource_group) = (name(fields)?.to_lowercase(), given_group(fields)?);
        Ok(DnsZone { name, resource_group, origin: ResourceOrigin::Existing })
    });
    both(created, given)
}

/// What is created and what is given. Where a key is in both, what is created counts, as in the Terraform module: the
/// environment is read during an incident, and is not made of these.
fn both<T>(created: Read<Vec<(&Item, T)>>, given: Read<Vec<(&Item, T)>>) -> Read<BTreeMap<String, T>> {
    Ok(given?.into_iter().chain(created?).map(|(item, value)| (item.key.value.clone(), value)).collect())
}

fn name(fields: &Fields) -> Read<String> {
    Ok(fields.text("name")?.value.to_owned())
}

fn given_group(fields: &Fields) -> Read<String> {
    Ok(fields.text("resource_group_name")?.value.to_owned())
}
