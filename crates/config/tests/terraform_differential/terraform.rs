//! Real Terraform as a reader of tfvars files: many files in few runs, with the verdict on each and what it read.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// What Terraform says of a file.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// It refuses it, in these words.
    Refused(String),
    /// It reads it as these variables.
    Accepted(BTreeMap<String, Value>),
}

/// A file and the variables that are declared for it. No two files share one: a value that a later file overrides is
/// never looked at.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    pub(crate) variables: BTreeSet<String>,
    /// Whether what was read is wanted, or only the verdict.
    pub(crate) values: bool,
}

/// Terraform reports what it cannot parse, then what it cannot evaluate; a few more rounds mean that something else is
/// wrong.
const MAX_ROUNDS: usize = 6;

/// Variables of a run that Terraform writes as something that is not JSON.
const MAX_UNREADABLE: usize = 5;

/// The program: `TIDELOCK_TERRAFORM`, or the one on the path.
#[derive(Debug)]
pub(crate) struct Terraform {
    program: OsString,
}

impl Terraform {
    /// Finds it, or says that the test is skipped.
    pub(crate) fn find() -> Option<Self> {
        let program = std::env::var_os("TIDELOCK_TERRAFORM").unwrap_or_else(|| "terraform".into());
        let found = Command::new(&program).arg("version").env("CHECKPOINT_DISABLE", "1").output();
        if found.is_ok_and(|output| output.status.success()) {
            return Some(Self { program });
        }
        eprintln!("SKIPPED: there is no terraform on this machine, so nothing was compared with it");
        None
    }

    /// The verdict on each of the files.
    pub(crate) fn read(&self, files: &[File]) -> Vec<Verdict> {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        for (index, file) in files.iter().enumerate() {
            fs::write(directory.join(file_name(index)), &file.bytes).unwrap();
        }
        let names: BTreeSet<&String> = files.iter().flat_map(|file| &file.variables).collect();
        let declared: String =
            names.iter().map(|name| format!("variable \"{name}\" {{\n  type = any\n  default = null\n}}\n")).collect();
        fs::write(directory.join("main.tf"), declared).unwrap();

        let mut refused: BTreeMap<usize, String> = BTreeMap::new();
        for round in 0.. {
            assert!(round < MAX_ROUNDS, "still refused: {refused:?}");
            let found = self.refused(directory, (0..files.len()).filter(|index| !refused.contains_key(index)));
            if found.is_empty() {
                break;
            }
            refused.extend(found);
        }
        let accepted: Vec<usize> =
            (0..files.len()).filter(|index| files[*index].values && !refused.contains_key(index)).collect();
        let mut read = self.values(directory, files, &accepted);
        let verdict = |(index, file): (usize, &File)| match refused.remove(&index) {
            Some(why) => Verdict::Refused(why),
            None => Verdict::Accepted(
                file.variables.iter().filter_map(|name| read.remove(name).map(|value| (name.clone(), value))).collect(),
            ),
        };
        files.iter().enumerate().map(verdict).collect()
    }

    /// Those of the files that a run complains of.
    fn refused(&self, directory: &Path, files: impl Iterator<Item = usize>) -> BTreeMap<usize, String> {
        let mut plan = self.command(directory, &["plan", "-json", "-input=false", "-lock=false"]);
        let output = plan.args(files.map(option)).output().unwrap();
        let mut refused = BTreeMap::new();
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let Ok(message) = serde_json::from_str::<Value>(line) else { panic!("not a message: {line}") };
            let diagnostic = &message["diagnostic"];
            if diagnostic["severity"] != "error" {
                continue;
            }
            let file = diagnostic["range"]["filename"].as_str().or_else(|| named_in(diagnostic["detail"].as_str()?));
            let index = file.and_then(|file| file.strip_prefix('d')?.strip_suffix(".tfvars")?.parse().ok());
            let Some(index) = index else { panic!("not about one of the files: {diagnostic}") };
            refused.entry(index).or_insert_with(|| format!("{}: {}", diagnostic["summary"], diagnostic["detail"]));
        }
        refused
    }

    /// What was read of files that are known to be accepted.
    fn values(&self, directory: &Path, files: &[File], accepted: &[usize]) -> BTreeMap<String, Value> {
        let names = accepted.iter().flat_map(|index| &files[*index].variables);
        let all: String = names.map(|name| format!("    \"{name}\" = jsonencode(var.{name})\n")).collect();
        // As base64, since the console writes strings in its own way.
        let locals = format!("locals {{\n  read = base64encode(jsonencode({{\n{all}  }}))\n}}\n");
        fs::write(directory.join("read.tf"), locals).unwrap();
        let mut console = self
            .command(directory, &["console"])
            .args(accepted.iter().copied().map(option))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        console.stdin.take().unwrap().write_all(b"local.read\n").unwrap();
        let output = console.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // Warnings of what is not declared come first.
        let answer = String::from_utf8(output.stdout).unwrap();
        let answer = answer.lines().rfind(|line| !line.is_empty()).unwrap().trim_matches('"');
        let answer = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, answer).unwrap();
        let texts: BTreeMap<String, String> = serde_json::from_slice(&answer).unwrap();
        let (mut values, mut unreadable) = (BTreeMap::new(), 0);
        for (name, text) in texts {
            match serde_json::from_str(&text) {
                Ok(value) => drop(values.insert(name, value)),
                // It writes control characters in keys as `\x01`, and joins a combining sign to the `n` of a `\n` before it.
                Err(err) => {
                    eprintln!("not compared, since Terraform's JSON of it is none ({err}): {text}");
                    unreadable += 1;
                }
            }
        }
        assert!(unreadable <= MAX_UNREADABLE, "{unreadable} variables were not compared");
        values
    }

    fn command(&self, directory: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(directory).env("CHECKPOINT_DISABLE", "1").env("TF_IN_AUTOMATION", "1");
        command
    }
}

fn file_name(index: usize) -> PathBuf {
    format!("d{index}.tfvars").into()
}

fn option(index: usize) -> String {
    format!("-var-file=d{index}.tfvars")
}

/// The file that is spoken of in words only, as where it is not UTF-8.
fn named_in(detail: &str) -> Option<&str> {
    detail.split(['"', ' ', ':']).find(|word| word.ends_with(".tfvars"))
}
