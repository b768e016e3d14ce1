//! The keys and values of a run: unique, and computable again from the history alone.

use std::fmt::Write as _;

use crate::history::WriteId;

/// The smallest value, in bytes: room for what identifies a write, and its checksum.
pub const MIN_VALUE_SIZE: usize = 64;

/// The largest value, in bytes.
pub const MAX_VALUE_SIZE: usize = 1024 * 1024;

/// What a run writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The run's name: part of every key, so that runs never meet. At most 24 characters of `a-z0-9`.
    pub run: String,
    /// The size of every value, in bytes, from [`MIN_VALUE_SIZE`] to [`MAX_VALUE_SIZE`].
    pub value_size: usize,
}

impl Workload {
    /// The key of a write. No other write of any run has it.
    #[must_use]
    pub fn key(&self, write: WriteId) -> String {
        format!("drill:{}:{}:{}", self.run, write.client, write.number)
    }

    /// The key of the `number`th value that readers read. It is written once, before the load starts.
    #[must_use]
    pub fn read_key(&self, number: u64) -> String {
        format!("drill:{}:read:{number}", self.run)
    }

    /// The value of a write: who wrote it, a checksum, and filling.
    #[must_use]
    pub fn value(&self, write: WriteId) -> Vec<u8> {
        self.filled(format!("{}:{}", write.client, write.number))
    }

    /// The value under [`Self::read_key`].
    #[must_use]
    pub fn read_value(&self, number: u64) -> Vec<u8> {
        self.filled(format!("read:{number}"))
    }

    fn filled(&self, mut text: String) -> Vec<u8> {
        let checksum = fnv1a(&[self.run.as_bytes(), b":", text.as_bytes()]);
        // Writing to a String cannot fail.
        let _ = write!(text, ":{checksum:016x}:");
        let mut value = text.into_bytes();
        value.resize(self.value_size.max(value.len()), b'.');
        value
    }
}

fn fnv1a(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.iter());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_write_has_its_own_key_and_value_of_the_wanted_size() {
        let workload = Workload { run: "abc".to_owned(), value_size: 100 };
        let one = WriteId { client: 1, number: 11 };
        let other = WriteId { client: 11, number: 1 };
        assert_ne!(workload.key(one), workload.key(other));
        assert_ne!(workload.value(one), workload.value(other));
        let value = workload.value(one);
        assert_eq!(value.len(), 100);
        let another_run = Workload { run: "abd".to_owned(), ..workload };
        assert_ne!(value, another_run.value(one));
    }

    #[test]
    fn the_longest_identity_fits_the_smallest_value() {
        let workload = Workload { run: "a".repeat(24), value_size: MIN_VALUE_SIZE };
        let longest = WriteId { client: u32::MAX, number: u64::MAX };
        assert_eq!(workload.value(longest).len(), MIN_VALUE_SIZE);
    }
}
