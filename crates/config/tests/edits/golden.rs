//! The shipped files edited, as a person sees it.

use std::path::Path;

use similar::TextDiff;
use tidelock_config::edit::{Edit, OperationError, Scalar, add_member, remove_member, set_scalar, swap_writer};
use tidelock_config::syntax::Document;

use crate::edited;

fn diff(name: &str, operation: impl FnOnce(&str, &Document) -> Result<Vec<Edit>, OperationError>) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../envs").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let edited = edited(&text, |document| operation(&text, document));
    TextDiff::from_lines(&text, &edited).unified_diff().context_radius(2).to_string()
}

#[test]
fn after_a_switchover_only_the_two_keys_have_traded_places() {
    insta::assert_snapshot!(
        "dev_writer",
        diff("dev.tfvars", |text, document| { swap_writer(text, document, "main", "replica") })
    );
    insta::assert_snapshot!(
        "prod_writer",
        diff("prod.tfvars", |text, document| { swap_writer(text, document, "main", "secondary") })
    );
}

#[test]
fn members_leave_and_join() {
    insta::assert_snapshot!(
        "prod_remove",
        diff("prod.tfvars", |text, document| { remove_member(text, document, "main", "replica") })
    );
    insta::assert_snapshot!(
        "dev_add",
        diff("dev.tfvars", |text, document| { add_member(text, document, "main", "secondary") })
    );
}

#[test]
fn values_are_set_and_attributes_added() {
    let set = |name: &str, path: &[&str], scalar: Scalar| {
        diff(name, |text, document| set_scalar(text, document, path, &scalar))
    };
    let database = ["managed_redis_config_replica", "replica", "default_database", "eviction_policy"];
    let diffs = [
        set("dev.tfvars", &["dr_config", "lease_ms"], Scalar::Integer(4000)),
        set("dev.tfvars", &["dr_config", "hold_off_s"], Scalar::Integer(30)),
        set("dev.tfvars", &database, Scalar::String("AllKeysLRU".to_owned())),
        set("prod.tfvars", &["managed_redis_config", "primary", "persistence"], Scalar::String("rdb".to_owned())),
        set("prod.tfvars", &["tags", "cost.centre"], Scalar::String("42".to_owned())),
        set("prod.tfvars", &["location_tertiary"], Scalar::String("japaneast".to_owned())),
    ];
    insta::assert_snapshot!("set", diffs.join("---\n"));
}
