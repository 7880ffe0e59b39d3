//! Words of a program's text, and a cursor over them.

use std::fmt;
use std::str::Chars;

use cranelift_entity::EntityRef;

use super::TextError;

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Letters, digits and `_ . + -`.
    Word(String),
    /// What stood between quotes.
    Quoted(String),
    /// One of `( ) [ ] { } , : =`.
    Sign(char),
    /// The end of a line that says something.
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(word) => write!(f, "`{word}`"),
            Token::Quoted(text) => write!(f, "`{text:?}`"),
            Token::Sign(sign) => write!(f, "`{sign}`"),
            Token::End => f.write_str("the end of the line"),
        }
    }
}

/// Whether a name can stand without quotes.
pub(super) fn is_word(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_word_char)
}

fn is_word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.+-".contains(c)
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, TextError> {
    let mut tokens = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let (number, line) = (index + 1, line.trim());
        if line.is_empty() || line.starts_with("//") {
            continue;
        }
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let (token, after) = token(first, rest).map_err(|message| TextError { line: number, message })?;
            tokens.extend(token.map(|token| (number, token)));
            rest = after;
        }
        tokens.push((number, Token::End));
    }
    Ok(tokens)
}

/// The token that starts with `first`, if it is none of the blanks, and what stands behind it.
fn token(first: char, rest: &str) -> Result<(Option<Token>, &str), String> {
    let after = &rest[first.len_utf8()..];
    if first.is_whitespace() {
        return Ok((None, after));
    }
    if "()[]{},:=".contains(first) {
        return Ok((Some(Token::Sign(first)), after));
    }
    if first == '"' {
        let (text, after) = quoted(after)?;
        return Ok((Some(Token::Quoted(text)), after));
    }
    let end = rest.find(|c| !is_word_char(c)).unwrap_or(rest.len());
    if end == 0 {
        return Err(format!("expected a word, found `{first}`"));
    }
    Ok((Some(Token::Word(rest[..end].to_owned())), &rest[end..]))
}

/// Reads up to the closing quote; escapes are those of Rust.
fn quoted(rest: &str) -> Result<(String, &str), String> {
    let mut text = String::new();
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Ok((text, chars.as_str())),
            '\\' => text.push(escaped(&mut chars).ok_or("expected an escape such as `\\n` or `\\u{e9}`")?),
            c => text.push(c),
        }
    }
    Err("expected a closing quote, found the end of the line".to_owned())
}

fn escaped(chars: &mut Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        '0' => '\0',
        'u' => {
            let (code, after) = chars.as_str().strip_prefix('{')?.split_once('}')?;
            let c = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
            *chars = after.chars();
            c
        }
        c @ ('\\' | '"' | '\'') => c,
        _ => return None,
    })
}

/// A place in the text.
pub(super) struct Cursor {
    tokens: Vec<(usize, Token)>,
    at: usize,
}

impl Cursor {
    pub(super) fn new(text: &str) -> Result<Cursor, TextError> {
        Ok(Cursor { tokens: tokens(text)?, at: 0 })
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn peek_second(&self) -> Option<&Token> {
        self.tokens.get(self.at + 1).map(|(_, token)| token)
    }

    /// The line that is read, from 1.
    pub(super) fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |(line, _)| *line)
    }

    pub(super) fn error<T>(&self, message: impl Into<String>) -> Result<T, TextError> {
        Err(TextError { line: self.line(), message: message.into() })
    }

    /// That something else stands here than expected.
    pub(super) fn unexpected<T>(&self, what: &str) -> Result<T, TextError> {
        match self.peek() {
            Some(found) => self.error(format!("expected {what}, found {found}")),
            None => self.error(format!("expected {what}, found the end of the text")),
        }
    }

    /// Whether this sign comes next; if so it is passed.
    pub(super) fn sign(&mut self, sign: char) -> bool {
        let found = self.peek() == Some(&Token::Sign(sign));
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect_sign(&mut self, sign: char) -> Result<(), TextError> {
        if self.sign(sign) { Ok(()) } else { self.unexpected(&format!("`{sign}`")) }
    }

    /// Whether this word comes next; if so it is passed.
    pub(super) fn keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if word == keyword);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect_keyword(&mut self, keyword: &str) -> Result<(), TextError> {
        if self.keyword(keyword) { Ok(()) } else { self.unexpected(&format!("`{keyword}`")) }
    }

    pub(super) fn end_line(&mut self) -> Result<(), TextError> {
        match self.peek() {
            Some(Token::End) => {
                self.at += 1;
                Ok(())
            }
            _ => self.unexpected("the end of the line"),
        }
    }

    /// Whether a value with what is known of it comes next: `v3: ..`.
    pub(super) fn at_definition(&self) -> bool {
        matches!(self.peek(), Some(Token::Word(_))) && self.peek_second() == Some(&Token::Sign(':'))
    }

    /// The next word, as `read` understands it.
    pub(super) fn word<T>(&mut self, what: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, TextError> {
        let found = match self.peek() {
            Some(Token::Word(word)) => read(word),
            _ => None,
        };
        match found {
            Some(found) => {
                self.at += 1;
                Ok(found)
            }
            None => self.unexpected(what),
        }
    }

    /// A name, in quotes or without.
    pub(super) fn name(&mut self) -> Result<String, TextError> {
        match self.peek() {
            Some(Token::Word(name) | Token::Quoted(name)) => {
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            _ => self.unexpected("a name"),
        }
    }

    /// Text in quotes.
    pub(super) fn quoted(&mut self) -> Result<String, TextError> {
        match self.peek() {
            Some(Token::Quoted(_)) => self.name(),
            _ => self.unexpected("text in quotes"),
        }
    }

    /// An id such as `v3`.
    pub(super) fn id<I: EntityRef>(&mut self, prefix: &str) -> Result<I, TextError> {
        self.word(&format!("an id like `{prefix}0`"), |word| {
            let index: u32 = word.strip_prefix(prefix)?.parse().ok()?;
            // The last number is no id: maps of ids keep it for themselves.
            (index < u32::MAX).then(|| I::new(index as usize))
        })
    }

    /// What `read` reads again and again, up to the closing sign; `between` stands between two.
    pub(super) fn until<T>(
        &mut self,
        close: char,
        between: Option<char>,
        mut read: impl FnMut(&mut Cursor) -> Result<T, TextError>,
    ) -> Result<Vec<T>, TextError> {
        let mut found = Vec::new();
        while !self.sign(close) {
            if let (Some(between), false) = (between, found.is_empty()) {
                self.expect_sign(between)?;
            }
            found.push(read(self)?);
        }
        Ok(found)
    }
}
