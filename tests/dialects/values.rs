//! Values that break readers: by hand, each for a reason, and generated out of the same pieces.
//!
//! What a shell could be made to run writes a file into the directory that it is in (`touch pwned`).

/// Text.
#[rustfmt::skip]
const TEXTS: &[&str] = &[
    // Nothing, and next to nothing.
    "", " ", "  ", "\t", "\n", "\n\n", "\r", "\r\n", "\u{b}", "\u{c}", "\u{1b}", "\u{7f}", "\u{1}", "\u{8}", "\u{1f}",
    "0", "false", "null", "~", "-", "--", "=", "==", "a=", "=a", "a=b", "a==b", "K=V", "export", "export X", "export X=1",
    // Quotes.
    "'", "\"", "`", "''", "\"\"", "``", "'a'", "\"a\"", "`a`", "'a", "a'", "\"a", "a\"", "`a", "a`", "a'b", "a\"b", "a`b",
    "it's", "it's \"so\"", "'a' 'b'", "'a'\"b\"", "\"'\"", "'\"'", "\"'", "'\"", "''''", "'\\''", "a'b'c", "\"\"\"", "'''",
    "'a' # b", "\"a\" # b", "a 'b' c", "a \"b\" c", "'; '", "`'\"", "it's `so`", "it's $5", "it's \\ so", "'\n'", "\"\n\"",
    // Backslashes.
    "\\", "\\\\", "\\\\\\", "a\\", "\\a", "a\\\\", "\\\\a", "a\\b", "a\\\\b", "a\\\\\\b", "\\n", "a\\nb", "\\\\n", "\\r", "\\t",
    "\\x41", "\\u0041", "\\101", "\\0", "\\0101", "\\0a", "\\'", "\\\"", "\\\\'", "\\\\\"", "\\\\\\'", "\\\\\\\"", "'\\", "\"\\",
    "'\\\\", "a\\'b", "a\\\"b", "\\$", "\\$X", "\\\\$X", "\\`", "\\ ", "a\\ b", "\\\n", "a\\\nb", "C:\\new\\table", "\\\\host\\share",
    "\\a\\b\\c\\f\\v\\e", "\\#", "a\\;b", "\\%", "\\!", "\\-", "'\\n'", "\"\\n\"", "\\r\\n", "\\\r", "\\\r\n", "a\\'", "it\\'s",
    // Dollars.
    "$", "$$", "$$$", "a$", "$a", "$ a", "$1", "$HOME", "a$HOME", "${HOME}", "${HOME}x", "${", "}", "${}", "${X", "$X}", "{$X}",
    "${X:-y}", "${X-y}", "${X:?y}", "${X:+y}", "$${HOME}", "\\${HOME}", "$\\{HOME}", "$'a\\nb'", "$\"a\"", "$*", "$@", "$?", "$!", "$-",
    "$2a$10$N9qo8uLOickgx2ZMRZoMye", "p$ssw0rd", "$K1", "${K1}", "$_", "$(", "$((", "$[1]", "${{ x }}", "it's ${HOME}", "\"${HOME}\"",
    // What would be run.
    "$(touch pwned)", "`touch pwned`", "; touch pwned", "& touch pwned", "&& touch pwned", "|| touch pwned", "| touch pwned",
    "\ntouch pwned", "\ntouch pwned\n", "a\n touch pwned", "'; touch pwned #", "'; touch pwned; '", "'$(touch pwned)'", "'`touch pwned`'",
    "\"; touch pwned #", "\"; touch pwned; \"", "\"$(touch pwned)\"", "\\'; touch pwned #", "\\\"; touch pwned #", "\\\\'; touch pwned #",
    "\\\\\"; touch pwned #", "$(touch pwned)'", "$(touch pwned)\"", "it's $(touch pwned)", "it's \"`touch pwned`\"", ">pwned", "a >pwned", "<(touch pwned)",
    "a; touch pwned", "a\r; touch pwned", "a\r\ntouch pwned", "${X:-$(touch pwned)}", "${X:-`touch pwned`}", "$[$(touch pwned)]", "(touch pwned)",
    "() { :; }; touch pwned", "x'$(touch pwned)'x", "\\`touch pwned\\`", "\\$(touch pwned)", "'\\''; touch pwned #", "'\"'; touch pwned #\"'",
    // What would be another variable.
    "a\nEVIL=1", "a\nEVIL=1\n", "\nEVIL=1", "'\nEVIL=1\n'", "\"\nEVIL=1\n\"", "a'\nEVIL='1", "a\"\nEVIL=\"1", "a\r\nEVIL=1", "a\rEVIL=1",
    "a EVIL=1", "a\u{85}EVIL=1", "a\u{2028}EVIL=1", "a\u{c}EVIL=1", "a\u{b}EVIL=1", "a\\\nEVIL=1", "it's\nEVIL=\"$X\"",
    // Comments.
    "#", "#a", " #a", "a#", "a#b", "a #", "a #b", "a # b", "a\t#b", "a\n#b", "a\n#b\nc", "a;b", ";a", "//a", "a\u{a0}#b",
    // White space at the edges and inside.
    " a", "a ", " a ", "\ta", "a\t", "\ta\t", "a b", "a  b", "a\tb", "\na", "a\n", "\na\n", "a\nb", "a\n\nb", "a\n b\n c", "a\rb", "\ra", "a\r",
    "a\r\nb", "a\r\n", "\r\na", "\u{a0}", "\u{a0}a", "a\u{a0}", "\u{2003}a\u{2003}", "\u{3000}", "\u{85}", "a\u{85}", "\u{2028}", "a\u{2029}", "\u{feff}",
    "\u{feff}a", "a\u{feff}", "\u{200b}", "a\u{200b}", "\u{180e}a", "\u{1680}", "\u{202f}a", "\u{205f}a", "\u{1c}a", "a\u{1d}", "\u{1e}", "a\u{1f}",
    // What shells, YAML, JSON and others find special.
    "*", "?", "[a]", "{a,b}", "{1..3}", "!", "!!", "!a", "~/x", "a:~/b", "~root", "a~", "%", "%i", "%%", "%n%t", "^", "^a", "@", "@a", "a@b:c/d", "&a", "*a", "<a>",
    "|", "a|b", "a&b", "a;b&c|d", "(a)", "a)b", "[[a]]", "- a", "a: b", "a:b", ": a", "{\"a\":\"b c\",\"d\":[1]}", "{a: b}", "[1, 2]", "{{ a }}", "{% a %}", "<%= a %>",
    "yes", "0x10", "1e3", "0777", "2024-01-01", "12:30:45", "!!str a", "? a", "---", "...", "postgres://u:p%40x@h:5432/d?sslmode=require&a=b",
    "-----BEGIN X-----\nMIIB+/=\n-----END X-----\n", "-----BEGIN X-----\r\nMIIB+/=\r\n-----END X-----\r\n", "a,b;c|d", "key=\"value\"; other='x'",
    // Not ASCII.
    "é", "e\u{301}", "ü ö", "日本語", "日本 語", "Привет", "עברית", "😀", "👩\u{200d}👩\u{200d}👧", "\u{10ffff}", "\u{fdd0}", "\u{fffe}", "\u{ffff}", "a\u{1fffe}b", "\u{fffd}", "\u{e000}",
    "\u{f600}", "\u{f6ff}", "\u{f8ff}", "\u{f700}", "\u{f000}", "\u{10fffd}", "\u{80}", "a\u{9f}", "\u{ad}", "ﬁ", "İ", "ß", "\u{202e}abc", "\u{300}", "ʼ", "‘a’", "“a”", "＄HOME", "＃a", "｀id｀",
];

/// Bytes that are no text.
const BYTES: &[&[u8]] = &[
    b"\xff",
    b"a\xffb",
    b"\xc3",
    b"\xc3'",
    b"\xe2\x82",
    b"\x80",
    b"\x81\x82\x88",
    b"\xfe\xff",
    b"\xed\xa0\x80",
    b"\xc0\x80",
    b"'\xff'",
    b"\xff\\",
    b"\xa0",
    b"\x85",
    b"$\xff",
    b"\xf0\x9f\x98",
    b"\0",
    b"a\0b",
    b"\0\0",
    b"\x88touch pwned",
    b"\x81'; touch pwned #",
];

/// What is written by hand: texts, bytes, and long ones.
pub fn by_hand() -> Vec<Vec<u8>> {
    let mut values: Vec<Vec<u8>> = TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect();
    values.extend(BYTES.iter().map(|bytes| bytes.to_vec()));
    values.push((0..=255).filter(|&byte| byte != 0).collect());
    values.push((1..128).collect());
    for length in [4096, 65_000, 65_531, 65_532, 65_533, 65_536, 70_000, 100_000] {
        values.push(vec![b'a'; length]);
        values.push([&vec![b'x'; length - 2], &b" '"[..]].concat());
    }
    values.push("a\n".repeat(5000).into_bytes());
    values.push("'\\\"$` ".repeat(2000).into_bytes());
    values
}

/// Pieces that values are generated of.
const PIECES: &[&str] = &[
    "a",
    "b",
    "K0",
    "HOME",
    "EVIL=1",
    "\nEVIL=1",
    "touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned",
    "\ntouch pwned\n",
    "pwned",
    ">",
    "'",
    "\"",
    "`",
    "'",
    "\"",
    "\\",
    "\\",
    "\\\\",
    "$",
    "$$",
    "${",
    "}",
    "${HOME}",
    "$HOME",
    "(",
    ")",
    "#",
    " #",
    " ",
    "  ",
    "\t",
    "\n",
    "\n",
    "\r",
    "\r\n",
    "=",
    ":",
    "~",
    "!",
    "*",
    "?",
    "[",
    "]",
    "{",
    "|",
    "&",
    ";",
    "<",
    "%",
    "^",
    "@",
    "+",
    ",",
    "-",
    ".",
    "/",
    "_",
    "0",
    "\\n",
    "\\r",
    "\\t",
    "\\0",
    "\\x41",
    "\\u00e9",
    "\\'",
    "\\\"",
    "\\$",
    "\\`",
    "\\\n",
    "'\\''",
    "'\"'\"'",
    "\u{1b}",
    "\u{7f}",
    "\u{1}",
    "\u{b}",
    "\u{c}",
    "\u{85}",
    "\u{a0}",
    "\u{feff}",
    "\u{2028}",
    "\u{2029}",
    "\u{3000}",
    "\u{200b}",
    "é",
    "日",
    "😀",
    "\u{fdd0}",
    "\u{ffff}",
    "\u{f600}",
    "\u{e000}",
    "export ",
    "-----BEGIN X-----\n",
];

/// Chance that can be repeated (splitmix64).
pub struct Chance(pub u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// Below `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// A value: mostly of pieces, some of any characters, a few of bytes.
    pub fn value(&mut self) -> Vec<u8> {
        let length = match self.below(10) {
            0 => self.below(2),
            1..=7 => 1 + self.below(6),
            _ => 1 + self.below(40),
        };
        match self.below(20) {
            0 => (0..length).map(|_| u8::try_from(self.below(256)).unwrap()).collect(),
            1..=4 => (0..length).map(|_| self.character()).collect::<String>().into_bytes(),
            5..=7 => (0..length)
                .map(|_| char::from(32 + u8::try_from(self.below(95)).unwrap()))
                .collect::<String>()
                .into_bytes(),
            // Few kinds of pieces, so that what only meets in pairs meets.
            8..=13 => {
                let few = [0; 3].map(|_| PIECES[self.below(PIECES.len())]);
                (0..length).map(|_| few[self.below(3)]).collect::<String>().into_bytes()
            }
            _ => (0..length).map(|_| PIECES[self.below(PIECES.len())]).collect::<String>().into_bytes(),
        }
    }

    /// Any but NUL, the first thousands as often as all others.
    fn character(&mut self) -> char {
        let end = [128, 0x250, 0x3100, 0x0011_0000][self.below(4)];
        let code = u32::try_from(1 + self.below(end - 1)).unwrap();
        char::from_u32(code).unwrap_or('\u{fffd}')
    }
}
