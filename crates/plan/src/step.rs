//! The plan as data: steps, and what each one does, costs and waits for.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use tidelock_arm_types::{ResourceId, ResourceKind};
use tidelock_model::Location;

/// Version of a plan's JSON form. It grows when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// What is done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is as the file says.
    None,
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// An existing database is emptied and linked to its group.
    Join,
    /// It is as the file says but for an operation still under way.
    Wait,
    /// A member is taken out of its geo group, through another one.
    Unlink,
    /// It is removed.
    Delete,
    /// It would have to be changed, and will not be.
    Refuse,
}

/// What a step does to the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DataClass {
    /// Nothing is lost, nobody notices.
    KeepsData,
    /// Nothing is lost; connections drop.
    Restarts,
    /// Nothing is lost; unreachable for minutes.
    Unavailable,
    /// Every secret and key of this vault is lost, unless it is recovered in time.
    DeletesVault,
    /// Every key of this database is lost.
    WipesThisMember,
    /// Every key of the whole geo group is lost.
    WipesGroup,
}

impl DataClass {
    /// Something is lost that nothing else holds: keys of a database, secrets and keys of a vault.
    #[must_use]
    pub const fn loses_data(self) -> bool {
        matches!(self, Self::DeletesVault | Self::WipesThisMember | Self::WipesGroup)
    }

    /// The class in two or three words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeepsData => "keeps data",
            Self::Restarts => "restarts",
            Self::Unavailable => "unavailable for minutes",
            Self::DeletesVault => "deletes the vault",
            Self::WipesThisMember => "wipes this member",
            Self::WipesGroup => "wipes the group",
        }
    }

    /// What a person has to know before it happens; nothing where nobody notices.
    #[must_use]
    pub const fn warning(self) -> Option<&'static str> {
        match self {
            Self::KeepsData => None,
            Self::Restarts => Some("no data is lost; connections drop"),
            Self::Unavailable => Some("no data is lost; unreachable for minutes"),
            Self::DeletesVault => {
                Some("DATA LOSS: every secret and key of this vault, once it cannot be recovered any more")
            }
            Self::WipesThisMember => Some("DATA LOSS: every key of this database"),
            Self::WipesGroup => Some("DATA LOSS: every key of every member of the group"),
        }
    }
}

/// Why a step is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// It would lose data.
    DataLoss,
    /// It is not ours: the ownership tag is missing or names another environment.
    Foreign,
    /// The file says that it exists; it does not.
    Missing,
    /// It would have to be replaced, which is left to a person.
    Replacement,
    /// It is in a state from which no change is accepted.
    BadState,
    /// It could not be read.
    Unreadable,
    /// It waits on something that is refused.
    Blocked,
    /// A lock on it, or on what it is in, forbids it.
    Locked,
}

/// A setting that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The file's name for it where it has one, else Azure's.
    pub field: String,
    /// What it is.
    pub from: String,
    /// What it shall be.
    pub to: String,
}

/// The call that carries out a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// PUT on the resource.
    Put,
    /// DELETE of a resource whose creation failed, then PUT. Azure accepts nothing else for it; it never held anything.
    Recreate,
    /// POST `forceLinkToReplicationGroup` on the joining database.
    ForceLink,
    /// POST `forceUnlink` on a member that stays.
    ForceUnlink,
    /// PATCH of single tags of a resource group, by `Microsoft.Resources/tags`; the body is the tags. Those of other names stay,
    /// such as the claim of whoever is at work.
    MergeTags,
    /// DELETE of the resource.
    Delete,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Request {
    /// The call.
    pub operation: Operation,
    /// Where it is sent, if not to the resource itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<ResourceId>,
    /// The exact body, null where there is none; for a secret without its value and fingerprint.
    pub body: Value,
}

/// Which of a database's two access keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// `primaryKey`
    Primary,
    /// `secondaryKey`
    Secondary,
}

impl KeyKind {
    /// Both, in Azure's order.
    pub const ALL: [Self; 2] = [Self::Primary, Self::Secondary];

    /// As in a secret's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }
}

/// Where a secret's value comes from when the step is carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecretSource {
    /// The database whose keys are listed.
    pub database: ResourceId,
    /// Which of them.
    pub key: KeyKind,
}

/// A value that is known only once another resource is there: it is put into the body when the step is carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fill {
    /// Where in the body, as a JSON pointer.
    pub at: String,
    /// The kind of the other resource.
    pub kind: ResourceKind,
    /// The other resource.
    pub from: ResourceId,
    /// Where in its answer, as a JSON pointer.
    pub field: String,
}

/// One resource, and what happens to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Unique in the plan and stable between plans: `eastus2/database/primary`.
    pub address: String,
    /// The region it belongs to.
    pub location: Location,
    /// The kind of resource.
    pub kind: ResourceKind,
    /// The resource.
    pub resource_id: ResourceId,
    /// What is done.
    pub action: Action,
    /// What it costs.
    pub data: DataClass,
    /// Why, in words.
    pub reason: String,
    /// What differs, for [`Action::Update`] and refused changes.
    pub changes: Vec<Change>,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// It is ours, and the file does not name it: it goes, or would go if that were allowed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not_in_file: bool,
    /// Addresses of the steps that must be done first.
    pub depends_on: Vec<String>,
    /// What is sent, for [`Action::Create`], [`Action::Update`] and [`Action::Join`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// For secrets: where the value comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_from: Option<SecretSource>,
    /// What else is put into the body when the step is carried out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fill: Vec<Fill>,
    /// For members of a geo group: who has to be `Linked`, as each of them sees it, before the step is done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expect_linked: Vec<ResourceId>,
    /// What has to be given to `--allow-data-loss` before the step is carried out; empty where nothing is lost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permission: Vec<String>,
    /// Clusters it changes: Azure answers "busy" to two changes of one cluster at a time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alone_on: Vec<ResourceId>,
}

/// How many steps there are of each sort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Resources to create.
    pub create: usize,
    /// Resources to change in place.
    pub update: usize,
    /// Databases to empty and link.
    pub join: usize,
    /// Members to take out of their group.
    pub unlink: usize,
    /// Resources to delete.
    pub delete: usize,
    /// Operations to wait for.
    pub wait: usize,
    /// Steps refused.
    pub refuse: usize,
    /// Steps, refused ones too, that lose data.
    pub data_loss: usize,
    /// Resources that are as the file says.
    pub unchanged: usize,
}

/// What has to be done, in an order in which it could be done.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The environment's id.
    pub environment: String,
    /// The subscription.
    pub subscription_id: String,
    /// Counts.
    pub summary: Summary,
    /// Remarks that ask for no step.
    pub notes: Vec<String>,
    /// One for each resource; what a step depends on stands before it.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Nothing is to be done, and nothing is refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| step.action == Action::None)
    }

    /// The steps that are refused, what only waits on them included.
    pub fn refusals(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.refusal.is_some())
    }

    /// The steps that would be carried out.
    pub fn work(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| !matches!(step.action, Action::None | Action::Refuse))
    }

    /// What may be given to `--allow-data-loss` with this plan: of refused steps and of those already allowed.
    #[must_use]
    pub fn permissions(&self) -> BTreeSet<&str> {
        self.steps.iter().flat_map(|step| step.permission.iter().map(String::as_str)).collect()
    }

    /// The step at `address`.
    #[must_use]
    pub fn step(&self, address: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.address == address)
    }
}
