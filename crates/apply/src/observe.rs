//! One look at everything an environment stands for.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use tidelock_arm_client::{AccessKeys, ArmClient, ArmError};
use tidelock_arm_types::{Database, ProvisioningState, ResourceId, ResourceKind, ResourceState};
use tidelock_model::Environment;
use tidelock_plan::{KeyFingerprints, PlanContext, PlanError, Snapshot, Spec, Target, fingerprint, targets};
use tokio::task::JoinSet;

use crate::{access, owned, roles};

/// Reads under way at a time; the client bounds what is on the wire once more.
pub const READS_IN_FLIGHT_MAX: usize = 32;

/// Nothing could be observed. A resource that cannot be read is no such error: it is in [`Snapshot::unreadable`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObserveError {
    /// The environment cannot be turned into resources.
    #[error(transparent)]
    Environment(#[from] PlanError),
    /// Neither of the resources could be read; this was said about the first.
    #[error("nothing of this environment could be read; of the first resource: {0}")]
    Nothing(ArmError),
    /// A read ended abnormally.
    #[error("a read ended abnormally: {0}; this is a fault of the program")]
    Crashed(String),
}

/// Reads every resource of `environment`: parents first, and children only of parents that exist.
///
/// # Errors
/// If the environment contradicts itself, no token is to be had, or nothing at all could be read.
pub async fn observe(
    client: &ArmClient,
    environment: &Environment,
    context: &PlanContext,
) -> Result<Snapshot, ObserveError> {
    let targets = targets(environment, context)?;
    let mut snapshot = Snapshot::default();
    let (children, parents): (Vec<_>, Vec<_>) =
        targets.iter().partition(|target| matches!(target.kind, ResourceKind::Database | ResourceKind::Secret));
    let asked = parents.len();
    let (subscription, mark) = (&context.subscription_id, environment.id());
    let (failure, owned, locks) = tokio::join!(
        read_all(client, wants(&parents), &mut snapshot),
        owned::owned(client, subscription, &mark),
        owned::locks(client, subscription),
    );
    if let Some(failure) = failure?
        && snapshot.unreadable.len() == asked
    {
        return Err(ObserveError::Nothing(failure));
    }
    snapshot.locks = locks;
    let mut more = Vec::new();
    match owned {
        Ok(owned) => {
            let named: BTreeSet<&ResourceId> = targets.iter().map(|target| &target.id).collect();
            more = owned::unnamed_holders(&owned, &named);
            snapshot.owned = owned;
        }
        Err(error) => snapshot.owned_unread = Some(error.cause()),
    }
    let children: Vec<_> = children.into_iter().filter(|target| parent_exists(target, &mut snapshot)).collect();
    read_all(client, wants(&children).into_iter().chain(more).collect(), &mut snapshot).await?;
    roles::held_otherwise(client, &targets, &mut snapshot).await;
    let (given, keys) =
        tokio::try_join!(access::read(client, &targets, &mark, &snapshot), read_keys(client, &snapshot))?;
    access::note(given, &mut snapshot);
    note_keys(keys, &children, &mut snapshot);
    Ok(snapshot)
}

/// A child of what does not exist does not either; a child of what could not be read is as unknown.
fn parent_exists(target: &Target<'_>, snapshot: &mut Snapshot) -> bool {
    let Some(parent) = target.id.parent() else { return true };
    if snapshot.unreadable.contains_key(&parent) {
        let why = format!("{} could not be read", parent.name());
        snapshot.unreadable.insert(target.id.clone(), why);
        return false;
    }
    snapshot.clusters.contains_key(&parent) || snapshot.vaults.contains_key(&parent)
}

/// What one read brought: how to put it into the snapshot.
type Found = Box<dyn FnOnce(&mut Snapshot) + Send>;

fn wants(targets: &[&Target<'_>]) -> Vec<(ResourceKind, ResourceId)> {
    targets.iter().map(|target| (target.kind, target.id.clone())).collect()
}

/// Reads `wanted`; returns the first failure.
async fn read_all(
    client: &ArmClient,
    wanted: Vec<(ResourceKind, ResourceId)>,
    snapshot: &mut Snapshot,
) -> Result<Option<ArmError>, ObserveError> {
    let mut first_failure = None;
    let jobs = wanted.into_iter().map(|(kind, id)| {
        let client = client.clone();
        async move { (id.clone(), read_one(&client, kind, id).await) }
    });
    bounded(jobs, |(id, outcome)| match outcome {
        Ok(found) => {
            found(snapshot);
            Ok(())
        }
        // Without a token nothing can be read, now or in the next request.
        Err(error @ ArmError::Authorize { .. }) => Err(ObserveError::Nothing(error)),
        Err(error) => {
            snapshot.unreadable.insert(id, error.cause());
            first_failure.get_or_insert(error);
            Ok(())
        }
    })
    .await?;
    Ok(first_failure)
}

async fn read_one(client: &ArmClient, kind: ResourceKind, id: ResourceId) -> Result<Found, ArmError> {
    match kind {
        ResourceKind::ResourceGroup => read_into(client, kind, id, |s| &mut s.resource_groups).await,
        ResourceKind::Vault => read_into(client, kind, id, |s| &mut s.vaults).await,
        ResourceKind::Secret => read_into(client, kind, id, |s| &mut s.secrets).await,
        ResourceKind::Cluster => read_into(client, kind, id, |s| &mut s.clusters).await,
        ResourceKind::Database => read_into(client, kind, id, |s| &mut s.databases).await,
        ResourceKind::PrivateEndpoint => read_into(client, kind, id, |s| &mut s.private_endpoints).await,
        ResourceKind::Vnet => read_into(client, kind, id, |s| &mut s.vnets).await,
        ResourceKind::Subnet => read_into(client, kind, id, |s| &mut s.subnets).await,
        ResourceKind::Nsg => read_into(client, kind, id, |s| &mut s.security_groups).await,
        ResourceKind::DnsZone => read_into(client, kind, id, |s| &mut s.dns_zones).await,
        ResourceKind::DnsLink => read_into(client, kind, id, |s| &mut s.dns_links).await,
        ResourceKind::DnsZoneGroup => read_into(client, kind, id, |s| &mut s.dns_zone_groups).await,
        ResourceKind::Identity => read_into(client, kind, id, |s| &mut s.identities).await,
        ResourceKind::RoleAssignment => read_into(client, kind, id, |s| &mut s.role_assignments).await,
        ResourceKind::Key => read_into(client, kind, id, |s| &mut s.keys).await,
        ResourceKind::AccessPolicy => read_into(client, kind, id, |s| &mut s.access_policies).await,
    }
}

async fn read_into<T: DeserializeOwned + Send + 'static>(
    client: &ArmClient,
    kind: ResourceKind,
    id: ResourceId,
    place: fn(&mut Snapshot) -> &mut BTreeMap<ResourceId, T>,
) -> Result<Found, ArmError> {
    let found = client.get::<T>(kind, &id).await?;
    Ok(Box::new(move |snapshot| place(snapshot).extend(found.map(|resource| (id, resource)))))
}

/// The keys of a database, or why they cannot be read.
type KeysRead = (ResourceId, Result<AccessKeys, ArmError>);

/// The keys of every database that can tell them.
async fn read_keys(client: &ArmClient, snapshot: &Snapshot) -> Result<Vec<KeysRead>, ObserveError> {
    let databases: Vec<ResourceId> =
        snapshot.databases.iter().filter(|(_, database)| tells_keys(database)).map(|(id, _)| id.clone()).collect();
    let jobs = databases.into_iter().map(|id| {
        let client = client.clone();
        async move { (id.clone(), client.list_keys(&id).await) }
    });
    all(jobs).await
}

/// Notes their fingerprints. Where they could not be read, the secrets that hold them are unknown.
fn note_keys(keys: Vec<KeysRead>, children: &[&Target<'_>], snapshot: &mut Snapshot) {
    for (id, outcome) in keys {
        match outcome {
            Ok(keys) => {
                let primary = fingerprint(&keys.primary);
                let secondary = fingerprint(&keys.secondary);
                snapshot.key_fingerprints.insert(id, KeyFingerprints { primary, secondary });
            }
            Err(error) => {
                let secrets = children
                    .iter()
                    .filter(|target| matches!(&target.spec, Spec::Secret { database, .. } if *database == id));
                snapshot.unreadable.extend(secrets.map(|target| {
                    (target.id.clone(), format!("its database's keys could not be read: {}", error.cause()))
                }));
            }
        }
    }
}

/// While a database is being made its keys may not exist yet, and with keys switched off there are none.
fn tells_keys(database: &Database) -> bool {
    let properties = &database.properties;
    let enabled =
        properties.access_keys_authentication.as_deref().is_some_and(|set| set.eq_ignore_ascii_case("Enabled"));
    enabled
        && matches!(properties.provisioning_state, None | Some(ProvisioningState::Succeeded))
        && matches!(properties.resource_state, None | Some(ResourceState::Running))
}

/// What every one of `jobs` brings, in the order in which they end.
pub(crate) async fn all<T: Send + 'static>(
    jobs: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Result<Vec<T>, ObserveError> {
    let mut brought = Vec::new();
    bounded(jobs, |one| {
        brought.push(one);
        Ok(())
    })
    .await?;
    Ok(brought)
}

/// Runs `jobs`, at most [`READS_IN_FLIGHT_MAX`] at a time, and hands what each brings to `collect`.
async fn bounded<T: Send + 'static>(
    jobs: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
    mut collect: impl FnMut(T) -> Result<(), ObserveError>,
) -> Result<(), ObserveError> {
    let mut running = JoinSet::new();
    let mut jobs = jobs.fuse();
    loop {
        while running.len() < READS_IN_FLIGHT_MAX
            && let Some(job) = jobs.next()
        {
            running.spawn(job);
        }
        match running.join_next().await {
            None => return Ok(()),
            Some(Ok(outcome)) => collect(outcome)?,
            Some(Err(error)) => return Err(ObserveError::Crashed(error.to_string())),
        }
    }
}
