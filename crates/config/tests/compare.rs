//! Several files beside each other: each finding lands in the file that is the odd one out.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::path::Path;

use tidelock_config::{Diagnostic, LineIndex, check, compare};

fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../envs").join(format!("{name}.tfvars"));
    std::fs::read_to_string(path).unwrap()
}

/// The shipped files, in this order, each with a prefix of its own so that no two of them name the same cache.
fn shipped_files() -> Vec<String> {
    let own_prefix = |name: &str| {
        let text = shipped(name).replace("context_prefix = \"app\"", &format!("context_prefix = \"{name}\""));
        assert_ne!(text, shipped(name), "the prefix is there");
        text
    };
    ["dev", "staging", "prod"].map(own_prefix).to_vec()
}

fn change(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

/// For each file, its findings as `rule line message`.
fn compared(texts: &[String]) -> Vec<Vec<String>> {
    let files: Vec<_> = texts.iter().map(|text| check(text)).collect();
    let found = compare(&files.iter().collect::<Vec<_>>());
    let shown = |text: &str, finding: &Diagnostic| {
        let line = finding.span.map_or(0, |span| LineIndex::new(text).position(span.start).line);
        format!("{} {line} {}", finding.rule.id, finding.message)
    };
    found.iter().zip(texts).map(|(found, text)| found.iter().map(|finding| shown(text, finding)).collect()).collect()
}

fn line_of(text: &str, needle: &str) -> usize {
    text.lines().position(|line| line.contains(needle)).unwrap() + 1
}

#[test]
fn one_more_region_of_the_same_is_no_difference() {
    assert_eq!(compared(&shipped_files()), [[""; 0]; 3]);
}

#[test]
fn a_single_file_is_compared_with_nothing() {
    assert_eq!(compared(&[shipped("dev")]), [[""; 0]; 1]);
    assert_eq!(compare(&[]), Vec::<Vec<Diagnostic>>::new());
}

#[test]
fn the_odd_one_out_is_told_wherever_it_stands() {
    for odd in 0..3 {
        let mut files = shipped_files();
        files[odd] =
            change(&files[odd], "    high_availability_enabled = true", "    # high_availability_enabled = true");
        let line = line_of(&files[odd], "  primary = {");
        let found = compared(&files);
        for (at, findings) in found.iter().enumerate() {
            let others: Vec<&str> = ["dev-dev", "staging-staging", "prod-prod"]
                .into_iter()
                .enumerate()
                .filter_map(|(other, name)| (other != odd).then_some(name))
                .collect();
            let expected = format!(
                "TL150 {line} `managed_redis_config.primary.high_availability_enabled` is missing here, and `{}` and `{}` \
                 give it",
                others[0], others[1]
            );
            assert_eq!(findings, &if at == odd { vec![expected] } else { Vec::new() }, "{odd} {at}");
        }
    }
}

#[test]
fn what_one_file_alone_has_is_found_at_its_line() {
    let mut files = shipped_files();
    files[2] = change(&files[2], "tags = {\n", "tags = {\n  cost_centre = \"4711\"\n");
    let line = line_of(&files[2], "cost_centre");
    let expected = format!("TL150 {line} `tags.cost_centre` is given here, and not in `dev-dev` and `staging-staging`");
    assert_eq!(compared(&files), [vec![], vec![], vec![expected]]);
}

#[test]
fn a_whole_variable_is_one_finding() {
    let mut files = shipped_files();
    files[0] =
        change(&files[0], "vnet_datasource_config_replica = {", "vnet_datasource_config_replica = null\nignored = {");
    let found = compared(&files);
    let line = line_of(&files[0], "location_replica");
    let expected = "`vnet_datasource_config_replica` is missing here, and `staging-staging` and `prod-prod` give it";
    assert_eq!(found[0], [format!("TL150 {line} {expected}")]);
    assert!(found[1].is_empty() && found[2].is_empty());
}

#[test]
fn a_misspelt_attribute_is_not_missing_as_well() {
    let mut files = shipped_files();
    files[1] = change(&files[1], "    sku_name ", "    sku_nmae ");
    assert_eq!(compared(&files), [[""; 0]; 3]);
}

#[test]
fn a_file_with_a_syntax_error_takes_no_part() {
    let mut files = shipped_files();
    files[1] = change(&files[1], "tags = {", "tags = ");
    let found = compared(&files);
    assert!(found.iter().all(Vec::is_empty), "{found:?}");
}

#[test]
fn a_further_region_of_another_kind_is_a_snowflake() {
    let mut files = shipped_files();
    let endpoint = "managed_redis_pe_config_secondary = {";
    files[2] = change(&files[2], endpoint, "managed_redis_pe_config_secondary = null\nignored = {");
    let found = compared(&files);
    let line = line_of(&files[2], "location_secondary");
    let expected =
        "`managed_redis_pe_config_secondary` is missing, where the first region has `managed_redis_pe_config`";
    assert_eq!(found[2], [format!("TL151 {line} {expected}")]);
}

#[test]
fn two_files_of_one_environment_are_an_error_and_nothing_more() {
    let found = compared(&[shipped("dev"), shipped("dev")]);
    assert_eq!(found[0], [""; 0]);
    assert_eq!(found[1].len(), 1, "{found:?}");
    assert!(found[1][0].starts_with("TL152 6 `app-dev` is described by another"), "{found:?}");
}

#[test]
fn names_that_only_one_environment_can_have_are_found() {
    let staging = change(&shipped("staging"), "\"kv-app-stg-eus2\"", "\"KV-app-dev-eus2\"");
    let files = [shipped("dev"), staging.replace("\"cache-stg\"", "\"Cache\"")];
    let found = compared(&files);
    assert_eq!(found[0], [""; 0]);
    let rules: Vec<&str> = found[1].iter().filter_map(|finding| finding.split(' ').next()).collect();
    assert_eq!(rules, ["TL153", "TL154", "TL154"], "{found:?}");
}
