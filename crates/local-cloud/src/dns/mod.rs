//! Each region's DNS server. It answers by who asks: from the private zones linked to the virtual network that the question
//! comes from, else what the public Internet would say. There is nobody behind it: names that are none of ours are refused.

mod lookup;
mod message;
mod server;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use server::DnsServer;
pub(crate) use view::{Asker, DnsDesired, Leads, Names, Public, RecordSet, Zone, Zones};
