//! On files of every layout: an edit means exactly what was asked for, touches nothing else, and can be undone.

use proptest::prelude::*;
use tidelock_config::edit::{
    Edit, OperationError, Scalar, add_member, inverse, remove_member, set_scalar, splice, swap_writer,
};
use tidelock_config::syntax::{Document, Value, ValueKind, parse};
use tidelock_config::{Span, read};
use tidelock_model::Environment;

use crate::layouts::{laid_out, shipped, value_at};

const GROUP: &str = "managed_redis_geo_replication_config";

/// A document, and one of the ways to write it.
fn files() -> impl Strategy<Value = (Document, String)> {
    let name = prop::sample::select(vec!["prod.tfvars", "dev.tfvars"]);
    (name, prop::collection::vec(any::<u8>(), 0..400)).prop_map(|(name, choices)| {
        let document = shipped(name);
        let text = laid_out(&document, &choices);
        (document, text)
    })
}

/// What a file says, whatever its layout.
fn meaning(text: &str) -> Environment {
    let read = read(text);
    read.unwrap_or_else(|findings| panic!("{findings:?}\n{text}")).environment
}

fn plainly(document: &Document) -> String {
    laid_out(document, &[])
}

fn read_back(text: &str) -> Document {
    let (document, findings) = parse(text);
    assert_eq!(findings, [], "{text}");
    document
}

/// The edited text. What stands outside the edits is the same, byte for byte, before and after; and the inverse edits
/// give back the original.
fn applied(text: &str, edits: &[Edit]) -> String {
    let edited = splice(text, edits).unwrap();
    let back = inverse(text, edits).unwrap();
    assert_eq!(outside(text, edits.iter().map(|edit| edit.span)), outside(&edited, back.iter().map(|edit| edit.span)));
    assert_eq!(splice(&edited, &back).unwrap(), text);
    accepted_by_another_reader(&edited);
    edited
}

/// The text without the spans.
fn outside(text: &str, spans: impl Iterator<Item = Span>) -> String {
    let mut spans: Vec<Span> = spans.collect();
    spans.sort();
    let mut left = text.to_owned();
    for span in spans.into_iter().rev() {
        left.replace_range(span.range(), "");
    }
    left
}

/// hcl-edit knows neither byte order marks nor Windows' line ends well.
fn accepted_by_another_reader(text: &str) {
    if !text.contains(['\r', '\u{feff}']) {
        text.parse::<hcl_edit::structure::Body>().unwrap_or_else(|err| panic!("{err}\n{text}"));
    }
}

fn members(document: &Document) -> (String, Vec<String>) {
    let text = |value: &Value| match &value.kind {
        ValueKind::String { value, .. } => value.clone(),
        other => panic!("{other:?}"),
    };
    let at = |name: &str| document.find(&[GROUP, "main", name]).unwrap().value;
    let ValueKind::List(replicas) = &at("replica_keys").kind else { panic!("a list") };
    (text(at("primary_redis_key")), replicas.iter().map(text).collect())
}

fn replica_keys(document: &mut Document) -> &mut Vec<Value> {
    match &mut value_at(document, &[GROUP, "main", "replica_keys"]).kind {
        ValueKind::List(replicas) => replicas,
        other => panic!("{other:?}"),
    }
}

/// Settings of `dr_config`, and other values for them.
fn settings() -> impl Strategy<Value = (&'static str, Scalar)> {
    let objective = (1_000..80_000i64).prop_map(Scalar::Integer);
    prop_oneof![
        (Just("rto_objective_s"), objective.clone()),
        (Just("rpo_objective_s"), objective),
        (Just("drills_allowed"), any::<bool>().prop_map(Scalar::Bool)),
        (Just("write_hold_ms"), (0..9_000i64).prop_map(Scalar::Integer)),
        (Just("witness_location"), "[a-z]{1,9}[0-9]?".prop_map(Scalar::String)),
    ]
}

fn kind_of(scalar: &Scalar) -> ValueKind {
    let written = match scalar {
        Scalar::String(text) => format!("{text:?}"),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Bool(value) => value.to_string(),
    };
    read_back(&format!("value = {written}\n")).find(&["value"]).unwrap().value.kind.clone()
}

/// The paths of all strings, numbers and booleans.
fn leaves(document: &Document) -> Vec<Vec<String>> {
    fn walk(path: &[String], value: &Value, found: &mut Vec<Vec<String>>) {
        let below = |step: &str| [path, &[step.to_owned()]].concat();
        match &value.kind {
            ValueKind::Object(entries) => {
                entries.iter().for_each(|entry| walk(&below(&entry.key.name), &entry.value, found));
            }
            ValueKind::List(elements) => {
                elements
                    .iter()
                    .enumerate()
                    .for_each(|(index, element)| walk(&below(&index.to_string()), element, found));
            }
            _ => found.push(path.to_owned()),
        }
    }
    let mut found = Vec::new();
    document.variables.iter().for_each(|entry| walk(std::slice::from_ref(&entry.key.name), &entry.value, &mut found));
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn every_layout_means_the_same((document, text) in files()) {
        prop_assert_eq!(meaning(&text), meaning(&plainly(&document)));
        accepted_by_another_reader(&text);
    }

    #[test]
    fn the_writer_trades_places((document, text) in files(), which in any::<prop::sample::Index>()) {
        let (writer, replicas) = members(&document);
        let new = which.get(&replicas);
        let here = read_back(&text);
        let edits = swap_writer(&text, &here, "main", new).unwrap();
        // Nothing is edited but the two values.
        let at = replicas.iter().position(|replica| replica == new).unwrap().to_string();
        let places = [&["main", "primary_redis_key"] as &[&str], &["main", "replica_keys", &at]];
        let places = places.map(|path| here.find(&[&[GROUP], path].concat()).unwrap().value.span);
        prop_assert_eq!(edits.iter().map(|edit| edit.span).collect::<Vec<_>>(), places);

        let edited = applied(&text, &edits);
        let mut intended = meaning(&text);
        let group = intended.geo_groups.get_mut("main").unwrap();
        group.seed_writer = group.members.iter().find(|member| member.cache.0 == *new).unwrap().clone();
        prop_assert_eq!(meaning(&edited), intended);
        prop_assert_eq!(members(&read_back(&edited)).0, new.clone());

        let again = swap_writer(&edited, &read_back(&edited), "main", &writer).unwrap();
        prop_assert_eq!(applied(&edited, &again), text);
    }

    #[test]
    fn a_member_leaves(choices in prop::collection::vec(any::<u8>(), 0..400), which in 0..2usize) {
        let document = shipped("prod.tfvars");
        let text = laid_out(&document, &choices);
        let (_, replicas) = members(&document);
        let gone = &replicas[which];
        let edits = remove_member(&text, &read_back(&text), "main", gone).unwrap();
        let edited = applied(&text, &edits);
        let mut intended = meaning(&text);
        intended.geo_groups.get_mut("main").unwrap().members.retain(|member| member.cache.0 != *gone);
        prop_assert_eq!(meaning(&edited), intended);

        // What was taken out is the element, a comma, space, and at most comments behind it on its own line.
        let place = read_back(&text).find(&[GROUP, "main", "replica_keys", &which.to_string()]).unwrap().value.span;
        let taken: Vec<&str> = edits.iter().map(|edit| edit.span.of(&text)).collect();
        prop_assert!(edits.iter().all(|edit| edit.replacement.is_empty()));
        let taken = taken.concat().replacen(place.of(&text), "", 1).replacen(',', "", 1);
        let taken = taken.trim();
        prop_assert!(taken.is_empty() || taken.starts_with(['/', '#']) && !taken.contains('\n'), "{taken:?}");
        prop_assert!(!taken.contains("line"), "a comment of another line went too: {taken:?}");
    }

    #[test]
    fn a_member_joins((document, _) in files(), choices in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut smaller = document.clone();
        let (_, replicas) = members(&document);
        let new = replicas.last().unwrap();
        // With one member left out the file is not always one that can be used; with all of them it is.
        replica_keys(&mut smaller).pop();
        let text = laid_out(&smaller, &choices);
        let edits = add_member(&text, &read_back(&text), "main", new).unwrap();
        let edited = applied(&text, &edits);
        prop_assert!(edits.iter().all(|edit| edit.span.start == edit.span.end));
        prop_assert_eq!(meaning(&edited), meaning(&plainly(&document)));
        // And leaves again without a trace, if it was not alone.
        if replicas.len() > 1 {
            let again = remove_member(&edited, &read_back(&edited), "main", new).unwrap();
            let left = applied(&edited, &again);
            prop_assert_eq!(meaning(&left), meaning(&text));
            prop_assert_eq!(left, text);
        }
    }

    #[test]
    fn a_setting_is_set((mut document, text) in files(), (name, scalar) in settings()) {
        let path = ["dr_config", name];
        let edits = set_scalar(&text, &read_back(&text), &path, &scalar).unwrap();
        let edited = applied(&text, &edits);
        value_at(&mut document, &path).kind = kind_of(&scalar);
        prop_assert_eq!(meaning(&edited), meaning(&plainly(&document)));
        prop_assert!(set_scalar(&edited, &read_back(&edited), &path, &scalar).unwrap().is_empty());
    }

    #[test]
    fn a_setting_is_added(
        (mut document, _) in files(),
        choices in prop::collection::vec(any::<u8>(), 0..400),
        (name, scalar) in settings(),
        keep in 0..12usize,
    ) {
        let ValueKind::Object(entries) = &mut value_at(&mut document, &["dr_config"]).kind else { panic!("an object") };
        entries.retain(|entry| entry.key.name != name);
        entries.truncate(keep.max(1));
        let text = laid_out(&document, &choices);
        let edits = set_scalar(&text, &read_back(&text), &["dr_config", name], &scalar).unwrap();
        let edited = applied(&text, &edits);
        prop_assert!(edits.iter().all(|edit| edit.span.start == edit.span.end));
        let mut plain = plainly(&document);
        plain = plain.replacen("dr_config = {", &format!("dr_config = {{\n{name} = {}", match &scalar {
            Scalar::String(text) => format!("{text:?}"),
            Scalar::Integer(number) => number.to_string(),
            Scalar::Bool(value) => value.to_string(),
        }), 1);
        prop_assert_eq!(meaning(&edited), meaning(&plain));
    }

    #[test]
    fn any_text_fits_any_place((document, text) in files(), which in any::<prop::sample::Index>(), new in any_text()) {
        let leaves = leaves(&document);
        let path: Vec<&str> = which.get(&leaves).iter().map(String::as_str).collect();
        let scalar = Scalar::String(new.clone());
        let edits = set_scalar(&text, &read_back(&text), &path, &scalar).unwrap();
        let edited = applied(&text, &edits);
        let found = read_back(&edited);
        let ValueKind::String { value, .. } = &found.find(&path).unwrap().value.kind else { panic!("a string") };
        prop_assert_eq!(value, &new);
    }
}

/// Pieces of files put together at random: few of them make sense.
fn scraps() -> impl Strategy<Value = String> {
    let pieces = vec![
        "managed_redis_geo_replication_config = { main = {",
        "primary_redis_key = \"a\"",
        "replica_keys = [",
        "\"b\"",
        "\"c\" # c",
        ",",
        "]",
        "}",
        "} }",
        "\n",
        "\n",
        "\r\n",
        " ",
        "/* c */",
        "/*",
        "<<X\nb\nX\n",
        "<<-X\n  b\n  X\n",
        "x = ",
        "x : ",
        "{",
        "[",
        "1",
        "null",
        "=",
        "é",
        "\u{feff}",
        "\"",
        "\\",
        "${",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_text_an_edit_is_right_or_refused(scraps in scraps(), whole in any::<bool>(), new in any_text()) {
        let text = match whole {
            true => format!(
                "managed_redis_geo_replication_config = {{ main = {{\nprimary_redis_key = \"a\"\nreplica_keys = [{scraps}]\n}} }}\nx = {{{scraps}}}\n"
            ),
            false => scraps,
        };
        let (document, findings) = parse(&text);
        let scalar = Scalar::String(new);
        let tried = [
            swap_writer(&text, &document, "main", "b"),
            remove_member(&text, &document, "main", "b"),
            add_member(&text, &document, "main", "n"),
            set_scalar(&text, &document, &["x"], &scalar),
            set_scalar(&text, &document, &["x", "x"], &scalar),
            set_scalar(&text, &document, &["x", "new"], &scalar),
            set_scalar(&text, &document, &["new"], &scalar),
        ];
        for edits in tried {
            match edits {
                Ok(edits) if !edits.is_empty() => {
                    prop_assert!(findings.is_empty(), "{findings:?}");
                    let edited = splice(&text, &edits).unwrap();
                    read_back(&edited);
                    prop_assert_eq!(splice(&edited, &inverse(&text, &edits).unwrap()).unwrap(), text.clone());
                }
                Ok(_) => {}
                // What can be read can be edited: nothing is refused for its layout.
                Err(OperationError::Unproven | OperationError::Splice(_)) => prop_assert!(false, "{text}"),
                Err(_) => {}
            }
        }
    }
}

/// Text with all that needs care in it.
fn any_text() -> impl Strategy<Value = String> {
    let hard =
        vec!["\"", "\\", "\n", "\r", "\r\n", "\t", "$", "${", "%{", "$${", "{", "\u{0}", "\u{85}", "é", "HERE_1", "  "];
    let piece = prop_oneof!["[a-z ]{0,4}", prop::sample::select(hard).prop_map(str::to_owned)];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}
