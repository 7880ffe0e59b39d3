//! The words and signs of a text, read without the grammar.
//!
//! The grammar has no token list of its own. This one serves what the grammar cannot do: tight spans, limits on
//! nesting, the bounds of items in a broken text, and error messages that name what was found. It never fails; what
//! it cannot read is [`Kind::Stray`].

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name or a word of the language.
    Word,
    /// Digits with all letters and digits that touch them.
    Number,
    /// `"text"`.
    Str,
    /// A string whose line ends before its closing quote.
    OpenStr,
    /// An operator or other sign.
    Sign,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// `///` or `//!` and the rest of the line.
    Doc,
    /// One or more ends of lines.
    Newline,
    /// A character that has no place in a program.
    Stray,
}

/// A token: what and where. `//` comments and spaces are not tokens.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Token {
    /// The token as written.
    pub fn text(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or("")
    }
}

/// Signs of more than one character, longest first. Some belong to other languages and only to error messages.
const LONG_SIGNS: &[&str] = &[
    "..=", "..", "<-", "->", "=>", "==", "!=", "<=", ">=", "**", "&&", "||", ":=", "+=", "-=", "*=", "/=", "++", "::",
];

const SHORT_SIGNS: &str = "+-*/^<>=,:.@|;!&%?~";

/// Splits a text into tokens, in order.
pub fn scan(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::with_capacity(text.len() / 4);
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let (kind, length) = next(rest);
        let token = kind.map(|kind| Token { kind, start: at, end: at + length });
        at += length;
        let Some(token) = token else { continue };
        match tokens.last_mut() {
            Some(last) if last.kind == Kind::Newline && token.kind == Kind::Newline => last.end = token.end,
            _ => tokens.push(token),
        }
    }
    tokens
}

/// The kind and length of what stands first; `None` for spaces and comments. The length is never 0.
fn next(rest: &str) -> (Option<Kind>, usize) {
    let bytes = rest.as_bytes();
    match bytes[0] {
        b' ' | b'\t' | b'\r' => (None, 1),
        b'\n' => (Some(Kind::Newline), 1),
        b'/' if rest.starts_with("///") || rest.starts_with("//!") => (Some(Kind::Doc), line_length(rest)),
        b'/' if rest.starts_with("//") => (None, line_length(rest)),
        b'"' => string(rest),
        b'(' | b'[' | b'{' => (Some(Kind::Open), 1),
        b')' | b']' | b'}' => (Some(Kind::Close), 1),
        b'0'..=b'9' => (Some(Kind::Number), number_length(bytes)),
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => (Some(Kind::Word), marks(bytes)),
        _ => sign(rest),
    }
}

fn line_length(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

fn string(rest: &str) -> (Option<Kind>, usize) {
    let inside = rest[1..].find(['"', '\n']).map_or(rest.len(), |inside| inside + 1);
    match rest.as_bytes().get(inside) {
        Some(b'"') => (Some(Kind::Str), inside + 1),
        _ => (Some(Kind::OpenStr), rest[..inside].trim_end().len()),
    }
}

fn marks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn number_length(bytes: &[u8]) -> usize {
    let mut length = digits(bytes);
    if bytes.get(length) == Some(&b'.') {
        let fraction = digits(&bytes[length + 1..]);
        length += if fraction > 0 { fraction + 1 } else { 0 };
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(bytes.get(length + 1 + sign..).unwrap_or(&[]));
        length += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    length + marks(&bytes[length..])
}

fn sign(rest: &str) -> (Option<Kind>, usize) {
    if let Some(sign) = LONG_SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        return (Some(Kind::Sign), sign.len());
    }
    let first = rest.chars().next().unwrap_or(' ');
    let kind = if SHORT_SIGNS.contains(first) { Kind::Sign } else { Kind::Stray };
    (Some(kind), first.len_utf8())
}
