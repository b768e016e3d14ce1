//! A saved tail, command by command, for people. The values may be applications' secrets: whoever prints this prints them.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use bytes::BytesMut;
use tidelock_resp::{Command, MAX_ARGS, ProtocolError, RequestDecoder, RequestLimits};

use super::keys::{self, Origin};
use super::manifest::Manifest;
use super::record::{Record, parse_record};

/// What is read from the file at once, in bytes.
const READ_SIZE: usize = 256 * 1024;
/// Redis's own limit on one argument (`proto-max-bulk-len`), in bytes.
const MAX_BULK: usize = 512 * 1024 * 1024;
/// The longest command that is taken apart, in bytes: it is held in memory.
const MAX_COMMAND: usize = 1024 * 1024 * 1024;
/// So many arguments of a command are kept for showing.
const SHOWN_ARGUMENTS: usize = 32;
/// So many bytes of an argument are kept for showing.
const SHOWN_BYTES: usize = 128;

/// Why a saved tail cannot be listed any further.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// The file.
    #[error("cannot read {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// What it holds is not a stream of commands.
    #[error("{path} is not readable from its byte {position} on: {reason}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Where in the file, in bytes.
        position: u64,
        /// What was wrong.
        reason: ProtocolError,
    },
    /// The listing's own file.
    #[error(transparent)]
    Text(#[from] super::SalvageError),
    /// It ends within a command.
    #[error("{path} ends within a command that begins at its byte {position}")]
    CutOff {
        /// Which file.
        path: PathBuf,
        /// Where in the file, in bytes.
        position: u64,
    },
}

/// One argument, as far as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its first bytes.
    pub shown: Vec<u8>,
    /// Its true length, in bytes.
    pub length: usize,
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.shown.escape_ascii())?;
        if self.length > self.shown.len() { write!(f, "... ({} bytes)", self.length) } else { Ok(()) }
    }
}

/// One command of the tail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where its first byte is in the replication history; counted from 0 if the file's manifest is missing.
    pub offset: u64,
    /// The newest record of epoch and time before it; none before the first one.
    pub since: Option<Record>,
    /// The database.
    pub database: u64,
    /// Which transaction it belongs to, counted from 1: MULTI, EXEC and what is between.
    pub transaction: Option<u64>,
    /// Whose doing it is.
    pub origin: Origin,
    /// Its name and arguments, cut where they are long.
    pub arguments: Vec<Argument>,
    /// How many arguments it has, its name included.
    pub argument_count: usize,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12}  ", self.offset)?;
        match self.since {
            Some(record) => write!(f, "epoch {} since {}", record.epoch, utc(record.unix_ms))?,
            None => f.write_str("before the first record of time")?,
        }
        write!(f, "  db {}", self.database)?;
        if let Some(number) = self.transaction {
            write!(f, "  transaction {number}")?;
        }
        f.write_str("  ")?;
        for (index, argument) in self.arguments.iter().enumerate() {
            write!(f, "{}{argument}", if index == 0 { "" } else { " " })?;
        }
        match self.argument_count.saturating_sub(self.arguments.len()) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// The commands of a saved tail, in order. After an error there are none.
///
/// # Errors
/// If the file cannot be opened.
pub fn listing(path: &Path) -> Result<impl Iterator<Item = Result<Entry, ListingError>> + use<>, ListingError> {
    let start = Manifest::read(path).ok().flatten().map_or(0, |manifest| manifest.from_offset);
    let commands = Commands::open(path)?;
    Ok(commands.map(move |next| next.map(|seen| entry(&seen, start))))
}

/// Writes the listing, one line for each command of applications, and the transactions they are in; at most `most` lines,
/// and one that says so if there are more.
///
/// # Errors
/// If the file cannot be read, or the text not written ([`ListingError::File`] with the tail's path).
pub fn write_listing(path: &Path, most: usize, out: &mut dyn Write) -> Result<(), ListingError> {
    let fail = |source| ListingError::File { path: path.to_owned(), source };
    let mut left = most;
    for entry in listing(path)? {
        let entry = entry?;
        if entry.origin != Origin::Application && entry.transaction.is_none() {
            continue;
        }
        if left == 0 {
            writeln!(out, "... only the first {most} commands are listed; all of them are in {}", path.display())
                .map_err(fail)?;
            break;
        }
        writeln!(out, "{entry}").map_err(fail)?;
        left -= 1;
    }
    out.flush().map_err(fail)
}

fn entry(seen: &Seen, start: u64) -> Entry {
    let shown = |argument: &[u8]| Argument {
        shown: argument.iter().take(SHOWN_BYTES).copied().collect(),
        length: argument.len(),
    };
    Entry {
        offset: start.saturating_add(seen.position),
        since: seen.since,
        database: seen.database,
        transaction: seen.transaction,
        origin: keys::origin(&seen.command),
        arguments: seen.command.args().take(SHOWN_ARGUMENTS).map(shown).collect(),
        argument_count: seen.command.len(),
    }
}

/// A command and what came before it.
pub(super) struct Seen {
    /// Of its first byte, in the file.
    pub(super) position: u64,
    pub(super) since: Option<Record>,
    pub(super) database: u64,
    pub(super) transaction: Option<u64>,
    pub(super) command: Command,
    /// What it says, if it is a record.
    pub(super) record: Option<Record>,
}

/// The whole commands of a file.
pub(super) struct Commands {
    path: PathBuf,
    file: File,
    decoder: RequestDecoder,
    buffer: BytesMut,
    position: u64,
    since: Option<Record>,
    database: u64,
    transactions: u64,
    in_transaction: bool,
    ended: bool,
}

impl Commands {
    pub(super) fn open(path: &Path) -> Result<Self, ListingError> {
        let file = File::open(path).map_err(|source| ListingError::File { path: path.to_owned(), source })?;
        Ok(Self {
            path: path.to_owned(),
            file,
            decoder: RequestDecoder::default(),
            buffer: BytesMut::new(),
            position: 0,
            since: None,
            // The stream says SELECT only when the database changes, and groups use database 0 only.
            database: 0,
            transactions: 0,
            in_transaction: false,
            ended: false,
        })
    }

    fn advance(&mut self) -> Result<Option<Seen>, ListingError> {
        const LIMITS: RequestLimits =
            RequestLimits { max_bulk: MAX_BULK, max_request: MAX_COMMAND, max_args: MAX_ARGS };
        loop {
            let before = self.buffer.len();
            let unreadable =
                |reason| ListingError::Unreadable { path: self.path.clone(), position: self.position, reason };
            if let Some(first) = self.buffer.first().filter(|first| **first != b'*') {
                return Err(unreadable(ProtocolError::UnknownType(*first)));
            }
            let decoded = self.decoder.decode(&mut self.buffer, &LIMITS).map_err(unreadable)?;
            if let Some(command) = decoded {
                let position = self.position;
                self.position += (before - self.buffer.len()) as u64;
                return Ok(Some(self.see(command, position)));
            }
            if !self.fill()? {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => Err(ListingError::CutOff { path: self.path.clone(), position: self.position }),
                };
            }
        }
    }

    /// False at the file's end.
    fn fill(&mut self) -> Result<bool, ListingError> {
        let fail = |source| ListingError::File { path: self.path.clone(), source };
        let room = self.decoder.missing().max(READ_SIZE) as u64;
        let mut bytes = Vec::new();
        let read = (&self.file).take(room).read_to_end(&mut bytes).map_err(fail)?;
        self.buffer.extend_from_slice(&bytes);
        Ok(read > 0)
    }

    fn see(&mut self, command: Command, position: u64) -> Seen {
        if command.is("MULTI") {
            self.in_transaction = true;
            self.transactions += 1;
        }
        let transaction = self.in_transaction.then_some(self.transactions);
        if command.is("EXEC") {
            self.in_transaction = false;
        }
        if command.is("SELECT") {
            let number =
                command.arg(1).and_then(|word| std::str::from_utf8(word).ok()).and_then(|word| word.parse().ok());
            self.database = number.unwrap_or(self.database);
        }
        let (since, record) = (self.since, parse_record(&command));
        self.since = record.or(since);
        Seen { position, since, database: self.database, transaction, command, record }
    }
}

impl Iterator for Commands {
    type Item = Result<Seen, ListingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.advance().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

const MS_PER_DAY: u64 = 86_400_000;

/// Milliseconds since 1970 as `2026-11-22T20:54:00.123Z`.
fn utc(unix_ms: u64) -> String {
    let (year, month, day) = date(unix_ms / MS_PER_DAY);
    let seconds = unix_ms % MS_PER_DAY / 1000;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", unix_ms % 1000)
}

/// The civil date of a day since 1970, by counting in eras of 400 years that begin in March.
const fn date(days: u64) -> (u64, u64, u64) {
    // From the first of March of the year 0. Bounded, as a forged record may claim any moment.
    let days = days % (146_097 * 25) + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use tidelock_model::Epoch;

    use super::super::record::record_command;
    use super::*;

    fn file_of(commands: &[Vec<String>]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes: Vec<u8> = commands.iter().flat_map(|words| Command::from_args(words).raw().to_vec()).collect();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_tail_is_listed_with_times_transactions_and_true_lengths() {
        let long = vec!["SET".to_owned(), "k\n".to_owned(), "v".repeat(1000)];
        let file = file_of(&[
            words("SET early 1"),
            record_command(Epoch(3), 951_782_400_123),
            words("MULTI"),
            words("SET a 1"),
            words("EXEC"),
            words("SELECT 2"),
            long,
        ]);
        let mut out = Vec::new();
        write_listing(file.path(), 5, &mut out).unwrap();
        let expected = format!(
            "           0  before the first record of time  db 0  \"SET\" \"early\" \"1\"\n\
             \u{20}         91  epoch 3 since 2000-02-29T00:00:00.123Z  db 0  transaction 1  \"MULTI\"\n\
             \u{20}        106  epoch 3 since 2000-02-29T00:00:00.123Z  db 0  transaction 1  \"SET\" \"a\" \"1\"\n\
             \u{20}        133  epoch 3 since 2000-02-29T00:00:00.123Z  db 0  transaction 1  \"EXEC\"\n\
             \u{20}        170  epoch 3 since 2000-02-29T00:00:00.123Z  db 2  \"SET\" \"k\\n\" \"{}\"... (1000 bytes)\n",
            "v".repeat(SHOWN_BYTES)
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        let mut out = Vec::new();
        write_listing(file.path(), 1, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().count() == 2 && text.contains("... only the first 1 commands are listed"), "{text}");
    }

    #[test]
    fn a_file_that_is_cut_off_or_foreign_is_listed_until_there() {
        let file = file_of(&[words("SET a 1"), words("SET b 2")]);
        let whole = std::fs::read(file.path()).unwrap();
        std::fs::write(file.path(), &whole[..whole.len() - 1]).unwrap();
        let mut listed = listing(file.path()).unwrap();
        assert!(listed.next().unwrap().is_ok());
        assert!(matches!(listed.next(), Some(Err(ListingError::CutOff { position: 27, .. }))));
        assert!(listed.next().is_none());
        std::fs::write(file.path(), "REDIS0010").unwrap();
        assert!(matches!(listing(file.path()).unwrap().next(), Some(Err(ListingError::Unreadable { .. }))));
    }

    #[test]
    fn any_moment_can_be_printed() {
        assert_eq!(utc(0), "1970-01-01T00:00:00.000Z");
        assert!(utc(u64::MAX).ends_with('Z'));
    }
}
