//! Geo-replication groups: who belongs to them, and the replication that makes them real.
//!
//! Azure merges writes of all members. Here one member leads and the others follow, which is the cloud's business only
//! until a member has joined; after that, the regions' agents decide who leads.

use tidelock_control::cloud_api::RouteSpec;
use tidelock_redis_client::acl::EngineProfile;

use super::Cloud;
use super::endpoints::link_address;
use super::records::{GroupRecord, LinkState, MemberRecord, RouteRecord};
use crate::engines::EngineRecord;
use crate::error::CloudError;
use crate::store::{Batch, Kind};

/// Azure's limit.
pub(crate) const MEMBER_LIMIT: usize = 5;

impl Cloud {
    /// The group of a database, with the group's own id.
    pub(crate) fn group_of(&self, database_id: &str) -> Result<Option<(String, GroupRecord)>, CloudError> {
        let all = self.store.list::<GroupRecord>(Kind::Group, "")?;
        Ok(all.into_iter().find(|(_, group)| group.has(database_id)))
    }

    /// A group of one.
    pub(crate) fn found_group(&self, nickname: &str, database_id: &str) -> Result<(), CloudError> {
        let member = MemberRecord { database_id: database_id.to_owned(), state: LinkState::Linked };
        let group = GroupRecord { nickname: nickname.to_owned(), members: vec![member] };
        Ok(self.store.put(Kind::Group, &uuid::Uuid::new_v4().to_string(), &group)?)
    }

    /// Writes down that a database is about to join; what makes it true is [`Self::join`]. It leaves the group it was in.
    pub(crate) fn announce_member(&self, group_id: &str, database_id: &str) -> Result<(), CloudError> {
        let Some(mut group) = self.store.get::<GroupRecord>(Kind::Group, group_id)? else {
            return Err(CloudError::Refused("the group is gone".to_owned()));
        };
        let mut batch = Batch::default();
        if let Some((old_id, old)) = self.group_of(database_id)?.filter(|(id, _)| id != group_id) {
            batch = without(batch, &old_id, old, database_id)?;
        }
        group.members.retain(|member| !member.is(database_id));
        group.members.push(MemberRecord { database_id: database_id.to_owned(), state: LinkState::Linking });
        Ok(self.store.write(&batch.put(Kind::Group, group_id, &group)?)?)
    }

    /// Makes an announced member a replica of its group's leader: it loses what it holds.
    pub(crate) async fn join(&self, database_id: &str) -> Result<(), CloudError> {
        self.sync_links().await?;
        let outcome = self.replicate(database_id).await;
        let state = if outcome.is_ok() { LinkState::Linked } else { LinkState::LinkFailed };
        self.set_link_state(database_id, state)?;
        outcome
    }

    async fn replicate(&self, database_id: &str) -> Result<(), CloudError> {
        let joiner = self.engine_record(database_id)?;
        let leader = self.leader_for(database_id).await?;
        let address = self
            .links()?
            .into_iter()
            .find(|link| link.from == joiner.location && same(&link.database_id, &leader.database_id))
            .map(|link| link.address)
            .ok_or_else(|| CloudError::Refused(format!("there is no way from {} to the leader", joiner.location)))?;
        let admin = self.engine_admin(&joiner)?;
        admin.set_profile(EngineProfile::Isolated).await?;
        admin.follow(address).await?;
        admin.synchronised().await?;
        Ok(admin.set_profile(EngineProfile::Reader).await?)
    }

    /// The member that others may replicate from now.
    async fn leader_for(&self, database_id: &str) -> Result<EngineRecord, CloudError> {
        let Some((_, group)) = self.group_of(database_id)? else {
            return Err(CloudError::Refused("the database is in no group".to_owned()));
        };
        let mut seen = Vec::new();
        for member in group.members.iter().filter(|member| !member.is(database_id)) {
            let engine = self.engine_record(&member.database_id)?;
            match self.engine_admin(&engine)?.leads().await {
                Ok(true) => return Ok(engine),
                Ok(false) => seen.push(format!("{} does not lead", engine.cluster)),
                Err(err) => seen.push(err.to_string()),
            }
        }
        Err(CloudError::Refused(format!(
            "no member of the group {} can be replicated from now: {}",
            group.nickname,
            seen.join("; ")
        )))
    }

    /// Takes a member out. What it holds stays with it, and nobody gets at it until somebody opens it again.
    pub(crate) async fn unlink(&self, database_id: &str) -> Result<(), CloudError> {
        self.leave_group(database_id)?;
        self.sync_links().await?;
        let Some(engine) = self.engine(database_id)? else { return Ok(()) };
        if self.region_running(&engine.location)? {
            let admin = self.engine_admin(&engine)?;
            admin.set_profile(EngineProfile::Isolated).await?;
            admin.stand_alone().await?;
        }
        Ok(())
    }

    /// Forgets a membership; for a database that is being deleted.
    pub(crate) fn leave_group(&self, database_id: &str) -> Result<(), CloudError> {
        match self.group_of(database_id)? {
            Some((id, group)) => Ok(self.store.write(&without(Batch::default(), &id, group, database_id)?)?),
            None => Ok(()),
        }
    }

    /// Empties the group's leader, and so all members.
    pub(crate) async fn flush_group(&self, database_id: &str) -> Result<(), CloudError> {
        let engine = self.engine_record(database_id)?;
        let admin = self.engine_admin(&engine)?;
        if admin.leads().await? {
            return Ok(admin.flush().await?);
        }
        let leader = self.leader_for(database_id).await?;
        Ok(self.engine_admin(&leader)?.flush().await?)
    }

    /// Makes the relay's links be those between the members of the groups: each to each, so that whoever leads can be
    /// reached by everybody else.
    pub(crate) async fn sync_links(&self) -> Result<(), CloudError> {
        let mut wanted = Vec::new();
        for (_, group) in self.store.list::<GroupRecord>(Kind::Group, "")? {
            let mut engines = Vec::new();
            for member in &group.members {
                engines.extend(self.engine(&member.database_id)?);
            }
            for to in &engines {
                for from in engines.iter().filter(|from| from.cluster != to.cluster) {
                    let name = format!("link-{}-{}", from.cluster, to.cluster);
                    wanted.push((name, self.link_spec(from, to)?, to.database_id.clone()));
                }
            }
        }
        for (name, route) in self.store.list::<RouteRecord>(Kind::Route, "")? {
            if route.link.is_some() && !wanted.iter().any(|(wanted, _, _)| *wanted == name) {
                self.store.delete(Kind::Route, &name)?;
            }
        }
        for (name, spec, to) in wanted {
            self.record_route(&name, spec, Some(to)).await?;
        }
        self.push_wan().await
    }

    fn link_spec(&self, from: &EngineRecord, to: &EngineRecord) -> Result<RouteSpec, CloudError> {
        let target = link_address(&self.region_network(&to.location)?, to);
        Ok(RouteSpec { from: from.location.clone(), to: to.location.clone(), target })
    }

    fn engine_record(&self, database_id: &str) -> Result<EngineRecord, CloudError> {
        self.engine(database_id)?
            .ok_or_else(|| CloudError::Refused(format!("the database {database_id} has no engine")))
    }

    pub(crate) fn set_link_state(&self, database_id: &str, state: LinkState) -> Result<(), CloudError> {
        let Some((id, mut group)) = self.group_of(database_id)? else { return Ok(()) };
        for member in group.members.iter_mut().filter(|member| member.is(database_id)) {
            member.state = state;
        }
        Ok(self.store.put(Kind::Group, &id, &group)?)
    }
}

impl GroupRecord {
    pub(crate) fn has(&self, database_id: &str) -> bool {
        self.members.iter().any(|member| member.is(database_id))
    }
}

impl MemberRecord {
    pub(crate) fn is(&self, database_id: &str) -> bool {
        same(&self.database_id, database_id)
    }
}

/// ARM ids are compared without case.
pub(crate) fn same(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
}

fn without(batch: Batch, id: &str, mut group: GroupRecord, database_id: &str) -> Result<Batch, CloudError> {
    group.members.retain(|member| !member.is(database_id));
    if group.members.is_empty() { Ok(batch.delete(Kind::Group, id)) } else { Ok(batch.put(Kind::Group, id, &group)?) }
}
