//! Files in every spelling of the language, and files that are nearly right; the same on every run.

/// Numbers from a seed (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(limit).unwrap()).unwrap()
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len())]
    }

    fn some(&mut self, from: &[&'static str], most: usize) -> String {
        (0..self.below(most + 1)).map(|_| self.pick(from)).collect()
    }
}

const SPACES: &[&str] = &["", "", " ", "\t", "   ", " /* c */ ", "/**/"];
const LINE_ENDS: &[&str] =
    &["\n", "\n", "\n\n", " # c\n", " // c = {\n", "/* c */\n", "\n/* x\n \" */\n", "\n#\n  \n", "#\n"];
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "42",
    "007",
    "-1",
    "- 7",
    "-0",
    "3.25",
    "0.10",
    "00.5",
    "1e3",
    "1E3",
    "1e+3",
    "2.5e-3",
    "-1.5E-7",
    "9007199254740993",
    "9223372036854775808",
    "-123456789012345678901234567890",
    "0.1",
    "1e21",
    "3.0",
];
const TEXT: &[&str] = &[
    "a",
    "b c",
    "é",
    "😀",
    "#",
    "//",
    "/* ",
    "<<E",
    "$",
    "$$",
    "%",
    "%%",
    "{",
    "}",
    "$${",
    "%%{",
    "$$${x}",
    "$ {",
    "\\n",
    "\\t",
    "\\r",
    "\\\"",
    "\\\\",
    "\\u00e9",
    "\\u0041",
    "\\U0001F600",
    "\\u0000",
    "\\u2028",
    "'",
    "=",
    ",",
    "\t",
    "\u{feff}",
    "\u{202e}",
    "\u{85}",
    "\u{2028}",
    "\u{1}",
];
const KEYS: &[&str] = &[
    "a",
    "b_c",
    "d-e",
    "F",
    "_g",
    "é",
    "true",
    "null",
    "forty",
    "k1",
    "\"q\"",
    "\"q r\"",
    "\"x.y\"",
    "\"\"",
    "\"\\u0041\"",
    "\"$${z}\"",
    "3",
    "0",
    "3.5",
    "if",
    "\"true\"",
];
const HEREDOC_LINES: &[&str] = &[
    "", " ", "  ", "    ", "a", "  b", "    c", "\td", " \te", "\"", "\\n", "$${x}", "%%{x}", "$", "# c", "E x", "EE",
    "-E", "é", "  é \t", "\u{a0}n", "}",
];

/// A file whose variables begin with `prefix`.
pub(crate) fn document(random: &mut Random, prefix: &str) -> String {
    let mut text = String::new();
    if random.one_in(5) {
        text.push_str("# head\n\n");
    }
    for index in 0..1 + random.below(5) {
        let (before, behind) = (random.pick(SPACES), random.pick(SPACES));
        let value = value(random, 0);
        let end = if ends_its_line(&value) { "\n" } else { random.pick(LINE_ENDS) };
        text.push_str(&format!("{}{prefix}v{index}{before}={behind}{value}{end}", random.pick(&["", "", "  "])));
    }
    if random.one_in(4) && !text.trim_end().ends_with(['E', '/']) {
        text.truncate(text.trim_end().len());
    }
    if random.one_in(4) {
        text = text.replace('\n', "\r\n");
    }
    if random.one_in(6) {
        text.insert(0, '\u{feff}');
    }
    text
}

/// Behind a heredoc's marker nothing else stands on the line.
fn ends_its_line(value: &str) -> bool {
    value.starts_with("<<")
}

fn value(random: &mut Random, depth: usize) -> String {
    match random.below(if depth < 4 { 14 } else { 10 }) {
        0 => "null".to_owned(),
        1 => random.pick(&["true", "false"]).to_owned(),
        2..=4 => random.pick(NUMBERS).to_owned(),
        5..=8 => format!("\"{}\"", string(random)),
        9 => heredoc(random),
        10 | 11 => list(random, depth + 1),
        _ => object(random, depth + 1),
    }
}

/// Text between quotes. A sign before a brace would open a template.
fn string(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..random.below(6) {
        let piece = random.pick(TEXT);
        if piece.starts_with('{') && text.ends_with(['$', '%']) {
            continue;
        }
        text.push_str(piece);
    }
    text
}

fn heredoc(random: &mut Random) -> String {
    let lines: String = (0..random.below(5)).map(|_| format!("{}\n", random.pick(HEREDOC_LINES))).collect();
    format!("<<{}E\n{lines}{}E", random.pick(&["", "-"]), random.pick(&["", "  ", "\t"]))
}

fn list(random: &mut Random, depth: usize) -> String {
    let count = random.below(4);
    let mut text = String::from("[");
    for index in 0..count {
        text.push_str(&random.some(&["\n", " ", "# c\n", "/* c */"], 2));
        let value = value(random, depth);
        text.push_str(&value);
        if ends_its_line(&value) {
            text.push('\n');
        }
        text.push_str(&random.some(&["\n", " ", "# c\n"], 2));
        if index + 1 < count || random.one_in(3) {
            text.push(',');
        }
    }
    text + &random.some(&["\n", " ", "// c\n"], 1) + "]"
}

fn object(random: &mut Random, depth: usize) -> String {
    let count = random.below(5);
    let mut text = format!("{{{}", random.some(&["\n", " ", "# c\n", "\n\n"], 2));
    for index in 0..count {
        let value = value(random, depth);
        let (before, behind) = (random.pick(SPACES), random.pick(SPACES));
        text.push_str(&format!("{}{before}{}{behind}{value}", random.pick(KEYS), random.pick(&["=", ":"])));
        let last = index + 1 == count;
        text.push_str(match ends_its_line(&value) {
            true => "\n",
            false if last => random.pick(&["", "\n", ",", ",\n", " # c\n", " , # c\n"]),
            false => random.pick(&[", ", ",", "\n", ",\n", "\n\n  ", " # c\n", ", // c\n", " /* c\n */ \n"]),
        });
    }
    text + "}"
}

const WORDS: &[&str] = &[
    ",", "=", ":", "\n", "{", "}", "[", "]", "\"", "(", ")", "-", "1", "x", "true", "null", "\"s\"", "/*", "*/", "#",
    "//", "<<E\n", "E\n", "${", "%{", "$", "\\", ".", "\r", "\r\n", "\u{0}", "é", "\u{34f}", "\u{a0}", "\u{feff}", " ",
    "for ", "1e5", "0x", "=>", "?", "!", "'", ";", "\u{2028}", "...", "==", "_", "a b",
];

/// The text with one word taken out, put in, doubled or replaced.
pub(crate) fn mutated(random: &mut Random, text: &str) -> String {
    let words = words(text);
    let at = random.below(words.len());
    let mut changed: Vec<&str> = words.clone();
    match random.below(5) {
        0 | 1 => {
            changed.remove(at);
        }
        2 => changed.insert(at, random.pick(WORDS)),
        3 => changed.insert(at, words[at]),
        _ => changed[at] = random.pick(WORDS),
    }
    changed.concat()
}

/// Cuts a text into runs of letters, runs of blanks, and single signs.
fn words(text: &str) -> Vec<&str> {
    let class = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' => 0,
        ' ' | '\t' => 1,
        _ => 2,
    };
    let mut words = Vec::new();
    let mut start = 0;
    let mut previous = None;
    for (at, character) in text.char_indices() {
        let class = class(character);
        if at > start && (class == 2 || previous != Some(class)) {
            words.push(&text[start..at]);
            start = at;
        }
        previous = Some(class);
    }
    words.push(&text[start..]);
    words
}
