//! What one file has and others do not.

use std::collections::{BTreeMap, BTreeSet};

use tidelock_model::RegionSuffix;

use super::tree::{Node, Shape};
use super::{SNOWFLAKE, UNLIKE_REGION};
use crate::diagnostic::{Diagnostic, Sink, quote};
use crate::text::Span;

/// Maps whose keys differ from region to region: a cache's key is unique in the file, and endpoints follow it.
const KEYED_BY_CACHE: [&str; 2] = ["managed_redis_config", "managed_redis_pe_config"];

/// Variables that only the first region must give.
const INHERITED: [&str; 2] = ["environment", "context_prefix"];

/// What the messages need of the place being compared.
struct Comparison<'a, 'b> {
    /// Names of all files, by their place.
    names: &'b [(usize, &'b Shape<'a>)],
    sinks: &'b mut [Sink],
    /// What variables carry here.
    suffix: RegionSuffix,
    /// Whether the witness's place may differ.
    regions_differ: bool,
}

/// Reports to each file's sink what sets it apart.
pub(super) fn report(files: &[(usize, &Shape<'_>)], sinks: &mut [Sink]) {
    let counts: BTreeSet<usize> = files.iter().map(|(_, shape)| shape.regions.len()).collect();
    let mut comparison =
        Comparison { names: files, sinks, suffix: RegionSuffix::First, regions_differ: counts.len() > 1 };
    let shared: Vec<_> = files.iter().map(|(at, shape)| (*at, &shape.shared)).collect();
    comparison.nodes(&shared, &[]);
    for suffix in RegionSuffix::ALL {
        comparison.suffix = suffix;
        let having: Vec<_> = files.iter().filter_map(|(at, shape)| Some((*at, shape.regions.get(&suffix)?))).collect();
        comparison.nodes(&having, &[]);
        if having.len() < files.len() {
            for (at, shape) in files {
                comparison.further_region(*at, shape);
            }
        }
    }
}

impl<'a> Comparison<'a, '_> {
    /// Compares what stands at `path` in those files that have it.
    fn nodes(&mut self, nodes: &[(usize, &Node<'a>)], path: &[&str]) {
        if nodes.len() < 2 {
            return;
        }
        let names: BTreeSet<&'a str> = nodes.iter().flat_map(|(_, node)| node.children.keys().copied()).collect();
        for name in names {
            let having: Vec<_> = nodes.iter().filter_map(|(at, node)| Some((*at, node.children.get(name)?))).collect();
            let lacking: Vec<_> = nodes.iter().copied().filter(|(_, node)| !node.children.contains_key(name)).collect();
            let path: Vec<&str> = path.iter().copied().chain([name]).collect();
            let may_differ = self.regions_differ && path == ["dr_config", "witness_location"];
            if !lacking.is_empty() && !may_differ {
                self.difference(&having, &lacking, &path);
            }
            self.nodes(&having, &path);
        }
    }

    fn difference(&mut self, having: &[(usize, &Node<'a>)], lacking: &[(usize, &Node<'a>)], path: &[&str]) {
        let first_has = having.first().map(|(at, _)| at) < lacking.first().map(|(at, _)| at);
        let having_is_the_rule = having.len() > lacking.len() || (having.len() == lacking.len() && first_has);
        let what = self.written(path);
        if having_is_the_rule {
            let others = self.list(having);
            for (at, node) in lacking.iter().filter(|(_, node)| !node.is_doubtful) {
                let message = format!("{what} is missing here, and {others} {}", gives(having.len()));
                let finding = with_place(node.span, message);
                self.push(*at, finding.with_help("give it here as well, or nowhere"));
            }
        } else {
            let others = self.list(lacking);
            let all_readable = lacking.iter().all(|(_, node)| !node.is_doubtful);
            for (at, node) in having.iter().filter(|_| all_readable) {
                let message = format!("{what} is given here, and not in {others}");
                let finding = with_place(node.span, message);
                self.push(*at, finding.with_help("give it there as well, or remove it here"));
            }
        }
    }

    /// A region that not all files have is one more of the same, or a snowflake.
    fn further_region(&mut self, at: usize, shape: &Shape<'_>) {
        let Some(region) = shape.regions.get(&self.suffix) else { return };
        let Some((first, model)) = shape.regions.iter().next().filter(|(first, _)| **first != self.suffix) else {
            return;
        };
        let names: BTreeSet<&str> = region.children.keys().chain(model.children.keys()).copied().collect();
        for name in names.into_iter().filter(|name| !INHERITED.contains(name)) {
            let (own, other) = (region.children.get(name), model.children.get(name));
            let shape_of = |node: Option<&Node<'_>>| node.map(|node| signature(name, node));
            let is_like = |other: &Node<'_>| shape_of(other.children.get(name)) == shape_of(own);
            // Like any other region of the file: where that one is wrong, it is said there.
            if shape.regions.iter().any(|(suffix, other)| *suffix != self.suffix && is_like(other)) {
                continue;
            }
            if own.is_some_and(|own| own.is_doubtful) {
                continue;
            }
            let [here, there] = [self.suffix, *first].map(|suffix| quote(&format!("{name}{}", suffix.as_str())));
            let message = match (own, other) {
                (None, _) => format!("{here} is missing, where the first region has {there}"),
                (Some(_), None) => format!("{here} is given, where the first region has no {there}"),
                (Some(_), Some(_)) => format!("{here} is built otherwise than {there}"),
            };
            let mut finding = UNLIKE_REGION.on_file(message);
            finding.span = own.unwrap_or(region).span;
            if let Some(span) = other.and_then(|other| other.span) {
                finding = finding.with_place(span, "in the first region");
            }
            let help = "give both the same items and attributes";
            let finding = finding.with_source("the other environments do not have this region").with_help(help);
            self.push(at, finding);
        }
    }

    fn push(&mut self, at: usize, finding: Diagnostic) {
        if let Some(sink) = self.sinks.get_mut(at) {
            sink.push(finding);
        }
    }

    /// A path as it is written in the file.
    fn written(&self, path: &[&str]) -> String {
        let mut path = path.iter();
        let variable = path.next().copied().unwrap_or_default();
        let is_regional = crate::schema::variables().any(|known| known.name == variable && known.scope.is_regional());
        let suffix = if is_regional { self.suffix.as_str() } else { "" };
        let rest: String = path.flat_map(|step| [".", *step]).collect();
        quote(&format!("{variable}{suffix}{rest}"))
    }

    /// The names of files.
    fn list(&self, files: &[(usize, &Node<'a>)]) -> String {
        /// More would not be read.
        const MOST: usize = 3;
        let name = |at: usize| self.names.iter().find(|(other, _)| *other == at).map(|(_, shape)| quote(&shape.name));
        let mut names: Vec<String> = files.iter().take(MOST).filter_map(|(at, _)| name(*at)).collect();
        if files.len() > MOST {
            names.push(format!("{} more", files.len() - MOST));
        }
        let last = names.pop().unwrap_or_default();
        if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) }
    }
}

const fn gives(count: usize) -> &'static str {
    if count == 1 { "gives it" } else { "give it" }
}

fn with_place(span: Option<Span>, message: String) -> Diagnostic {
    let mut finding = SNOWFLAKE.on_file(message);
    finding.span = span;
    finding
}

/// What stands inside, as text that is equal for equal shapes.
fn signature(variable: &str, node: &Node<'_>) -> String {
    let inside = |node: &Node<'_>| {
        let mut text = String::new();
        for (name, child) in &node.children {
            text.push_str(&quote(name));
            text.push('{');
            text.push_str(&signature("", child));
            text.push('}');
        }
        text
    };
    if !KEYED_BY_CACHE.contains(&variable) {
        return inside(node);
    }
    let mut items: BTreeMap<String, usize> = BTreeMap::new();
    for child in node.children.values() {
        *items.entry(inside(child)).or_default() += 1;
    }
    items.into_iter().map(|(item, count)| format!("{count}({item})")).collect()
}
