//! A history as a file: one JSON document a line, so that anybody can compute the verdicts again. Times are nanoseconds
//! on the boot clock of the machine that the run was made on.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::io::{self, BufRead, Read as _, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidelock_model::{BootTime, Location};

use crate::history::{Audit, ClientId, ClientRole, DrillClient, History, Mark, Op, Outcome, Survivors, WriteId};
use crate::progress::MAX_OPS;
use crate::workload::{MAX_VALUE_SIZE, Workload};

/// The version of this format. A reader refuses any other.
pub const SCHEMA_VERSION: u32 = 1;

/// The longest line, in bytes.
pub const MAX_LINE: usize = 64 * 1024;

/// Ranges of write numbers in one line: keeps the line well below [`MAX_LINE`] whatever the numbers.
const RANGES_PER_LINE: usize = 1_000;

/// Audits in one history.
const MAX_AUDITS: usize = 1_000;

/// Why a history could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file could not be written.
    #[error("cannot write the history: {0}")]
    Write(#[source] io::Error),
    /// The file could not be read.
    #[error("cannot read line {line} of the history: {source}")]
    Read {
        /// Which line, from 1.
        line: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not what it should be.
    #[error("line {line} of the history is not valid: {reason}")]
    Invalid {
        /// Which line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// The file is of another version.
    #[error("the history has schema version {found}; this program reads {SCHEMA_VERSION}")]
    Schema {
        /// The file's version.
        found: u32,
    },
    /// The file's last line is missing, or lines in between are.
    #[error("the history is cut off: {0}")]
    CutOff(String),
}

/// The lines, by their `type`.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Line<'a> {
    History {
        schema_version: u32,
        run: Cow<'a, str>,
        value_size: usize,
    },
    Client {
        id: ClientId,
        role: ClientRole,
        region: Cow<'a, Location>,
    },
    Mark {
        name: Cow<'a, str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<Cow<'a, Location>>,
        at_ns: u64,
    },
    Op {
        client: ClientId,
        n: u64,
        sent_ns: u64,
        ended_ns: u64,
        outcome: Outcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<Cow<'a, str>>,
    },
    /// What the lines `found` after it belong to.
    Audit {
        name: Cow<'a, str>,
        at_ns: u64,
    },
    /// Writes of one client that were found: ranges of their numbers, both ends included.
    Found {
        client: ClientId,
        altered: bool,
        ranges: Vec<(u64, u64)>,
    },
    /// The last line: what has gone before.
    End {
        ops: usize,
        marks: usize,
        audits: usize,
    },
}

impl History {
    /// Writes the history as NDJSON.
    ///
    /// # Errors
    /// [`HistoryError::Write`].
    pub fn write_to(&self, out: impl Write) -> Result<(), HistoryError> {
        self.write_lines(out).map_err(HistoryError::Write)
    }

    fn write_lines(&self, out: impl Write) -> io::Result<()> {
        let mut out = io::BufWriter::new(out);
        let Workload { run, value_size } = &self.workload;
        let head = Line::History { schema_version: SCHEMA_VERSION, run: run.into(), value_size: *value_size };
        write_line(&mut out, &head)?;
        for client in &self.clients {
            let region = Cow::Borrowed(&client.location);
            write_line(&mut out, &Line::Client { id: client.id, role: client.role, region })?;
        }
        for mark in &self.marks {
            let region = mark.location.as_ref().map(Cow::Borrowed);
            let name = (&mark.name).into();
            write_line(&mut out, &Line::Mark { name, region, at_ns: mark.at.as_nanos() })?;
        }
        for op in &self.ops {
            write_line(&mut out, &op_line(op))?;
        }
        for audit in &self.audits {
            write_line(&mut out, &Line::Audit { name: (&audit.name).into(), at_ns: audit.at.as_nanos() })?;
            write_found(&mut out, &audit.survivors.present, false)?;
            write_found(&mut out, &audit.survivors.altered, true)?;
        }
        let end = Line::End { ops: self.ops.len(), marks: self.marks.len(), audits: self.audits.len() };
        write_line(&mut out, &end)?;
        out.flush()
    }

    /// Reads a history back.
    ///
    /// # Errors
    /// [`HistoryError`], with the line: also for a file that is cut off, or larger than a run can be.
    pub fn read_from(input: impl BufRead) -> Result<Self, HistoryError> {
        let mut reader = Reader { input, line: 0, text: Vec::new() };
        let mut history = reader.head()?;
        loop {
            let Some(line) = reader.next()? else {
                return Err(HistoryError::CutOff(format!("it ends after line {} without a line \"end\"", reader.line)));
            };
            if let Line::End { ops, marks, audits } = line {
                let (given, found) =
                    ((ops, marks, audits), (history.ops.len(), history.marks.len(), history.audits.len()));
                if given != found {
                    return Err(HistoryError::CutOff(format!(
                        "its last line speaks of {given:?} operations, marks and audits; there are {found:?}"
                    )));
                }
                return Ok(history);
            }
            let at = reader.line;
            history.add(line).map_err(|reason| HistoryError::Invalid { line: at, reason })?;
        }
    }

    fn add(&mut self, line: Line<'_>) -> Result<(), String> {
        match line {
            Line::History { .. } | Line::End { .. } => return Err("a second first line".to_owned()),
            Line::Client { id, role, region } => {
                if usize::try_from(id) != Ok(self.clients.len()) {
                    return Err(format!("client {id} is out of order"));
                }
                self.clients.push(DrillClient { id, role, location: region.into_owned() });
            }
            Line::Mark { name, region, at_ns } => self.marks.push(Mark {
                name: name.into_owned(),
                location: region.map(Cow::into_owned),
                at: BootTime::from_nanos(at_ns),
            }),
            Line::Op { client, n, sent_ns, ended_ns, outcome, text } => {
                self.known(client)?;
                if self.ops.len() >= MAX_OPS {
                    return Err(format!("more than {MAX_OPS} operations"));
                }
                if ended_ns < sent_ns {
                    return Err("the operation ended before it was sent".to_owned());
                }
                self.ops.push(Op {
                    client,
                    number: n,
                    sent: BootTime::from_nanos(sent_ns),
                    ended: BootTime::from_nanos(ended_ns),
                    outcome,
                    text: text.map(|text| text.into_owned().into_boxed_str()),
                });
            }
            Line::Audit { name, at_ns } => {
                if self.audits.len() >= MAX_AUDITS {
                    return Err(format!("more than {MAX_AUDITS} audits"));
                }
                let at = BootTime::from_nanos(at_ns);
                self.audits.push(Audit { name: name.into_owned(), at, survivors: Survivors::default() });
            }
            Line::Found { client, altered, ranges } => {
                self.known(client)?;
                let audit = self.audits.last_mut().ok_or("\"found\" before any audit")?;
                let set = if altered { &mut audit.survivors.altered } else { &mut audit.survivors.present };
                add_ranges(set, client, &ranges)?;
            }
        }
        Ok(())
    }

    fn known(&self, client: ClientId) -> Result<(), String> {
        self.client(client).map(|_| ()).ok_or_else(|| format!("client {client} is not among the clients above"))
    }
}

fn op_line(op: &Op) -> Line<'_> {
    Line::Op {
        client: op.client,
        n: op.number,
        sent_ns: op.sent.as_nanos(),
        ended_ns: op.ended.as_nanos(),
        outcome: op.outcome,
        text: op.text.as_deref().map(Cow::Borrowed),
    }
}

fn write_line(out: &mut impl Write, line: &Line<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

fn write_found(out: &mut impl Write, writes: &HashSet<WriteId>, altered: bool) -> io::Result<()> {
    let mut by_client = BTreeMap::<ClientId, Vec<u64>>::new();
    for write in writes {
        by_client.entry(write.client).or_default().push(write.number);
    }
    for (client, mut numbers) in by_client {
        numbers.sort_unstable();
        for ranges in ranges_of(&numbers).chunks(RANGES_PER_LINE) {
            write_line(out, &Line::Found { client, altered, ranges: ranges.to_vec() })?;
        }
    }
    Ok(())
}

fn ranges_of(sorted: &[u64]) -> Vec<(u64, u64)> {
    let mut ranges = Vec::<(u64, u64)>::new();
    for number in sorted {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*number) => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    ranges
}

fn add_ranges(set: &mut HashSet<WriteId>, client: ClientId, ranges: &[(u64, u64)]) -> Result<(), String> {
    for (first, last) in ranges {
        // Checked before it is expanded: one short line could otherwise ask for any amount of memory.
        let count = last.checked_sub(*first).and_then(|span| usize::try_from(span).ok());
        if count.is_none_or(|count| count >= MAX_OPS.saturating_sub(set.len())) {
            return Err(format!("the range {first} to {last} is reversed or larger than a run can be"));
        }
        set.extend((*first..=*last).map(|number| WriteId { client, number }));
    }
    Ok(())
}

struct Reader<R> {
    input: R,
    line: u64,
    text: Vec<u8>,
}

impl<R: BufRead> Reader<R> {
    fn head(&mut self) -> Result<History, HistoryError> {
        /// Read alone first: a later version may have changed everything else.
        #[derive(Deserialize)]
        struct Version {
            schema_version: u32,
        }
        if !self.fill()? {
            return Err(HistoryError::CutOff("it is empty".to_owned()));
        }
        let Version { schema_version } = self.parse()?;
        if schema_version != SCHEMA_VERSION {
            return Err(HistoryError::Schema { found: schema_version });
        }
        let Line::History { run, value_size, .. } = self.parse()? else {
            return Err(self.invalid(&"the first line must be of type \"history\""));
        };
        if value_size > MAX_VALUE_SIZE {
            return Err(self.invalid(&"the value size is larger than a run can have"));
        }
        let workload = Workload { run: run.into_owned(), value_size };
        Ok(History { workload, clients: Vec::new(), ops: Vec::new(), marks: Vec::new(), audits: Vec::new() })
    }

    fn next(&mut self) -> Result<Option<Line<'static>>, HistoryError> {
        if self.fill()? { self.parse().map(Some) } else { Ok(None) }
    }

    /// Reads the next line into `text`; false at the end of the input.
    fn fill(&mut self) -> Result<bool, HistoryError> {
        self.text.clear();
        self.line += 1;
        let limit = MAX_LINE as u64 + 1;
        let read = (&mut self.input).take(limit).read_until(b'\n', &mut self.text);
        let read = read.map_err(|source| HistoryError::Read { line: self.line, source })?;
        if read > MAX_LINE {
            return Err(self.invalid(&"it is longer than a line can be"));
        }
        Ok(read > 0)
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, HistoryError> {
        serde_json::from_slice(&self.text).map_err(|error| self.invalid(&error))
    }

    fn invalid(&self, reason: &impl ToString) -> HistoryError {
        HistoryError::Invalid { line: self.line, reason: reason.to_string() }
    }
}
