//! The variables that say what the file is, and those that hold for all its regions.

use super::{ANYTHING, Attribute, Fallback, LOCATION, PREFIX, Presence, Scope, Target, TextRule, Type, Variable};

/// Which environment, and where its regions are.
pub(super) static IDENTITY: &[Variable] = &[
    Variable {
        name: "environment",
        scope: Scope::Regional { further: Presence::Optional(Fallback::Derived("that of the first region")) },
        holds: Type::Choice(ENVIRONMENTS),
        presence: Presence::Required,
        description: "Which environment the file describes. It is part of the environment's id and of its tags.",
    },
    Variable {
        name: "context_prefix",
        scope: Scope::Regional { further: Presence::Optional(Fallback::Derived("that of the first region")) },
        holds: Type::Text(&PREFIX),
        presence: Presence::Required,
        description: "A short name of the application, part of every generated name.",
    },
    Variable {
        name: "location",
        scope: Scope::Regional { further: Presence::Required },
        holds: Type::Text(&LOCATION),
        presence: Presence::Required,
        description: "The Azure location of the region, such as eastus2. No two regions share one.",
    },
    Variable {
        name: "resource_group_name",
        scope: Scope::Regional { further: Presence::Required },
        holds: Type::Text(&RESOURCE_GROUP),
        presence: Presence::Required,
        description: "The resource group that holds the region's own resources.",
    },
    Variable {
        name: "existing_resource_groups",
        scope: Scope::Shared,
        holds: Type::List(&Type::Text(&RESOURCE_GROUP)),
        presence: Presence::Optional(Fallback::Texts(&[])),
        description: "Resource groups that exist already, so that Terraform does not create them; Tidelock looks for \
                      itself. Those that a `*_datasource_config` names exist anyway.",
    },
    Variable {
        name: "tags",
        scope: Scope::Shared,
        holds: Type::Map(&Type::Text(&ANYTHING)),
        presence: Presence::Optional(Fallback::Empty),
        description: "Tags put on every resource.",
    },
];

/// Links between regions, and recovery.
pub(super) static SHARED: &[Variable] = &[
    Variable {
        name: "managed_redis_geo_replication_config",
        scope: Scope::Shared,
        holds: Type::Map(&Type::Object(GEO_GROUP)),
        presence: Presence::Optional(Fallback::Empty),
        description: "Which caches replicate to each other. The caches of one group carry the same \
                      `geo_replication_group_name`.",
    },
    Variable {
        name: "dr_config",
        scope: Scope::Shared,
        holds: Type::Object(DISASTER_RECOVERY),
        presence: Presence::Optional(Fallback::Empty),
        description: "How regions take over from each other. Ours: the pattern leaves it unsaid.",
    },
];

/// Both spellings of the pattern and of its companion project.
static ENVIRONMENTS: &[&str] = &["dev", "development", "test", "staging", "prod", "production"];

pub(super) static RESOURCE_GROUP: TextRule = TextRule {
    what: "resource group name",
    rule: "a resource group's name has 1 to 90 letters, digits, `_`, `-`, `.`, `(` and `)`, and does not end with `.`",
    fits: |text| {
        let length = text.chars().count();
        let alphabet = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '(' | ')');
        (1..=90).contains(&length) && text.chars().all(alphabet) && !text.ends_with('.')
    },
    // Beyond ASCII it takes everything: what a letter is, readers disagree on.
    pattern: Some(r"^[^\x00-'*-,/:-@\[-^`{-\x7f]{0,89}[^\x00-'*-,./:-@\[-^`{-\x7f]$"),
};

static GEO_GROUP: &[Attribute] = &[
    Attribute {
        name: "primary_redis_key",
        holds: Type::Reference(Target::AnyCache),
        presence: Presence::Required,
        description: "The cache that takes writes at first. After a switchover the register decides; this key is \
                      then changed to follow it.",
    },
    Attribute {
        name: "replica_keys",
        holds: Type::List(&Type::Reference(Target::AnyCache)),
        presence: Presence::Required,
        description: "The other caches of the group, at least one, each in a region of its own.",
    },
];

static DISASTER_RECOVERY: &[Attribute] = &[
    Attribute {
        name: "witness_location",
        holds: Type::Text(&LOCATION),
        presence: Presence::Optional(Fallback::Nothing),
        description: "Where the witness stands, which holds no data and has a vote: outside of every region.",
    },
    Attribute {
        name: "mode",
        holds: Type::Choice(&["manual", "automatic"]),
        presence: Presence::Optional(Fallback::Text("manual")),
        description: "Who starts a failover: a person, or the agents once a majority agrees.",
    },
    Attribute {
        name: "durability",
        holds: Type::Choice(&["local", "remote"]),
        presence: Presence::Optional(Fallback::Text("local")),
        description: "When a write is acknowledged: once the writer's region has it, or once another region has it too.",
    },
    Attribute {
        name: "detection_ms",
        holds: Type::Integer { least: 100, most: 600_000, unit: "milliseconds" },
        presence: Presence::Optional(Fallback::Integer(2_000)),
        description: "How long a region must be silent before it is held to be lost.",
    },
    Attribute {
        name: "lag_limit_ms",
        holds: Type::Integer { least: 0, most: 600_000, unit: "milliseconds" },
        presence: Presence::Optional(Fallback::Integer(10_000)),
        description: "A region that is further behind the writer is not made writer unless someone accepts the loss.",
    },
    Attribute {
        name: "hold_off_s",
        holds: Type::Integer { least: 0, most: 86_400, unit: "seconds" },
        presence: Presence::Optional(Fallback::Integer(3_600)),
        description: "How long after a failover no other is begun without a person.",
    },
    Attribute {
        name: "lease_ms",
        holds: Type::Integer { least: 100, most: 60_000, unit: "milliseconds" },
        presence: Presence::Optional(Fallback::Integer(3_000)),
        description: "How long a lease lets the writer go on without hearing from the register.",
    },
    Attribute {
        name: "margin_ms",
        holds: Type::Integer { least: 10, most: 60_000, unit: "milliseconds" },
        presence: Presence::Optional(Fallback::Integer(500)),
        description: "How much longer than the lease the register waits before another region may write.",
    },
    Attribute {
        name: "staleness_bound_ms",
        holds: Type::Integer { least: 1, most: 600_000, unit: "milliseconds" },
        presence: Presence::Optional(Fallback::Integer(5_000)),
        description: "Local reads are never staler than this. It must exceed lease and margin together.",
    },
    Attribute {
        name: "write_hold_ms",
        holds: Type::Integer { least: 0, most: 60_000, unit: "milliseconds" },
        presence: Presence::Optional(Fallback::Integer(2_000)),
        description: "How long a gateway holds a write while there is no writer, before it refuses it.",
    },
    Attribute {
        name: "rto_objective_s",
        holds: Type::Integer { least: 1, most: 86_400, unit: "seconds" },
        presence: Presence::Optional(Fallback::Nothing),
        description: "The time to recover that the team's policy promises.",
    },
    Attribute {
        name: "rpo_objective_s",
        holds: Type::Integer { least: 0, most: 86_400, unit: "seconds" },
        presence: Presence::Optional(Fallback::Nothing),
        description: "The loss of data, as a span of time, that the team's policy accepts.",
    },
    Attribute {
        name: "gateways_per_region",
        holds: Type::Integer { least: 1, most: 8, unit: "gateways" },
        presence: Presence::Optional(Fallback::Integer(1)),
        description: "How many gateway processes each region runs.",
    },
    Attribute {
        name: "drills_allowed",
        holds: Type::Bool,
        presence: Presence::Optional(Fallback::Derived("true, but false in prod")),
        description: "Whether drills, which break things on purpose, may be run on this environment.",
    },
];
