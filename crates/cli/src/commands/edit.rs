//! `tidelock edit`: the file changed in place, as a diff or written.

use std::path::Path;

use tidelock_config::edit::{self, Edit, OperationError, splice};
use tidelock_config::rules::RuleId;
use tidelock_config::syntax::{self, Document};
use tidelock_config::{Diagnostic, LineIndex, Severity, render};

use crate::args::{Change, EditArgs, MemberArgs, SetArgs, WriterArgs};
use crate::exit::{Exit, Failure, Outcome};
use crate::files::{self, Snapshot};
use crate::input::{self, STDIN, STDIN_NAME};
use crate::printer::{self, style};
use crate::views::diff;

pub(crate) fn run(args: &EditArgs) -> Outcome {
    let target = args.change.target();
    let source = Source::read(&target.file)?;
    let snapshot = match (&source.snapshot, target.write) {
        (None, true) => {
            return Err(Failure::error("standard input cannot be written to; nothing was changed")
                .hint("give the file's path, or leave --write out"));
        }
        (snapshot, write) => snapshot.as_ref().filter(|_| write),
    };
    let document = source.document()?;
    let edits = edits(&source, &document, &args.change)?;
    if edits.is_empty() {
        printer::say(&format!("{}: nothing to change", source.name));
        return Ok(Exit::Done);
    }
    let edited = splice(&source.text, &edits).map_err(|err| source.refused(&OperationError::from(err)))?;
    let diff = diff::unified(&source.name, &source.text, &edited);
    let new = new_findings(&source.text, &edited);
    if !new.is_empty() {
        printer::say(render(&source.name, &edited, &new, style()).trim_end());
    }
    if new.iter().any(|finding| finding.severity == Severity::Error) {
        printer::data(&diff);
        return Err(Failure::refused(format!(
            "{} could not be used after this change; nothing was written",
            source.name
        ))
        .hint(
            "the errors above are those of the changed file: ask for something else, or mend by hand what they name",
        ));
    }
    match snapshot {
        Some(snapshot) => {
            files::replace(snapshot, edited.as_bytes())?;
            printer::data(&diff);
            printer::say(&format!("{}: written", source.name));
        }
        None => {
            printer::data(&diff);
            if source.snapshot.is_some() {
                printer::say("nothing was written: add --write");
            }
        }
    }
    if matches!(args.change, Change::Writer(_)) {
        printer::say("this names the writer of the first tenure; a running writer is moved by `tidelock switchover`");
    }
    Ok(Exit::Done)
}

/// The text that is edited, and where it comes from.
struct Source {
    /// As it is called in messages.
    name: String,
    text: String,
    /// Absent for standard input.
    snapshot: Option<Snapshot>,
}

impl Source {
    fn read(file: &Path) -> Outcome<Self> {
        if file != Path::new(STDIN) {
            let (snapshot, text) = Snapshot::read(file)?;
            return Ok(Self { name: file.display().to_string(), text, snapshot: Some(snapshot) });
        }
        Ok(Self { name: STDIN_NAME.to_owned(), text: input::stdin()?, snapshot: None })
    }

    fn document(&self) -> Outcome<Document> {
        let (document, findings) = syntax::parse(&self.text);
        if findings.is_empty() {
            return Ok(document);
        }
        printer::say(render(&self.name, &self.text, &findings, style()).trim_end());
        Err(Failure::error(format!("{} cannot be read; nothing was changed", self.name)))
    }

    /// An edit that is not made, with its place in the file. What a guard refuses is told from what is wrong.
    fn refused(&self, err: &OperationError) -> Failure {
        let place = err.span().map(|span| LineIndex::new(&self.text).position(span.start));
        let place = place.map(|at| format!(":{}:{}", at.line, at.column)).unwrap_or_default();
        let message = format!("{}{place}: {err}; nothing was changed", self.name);
        let failure = match err {
            OperationError::IsWriter { .. } | OperationError::LastReplica { .. } => Failure::refused(message),
            _ => Failure::error(message),
        };
        failure.hint(err.help())
    }
}

fn edits(source: &Source, document: &Document, change: &Change) -> Outcome<Vec<Edit>> {
    match change {
        Change::Writer(args) => swap(source, document, args),
        Change::RemoveMember(args) => member(source, document, args, edit::remove_member),
        Change::AddMember(args) => member(source, document, args, edit::add_member),
        Change::Set(args) => set(document, &source.text, args).map_err(|err| source.refused(&err)),
    }
}

fn swap(source: &Source, document: &Document, args: &WriterArgs) -> Outcome<Vec<Edit>> {
    let group = group(source, document, args.group.as_deref())?;
    let refused = |err| source.refused(&err);
    let members = edit::members(document, group).map_err(refused)?;
    let by_key = members.iter().copied().find(|key| *key == args.to);
    let by_region = edit::member_in(document, group, &args.to).map_err(refused)?;
    let writer = match (by_region, by_key) {
        (Some(region), Some(key)) if region != key => {
            return Err(Failure::error(format!(
                "{0}: `{1}` is the cache of one region and the name of another; nothing was changed",
                source.name, args.to
            ))
            .hint(format!("for the region give its cache's key: --to {region}")));
        }
        (Some(found), _) | (None, Some(found)) => found,
        (None, None) => {
            return Err(Failure::error(format!(
                "{}: no member of the geo group `{group}` is called `{1}` or stands in a region `{1}`; nothing was changed",
                source.name, args.to
            ))
            .hint(format!("its members are `{}`", members.join("`, `"))));
        }
    };
    edit::swap_writer(&source.text, document, group, writer).map_err(refused)
}

type MemberEdit = fn(&str, &Document, &str, &str) -> Result<Vec<Edit>, OperationError>;

fn member(source: &Source, document: &Document, args: &MemberArgs, edit: MemberEdit) -> Outcome<Vec<Edit>> {
    let group = group(source, document, args.group.as_deref())?;
    edit(&source.text, document, group, &args.cache).map_err(|err| source.refused(&err))
}

fn set(document: &Document, text: &str, args: &SetArgs) -> Result<Vec<Edit>, OperationError> {
    let path = edit::parse_path(&args.path)?;
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let scalar = edit::read_scalar(document, &path, &args.value)?;
    edit::set_scalar(text, document, &path, &scalar)
}

/// The group that is meant: the given one, or the only one.
fn group<'a>(source: &Source, document: &'a Document, given: Option<&'a str>) -> Outcome<&'a str> {
    let groups = edit::groups(document);
    match (given, groups.as_slice()) {
        (Some(given), _) => Ok(given),
        (None, [only]) => Ok(only),
        (None, []) => Err(Failure::error(format!("{} has no geo group; nothing was changed", source.name))
            .hint("add managed_redis_geo_replication_config; envs/dev.tfvars shows how")),
        (None, _) => Err(Failure::error(format!("{} has more than one geo group; nothing was changed", source.name))
            .hint(format!("say which one: --group {}", groups.join(" or --group ")))),
    }
}

/// What is found in the edited text and was not found before. Places move with the edits, so rules and words are compared.
fn new_findings(before: &str, after: &str) -> Vec<Diagnostic> {
    let known = tidelock_config::check(before).findings;
    let mut known: Vec<(RuleId, String)> =
        known.into_iter().map(|finding| (finding.rule.id, finding.message)).collect();
    let mut new = tidelock_config::check(after).findings;
    new.retain(|finding| {
        let same = |(rule, message): &(RuleId, String)| *rule == finding.rule.id && *message == finding.message;
        match known.iter().position(same) {
            Some(index) => {
                known.swap_remove(index);
                false
            }
            None => true,
        }
    });
    new
}
