//! Any bytes through the reader.

#![no_main]

// The same that the ordinary tests run on the corpus.
#[path = "../../crates/config/tests/corpus/properties/mod.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::parse(bytes));
