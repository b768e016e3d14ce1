//! Every rule is found where it is broken, and only there.

use std::collections::BTreeSet;

use super::{Example, all, example, find, page};

#[test]
fn numbers_and_names_are_unique_and_in_order() {
    let numbers: Vec<u16> = all().map(|rule| rule.id.0).collect();
    let names: BTreeSet<&str> = all().map(|rule| rule.name).collect();
    assert!(numbers.is_sorted_by(|one, other| one < other), "{numbers:?}");
    assert_eq!(names.len(), numbers.len());
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
}

#[test]
fn rules_are_written_in_sentences() {
    for rule in all() {
        for text in [rule.summary, rule.why, rule.mend] {
            assert!(text.ends_with('.') && text.chars().next().is_some_and(|first| !first.is_lowercase()), "{text}");
        }
        assert!(!rule.source.is_empty(), "{}", rule.id);
    }
}

#[test]
fn rules_are_found_by_number_and_by_name() {
    for rule in all() {
        let (id, number) = (rule.id.to_string(), rule.id.0.to_string());
        for spelling in [id.to_lowercase(), id, number, rule.name.to_owned()] {
            assert_eq!(find(&spelling).map(|found| found.id), Some(rule.id), "{spelling}");
        }
    }
    assert!(find("TL000").is_none() && find("").is_none() && find("tl").is_none());
}

#[test]
fn the_base_of_all_examples_is_clean() {
    assert_eq!(crate::check(example::BASE).findings, []);
    let merged = Example::Change("").file();
    assert_eq!(crate::check(&merged).findings, [], "{merged}");
}

#[test]
fn every_rule_is_found_where_it_is_broken_and_only_there() {
    let mut wrong = Vec::new();
    for rule in all() {
        for (example, expected) in [(&rule.failing, true), (&rule.passing, false)] {
            let findings = example::findings(example);
            let own = findings.iter().filter(|finding| finding.rule.id == rule.id);
            let own: Vec<_> = own.collect();
            if own.is_empty() == expected || own.iter().any(|finding| finding.severity != rule.severity) {
                let said: Vec<_> =
                    findings.iter().map(|found| format!("{} {}", found.rule.id, found.message)).collect();
                wrong.push(format!("{}: expected {expected}, found {said:#?}", rule.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An example of one rule breaks no other rule without need: readers would take it for part of the fault. Whole files are
/// too small to be right otherwise.
#[test]
fn passing_examples_are_right_altogether() {
    for rule in all().filter(|rule| !matches!(rule.passing, Example::File(_))) {
        let said: Vec<_> =
            example::findings(&rule.passing).into_iter().map(|found| (found.rule.id, found.message)).collect();
        assert_eq!(said, [], "{}", rule.id);
    }
}

/// `--fix` asks nobody: a rule is added here once its fix cannot cost, empty, replace or shut out anything.
#[test]
fn only_misspelt_values_are_mended_without_asking() {
    const MECHANICAL: [u16; 6] = [9, 21, 40, 82, 96, 103];
    let broken = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/broken")).unwrap();
    let broken = broken.map(|entry| entry.unwrap().path()).filter(|path| path.extension().unwrap() == "tfvars");
    let broken: Vec<String> =
        broken.map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into()).collect();
    assert!(broken.len() > 40, "the broken files are there");
    let texts = all().map(|rule| rule.failing.file()).chain(broken);
    let findings = texts.flat_map(|text| crate::check(&text).findings);
    let with_fix: BTreeSet<u16> = findings.filter(|found| found.fix.is_some()).map(|found| found.rule.id.0).collect();
    assert_eq!(with_fix.into_iter().collect::<Vec<_>>(), MECHANICAL);
}

#[test]
fn every_mechanical_fix_mends_its_finding() {
    for rule in all() {
        let Example::Change(_) = rule.failing else { continue };
        let text = rule.failing.file();
        for finding in crate::check(&text).findings {
            let Some(fix) = &finding.fix else { continue };
            let mended = crate::edit::splice(&text, &fix.edits).unwrap_or_else(|err| panic!("{}: {err}", rule.id));
            let left = crate::check(&mended).findings;
            let stays = left.iter().any(|other| other.rule == finding.rule && other.message == finding.message);
            assert!(!stays, "{}: {} does not mend it", rule.id, fix.title);
        }
    }
}

#[test]
fn every_rule_has_a_page() {
    for rule in all() {
        let page = page(rule);
        assert!(page.starts_with(&format!("# {}: {}\n", rule.id, rule.name)), "{page}");
        assert!(page.contains(&format!("[{}]", rule.id)), "what check says is shown:\n{page}");
    }
}
