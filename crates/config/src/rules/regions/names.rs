//! The names that the pattern makes, and those of what stands around caches.

use std::collections::HashMap;

use super::{CACHE_NAME, RESOURCE_NAME, SAME_NAME};
use crate::diagnostic::{Diagnostic, Sink, quote};
use crate::scene::{CacheScene, ItemScene, Scene};
use crate::text::Span;
use crate::typed::Spanned;

/// Longest name of a cluster, in characters.
const LONGEST_CLUSTER: usize = 60;

/// What Azure demands of a name: at least so many characters, and at most so many.
struct Lengths {
    what: &'static str,
    least: usize,
    most: usize,
}

const NETWORK: Lengths = Lengths { what: "virtual network", least: 2, most: 64 };
const SUBNET: Lengths = Lengths { what: "subnet", least: 1, most: 80 };
const SECURITY_GROUP: Lengths = Lengths { what: "network security group", least: 1, most: 80 };
const ENDPOINT: Lengths = Lengths { what: "private endpoint", least: 2, most: 64 };

/// Maps of items with a `name` of their own, and what it must look like.
const NAMED: &[(&str, Lengths)] = &[
    ("vnet_config", NETWORK),
    ("vnet_datasource_config", NETWORK),
    ("snet_config", SUBNET),
    ("snet_datasource_config", SUBNET),
    ("nsg_config", SECURITY_GROUP),
    ("nsg_datasource_config", SECURITY_GROUP),
];

/// Reports names that Azure refuses, and generated ones that are not unique.
pub(super) fn check(scene: &Scene<'_>, sink: &mut Sink) {
    for region in &scene.regions {
        for (variable, lengths) in NAMED {
            for item in region.items(variable) {
                if let Ok(name) = item.fields.text("name") {
                    sink_if(fault(name.value, lengths, name.span, &quote(name.value)), sink);
                }
            }
        }
    }
    for cache in &scene.caches {
        cluster(scene, cache, sink);
    }
    same_clusters(scene, sink);
    endpoints(scene, sink);
}

fn sink_if(finding: Option<Diagnostic>, sink: &mut Sink) {
    if let Some(finding) = finding {
        sink.push(finding);
    }
}

/// Whether it consists of ASCII letters and digits, and single hyphens between them.
fn is_words(text: &str) -> bool {
    text.split('-').all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Letters, digits, `_`, `.` and `-`, beginning with a letter or digit and ending with one or `_`.
fn fault(name: &str, lengths: &Lengths, span: Span, shown: &str) -> Option<Diagnostic> {
    let Lengths { what, least, most } = lengths;
    let length = name.chars().count();
    let starts = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    let ends = name.ends_with(|last: char| last.is_ascii_alphanumeric() || last == '_');
    let wrong = name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.' | '-'));
    let label = match wrong {
        Some(wrong) => format!("{} is not admitted", quote(&wrong.to_string())),
        None if !(*least..=*most).contains(&length) => format!("it has {length} characters"),
        None if !starts => "its beginning is not admitted".to_owned(),
        None if !ends => "its end is not admitted".to_owned(),
        None => return None,
    };
    let rule = format!(
        "{least} to {most} letters, digits, `_`, `.` and `-`; a letter or digit first, and one or `_` at the end"
    );
    let finding = RESOURCE_NAME.at(span, format!("{shown} is no name of a {what}")).with_label(label);
    Some(finding.with_source("Azure's naming rules").with_help(format!("it has {rule}")))
}

/// A cluster's name, which is also the host's.
fn cluster(scene: &Scene<'_>, cache: &CacheScene<'_>, sink: &mut Sink) {
    let Some(name) = &cache.azure_name else { return };
    let parts: Vec<Spanned<&str>> =
        ["context_suffix", "instance"].iter().filter_map(|part| cache.fields.text(part).ok()).collect();
    let wrong = parts.iter().find(|part| !is_words(part.value));
    let message = |why: &str| format!("{} would be named {}, {why}", quote(&cache.key.value), quote(name));
    let rule = "a cluster's name has 1 to 60 letters, digits and single `-` between them";
    if let Some(wrong) = wrong {
        let finding = CACHE_NAME.at(wrong.span, message("which Azure refuses"));
        sink.push(
            finding
                .with_label("this part is at fault")
                .with_source(rule)
                .with_help("letters and digits, with single hyphens between them, are what this part may have"),
        );
    } else if !is_words(name) {
        // The prefix may have two hyphens beside each other as far as its own rule goes.
        let prefix =
            scene.region_of(cache).and_then(|region| region.fields.text_if_given("context_prefix").ok().flatten());
        let prefix = prefix.or_else(|| scene.regions.first()?.fields.text("context_prefix").ok());
        let Some(prefix) = prefix else { return };
        let finding = CACHE_NAME.at(prefix.span, message("which Azure refuses"));
        sink.push(finding.with_source(rule).with_help("no two hyphens stand beside each other"));
    } else if name.chars().count() > LONGEST_CLUSTER {
        let Some(longest) = parts.iter().max_by_key(|part| part.value.len()) else { return };
        let over = name.chars().count() - LONGEST_CLUSTER;
        let finding = CACHE_NAME.at(longest.span, message(&format!("{over} characters too long")));
        sink.push(finding.with_source(rule).with_help(format!("shorten this part by {over}, or the prefix with it")));
    }
}

/// Host names are `<name>.<location>`, without regard to case.
fn same_clusters(scene: &Scene<'_>, sink: &mut Sink) {
    let mut seen: HashMap<(usize, String), &CacheScene<'_>> = HashMap::new();
    for cache in &scene.caches {
        let Some(name) = &cache.azure_name else { continue };
        match seen.get(&(cache.region, name.to_lowercase())) {
            None => {
                seen.insert((cache.region, name.to_lowercase()), cache);
            }
            // The same key twice is reported as such.
            Some(first) if first.key.value == cache.key.value => {}
            Some(first) => {
                let message = format!(
                    "{} and {} would both be named {}",
                    quote(&first.key.value),
                    quote(&cache.key.value),
                    quote(name)
                );
                let span = cache.fields.span("instance");
                sink.push(
                    SAME_NAME
                        .at(span, message)
                        .with_place(first.key.span, "the other one")
                        .with_source("the name is made of prefix, `context_suffix` and `instance`")
                        .with_help("give it another `instance`"),
                );
            }
        }
    }
}

fn endpoints(scene: &Scene<'_>, sink: &mut Sink) {
    let mut seen: HashMap<(usize, String), ItemScene<'_>> = HashMap::new();
    for (at, region) in scene.regions.iter().enumerate() {
        for item in region.items("managed_redis_pe_config") {
            let (Ok(what), Ok(instance)) = (item.fields.text("context"), item.fields.text("instance")) else {
                continue;
            };
            let name = format!("pe-redis-{}-{}", what.value, instance.value);
            let shown = format!("{} would be named {}, which", quote(&item.key.value), quote(&name));
            let at_fault = if is_plain(instance.value) { what.span } else { instance.span };
            if let Some(finding) = fault(&name, &ENDPOINT, at_fault, &shown) {
                sink.push(finding);
                continue;
            }
            let key = (at, name.to_lowercase());
            let Some(first) = seen.get(&key) else {
                seen.insert(key, item);
                continue;
            };
            let keys = (quote(&first.key.value), quote(&item.key.value));
            sink.push(
                SAME_NAME
                    .at(instance.span, format!("{} and {} would both be named {}", keys.0, keys.1, quote(&name)))
                    .with_place(first.key.span, "the other one")
                    .with_source(
                        "both are in the region's resource group, and the name is made of `context` and `instance`",
                    )
                    .with_help("give it another `instance`"),
            );
        }
    }
}

/// Whether a part does not spoil a name that it ends.
fn is_plain(part: &str) -> bool {
    part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
        && part.ends_with(|last: char| last.is_ascii_alphanumeric() || last == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_words_with_single_hyphens() {
        assert!(["a", "redis-App-01", "1"].iter().all(|name| is_words(name)));
        assert!(!["", "-a", "a-", "a--b", "a_b", "a b", "é", "a.b"].iter().any(|name| is_words(name)));
    }

    #[test]
    fn names_end_where_azure_ends_them() {
        let wrong = |name: &str, lengths: &Lengths| fault(name, lengths, Span::default(), "it").is_some();
        assert!(!["s", "a_", "0.b-c", &"x".repeat(80)].iter().any(|name| wrong(name, &SUBNET)));
        assert!(["", "_a", "a-", "a.", "a b", "é", &"x".repeat(81)].iter().all(|name| wrong(name, &SUBNET)));
        assert!(wrong("v", &NETWORK) && wrong(&"x".repeat(65), &NETWORK) && !wrong(&"x".repeat(64), &NETWORK));
    }
}
