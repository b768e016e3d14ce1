//! A text rule's pattern, which Terraform's validation blocks use, never refuses what the rule admits; and where the rule
//! is one of form alone, it admits nothing else either.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test fails by panicking

use std::sync::LazyLock;

use proptest::prelude::*;
use regex::Regex;
use tidelock_config::schema::{self, TextRule, Type};

/// Every rule of the schema that has a pattern, once.
static RULES: LazyLock<Vec<(&'static TextRule, Regex)>> = LazyLock::new(|| {
    let mut found: Vec<&'static TextRule> = Vec::new();
    schema::variables().for_each(|variable| collect(&variable.holds, &mut found));
    found.into_iter().filter_map(|rule| Some((rule, Regex::new(rule.pattern?).unwrap()))).collect()
});

fn collect(holds: &'static Type, found: &mut Vec<&'static TextRule>) {
    match holds {
        Type::Text(rule) if !found.iter().any(|known| std::ptr::eq(*known, *rule)) => found.push(rule),
        Type::List(inner) | Type::Map(inner) => collect(inner, found),
        Type::Object(attributes) => attributes.iter().for_each(|attribute| collect(&attribute.holds, found)),
        _ => {}
    }
}

/// Rules whose pattern says less than they do: what a letter is beyond ASCII, and that a range ends after it begins.
const LOOSER: [&str; 2] = ["resource group name", "port range"];

fn check(text: &str) {
    for (rule, pattern) in RULES.iter() {
        let (fits, matches) = ((rule.fits)(text), pattern.is_match(text));
        assert!(matches || !fits, "{}: {text:?} fits, and its pattern refuses it", rule.what);
        assert!(fits || !matches || LOOSER.contains(&rule.what), "{}: {text:?} matches, and does not fit", rule.what);
    }
}

#[test]
fn there_are_patterns_for_the_rules_of_form() {
    let known: Vec<_> = RULES.iter().map(|(rule, _)| rule.what).collect();
    for what in ["location", "prefix", "address", "address range", "port range", "object id", "resource group name"] {
        assert!(known.contains(&what), "{what} has no pattern: {known:?}");
    }
}

#[test]
fn they_agree_at_the_edges() {
    let long = "a".repeat(41);
    let longer = "é".repeat(91);
    let edges = [
        "",
        " ",
        "eastus2",
        "EastUS",
        &long,
        &long[..40],
        "app",
        "-app",
        "app-",
        "a",
        "-",
        "a-b",
        "elevenchars",
        "tencharact",
        "10.0.0.0/16",
        "10.0.0.0/032",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "10.0.0.0/ 8",
        "010.0.0.0/8",
        "10.0.0/8",
        "255.255.255.255",
        "256.0.0.1",
        "1.2.3.4.5",
        "1.2.3",
        "::1",
        "1.2.3.04",
        "*",
        "**",
        "10000",
        "0",
        "65535",
        "65536",
        "8500-8599",
        "9-8",
        "1-2-3",
        "-",
        "1-",
        "-1",
        "+1",
        "11111111-2222-3333-4444-555555555555",
        "11111111-2222-3333-4444-55555555555g",
        "11111111222233334444555555555555",
        "rg-app",
        "rg.",
        "rg()_-.x",
        "rg/x",
        "rg x",
        "gruppe-ä",
        &longer,
        "Ⓐ",
        "a\n",
        "a\nb",
        "10.0.0.1\n",
        "\u{a0}",
    ];
    edges.iter().for_each(|text| check(text));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn they_agree_on_anything(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn they_agree_on_what_looks_right(
        parts in proptest::collection::vec(prop_oneof![
            (0u16..=300).prop_map(|number| number.to_string()),
            Just("0".to_owned()), Just("-".to_owned()), Just(".".to_owned()), Just("/".to_owned()), Just("*".to_owned()),
            Just("a".to_owned()), Just("F".to_owned()), Just("_".to_owned()), Just("(".to_owned()),
        ], 0..24),
    ) {
        check(&parts.concat());
    }

    #[test]
    fn they_agree_on_addresses_and_ranges(octets in any::<[u16; 4]>(), length in 0u8..=40, bits in 0u16..=255) {
        let [a, b, c, d] = octets.map(|octet| octet % (bits + 20));
        check(&format!("{a}.{b}.{c}.{d}"));
        check(&format!("{a}.{b}.{c}.{d}/{length}"));
        check(&format!("{a}-{b}"));
    }

    #[test]
    fn they_agree_on_object_ids(id in any::<u128>(), broken in 0usize..40) {
        let hex = format!("{id:032x}");
        let dashed = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        check(&dashed);
        let cut: String = dashed.chars().enumerate().filter(|(at, _)| *at != broken).map(|(_, letter)| letter).collect();
        check(&cut);
    }
}
